"""Theme: the colours of the light and the dark window, and icons drawn in them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

LENGTH = re.compile(r"\b(\d+)px")
ICON_SIDES = (40, 80)  # px: a tool bar's 20 at up to four times the density
RESOURCES = Path(__file__).resolve().parent.parent / "resources"


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for."""

    name: str
    window: str  # behind everything
    pane: str  # cards, bars, menus
    sunken: str  # where pictures lie
    line: str  # thin borders
    text: str
    muted: str  # less important text
    accent: str  # the selected thing, the main button
    accent_text: str  # on accent
    hover: str
    pressed: str
    warning: str  # the message bar
    warning_text: str
    warning_line: str


LIGHT = Theme(
    "light",
    window="#f3f4f6",
    pane="#ffffff",
    sunken="#e7e9ed",
    line="#dcdfe5",
    text="#1b1f27",
    muted="#5d6675",
    accent="#2563eb",
    accent_text="#ffffff",
    hover="#eceef2",
    pressed="#dfe3ea",
    warning="#fff6e5",
    warning_text="#6a4300",
    warning_line="#f2cf8d",
)
DARK = Theme(
    "dark",
    window="#15171b",
    pane="#1d2026",
    sunken="#101216",
    line="#2d323b",
    text="#e9ebef",
    muted="#98a1b0",
    accent="#4b8bff",
    accent_text="#07101f",
    hover="#282c34",
    pressed="#323843",
    warning="#33290f",
    warning_text="#ffdd99",
    warning_line="#5d4a18",
)
PULL = QColor(
    "#2f7bff"
)  # the part's tint and the arrow, the same in both themes: pictures do not change with the theme


def wanted(setting: str, application: QApplication) -> Theme:
    """Return the theme that a setting (system, light, dark) means now."""
    if setting == "system":
        dark = application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if dark else LIGHT
    return DARK if setting == "dark" else LIGHT


def apply(theme: Theme, application: QApplication, percent: int = 100) -> None:
    """Dress the whole application; percent: how large letters and the room around them are."""
    sheet = (RESOURCES / "style.qss").read_text("utf-8")
    for name, colour in asdict(theme).items():
        sheet = sheet.replace(f"@{name}@", colour)
    sheet = scaled(sheet, percent)
    if application.styleSheet() == sheet:  # each of the next takes its time with many widgets
        return
    if not application.styleSheet():
        application.setStyle("Fusion")
    application.setPalette(_palette(theme))
    application.setStyleSheet(sheet)


def scaled(sheet: str, percent: int) -> str:
    """Return a style sheet with all lengths scaled but those of thin lines."""
    return LENGTH.sub(lambda m: f"{max(round(int(m[1]) * percent / 100), 3)}px" if int(m[1]) > 2 else m[0], sheet)


def icon(name: str, theme: Theme) -> QIcon:
    """Draw resources/icons/<name>.svg in the theme's text colour, dimmed where disabled, accented where checked."""
    svg = (RESOURCES / "icons" / f"{name}.svg").read_text("utf-8")
    result = QIcon()
    on, off, normal, disabled = QIcon.State.On, QIcon.State.Off, QIcon.Mode.Normal, QIcon.Mode.Disabled
    for colour, uses in (
        (theme.text, ((normal, off),)),
        (theme.accent, ((normal, on),)),
        (_mix(theme.text, theme.pane, 0.35), ((disabled, off), (disabled, on))),
    ):
        for pixmap in _draw(svg.replace("currentColor", colour), *ICON_SIDES):
            for mode, state in uses:
                result.addPixmap(pixmap, mode, state)
    return result


def app_icon() -> QIcon:
    """Return the application's own icon."""
    return QIcon(_draw((RESOURCES / "icons" / "app.svg").read_text("utf-8"), 128)[0])


def _draw(svg: str, *sides: int) -> list[QPixmap]:
    drawing = QSvgRenderer(QByteArray(svg.encode()))
    pixmaps = []
    for side in sides:
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        drawing.render(painter, QRectF(0, 0, side, side))
        painter.end()
        pixmaps.append(pixmap)
    return pixmaps


def _mix(a: str, b: str, share: float) -> str:
    first, second = QColor(a), QColor(b)
    channels = [round(share * x + (1 - share) * y) for x, y in zip(_rgb(first), _rgb(second), strict=True)]
    return QColor(*channels).name()


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, colour in (
        (role.Window, theme.window),
        (role.WindowText, theme.text),
        (role.Base, theme.pane),
        (role.AlternateBase, theme.window),
        (role.Text, theme.text),
        (role.Button, theme.pane),
        (role.ButtonText, theme.text),
        (role.ToolTipBase, theme.pane),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.accent),
        (role.HighlightedText, theme.accent_text),
        (role.PlaceholderText, theme.muted),
        (role.Link, theme.accent),
    ):
        palette.setColor(where, QColor(colour))
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, QColor(_mix(theme.text, theme.pane, 0.4)))
    return palette
