"""StillSheet: how large a picture is to be, what lies behind it, and how finely it is drawn."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from partrm_viewer.still import LARGEST, Still
from partrm_viewer.words import tr


class StillSheet(QDialog):
    """Asks, and then calls `accept` with what was chosen; deletes itself."""

    def __init__(self, parent: QWidget, still: Still, accept: Callable[[Still], None]) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Save picture"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._shape = still.width / still.height
        self.width_px, self.height_px = side_box(still.width), side_box(still.height)
        self.keep = QCheckBox(tr("Keep the shape of the 3D view"))
        self.keep.setChecked(True)
        self.background = background_box(still.background)
        self.finer = QComboBox()
        for text, samples in ((tr("As on screen"), 1), (tr("Twice as fine"), 2), (tr("Four times as fine"), 4)):
            self.finer.addItem(text, samples)
        self.finer.setToolTip(tr("Finer shows what is smaller than a pixel, and takes four or sixteen times as long"))
        form = QFormLayout()
        form.setHorizontalSpacing(14)
        form.setVerticalSpacing(8)
        form.addRow(tr("Width"), self.width_px)
        form.addRow(tr("Height"), self.height_px)
        form.addRow("", self.keep)
        form.addRow(tr("Background"), self.background)
        form.addRow(tr("Drawn"), self.finer)
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setMinimumWidth(280)
        self.buttons = save_buttons(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)  # it grows with what is told
        column.addLayout(form)
        column.addWidget(self.told)
        column.addWidget(self.buttons)
        self.width_px.valueChanged.connect(lambda: self._follow(self.width_px))
        self.height_px.valueChanged.connect(lambda: self._follow(self.height_px))
        self.keep.toggled.connect(lambda: self._follow(self.width_px))
        self.accepted.connect(lambda: accept(self.still))
        self._tell()

    @property
    def still(self) -> Still:
        """Return what is chosen."""
        size = self.width_px.value(), self.height_px.value()
        return Still(*size, self.background.currentData(), self.finer.currentData())

    def _follow(self, box: QSpinBox) -> None:
        """Let the other side follow where the shape is kept."""
        if self.keep.isChecked():
            wide = box is self.width_px
            other = self.height_px if wide else self.width_px
            with QSignalBlocker(other):
                other.setValue(round(box.value() / self._shape if wide else box.value() * self._shape))
        self._tell()

    def _tell(self) -> None:
        still = self.still
        millions = still.width * still.height / 1e6
        self.told.setText(still.refused or tr("{millions:.1f} million pixels").format(millions=millions))
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not still.refused)


def side_box(value: int) -> QSpinBox:
    """Make a box for a picture's side."""
    box = QSpinBox()
    box.setRange(1, LARGEST)
    box.setSuffix(tr(" px"))
    box.setMinimumSize(110, 28)
    box.setValue(value)
    return box


def background_box(chosen: str) -> QComboBox:
    """Make a choice of what lies behind a picture."""
    box = QComboBox()
    for text, name in ((tr("White"), "white"), (tr("Black"), "black"), (tr("Transparent"), "transparent")):
        box.addItem(text, name)
    box.setCurrentIndex(box.findData(chosen))
    return box


def save_buttons(dialog: QDialog) -> QDialogButtonBox:
    """Make the buttons that end a sheet: Save… goes on to the place, Cancel does not."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
    for button in buttons.buttons():
        button.setIcon(QIcon())  # the platform's do not go with ours
    buttons.button(QDialogButtonBox.StandardButton.Save).setText(tr("Save…"))
    buttons.button(QDialogButtonBox.StandardButton.Save).setObjectName("primary")
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons
