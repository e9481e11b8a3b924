"""A data set that is made in a second: a ball that rolls along x from state to state, seen by the twelve cameras."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from model.formats.ply import write_points
from model.partdrag4d.circle import FOV_Y_DEG, VIEWS
from model.partdrag4d.dataset import OFFSET, SCALE, SIZE, DataSet, StateId, open_dataset

RADIUS = 0.25  # world units
TARGET = np.array([-0.00168855, -0.00711931, -0.38998815])  # Blender's axes, as all of this
DEPTH_SCALE = 1e-4
STEP = 0.12  # world units from state to state


def centre(state: int) -> np.ndarray:
    """Return where the ball is, (3,) in Blender's axes."""
    return TARGET + np.array([STEP * state, 0.05, 0.05])


def write_state(root: Path, name: str, views: int = VIEWS, depth: bool = True) -> None:
    """Write one state's views, cameras, depth and points."""
    id = StateId.parse(name)
    folder, motion = root / "renders" / name, root / "objects" / "Ball" / id.mesh / "motion"
    for made in (folder, motion):
        made.mkdir(parents=True, exist_ok=True)
    for k, azimuth in enumerate(np.linspace(0, 2 * np.pi, VIEWS)[:views]):
        origin = np.array([1.8735 * np.cos(azimuth), 1.8735 * np.sin(azimuth), 1.5])
        z = (origin - TARGET) / np.linalg.norm(origin - TARGET)
        x = np.cross([0.0, 0, 1], z)
        x /= np.linalg.norm(x)
        axes = np.stack([x, np.cross(z, x), z])  # rows
        picture, far = _ball(origin, axes, centre(id.state))
        Image.fromarray(picture).save(folder / f"{k:03d}.png", compress_level=1)
        told = {"origin": origin.tolist(), "x": axes[0].tolist(), "y": axes[1].tolist(), "z": axes[2].tolist()}
        if depth:
            Image.fromarray(np.round(far / DEPTH_SCALE).astype(np.uint16)).save(folder / f"{k:03d}_depth.png")
            told["depth_scale"] = DEPTH_SCALE
        (folder / f"{k:03d}_camera.json").write_text(json.dumps(told))
    around = np.random.default_rng(0).standard_normal((50, 3))
    points = centre(id.state) + RADIUS * around / np.linalg.norm(around, axis=1, keepdims=True)
    write_points(motion / f"{id.rest}.ply", (points - OFFSET) / SCALE)


def _ball(origin: np.ndarray, axes: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw the ball, coloured by its normal: (SIZE, SIZE, 4) uint8 and depth (SIZE, SIZE) along the view axis."""
    f = 0.5 * SIZE / np.tan(np.deg2rad(FOV_Y_DEG) / 2)
    u, v = np.meshgrid((np.arange(SIZE) + 0.5 - SIZE / 2) / f, (np.arange(SIZE) + 0.5 - SIZE / 2) / f)
    lines = np.stack([u, -v, -np.ones_like(u)], axis=-1) @ axes  # of depth 1
    away = origin - middle
    a, b, c = (lines**2).sum(-1), lines @ away, away @ away - RADIUS**2
    inside = b * b - a * c
    hit = inside > 0
    far = np.where(hit, (-b - np.sqrt(np.maximum(inside, 0))) / a, 0)
    normal = (away + far[..., None] * lines) / RADIUS
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    picture[hit, :3] = (127.5 + 100 * normal[hit]).clip(0, 255)
    picture[hit, 3] = 255
    return picture, far


def make(root: Path, states: int = 3, **given: int | bool) -> DataSet:
    """Make one ball with that many states, all for training."""
    names = [f"ball_0_{k}" for k in range(states)]
    for name in names:
        write_state(root, name, **given)  # type: ignore[arg-type]
    (root / "lists").mkdir()
    (root / "lists" / "train.txt").write_text("".join(f"{name}\n" for name in names))
    return open_dataset(root)
