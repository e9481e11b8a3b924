"""Details: what somebody who is to mend an error needs to know of it, without the names of private folders."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent
PACKAGES = ("partrm-viewer", "PySide6-Essentials", "torch", "numpy", "numba", "vispy", "pillow")


def trace(error: BaseException) -> str:
    """Return where an error came from, with those that led to it; nothing for one that was never raised."""
    if error.__traceback__ is None and error.__cause__ is None:
        return ""
    return "".join(traceback.format_exception(error))


def report(title: str, hint: str, where: str, facts: Mapping[str, str], log: str, folders: Iterable[Path] = ()) -> str:
    """Put together what is copied: the error, versions, where it came from, and the end of the log."""
    lines = [title, hint, ""]
    lines += [f"{name}: {_version(name)}" for name in PACKAGES]
    lines += [f"Python: {platform.python_version()}", f"Platform: {platform.platform()}"]
    lines += [f"{name}: {fact}" for name, fact in facts.items()]
    for head, text in (("Where", where), ("Log", log)):
        if text.strip():
            lines += ["", f"--- {head}", text.rstrip()]
    return private("\n".join(lines), folders) + "\n"


def private(text: str, folders: Iterable[Path] = ()) -> str:
    """Take the names of folders out of a text: the home, the program's, Python's, and others that are told."""
    known = {PROGRAM: "PROGRAM", Path(sys.prefix): "PYTHON", Path(tempfile.gettempdir()): "TEMP", Path.home(): "~"}
    known |= {folder: "…" for folder in folders if len(folder.parts) > 1 and folder not in known}
    for folder in sorted(known, key=lambda f: -len(str(f))):
        text = text.replace(str(folder), known[folder])
    return text


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
