"""Working: what runs and waits on all workers, how far it is, and how long it may still take; no Qt in it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from partrm_viewer.jobs import Ended, Job, Jobs, Message
from partrm_viewer.words import tr

SHORT_S = 0.5  # quiet jobs that run no longer are not shown
TOLD_AFTER_S, TOLD_FROM = 3.0, 0.03  # an estimate means nothing before
SMOOTH_S = 15.0  # what is longer ago hardly counts for the estimate
N_ENDED = 4


@dataclass(frozen=True, eq=False)
class Row:
    """One job as it is now."""

    job: Job
    state: Literal["running", "waiting", "done", "failed", "cancelled"]
    what: str = ""  # is being done
    fraction: float = 0.0  # 0 where nobody knows
    elapsed_s: float | None = None
    left_s: float | None = None  # None where it cannot be told


class Pace:
    """How fast one job goes on, smoothed."""

    def __init__(self, now_s: float) -> None:
        self.begun_s, self.fraction, self.what = now_s, 0.0, ""
        self._since_s, self._told_s = now_s, now_s
        self._done, self._took_s = 0.0, 0.0  # of the job and of time; what is long ago fades from both alike

    def told(self, fraction: float, what: str, now_s: float) -> None:
        """Take in how far the job is now; one that begins again is estimated anew."""
        self.what = what
        if fraction < self.fraction:
            self._since_s, self._done, self._took_s = now_s, 0.0, 0.0
        elif fraction > self.fraction:
            passed = now_s - self._told_s
            fading = math.exp(-passed / SMOOTH_S)
            self._done = self._done * fading + fraction - self.fraction
            self._took_s = self._took_s * fading + passed
        if fraction != self.fraction:
            self.fraction, self._told_s = fraction, now_s

    def left_s(self, now_s: float) -> float | None:
        """Estimate how many seconds are left; None where that would be a guess."""
        early = now_s - self._since_s < TOLD_AFTER_S or self.fraction < TOLD_FROM
        if early or self._done <= 0 or self.fraction >= 1:
            return None
        left = (1 - self.fraction) * self._took_s / self._done - (now_s - self._told_s)
        return left if left > 0 else None  # it should be over by now: nobody knows


class Working:
    """Hears each message of all workers, and asks them what they have. GUI thread only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._workers: list[Jobs] = []
        self._paces: dict[Job, Pace] = {}
        self._ended: deque[Row] = deque(maxlen=N_ENDED)

    def watch(self, jobs: Jobs) -> Jobs:
        """Show the jobs of another worker from now on; its messages come to `told`."""
        self._workers.append(jobs)
        return jobs

    def told(self, message: Message) -> None:
        """Take in a worker's message."""
        job, now = message.job, self._clock()
        if not isinstance(message, Ended):
            self._paces.setdefault(job, Pace(now)).told(message.fraction, message.what, now)
            return
        pace = self._paces.pop(job, None)
        if not job.quiet:
            elapsed = None if pace is None else now - pace.begun_s
            self._ended.appendleft(Row(job, message.outcome, elapsed_s=elapsed))

    def rows(self) -> list[Row]:
        """Return what runs, what waits, and what has ended lately."""
        now, running, waiting = self._clock(), [], []
        begun = dict(self._paces)  # a worker may have ended a job whose end is still on its way here, or begun another
        for worker in self._workers:
            job, queued = worker.listing()
            if job is not None:
                begun.setdefault(job, Pace(now))
            waiting += [Row(job, "waiting") for job in queued if not job.quiet and job not in begun]
        for job, pace in begun.items():
            elapsed = now - pace.begun_s
            if not job.quiet or elapsed > SHORT_S:
                running.append(Row(job, "running", pace.what, pace.fraction, elapsed, pace.left_s(now)))
        return [*running, *waiting, *self._ended]

    def cancel(self, job: Job) -> None:
        """Ask one job to stop."""
        for worker in self._workers:
            running, waiting = worker.listing()
            if job is running or job in waiting:
                worker.cancel(job)


def told(row: Row) -> str:
    """Say in one line how a job stands."""
    if row.state == "waiting":
        return tr("Waiting")
    took = "" if row.elapsed_s is None else clock(row.elapsed_s)
    if row.state == "running":
        share = f"{row.fraction:.0%}" if row.fraction > 0 else ""
        left = "" if row.left_s is None else about(row.left_s)
        return " · ".join(part for part in (share, took, left) if part)
    ends = {"done": tr("Done"), "failed": tr("Failed"), "cancelled": tr("Cancelled")}
    return " · ".join(part for part in (ends[row.state], took) if part)


def clock(seconds: float) -> str:
    """Write a time as on a stop watch: 0:07, 12:30, 1:02:03."""
    minutes, s = divmod(int(seconds), 60)
    h, m = divmod(minutes, 60)
    return f"{h}:{m:02d}:{s:02d}" if h else f"{m}:{s:02d}"


def about(seconds: float) -> str:
    """Say how long something will still take, no finer than can be known."""
    if seconds < 55:
        return tr("about {n} s left").format(n=max(5 * math.ceil(seconds / 5), 5))
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return tr("about {n} min left").format(n=minutes)
    return tr("about {h} h {m} min left").format(h=minutes // 60, m=minutes % 60)
