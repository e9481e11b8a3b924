"""Scoring: how near a state is to the truth, where its photo is a view of a data set; worker thread, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from model.errors import FormatError
from model.evaluation.metrics import psnr, ssim
from model.partdrag4d.dataset import SIZE, DataSet, StateId, open_dataset
from model.stages.state import State
from renderer.cpu import CpuRenderer


@dataclass(frozen=True)
class Truth:
    """The true states of what a photo shows."""

    data: DataSet
    photo: StateId  # which of them the photo shows
    states: tuple[StateId, ...]  # all that differ only in where the part stands, the photo's too


@dataclass(frozen=True)
class Score:
    """A state's picture from the photo's camera against the true one, both on white."""

    psnr_db: float
    ssim: float


def truth_of(path: Path | None) -> Truth | None:
    """Return the true states of a photo that lies in renders/<id>/000.png of a data set; None for any other."""
    if path is None or path.name != "000.png" or path.parent.parent.name != "renders":
        return None
    try:
        data, photo = open_dataset(path.parents[2]), StateId.parse(path.parent.name)
        states = tuple(id for id in sorted(data.there) if id.group == photo.group)
    except (FormatError, OSError):
        return None
    return Truth(data, photo, states)


def score(state: State, truth: Truth, target: StateId) -> Score:
    """Draw a state as the photo's camera sees it and compare with a true one. Raises FormatError."""
    drawn = CpuRenderer().render(state.gaussians, state.camera.resized(SIZE, SIZE)).on()
    a, b = drawn / np.float32(255), _on_white(truth.data, target)
    return Score(psnr(a, b), ssim(a, b))


@lru_cache(maxsize=8)
def _on_white(data: DataSet, id: StateId) -> np.ndarray:
    rgba = data.picture(id, 0).astype(np.float32) / 255
    return np.asarray(rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:])
