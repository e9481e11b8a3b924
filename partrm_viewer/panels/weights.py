"""Weights: the catalogue as a table, with what is here, and fetching, importing and verifying in the background."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from model import weights
from model.errors import PartRMError
from model.progress import Progress
from model.published import catalogue
from model.published.catalogue import Weights, gigabytes
from model.published.file import CHECKPOINTS
from partrm_viewer import weights as words
from partrm_viewer.dialogs import ask_folder, ask_which
from partrm_viewer.jobs import Job, Jobs, Message, Progressed
from partrm_viewer.mailbox import Mailbox
from partrm_viewer.panels.pane import Elided
from partrm_viewer.words import tr
from partrm_viewer.working import Working

if TYPE_CHECKING:
    from model.published.fetch import Plan

INTRODUCTION = (
    "Networks that others have published. None of them comes with this program, and nothing is fetched unless you ask "
    "for it here. Without any, the program uses its own embedded ones."
)


class WeightsPage(QDialog):
    """The table, the selected entry in full, buttons, and how far the running job is.

    It has a worker of its own: a fetch may take an hour, and a pull must not wait for it.
    """

    def __init__(self, parent: QWidget, working: Working, use: Callable[[str], None] | None = None) -> None:
        """Build the page; `use` is called with the name of the network to predict with."""
        super().__init__(parent)
        self.setObjectName("weights")
        self.setWindowTitle(tr("Weights"))
        self.resize(1120, 620)
        self._mailbox = Mailbox(self._receive)
        self._working = working
        self._jobs = working.watch(Jobs(self._mailbox.post, "weights"))
        self._job: Job | None = None
        self.table = _table()
        self.network = QComboBox()
        self.network.addItems(["embedded", *(entry.name for entry in catalogue.CATALOGUE if entry.kind == "partrm")])
        if use is not None:
            self.network.textActivated.connect(use)
        self.network.setAccessibleName(tr("Predict with"))
        self.network.setToolTip(tr("The network that predicts; only what is here can be chosen"))
        self._choice = QWidget()
        self._choice.setVisible(use is not None)
        self.about = _text("weightsAbout", selectable=True)
        self.note = _text("weightsNote", selectable=True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)  # it may tell what a server has sent
        self.note.hide()
        self.doing = Elided("weightsDoing")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.fetch_button = _button(
            tr("Fetch…"), tr("Fetch the selected weights; you are asked before anything is sent or taken"), self.fetch
        )
        self.fetch_button.setObjectName("primary")
        self.import_button = _button(tr("Import"), tr("Take weights that are on this computer already"), None)
        menu = QMenu(self.import_button)
        self.import_file = menu.addAction("")
        self.import_file.triggered.connect(self._ask_for_file)
        menu.addAction(tr("Everything known in a folder…")).triggered.connect(self._ask_for_folder)
        self.import_button.setMenu(menu)
        self.verify_button = _button(tr("Verify"), tr("Read the selected weights to the end"), self.verify)
        self.cancel_button = _button(tr("Cancel"), tr("Stop; what has been fetched is kept"), self.cancel)
        folder_button = _button(tr("Open folder"), tr("Show where weights lie"), self._open_folder)
        self._lay_out(folder_button)
        self.table.itemSelectionChanged.connect(self.note.hide)  # it was about another line
        self.table.itemSelectionChanged.connect(self._selected)
        self.refresh()
        self.table.selectRow(0)

    def _lay_out(self, folder_button: QPushButton) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.fetch_button, self.import_button, self.verify_button):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(folder_button)
        running = QHBoxLayout()
        running.setSpacing(12)
        running.addWidget(self.bar, 1)
        running.addWidget(self.doing, 2)
        running.addWidget(self.cancel_button)
        self._running = QWidget()
        self._running.setLayout(running)
        running.setContentsMargins(0, 0, 0, 0)
        self._running.hide()
        choice = QHBoxLayout(self._choice)
        choice.setContentsMargins(0, 0, 0, 0)
        choice.addWidget(QLabel(tr("Predict with")))
        choice.addWidget(self.network)
        choice.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(_text("weightsIntro", tr(INTRODUCTION)))
        column.addWidget(self._choice)
        column.addWidget(self.table, 1)
        column.addWidget(self.about)
        column.addWidget(self.note)
        column.addWidget(self._running)
        column.addLayout(buttons)

    # ---- what the user does

    @property
    def selected(self) -> Weights:
        """Return the entry of the selected line."""
        return catalogue.CATALOGUE[max(self.table.currentRow(), 0)]

    def select(self, name: str) -> None:
        """Select an entry by its name."""
        self.table.selectRow([entry.name for entry in catalogue.CATALOGUE].index(name))

    def fetch(self) -> None:
        """Ask the server for size and files, then the user whether to go on, then fetch."""
        from model.published import fetch

        entry = self.selected
        self._run(f"Asking {entry.origin}", lambda progress: fetch.plan(entry, progress), self._planned)

    def take(self, path: Path, name: str | None = None) -> None:
        """Import from a file, or everything known from a folder."""

        def run(progress: Progress) -> str:
            return "\n".join(words.take(path, name, progress))

        self._run(f"Importing {path.name}", run, self._say)

    def verify(self) -> None:
        """Read the selected weights to the end."""
        from model.published import verify

        entry = self.selected

        def verified(found: str) -> None:
            self._say(f"{entry.name} is whole: {found}.")

        self._run(f"Verifying {entry.name}", lambda progress: verify.check(entry, progress), verified)

    def cancel(self) -> None:
        """Stop the running job; what has been fetched is kept."""
        if self._job is not None:
            self._jobs.cancel(self._job)

    def stop(self) -> None:
        """End the worker; called when the window closes."""
        self.close()  # the worker may need a moment to stop
        self._mailbox.close()
        self._jobs.close()

    # ---- jobs

    def _planned(self, plan: Plan) -> None:
        if not plan.files:
            self._say(f"{plan.entry.name} is here already, and whole.")
            return
        what, *details = words.question(plan)
        box = QMessageBox(QMessageBox.Icon.Question, "Fetch weights", f"<b>Fetch {what}?</b>", parent=self)
        box.setInformativeText("\n\n".join(details))
        agree = box.addButton(f"Fetch {gigabytes(plan.todo)}", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton("Do not fetch", QMessageBox.ButtonRole.RejectRole))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        agree.clicked.connect(lambda: self._fetch(plan))
        box.open()

    def _fetch(self, plan: Plan) -> None:
        from model.published import fetch

        def fetched(place: Path) -> None:
            self._say(f"{plan.entry.name} is here, whole and checked.")

        self._run(f"Fetching {plan.entry.name}", lambda progress: fetch.fetch(plan, progress), fetched)

    def _run(self, name: str, run: Callable[[Progress], Any], done: Callable[[Any], None]) -> None:
        self.note.hide()
        self._job = Job(name, run, self._ended(done), self._ended(self._tell), self._ended(self._stopped))
        self._jobs.submit(self._job)
        self._selected()

    def _ended(self, then: Callable[..., None]) -> Callable[..., None]:
        def end(*result: Any) -> None:
            self._job = None
            self.refresh()
            then(*result)

        return end

    @property
    def running(self) -> str:
        """Name the job that closing would stop; nothing where there is none."""
        return "" if self._job is None else self._job.name

    def _receive(self, message: Message) -> None:
        self._working.told(message)
        if isinstance(message, Progressed):
            self.bar.setValue(round(1000 * message.fraction))
            self.doing.set_text(message.what)
        else:
            message.deliver()

    def _stopped(self) -> None:
        self._say("Stopped. What has been fetched is kept: fetching again goes on there.")

    # ---- showing

    def set_network(self, name: str) -> None:
        """Show which network predicts."""
        if self.network.findText(name) < 0:  # a file of the user's own
            self.network.addItem(name)
        self.network.setCurrentText(name)

    def refresh(self) -> None:
        """Look again at what is here."""
        self._found = [weights.status(entry) for entry in catalogue.CATALOGUE]
        offered = self.network.model()
        assert isinstance(offered, QStandardItemModel)
        for number, (entry, now) in enumerate(zip(catalogue.CATALOGUE, self._found)):
            for choice in offered.findItems(entry.name):
                choice.setEnabled(now.state == "present")
            for column, text in enumerate(words.row(entry, now)):
                item = QTableWidgetItem(text)
                font = item.font()
                font.setBold(column == 2 and now.state != "absent")
                item.setFont(font)
                item.setToolTip(str(weights.place(entry)) if column == 5 else "")
                self.table.setItem(number, column, item)
        self._selected()

    def _selected(self) -> None:
        entry, now, idle = self.selected, self._found[max(self.table.currentRow(), 0)], self._job is None
        lines = [f"from {entry.origin}, to {weights.place(entry)}"]
        lines.append(f"Licence: {entry.licence.short}. {entry.licence.plain}")
        if now.state in ("incomplete", "damaged"):
            lines.append(f"It is {now.state}: {now.detail}.")
        self.about.setText("<br>".join([f"<b>{entry.name}</b> {escape(lines[0])}", *map(escape, lines[1:])]))
        texts = {"incomplete": tr("Fetch the rest…"), "damaged": tr("Fetch again…")}
        self.fetch_button.setText(texts.get(now.state, tr("Fetch…")))
        self.fetch_button.setEnabled(idle and now.state != "present")
        self.import_button.setEnabled(idle)
        self.import_file.setText(f"A {'folder' if entry.folder else 'file'} as {entry.name}…")
        self.verify_button.setEnabled(idle and now.state == "present")
        self._running.setVisible(not idle)
        if idle:
            self.bar.setValue(0)

    def _say(self, text: str) -> None:
        self._show_note(text, False)

    def _tell(self, error: PartRMError) -> None:
        self._show_note(f"{error.title}\n{error.hint}", True)

    def _show_note(self, text: str, wrong: bool) -> None:
        self.note.setText(text)
        self.note.setProperty("wrong", wrong)
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)
        self.note.show()

    # ---- files

    def _ask_for_file(self) -> None:
        entry = self.selected
        if entry.folder:
            chosen = ask_folder(self, f"The folder of {entry.name}")
        else:
            endings = " ".join(f"*{ending}" for ending in (".safetensors", *CHECKPOINTS))
            kinds = f"Weights ({endings});;All files (*)"
            chosen = ask_which(self, f"The file of {entry.name}", "", kinds)
        if chosen is not None:
            self.take(chosen, entry.name)

    def _ask_for_folder(self) -> None:
        chosen = ask_folder(self, "A folder with weights somewhere in it")
        if chosen is not None:
            self.take(chosen)

    def _open_folder(self) -> None:
        try:
            weights.folder().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._show_note(f"{weights.folder()} cannot be made ({error.strerror}).", True)
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(weights.folder())))


def _table() -> QTableWidget:
    table = QTableWidget(len(catalogue.CATALOGUE), len(words.COLUMNS))
    table.setAccessibleName(tr("Weights"))
    table.setHorizontalHeaderLabels([name[:1].upper() + name[1:] for name in words.COLUMNS])
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(5, QHeaderView.ResizeMode.Stretch)
    return table


def _text(name: str, text: str = "", selectable: bool = False) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(True)
    if selectable:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _button(text: str, tip: str, does: Callable[[], None] | None) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAutoDefault(False)  # Enter in the table starts nothing
    if does is not None:
        button.clicked.connect(lambda: does())
    return button
