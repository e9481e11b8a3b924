"""Settings: what the user likes, one small JSON file a user."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Container
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from partrm_viewer.tools.grips import PRESETS

THEMES = ("system", "light", "dark")
BACKGROUNDS = ("white", "black")
PLAYS = ("once", "loop", "back and forth")
PACES = (0.5, 1.0, 2.0, 4.0, 8.0)  # states a second
COMPARES = ("line", "flicker", "halves", "difference")
DEVICES = ("auto", "cpu", "cuda")
RENDERERS = ("auto", "gl", "cpu", "cuda")
SCALES = (80, 90, 100, 110, 125, 150, 175, 200)  # percent
COPY_EVERY_S = (10, 20, 30, 60)
N_RECENT = 8
CHOICES: dict[str, Container[Any]] = {
    "theme": THEMES,
    "background": BACKGROUNDS,
    "play": PLAYS,
    "pace": PACES,
    "compare": COMPARES,
    "navigation": PRESETS,
    "device": DEVICES,
    "renderer": RENDERERS,
    "threads": range(257),
    "scale": SCALES,
    "copy_every_s": COPY_EVERY_S,
}
ITEMS = {"split": int, "recent": str}  # what the lists hold


@dataclass(frozen=True)
class Settings:
    """Values are plain JSON; what a file lacks or has wrong gets its default."""

    theme: str = "system"
    background: str = "white"
    ground: bool = False  # a grid under the object
    upright: bool = True  # or as the photo's camera has it
    play: str = "loop"  # how states are shown one after the other
    pace: float = 2.0  # of PACES
    geometry: str = ""  # base64 of the window's place and size, as Qt tells it
    split: tuple[int, ...] = ()  # px, widths of the two panes
    folder: str = ""  # where the last file was opened
    recent: tuple[str, ...] = ()  # paths, newest first
    navigation: str = "ours"  # of grips.PRESETS
    drags: bool = True  # the list of pulls, where the window is wide enough
    compare: str = "line"  # of COMPARES, how two states are compared
    live: bool = False  # predictions follow while a part is pulled
    device: str = "auto"  # where the networks run
    renderer: str = "auto"
    threads: int = 0  # that the processor's work may use; 0: as many as there are cores
    network: str = "embedded"  # or a name of the catalogue, or a path
    scale: int = 100  # percent, of everything in the window
    language: str = "en"
    copy_every_s: int = 20  # of unsaved work

    def with_recent(self, path: Path) -> Settings:
        """Put a file on top of the recent ones."""
        text = str(path.resolve())
        recent = (text, *(other for other in self.recent if other != text))[:N_RECENT]
        return replace(self, recent=recent, folder=str(path.resolve().parent))

    def without_recent(self, path: Path) -> Settings:
        """Take a file out of the recent ones."""
        return replace(self, recent=tuple(other for other in self.recent if other != str(path)))


def config_folder() -> Path:
    """Return this user's folder for our settings (it may not exist yet)."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "partrm_viewer"


def load(path: Path) -> Settings:
    """Read settings; an absent or damaged file gives the defaults, for a window must always open."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return Settings()
    if not isinstance(raw, dict):
        return Settings()
    defaults = Settings()
    good = {f.name: _checked(f.name, raw[f.name], getattr(defaults, f.name)) for f in fields(Settings) if f.name in raw}
    return Settings(**good)


def _checked(name: str, value: Any, default: Any) -> Any:
    """Return a value from a file where it is of the default's kind and one of the choices, else the default."""
    if isinstance(default, tuple):
        good = isinstance(value, list) and all(type(item) is ITEMS[name] for item in value)
        return tuple(value) if good else default
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    return value if type(value) is type(default) and value in CHOICES.get(name, (value,)) else default


def save(path: Path, settings: Settings) -> None:
    """Write settings so that a reader never meets half a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(settings), file, indent=1)
    os.replace(name, path)
