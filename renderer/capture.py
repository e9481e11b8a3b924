"""Pictures and films of Gaussians, at any size, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from model.camera import Camera
from model.errors import FormatError
from model.gaussians import Gaussians
from model.progress import Progress, silent
from renderer.base import Frame, Renderer
from renderer.film import Film, png, replacing, write_film

WHITE = (1.0, 1.0, 1.0)
TILE = 4096  # px; larger pictures are drawn in parts, which every OpenGL takes and which bound the memory
LAP = 1 / 8  # of a part's side, which it is drawn beyond what is kept of it

Size = int | tuple[int, int]  # a side, or width and height, in px


def still(
    renderer: Renderer,
    gaussians: Gaussians,
    camera: Camera,
    size: tuple[int, int] | None = None,
    background: Sequence[float] | None = WHITE,
    samples: int = 1,
    tile: int | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Draw one picture at a size (width, height) in px, the camera's own if None; there is no largest.

    Returns (H, W, 3) uint8 on the background (r, g, b, 0..1), or (H, W, 4) with straight alpha where that is None.
    Beyond `tile` (default: TILE) a side it is drawn in parts: the same pixels within one step of rounding, within a few
    where a camera stands so near that single splats fill a part. samples: each side of a pixel is drawn as so many, and
    averaged; what is finer than a pixel then shows. progress is called before each part and may raise Cancelled. Raises
    RendererError where the computer cannot draw it.
    """
    view = camera if size is None else camera.fitted(*size)
    picture = np.empty((view.height, view.width, 4 if background is None else 3), np.uint8)
    fine, s = view.resized(view.width * samples, view.height * samples), samples
    side = max((tile or TILE) // samples, 1)
    parts = [(rows, columns) for rows in _spans(view.height, side) for columns in _spans(view.width, side)]
    for k, ((top, y0, y1, bottom), (left, x0, x1, right)) in enumerate(parts):
        progress(k / len(parts), f"part {k + 1} of {len(parts)}")
        frame = renderer.render(gaussians, fine.cropped(left * s, top * s, (right - left) * s, (bottom - top) * s))
        frame = frame if s == 1 else _averaged(frame, s)
        part = frame.rgba8() if background is None else frame.on(background)
        picture[y0:y1, x0:x1] = part[y0 - top : y1 - top, x0 - left : x1 - left]
    return picture


def _averaged(frame: Frame, samples: int) -> Frame:
    """Make one pixel of each square of so many a side; the depth is that of its corner."""
    height, width = frame.depth.shape
    squares = frame.colour.reshape(height // samples, samples, width // samples, samples, 4)
    return Frame(squares.mean(axis=(1, 3)), frame.depth[::samples, ::samples])


def _spans(length: int, side: int) -> list[tuple[int, int, int, int]]:
    """Cut a picture's side into parts: drawn from, kept from, kept until, drawn until, in px.

    Renderers take the slope of a splat far outside the picture as less than it is (see kernels.project_one). The lap,
    and parts that are all as large as they may be, keep what comes of that out of the picture. side: px of a part.
    """
    if length <= side:
        return [(0, 0, length, length)]
    lap = int(LAP * side)
    step = side - 2 * lap
    starts = [(min(max(0, a - lap), length - side), a) for a in range(0, length, step)]
    return [(start, a, min(a + step, length), start + side) for start, a in starts]


def turned(camera: Camera, angle_deg: float, target: np.ndarray) -> Camera:
    """Return the camera carried around the vertical through target (3,), anticlockwise seen from above."""
    a = np.deg2rad(angle_deg)
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    turn[:3, 3] = target - turn[:3, :3] @ target
    return replace(camera, T_world_camera=turn @ camera.T_world_camera)


def between(cameras: Sequence[Camera], at: float) -> Camera:
    """Return the camera at 0 (the first) ... K - 1 (the last) of K cameras of one picture size.

    Positions lie on a Catmull-Rom curve (a straight line where there are two), rotations take the shortest way between
    neighbours (Shoemake 1985), the lens changes linearly.
    """
    last = len(cameras) - 1
    i = int(np.clip(np.floor(at), 0, max(last - 1, 0)))
    t, a, b = at - i, cameras[i], cameras[min(i + 1, last)]
    # Beyond the ends the curve goes on as the mirror image of its neighbour.
    before = cameras[i - 1].position if i > 0 else 2 * a.position - b.position
    after = cameras[i + 2].position if i + 2 <= last else 2 * b.position - a.position
    pull_a, pull_b = (b.position - before) / 2, (after - a.position) / 2  # (3,) each, the curve's speeds at a and b
    hermite = [2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t, 3 * t**2 - 2 * t**3, t**3 - t**2]
    T = np.eye(4)
    T[:3, 3] = np.array(hermite) @ np.stack([a.position, pull_a, b.position, pull_b])
    R_a, R_b = a.T_world_camera[:3, :3], b.T_world_camera[:3, :3]
    turn, _ = cv2.Rodrigues(R_a.T @ R_b)  # (3, 1), axis times angle
    T[:3, :3] = R_a @ cv2.Rodrigues(t * turn)[0]
    fx, fy, cx, cy = ((1 - t) * getattr(a, name) + t * getattr(b, name) for name in ("fx", "fy", "cx", "cy"))
    return Camera(T, fx, fy, cx, cy, a.width, a.height)


def turntable(
    renderer: Renderer,
    gaussians: Gaussians,
    camera0: Camera,
    path: Path | str,
    frames: int = 90,
    size: Size = 512,
    background: Sequence[float] | None = WHITE,
    fps: float = 30,
    progress: Progress = silent,
) -> Path:
    """Film one turn around the Gaussians, beginning at camera0; returns the path.

    The path's ending chooses the format, see write_film; background None: transparent. Raises Cancelled from progress,
    FormatError where the film cannot be written; neither leaves anything behind nor touches a film that was there.
    """
    assert frames >= 1
    camera, target = _sized(camera0, size), _middle(gaussians)
    cameras = [turned(camera, 360 * k / frames, target) for k in range(frames)]
    return _film(renderer, repeat(gaussians), cameras, path, background, fps, progress)


def camera_path(
    renderer: Renderer,
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    path: Path | str,
    frames: int | None = None,
    size: Size | None = None,
    background: Sequence[float] | None = WHITE,
    fps: float = 30,
    progress: Progress = silent,
) -> Path:
    """Film the Gaussians along a way through key cameras, in as many frames; returns the path.

    frames None: exactly the cameras given, one frame each. size None: the first camera's own. Else as turntable;
    FormatError also where there is no camera.
    """
    assert frames is None or frames >= 1
    if not cameras:
        raise FormatError("There is no camera to film from.", "Set at least one camera.")
    first = _sized(cameras[0], size)
    keys = [camera.fitted(first.width, first.height) for camera in cameras]
    way = keys if frames is None else [between(keys, at) for at in np.linspace(0, len(keys) - 1, frames)]
    return _film(renderer, repeat(gaussians), way, path, background, fps, progress)


def state_sequence(
    renderer: Renderer,
    states: Sequence[Gaussians],
    camera: Camera,
    path: Path | str,
    turn_deg: float = 0.0,
    target: np.ndarray | None = None,
    size: Size | None = None,
    background: Sequence[float] | None = WHITE,
    fps: float = 30,
    progress: Progress = silent,
) -> Path:
    """Film each state in turn, one frame each; returns the path.

    turn_deg: how far the camera is carried around the target meanwhile (360 comes back with the first frame). target:
    (3,) world units, None is the middle of the first state. size None: the camera's own. Else as turntable;
    FormatError also where there is no state.
    """
    if not states:
        raise FormatError("There is no state to film.", "Give at least one set of Gaussians.")
    start, count = _sized(camera, size), len(states)
    around = _middle(states[0]) if target is None else target
    cameras = [turned(start, turn_deg * k / count, around) for k in range(count)]
    return _film(renderer, states, cameras, path, background, fps, progress)


def write_png(path: Path | str, image: np.ndarray) -> Path:
    """Write (H, W, 3 | 4) uint8, RGB(A) with straight alpha, as PNG; returns the path. Raises FormatError."""
    with replacing(Path(path)) as partial:
        partial.write_bytes(png(image))
    return Path(path)


def _film(
    renderer: Renderer,
    states: Iterable[Gaussians],
    cameras: Sequence[Camera],
    path: Path | str,
    background: Sequence[float] | None,
    fps: float,
    progress: Progress,
) -> Path:
    film = Film(len(cameras), (cameras[0].width, cameras[0].height), fps, transparent=background is None)
    pictures = (still(renderer, g, camera, background=background) for g, camera in zip(states, cameras))
    return write_film(path, film, pictures, progress)


def _sized(camera: Camera, size: Size | None) -> Camera:
    if size is None:
        return camera
    return camera.fitted(size, size) if isinstance(size, int) else camera.fitted(*size)


def _middle(gaussians: Gaussians) -> np.ndarray:
    """Return the point to turn around, (3,) world units; a few stray splats do not move it."""
    return np.mean(gaussians.box(), axis=0) if len(gaussians) else np.zeros(3)
