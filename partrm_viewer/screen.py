"""Screen: how the viewport puts Gaussians on the window; one for OpenGL, one for renderers that give arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from model.camera import Camera
from model.gaussians import Gaussians
from partrm_viewer.pace import Pace

Colour = tuple[float, float, float]  # 0..1, display space
HIGHLIGHTS: tuple[Colour, Colour] = ((0.18, 0.48, 1.0), (0.94, 0.89, 0.26))  # of the part; on what is blue itself
HIGHLIGHT_STRENGTH = 0.38
BLUISH = 0.2  # more blue than red, of 0..1: there the first highlight would not be seen


@dataclass(frozen=True, eq=False)
class Beside:
    """Another state in the same picture: left of a line, the whole view in a half of its own, or as a difference."""

    gaussians: Gaussians
    how: str = "line"  # or "halves", "difference"
    at: float = 0.5  # 0..1 of the width: left of it lies the other state; halves are halves

    @property
    def halved(self) -> bool:
        """Tell whether each state has a half of its own."""
        return self.how == "halves"

    def another_picture(self, than: Beside | None) -> bool:
        """Tell whether more has changed than where the line is."""
        return than is None or self.gaussians is not than.gaussians or self.how != than.how


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

    def compare(self, beside: Beside | None) -> None:
        """Show another state in the same picture; None: no longer."""
        ...

    def look(self, camera: Camera, background: Colour) -> None:
        """Use a camera of the widget's size in device pixels; of halves, that of the shown state's, on the right."""
        ...

    def picture(self) -> QImage:
        """Return what is on screen."""
        ...

    def close(self) -> None:
        """Let go of threads and graphics memory."""
        ...


def highlight_on(gaussians: Gaussians, splats: np.ndarray) -> Colour:
    """Return the colour in which the part at an (N,) bool mask stands out best."""
    middle = np.median(gaussians.colours[splats], axis=0) if splats.any() else np.zeros(3)
    return HIGHLIGHTS[int(middle[2] - middle[0] > BLUISH)]


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
