"""Pictures and films of Gaussians, at any size, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from model.camera import Camera
from model.errors import FormatError
from model.gaussians import Gaussians
from model.progress import Progress, silent
from renderer.base import Renderer

WHITE = (1.0, 1.0, 1.0)


def still(
    renderer: Renderer,
    gaussians: Gaussians,
    camera: Camera,
    size: tuple[int, int] | None = None,
    background: Sequence[float] | None = WHITE,
) -> np.ndarray:
    """Draw one picture at a size (width, height) in px, the camera's own if None.

    Returns (H, W, 3) uint8 on the background (r, g, b, 0..1), or (H, W, 4) with straight alpha where that is None.
    """
    frame = renderer.render(gaussians, camera if size is None else framed(camera, *size))
    return frame.rgba8() if background is None else frame.on(background)


def framed(camera: Camera, width: int, height: int) -> Camera:
    """Return the view at another picture size, not stretched: everything it showed is still in the picture."""
    s = min(width / camera.width, height / camera.height)
    cx = 0.5 * width + s * (camera.cx - 0.5 * camera.width)
    cy = 0.5 * height + s * (camera.cy - 0.5 * camera.height)
    return replace(camera, fx=s * camera.fx, fy=s * camera.fy, cx=cx, cy=cy, width=width, height=height)


def turned(camera: Camera, angle_deg: float, target: np.ndarray) -> Camera:
    """Return the camera carried around the vertical through target (3,), anticlockwise seen from above."""
    a = np.deg2rad(angle_deg)
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    turn[:3, 3] = target - turn[:3, :3] @ target
    return replace(camera, T_world_camera=turn @ camera.T_world_camera)


def turntable(
    renderer: Renderer,
    gaussians: Gaussians,
    camera0: Camera,
    path: Path | str,
    frames: int = 90,
    size: int | tuple[int, int] = 512,
    background: Sequence[float] = WHITE,
    fps: int = 30,
    progress: Progress = silent,
) -> Path:
    """Film one turn around the Gaussians, beginning at camera0, as MP4 (H.264); returns the path.

    Sizes are rounded down to even numbers, which the encoding needs. Raises Cancelled from progress, FormatError where
    the file cannot be written; neither leaves anything behind nor touches a film that was there.
    """
    assert frames >= 1
    width, height = (size, size) if isinstance(size, int) else size
    camera = framed(camera0, max(2, width // 2 * 2), max(2, height // 2 * 2))
    target = np.median(gaussians.positions, axis=0).astype(float) if len(gaussians) else np.zeros(3)
    with replacing(Path(path)) as partial:
        film = imageio_ffmpeg.write_frames(
            str(partial),
            (camera.width, camera.height),
            fps=fps,
            codec="libx264",
            macro_block_size=2,
            output_params=["-crf", "18", "-movflags", "+faststart"],
        )
        try:
            film.send(None)
            for k in range(frames):
                progress(k / frames, f"frame {k + 1} of {frames}")
                view = turned(camera, 360 * k / frames, target)
                film.send(np.ascontiguousarray(still(renderer, gaussians, view, background=background)))
        finally:
            film.close()
        progress(1.0, "done")
    return Path(path)


def write_png(path: Path | str, image: np.ndarray) -> Path:
    """Write (H, W, 3 | 4) uint8, RGB(A) with straight alpha, as PNG; returns the path."""
    code = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    encoded, data = cv2.imencode(".png", cv2.cvtColor(image, code))
    assert encoded
    with replacing(Path(path)) as partial:
        partial.write_bytes(data.tobytes())
    return Path(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside path that takes its place at the end, and vanishes on any failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes files private; a picture should have the rights any new file gets.
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> FormatError:
    return FormatError(
        f"{path} cannot be written ({error.strerror or error}).", "Check the folder, its rights and free space."
    )
