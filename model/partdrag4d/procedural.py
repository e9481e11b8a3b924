"""Procedural articulated objects: scenes, cameras, states and drags, made on the fly and deterministic by seed.

They stand in for PartDrag-4D (PartRM, section 4): one moving part a sample, six states linearly between its limits,
drags from visible points of the part in one state to the same points in another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.partdrag4d.appliances import dishwasher, fridge, laptop, microwave, oven, washing_machine
from model.partdrag4d.assembly import Assembly, X, Y, Z
from model.partdrag4d.furniture import cabinet, counter, lidded_box, room_door, table, trash_can
from model.partdrag4d.scene import BOX, Buffers, Primitives, Scene
from model.partdrag4d.tracer import FRONT_MARGIN
from model.stages import frame

Split = Literal["train", "held-out"]
STATES = 6  # as PartDrag-4D

CATEGORIES: dict[str, tuple[Callable[[Assembly], None], float]] = {
    "cabinet": (cabinet, 32),
    "fridge": (fridge, 8),
    "microwave": (microwave, 7),
    "oven": (oven, 8),
    "dishwasher": (dishwasher, 6),
    "washing machine": (washing_machine, 7),
    "laptop": (laptop, 8),
    "trash can": (trash_can, 7),
    "box": (lidded_box, 6),
    "table": (table, 11),
}

LEARNT: dict[str, tuple[Callable[[Assembly], None], float]] = CATEGORIES | {
    "counter": (counter, 6),
    "room door": (room_door, 6),
}  # training's; the held-out objects stay those of the ten categories, so that figures can be compared

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)] * 2, np.float64)
_ANGLES = np.arange(8) * np.pi / 4
_RINGS = np.array([[np.cos(t), y, np.sin(t)] for y in (-1, 1) for t in _ANGLES], np.float64)


def distance(fov_y_deg: float) -> float:
    """Return how far camera 0 stands from the origin, so that its frame spans ±0.6 world units there."""
    return frame.distance(math.tan(math.radians(fov_y_deg) / 2))


def _outline(kind: np.ndarray, centre: np.ndarray, axes: np.ndarray, half: np.ndarray, param: np.ndarray) -> np.ndarray:
    """Return 16 points on each primitive's hull, (P, 16, 3)."""
    local = np.where((kind == BOX)[:, None, None], _CORNERS, _RINGS) * half[:, None, :]
    radius = 1 + np.where(kind == BOX, 0.0, param[:, 1])[:, None] * local[:, :, 1] / half[:, :1]
    local[:, :, 0] *= radius
    local[:, :, 2] *= radius
    return local @ axes.transpose(0, 2, 1) + centre[:, None, :]


def place(points: np.ndarray, camera: Camera, yaw: float, fill: float) -> tuple[np.ndarray, float]:
    """Find T_world_object and its scale: turned by yaw, centred in the frame of camera, its longer side filling fill.

    points: (K, 3) of the start state in object units. The origin ends at the middle of their depths.
    """
    c, s = math.cos(yaw), math.sin(yaw)
    R_yaw = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    R = camera.T_world_camera[:3, :3].T @ R_yaw  # object to camera axes
    p = points @ R.T
    d = float(np.linalg.norm(camera.position))
    slope = frame.HALF_FRAME / d  # of the frame's border
    zmid = (p[:, 2].min() + p[:, 2].max()) / 2
    p = p - np.array([0, 0, zmid])
    scale, tx, ty = 0.5, 0.0, 0.0
    steep, before = 1.2, (0.0, 0.0)  # growth of the extent with the scale, both in logarithms: above 1 in perspective
    for step in range(9):
        depth = (d - scale * p[:, 2]) * slope
        u, v = (scale * p[:, 0] + tx) / depth, (scale * p[:, 1] + ty) / depth
        u0, u1, v0, v1 = u.argmin(), u.argmax(), v.argmin(), v.argmax()
        extent = math.log(max(u[u1] - u[u0], v[v1] - v[v0]))
        now = math.log(scale)
        if step > 0 and abs(now - before[0]) > 1e-6:
            steep = min(8.0, max(1.0, (extent - before[1]) / (now - before[0])))
        before = now, extent
        grow = math.exp(min(0.7, (math.log(2 * fill) - extent) / steep))
        grow = min(grow, 0.9 * d / max(1e-9, scale * float(p[:, 2].max())))  # nothing behind the camera
        tx = (tx - (u[u0] + u[u1]) / (1 / depth[u0] + 1 / depth[u1])) * grow
        ty = (ty - (v[v0] + v[v1]) / (1 / depth[v0] + 1 / depth[v1])) * grow
        scale *= grow
    T = np.eye(4)
    T[:3, :3] = scale * R_yaw
    T[:3, 3] = camera.T_world_camera[:3, :3] @ np.array([tx, ty, -scale * zmid])
    return T, float(scale)


def _lights(rng: Random) -> np.ndarray:
    """Draw mostly even light (PartDrag-4D: a white world and one lamp): (16,), laid out as in tracer.py."""

    def lamp(strength: float) -> tuple[float, float, float, float]:
        a, e = rng.uniform(-math.pi, math.pi), math.radians(rng.uniform(15, 75))
        return math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a), strength

    ambient = rng.uniform(0.6, 0.9)
    second = rng.uniform(0.05, 0.2) if rng.random() < 0.5 else 0.0
    warm = rng.uniform(-0.04, 0.04)
    return np.array([
        ambient, rng.uniform(0.03, 0.25), *lamp((1.0 - ambient) * rng.uniform(0.8, 1.8)), *lamp(second),
        1 + warm, 1.0, 1 - warm, rng.uniform(0.85, 1.12), rng.uniform(0.25, 0.65), rng.uniform(0.45, 0.9),
    ])  # fmt: skip


def camera_before(rng: Random) -> Camera:
    """Draw camera 0: how far from above it looks, and its lens."""
    elevation = rng.uniform(2, 45) if rng.random() < 0.95 else rng.uniform(45, 60)
    fov = rng.uniform(25, 45) if rng.random() < 0.6 else rng.uniform(15, 60)
    return Camera.orbit(0.0, elevation, distance(fov), fov, 128, 128)


def make_scene(seed: int, split: Split = "train") -> Scene:
    """Make the scene of a seed; the two splits share no random stream."""
    rng = Random(f"partdrag4d/{split}/{seed}")
    known = LEARNT if split == "train" else CATEGORIES
    category = rng.choices(list(known), [weight for _, weight in known.values()])[0]
    camera0 = camera_before(rng)
    yaw = math.radians(rng.uniform(-60, 60))
    fill = rng.uniform(0.84, 0.92)
    lights = _lights(rng)
    a = Assembly(rng)
    known[category][0](a)
    while not a.parts:  # a cabinet of open shelves only
        a = Assembly(rng)
        known[category][0](a)

    moving = rng.randrange(len(a.parts)) + 1
    closed = category != "laptop" and rng.random() < 0.45
    source = 0 if closed else rng.randrange(STATES)
    target = rng.choice([k for k in range(STATES) if k != source])
    messy = rng.random() < 0.25  # other parts stand partly open
    rest = np.array(
        [p.low + (p.high - p.low) * rng.random() * 0.8 if messy and rng.random() < 0.4 else p.low for p in a.parts]
    )
    limits = np.array([(p.low, p.high) for p in a.parts])
    amounts = np.linspace(a.parts[moving - 1].low, a.parts[moving - 1].high, STATES)

    ints, floats = np.array(a.ints, np.int32), np.array(a.floats, np.float64)
    kind, link, turn = ints[:, 0], ints[:, 1], ints[:, 4]
    centre, half, param = floats[:, :3], floats[:, 3:6], floats[:, 6:8]
    axes = np.array(a.turns)[turn]

    at = rest.copy()
    at[moving - 1] = amounts[source]
    poses = np.stack([np.eye(4)] + [
        Joint(p.kind, np.array(p.axis, np.float64), np.array(p.pivot, np.float64)).transform(x)
        for p, x in zip(a.parts, at, strict=True)
    ])  # fmt: skip
    points = _outline(kind, centre, axes, half, param)
    points = points @ poses[link, :3, :3].transpose(0, 2, 1) + poses[link, None, :3, 3]
    T, scale = place(points.reshape(-1, 3), camera0, yaw, fill)
    R = T[:3, :3] / scale

    joints = tuple(Joint(p.kind, R @ np.array(p.axis), T[:3, :3] @ np.array(p.pivot) + T[:3, 3]) for p in a.parts)
    slides = np.array([scale if p.kind == "prismatic" else 1.0 for p in a.parts])
    world_param = param.copy()
    world_param[:, 0] *= scale  # radii are lengths, tapers are not
    seeds = (np.arange(len(ints)) * 7919 + rng.randrange(1 << 20)).astype(np.int32)
    primitives = Primitives(
        kind.copy(), link.copy(), ints[:, 2].copy(), ints[:, 3].copy(), seeds,
        centre @ T[:3, :3].T + T[:3, 3], R @ axes, half * scale, world_param,
    )  # fmt: skip
    grow = FRONT_MARGIN
    cavity = np.array([*a.cavity[0], *a.cavity[1], a.opening, a.gap_depth, *a.round_wall])
    for k in {X, Y, Z} - {a.opening}:  # outer edges of fronts lie in the open
        cavity[[k, 3 + k]] += 0.005, -0.005
    fronts = np.array([(p.front[0] - grow, p.front[1] + grow, p.front[2] - grow, p.front[3] + grow) for p in a.parts])
    return Scene(
        category=category,
        primitives=primitives,
        materials=np.array(a.rows, np.float64),
        joints=joints,
        limits=limits * slides[:, None],
        rest=rest * slides,
        moving=moving,
        amounts=amounts * slides[moving - 1],
        source=source,
        target=target,
        cavity=cavity,
        fronts=fronts,
        lights=lights,
        T_world_object=T,
        scale=scale,
        camera0=camera0,
    )


def novel_cameras(camera0: Camera, size: int, n: int = 8, rng: np.random.Generator | None = None) -> tuple[Camera, ...]:
    """Return n cameras all round, elevation 5..50 degrees, 1.25 times as far as camera 0 so that open parts fit."""
    rng = rng or np.random.default_rng(0)
    fov = camera0.fov_y_deg
    turn = rng.uniform(-0.5, 0.5, n) * 360 / n
    rise = rng.uniform(5, 50, n)
    return tuple(Camera.orbit(k * 360 / n + turn[k], rise[k], 1.25 * distance(fov), fov, size, size) for k in range(n))


@dataclass(frozen=True, eq=False)
class Points:
    """Drags: points of the moving part that camera 0 sees in one state, and where they are in another."""

    start_world: np.ndarray  # (N, 3) float64
    end_world: np.ndarray  # (N, 3) float64
    start_px: np.ndarray  # (N, 2) float64, pixels of the camera given
    end_px: np.ndarray  # (N, 2) float64


def part_points(
    scene: Scene, amount_i: float, amount_j: float, camera0: Camera, n: int, rng: np.random.Generator, buffers: Buffers
) -> Points | None:
    """Draw n drags of the moving part from state i to j, as PartDrag-4D defines them.

    buffers: those of state i, view 0 traced from camera0 (resized where sizes differ). Returns None where the part
    covers less than 0.15 % of the view or its middle moves less than 2 % of the frame on screen.
    """
    depth, link = buffers.depth[0], buffers.link[0]
    size = len(depth)
    camera = camera0.resized(size, size)
    ys, xs = np.nonzero(link == scene.moving)
    if len(xs) < max(2, 0.0015 * size * size):
        return None
    T = scene.joints[scene.moving - 1].transform(amount_j - amount_i)
    chosen = rng.integers(len(xs), size=n)
    x, y = xs[chosen], ys[chosen]
    start_px = np.stack([x + 0.5, y + 0.5], axis=-1)
    start = camera.unproject(start_px, depth[y, x])
    end = start @ T[:3, :3].T + T[:3, 3]
    end_px, _ = camera.project(end)
    if np.median(np.linalg.norm(end_px - start_px, axis=-1)) < 0.02 * size:
        return None
    to_camera0 = camera0.width / size
    return Points(start, end, start_px * to_camera0, end_px * to_camera0)
