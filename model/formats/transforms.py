"""transforms.json: cameras in and out, as instant-ngp and nerfstudio write them (OpenGL camera-to-world, pixels)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from model.camera import Camera
from model.errors import FormatError
from model.formats.disk import open_file, unreadable, write_atomically

MAX_BYTES = 64 << 20
MAX_SIDE = 16384  # px
LENS = ("w", "h", "fl_x", "fl_y", "cx", "cy")
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE")

log = logging.getLogger(__name__)


def read(path: Path | str) -> list[tuple[str, Camera]]:
    """Read (file name, Camera) pairs in the file's order.

    The lens stands at the top, or in a frame where it differs; `camera_angle_x` serves where `fl_x` is missing.
    Lens distortion is not applied (a warning tells). Raises FormatError.
    """
    path = Path(path)
    stream, size = open_file(path)
    with stream:
        if size > MAX_BYTES:
            raise unreadable(path, f"{size:,} bytes are too many for a camera file", "Give a transforms.json.")
        try:
            top = json.loads(stream.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise unreadable(path, f"it is not JSON ({error})") from error
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
    frames = top.get("frames") if isinstance(top, dict) else None
    if not isinstance(frames, list) or not frames:
        raise unreadable(path, "it has no frames", "Give a transforms.json with at least one frame.")
    if any(top.get(key) for key in ("k1", "k2", "k3", "k4", "p1", "p2")):
        log.warning("%s: lens distortion is not applied", path)
    return [_frame(path, i, {**top, **f} if isinstance(f, dict) else {}) for i, f in enumerate(frames)]


def _frame(path: Path, index: int, values: dict[str, Any]) -> tuple[str, Camera]:
    """Turn one frame, with the file's shared values under it, into a name and a Camera."""
    place = f"frame {index}"
    model = values.get("camera_model", "OPENCV")
    if model not in MODELS:
        raise unreadable(path, f"{place}: camera model {model!r} is not known", f"Known models: {', '.join(MODELS)}.")

    def number(key: str, default: float | None = None) -> float:
        value = values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
            raise unreadable(path, f"{place}: '{key}' is {value!r}, a number is needed", "Correct the file.")
        return float(value)

    width, height = number("w"), number("h")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        hint = f"Sizes from 1 to {MAX_SIDE} pixels are possible."
        raise unreadable(path, f"{place}: {width:g} x {height:g} pixels", hint)
    fx_default = None
    if "fl_x" not in values and "camera_angle_x" in values:
        fx_default = 0.5 * width / float(np.tan(0.5 * np.clip(number("camera_angle_x"), 1e-3, 3.1)))
    fx = number("fl_x", fx_default)
    fy = number("fl_y", fx)
    if fx <= 0 or fy <= 0:
        raise unreadable(path, f"{place}: focal length {fx:g}, {fy:g}", "Focal lengths are pixels above 0.")
    try:
        T = np.asarray(values.get("transform_matrix"), np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise unreadable(path, f"{place}: its transform_matrix is not a matrix of numbers") from error
    if T.shape not in ((4, 4), (3, 4)) or not np.isfinite(T).all():
        raise unreadable(path, f"{place}: its transform_matrix is not a 4 x 4 matrix of finite numbers")
    R = T[:3, :3]
    if np.abs(R.T @ R - np.eye(3)).max() > 1e-2 or np.linalg.det(R) < 0:
        raise unreadable(path, f"{place}: its transform_matrix is no rotation", "Remove scale and mirroring from it.")
    pose = np.eye(4)
    pose[:3] = T[:3]
    name = values.get("file_path", f"{index:03d}.png")
    if not isinstance(name, str) or not name:
        raise unreadable(path, f"{place}: its file_path is not a name")
    cx, cy = number("cx", width / 2), number("cy", height / 2)
    return name, Camera(pose, fx, fy, cx, cy, int(width), int(height))


def write(path: Path | str, cameras: list[tuple[str, Camera]]) -> None:
    """Write (file name, Camera) pairs; what all share of the lens stands at the top. Raises FormatError."""
    if not cameras:
        raise FormatError(f"Cannot write {path}: there is no camera", "Give at least one camera.")
    lenses = [dict(zip(LENS, (c.width, c.height, c.fx, c.fy, c.cx, c.cy), strict=True)) for _, c in cameras]
    shared = {key: value for key, value in lenses[0].items() if all(lens[key] == value for lens in lenses)}
    frames = [
        {
            "file_path": name,
            **{key: value for key, value in lens.items() if key not in shared},
            "transform_matrix": camera.T_world_camera.tolist(),
        }
        for (name, camera), lens in zip(cameras, lenses, strict=True)
    ]
    text = json.dumps({"camera_model": "OPENCV", **shared, "frames": frames}, indent=1) + "\n"
    write_atomically(Path(path), lambda stream: stream.write(text.encode()))
