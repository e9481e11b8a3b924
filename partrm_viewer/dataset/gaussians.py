"""The Gaussian database from the command line: states shared among all cores, an interrupted run goes on."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from model.errors import PartRMError
from model.partdrag4d.dataset import StateId, open_dataset
from model.partdrag4d.gaussians_database import analytic, checked_states, lgm, make_all, missing

SHARE = 8  # states that a process takes at a time


def run(root: Path, how: str, network: str, weights: Path | None, device: str = "cpu", jobs: int | None = None) -> int:
    """Build what is missing of a data set's Gaussian database; prints how far it is and what was left out.

    Raises FormatError where there is no data set, WeightsError where LGM's weights cannot be used. Returns the
    command's exit status: 2 where a state was left out.
    """
    from model.network.partrm import PRESETS

    data = open_dataset(root)
    ids = checked_states(data)
    side = PRESETS[network].size // 2
    make = None
    if how == "lgm":
        if weights is None:
            hint = "Give LGM's model_fixrot.safetensors with --weights, or choose --how analytic."
            raise PartRMError("LGM needs its weights", hint)
        if network != "big":
            raise PartRMError("LGM makes Gaussians for the network 'big' only", "Choose --how analytic for 'small'.")
        make, side = lgm(weights, device)
    todo = missing(data, ids, 4 * side * side)
    print(f"{len(ids):,} states, {len(ids) - len(todo):,} have their 4 x {side}² Gaussians already", flush=True)
    clock = _Clock(len(todo))
    failed = (
        make_all(data, todo, make, clock) if make else _shared(root, todo, side, jobs or os.cpu_count() or 1, clock)
    )
    clock.end()
    for id, error in failed.items():
        print(f"left out {id}: {error.title}. {error.hint}", file=sys.stderr)
    print(f"{len(todo) - len(failed):,} made, {len(failed):,} left out: {data.root / 'gaussians'}")
    return 2 if failed else 0


class _Clock:
    """Print one line that tells how far the work is and how long it will take."""

    def __init__(self, total: int) -> None:
        self.total, self.start, self.done = total, time.monotonic(), 0

    def __call__(self, done: int, id: StateId) -> None:
        self.done += 1
        left = (time.monotonic() - self.start) / self.done * (self.total - self.done)
        if sys.stderr.isatty():
            print(f"\r{self.done:,} of {self.total:,}, {left:.0f} s left   ", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty() and self.total:
            print(file=sys.stderr)


def _shared(root: Path, todo: list[StateId], side: int, jobs: int, clock: _Clock) -> dict[StateId, PartRMError]:
    """Lift states in several processes."""
    if jobs == 1 or len(todo) <= SHARE:
        return make_all(open_dataset(root), todo, partial(analytic, side=side), clock)
    failed: dict[StateId, PartRMError] = {}
    context = multiprocessing.get_context("spawn")  # a fork would copy whatever threads hold
    with ProcessPoolExecutor(jobs, context) as pool:
        shares = [todo[k : k + SHARE] for k in range(0, len(todo), SHARE)]
        waiting = {pool.submit(_work, root, share, side): share for share in shares}
        for future in as_completed(waiting):
            try:
                left_out = future.result()
            except BrokenProcessPool as error:
                hint = "What it had made is kept: start the same command again."
                raise PartRMError("A process was killed, perhaps for want of memory", hint) from error
            failed |= left_out
            for id in waiting[future]:
                clock(0, id)
    return failed


def _work(root: Path, ids: list[StateId], side: int) -> dict[StateId, PartRMError]:
    return make_all(open_dataset(root), ids, partial(analytic, side=side), lambda done, id: None)
