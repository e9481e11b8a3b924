"""A small data set on disk, of procedural objects seen from PartDrag-4D's cameras, made in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from model.camera import Camera
from model.formats.ply import write_points
from model.partdrag4d.circle import FOV_Y_DEG
from model.partdrag4d.dataset import OFFSET, SCALE, SIZE, Y_UP, StateId
from model.partdrag4d.procedural import make_scene
from model.partdrag4d.scene import Buffers, Scene
from model.partdrag4d.tracer import trace

POINTS = 2000
DEPTH_SCALE = 1e-4


def ring(count: int, size: int = SIZE) -> list[Camera]:
    """Return PartDrag-4D's cameras: on a circle, looking at a point below the object's middle."""
    target = (-0.00168855, -0.2, 0.00711931)
    distance, elevation = float(np.hypot(1.8735, 1.7)), float(np.rad2deg(np.arctan2(1.7, 1.8735)))
    azimuths = 15 + np.linspace(0, 360, 12)[:count]
    return [Camera.orbit(float(a), elevation, distance, FOV_Y_DEG, size, size, target) for a in azimuths]


def write_object(root: Path, seed: int, states: tuple[int, ...] = (0, 3, 5), views: int = 8) -> list[StateId]:
    """Write some states of one procedural object; returns their ids."""
    scene = make_scene(seed, "held-out")
    mesh, cameras = f"p{seed}", ring(views)
    seen = [trace(scene, float(scene.amounts[k]), cameras, SIZE) for k in states]
    rng = np.random.default_rng(seed)
    first = seen[0]
    where = np.argwhere(first.depth > 0)
    view, row, col = where[rng.choice(len(where), POINTS)].T
    places = np.empty((POINTS, 3))
    for k, camera in enumerate(cameras):
        own = view == k
        places[own] = camera.unproject(np.stack([col[own], row[own]], 1) + 0.5, first.depth[k, row[own], col[own]])
    moves = first.link[view, row, col] == scene.moving
    ids = []
    for k, state in enumerate(states):
        T = scene.joints[scene.moving - 1].transform(float(scene.amounts[state] - scene.amounts[states[0]]))
        points = np.where(moves[:, None], places @ T[:3, :3].T + T[:3, 3], places)
        r, c, depth, inside = cameras[0].cells(points)
        visible = np.flatnonzero(inside & (np.abs(seen[k].depth[0, r, c] - depth) < 0.01))
        ids.append(StateId(mesh, scene.moving - 1, state))
        _write_state(root, ids[-1], scene, seen[k], cameras, points, visible)
    lists = root / "lists"
    lists.mkdir(exist_ok=True)
    with (lists / "val.txt").open("a") as file:
        file.writelines(f"{id}\n" for id in ids)
    return ids


def _write_state(
    root: Path, id: StateId, scene: Scene, seen: Buffers, cameras: list[Camera], points: np.ndarray, visible: np.ndarray
) -> None:
    folder = root / "renders" / str(id)
    motion = root / "objects" / scene.category.title() / id.mesh / "motion"
    folder.mkdir(parents=True)
    motion.mkdir(parents=True, exist_ok=True)
    for k, camera in enumerate(cameras):
        alpha = seen.alpha[k, ..., None]
        rgba = np.concatenate([seen.rgb[k] / np.maximum(alpha, 1e-3), alpha], axis=2)
        Image.fromarray((rgba * 255).round().clip(0, 255).astype(np.uint8)).save(
            folder / f"{k:03d}.png", compress_level=1
        )
        Image.fromarray((seen.depth[k] / DEPTH_SCALE).round().astype(np.uint16)).save(folder / f"{k:03d}_depth.png")
        axes = dict(zip(("x", "y", "z", "origin"), (Y_UP.T @ camera.T_world_camera[:3]).T.tolist(), strict=True))
        told = {**axes, "fov_y_deg": FOV_Y_DEG, "depth_scale": DEPTH_SCALE}
        (folder / f"{k:03d}_camera.json").write_text(json.dumps(told))
    mask = seen.link[0] == scene.moving
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "000_part.png")
    write_points(motion / f"{id.rest}.ply", (points @ Y_UP - OFFSET) / SCALE)
    np.save(motion / f"{id.rest}_visible.npy", visible)
