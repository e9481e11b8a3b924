"""Pools: many tasks on all cores here, or on a cluster with Ray. A task whose worker dies is tried again."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol, TypeVar

from model.errors import PartRMError
from model.partdrag4d.articulated import package

T = TypeVar("T")
R = TypeVar("R")
TRIES = 3  # of a task whose worker dies
ALONE = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}  # a worker is one core


class Lost(PartRMError):
    """A task whose worker died each time it was tried."""

    def __init__(self) -> None:
        super().__init__(f"Its worker died {TRIES} times", "It may need more memory than there is: try --workers 1.")


class Pool(Protocol):
    """Runs tasks anywhere; their results come as they are ready, Lost for those that cannot be had.

    Whoever leaves early (Ctrl-C) has `stop` called, which tells running tasks to end soon, and waits for them.
    """

    def run(
        self, work: Callable[[T], R], tasks: Sequence[T], stop: Callable[[], None]
    ) -> Iterator[tuple[T, R | Lost]]: ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class LocalPool:
    """Worker processes on this computer, each with one task at a time: a death costs that task alone."""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._free: list[ProcessPoolExecutor] = []

    def run(self, work: Callable[[T], R], tasks: Sequence[T], stop: Callable[[], None]) -> Iterator[tuple[T, R | Lost]]:
        waiting = deque((task, 1) for task in tasks)
        free = self._free
        free += [_process() for _ in range(min(self.workers, len(tasks)) - len(free))]
        busy: dict[Future[R], tuple[ProcessPoolExecutor, T, int]] = {}
        try:
            while waiting or busy:
                while waiting and free:
                    task, attempt = waiting.popleft()
                    process = free.pop()
                    busy[process.submit(work, task)] = process, task, attempt
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                for future in done:
                    process, task, attempt = busy.pop(future)
                    try:
                        result: R | Lost = future.result()
                    except BrokenProcessPool:
                        process.shutdown(wait=False)
                        free.append(_process())
                        if attempt < TRIES:
                            waiting.appendleft((task, attempt + 1))
                            continue
                        result = Lost()
                    else:
                        free.append(process)
                    yield task, result
        finally:
            if busy:
                stop()
                for process, _, _ in busy.values():
                    process.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        while self._free:
            self._free.pop().shutdown(wait=True)


def _process() -> ProcessPoolExecutor:
    """Make one worker; it leaves Ctrl-C to this process."""
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_alone)


def _alone() -> None:
    """Prepare a worker: one core, deaf to Ctrl-C, and gone when the process that it works for is killed."""
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(ALONE)


class RayPool:
    """The cores of a Ray cluster. All of its computers must see the data set's folder and the objects."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, work: Callable[[T], R], tasks: Sequence[T], stop: Callable[[], None]) -> Iterator[tuple[T, R | Lost]]:
        ray: Any = package("ray")
        if not ray.is_initialized():
            root = str(Path(__file__).resolve().parents[2])  # where this program lies, on every computer alike
            there = {**ALONE, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)}
            try:
                ray.init(
                    address=self.address, runtime_env={"env_vars": there}, log_to_driver=False, logging_level="ERROR"
                )
            except (ConnectionError, ValueError, RuntimeError) as problem:
                hint = "Start one with `ray start --head`; docs/scale.md tells how."
                raise PartRMError(f"There is no Ray cluster at {self.address}", hint) from problem
        remote = ray.remote(num_cpus=1, max_retries=0)(work)
        pending = {remote.remote(task): (task, 1) for task in tasks}
        try:
            while pending:
                ready, _ = ray.wait(list(pending), num_returns=1)
                for ref in ready:
                    task, attempt = pending.pop(ref)
                    try:
                        result: R | Lost = ray.get(ref)
                    except ray.exceptions.RayTaskError:
                        raise  # a mistake of ours
                    except ray.exceptions.RayError:  # the worker or its whole computer has died
                        if attempt < TRIES:
                            pending[remote.remote(task)] = task, attempt + 1
                            continue
                        result = Lost()
                    yield task, result
        finally:
            if pending:
                stop()
                for ref in pending:
                    ray.cancel(ref)
                ray.wait(list(pending), num_returns=len(pending), timeout=30)

    def close(self) -> None:
        pass  # the cluster goes on
