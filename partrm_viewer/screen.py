"""Screen: how the viewport puts Gaussians on the window; one for OpenGL, one for renderers that give arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.gaussians import Gaussians
from partrm_viewer.pace import Pace

Colour = tuple[float, float, float]  # 0..1, display space
HIGHLIGHT: Colour = (0.18, 0.48, 1.0)
HIGHLIGHT_STRENGTH = 0.38


class Screen(Protocol):
    """A widget that shows Gaussians; each call takes effect at the next frame, which comes by itself."""

    widget: QWidget
    name: str  # what the status bar calls it
    why: str  # why it is this one
    pace: Pace  # how long frames take

    def set_gaussians(self, gaussians: Gaussians | None) -> None:
        """Show these; part and motion are forgotten."""
        ...

    def set_part(self, splats: np.ndarray | None) -> None:
        """Tint the Gaussians at an (N,) bool mask."""
        ...

    def set_motion(self, T: np.ndarray | None) -> None:
        """Move the part by a rigid (4, 4) transform."""
        ...

    def compare(self, before: Gaussians | None, at: float) -> None:
        """Show other Gaussians in the left part of the picture, up to 0..1 of its width; None: nowhere."""
        ...

    def look(self, camera: Camera, background: Colour) -> None:
        """Use a camera of the widget's size in device pixels."""
        ...

    def picture(self) -> QImage:
        """Return what is on screen."""
        ...

    def close(self) -> None:
        """Let go of threads and graphics memory."""
        ...


def image_of(rgb: np.ndarray) -> QImage:
    """Make Qt's image of (H, W, 3) uint8."""
    h, w, _ = rgb.shape
    return QImage(rgb.tobytes(), w, h, 3 * w, QImage.Format.Format_RGB888).copy()


def timer(parent: QWidget, after_ms: int, does: Callable[[], None]) -> QTimer:
    """Make a timer that, each time it is started, does one thing after a while."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(after_ms)
    made.timeout.connect(does)
    return made
