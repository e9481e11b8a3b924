"""Evaluate, the processes: tasks on all cores, the time that is left, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import suppress
from multiprocessing import get_context
from typing import TypeVar

import numba
import torch

from model import weights
from model.errors import WeightsError
from model.evaluation.summary import Record
from model.progress import Progress
from model.stages.pipeline import choose_device
from partrm_viewer.evaluation.methods import Plan, Row

ROOM = 3  # times its weights' size is what a process with PartRM takes
T = TypeVar("T")
Work = Callable[[T], tuple[Record, bool]]  # a task's record, and whether an earlier run had left it


def done(work: Work[T], tasks: Sequence[T], workers: int, unit: str, progress: Progress) -> Iterator[Record]:
    """Do tasks and yield their records as they come; tells how long the rest will take.

    One worker is this process itself. Ctrl-C: those under way are finished (they write what they have), the others
    dropped, and KeyboardInterrupt goes on.
    """
    started, count, kept = time.monotonic(), 0, 0

    def told(record: Record, was_kept: bool) -> Record:
        nonlocal count, kept
        count, kept = count + 1, kept + was_kept
        left = (time.monotonic() - started) / max(1, count - kept) * (len(tasks) - count)
        progress(count / len(tasks) * 0.999, f"{count} of {len(tasks)} {unit}, {duration(left)} left")
        return record

    if workers == 1:
        for task in tasks:
            yield told(*work(task))
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        waiting = {pool.submit(work, task) for task in tasks}
        try:
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield told(*future.result())
        except BaseException:
            progress(count / len(tasks) * 0.999, f"stopping after the {unit} under way")
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def duration(seconds: float) -> str:
    """Write a time for people."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def workers_for(rows: Sequence[Row], plan: Plan, tasks: int) -> int:
    """Choose how many processes: one a core, as far as the memory goes; one where a graphics card does the work."""
    if choose_device(plan.device).type == "cuda":
        return 1
    count = min(os.cpu_count() or 1, tasks)
    for row in rows:
        with suppress(WeightsError, ValueError, OSError, AttributeError):  # some systems do not tell their memory
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            if row.kind == "partrm":
                count = min(count, memory // (ROOM * weights.find(row.value).stat().st_size))
    return max(1, count)


def _begin() -> None:
    """Make a worker process: one core, and Ctrl-C is its parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    numba.set_num_threads(1)
