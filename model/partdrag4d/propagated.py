"""Propagated drags: where SAM's outline of a pulled part lets other drags start, as PartDrag-4D stores them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from model.errors import DragError
from model.formats.disk import write_atomically
from model.partdrag4d.dataset import HALF_PIXEL, SIZE, DataSet, StateId
from model.partdrag4d.states import seed_of
from model.progress import Progress, silent
from model.stages.propagate import SPREAD

# Outlines what lies at a pixel (x, y) of an (H, W, 3) uint8 picture, (H, W) bool. Raises DragError where nothing does.
Outliner = Callable[[np.ndarray, tuple[float, float]], np.ndarray]


def propagate_all(
    data: DataSet, ids: Sequence[StateId], outline: Outliner, seed: int = 0, progress: Progress = silent
) -> list[tuple[StateId, str]]:
    """Write propagated_drags/<id>/propagated_indices.npy of every state that has none; returns what failed and why."""
    failed = []
    for n, id in enumerate(ids):
        progress(n / len(ids), f"{n} of {len(ids)} states outlined")
        path = data.root / "propagated_drags" / str(id) / "propagated_indices.npy"
        if path.exists():
            continue
        try:
            found = propagated(data, id, outline, seed)
        except DragError as problem:
            failed.append((id, problem.title))
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file, found=found: np.save(file, found))  # type: ignore[misc]
    return failed


def propagated(data: DataSet, id: StateId, outline: Outliner, seed: int = 0) -> np.ndarray:
    """Return pixels of the part that a state moves, (N <= SPREAD, 2) int64 as (row, column).

    SAM is asked at a random point that moves between this and another state and that view 0 sees, where there is one.
    As in PartDrag-4D the picture is not put on white first: what is transparent is black to SAM.
    Raises DragError where nothing is outlined, FormatError for damaged files.
    """
    rng = np.random.default_rng([seed, seed_of(str(id))])
    others = [other for other in data.ids("all") if other.group == id.group and other != id]
    if not others:
        raise DragError("Its part has no other state", "Build all six states of the part.")
    moving = np.flatnonzero(data.moving(id, others[rng.integers(len(others))]))
    seen = data.visible(id)
    preferred = moving if seen is None else np.intersect1d(moving, seen)
    points = preferred if len(preferred) else moving
    if len(points) == 0:
        raise DragError("Nothing of it moves", "Its part is none of those that are moved.")
    pixel, _ = data.camera(id, 0).project(data.points(id)[rng.choice(points)])
    x, y = np.clip(np.floor(pixel + HALF_PIXEL), 0, SIZE - 1)  # whole pixels, as PartDrag-4D
    mask = outline(data.picture(id, 0)[..., :3], (float(x), float(y)))
    pixels = np.argwhere(mask)
    return np.asarray(pixels[rng.permutation(len(pixels))[:SPREAD]], np.int64)
