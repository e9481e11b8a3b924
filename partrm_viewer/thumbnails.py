"""Thumbnails: small pictures of files, and why a file has none; no Qt in it, for it runs beside the window's thread."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from model.errors import PartRMError
from partrm_viewer.project import ENDING
from partrm_viewer.words import tr

MAX_SIDE = 512  # px, enough for a tile on a screen of twice the density
MAX_PIXELS = 24_000_000  # more take too long to decode for a picture of this size


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """What can be shown of a file without opening it."""

    path: Path
    picture: np.ndarray | None = None  # (H, W, 4) uint8 RGBA, no side above MAX_SIDE
    fault: str = ""  # why the file cannot be opened; empty where nothing speaks against it
    changed_ns: int = 0  # of the file, when it was looked at
    symbol: Literal["image", "splat", "save"] = "image"  # the icon of its kind


def look(path: Path, before: Thumbnail | None = None) -> Thumbnail:
    """Look at a file; what was seen before is kept where the file has not changed since."""
    try:
        changed_ns = path.stat().st_mtime_ns
    except FileNotFoundError:
        return Thumbnail(path, fault=tr("Not there any more"))
    except OSError as error:
        return Thumbnail(path, fault=error.strerror or type(error).__name__)
    if before is not None and before.changed_ns == changed_ns:
        return before
    seen = Thumbnail(path, changed_ns=changed_ns, symbol=_symbol(path))
    try:
        return replace(seen, picture=_picture(path))
    except PartRMError as error:
        fault = error.title.removeprefix(str(path)).strip()
        return replace(seen, fault=fault[:1].upper() + fault[1:])


def _symbol(path: Path) -> Literal["image", "splat", "save"]:
    from model.formats.files import FORMATS

    if path.suffix.lower() == ENDING:
        return "save"
    return "splat" if path.name.lower().endswith(tuple(known.ending for known in FORMATS)) else "image"


def _picture(path: Path) -> np.ndarray | None:
    """Return a small picture, (H, W, 4) uint8, or None for what would take long. Raises PartRMError."""
    from model.stages.load import load_small

    if _symbol(path) == "save":
        return _of_project(path)
    return None if _symbol(path) == "splat" else load_small(path, MAX_SIDE, MAX_PIXELS)


def _of_project(path: Path) -> np.ndarray | None:
    """Return a project's first picture, which is its photo."""
    from model.stages.load import load_small

    try:
        with zipfile.ZipFile(path) as archive:
            pictures = sorted(name for name in archive.namelist() if name.endswith(".png"))
            if not pictures:
                return None
            with archive.open(pictures[0]) as stream:
                return load_small(path, MAX_SIDE, MAX_PIXELS, stream)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise PartRMError(tr("This project is damaged"), str(error)) from error
