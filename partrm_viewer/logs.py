"""Logs: the file that keeps what went wrong; a new one is begun when it is large, so that it never fills a disk."""

from __future__ import annotations

import logging
import os
import platform
import sys
import threading
from collections import deque
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

MAX_BYTES, N_OLD = 1_000_000, 2
log = logging.getLogger(__name__)


def folder() -> Path:
    """Return this user's folder for logs (it may not exist yet)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "partrm_viewer" / "logs"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Logs" / "partrm_viewer"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "partrm_viewer"


def path() -> Path:
    """Return the log that is written now."""
    return folder() / "log.txt"


def begin() -> logging.Handler | None:
    """Write the log from now on, also of what no code of ours has caught; None where it cannot be written."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path(), maxBytes=MAX_BYTES, backupCount=N_OLD, encoding="utf-8", delay=False)
    except OSError as error:
        log.warning("no log is kept: %s", error)
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    for name in ("model", "renderer", "partrm_viewer"):
        logging.getLogger(name).setLevel(logging.INFO)
    threading.excepthook = _thread_failed
    log.info("begun, Python %s on %s", platform.python_version(), platform.platform())
    return handler


def last(count: int) -> str:
    """Return the last lines of the log and of the one before it, or nothing where there is none."""
    lines: deque[str] = deque(maxlen=count)
    for part in (path().with_name(path().name + ".1"), path()):
        with suppress(OSError), part.open(encoding="utf-8", errors="replace") as file:
            lines.extend(file)
    return "".join(lines)


def failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write an exception that nobody has caught."""
    log.error("not caught", exc_info=(kind, error, trace))


def _thread_failed(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        failed(told.exc_type, told.exc_value, told.exc_traceback)
