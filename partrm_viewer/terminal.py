"""Terminal: lines for people, and the one line that tells how far a job is."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from model.progress import Progress, silent


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line in the place of the progress line, where there is one."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    print(line, file=stream, flush=True)


def progress_line() -> Progress:
    """Return a Progress that rewrites one line of stderr where that is a terminal, and is silent elsewhere."""
    if not sys.stderr.isatty():
        return silent
    shown = 0.0

    def show(fraction: float, what: str) -> None:
        nonlocal shown
        if fraction >= 1.0 or time.monotonic() - shown > 0.05:
            shown = time.monotonic()
            print(f"\r\x1b[K{fraction:4.0%} {what}", end="" if fraction < 1.0 else "\n", file=sys.stderr, flush=True)

    return show
