"""Procedural scenes as mesh objects: boxes and round things become triangles, their materials become pictures.

The pictures hold bare colours (textures.albedo); light, gloss and the dark inside of bodies are the renderer's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from model.articulation.joint import Joint
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece
from model.partdrag4d.procedural import make_scene
from model.partdrag4d.scene import BOX, Scene
from model.partdrag4d.textures import GLASS, PLAIN, albedo

DENSITY = 320.0  # texels an object unit: the object is about 1 large and fills most of a 512² picture
MAX_TEXELS = 4_000_000  # of one link's picture; larger ones are made coarser
SEGMENTS = 40  # of a full circle
MIRRORED = 0.3  # of a pane's gloss, that is seen as colour from anywhere
CATEGORY = {
    "cabinet": "StorageFurniture", "fridge": "Refrigerator", "microwave": "Microwave", "oven": "Oven",
    "dishwasher": "Dishwasher", "washing machine": "WashingMachine", "laptop": "Laptop", "trash can": "TrashCan",
}  # fmt: skip  # boxes with lids and tables are none of PartDrag-4D's


@dataclass
class Patches:
    """Triangles of one link, and the rectangles of material that they show."""

    vertices: list[np.ndarray] = field(default_factory=list)  # (3 k, 3) each, object units, three a triangle
    normals: list[np.ndarray] = field(default_factory=list)  # (3 k, 3)
    coords: list[np.ndarray] = field(default_factory=list)  # (3 k, 2), u along the grain and v across, object units
    owner: list[np.ndarray] = field(default_factory=list)  # (k,) rectangle of each triangle
    rectangles: dict[tuple[int, int, bool, float, float, float, float], int] = field(default_factory=dict)

    def add(
        self, T: np.ndarray, points: np.ndarray, normals: np.ndarray, coords: np.ndarray, look: tuple[int, int, bool]
    ) -> None:
        """Add triangles (3 k, 3) of a primitive in its own axes; T: (4, 4) to the object.

        look: material, seed, end grain.
        """
        low, high = coords.min(0), coords.max(0)
        key = (*look, *np.round([*low, *high], 6).tolist())
        number = self.rectangles.setdefault(key, len(self.rectangles))
        self.vertices.append(points @ T[:3, :3].T + T[:3, 3])
        self.normals.append(normals @ T[:3, :3].T)
        self.coords.append(coords)
        self.owner.append(np.full(len(points) // 3, number))


def procedural_object(seed: int) -> ArticulatedObject:
    """Make the object of a seed: in object units, y up, its front towards +z, standing on y = 0 at its middle."""
    return tessellated(make_scene(seed), f"procedural_{seed}")


def tessellated(scene: Scene, name: str) -> ArticulatedObject:
    """Turn a scene into a mesh object in its own units, without the pose and the amounts of the scene's sample."""
    prims = scene.primitives
    R = scene.T_world_object[:3, :3] / scene.scale
    to_object = np.linalg.inv(scene.T_world_object)
    parts = [Patches() for _ in range(len(scene.joints) + 1)]
    for p in range(len(prims.kind)):
        T = np.eye(4)
        T[:3, :3] = R.T @ prims.axes[p]
        T[:3, 3] = to_object[:3, :3] @ prims.centre[p] + to_object[:3, 3]
        half, radius, taper = prims.half[p] / scene.scale, prims.param[p, 0] / scene.scale, prims.param[p, 1]
        look = int(prims.material[p]), int(prims.seed[p])
        grain, part = int(prims.grain[p]), parts[prims.link[p]]
        if prims.kind[p] == BOX:
            _box(part, T, half, radius, grain, look)
        else:
            _round(part, T, half, radius, taper, grain, look)
    pieces = tuple(_piece(k, part, scene.materials) for k, part in enumerate(parts) if part.vertices)
    movables: list[Movable] = []
    for joint, limits in zip(scene.joints, scene.limits, strict=True):
        pivot = to_object[:3, :3] @ joint.pivot + to_object[:3, 3]
        unit = scene.scale if joint.kind == "prismatic" else 1.0
        called = f"{'slide' if joint.kind == 'prismatic' else 'turn'}_{len(movables)}"
        own = Joint(joint.kind, R.T @ joint.axis, pivot)
        movables.append(Movable(called, own, (float(limits[0]) / unit, float(limits[1]) / unit), 0))
    return ArticulatedObject(name, pieces, tuple(movables), CATEGORY.get(scene.category, ""))


def _box(part: Patches, T: np.ndarray, half: np.ndarray, hole: float, grain: int, look: tuple[int, int]) -> None:
    """Add a box of ±half; hole > 0 is the radius of a round hole along its z."""
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3  # i x j = axis
        for sign in (-1.0, 1.0):
            corners = np.zeros((4, 3))
            corners[:, axis] = sign * half[axis]
            corners[:, i] = np.array([-1, 1, 1, -1]) * half[i]
            corners[:, j] = np.array([-1, -1, 1, 1]) * half[j]
            points = _ring(sign * half[2], hole, half) if axis == 2 and hole > 0 else corners[[0, 1, 2, 0, 2, 3]]
            _flat(part, T, points, axis, sign, grain, look)
    if hole > 0:
        _tube(part, T, (0, 1, 2), half[2], hole, hole, -1.0, look)


def _round(
    part: Patches, T: np.ndarray, half: np.ndarray, inner: float, taper: float, grain: int, look: tuple[int, int]
) -> None:
    """Add a cylinder, cone or tube along y."""
    low, high = half[0] - taper * half[1], half[0] + taper * half[1]
    _tube(part, T, (0, 2, 1), half[1], low, high, 1.0, look)
    if inner > 0:
        _tube(part, T, (0, 2, 1), half[1], inner - taper * half[1], inner + taper * half[1], -1.0, look)
    angles = np.linspace(0, 2 * np.pi, SEGMENTS + 1)
    circle = np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], 1)
    for sign, outer in ((-1.0, low), (1.0, high)):
        if outer <= 1e-6:
            continue
        hole = inner + sign * taper * half[1] if inner > 0 else 0.0
        a, b = circle[:-1], circle[1:]
        triangles = [hole * a, outer * a, outer * b]
        points = np.stack(triangles, 1)
        if hole > 0:
            points = np.concatenate([points, np.stack([hole * a, outer * b, hole * b], 1)])
        points = points.reshape(-1, 3) + np.array([0, sign * half[1], 0])
        _flat(part, T, points, 1, sign, grain, look)


def _flat(
    part: Patches, T: np.ndarray, points: np.ndarray, axis: int, sign: float, grain: int, look: tuple[int, int]
) -> None:
    """Add triangles (3 k, 3) across an axis, wound either way; they are made to face along sign times it."""
    t = points.reshape(-1, 3, 3)
    if np.cross(t[0, 1] - t[0, 0], t[0, 2] - t[0, 0])[axis] * sign < 0:
        t = t[:, ::-1]
    points = t.reshape(-1, 3)
    end = grain == axis
    along = (axis + 1) % 3 if end else grain  # as in tracer.py
    coords = points[:, [along, 3 - axis - along]]
    part.add(T, points, np.broadcast_to(sign * np.eye(3)[axis], points.shape), coords, (*look, end))


def _ring(z: float, hole: float, half: np.ndarray) -> np.ndarray:
    """Return triangles (3 k, 3) of a box's face with a round hole, wound counter-clockwise about +z."""
    at_corners = np.arctan2(*(half[[1, 0], None] * np.array([[-1, -1, 1, 1], [-1, 1, -1, 1]])))
    angles = np.sort(np.concatenate([np.linspace(-np.pi, np.pi, SEGMENTS + 1)[:-1], at_corners]))
    angles = np.append(angles, angles[0] + 2 * np.pi)
    way = np.stack([np.cos(angles), np.sin(angles)], 1)
    reach = np.min(half[:2] / np.maximum(np.abs(way), 1e-12), axis=1)[:, None]
    inner = np.column_stack([hole * way, np.full(len(way), z)])
    outer = np.column_stack([np.maximum(reach, hole) * way, np.full(len(way), z)])
    one = np.stack([inner[:-1], outer[:-1], outer[1:]], 1)
    two = np.stack([inner[:-1], outer[1:], inner[1:]], 1)
    return np.concatenate([one, two]).reshape(-1, 3)


def _tube(
    part: Patches, T: np.ndarray, axes: tuple[int, int, int], half: float, low: float, high: float, sign: float,
    look: tuple[int, int],
) -> None:  # fmt: skip
    """Add the wall of a tube along the third of its axes, with radii low and high at its ends; sign -1 faces inward."""
    i, j, k = axes
    angles = np.linspace(-np.pi, np.pi, SEGMENTS + 1)

    def rim(radius: float, at: float) -> tuple[np.ndarray, np.ndarray]:
        points = np.zeros((len(angles), 3))
        points[:, i], points[:, j], points[:, k] = radius * np.sin(angles), radius * np.cos(angles), at
        return points, np.stack([np.full(len(angles), at), angles * (low + high) / 2], 1)

    (a, ca), (b, cb) = rim(low, -half), rim(high, half)
    normals = np.zeros((len(angles), 3))
    normals[:, i], normals[:, j] = sign * np.sin(angles), sign * np.cos(angles)
    order = [(a, 0), (a, 1), (b, 1), (a, 0), (b, 1), (b, 0)]
    coords_of = {id(a): ca, id(b): cb}
    last = len(angles) - 1

    def soup(pick: list[np.ndarray]) -> np.ndarray:
        return np.stack(pick, 1).reshape(-1, pick[0].shape[1])

    points = soup([p[s : s + last] for p, s in order])
    coords = soup([coords_of[id(p)][s : s + last] for p, s in order])
    facing = soup([normals[s : s + last] for _, s in order])
    t = points.reshape(-1, 3, 3)
    cross = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    if np.einsum("fi,fi->", cross, facing.reshape(-1, 3, 3)[:, 0]) < 0:
        points, coords, facing = (
            x.reshape(-1, 3, x.shape[1])[:, ::-1].reshape(-1, x.shape[1]) for x in (points, coords, facing)
        )
    part.add(T, points, facing, coords, (*look, False))


def _piece(link: int, part: Patches, materials: np.ndarray) -> Piece:
    """Paint a link's rectangles into one picture and make its piece."""
    keys = list(part.rectangles)
    rectangles = np.array([key[3:] for key in keys])  # (N, 4) u0, v0, u1, v1
    rows = materials[[key[0] for key in keys]]
    seeds, ends = np.array([key[1] for key in keys]), np.array([key[2] for key in keys])
    extent = np.maximum(rectangles[:, 2:] - rectangles[:, :2], 1e-6)
    plain = (rows[:, 0] == GLASS) | ((rows[:, 0] == PLAIN) & (rows[:, 8] == 0))
    density = DENSITY
    while True:
        texels = np.where(plain[:, None], 1, np.ceil(extent * density)).astype(np.int64)
        if (texels + 2).prod(1).sum() <= MAX_TEXELS:
            break
        density *= 0.9
    places, size = _packed(texels + 2)
    picture = np.zeros((size[1], size[0], 3))
    _paint(picture, places, texels, rectangles[:, :2], extent, rows, seeds, ends)
    owner = np.concatenate(part.owner)
    at = np.repeat(owner, 3)
    inside = (np.concatenate(part.coords) - rectangles[at, :2]) / extent[at]
    uv = (places[at] + 1 + np.clip(inside, 0, 1) * texels[at]) / np.array(size)
    vertices = np.concatenate(part.vertices)
    t = vertices.reshape(-1, 3, 3)
    keep = np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1) > 1e-14
    faces = np.arange(len(vertices)).reshape(-1, 3)[keep]
    return Piece(
        link, vertices, faces, np.concatenate(part.normals).reshape(-1, 3, 3)[keep],
        np.ones((len(faces), 3), np.float32), uv.reshape(-1, 3, 2)[keep].astype(np.float32),
        (np.clip(picture, 0, 1) * 255).round().astype(np.uint8),
    )  # fmt: skip


def _packed(sizes: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Place rectangles (N, 2) on shelves, tallest first; returns their corners (N, 2) and the whole (width, height)."""
    width = max(int(sizes[:, 0].max()), math.isqrt(int(sizes.prod(1).sum())) + 1)
    places = np.zeros_like(sizes)
    x = y = tall = 0
    for k in np.argsort(-sizes[:, 1], kind="stable"):
        w, h = sizes[k]
        if x + w > width:
            x, y, tall = 0, y + tall, 0
        places[k] = x, y
        x, tall = x + int(w), max(tall, int(h))
    return places, (width, y + tall)


@njit(cache=True)
def _paint(
    picture: np.ndarray, places: np.ndarray, texels: np.ndarray, low: np.ndarray, extent: np.ndarray,
    rows: np.ndarray, seeds: np.ndarray, ends: np.ndarray,
) -> None:  # fmt: skip
    """Fill each rectangle and a texel round it with its material's colour."""
    for k in range(len(places)):
        w, h = texels[k]
        du, dv = extent[k, 0] / w, extent[k, 1] / h
        gloss = MIRRORED * rows[k, 8] if rows[k, 0] == GLASS else 0.0
        for y in range(h + 2):
            for x in range(w + 2):
                u, v = low[k, 0] + (x - 0.5) * du, low[k, 1] + (y - 0.5) * dv
                red, green, blue = albedo(rows[k], u, v, ends[k], seeds[k], max(du, dv))
                at = picture[places[k, 1] + y, places[k, 0] + x]
                at[0], at[1], at[2] = red + gloss, green + gloss, blue + gloss
