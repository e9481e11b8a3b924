"""Segment: which pixels of the image are the object."""

from __future__ import annotations

import cv2
import numpy as np

from model.errors import ImageError
from model.progress import Progress, silent

PLAIN_SIDE = 1024  # px, longer side at which a plain background is looked at
GRABCUT_SIDE = 320  # px, longer side for GrabCut
SMALLEST = 2e-3  # of the image; less is no object
NO_OBJECT = ImageError("No object found", "Draw a box around the object, or use a picture with a plain background.")

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in image pixels


def object_mask(rgba: np.ndarray, box: Box | None = None, progress: Progress = silent) -> np.ndarray:
    """Find the object in an (H, W, 4) uint8 image; returns (H, W) bool.

    Takes the picture's transparency where it has any; else a plain background told from its border; else
    GrabCut (Rother et al. 2004) inside a box, the user's or a central one. Raises ImageError where nothing is found.
    """
    h, w = rgba.shape[:2]
    if min(h, w) < 16:
        raise ImageError(f"The image is too small ({w} x {h} pixels)", "Use one of at least 16 x 16 pixels.")
    window = _window(box, w, h)
    progress(0.0, "Finding the object")
    opaque = rgba[..., 3] >= 128
    share = opaque.mean()
    if share == 0:
        raise ImageError("The image is fully transparent", "Use a picture of an object.")
    if share < 1 - SMALLEST:
        return _checked(_without_specks(opaque & window))
    _, lab = _reduced(rgba, PLAIN_SIDE)
    plain = _plain_background(lab, _resized(window, lab))
    progress(0.4, "Finding the object")
    if plain is not None:
        mask = _enlarged(plain, w, h) & window
        if box is None:
            return _checked(mask)
        if mask.sum() >= 0.05 * window.sum():
            return mask
    rgb, _ = _reduced(rgba, GRABCUT_SIDE)
    mask = _grabcut(rgb, _resized(window, rgb))
    progress(0.9, "Finding the object")
    return _checked(_largest(_enlarged(mask, w, h) & window))


def _window(box: Box | None, w: int, h: int) -> np.ndarray:
    """Return the box as (H, W) bool; everything without one."""
    window = np.ones((h, w), bool)
    if box is None:
        return window
    x0, x1 = (int(np.clip(v, 0, w)) for v in sorted((box[0], box[2])))
    y0, y1 = (int(np.clip(v, 0, h)) for v in sorted((box[1], box[3])))
    if x1 - x0 < 8 or y1 - y0 < 8:
        raise ImageError("The box is too small or outside the image", "Draw a box around the whole object.")
    window[:] = False
    window[y0:y1, x0:x1] = True
    return window


def _reduced(rgba: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with its longer side at most side: (h, w, 3) uint8 RGB, and as float32 CIE Lab."""
    scale = min(1.0, side / max(rgba.shape[:2]))
    size = (max(1, round(rgba.shape[1] * scale)), max(1, round(rgba.shape[0] * scale)))
    rgb = np.ascontiguousarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA)[..., :3])
    return rgb, cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _resized(mask: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Scale a mask to the size of a picture."""
    return cv2.resize(mask.view(np.uint8), like.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0


def _enlarged(mask: np.ndarray, w: int, h: int) -> np.ndarray:
    """Scale a mask up; the edge runs smoothly between its pixels."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    return cv2.resize(soft, (w, h), interpolation=cv2.INTER_LINEAR) > 0.5


def _plain_background(lab: np.ndarray, window: np.ndarray) -> np.ndarray | None:
    """Return the mask of the largest thing in the window, (h, w) bool, or None where the border is not plain.

    The background is a smooth surface (quadratic in x and y) fitted to the border's Lab colours, outliers cast out.
    """
    background, noise, plain_share = _border_surface(lab)
    if plain_share < 0.7:
        return None
    difference = lab - background
    chroma = np.hypot(difference[..., 1], difference[..., 2])
    distance = np.hypot(0.7 * difference[..., 0], chroma)  # lightness counts less: it is what shadows change
    limit = max(1.5, 1.3 * noise)
    certain = _flooded(distance < limit)
    # A soft shadow is as colourless as the background, darker, and fades without an edge.
    darker = -difference[..., 0]
    shade = (chroma < max(4.0, noise)) & (darker > 0) & (darker < 0.65 * background[..., 0])
    lightness = cv2.GaussianBlur(lab[..., 0], (0, 0), 1.0)
    slope = np.hypot(*(cv2.Sobel(lightness, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))))
    smooth = slope < 900 / max(lab.shape[:2])  # Lab units a pixel: a shadow's edge is as wide as the picture is large
    soft = _flooded((distance < limit) | (shade & smooth & (darker < 45)))
    if _lies_below(soft & (distance >= limit), ~certain):
        certain = soft
    mask = _largest(~certain & window)
    mask &= ~_cast_shadow(mask, shade, chroma)
    return _without_specks(mask & ~_mixed_edge(mask, distance))


def _border_surface(lab: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Fit a quadratic surface to the border; returns it (h, w, 3), its noise (Lab units) and the share it explains."""
    h, w = lab.shape[:2]
    ring = np.ones((h, w), bool)
    t = max(2, round(0.02 * max(h, w)))
    ring[t:-t, t:-t] = False
    y, x = (grid.astype(np.float32) for grid in np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    A, b = terms[ring], lab[ring]
    centre = np.median(b, axis=0)
    residual = np.linalg.norm(b - centre, axis=1)
    coefficients = np.zeros((6, 3), np.float32)
    for _ in range(4):
        keep = residual <= max(4.0, 2.5 * float(np.median(residual)))
        coefficients = np.linalg.lstsq(A[keep], b[keep], rcond=None)[0]
        residual = np.linalg.norm(b - A @ coefficients, axis=1)
    explained = residual < 6
    noise = float(np.quantile(residual[explained], 0.98)) if explained.any() else np.inf
    return terms @ coefficients, noise, float(explained.mean())


def _cast_shadow(mask: np.ndarray, shade: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """Return the hard shadow that a coloured object throws on the floor under it, (h, w) bool.

    It is colourless, thin, lies below everything else in its columns, and the object itself is coloured;
    a grey object keeps all its pixels, for its lower rim looks the same.
    """
    body = mask & ~shade
    none = np.zeros_like(mask)
    if not body.any() or body.sum() < 0.6 * mask.sum() or np.median(chroma[body]) < 10:
        return none
    below = np.cumsum(body[::-1], axis=0)[::-1] == 0  # nothing of the body further down
    shadow = cv2.morphologyEx((mask & below).view(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    rows, dark = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(shadow.any(axis=1))
    height = np.ptp(rows) + 1
    if len(dark) == 0 or np.ptp(dark) > 0.25 * height or shadow.sum(axis=0).max() > 0.15 * height:  # grey legs
        return none
    return mask & below


def _lies_below(shadow: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a supposed soft shadow is one: small, or under the object; else it runs through a pale object."""
    area = shadow.sum()
    if area <= 0.1 * mask.sum():
        return True
    rows = np.flatnonzero(mask.any(axis=1))
    centre = (shadow.sum(axis=1) @ np.arange(len(shadow))) / area
    return bool(centre > rows[0] + 0.65 * (rows[-1] - rows[0]))


def _mixed_edge(mask: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the edge pixels that are more background than object, told by what lies just inside them."""
    out = np.zeros_like(mask)
    for width, share in ((2, 0.5), (6, 0.15)):  # mixed pixels; what compression leaves around an edge
        square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
        edge = mask & (cv2.erode(mask.view(np.uint8), square, borderValue=1) == 0)
        inside = cv2.dilate(np.where(mask, distance, 0).astype(np.float32), np.ones((2 * width + 3,) * 2, np.uint8))
        out |= edge & (distance < share * inside)
    return out


def _grabcut(rgb: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Split a small (h, w, 3) uint8 picture by GrabCut, starting from an ellipse in the window; (h, w) bool."""
    h, w = window.shape
    ys, xs = np.nonzero(window)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    u = (2 * x - xs.min() - xs.max()) / np.ptp(xs)
    v = (2 * y - ys.min() - ys.max()) / np.ptp(ys)
    edge = max(2, round(0.02 * max(h, w)))
    window = window.copy()
    window[:edge], window[:, :edge], window[:, -edge:] = False, False, False  # the lower edge may cut the object
    if window.sum() < 16:
        return window
    middle = (u / 0.75) ** 2 + (v / 0.85) ** 2 <= 1
    label = np.where(middle, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    label[~window] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))  # colour models that GrabCut fills in
    cv2.grabCut(np.ascontiguousarray(rgb[..., ::-1]), label, (0, 0, 0, 0), back, front, 5, cv2.GC_INIT_WITH_MASK)
    return _without_small_holes(_largest((label == cv2.GC_FGD) | (label == cv2.GC_PR_FGD)))


def _flooded(open_: np.ndarray) -> np.ndarray:
    """Return what of a mask is reached from the picture's border, (h, w) bool."""
    padded = np.pad(open_, 1, constant_values=True)
    _, label = cv2.connectedComponents(padded.view(np.uint8), connectivity=4)
    return (label == label[0, 0])[1:-1, 1:-1]


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected piece of a mask; an empty mask stays empty."""
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros_like(mask)
    return label == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """Drop pieces below a hundredth of the largest."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA].copy()
    area[0] = 0
    return np.asarray((area >= 0.01 * area.max())[label] & mask)


def _without_small_holes(mask: np.ndarray) -> np.ndarray:
    """Fill holes below a fiftieth of the object."""
    _, label, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.02 * mask.sum()
    small[0] = False
    return mask | small[label]


def _checked(mask: np.ndarray) -> np.ndarray:
    if mask.sum() < SMALLEST * mask.size:
        raise NO_OBJECT
    return mask
