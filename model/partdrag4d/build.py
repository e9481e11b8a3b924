"""Build: one state of an object becomes files. A state's folder appears under its name when all of it is written."""

from __future__ import annotations

import errno
import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from model.camera import Camera
from model.errors import FormatError
from model.formats import transforms
from model.formats.disk import write_atomically
from model.formats.ply import write_points
from model.partdrag4d.circle import VIEWS
from model.partdrag4d.dataset import SIZE, StateId
from model.partdrag4d.raster import look
from model.partdrag4d.soup import posed
from model.partdrag4d.states import State, carried, numbers
from model.partdrag4d.surface import moved, visible
from model.partdrag4d.views import Subject, camera_told

PARTIAL = ".partial"  # the folder of what is not finished
DEEPEST = 65535  # of a depth picture
DEPTH_SCALE = 1e-4  # world units a step, where the farthest thing allows it
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 3)

# Draws one state from all cameras: (VIEWS, SIZE, SIZE, 4) uint8, straight alpha.
Painter = Callable[[Subject, State, Sequence[Camera]], Sequence[np.ndarray]]


class DiskFull(FormatError):
    """A disk that has no room for what comes next."""


def motion_folder(root: Path, subject: Subject) -> Path:
    """Return where an object's point files lie."""
    return root / "objects" / subject.category / subject.mesh / "motion"


def whole(root: Path, id: StateId, category: str) -> bool:
    """Say whether all files of a state are there."""
    views = root / "renders" / str(id)
    motion = root / "objects" / category / id.mesh / "motion"
    return (
        views.is_dir()
        and (motion / f"{id.rest}.ply").is_file()
        and (motion / f"{id.rest}_visible.npy").is_file()
        and sum(name.suffix == ".png" for name in views.iterdir()) >= 2 * VIEWS + 1
    )


def write_object(root: Path, subject: Subject) -> None:
    """Write what all states of an object share: joints.json. Raises FormatError."""
    folder = motion_folder(root, subject)
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        str(number): {
            "name": m.name, "kind": m.joint.kind, "axis": m.joint.axis.tolist(), "pivot": m.joint.pivot.tolist(),
            "limits": list(m.limits),
        }
        for number, m in zip(numbers(subject.made), subject.made.movables)
    }  # fmt: skip
    text = json.dumps(told, indent=1)
    write_atomically(folder.parent / "joints.json", lambda file: file.write(text.encode()))


def write_state(
    root: Path, subject: Subject, state: State, cameras: Sequence[Camera], painter: Painter | None = None
) -> None:
    """Write all files of a state. Raises FormatError, DiskFull; then nothing stands under the state's name."""
    shapes = posed(subject.made, state.amounts)
    seen = [look(shapes, camera, SIZE, subject.preset.light) for camera in cameras]
    pictures = [one.rgba for one in seen] if painter is None else painter(subject, state, cameras)
    farthest = max(float(one.depth.max()) for one in seen)
    scale = max(DEPTH_SCALE, farthest / DEEPEST)
    points = moved(subject.samples, subject.made.poses(state.amounts))
    motion = motion_folder(root, subject)
    partial = root / PARTIAL / f"{state.id}.{secrets.token_hex(4)}"
    final = root / "renders" / str(state.id)
    try:
        partial.mkdir(parents=True)
        for k, (camera, one, picture) in enumerate(zip(cameras, seen, pictures, strict=True)):
            _write_png(partial / f"{k:03d}.png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
            _write_png(partial / f"{k:03d}_depth.png", np.round(one.depth / scale).astype(np.uint16))
            (partial / f"{k:03d}_camera.json").write_text(json.dumps(camera_told(camera, scale), indent=1))
        mask = np.isin(seen[0].link, carried(subject.made, state.part))
        _write_png(partial / "000_part.png", mask.astype(np.uint8) * 255)
        if subject.preset.name == "plain":  # its cameras say what they are: other programs may read them too
            transforms.write(
                partial / "transforms.json", [(f"{k:03d}.png", camera) for k, camera in enumerate(cameras)]
            )
        motion.mkdir(parents=True, exist_ok=True)
        write_points(motion / f"{state.id.rest}.ply", subject.in_file(points))
        indices = visible(points, cameras[0], seen[0].depth)
        write_atomically(motion / f"{state.id.rest}_visible.npy", lambda file: np.save(file, indices))
        final.parent.mkdir(exist_ok=True)
        if final.exists():  # a folder that is not whole
            shutil.rmtree(final)
        partial.rename(final)
    except (OSError, FormatError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Make room, then run the same command again: what is whole is kept."
            raise DiskFull(f"The disk of {root} is full", hint) from error
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"Cannot write {final}: {error.strerror or error}", "Check the folder.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    ok, data = cv2.imencode(".png", pixels, PNG)
    assert ok
    path.write_bytes(data.tobytes())
