"""DataSet: PartDrag-4D on disk, its published folders or those that `dataset build` writes.

renders/<id>/NNN.png, NNN_camera.json         views; ours also NNN_depth.png and 000_part.png
objects/<Category>/<mesh>/motion/<rest>.ply   surface points, the same ones in every state; <rest>_visible.npy
lists/train.txt, val.txt                      the splits, a state a line
gaussians/eval_gaussians_<id>.ply             the Gaussian database
dataset.json                                  how it was made; absent in published data
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from model.camera import Camera
from model.errors import FormatError
from model.formats.disk import unreadable
from model.formats.ply import read_points
from model.partdrag4d.circle import FOV_Y_DEG

Split = Literal["train", "val", "all"]
SIZE = 512  # px, side of every picture; drags are in its pixels
STATES = 6  # of a part
SCALE, OFFSET = 0.42995866893870127, (-0.0121, -0.0070, 0.0120)  # from points to Blender's world, partdrag4d
HALF_PIXEL = 0.5  # PartDrag-4D projects drags that much to the right and down
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Blender's (x, y, z) is our (x, z, -y)
NAME = re.compile(r"([^_/]+)_(\d+)_(\d+)(?:_(\d+(?:_\d+)*))?")


@dataclass(frozen=True, order=True)
class StateId:
    """One state of one part of one object: `<mesh>_<part>_<state>[_<others>]`, as 7120_0_3_2010."""

    mesh: str  # no underscore in it
    part: int
    state: int
    others: str = ""  # where other parts stand: digits, as PartDrag-4D writes them

    @staticmethod
    def parse(text: str) -> StateId:
        """Read a name, or a path that ends in one; raises FormatError."""
        found = NAME.fullmatch(text.strip().rstrip("/").rpartition("/")[2])
        if found is None:
            raise FormatError(f"'{text[:80]}' names no state", "A state is <mesh>_<part>_<state>, as 7120_0_3.")
        mesh, part, state, others = found.groups()
        return StateId(mesh, int(part), int(state), others or "")

    def __str__(self) -> str:
        return f"{self.mesh}_{self.rest}"

    @property
    def rest(self) -> str:
        """Return the name without the mesh: what the files in its folder are called."""
        return f"{self.part}_{self.state}" + (f"_{self.others}" if self.others else "")

    @property
    def group(self) -> tuple[str, int, str]:
        """Return what states share that only differ in where their part stands."""
        return self.mesh, self.part, self.others

    def with_state(self, state: int) -> StateId:
        """Return another state of the same group."""
        return replace(self, state=state)


@dataclass(frozen=True)
class DataSet:
    """A data set's folder; pictures and points are read when they are asked for."""

    root: Path
    told: dict[str, Any] = field(hash=False)  # dataset.json, {} where there is none

    def folder(self, id: StateId) -> Path:
        """Return where a state's views lie."""
        return self.root / "renders" / str(id)

    def gaussians_path(self, id: StateId) -> Path:
        """Return where a state's Gaussians lie, or will."""
        return self.root / "gaussians" / f"eval_gaussians_{id}.ply"

    @cached_property
    def categories(self) -> dict[str, str]:
        """Return the category of every object."""
        return {folder.name: folder.parent.name for folder in sorted(self.root.glob("objects/*/*"))}

    def category(self, id: StateId) -> str:
        """Return the category of a state's object; raises FormatError where there is no such object."""
        if id.mesh not in self.categories:
            raise FormatError(f"{self.root} has no object {id.mesh}", "Its folder belongs in objects/<Category>/.")
        return self.categories[id.mesh]

    @cached_property
    def there(self) -> frozenset[StateId]:
        """Return the states whose views lie on disk."""
        names = (folder.name for folder in (self.root / "renders").iterdir())
        return frozenset(StateId.parse(name) for name in names if NAME.fullmatch(name))

    def listed(self, which: Split) -> tuple[StateId, ...]:
        """Return the states that a split names, on disk or not, in its order; lines that name none are comments."""
        if which == "all":
            return tuple(sorted(self.there))
        path = self.root / "lists" / f"{which}.txt"
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(path, str(error), f"The data set needs a list of its {which} states.") from error
        names = (line.strip().rstrip("/").rpartition("/")[2] for line in lines)
        return tuple(dict.fromkeys(StateId.parse(name) for name in names if NAME.fullmatch(name)))

    def ids(self, which: Split) -> tuple[StateId, ...]:
        """Return the states of a split that lie on disk."""
        return tuple(id for id in self.listed(which) if id in self.there)

    def pairs(self, which: Split) -> tuple[tuple[StateId, StateId], ...]:
        """Return all ordered pairs of different states of one group."""
        groups: dict[tuple[str, int, str], list[StateId]] = defaultdict(list)
        for id in self.ids(which):
            groups[id.group].append(id)
        return tuple((a, b) for some in groups.values() for a in some for b in some if a != b)

    def picture(self, id: StateId, view: int, size: int = SIZE) -> np.ndarray:
        """Read a view, (size, size, 4) uint8, straight alpha; smaller ones are averaged. Raises FormatError."""
        path = self.folder(id) / f"{view:03d}.png"
        image = _image(path, "RGBA")
        if size != image.width:
            # colours count as much as they cover: averaged premultiplied
            image = image.convert("RGBa").resize((size, size), Image.Resampling.BOX).convert("RGBA")
        return np.array(image)

    def camera(self, id: StateId, view: int, size: int = SIZE) -> Camera:
        """Read where a view is taken from, in our world (y up) and with its true lens. Raises FormatError."""
        told = self._camera_file(id, view)
        pose = np.eye(4)
        pose[:3] = Y_UP @ np.stack([told["x"], told["y"], told["z"], told["origin"]], axis=1)
        lens = Camera.orbit(0, 0, 1, float(told.get("fov_y_deg", FOV_Y_DEG)), size, size)
        return replace(lens, T_world_camera=pose)

    def _camera_file(self, id: StateId, view: int) -> dict[str, Any]:
        path = self.folder(id) / f"{view:03d}_camera.json"
        told = _json(path)
        for key in ("x", "y", "z", "origin"):
            if not _three_numbers(told.get(key)):
                raise unreadable(path, f"its {key} is not three numbers")
        return told

    def depth(self, id: StateId, view: int) -> np.ndarray | None:
        """Read how far away a view's surfaces are, (512, 512) float32 world units, 0 = nothing; None if not stored."""
        path = self.folder(id) / f"{view:03d}_depth.png"
        if not path.exists():
            return None
        scale = float(self._camera_file(id, view)["depth_scale"])
        return np.array(_image(path, "I;16"), np.float32) * np.float32(scale)

    def part_mask(self, id: StateId) -> np.ndarray | None:
        """Read where view 0 sees what the state's part moves, (512, 512) bool; None if not stored."""
        path = self.folder(id) / "000_part.png"
        return np.array(_image(path, "L")) > 127 if path.exists() else None

    def _motion(self, id: StateId) -> Path:
        return self.root / "objects" / self.category(id) / id.mesh / "motion"

    def points(self, id: StateId) -> np.ndarray:
        """Read the surface points, (P, 3) float32, our world. Raises FormatError."""
        points = read_points(self._motion(id) / f"{id.rest}.ply")
        scale, offset = self.told.get("scale", SCALE), np.asarray(self.told.get("offset", OFFSET))
        return ((points * scale + offset) @ Y_UP.T).astype(np.float32)

    def visible(self, id: StateId) -> np.ndarray | None:
        """Read which points view 0 sees, (V,) int64; None if not stored. Both spellings of the file's name are read.

        Point 0 is never among them: in PartDrag-4D's files it also stands for "nothing".
        """
        for end in ("visible", "cam0_visible"):
            path = self._motion(id) / f"{id.rest}_{end}.npy"
            if path.exists():
                try:
                    indices = np.unique(np.load(path, allow_pickle=False).astype(np.int64).ravel())
                except (OSError, ValueError, EOFError) as error:
                    raise unreadable(path, str(error)) from error
                return indices[indices > 0]
        return None

    def moving(self, source: StateId, target: StateId) -> np.ndarray:
        """Say which points differ between two states, (P,) bool."""
        return self._both(source, target)[2]

    def _both(self, source: StateId, target: StateId) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read the points of two states, (P, 3) each, and say which of them differ, (P,) bool."""
        a, b = self.points(source), self.points(target)
        if a.shape != b.shape:
            raise FormatError(f"{source} and {target} have different points", "States of one object share theirs.")
        return a, b, np.abs(b - a).max(1) > 1e-6

    def true_drags(
        self, source: StateId, target: StateId, count: int, rng: np.random.Generator, jitter_px: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Follow points of the moving part from state to state, as training does.

        Points that view 0 sees are preferred; where the part has fewer points than `count`, some come twice. jitter_px
        is the deviation of the noise on the ends. Returns starts and ends, (count, 2) float32 each, pixels of view 0,
        clamped to the picture. Raises FormatError where nothing moves.
        """
        before, after, differs = self._both(source, target)
        moving = np.flatnonzero(differs)
        if len(moving) == 0:
            raise FormatError(f"Nothing moves from {source} to {target}", "The two states are the same.")
        seen = self.visible(source)
        preferred = moving if seen is None else np.intersect1d(moving, seen)
        chosen = preferred if len(preferred) else moving
        chosen = rng.choice(chosen, count, replace=len(chosen) < count)
        starts, ends = (
            self.camera(id, 0).project(points[chosen])[0] + HALF_PIXEL
            for id, points in ((source, before), (target, after))
        )
        ends = ends + rng.normal(0, 1, ends.shape) * jitter_px
        limited = (np.clip(p, 0, SIZE - 1).astype(np.float32) for p in (starts, ends))
        return next(limited), next(limited)


def open_dataset(root: Path) -> DataSet:
    """Open a data set's folder; raises FormatError where it holds none."""
    if not (root / "renders").is_dir():
        raise FormatError(f"{root} holds no data set", "Its views belong in renders/; `dataset build` makes one.")
    path = root / "dataset.json"
    return DataSet(root, _json(path) if path.exists() else {})


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise unreadable(path, str(error)) from error
    if not isinstance(told, dict):
        raise unreadable(path, "it holds no named values")
    return told


def _three_numbers(value: Any) -> bool:
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return False
    return numbers.shape == (3,) and bool(np.isfinite(numbers).all())


def _image(path: Path, mode: str) -> Image.Image:
    """Read a picture of SIZE² pixels."""
    try:
        with Image.open(path) as image:
            if image.size != (SIZE, SIZE):  # said by the header, before anything is decoded
                raise unreadable(path, f"it is {image.width}×{image.height}, not {SIZE}×{SIZE}")
            return image.convert(mode) if image.mode != mode else image.copy()
    except (OSError, ValueError, SyntaxError) as error:
        raise unreadable(path, str(error)) from error
