"""PoseSheet: where the camera stands, in numbers; the view follows what is typed, and the numbers follow the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QDialog, QDoubleSpinBox, QFormLayout, QVBoxLayout, QWidget

from partrm_viewer.tools import navigate
from partrm_viewer.tools.navigate import Pose
from partrm_viewer.viewport import Viewport
from partrm_viewer.words import tr

LARGEST = 1e6  # world units


class PoseSheet(QDialog):
    """Stays open beside the view."""

    def __init__(self, parent: QWidget, viewport: Viewport) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Camera"))
        self._viewport = viewport
        self._typing: QDoubleSpinBox | None = None
        self.azimuth = self._box(-180, 180, 1, "°", 1, wraps=True)
        self.elevation = self._box(-90, 90, 1, "°", 1)
        self.distance = self._box(navigate.NEAREST, LARGEST, 3)
        self.fov = self._box(1, 150, 1, "°", 1)
        self.target = [self._box(-LARGEST, LARGEST, 3) for _ in range(3)]
        self.distance.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.addRow(tr("Azimuth"), self.azimuth)
        form.addRow(tr("Elevation"), self.elevation)
        form.addRow(tr("Distance"), self.distance)
        form.addRow(tr("Field of view"), self.fov)
        for name, box in zip("xyz", self.target, strict=True):
            form.addRow(tr("Target {axis}").format(axis=name), box)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 18)
        column.addLayout(form)
        viewport.looked.connect(self.fill)
        self.adjustSize()
        corner = viewport.mapToGlobal(viewport.rect().topRight())  # where it hides the least
        self.move(corner.x() - self.sizeHint().width() - 12, corner.y() + 12)

    def fill(self) -> None:
        """Show the view's numbers; what is just being typed is left alone."""
        view = self._viewport.view
        self.setEnabled(view is not None)
        if view is None or not self.isVisible():
            return
        now = navigate.pose(view)
        values = (now.azimuth_deg, now.elevation_deg, now.distance, now.fov_y_deg, *now.target)
        for box, value in zip(self._boxes(), values, strict=True):
            if box is not self._typing:
                with QSignalBlocker(box):
                    box.setValue(value)

    def showEvent(self, event: object) -> None:
        self.fill()

    def _boxes(self) -> tuple[QDoubleSpinBox, ...]:
        return (self.azimuth, self.elevation, self.distance, self.fov, *self.target)

    def _box(
        self, low: float, high: float, decimals: int, unit: str = "", step: float = 0.1, wraps: bool = False
    ) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(low, high)
        box.setDecimals(decimals)
        box.setSingleStep(step)
        box.setSuffix(unit)
        box.setWrapping(wraps)
        box.setKeyboardTracking(True)
        box.setFixedSize(118, 28)
        box.valueChanged.connect(lambda _, box=box: self._typed(box))
        return box

    def _typed(self, box: QDoubleSpinBox) -> None:
        """Look from where the numbers say; those that nobody has touched keep the digits that no box shows."""
        view = self._viewport.view
        if view is None:
            return
        changes: dict[QDoubleSpinBox, Callable[[Pose], Pose]] = {
            self.azimuth: lambda p: replace(p, azimuth_deg=box.value()),
            self.elevation: lambda p: replace(p, elevation_deg=box.value()),
            self.distance: lambda p: replace(p, distance=box.value()),
            self.fov: lambda p: replace(p, fov_y_deg=box.value()),
        }
        now = navigate.pose(view)
        if box in changes:
            wanted = changes[box](now)
        else:
            at = np.array(now.target)
            at[self.target.index(box)] = box.value()
            wanted = replace(now, target=(float(at[0]), float(at[1]), float(at[2])))
        camera = view.camera
        moved = navigate.placed(wanted, view.up, camera.width, camera.height)
        self._typing = box
        self._viewport.set_view(replace(moved, orthographic=view.orthographic))
        self._typing = None
