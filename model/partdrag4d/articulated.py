"""Articulated objects made of meshes: URDF and MJCF files read into one frozen form, y up."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numba import njit

from model.articulation.joint import Joint
from model.errors import FormatError, PartRMError

Y_UP = np.eye(4)
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # x stays, z becomes y
MAX_TEXTURE = 512  # px, longer textures are averaged down: a picture of this size shows no more
CATEGORIES = (
    "Dishwasher", "Laptop", "Microwave", "Oven", "Refrigerator", "StorageFurniture", "WashingMachine", "TrashCan",
)  # fmt: skip  # of PartDrag-4D
CREASE = float(np.cos(np.deg2rad(40)))  # faces that meet at a flatter angle are shaded as one round surface


@dataclass(frozen=True, eq=False)
class Piece:
    """Triangles of one link that share a texture, in the world at the zero pose."""

    link: int  # 0 = body, k + 1 = moved by movables[k]
    vertices: np.ndarray  # (V, 3) float64, world units
    faces: np.ndarray  # (F, 3) int64
    normals: np.ndarray  # (F, 3, 3) float64, of each corner, unit
    colours: np.ndarray  # (F, 3) float32, 0..1, times the texture where there is one
    uv: np.ndarray  # (F, 3, 2) float32, of each corner; v grows downwards from the texture's first row
    texture: np.ndarray  # (H, W, 3) uint8; a single white pixel where there is none


@dataclass(frozen=True, eq=False)
class Movable:
    """One joint of the object and its limits (world units or radians); the amounts of the zero pose are 0."""

    name: str
    joint: Joint  # in the world at the zero pose
    limits: tuple[float, float]
    parent: int  # the link that carries it
    continuous: bool = False  # turns without end; its limits are then one turn
    number: int = -1  # of the part in PartNet-Mobility's own list, as PartDrag-4D's names count; -1 = no such list


@dataclass(frozen=True, eq=False)
class Samples:
    """Points on the surface that the source brings along, at the zero pose."""

    points: np.ndarray  # (P, 3) float64, world units
    links: np.ndarray  # (P,) int64, as Piece.link


@dataclass(frozen=True, eq=False)
class ArticulatedObject:
    """An articulated object in a right-handed world, y up."""

    name: str
    pieces: tuple[Piece, ...]
    movables: tuple[Movable, ...]  # parents before children
    category: str = ""  # one of CATEGORIES or another of PartNet-Mobility's; "" = unknown
    samples: Samples | None = None

    @property
    def rest(self) -> np.ndarray:
        """Return the joints' amounts nearest to the zero pose that their limits allow, (L,)."""
        return np.array([min(max(0.0, m.limits[0]), m.limits[1]) for m in self.movables])

    def link(self, name: str) -> int:
        """Return the link that a joint moves; raises FormatError for a name that is not there."""
        names = [m.name for m in self.movables]
        if name not in names:
            raise FormatError(f"{self.name} has no joint '{name}'", f"It has {', '.join(names) or 'none'}.")
        return names.index(name) + 1

    def poses(self, amounts: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return how far each link has moved from the zero pose, (L + 1, 4, 4), for one amount a joint."""
        poses = [np.eye(4)]
        for movable, amount in zip(self.movables, amounts, strict=True):
            poses.append(poses[movable.parent] @ movable.joint.transform(float(amount)))
        return np.stack(poses)

    def points(self, amounts: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return all vertices with the joints at these amounts, (P, 3) world."""
        poses = self.poses(amounts)
        return np.concatenate([p.vertices @ poses[p.link, :3, :3].T + poses[p.link, :3, 3] for p in self.pieces])

    def placed(self, T: np.ndarray) -> ArticulatedObject:
        """Apply a (4, 4) similarity to the whole object; lengths and limits of sliding joints scale with it."""
        scale = float(np.cbrt(np.linalg.det(T[:3, :3])))
        R = T[:3, :3] / scale
        pieces = tuple(
            replace(p, vertices=p.vertices @ T[:3, :3].T + T[:3, 3], normals=p.normals @ R.T) for p in self.pieces
        )
        movables = []
        for m in self.movables:
            joint = Joint(m.joint.kind, R @ m.joint.axis, T[:3, :3] @ m.joint.pivot + T[:3, 3])
            factor = scale if joint.kind == "prismatic" else 1.0
            movables.append(replace(m, joint=joint, limits=(m.limits[0] * factor, m.limits[1] * factor)))
        samples = self.samples
        if samples is not None:
            samples = replace(samples, points=samples.points @ T[:3, :3].T + T[:3, 3])
        return replace(self, pieces=pieces, movables=tuple(movables), samples=samples)


def load(path: Path | str, up: Literal["auto", "y", "z"] = "auto") -> ArticulatedObject:
    """Read an articulated object from URDF (.urdf) or MJCF (.xml); `up` is the file's own upward axis.

    Raises FormatError for a file that is absent, damaged or empty, PartRMError where a package is missing.
    """
    from model.partdrag4d.mjcf import read_mjcf
    from model.partdrag4d.urdf import read_urdf

    path = Path(path)
    if not path.is_file():
        raise FormatError(f"There is no file {path}", "Check the path.")
    made = read_urdf(path) if path.suffix.lower() == ".urdf" else read_mjcf(path)
    if not made.pieces:
        raise FormatError(f"{path.name} shows nothing", "It holds no meshes that are meant to be seen.")
    y_up = up == "y" or (up == "auto" and path.suffix.lower() == ".urdf" and ".glb" in path.read_text())
    return made.placed(Y_UP if y_up else Z_UP)


def package(name: str) -> ModuleType:
    """Import a package that only the data set needs; raises PartRMError where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise PartRMError(
            f"The package {name} is not installed", 'It reads mesh files: pip install "partrm-viewer[dataset]"'
        ) from problem


def piece(
    link: int,
    T: np.ndarray,  # (4, 4), link file's frame to the world at the zero pose; may scale
    vertices: np.ndarray,  # (V, 3)
    faces: np.ndarray,  # (F, 3)
    colours: np.ndarray,  # (3,) or (F, 3), 0..1
    uv: np.ndarray | None = None,  # (F, 3, 2)
    texture: np.ndarray | None = None,  # (H, W, 3) uint8
) -> Piece:
    """Make a piece; faces without an area are dropped, normals are rounded over flat creases."""
    vertices = np.asarray(vertices, np.float64) @ T[:3, :3].T + T[:3, 3]
    faces = np.asarray(faces, np.int64)
    flat = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    area = np.linalg.norm(flat, axis=1)
    keep = area > 1e-14
    faces, flat, area = faces[keep], flat[keep], area[keep]
    colours = np.broadcast_to(np.asarray(colours, np.float32), (len(keep), 3))[keep]
    if np.linalg.det(T[:3, :3]) < 0:
        flat = -flat
    unit = flat / area[:, None]
    # Vertices at one place are one corner, whatever their texture coordinates.
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-9)
    _, same = np.unique(np.round(vertices / extent, 5), axis=0, return_inverse=True)
    corners = same.reshape(-1)[faces].reshape(-1)
    order = np.argsort(corners, kind="stable")
    normals = _rounded(corners[order], order, unit, area)
    if uv is None or texture is None:
        uv, texture = np.zeros((len(keep), 3, 2), np.float32), np.full((1, 1, 3), 255, np.uint8)
    return Piece(link, vertices, faces, normals, colours, np.asarray(uv, np.float32)[keep], shrunk(texture))


@njit(cache=True)
def _rounded(corners: np.ndarray, order: np.ndarray, unit: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Average at each corner the normals of the faces that meet there at flat creases; (F, 3, 3)."""
    normals = np.zeros((len(unit), 3, 3))
    start = 0
    while start < len(corners):
        end = start
        while end < len(corners) and corners[end] == corners[start]:
            end += 1
        for a in order[start:end]:
            f, k = a // 3, a % 3
            for b in order[start:end]:
                g = b // 3
                alike = unit[f, 0] * unit[g, 0] + unit[f, 1] * unit[g, 1] + unit[f, 2] * unit[g, 2]
                if alike > CREASE:
                    for j in range(3):
                        normals[f, k, j] += area[g] * unit[g, j]
            x, y, z = normals[f, k, 0], normals[f, k, 1], normals[f, k, 2]
            norm = math.sqrt(x * x + y * y + z * z)
            for j in range(3):
                normals[f, k, j] /= norm
        start = end
    return normals


def shrunk(texture: np.ndarray) -> np.ndarray:
    """Average a texture (H, W, 3) down to at most MAX_TEXTURE."""
    import cv2

    factor = MAX_TEXTURE / max(texture.shape[:2])
    if factor >= 1:
        return np.ascontiguousarray(texture)
    size = (max(1, round(texture.shape[1] * factor)), max(1, round(texture.shape[0] * factor)))
    return np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA))
