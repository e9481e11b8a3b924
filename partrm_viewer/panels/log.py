"""Log: the last lines of the log, to read, to copy, and the way to its folder."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from partrm_viewer import logs
from partrm_viewer.panels.pane import Elided
from partrm_viewer.words import tr

N_LINES = 500


class LogPage(QDialog):
    """Reads the log whenever it is shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("log")
        self.setWindowTitle(tr("Log"))
        self.resize(820, 480)
        self.setMinimumSize(360, 240)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlaceholderText(tr("Nothing has been written yet."))
        self.text.setTabChangesFocus(True)
        self._where = Elided("logWhere")
        self.copy_button = QPushButton(tr("Copy"))
        self.copy_button.setToolTip(tr("Copy all lines that are shown"))
        self.copy_button.clicked.connect(lambda: QApplication.clipboard().setText(self.text.toPlainText()))
        self.folder_button = QPushButton(tr("Open folder"))
        self.folder_button.setToolTip(tr("Show the file where it lies"))
        self.folder_button.clicked.connect(self._open_folder)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._where, 1)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.folder_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(10)
        column.addWidget(self.text, 1)
        column.addLayout(buttons)

    def showEvent(self, event: QShowEvent) -> None:
        self._where.set_text(str(logs.path()))
        self.text.setPlainText(logs.last(N_LINES))
        self.text.verticalScrollBar().setValue(self.text.verticalScrollBar().maximum())

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(logs.folder())))
