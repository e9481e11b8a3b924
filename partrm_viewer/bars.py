"""Bars: menus, keys and the tool bar, all made from the table of actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from partrm_viewer import theme as themes
from partrm_viewer.actions import ACTIONS, TOOL_BAR
from partrm_viewer.session import Session
from partrm_viewer.theme import Theme
from partrm_viewer.words import tr

FIRST_OF_GROUP = (
    "save",
    "export_state",
    "weights",
    "quit",
    "rename_state",
    "cancel",
    "background",
    "play",
    "play_once",
    "compare_line",
    "compare_next",
    "what_moved",
    "theme_system",
)  # a line above it in its menu


class Bars:
    """Gives the window its menus and tool bar; an action calls the method of its name, of the doer that has it."""

    def __init__(
        self,
        window: QMainWindow,
        doers: Sequence[object],
        recent: Callable[[], Sequence[str]],
        open_path: Callable[[Path], object],
    ) -> None:
        self.doers = doers
        self.actions = {spec.name: _action(window, doers, spec.name) for spec in ACTIONS}
        self._recent = recent
        self._open_path = open_path
        self._menus: dict[str, QMenu] = {}
        for spec in ACTIONS:
            menu = self._menu(window, spec.menu)
            if spec.name in FIRST_OF_GROUP:
                menu.addSeparator()
            menu.addAction(self.actions[spec.name])
            if spec.name == "open_sample":
                self._recent_menu = menu.addMenu(tr("Open &recent"))
                self._recent_menu.aboutToShow.connect(self._list_recent)
        for lines in (window.menuBar(), *window.menuBar().findChildren(QMenu)):
            _letter(lines.actions())
        self._bar = self._tool_bar()
        window.addToolBar(self._bar)

    def refresh(self, session: Session, checked: dict[str, bool], at_start: bool) -> None:
        """Show what may be done now, and what is switched on; at the start page nothing that would not be seen."""
        for spec in ACTIONS:
            unseen = at_start and spec.menu != "File" and spec.needs_work
            self.actions[spec.name].setEnabled(spec.enabled(session) and not unseen)
        undo, redo = session.undo_text, session.redo_text
        self.actions["undo"].setText(f"{tr('&Undo')} {undo}" if undo else tr("&Undo"))
        self.actions["redo"].setText(f"{tr('&Redo')} {redo}" if redo else tr("&Redo"))
        for name, on in checked.items():
            self.actions[name].setChecked(on)

    def set_theme(self, theme: Theme, percent: int = 100) -> None:
        """Draw the icons in a theme's colours, at a size that goes with the letters."""
        side = round(20 * percent / 100)
        self._bar.setIconSize(QSize(side, side))
        for spec in ACTIONS:
            if spec.icon:
                self.actions[spec.name].setIcon(themes.icon(spec.icon, theme))
        more = self._bar.findChild(
            QToolButton, "qt_toolbar_ext_button"
        )  # Qt's own, for what a narrow window leaves out
        if isinstance(more, QToolButton):
            more.setIcon(themes.icon("more", theme))
            more.setToolTip(tr("More"))

    def _menu(self, window: QMainWindow, title: str) -> QMenu:
        """Return the menu of a title, made where its first action stands; "View/Up axis" lies inside "View"."""
        if title not in self._menus:
            above, _, own = title.rpartition("/")
            bar = self._menu(window, above) if above else window.menuBar()
            self._menus[title] = bar.addMenu(tr(own if above else f"&{own}"))
        return self._menus[title]

    def _tool_bar(self) -> QToolBar:
        labels = {spec.name: spec.label for spec in ACTIONS}
        bar = QToolBar(tr("Tools"))
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for i, group in enumerate(TOOL_BAR):
            if i == len(TOOL_BAR) - 1:  # the last group lies at the right end
                gap = QWidget()
                gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
                bar.addWidget(gap)
            elif i:
                bar.addSeparator()
            for name in group:
                action = self.actions[name]
                bar.addAction(action)
                button = bar.widgetForAction(action)
                if labels[name] and isinstance(button, QToolButton):
                    action.setIconText(tr(labels[name]))
                    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return bar

    def _list_recent(self) -> None:
        self._recent_menu.clear()
        for text in self._recent():
            entry = self._recent_menu.addAction(Path(text).name)
            entry.setToolTip(text)
            entry.triggered.connect(lambda _=False, path=Path(text): self._open_path(path))
        if self._recent_menu.isEmpty():
            self._recent_menu.addAction(tr("Nothing yet")).setEnabled(False)


def _letter(actions: Sequence[QAction]) -> None:
    """Give each line of a menu a letter of its own: the marked one, or where another has that, one that is free."""
    taken: set[str] = set()
    for action in actions:
        text = action.text().replace("&&", "")
        marked = re.search(r"&(\w)", text)
        if marked is None or marked[1].casefold() not in taken:
            taken |= {marked[1].casefold()} if marked is not None else set()
            continue
        plain = action.text().replace("&", "")
        starts = [match.start() for match in re.finditer(r"\b\w", plain)]
        free = (at for at in (*starts, *range(len(plain))) if plain[at].isalnum() and plain[at].casefold() not in taken)
        at = next(free, None)
        action.setText(plain if at is None else f"{plain[:at]}&{plain[at:]}")
        taken |= {plain[at].casefold()} if at is not None else set()


def _action(window: QMainWindow, doers: Sequence[object], name: str) -> QAction:
    spec = next(spec for spec in ACTIONS if spec.name == name)
    action = QAction(tr(spec.text), window)
    action.setShortcuts([QKeySequence(key) for key in spec.shortcuts])
    keys = f" ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})" if spec.shortcuts else ""
    action.setToolTip(tr(spec.tip) + keys)
    action.setCheckable(spec.checkable)
    action.setAutoRepeat(not spec.checkable)  # a key that is held must not switch on and off
    run: Callable[[], None] = next(getattr(doer, name) for doer in doers if hasattr(doer, name))
    action.triggered.connect(lambda checked=False: run())
    window.addAction(action)
    return action
