"""Notes: a pull that asks for what a part cannot do is told so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.drag import Drag, Sight
from model.stages.state import Motion, Part, State
from partrm_viewer.notes import asked_px, notes_on
from tests.model.two_halves import two_halves

OUT = np.array([0.0, 0.0, 1.0])
SLIDE = Joint("prismatic", OUT, np.zeros(3))
HINGE = Joint("revolute", np.array([0.0, 1.0, 0.0]), np.zeros(3))
DRAG = Drag((60.0, 40.0), (80.0, 40.0))


@pytest.fixture
def state() -> State:
    return two_halves()


def part_of(state: State, slides: float, turns: float) -> Part:
    splats = np.ones(len(state.gaussians), bool)
    return Part((60.0, 40.0), state.mask, splats, np.zeros(3), 0.9, (SLIDE, HINGE), (slides, turns))


def test_a_pull_that_the_part_follows_needs_no_note(state: State) -> None:
    assert notes_on(Motion(SLIDE, 0.2, 1.0, 1.0), DRAG, state, part_of(state, 0.1, 9.0)) == ()


def test_a_pull_against_the_joint_is_told(state: State) -> None:
    (note,) = notes_on(Motion(SLIDE, 0.0, 19.5, 1.0), DRAG, state, part_of(state, 0.1, 9.0))
    assert "cannot go that way" in note


@pytest.mark.parametrize("joint", [SLIDE, HINGE])
def test_a_pull_longer_than_the_part_can_travel_is_told(state: State, joint: Joint) -> None:
    end = 0.9 if joint is SLIDE else 2.4
    (note,) = notes_on(Motion(joint, end, 15.0, 1.0), DRAG, state, part_of(state, 0.1, 9.0))
    assert "further than the part can go" in note


def test_a_drawer_that_is_pulled_like_a_door_is_told(state: State) -> None:
    (note,) = notes_on(Motion(HINGE, 0.4, 1.0, 1.0), DRAG, state, part_of(state, 0.1, 9.0))
    assert note == "The part looks as if it slides; pulled this way, it turns"
    assert notes_on(Motion(HINGE, 0.4, 1.0, 1.0), DRAG, state, part_of(state, 0.1, 1.0)) == ()  # it may well turn


def test_a_pull_across_the_way_of_a_drawer_is_told(state: State) -> None:
    aside = replace(SLIDE, axis=np.array([1.0, 0.0, 0.0]))
    (note,) = notes_on(Motion(aside, 0.2, 1.0, 1.0), DRAG, state, part_of(state, 0.1, 9.0))
    assert "across" in note


def test_of_a_short_pull_nothing_is_told(state: State) -> None:
    tiny = Drag((60.0, 40.0), (60.5, 40.0))
    assert notes_on(Motion(SLIDE, 0.0, 0.5, 1.0), tiny, state, None) == ()


def test_how_far_a_pull_goes_is_the_same_in_the_world_as_in_the_image(state: State) -> None:
    grab, target = np.array([0.0, 0.0, 0.1]), np.array([0.1, 0.0, 0.1])
    R = state.camera.T_world_camera[:3, :3]
    target = grab + 0.1 * R[:, 0]  # along the image
    a, b = state.camera.project(np.stack([grab, target]))[0]
    sight = Sight(tuple(grab.tolist()), tuple(target.tolist()), state.camera)
    flat = Drag((float(a[0]), float(a[1])), (float(b[0]), float(b[1])))
    assert asked_px(replace(flat, sight=sight), state) == pytest.approx(asked_px(flat, state), rel=1e-6)
