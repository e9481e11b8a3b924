"""The Gaussian database from the command line: states shared among all cores, an interrupted run goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model.errors import PartRMError
from model.partdrag4d.dataset import StateId, open_dataset
from model.partdrag4d.gaussians_database import analytic, checked_states, lgm, make_all, missing
from model.progress import Progress, silent
from partrm_viewer.dataset.pool import LocalPool, Lost

SHARE = 8  # states that a process takes at a time
Failures = dict[StateId, PartRMError]


@dataclass(frozen=True)
class Share:
    """Some states to be lifted, as they are sent to another process."""

    root: Path
    ids: tuple[StateId, ...]
    side: int


def run(
    root: Path, how: str, network: str, weights: Path | None, device: str = "cpu", progress: Progress = silent
) -> int:
    """Build what is missing of a data set's Gaussian database; prints what there is and what was left out.

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
    done, failed = 0, Failures()
    for count, some in (
        ((1, make_all(data, [id], make)) for id in todo) if make is not None else _lifted(root, todo, side)
    ):
        done, failed = done + count, failed | some
        progress(done / len(todo), f"{done:,} of {len(todo):,} states")
    for id, error in failed.items():
        print(f"left out {id}: {error.title}. {error.hint}", file=sys.stderr)
    print(f"{len(todo) - len(failed):,} made, {len(failed):,} left out: {data.root / 'gaussians'}")
    return 2 if failed else 0


def _lifted(root: Path, todo: list[StateId], side: int) -> Iterator[tuple[int, Failures]]:
    """Lift states on all cores; yields how many are done more, and which of them failed."""
    shares = [Share(root, tuple(todo[k : k + SHARE]), side) for k in range(0, len(todo), SHARE)]
    if len(shares) <= 1:  # not worth a process
        yield from ((len(share.ids), lift(share)) for share in shares)
        return
    pool = LocalPool()
    try:
        for share, failed in pool.run(lift, shares, lambda: None):
            yield len(share.ids), dict.fromkeys(share.ids, failed) if isinstance(failed, Lost) else failed
    finally:
        pool.close()


def lift(share: Share) -> Failures:
    """Lift some states; returns those that failed and why."""
    return make_all(open_dataset(share.root), share.ids, partial(analytic, side=share.side))
