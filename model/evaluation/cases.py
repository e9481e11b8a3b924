"""Cases: single pictures with drags and the true frames, as 2D drag papers measure.

DIR/<case>/image.png            the input, H x W
DIR/<case>/drags.json           {"frames": [[[x0, y0, x1, y1], ...], ...]}: each frame's drags from the input to it,
                                as parts of the picture's sides, 0..1; "category" and "object" may be told too
DIR/<case>/frames/000.png ...   the true frames in their order, H x W, as many as drags.json has
DIR/<case>/mask.png, part.png    where the object and the part are (alpha, else white), if that is known
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.drag import Drag
from model.errors import DragError, FormatError
from model.evaluation.drags import pull_of
from model.evaluation.pairs import Pair, by_turns, fixed_pairs
from model.evaluation.protocol import PIXELS, on_white
from model.formats.disk import unreadable, write_atomically
from model.partdrag4d.dataset import SIZE, DataSet, Split, StateId, open_dataset
from model.progress import Progress, silent
from model.stages.load import load_image

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True, eq=False)
class Case:
    """A picture, the drags that lead from it to each frame, and the frames."""

    name: str
    category: str
    group: str  # the object that it shows
    path: Path  # of the picture
    image: np.ndarray  # (H, W, 3) uint8 on white
    mask: np.ndarray | None  # (H, W) bool, the object, where it is known
    part: np.ndarray | None  # (H, W) bool, the part, where it is known: for editors that need it
    drags: tuple[tuple[Drag, ...], ...]  # of each frame, pixels of image
    frames: np.ndarray  # (F, PIXELS, PIXELS, 3) uint8 on white

    @property
    def small(self) -> np.ndarray:
        """Return the input as it is compared, (PIXELS, PIXELS, 3) uint8."""
        return shrunk(self.image)


def shrunk(picture: np.ndarray) -> np.ndarray:
    """Bring a picture (H, W, 3) uint8 to the size at which it is compared."""
    h, w = picture.shape[:2]
    larger = h < PIXELS or w < PIXELS
    return np.asarray(
        cv2.resize(picture, (PIXELS, PIXELS), interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    )


def folders(root: Path) -> tuple[Path, ...]:
    """Return the folders of cases. Raises FormatError where there is none."""
    if not root.is_dir():
        raise FormatError(f"{root} is not a folder", "Give the folder that holds one folder for each case.")
    found = tuple(sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")))
    if not found:
        raise FormatError(f"{root} holds no case", "A case is a folder with image.png, drags.json and frames/.")
    return found


def read_case(folder: Path) -> Case:
    """Read a case. Raises FormatError or ImageError, naming the file."""
    path = folder / "image.png"
    rgba = load_image(path)
    h, w = rgba.shape[:2]
    told = _told(folder / "drags.json")
    drags = _drags(folder / "drags.json", told, w, h)
    files = sorted(p for p in folder.glob("frames/*") if p.suffix.lower() in PICTURES)
    if not files:
        raise FormatError(f"{folder} has no frames", "The true frames belong in frames/000.png and so on.")
    if len(files) != len(drags):
        hint = "Each frame has its drags: {'frames': [[[x0, y0, x1, y1], ...], ...]}."
        raise FormatError(f"{folder} has {len(files)} frames and drags for {len(drags)}", hint)
    frames = []
    for file in files:
        frame = load_image(file)
        if frame.shape[:2] != (h, w):
            size = f"{frame.shape[1]} x {frame.shape[0]}"
            raise FormatError(f"{file} is {size} pixels, the input {w} x {h}", "All frames have the input's size.")
        frames.append(shrunk(on_white(frame)))
    mask, part = (_mask(folder / name, (h, w)) for name in ("mask.png", "part.png"))
    if mask is None and rgba[..., 3].min() < 255:
        mask = rgba[..., 3] > 127
    category, group = str(told.get("category", "case")), str(told.get("object", folder.name))
    return Case(folder.name, category, group, path, on_white(rgba), mask, part, drags, np.stack(frames))


def _mask(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Read a mask, (H, W) bool; None where there is none. Raises ImageError, FormatError."""
    if not path.is_file():
        return None
    rgba = load_image(path)
    mask = (rgba[..., 3] if rgba[..., 3].min() < 255 else rgba[..., :3].mean(axis=2)) > 127
    if mask.shape != shape:
        hint = f"The input is {shape[1]} x {shape[0]} pixels."
        raise FormatError(f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels", hint)
    return np.asarray(mask)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(path, str(error), 'It should say {"frames": [[[x0, y0, x1, y1]]]}.') from error
    if not isinstance(told, dict) or not isinstance(told.get("frames"), list):
        raise unreadable(path, "it has no “frames”", 'It should say {"frames": [[[x0, y0, x1, y1]]]}.')
    return told


def _drags(path: Path, told: dict[str, Any], w: int, h: int) -> tuple[tuple[Drag, ...], ...]:
    """Read the drags of every frame, in pixels; a frame of one drag may leave one pair of brackets out."""
    frames = []
    for k, frame in enumerate(told["frames"]):
        try:
            ends = np.asarray(frame, np.float64).reshape(-1, 4)
        except (TypeError, ValueError) as error:
            raise unreadable(path, f"frame {k} is not a list of [x0, y0, x1, y1]", "Four numbers a drag.") from error
        if len(ends) == 0:
            raise unreadable(path, f"frame {k} has no drag", "Each frame needs one.")
        if not ((ends >= 0) & (ends <= 1)).all():  # nan too
            hint = "They are parts of the picture's sides: pixels divided by width and height."
            raise FormatError(f"{path}: frame {k} has a drag outside 0..1", hint)
        limit = np.array([w, h, w, h]) - 1e-3
        pixels = np.minimum(ends * (w, h, w, h), limit).tolist()
        frames.append(tuple(Drag((x0, y0), (x1, y1)) for x0, y0, x1, y1 in pixels))
    return tuple(frames)


def write_case(folder: Path, data: DataSet, source: StateId, targets: Sequence[StateId], seed: int = 0) -> None:
    """Make a case of a data set's view 0: the source, and one frame for each target. Raises PartRMError."""
    told: list[list[list[float]]] = []
    point = pull_of(data, Pair(source, targets[-1]), seed)
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    points, camera = data.points(source), data.camera(source, 0)
    index = int(np.argmin(((points - point.before) ** 2).sum(1)))
    for k, target in enumerate(targets):
        (x1, y1), _ = camera.project(data.points(target)[index])
        x0, y0 = point.drag.start_px
        told.append([[float(np.clip(v / SIZE, 0, 1)) for v in (x0, y0, x1, y1)]])
        _write_png(folder / "frames" / f"{k:03d}.png", data.picture(target, 0))
    _write_png(folder / "image.png", data.picture(source, 0))
    part = data.part_mask(source)
    if part is not None and part.any():
        _write_png(folder / "part.png", np.dstack([part * np.uint8(255)] * 3 + [np.full_like(part, 255, np.uint8)]))
    text = json.dumps({"frames": told, "category": data.category(source), "object": source.mesh})
    write_atomically(folder / "drags.json", lambda file: file.write(text.encode()))


def write_cases(
    root: Path, out: Path, split: Split, count: int | None, seed: int, progress: Progress = silent
) -> tuple[int, list[str]]:
    """Make cases of a data set, OUT/SOURCE__TARGET: the frames lead through the states between source and target.

    The pairs are those of `evaluate --data`. Returns how many were written, and why others were not.
    """
    data = open_dataset(root)
    there, left_out, written = set(data.ids(split)), [], 0
    pairs = by_turns(fixed_pairs(there, seed), seed)[:count]
    for k, pair in enumerate(pairs):
        progress(k / len(pairs), pair.name)
        first, last = pair.source.state, pair.target.state
        step = 1 if last > first else -1
        between = [pair.source.with_state(n) for n in range(first + step, last, step)]
        try:
            write_case(out / pair.name, data, pair.source, [*(s for s in between if s in there), pair.target], seed)
        except DragError as error:
            left_out.append(f"{pair.name}: {error.title}")
        else:
            written += 1
    progress(1.0, "done")
    return written, left_out


def _write_png(path: Path, rgba: np.ndarray) -> None:
    ok, png = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    assert ok
    write_atomically(path, lambda file: file.write(png.tobytes()))
