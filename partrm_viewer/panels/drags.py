"""Drags: the pulls that led to the shown state, one row each: on or off, how far, away with it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PySide6.QtCore import QDir, QSignalBlocker, QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from model.articulation.joint import SLIDE_LIMITS, TURN_LIMITS_RAD
from partrm_viewer import theme as themes
from partrm_viewer.document import Document, Step
from partrm_viewer.panels.pane import Elided
from partrm_viewer.panels.thumbnail import fitted
from partrm_viewer.screen import timer
from partrm_viewer.steps import Steps, how_far
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.words import tr

CHIP = QSize(44, 38)
WIDTH = 272  # px
AROUND = 0.06  # of the photo's longer side: shown around the start of a drag whose part nobody knows
SETTLE_MS = 400  # after the last change by key or wheel, before it is done
TICKS = 1000  # of a slider


class Host(Protocol):
    """What the rows ask for; `at` is the place of a step in the list."""

    def switch(self, at: int, on: bool) -> None: ...

    def try_amount(self, at: int, amount: float) -> None: ...

    def set_amount(self, at: int, amount: float) -> None: ...

    def end_try(self) -> None: ...

    def remove(self, at: int) -> None: ...


class DragsPanel(QScrollArea):
    """One row a step; what the user changes is asked of the host."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.setObjectName("drags")
        self._host, self._theme = host, LIGHT
        self.rows: list[Row] = []
        self._empty = QLabel(tr("No pulls lead to this state.\nPress on a part of the photo and pull it."))
        self._empty.setObjectName("dragsEmpty")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        body = QWidget()
        body.setObjectName("dragsBody")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(8, 2, 8, 2)
        self._column.setSpacing(6)
        self._column.addWidget(self._empty)
        self._column.addStretch()
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        QDir.addSearchPath("icons", str(themes.RESOURCES / "icons"))  # for the tick in the style sheet

    def show_steps(self, document: Document, steps: Steps) -> None:
        """Show steps; rows that are there already are filled anew, so that the keyboard stays where it is."""
        while len(self.rows) > len(steps):
            row = self.rows.pop()
            self._column.removeWidget(row)
            row.leave()
        while len(self.rows) < len(steps):
            row = Row(self._host, len(self.rows))
            row.set_theme(self._theme)
            self.rows.append(row)
            self._column.insertWidget(len(self.rows), row)
        for row, step in zip(self.rows, steps, strict=True):
            row.show_step(document, step)
        self._empty.setVisible(not steps)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in a theme's colours."""
        self._theme = theme
        for row in self.rows:
            row.set_theme(theme)


class Row(QFrame):
    """One step."""

    def __init__(self, host: Host, at: int) -> None:
        super().__init__()
        self.setObjectName("drag")
        self._host, self._at = host, at
        self._step: Step | None = None
        self._unit = 1.0  # of the shown numbers, in world units or radians
        self.on = QCheckBox()
        self.on.setToolTip(tr("Take this pull in, or leave it out"))
        self.on.toggled.connect(lambda on: host.switch(at, on))
        self.chip = QLabel()
        self.chip.setFixedSize(CHIP)
        self.title, self.name = Elided("dragTitle"), Elided("dragName")
        self.remove = QToolButton()
        self.remove.setToolTip(tr("Remove this pull"))
        self.remove.clicked.connect(lambda: host.remove(at))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-TICKS, TICKS)
        self.slider.setPageStep(TICKS // 20)
        self.slider.setSingleStep(TICKS // 100)
        self.spin = QDoubleSpinBox()
        self.spin.setKeyboardTracking(False)
        self.spin.setFixedWidth(78)
        self._settled = timer(self, SETTLE_MS, self._ask)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(self._ask)
        self.spin.valueChanged.connect(self._typed)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.title)
        words.addWidget(self.name)
        amount = QHBoxLayout()
        amount.setSpacing(8)
        amount.addWidget(self.slider, 1)
        amount.addWidget(self.spin)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 8, 4, 8)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.on, 0, 0)
        grid.addWidget(self.chip, 0, 1)
        grid.addLayout(words, 0, 2)
        grid.addWidget(self.remove, 0, 3)
        grid.addLayout(amount, 1, 1, 1, 3)
        grid.setColumnStretch(2, 1)
        self._amount = (self.slider, self.spin)

    def show_step(self, document: Document, step: Step) -> None:
        """Fill the row."""
        if self._step is None or (self._step.held, self._step.drag.start_px) != (step.held, step.drag.start_px):
            self.chip.setPixmap(chip(document, step))
        self._step = step
        self._settled.stop()
        motion = step.motion
        with QSignalBlocker(self.on), QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.on.setChecked(step.on)
            if motion is not None:
                slides = motion.joint.kind == "prismatic"
                self._unit, limit = (1.0, SLIDE_LIMITS[1]) if slides else (np.deg2rad(1.0), TURN_LIMITS_RAD[1])
                self.spin.setDecimals(2 if slides else 1)
                self.spin.setSuffix("" if slides else "°")
                self.spin.setSingleStep(0.01 if slides else 1.0)
                self.spin.setRange(-limit / self._unit, limit / self._unit)
                self.spin.setValue(motion.amount / self._unit)
                self._slide_to(motion.amount)
        told = how_far(motion) if motion is not None else tr("Pulled")
        self.title.set_text(told)
        self.name.set_text(step.name if step.on else tr("{name} · left out").format(name=step.name))
        self.on.setAccessibleName(step.name)
        self.spin.setAccessibleName(tr("How far"))
        for widget in self._amount:
            widget.setVisible(motion is not None and step.held is not None)
            widget.setEnabled(step.on)
        self.setProperty("off", not step.on)
        self.title.style().unpolish(self.title)
        self.title.style().polish(self.title)

    def leave(self) -> None:
        """Go, with what was half typed."""
        self._settled.stop()
        self.spin.blockSignals(True)  # it would tell its last amount when it loses the keyboard
        self.hide()
        self.deleteLater()

    def set_theme(self, theme: Theme) -> None:
        """Draw the icon in a theme's colours."""
        self.remove.setIcon(themes.icon("trash", theme))

    def _slide_to(self, amount: float) -> None:
        self.slider.setValue(round(TICKS * amount / (self.spin.maximum() * self._unit)))

    def _slid(self, ticks: int) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setValue(ticks / TICKS * self.spin.maximum())
        self._try()

    def _typed(self, _: float) -> None:
        with QSignalBlocker(self.slider):
            self._slide_to(self.spin.value() * self._unit)
        self._try()

    def _try(self) -> None:
        self._host.try_amount(self._at, self.spin.value() * self._unit)
        if not self.slider.isSliderDown():
            self._settled.start()

    def _ask(self) -> None:
        """Ask for the amount on show, unless it is what the step has."""
        self._settled.stop()
        assert self._step is not None and self._step.motion is not None
        amount = self.spin.value() * self._unit
        if abs(amount - self._step.motion.amount) > 0.51 * 10.0 ** -self.spin.decimals() * self._unit:
            self._host.set_amount(self._at, amount)
        else:
            self._host.end_try()


def chip(document: Document, step: Step) -> QPixmap:
    """Show the pulled part as it lies in the photo, the rest faint."""
    held, photo = step.held, document.image
    if photo is None:
        return QPixmap()
    if held is not None and held.mask.size:
        (x, y), (h, w) = held.corner_px, held.mask.shape
        cut = photo[y : y + h, x : x + w, :3]
        return fitted(np.where(held.mask[..., None], cut, 128 + cut // 2).astype(np.uint8), CHIP * 2).scaled(
            CHIP * 2, Qt.AspectRatioMode.KeepAspectRatio
        )
    around = AROUND * max(photo.shape[:2])
    x, y = (max(round(v - around), 0) for v in step.drag.start_px)
    return fitted(photo[y : y + round(2 * around), x : x + round(2 * around), :3], CHIP * 2)
