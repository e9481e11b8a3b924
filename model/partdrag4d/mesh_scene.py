"""MeshScene: textured mesh objects before camera 0, each time coloured, stretched, opened and lit anew.

The embedded networks learn from them beside the procedural scenes: meshes bring outlines, details and textures that
boxes and round things do not have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.partdrag4d import light, textures
from model.partdrag4d.articulated import ArticulatedObject, load
from model.partdrag4d.procedural import STATES, camera_before, place
from model.partdrag4d.raster import look
from model.partdrag4d.scene import OUTSIDE, Buffers
from model.partdrag4d.soup import Posed, Soup, soup, with_textures
from model.partdrag4d.states import carried, parts
from model.partdrag4d.views import PRESETS, subject, turned

FRONT_DEG = -90.0  # subjects look along +x, procedural objects along +z
TILES = 24  # textures that any mesh may be given
TILE = 128  # px
STRETCH = (0.7, 1.45)
ALONG = 0.99  # how straight a hinge must lie along an axis for the object to be stretched along it
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stock:
    """An object of which scenes are made: upright, its front to +z, ready to be drawn."""

    name: str
    made: ArticulatedObject
    soup: Soup  # with the tiles' textures behind its own
    tiles: range  # rows of soup.levels
    box_uv: np.ndarray  # (F, 3, 2) float32, metres of the unit sphere along the two axes that a face lies along
    materials: np.ndarray  # (F,) int64, faces of one number share their look
    choice: tuple[int, ...]  # joints that show when they move
    outline: tuple[np.ndarray, np.ndarray]  # outermost vertices (P, 3) and their links (P,)
    stretchable: tuple[int, ...]  # axes


@dataclass(frozen=True, eq=False)
class MeshScene:
    """One sample's object; as `Scene`, everything is in the world frame of the cameras."""

    category: str
    stock: Stock
    soup: Soup  # as it is coloured here
    T_world_object: np.ndarray  # (4, 4), stretched and scaled
    joints: tuple[Joint, ...]  # of links 1, 2, .., where the others stand as they do
    rest: np.ndarray  # (L,) float64, amounts in the object's own units
    unit: float  # world units per own unit of the moving joint's amounts
    moving: int
    amounts: np.ndarray  # (6,) float64, the states of the moving part
    source: int
    target: int
    labels: np.ndarray  # (L + 1,) uint8, the part that each link counts as
    lights: np.ndarray  # see light.py
    camera0: Camera

    def posed(self, amount: float) -> Posed:
        """Return the object with the moving part at an amount."""
        at = self.rest.copy()
        at[self.moving - 1] = amount / self.unit
        poses = self.T_world_object @ self.stock.made.poses(at)
        own = self.soup
        vertices = (poses[own.carried, :3, :3] @ own.vertices[..., None])[..., 0] + poses[own.carried, :3, 3]
        turned = np.linalg.inv(poses[:, :3, :3]).transpose(0, 2, 1)[own.links]  # normals go by the inverse transpose
        normals = np.einsum("fij,fkj->fki", turned, own.normals)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-12
        return Posed(own, vertices, normals.astype(np.float32))


def look_at(scene: MeshScene, amount: float, cameras: Sequence[Camera], size: int) -> Buffers:
    """Draw the object from all cameras, as `tracer.trace` does with procedural ones."""
    posed = scene.posed(amount)
    seen = [look(posed, camera, size, scene.lights) for camera in cameras]
    rgba = np.stack([s.rgba for s in seen]).astype(np.float32) / 255
    there = rgba[..., 3] > 0.4
    labels = np.append(scene.labels, np.full(256 - len(scene.labels), OUTSIDE, np.uint8))
    return Buffers(
        rgba[..., :3] * rgba[..., 3:],
        rgba[..., 3],
        np.where(there, np.stack([s.depth for s in seen]), 0),
        np.stack([s.normal for s in seen]),
        np.where(there, labels[np.stack([s.link for s in seen])], OUTSIDE).astype(np.uint8),
    )


def stock(paths: Sequence[Path | str]) -> tuple[Stock, ...]:
    """Read objects, each as it is and mirrored; those without a part that shows are left out. Raises FormatError."""
    rng = Random("tiles")
    tiles = [textures.tile(rng, TILE) for _ in range(TILES)]
    found = []
    for path in paths:
        made = subject(load(path), Path(path).stem, "", PRESETS["plain"], 0).made.placed(turned(FRONT_DEG))
        for one in (made, mirrored(made)):
            choice, _ = parts(one)
            if choice:
                found.append(_stock(one, tuple(choice), tiles))
    return tuple(found)


def _stock(made: ArticulatedObject, choice: tuple[int, ...], tiles: Sequence[np.ndarray]) -> Stock:
    own = soup(made)
    first = len(own.levels)
    corners = own.vertices[own.faces]  # (F, 3, 3)
    flat = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).argmax(1)
    axes = np.array([[2, 1], [0, 2], [0, 1]])[flat]  # the two axes that each face lies along
    box_uv = np.take_along_axis(corners, axes[:, None, :], axis=2).astype(np.float32)
    looks = np.column_stack([own.textures[:, None], (own.colours * 15).round()])
    materials = np.unique(looks, axis=0, return_inverse=True)[1].reshape(-1)
    aims = np.random.default_rng(0).normal(size=(64, 3))
    ends = []
    for link in np.unique(own.carried):
        mine = np.flatnonzero(own.carried == link)
        some = own.vertices[mine]
        ends.append(mine[np.unique(np.concatenate([(some @ aims.T).argmax(0), some.argmin(0), some.argmax(0)]))])
    outer = np.concatenate(ends)
    hinges = [m.joint.axis for k, m in enumerate(made.movables) if m.joint.kind == "revolute" and k in choice]
    stretchable = tuple(d for d in range(3) if all(abs(axis[d]) > ALONG for axis in hinges))
    outline = (own.vertices[outer], own.carried[outer])
    whole = with_textures(own, tiles)
    tile_rows = range(first, first + len(tiles))
    return Stock(made.name, made, whole, tile_rows, box_uv, materials, choice, outline, stretchable)


def mirrored(made: ArticulatedObject) -> ArticulatedObject:
    """Return the object as a mirror shows it, left for right."""
    pieces = tuple(
        replace(
            p, vertices=p.vertices @ MIRROR, faces=p.faces[:, ::-1], normals=p.normals[:, ::-1] @ MIRROR,
            uv=p.uv[:, ::-1],
        )
        for p in made.pieces
    )  # fmt: skip
    movables = []
    for m in made.movables:
        way = 1.0 if m.joint.kind == "prismatic" else -1.0  # turns go the other way round in a mirror
        movables.append(replace(m, joint=Joint(m.joint.kind, way * MIRROR @ m.joint.axis, MIRROR @ m.joint.pivot)))
    return replace(made, pieces=pieces, movables=tuple(movables), samples=None)


def make_mesh_scene(seed: int, of: Sequence[Stock]) -> MeshScene:
    """Make the scene of a seed from one of the objects."""
    rng = Random(f"partdrag4d/meshes/{seed}")
    chosen = of[rng.randrange(len(of))]
    made = chosen.made
    moving = chosen.choice[rng.randrange(len(chosen.choice))] + 1
    camera0 = camera_before(rng)
    yaw, fill = math.radians(rng.uniform(-60, 60)), rng.uniform(0.84, 0.92)

    low, high = made.movables[moving - 1].limits
    own = np.linspace(low, high, STATES)
    shut = int(np.abs(own - made.rest[moving - 1]).argmin())
    source = shut if rng.random() < 0.45 else rng.randrange(STATES)
    target = rng.choice([k for k in range(STATES) if k != source])
    rest = made.rest.copy()
    messy = rng.random() < 0.35
    for k in chosen.choice:
        if messy and rng.random() < 0.5:
            between, limits = rng.random() < 0.5, made.movables[k].limits
            rest[k] = rng.uniform(*limits) if between else rng.choice(limits)
    rest[moving - 1] = own[source]

    L = np.eye(4)
    for d in chosen.stretchable:
        L[d, d] = math.exp(rng.uniform(math.log(STRETCH[0]), math.log(STRETCH[1]))) if rng.random() < 0.7 else 1.0
    poses = L @ made.poses(rest)
    points, links = chosen.outline
    points = (poses[links, :3, :3] @ points[..., None])[..., 0] + poses[links, :3, 3]
    placed, _ = place(points, camera0, yaw, fill)
    T = placed @ L
    joints, unit = [], 1.0
    for k, m in enumerate(made.movables):
        carrier = T @ made.poses(rest)[m.parent]
        axis = carrier[:3, :3] @ m.joint.axis
        length = float(np.linalg.norm(axis))
        joints.append(Joint(m.joint.kind, axis / length, carrier[:3, :3] @ m.joint.pivot + carrier[:3, 3]))
        if k == moving - 1 and m.joint.kind == "prismatic":
            unit = length
    return MeshScene(
        made.name, chosen, _coloured(rng, chosen), T, tuple(joints), rest, unit, moving, own * unit, source, target,
        _labels(chosen, moving), _lights(rng), camera0,
    )  # fmt: skip


def _labels(of: Stock, moving: int) -> np.ndarray:
    """Return as which part each link counts: as the one that carries it, where it does not show by itself."""
    made = of.made
    labels = np.zeros(len(made.movables) + 1, np.uint8)
    for k, m in enumerate(made.movables):  # parents come before children
        labels[k + 1] = k + 1 if k in of.choice else labels[m.parent]
    labels[carried(made, moving)] = moving
    return labels


def _coloured(rng: Random, of: Stock) -> Soup:
    """Paint the object: its own materials, others, or each part's own."""
    own = of.soup
    roll = rng.random()
    if roll < 0.25:
        return own
    numbers = of.materials if roll < 0.8 else of.materials * 256 + own.links  # a front unlike the body
    uv, colours, which = own.uv.copy(), own.colours.copy(), own.textures.copy()
    for number in np.unique(numbers):
        mine = numbers == number
        if rng.random() < 0.25:
            continue
        colours[mine] = textures.any_colour(rng) if rng.random() < 0.6 else (1, 1, 1)
        which[mine] = rng.choice(of.tiles)
        spin, size = rng.random() < 0.5, math.exp(rng.uniform(math.log(0.5), math.log(4)))
        uv[mine] = (of.box_uv[mine][..., ::-1] if spin else of.box_uv[mine]) * size + rng.random()
    return replace(own, uv=uv, colours=colours, textures=which)


def _lights(rng: Random) -> np.ndarray:
    """Draw a light: mostly even, one lamp far away; now and then PartDrag-4D's."""
    if rng.random() < 0.2:
        return light.BLENDER
    a, e = rng.uniform(-math.pi, math.pi), math.radians(rng.uniform(15, 75))
    towards = math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)
    ambient = rng.uniform(0.45, 0.85)
    return np.array([0, ambient, rng.uniform(0.0, 0.2), (1 - ambient) * rng.uniform(0.8, 1.8), *towards, 0])
