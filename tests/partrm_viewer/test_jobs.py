"""The worker thread: order, latest wins, cancel, and exactly one end a job."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model.errors import PartRMError
from model.progress import Progress
from partrm_viewer.jobs import Ended, Job, Jobs, Message, Progressed


class Inbox:
    """Stands for the GUI thread: delivers messages when asked to."""

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()
        self.log: list[str] = []
        self.jobs = Jobs(self.messages.put)

    def job(self, name: str, run: Callable[[Progress], Any], preview: bool = False, idle: bool = False) -> Job:
        return Job(
            name,
            run,
            lambda value: self.log.append(f"{name} done {value}"),
            lambda error: self.log.append(f"{name} failed {error.title}"),
            lambda: self.log.append(f"{name} cancelled"),
            preview,
            idle=idle,
        )

    def submit(self, name: str, run: Callable[[Progress], Any], preview: bool = False, idle: bool = False) -> Job:
        return self.jobs.submit(self.job(name, run, preview, idle))

    def receive(self, ends: int) -> list[Progressed]:
        progressed = []
        while ends:
            message = self.messages.get(timeout=5)
            if isinstance(message, Ended):
                message.deliver()
                ends -= 1
            else:
                progressed.append(message)
        return progressed


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.jobs.close()
    assert not [t for t in threading.enumerate() if t.name == "worker"]


def counted(i: int) -> Callable[[Progress], int]:
    return lambda progress: i


def busy(inbox: Inbox) -> threading.Event:
    """Keep the worker at a job called first until the event that is returned is set."""
    begun, gate = threading.Event(), threading.Event()

    def first(progress: Progress) -> bool:
        begun.set()
        return gate.wait(5)

    inbox.submit("first", first)
    begun.wait(5)
    return gate


def endless(begun: threading.Event) -> Callable[[Progress], None]:
    def run(progress: Progress) -> None:
        begun.set()
        while True:
            progress(0.5, "still")
            time.sleep(0.001)

    return run


def test_jobs_run_in_order(inbox: Inbox) -> None:
    for i in range(5):
        inbox.submit(str(i), counted(i))
    inbox.receive(5)
    assert inbox.log == [f"{i} done {i}" for i in range(5)]


def test_latest_preview_wins_and_goes_first(inbox: Inbox) -> None:
    gate = busy(inbox)
    inbox.submit("user", lambda progress: "u")
    for i in range(4):
        inbox.submit(f"preview {i}", lambda progress: "p", preview=True)
    gate.set()
    inbox.receive(6)
    assert inbox.log == [
        "preview 0 cancelled",
        "preview 1 cancelled",
        "preview 2 cancelled",
        "first done True",
        "preview 3 done p",
        "user done u",
    ]


def test_a_running_preview_gives_way(inbox: Inbox) -> None:
    begun = threading.Event()
    inbox.submit("old", endless(begun), preview=True)
    begun.wait(5)
    inbox.submit("new", lambda progress: 1, preview=True)
    inbox.receive(2)
    assert inbox.log == ["old cancelled", "new done 1"]


def test_cancel_a_running_and_a_waiting_job(inbox: Inbox) -> None:
    begun = threading.Event()
    running = inbox.submit("running", endless(begun))
    waiting = inbox.submit("waiting", lambda progress: 1)
    begun.wait(5)
    inbox.jobs.cancel(waiting)
    inbox.jobs.cancel(running)
    inbox.receive(2)
    assert inbox.log == ["waiting cancelled", "running cancelled"]
    inbox.jobs.cancel(running)  # once more does nothing
    time.sleep(0.02)
    assert all(isinstance(m, Progressed) for m in list(inbox.messages.queue))


def test_failures_are_told_and_the_thread_lives_on(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    def explained(progress: Progress) -> None:
        raise PartRMError("No.", "Try again.")

    def mistaken(progress: Progress) -> None:
        raise KeyError("x")

    inbox.submit("a", explained)
    inbox.submit("b", mistaken)
    inbox.submit("c", lambda progress: 3)
    inbox.receive(3)
    assert inbox.log[0] == "a failed No." and "KeyError" in inbox.log[1] and inbox.log[2] == "c done 3"
    assert "KeyError" in caplog.text


def test_progress_is_told_at_most_20_times_a_second(inbox: Inbox) -> None:
    def busy(progress: Progress) -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            progress(0.5, "busy")

    inbox.submit("busy", busy)
    assert len(inbox.receive(1)) <= 8


def test_close_ends_everything() -> None:
    inbox, begun = Inbox(), threading.Event()
    inbox.submit("running", endless(begun))
    inbox.submit("waiting", lambda progress: 1)
    begun.wait(5)
    inbox.jobs.close()
    inbox.receive(2)
    inbox.submit("late", lambda progress: 1)
    inbox.receive(1)
    assert sorted(inbox.log) == ["late cancelled", "running cancelled", "waiting cancelled"]


class OutOfMemoryError(RuntimeError):
    """As torch calls the one of a graphics card."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "The graphics card's memory is full"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "This computer's memory is full"),
        (MemoryError(), "This computer's memory is full"),
    ],
)
def test_a_full_memory_is_told_in_plain_words_and_the_worker_lives_on(
    inbox: Inbox, error: Exception, told: str
) -> None:
    def fill(progress: Progress) -> None:
        raise error

    inbox.submit("large", fill)
    inbox.submit("next", counted(1))
    inbox.receive(ends=2)
    assert inbox.log == [f"large failed {told}", "next done 1"]


class Steps:
    """Work in ten steps that may be stopped after each, and that goes on where it was."""

    def __init__(self) -> None:
        self.begun, self.gate, self.steps, self.runs = threading.Event(), threading.Event(), 0, 0

    def __call__(self, progress: Progress) -> int:
        self.runs += 1
        self.begun.set()
        while self.steps < 10:
            progress(self.steps / 10, "step")
            if self.steps < 5 or self.gate.wait(0.002):
                self.steps += 1
        return self.steps


@pytest.mark.parametrize("preview", [True, False])
def test_idle_work_gives_way_and_goes_on_afterwards(inbox: Inbox, preview: bool) -> None:
    work = Steps()
    inbox.submit("idle", work, idle=True)
    work.begun.wait(5)
    inbox.submit("user", lambda progress: work.steps, preview=preview)
    inbox.receive(1)
    assert inbox.log[0].startswith("user done")
    work.gate.set()
    inbox.receive(1)
    assert inbox.log[1] == "idle done 10" and work.runs == 2


def test_idle_work_waits_until_nothing_else_does(inbox: Inbox) -> None:
    gate = busy(inbox)
    for name in ("old idle", "idle"):
        inbox.submit(name, lambda progress: 1, idle=True)
    inbox.submit("user", lambda progress: 1)
    inbox.submit("preview", lambda progress: 1, preview=True)
    gate.set()
    inbox.receive(5)
    assert inbox.log == ["old idle cancelled", "first done True", "preview done 1", "user done 1", "idle done 1"]


def test_newer_idle_work_replaces_the_older_one_for_good(inbox: Inbox) -> None:
    work = Steps()
    inbox.submit("old", work, idle=True)
    work.begun.wait(5)
    inbox.submit("new", lambda progress: 1, idle=True)
    inbox.receive(2)
    assert inbox.log == ["old cancelled", "new done 1"] and work.runs == 1


def test_idle_work_that_gave_way_can_be_cancelled(inbox: Inbox) -> None:
    work, begun = Steps(), threading.Event()
    idle = inbox.submit("idle", work, idle=True)
    work.begun.wait(5)
    user = inbox.submit("user", endless(begun))
    begun.wait(5)
    inbox.jobs.cancel(idle)
    inbox.jobs.cancel(user)
    inbox.receive(2)
    assert sorted(inbox.log) == ["idle cancelled", "user cancelled"] and work.runs == 1
