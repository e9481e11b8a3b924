"""Watchdog: tells how long the GUI thread worked at a stretch: in one turn of its event loop.

It asks the event loop, and is no filter of all events: one written in Python sees objects that are half gone.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from types import TracebackType

from PySide6.QtCore import QAbstractEventDispatcher

AT_MOST_S = 0.1
LOOK_S = 0.01  # between two looks at what the GUI thread is doing


@dataclass
class Block:
    """One stretch that was too long."""

    seconds: float  # of the processor: what other programs took does not count
    where: list[str] = field(default_factory=list)  # what it was doing, as often as that was seen


class Watchdog:
    """Measures each stretch of the GUI thread by that thread's own clock; a context manager."""

    def __init__(self, at_most_s: float = AT_MOST_S) -> None:
        self.blocks: list[Block] = []
        self.longest_s = 0.0
        self._at_most_s = at_most_s
        self._began_s = 0.0
        self._seen: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._gui = threading.get_ident()

    def __enter__(self) -> Watchdog:
        dispatcher = QAbstractEventDispatcher.instance()
        dispatcher.awake.connect(self._beat)
        dispatcher.aboutToBlock.connect(self._beat)
        self.rest()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        dispatcher = QAbstractEventDispatcher.instance()
        dispatcher.awake.disconnect(self._beat)
        dispatcher.aboutToBlock.disconnect(self._beat)
        self._over.set()
        self._thread.join()

    def rest(self) -> None:
        """Forget what was done since the last turn: the test's own work."""
        self._began_s, self._seen = time.thread_time(), []

    def told(self) -> str:
        """Describe the blocks, one line each."""
        return "\n".join(f"{1000 * b.seconds:.0f} ms: {'; '.join(dict.fromkeys(b.where)) or '?'}" for b in self.blocks)

    def _beat(self) -> None:
        took, seen = time.thread_time() - self._began_s, self._seen
        self.longest_s = max(self.longest_s, took)
        if took > self._at_most_s:
            self.blocks.append(Block(took, seen))
        self.rest()

    def _watch(self) -> None:
        clock = time.pthread_getcpuclockid(self._gui)
        while not self._over.wait(LOOK_S):
            if time.clock_gettime(clock) - self._began_s > self._at_most_s / 4:
                stack = traceback.extract_stack(sys._current_frames()[self._gui])
                ours = [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in stack]
                self._seen.append(" < ".join(ours[:-5:-1]))
