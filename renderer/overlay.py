"""What is drawn over the splats: the ground, the line between before and after, drags; in this order everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from model.camera import Camera

# Okabe and Ito's colours, told apart by people with any kind of colour vision.
ORANGE, SKY, GREEN, YELLOW = (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)
BLUE, VERMILION, PURPLE, GREY = (0, 114, 178), (213, 94, 0), (204, 121, 167), (128, 128, 128)
AXES = (VERMILION, GREEN, BLUE)  # x, y, z
SQUARES = 10  # of the ground grid, along each side, or a few more
NEAR = 0.01  # world units

Colour = Sequence[int]  # r, g, b, 0..255
Segment = tuple[np.ndarray, np.ndarray]  # two pixels (2,)


def draw_drag(
    image: np.ndarray, start_px: Sequence[float], end_px: Sequence[float], colour: Colour = ORANGE
) -> np.ndarray:
    """Draw a drag: a dot where the part was grabbed, an arrow to where it should go.

    image: (H, W, 3 | 4) uint8, alpha straight; returned as a copy. The width goes with the picture's size.
    """
    start, end = np.asarray(start_px, float), np.asarray(end_px, float)
    width = max(1.5, min(image.shape[:2]) / 170)
    length = float(np.linalg.norm(end - start))
    lines: list[Segment] = []
    if length > 1e-6:
        along = (end - start) / length
        across = np.array([-along[1], along[0]])
        head = min(5 * width, 0.5 * length)
        lines = [
            (start, end),
            (end, end - head * along + 0.6 * head * across),
            (end, end - head * along - 0.6 * head * across),
        ]
    for grown, tone in ((1.2, (255, 255, 255)), (0.0, colour)):
        coverage = np.zeros(image.shape[:2], np.uint8)
        _stroke(coverage, lines, width + 2 * grown)
        _dot(coverage, start, 1.8 * width + grown)
        image = lay(image, coverage, tone)
    return image


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of one kind, in pixels."""

    segments: list[Segment]
    colour: Colour
    opacity: float
    width: float  # of the picture's shorter side


def ground(camera: Camera, low: np.ndarray, high: np.ndarray) -> list[Lines]:
    """Return a grid under a box, low and high (3,) in world units with y up, and the world's axes at its middle.

    The grid's squares are 1, 2 or 5 times a power of ten wide; x is vermilion, y green, z blue, two squares long each.
    """
    reach = 0.75 * float(max(high[0] - low[0], high[2] - low[2], 0.3 * (high[1] - low[1]), 1e-6))
    step = round_step(2 * reach / SQUARES)
    half = int(np.ceil(reach / step - 1e-6))
    middle = np.round((low + high) / 2 / step) * step
    middle[1] = low[1]
    ticks, far = np.arange(-half, half + 1) * step, half * step
    across = [(np.array([t, 0, -far]), np.array([t, 0, far])) for t in ticks]
    across += [(a[::-1], b[::-1]) for a, b in across]
    grid = [(middle + a, middle + b) for a, b in across]
    lines = [Lines(project_segments(camera, grid), GREY, 0.45, 1 / 500)]
    for axis, colour in zip(np.eye(3), AXES):
        lines.append(Lines(project_segments(camera, [(middle, middle + 2 * step * axis)]), colour, 1.0, 1 / 250))
    return lines


def round_step(about: float) -> float:
    """Return the nearest 1, 2 or 5 times a power of ten that is not smaller."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= about * (1 - 1e-9)))


def draw_ground(image: np.ndarray, camera: Camera, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Draw the ground of a box, see `ground`; image: (H, W, 3 | 4) uint8, alpha straight; returned as a copy."""
    side = min(image.shape[:2])
    for lines in ground(camera, low, high):
        coverage = np.zeros(image.shape[:2], np.uint8)
        _stroke(coverage, lines.segments, max(1.0, side * lines.width))
        image = lay(image, coverage, lines.colour, lines.opacity)
    return image


def draw_split(image: np.ndarray, at: float) -> np.ndarray:
    """Draw the upright line between two halves, at 0 (left) ... 1 (right) of the width.

    image: (H, W, 3 | 4) uint8, alpha straight; returned as a copy.
    """
    height, width = image.shape[:2]
    ends = (np.array([at * width, 0.0]), np.array([at * width, float(height)]))
    thin = max(1.0, min(height, width) / 400)
    for grown, tone in ((2.0, (255, 255, 255)), (0.0, GREY)):
        coverage = np.zeros((height, width), np.uint8)
        _stroke(coverage, [ends], thin + grown)
        image = lay(image, coverage, tone)
    return image


def project_segments(camera: Camera, lines: Sequence[Segment]) -> list[Segment]:
    """Project world lines (two points (3,) each) to pixels; what lies behind the camera is cut off."""
    ends = np.array(lines, float).reshape(-1, 2, 3)
    depth = camera.project(ends.reshape(-1, 3))[1].reshape(-1, 2)
    seen = (depth > NEAR).any(axis=1)
    ends, depth = ends[seen], depth[seen]
    cut = (depth <= NEAR).any(axis=1)
    behind = depth[cut].argmin(axis=1)
    which = np.flatnonzero(cut)
    hidden, shown = ends[which, behind], ends[which, 1 - behind]
    at = (NEAR - depth[which, behind]) / (depth[which, 1 - behind] - depth[which, behind])
    # A hair in front of the plane, so that rounding does not put it behind.
    ends[which, behind] = hidden + (shown - hidden) * np.minimum(at + 1e-6, 1.0)[:, None]
    pixels = camera.project(ends.reshape(-1, 3))[0].reshape(-1, 2, 2)
    return [(a, b) for a, b in pixels]


def between(segments: Sequence[Segment], x0: float, x1: float) -> list[Segment]:
    """Cut segments to the columns from x0 to x1, px; what lies outside goes."""
    kept = []
    for a, b in segments:
        if a[0] > b[0]:
            a, b = b, a
        if b[0] < x0 or a[0] > x1:
            continue
        along = (b - a) / max(b[0] - a[0], 1e-9)
        kept.append((a + along * max(x0 - a[0], 0.0), b - along * max(b[0] - x1, 0.0)))
    return kept


def lay(image: np.ndarray, coverage: np.ndarray, colour: Colour, opacity: float = 1.0) -> np.ndarray:
    """Lay a colour over an image where coverage (H, W) uint8 says; straight alpha stays straight (no dark rims)."""
    out = image.copy()
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    if not len(rows):
        return out
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    over = coverage[box][..., None].astype(np.float32) * np.float32(opacity / 255.0)
    under = image[box].astype(np.float32)
    if image.shape[2] == 3:
        mixed = over * np.asarray(colour, np.float32) + (1 - over) * under
    else:
        below = (1 - over) * under[..., 3:] / 255.0
        alpha = over + below
        rgb = (over * np.asarray(colour, np.float32) + below * under[..., :3]) / np.maximum(alpha, 1e-6)
        mixed = np.concatenate([rgb, 255.0 * alpha], axis=-1)
    out[box] = (mixed + 0.5).astype(np.uint8)
    return out


def _stroke(coverage: np.ndarray, lines: Iterable[Segment], width: float) -> None:
    height, width_px = coverage.shape
    for a, b in lines:
        # OpenCV's fixed point overflows far outside the picture: cut there first.
        inside, p, q = cv2.clipLine((-64, -64, width_px + 128, height + 128), _round(a), _round(b))
        if not inside:
            continue
        ends = (a, b) if _round(a) == p and _round(b) == q else (np.array(p, float), np.array(q, float))
        cv2.line(coverage, _fixed(ends[0]), _fixed(ends[1]), 255, max(1, round(width)), cv2.LINE_AA, 4)


def _dot(coverage: np.ndarray, at: np.ndarray, radius: float) -> None:
    if np.abs(at).max() < 1e5:
        cv2.circle(coverage, _fixed(at), round(radius * 16), 255, -1, cv2.LINE_AA, 4)


def _round(p: np.ndarray) -> tuple[int, int]:
    x, y = np.clip(p, -1e8, 1e8)
    return round(float(x)), round(float(y))


def _fixed(p: np.ndarray) -> tuple[int, int]:
    # Sixteenths of a pixel; OpenCV's pixel centres are whole numbers, ours are at +0.5.
    return round((float(p[0]) - 0.5) * 16), round((float(p[1]) - 0.5) * 16)
