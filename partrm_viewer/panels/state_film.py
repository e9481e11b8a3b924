"""StateFilmSheet: how the states are filmed: size, pace, and what happens between two."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDoubleSpinBox, QFormLayout, QLayout, QVBoxLayout, QWidget

from partrm_viewer.panels.still import background_box, save_buttons
from partrm_viewer.state_film import StateFilm
from partrm_viewer.words import tr

SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (1080, 1080), (1080, 1920))  # px


class StateFilmSheet(QDialog):
    """Asks, and then calls `accept` with what was chosen; deletes itself."""

    def __init__(self, parent: QWidget, film: StateFilm, accept: Callable[[StateFilm], None]) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Film the states"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.size_px = QComboBox()
        for width, height in dict.fromkeys((film.size, *SIZES)):
            self.size_px.addItem(f"{width} × {height}", (width, height))
        self.background = background_box(film.background)
        self.background.setToolTip(tr("MP4 cannot be transparent; WebP and GIF can"))
        self.seconds = QDoubleSpinBox()
        self.seconds.setRange(0.1, 60)
        self.seconds.setDecimals(2)
        self.seconds.setSingleStep(0.25)
        self.seconds.setSuffix(tr(" s"))
        self.seconds.setMinimumSize(110, 28)
        self.seconds.setValue(film.seconds)
        self.change = QComboBox()
        self.change.addItem(tr("Cut"), False)
        self.change.addItem(tr("Fade the pictures"), True)
        self.back = QCheckBox(tr("And backwards again"))
        self.back.setChecked(film.back)
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.addRow(tr("Size"), self.size_px)
        form.addRow(tr("Background"), self.background)
        form.addRow(tr("Each state"), self.seconds)
        form.addRow(tr("To the next"), self.change)
        form.addRow("", self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        column.addLayout(form)
        column.addWidget(save_buttons(self))
        self.accepted.connect(lambda: accept(self.film))

    @property
    def film(self) -> StateFilm:
        """Return what is chosen."""
        width, height = self.size_px.currentData()
        background, fades = self.background.currentData(), self.change.currentData()
        return StateFilm((width, height), background, self.seconds.value(), fades, self.back.isChecked())
