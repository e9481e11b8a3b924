"""Articulated objects made of meshes: URDF, MJCF and PartNet-Mobility read into one frozen form, y up."""

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
from model.errors import Cancelled, FormatError, PartRMError

PROCEDURAL = "procedural:"
Y_UP = np.eye(4)
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # x stays, z becomes y
MAX_TEXTURE = 512  # px, longer textures are averaged down: a picture of this size shows no more
MAX_FACES = 4_000_000  # of one object: about a gigabyte while it is read
FAR = 1e9  # world units: what lies farther is a mistake
MAX_JOINTS = 254  # pictures of links are bytes, see scene.OUTSIDE
CATEGORIES = (
    "Dishwasher", "Laptop", "Microwave", "Oven", "Refrigerator", "StorageFurniture", "WashingMachine", "TrashCan",
)  # fmt: skip  # of PartDrag-4D
SPOKEN = (
    ("dishwasher", "Dishwasher"), ("laptop", "Laptop"), ("microwave", "Microwave"), ("oven", "Oven"),
    ("fridge", "Refrigerator"), ("refrigerator", "Refrigerator"), ("washingmachine", "WashingMachine"),
    ("washing_machine", "WashingMachine"), ("trash", "TrashCan"), ("cabinet", "StorageFurniture"),
    ("drawer", "StorageFurniture"), ("counter", "StorageFurniture"), ("table", "StorageFurniture"),
    ("desk", "StorageFurniture"),
)  # fmt: skip  # words in names of files that do not say what they hold
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
    """Read an articulated object: URDF (.urdf), MJCF (.xml), a PartNet-Mobility folder, or `procedural:SEED`.

    `up` is the file's own upward axis; "auto" takes y for a URDF file whose meshes are all glTF, which is y up by its
    standard, and z for the others. It counts for URDF and MJCF only.
    Raises FormatError, which names the object, for what is absent, damaged, unsafe or empty; PartRMError where a
    package is missing.
    """
    if str(path).startswith(PROCEDURAL):
        from model.partdrag4d.tessellate import procedural_object

        seed = str(path).removeprefix(PROCEDURAL)
        if not (seed.isascii() and seed.isdigit()):
            raise FormatError(f"'{path}' is no procedural object", f"Write a number: {PROCEDURAL}7.")
        return procedural_object(int(seed))
    path = Path(path)
    if not path.exists():
        raise FormatError(f"There is no file {path}", "Check the path.")
    kind = path.suffix.lower()
    if not path.is_dir() and kind not in (".urdf", ".xml", ".mjcf"):
        raise FormatError(f"{path.name} is no articulated object", "Give a .urdf or .xml file or a PartNet folder.")
    try:
        made = _read(path, up)
    except PartRMError as problem:
        if not isinstance(problem, FormatError) or path.name in problem.title:
            raise
        raise FormatError(f"{path.name}: {problem.title}", problem.hint) from problem
    except (MemoryError, Cancelled):
        raise
    except Exception as problem:  # mesh, picture and XML readers fail in many ways
        told = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise FormatError(f"{path.name} cannot be read ({told})", "The object is damaged: get it again.") from problem
    return replace(_sound(made, path.name), category=made.category or guessed_category(made.name))


def _read(path: Path, up: Literal["auto", "y", "z"]) -> ArticulatedObject:
    """Read an object of any kind, and stand it y up."""
    if path.is_dir():
        from model.partdrag4d.partnet import read_partnet

        return read_partnet(path)
    if path.suffix.lower() == ".urdf":
        from model.partdrag4d.urdf import read_urdf, stands_y_up

        y_up = up == "y" or (up == "auto" and stands_y_up(path))
        return read_urdf(path).placed(Y_UP if y_up else Z_UP)
    from model.partdrag4d.mjcf import read_mjcf

    return read_mjcf(path).placed(Y_UP if up == "y" else Z_UP)


def guessed_category(name: str) -> str:
    """Return the category that an object's name speaks of, "" where it speaks of none."""
    lower = name.lower()
    return next((category for word, category in SPOKEN if word in lower), "")


def _sound(made: ArticulatedObject, name: str) -> ArticulatedObject:
    """Return the object without empty pieces; raises FormatError where it is empty, too large or not finite."""
    made = replace(made, pieces=tuple(p for p in made.pieces if len(p.faces)))
    if not made.pieces:
        raise FormatError(f"{name} shows nothing", "It holds no meshes that are meant to be seen.")
    if len(made.movables) > MAX_JOINTS:
        raise FormatError(f"{name} has {len(made.movables)} joints", f"At most {MAX_JOINTS} are read.")
    if sum(len(p.faces) for p in made.pieces) > MAX_FACES:
        raise FormatError(f"{name} has too many triangles", f"At most {MAX_FACES:,} are read: simplify its meshes.")
    for m in made.movables:
        if not np.isfinite([*m.limits, *m.joint.axis, *m.joint.pivot]).all():
            raise FormatError(f"{name}: the joint '{m.name}' has numbers that are not finite", "Correct the file.")
    return made


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
    """Make a piece; faces without an area are dropped, normals are rounded over flat creases.

    Raises FormatError for vertices that are not finite and faces that name vertices that are not there.
    """
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
    if not (np.abs(vertices) < FAR).all():
        raise FormatError("A mesh has vertices that are no places (NaN or infinite)", "Export the mesh again.")
    if len(faces) > MAX_FACES:
        raise FormatError("A mesh has too many triangles", f"At most {MAX_FACES:,} are read: simplify it.")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise FormatError("A mesh has faces whose vertices are not there", "Export the mesh again.")
    if uv is not None and not np.isfinite(uv).all():
        raise FormatError("A mesh has texture coordinates that are not finite", "Export the mesh again.")
    vertices = vertices @ T[:3, :3].T + T[:3, 3]
    flat = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    area = np.linalg.norm(flat, axis=1)
    keep = area > 1e-14
    faces, flat, area = faces[keep], flat[keep], area[keep]
    colours = np.broadcast_to(np.asarray(colours, np.float32), (len(keep), 3))[keep]
    if np.linalg.det(T[:3, :3]) < 0:
        flat = -flat
    unit = flat / area[:, None]
    # Vertices at one place are one corner, whatever their texture coordinates.
    low = vertices.min(axis=0, initial=FAR)
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-9) if len(vertices) else 1.0
    x, y, z = np.round((vertices - low) * (1e5 / extent)).astype(np.int64).T
    _, same = np.unique((x << 40) + (y << 20) + z, return_inverse=True)
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
