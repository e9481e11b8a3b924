"""Start: what the window shows while nothing is open: samples, recent files, and where to drop another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from partrm_viewer.panels.tile import Tile
from partrm_viewer.theme import LIGHT, Theme
from partrm_viewer.thumbnails import Thumbnail
from partrm_viewer.words import tr

GAP = 10  # px between tiles
WIDEST = 1120  # px, of what is on the page


@dataclass(frozen=True)
class Entry:
    """A file that the page offers."""

    path: Path
    name: str
    about: str = ""  # under the name


class StartPage(QWidget):
    """Say what to do, and offer the ways to begin."""

    def __init__(self, picture: QPixmap, open_file: Callable[[], object]) -> None:
        super().__init__()
        self.open_path: Callable[[Path], object] = lambda _: None
        self.forget: Callable[[Path], object] = lambda _: None
        self.go_back: Callable[[], object] = lambda: None
        self.shown: Callable[[], object] = lambda: None
        self._theme = LIGHT
        self._card = QFrame()
        self._card.setObjectName("start")
        self.open_button = QPushButton(tr("Open image…"))
        self.open_button.setObjectName("primary")
        self.open_button.setToolTip(tr("Open a photo, a splat file or a project (Ctrl+O)"))
        self.open_button.clicked.connect(lambda: open_file())
        self.back_button = QPushButton()
        self.back_button.setToolTip(tr("Go on with what is open (Esc)"))
        self.back_button.clicked.connect(lambda: self.go_back())
        self.back_button.hide()
        self.samples, self.recent = Shelf(tr("Samples")), Shelf(tr("Recent"))
        inside = QWidget()
        inside.setObjectName("startInside")
        inside.setMaximumWidth(WIDEST)
        column = QVBoxLayout(inside)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        column.addLayout(self._head(picture))
        column.addWidget(self.samples)
        column.addWidget(self.recent)
        column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._scroll.setWidget(inside)
        frame = QVBoxLayout(self._card)
        frame.setContentsMargins(3, 3, 3, 3)
        frame.addWidget(self._scroll)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 6)
        outer.addWidget(self._card)

    def set_entries(self, samples: Sequence[Entry], recent: Sequence[Entry]) -> None:
        """Offer these files; pictures of those already there are kept."""
        for shelf, entries in ((self.samples, samples), (self.recent, recent)):
            shelf.fill(entries, self._made)

    def set_thumbnail(self, seen: Thumbnail) -> None:
        """Show what was found of a file."""
        for tile in self.tiles():
            if tile.path == seen.path:
                tile.set_thumbnail(seen)

    def set_back(self, name: str) -> None:
        """Offer to go on with what is open; nothing is."""
        short = name if len(name) < 32 else f"{name[:15]}…{name[-15:]}"
        self.back_button.setText(tr("Back to {name}").format(name=short.replace("&", "&&")))
        self.back_button.setVisible(bool(name))

    def set_dropping(self, dropping: bool) -> None:
        """Show that a file may be let go here."""
        self._card.setProperty("dropping", dropping)
        self._card.style().unpolish(self._card)
        self._card.style().polish(self._card)

    def set_theme(self, theme: Theme) -> None:
        """Paint in a theme's colours."""
        self._theme = theme
        for tile in self.tiles():
            tile.set_theme(theme)

    def tiles(self) -> list[Tile]:
        """Return all tiles, the first one first."""
        return [*self.samples.tiles, *self.recent.tiles]

    def showEvent(self, event: QShowEvent) -> None:
        self.shown()
        self.open_button.setFocus()

    def _head(self, picture: QPixmap) -> QHBoxLayout:
        logo = QLabel()
        logo.setPixmap(picture)
        title = QLabel(tr("Open a photo of something with moving parts"))
        title.setObjectName("startTitle")
        text = QLabel(
            tr(
                "Press on a part, pull it, and look at the state it would be in, from any side. "
                "Photos, splat files and projects can be dropped anywhere in this window."
            )
        )
        text.setObjectName("startText")
        for label in (title, text):
            label.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.back_button)
        buttons.addStretch()
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(title)
        words.addWidget(text)
        words.addSpacing(4)
        words.addLayout(buttons)
        head = QHBoxLayout()
        head.setSpacing(18)
        head.addWidget(logo, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(words, 1)
        return head

    def _made(self, entry: Entry, shelf: Shelf) -> Tile:
        forget = (lambda path: self.forget(path)) if shelf is self.recent else None
        tile = Tile(entry.path, entry.name, entry.about, forget)
        tile.clicked.connect(lambda: self.open_path(entry.path))
        tile.walk = self._walk
        tile.set_theme(self._theme)
        tile.installEventFilter(self)
        return tile

    def eventFilter(self, tile: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn and isinstance(tile, Tile):
            self._scroll.ensureWidgetVisible(tile, 0, 12)
        return False

    def _walk(self, tile: Tile, key: int) -> None:
        """Go to the tile beside, above or below, over the border between samples and recent files."""
        tiles = self.tiles()
        at = tiles.index(tile)
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            tiles[0 if key == Qt.Key.Key_Home else -1].setFocus()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            tiles[min(max(at + (1 if key == Qt.Key.Key_Right else -1), 0), len(tiles) - 1)].setFocus()
        else:
            here, down = tile.mapTo(self, tile.rect().center()), key == Qt.Key.Key_Down
            places = [(other, other.mapTo(self, other.rect().center())) for other in tiles]
            beyond = [(o, p) for o, p in places if (p.y() > here.y() + 9 if down else p.y() < here.y() - 9)]
            if beyond:
                nearest = min(beyond, key=lambda op: (abs(op[1].y() - here.y()), abs(op[1].x() - here.x())))
                nearest[0].setFocus()
            elif not down:
                self.open_button.setFocus()


class Shelf(QWidget):
    """A heading and tiles under it, as many side by side as there is room for."""

    def __init__(self, title: str) -> None:
        super().__init__()
        head = QLabel(title)
        head.setObjectName("shelf")
        self.tiles: list[Tile] = []
        self._grid = QGridLayout()
        self._grid.setSpacing(GAP)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addWidget(head)
        column.addLayout(self._grid)
        self.hide()

    def fill(self, entries: Sequence[Entry], make: Callable[[Entry, Shelf], Tile]) -> None:
        """Have one tile an entry, in their order."""
        old = {tile.path: tile for tile in self.tiles}
        focus = next((at for at, tile in enumerate(self.tiles) if tile.hasFocus()), None)
        self.tiles = [old.pop(entry.path) if entry.path in old else make(entry, self) for entry in entries]
        for tile in old.values():
            self._grid.removeWidget(tile)
            tile.hide()
            tile.deleteLater()
        self._lay_out()
        for before, after in zip(self.tiles, self.tiles[1:]):
            self.setTabOrder(before, after)
        self.setVisible(bool(self.tiles))
        if focus is not None and self.tiles and not any(tile.hasFocus() for tile in self.tiles):
            self.tiles[min(focus, len(self.tiles) - 1)].setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._lay_out()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())  # one column is always possible

    def _lay_out(self) -> None:
        if self.tiles:
            wide = self.tiles[0].sizeHint().width()
            columns = max((self.width() + GAP) // (wide + GAP), 1)
            for at, tile in enumerate(self.tiles):
                self._grid.addWidget(tile, at // columns, at % columns)
