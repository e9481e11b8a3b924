"""What runs and waits, and how long it may still take."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from model.progress import Progress
from partrm_viewer.jobs import Ended, Job, Jobs, Message
from partrm_viewer.working import Pace, Row, Working, about, clock, told


def test_an_estimate_is_told_only_once_it_means_something_and_is_smooth() -> None:
    pace = Pace(0.0)
    pace.told(0.02, "begins", 1.0)
    assert pace.left_s(1.0) is None
    left = []
    for second in range(2, 41):
        jitter = 0.004 if second % 2 else -0.004
        pace.told(second / 100 + jitter, "goes on", float(second))
        if (estimate := pace.left_s(float(second))) is not None:
            left.append((second, estimate))
    assert left[0][0] <= 5 and left[-1][0] == 40
    assert all(abs(estimate - (100 - second)) < 0.35 * (100 - second) for second, estimate in left[5:])


def test_a_job_that_stands_still_longer_than_was_thought_has_no_estimate() -> None:
    pace = Pace(0.0)
    for second in range(1, 10):
        pace.told(second / 10, "", float(second))
    assert pace.left_s(9.5) is not None and pace.left_s(15.0) is None


def test_a_job_that_begins_a_new_phase_is_estimated_anew() -> None:
    pace = Pace(0.0)
    for second in range(1, 10):
        pace.told(second / 10, "first", float(second))
    pace.told(0.01, "second", 10.0)
    assert pace.left_s(10.0) is None


def test_times_are_told_in_words() -> None:
    assert [clock(7), clock(750), clock(3723)] == ["0:07", "12:30", "1:02:03"]
    assert [about(1), about(32), about(119), about(4000)] == [
        "about 5 s left",
        "about 35 s left",
        "about 2 min left",
        "about 1 h 7 min left",
    ]


@pytest.fixture
def working() -> Iterator[Working]:
    working = Working()
    yield working
    for worker in working._workers:
        worker.close()


def _job(name: str, go: threading.Event, quiet: bool = False) -> Job:
    def run(progress: Progress) -> None:
        progress(0.5, "half")
        while not go.wait(0.005):
            progress(0.5, "half")

    return Job(name, run, lambda _: None, lambda _: None, brief=quiet)


def test_jobs_of_all_workers_are_listed_and_each_can_be_cancelled(working: Working) -> None:
    ended, go = threading.Event(), threading.Event()
    names: list[str] = []

    def post(message: Message) -> None:
        working.told(message)
        if isinstance(message, Ended):
            names.append(f"{message.job.name} {message.outcome}")
            if len(names) == 3:
                ended.set()

    one, two = working.watch(Jobs(post, "one")), working.watch(Jobs(post, "two"))
    first = one.submit(_job("first", go))
    second, third = one.submit(_job("second", go)), two.submit(_job("third", go))
    while one.listing()[0] is not first or two.listing()[0] is not third:
        pass
    states = {row.job.name: row.state for row in working.rows()}
    assert states == {"first": "running", "third": "running", "second": "waiting"}
    working.cancel(second)
    assert names == ["second cancelled"]
    working.cancel(third)
    go.set()
    assert ended.wait(5)
    assert {row.state for row in working.rows()} == {"done", "cancelled"}


def test_a_job_is_shown_until_its_end_has_arrived(working: Working) -> None:
    held: list[Message] = []
    go, ended = threading.Event(), threading.Event()

    def post(message: Message) -> None:
        held.append(message)
        if isinstance(message, Ended):
            ended.set()

    worker = working.watch(Jobs(post))
    worker.submit(_job("slow", go))
    go.set()
    assert ended.wait(5)
    states = []
    for message in held:  # the GUI thread is late
        working.told(message)
        states.append([row.state for row in working.rows()])
    assert states[0] == ["running"] and states[-1] == ["done"] and [] not in states


def test_brief_jobs_are_not_shown(working: Working) -> None:
    go = threading.Event()
    worker = working.watch(Jobs(working.told))
    job = worker.submit(_job("saving", go, quiet=True))
    while worker.listing()[0] is not job:
        pass
    assert working.rows() == []
    go.set()


def test_a_row_says_how_its_job_stands() -> None:
    job = _job("x", threading.Event())
    assert told(Row(job, "running", "", 0.4, 65, 100)) == "40% · 1:05 · about 2 min left"
    assert told(Row(job, "running", "", 0.0, 5, None)) == "0:05"
    assert told(Row(job, "failed", elapsed_s=4)) == "Failed · 0:04"
