"""Monkey: does with the window whatever comes to its mind, as a cat on the keyboard would; seeded."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QDesktopServices, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QLineEdit,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from partrm_viewer import dialogs
from partrm_viewer.actions import ACTIONS
from partrm_viewer.panels.weights import WeightsPage
from partrm_viewer.window import Window
from tests.app.conftest import FakePipeline

Keys, Buttons = Qt.KeyboardModifier, Qt.MouseButton
HOLDING = (Keys.NoModifier,) * 6 + (Keys.ShiftModifier, Keys.ControlModifier, Keys.AltModifier)
BUTTONS = (Buttons.LeftButton,) * 6 + (Buttons.RightButton, Buttons.MiddleButton)
PLAIN = tuple(Qt.Key(ord(letter)) for letter in "WASDQE19 ")
SPECIAL = (
    *(Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Left, Qt.Key.Key_Right),
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Delete, Qt.Key.Key_X),
)
LEFT_OUT = {"quit"}
SIZES = ((640, 460), (800, 600), (1280, 800), (1600, 500), (700, 790))
TURN_MS = 12  # of the event loop after each action, about


class Monkey:
    """Acts on one window. What it did last is in `diary`."""

    def __init__(
        self,
        window: Window,
        qtbot: QtBot,
        fake: FakePipeline,
        files: Sequence[Path],
        folder: Path,
        seed: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Open only these files, write only into a folder."""
        self.window, self.qtbot, self.fake = window, qtbot, fake
        self.files, self.folder, self.seed = list(files), folder, seed
        self.random = random.Random(seed)
        self.diary: deque[str] = deque(maxlen=30)
        self.count = 0  # of actions
        self._popup: QWidget | None = None
        self._reaper = QTimer(window)
        self._reaper.setInterval(300)
        self._reaper.timeout.connect(self._close_popup)
        self._reaper.start()
        self._saved = 0
        monkeypatch.setattr(dialogs, "ask_which", lambda *_: self.random.choice([None, *self.files]))
        monkeypatch.setattr(dialogs, "ask_folder", lambda *_: self.random.choice([None, folder]))
        monkeypatch.setattr(dialogs, "ask_where", self._where)
        monkeypatch.setattr(dialogs, "ask_name", lambda *_: self.random.choice([None, "A", "A name " * 20, "&<b>x"]))
        monkeypatch.setattr(QDesktopServices, "openUrl", lambda *_: True)
        monkeypatch.setattr("partrm_viewer.exporting.FILM_SIZE", (64, 48))
        monkeypatch.setattr("partrm_viewer.export.TURNTABLE_FRAMES", 4)
        self._ways: tuple[tuple[int, Callable[[], str]], ...] = (
            (24, self._key),
            (16, self._action),
            (16, self._aim),
            (8, self._pull),
            (10, self._drag_in_3d),
            (6, self._wheel),
            (10, self._poke),
            (5, self._type),
            (4, self._resize),
            (1, self._open),
            (4, self._hover),
            (3, self._hold),
        )

    def act(self) -> None:
        """Do one thing, and let the window answer for a moment."""
        self.window.activateWindow()
        popup, sheet = QApplication.activePopupWidget(), self.sheet
        if popup is not None:
            said = self._on_popup(popup)
        elif sheet is not None and (sheet.isModal() or self.random.random() < 0.5):
            said = self._on_sheet(sheet)
        else:
            weights = [weight for weight, _ in self._ways]
            said = self.random.choices([way for _, way in self._ways], weights)[0]()
        self.diary.append(said)
        self.count += 1
        if self.random.random() < 0.8:
            self.qtbot.wait(self.random.choice((0, 2, TURN_MS, 2 * TURN_MS)))

    def calm(self) -> None:
        """Let go of everything and wait until all work is done."""
        self.fake.wait.set()
        for _ in range(20):
            if (popup := QApplication.activePopupWidget()) is not None:
                popup.close()
            elif (sheet := self.sheet) is not None:
                sheet.close()
            else:
                break
            self.qtbot.wait(1)
        window = self.window
        window.playing.stop()
        window.presenting.leave()
        window.work_changed()
        self.qtbot.waitUntil(lambda: not (window.bench.running or window.exporting.running), timeout=60_000)
        self.qtbot.wait(50)

    @property
    def sheet(self) -> QDialog | None:
        """Return a dialog that is open, a modal one first."""
        modal = QApplication.activeModalWidget()
        if isinstance(modal, QDialog):
            return modal
        return next((d for d in self.window.findChildren(QDialog) if d.isVisible()), None)

    # ---- ways to act

    def _key(self) -> str:
        specs = [spec for spec in ACTIONS if spec.shortcuts and spec.name not in LEFT_OUT]
        spec = self.random.choice([s for s in specs if self.window.bars.actions[s.name].isEnabled()])
        pressed = QKeySequence(self.random.choice(spec.shortcuts))[0]  # type: ignore[index]
        target = QApplication.focusWidget() or self.window
        QTest.keyClick(target, pressed.key(), pressed.keyboardModifiers())
        return f"key of {spec.name} on {_name(target)}"

    def _action(self) -> str:
        actions = self.window.bars.actions
        name = self.random.choice([name for name, a in actions.items() if a.isEnabled() and name not in LEFT_OUT])
        actions[name].trigger()
        return f"action {name}"

    def _aim(self) -> str:
        """Pull something that is there, and have the patience to see what becomes of it."""
        parts, shown = self.window.parts, self.window.session.document.shown
        if shown is None or shown.state is None or not parts.viewport.screen_.widget.isVisible():
            return self._poke()
        camera, point = parts.viewport.camera(), self.random.choice(shown.gaussians.positions)
        if parts.photo.isVisible() and self.random.random() < 0.7:
            widget: QWidget = parts.photo.viewport()
            x, y = parts.photo.widget_from_image(tuple(shown.state.camera.project(point)[0]))
        elif camera is not None:
            widget, (x, y) = (
                parts.viewport.screen_.widget,
                camera.project(point)[0] / parts.viewport.devicePixelRatioF(),
            )
        at = QPoint(round(float(x)), round(float(y)))
        far = at + QPoint(self.random.randint(-60, 60), self.random.randint(-60, 60))
        count, patience = len(self.window.session.document.snapshots), self.random.choice((0, 60, 60, 200))
        keys = self.random.choice(HOLDING)
        QTest.mousePress(widget, Buttons.LeftButton, keys, at)
        self.qtbot.wait(patience)
        for share in (0.3, 1.0) if self.random.random() < 0.8 else ():
            QTest.mouseMove(widget, at + (far - at) * share)
            self.qtbot.wait(TURN_MS)
        QTest.mouseRelease(widget, Buttons.LeftButton, keys, far)
        self.qtbot.wait(patience)
        more = len(self.window.session.document.snapshots) - count
        return f"aimed at {at.x()} {at.y()} of {_name(widget)} {keys.name}: {more:+} states"

    def _pull(self) -> str:
        photo = self.window.parts.photo
        if not photo.isVisible():
            return self._drag_in_3d()
        return f"photo {self._drag(photo.viewport())}"

    def _drag_in_3d(self) -> str:
        screen = self.window.parts.viewport.screen_.widget
        return f"3D {self._drag(screen)}" if screen.isVisible() else self._poke()

    def _wheel(self) -> str:
        widget = self._view()
        at, keys = self._point(widget), self.random.choice(HOLDING)
        notches = self.random.choice((-5, -1, 1, 5))
        where, phase = QPointF(widget.mapToGlobal(at)), Qt.ScrollPhase.NoScrollPhase
        turned = QPoint(0, 120 * notches)
        event = QWheelEvent(QPointF(at), where, QPoint(), turned, Buttons.NoButton, keys, phase, False)
        QApplication.sendEvent(widget, event)
        return f"wheel {notches} on {_name(widget)}"

    def _poke(self) -> str:
        return self._poke_in(self.window)

    def _type(self) -> str:
        target = QApplication.focusWidget() or self.window
        if self.random.random() < 0.5:
            key = self.random.choice(SPECIAL)
            QTest.keyClick(target, key)
            return f"{key.name} on {_name(target)}"
        key = self.random.choice(PLAIN)
        QTest.keyPress(target, key)
        self.qtbot.wait(self.random.choice((0, TURN_MS)))
        QTest.keyRelease(QApplication.focusWidget() or self.window, key)
        return f"{key.name} held on {_name(target)}"

    def _resize(self) -> str:
        size = self.random.choice(SIZES)
        self.window.resize(*size)
        return f"resize {size}"

    def _open(self) -> str:
        path = self.random.choice(self.files)
        self.window.open(path)
        return f"open {path.name}"

    def _hover(self) -> str:
        widget = self._view()
        for _ in range(3):
            QTest.mouseMove(widget, self._point(widget))
        return f"hover {_name(widget)}"

    def _hold(self) -> str:
        """Let the predictor be slow, or quick again."""
        if self.fake.wait.is_set() and self.random.random() < 0.5:
            self.fake.wait.clear()
            QTimer.singleShot(150, self.window, self.fake.wait.set)
            return "slow predictor"
        self.fake.wait.set()
        self.qtbot.wait(100)
        return "a rest"

    # ---- what is in the way

    def _on_popup(self, popup: QWidget) -> str:
        key = self.random.choice((Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Escape))
        QTest.keyClick(popup, key)
        return f"{key.name} on popup {_name(popup)}"

    def _on_sheet(self, sheet: QDialog) -> str:
        if self.random.random() < 0.35 or isinstance(sheet, WeightsPage):  # which would fetch
            sheet.close()
            return f"close {_name(sheet)}"
        return f"in {_name(sheet)} {self._poke_in(sheet)}"

    def _close_popup(self) -> None:
        """Close a menu that stays open: some of them hold everything up."""
        popup = QApplication.activePopupWidget()
        if popup is not None and popup is self._popup:
            popup.close()
        self._popup = popup

    # ---- parts of acting

    def _drag(self, widget: QWidget) -> str:
        button, keys = self.random.choice(BUTTONS), self.random.choice(HOLDING)
        points = [self._point(widget) for _ in range(self.random.choice((1, 2, 3, 6)))]
        if self.random.random() < 0.1:
            QTest.mouseDClick(widget, button, keys, points[0])
        QTest.mousePress(widget, button, keys, points[0])
        for point in points[1:]:
            self.qtbot.wait(self.random.choice((0, 0, TURN_MS)))
            QTest.mouseMove(widget, point)
        between = ""
        if self.random.random() < 0.15:  # with the button held
            between = f" with {self._key()}"
        QTest.mouseRelease(widget, button, keys, points[-1])
        told = ", ".join(f"{p.x()} {p.y()}" for p in points)
        return f"{button.name} {keys.name} {told}{between}"

    def _poke_in(self, root: QWidget) -> str:
        kinds = (QAbstractButton, QAbstractSpinBox, QAbstractSlider, QAbstractItemView, QComboBox, QLineEdit)
        found = [w for w in root.findChildren(QWidget) if isinstance(w, kinds) and w.isVisible() and w.isEnabled()]
        found = [w for w in found if w.window() is root.window() and not _opens_menu(w)]
        if not found:
            return "nothing"
        widget = self.random.choice(found)
        if isinstance(widget, QSpinBox):
            widget.setValue(self.random.randint(max(widget.minimum(), 0), min(widget.maximum(), 400)))
        elif isinstance(widget, QDoubleSpinBox):
            widget.setValue(self.random.uniform(max(widget.minimum(), -400), min(widget.maximum(), 400)))
        elif isinstance(widget, QAbstractSlider):
            widget.setValue(self.random.randint(widget.minimum(), widget.maximum()))
        elif isinstance(widget, QComboBox):
            at = self.random.randrange(max(widget.count(), 1))
            widget.setCurrentIndex(at)
            widget.activated.emit(at)
        elif isinstance(widget, QLineEdit):
            QTest.keyClicks(widget, self.random.choice(("a", "1", "-3.5", "pull", "&<")))
        elif isinstance(widget, QAbstractItemView):
            keys = self.random.choice(HOLDING)
            QTest.mouseClick(widget.viewport(), Buttons.LeftButton, keys, self._point(widget.viewport()))
        else:
            QTest.mouseClick(widget, Buttons.LeftButton)
        return f"poke {_name(widget)}"

    def _view(self) -> QWidget:
        parts = self.window.parts
        views = [parts.photo.viewport(), parts.viewport.screen_.widget, parts.states.viewport()]
        return self.random.choice([view for view in views if view.isVisible()] or [self.window])

    def _point(self, widget: QWidget) -> QPoint:
        return QPoint(self.random.randrange(max(widget.width(), 1)), self.random.randrange(max(widget.height(), 1)))

    def _where(self, parent: object, title: str, folder: str, name: str, kinds: str) -> Path | None:
        if self.random.random() < 0.3:
            return None
        endings = [part.strip("*)") for part in kinds.replace("(", " ").split() if part.startswith("*.")]
        ending = self.random.choice([e.split(")")[0] for e in endings] or [".bin"])
        self._saved = (self._saved + 1) % 5
        path = self.folder / f"written {self._saved}{ending}"
        if ending in (".partrm", ".ply") and path not in self.files:
            self.files.append(path)  # it may be there, whole, by the time it is opened
        return path


def _opens_menu(widget: QWidget) -> bool:
    own = widget.objectName() == "qt_toolbar_ext_button"
    return own or (isinstance(widget, QToolButton) and widget.menu() is not None) or isinstance(widget.window(), QMenu)


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return " ".join(
        part for part in (type(widget).__name__, widget.objectName(), widget.accessibleName(), text) if part
    )
