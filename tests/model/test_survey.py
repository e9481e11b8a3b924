"""The survey finds every part that moves, once, and knows where the photo shows it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from model.errors import Cancelled
from model.stages.atlas import Atlas
from model.stages.load import load_image
from model.stages.pipeline import Pipeline
from model.stages.state import State

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"
COUNTS = {"cabinet": 2, "doors": 2, "microwave": 1}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(device="cpu")


@pytest.fixture(scope="module")
def surveyed(pipeline: Pipeline) -> dict[str, tuple[State, Atlas]]:
    states = {name: pipeline.open(load_image(SAMPLES / f"{name}.png")) for name in COUNTS}
    return {name: (state, pipeline.atlas(state)) for name, state in states.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_every_part_that_moves_is_found_once(surveyed: dict[str, tuple[State, Atlas]], name: str) -> None:
    state, atlas = surveyed[name]
    assert atlas.pixels.max() + 1 == COUNTS[name] and set(np.unique(atlas.splats)) == set(range(-1, COUNTS[name]))
    assert len(atlas.splats) == len(atlas.seen) == len(state.gaussians)


@pytest.mark.parametrize("name", COUNTS)
def test_it_lights_up_what_a_press_there_takes(
    surveyed: dict[str, tuple[State, Atlas]], pipeline: Pipeline, name: str
) -> None:
    state, atlas = surveyed[name]
    x, y, *_ = json.loads((SAMPLES / f"{name}.json").read_text())["drag"]
    number, part = atlas.at(state.camera, (x, y)), pipeline.part(state, (x, y))
    assert number >= 0
    lit = atlas.splats == number
    assert (lit & part.splats).sum() > 0.85 * (lit | part.splats).sum()
    assert atlas.sees(part.grab)


def test_what_stands_still_and_what_is_off_the_object_is_no_part(surveyed: dict[str, tuple[State, Atlas]]) -> None:
    state, atlas = surveyed["cabinet"]
    assert atlas.at(state.camera, (5.0, 5.0)) == -1 and atlas.at(state.camera, (-900.0, 5000.0)) == -1
    assert atlas.at(state.camera, (420.0, 180.0)) == -1  # its top


def test_what_lies_behind_is_not_seen_and_leads_to_the_nearest_that_is(
    surveyed: dict[str, tuple[State, Atlas]],
) -> None:
    state, atlas = surveyed["cabinet"]
    away = -state.camera.position / np.linalg.norm(state.camera.position)
    assert not atlas.sees(0.4 * away) and not atlas.sees(state.camera.position * 2)
    place = atlas.nearest_seen(atlas.splats == 0, 0.4 * away, state)
    assert place is not None and atlas.sees(place)
    assert atlas.nearest_seen(np.zeros(len(atlas.splats), bool), place, state) is None


def test_it_can_be_stopped(surveyed: dict[str, tuple[State, Atlas]], pipeline: Pipeline) -> None:
    def stop(fraction: float, what: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.atlas(surveyed["doors"][0], stop)
