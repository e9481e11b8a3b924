"""Doubts: what lies outside of what the embedded model knows, in words for the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.stages.frame import window_of
from model.stages.reconstruct import consistent
from model.stages.state import Part, State, View

FEW_PX = 96  # longer side of an object in the photo: fewer pixels than the networks look at
CUT = 0.02  # share of the frame round the object that may lie on the border of the photo
AGREED = 0.78  # share of the guesses on which the views agree; below it held-out objects lose 4 dB from the sides
TINY = 0.0015  # share of the crop under which a part's outline is a guess


def of_object(mask: np.ndarray, views: Sequence[View]) -> tuple[str, ...]:
    """Say what makes a photo's first state doubtful; mask (H, W) bool, the object; views, the image's own first."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    found = []
    if longest < FEW_PX:
        found.append(f"The object is only {longest} pixels large here: details are lost")
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).sum()
    if border > CUT * 2 * (np.ptp(rows) + np.ptp(columns)):
        found.append("The photo cuts the object off: what lies beyond its edge is missing")
    if agreement(views) < AGREED:
        found.append("The sides that the photo does not show are a rough guess: they do not fit together")
    return tuple(found)


def agreement(views: Sequence[View]) -> float:
    """Return the share of guessed points that lie in the image's outline, times that no other guess looks through."""
    inside, kept = [], []
    for k, view in enumerate(views[1:], 1):
        there = view.depth > 0
        if there.any():
            points = view.camera.unproject(view.camera.pixel_grid()[there], view.depth[there].astype(np.float64))
            row, column, _, within = views[0].camera.cells(points)
            inside.append(np.mean(within & (views[0].depth[row, column] > 0)))
            kept.append(np.mean(consistent(points, [v for j, v in enumerate(views) if j not in (0, k)])))
    return float(np.mean(inside) * np.mean(kept)) if inside else 0.0


def of_part(state: State, part: Part) -> tuple[str, ...]:
    """Say what makes a part doubtful."""
    side = window_of(state.camera, state.crop)[2]
    if part.mask.sum() < TINY * side * side:
        return ("The part is tiny in this picture: its outline is a guess",)
    return ()
