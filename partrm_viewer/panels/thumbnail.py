"""Thumbnail: a small picture of a state, made from so few of its pixels or splats that nobody waits for it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap

from partrm_viewer.document import Snapshot
from partrm_viewer.screen import image_of
from partrm_viewer.tools import navigate

THUMB = QSize(104, 78)  # pixels of the screen; the picture has twice as many, for fine screens
DOTS = 30_000  # splats that are drawn at most
FINEST = 3  # pixels of the image for each one of the picture, at most


def thumbnail(snapshot: Snapshot) -> QPixmap:
    """Draw a state: its image around the object, or its splat centres."""
    return fitted(_cropped(snapshot) if snapshot.state is not None else _dotted(snapshot), THUMB * 2)


def fitted(rgb: np.ndarray, size: QSize) -> QPixmap:
    """Put an image (H, W, 3) uint8 in the middle of a white picture of a size."""
    k = max(1, min(rgb.shape[0] // (FINEST * size.height()), rgb.shape[1] // (FINEST * size.width())))
    scaled = QPixmap.fromImage(image_of(rgb[::k, ::k])).scaled(
        size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    result = QPixmap(size)
    result.fill(QColor("white"))
    painter = QPainter(result)
    painter.drawPixmap((size.width() - scaled.width()) // 2, (size.height() - scaled.height()) // 2, scaled)
    painter.end()
    return result


def _cropped(snapshot: Snapshot) -> np.ndarray:
    assert snapshot.state is not None
    image, mask = snapshot.state.image[..., :3], snapshot.state.mask
    k = max(1, max(mask.shape) // 1024)
    thin = mask[::k, ::k]
    rows, columns = k * np.flatnonzero(thin.any(axis=1)), k * np.flatnonzero(thin.any(axis=0))
    if not len(rows):
        return image
    margin = max(rows[-1] - rows[0], columns[-1] - columns[0]) // 12
    y0, x0 = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    return image[y0 : rows[-1] + margin + 1, x0 : columns[-1] + margin + 1]


def _dotted(snapshot: Snapshot) -> np.ndarray:
    gaussians = snapshot.gaussians.select(np.s_[:: max(1, len(snapshot.gaussians) // DOTS)])
    size = (THUMB.height() * 2, THUMB.width() * 2)
    rgb = np.full((*size, 3), 255, np.uint8)
    camera = navigate.home(gaussians, None).camera.fitted(size[1], size[0])
    pixels, depth = camera.project(gaussians.positions)
    order = np.argsort(-depth)  # nearest last, so that it is on top
    order = order[(depth[order] > 1e-3) & (gaussians.opacities[order] > 0.2)]
    x, y = np.clip(np.floor(pixels[order]), -9, 99999).astype(int).T
    colours = (gaussians.colours[order] * 255).astype(np.uint8)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (x + dx >= 0) & (x + dx < size[1]) & (y + dy >= 0) & (y + dy < size[0])
        rgb[y[inside] + dy, x[inside] + dx] = colours[inside]
    return rgb
