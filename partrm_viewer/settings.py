"""Settings: what the user likes, one small JSON file a user."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

THEMES = ("system", "light", "dark")
BACKGROUNDS = ("white", "black")
PLAYS = ("once", "loop", "back and forth")
PACES = (0.5, 1.0, 2.0, 4.0, 8.0)  # states a second
N_RECENT = 8


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
    good = {field.name: raw[field.name] for field in fields(Settings) if field.name in raw}
    for name in ("theme", "background", "play", "geometry", "folder"):
        if not isinstance(good.get(name, ""), str):
            del good[name]
    for name in ("ground", "upright"):
        if not isinstance(good.get(name, False), bool):
            del good[name]
    for name, kind in (("split", int), ("recent", str)):
        value = good.pop(name, None)
        if isinstance(value, list) and all(type(item) is kind for item in value):
            good[name] = tuple(value)
    settings = Settings(**good)
    if settings.theme not in THEMES:
        settings = replace(settings, theme="system")
    if settings.background not in BACKGROUNDS:
        settings = replace(settings, background="white")
    if settings.play not in PLAYS:
        settings = replace(settings, play="loop")
    if settings.pace not in PACES:
        settings = replace(settings, pace=2.0)
    return settings


def save(path: Path, settings: Settings) -> None:
    """Write settings so that a reader never meets half a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(settings), file, indent=1)
    os.replace(name, path)
