"""Jobs: one worker thread, a queue for what the user asked, latest-wins places for previews and for idle work."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from model.errors import Cancelled, PartRMError, out_of_memory
from model.progress import Progress

log = logging.getLogger(__name__)
REPORT_EVERY_S = 0.05  # more often than 20 times a second starves the GUI thread of the interpreter lock


@dataclass(eq=False)
class Job:
    """Work for the worker thread, and what the GUI thread does with its end."""

    name: str  # shown beside the progress bar
    run: Callable[[Progress], Any]  # worker thread
    done: Callable[[Any], None]  # GUI thread, as are the next two
    failed: Callable[[PartRMError], None]
    cancelled: Callable[[], None] = lambda: None
    preview: bool = False  # a newer preview replaces it, and it goes without a progress bar
    brief: bool = False  # in the queue, but over so soon that a progress bar would only flicker
    idle: bool = False  # the same, and it gives way to all others: its run is called again after them
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def quiet(self) -> bool:
        """Tell whether it goes without a progress bar."""
        return self.preview or self.brief or self.idle


@dataclass(frozen=True, eq=False)
class Progressed:
    """A job has begun (fraction 0) or gone on."""

    job: Job
    fraction: float
    what: str


@dataclass(frozen=True, eq=False)
class Ended:
    """The one last message of every job."""

    job: Job
    outcome: Literal["done", "failed", "cancelled"]
    value: Any = None  # the result, or the PartRMError

    def deliver(self) -> None:
        """Call the job's answer; GUI thread."""
        if self.outcome == "done":
            self.job.done(self.value)
        elif self.outcome == "failed":
            self.job.failed(self.value)
        else:
            self.job.cancelled()


Message = Progressed | Ended


class Jobs:
    """Run jobs one after the other on a thread of their own.

    post is called on the worker thread (and on the caller's, for a job that never began) with each Message; it must
    hand it to the GUI thread, in order.
    """

    def __init__(self, post: Callable[[Message], None], name: str = "worker") -> None:
        self._post = post
        self._queue: deque[Job] = deque()
        self._preview: Job | None = None
        self._idle: Job | None = None
        self._running: Job | None = None
        self._gave_way: Job | None = None  # the idle job that was stopped for another's sake
        self._closed = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Job:
        """Add a job: to the end of the queue, or, if a preview or idle, in the place of any other of its kind."""
        dropped: Job | None = None
        with self._wake:
            running = self._running
            if self._closed:
                dropped = job
            elif job.idle:
                dropped, self._idle = self._idle, job
            elif job.preview:
                dropped, self._preview = self._preview, job
            else:
                self._queue.append(job)
            if running is not None and running.idle:
                if job.idle:
                    self._gave_way = None
                elif not running.stop.is_set():
                    self._gave_way = running
                running.stop.set()
            elif running is not None and running.preview and job.preview:
                running.stop.set()
            self._wake.notify()
        if dropped is not None:
            self._post(Ended(dropped, "cancelled"))
        return job

    def cancel(self, job: Job) -> None:
        """Ask one job to stop; it ends in cancelled, unless it was done just before."""
        job.stop.set()
        with self._wake:
            waiting = job in self._queue or job is self._preview or job is self._idle
            if job in self._queue:
                self._queue.remove(job)
            elif job is self._preview:
                self._preview = None
            elif job is self._idle:
                self._idle = None
            elif job is self._gave_way:
                self._gave_way = None
        if waiting:
            self._post(Ended(job, "cancelled"))

    def cancel_all(self) -> None:
        """Ask the running job and all waiting ones to stop."""
        with self._wake:
            jobs = [job for job in (self._running, self._preview, *self._queue, self._idle) if job is not None]
        for job in jobs:
            self.cancel(job)

    def listing(self) -> tuple[Job | None, tuple[Job, ...]]:
        """Return the running job, and those that wait, in the order they would be run now."""
        with self._wake:
            waiting = (self._preview, *self._queue, self._idle)
            return self._running, tuple(job for job in waiting if job is not None)

    def close(self) -> None:
        """Cancel everything and wait for the thread to end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self.cancel_all()
        self._thread.join()

    def _loop(self) -> None:
        while (job := self._next()) is not None:
            message = self._work(job)
            with self._wake:
                self._running = None
                stopped_for_another = job is self._gave_way and message.outcome == "cancelled"
                again = stopped_for_another and self._idle is None and not self._closed
                self._gave_way = None
                if again:
                    job.stop.clear()
                    self._idle = job
            if not again:
                self._post(message)

    def _next(self) -> Job | None:
        with self._wake:
            while not (self._closed or self._preview or self._queue or self._idle):
                self._wake.wait()
            if self._closed:
                return None
            # A preview goes first: it is short, and a waiting prediction uses the part that it finds.
            if self._preview is not None:
                self._running, self._preview = self._preview, None
            elif self._queue:
                self._running = self._queue.popleft()
            else:
                self._running, self._idle = self._idle, None
            return self._running

    def _work(self, job: Job) -> Ended:
        told_at = time.monotonic()

        def progress(fraction: float, what: str) -> None:
            nonlocal told_at
            if job.stop.is_set():
                raise Cancelled
            if time.monotonic() - told_at >= REPORT_EVERY_S:
                told_at = time.monotonic()
                self._post(Progressed(job, fraction, what))

        try:
            if job.stop.is_set():
                raise Cancelled
            self._post(Progressed(job, 0.0, job.name))
            value = job.run(progress)
        except Cancelled:
            return Ended(job, "cancelled")
        except PartRMError as error:
            return Ended(job, "failed", error)
        except Exception as error:  # a mistake of ours must not end the worker: it is logged whole and told in short
            if (full := out_of_memory(error)) is not None:
                return Ended(job, "failed", full)
            log.exception("%s failed", job.name)
            kind = type(error).__name__
            told = PartRMError(f"{job.name} failed ({kind}: {error})", UNEXPECTED_HINT)
            told.__cause__ = error  # its details tell where
            return Ended(job, "failed", told)
        return Ended(job, "cancelled") if job.stop.is_set() else Ended(job, "done", value)


UNEXPECTED_HINT = (
    "This is a mistake in the program. What you had open is untouched; Copy details copies what is needed to mend it."
)
