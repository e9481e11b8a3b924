"""Again: a part of one state found in another, and a pull done once more by the real predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import DragError
from model.gaussians import Gaussians, concatenate
from model.progress import Progress
from model.stages.again import carried, found, hold, rigid_fit, with_amount
from model.stages.pipeline import Pipeline
from model.stages.state import Motion, Part, Prediction, State
from tests.model.two_halves import two_halves

SLIDE = Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3))


def rest_and_part() -> tuple[State, Part]:
    """Return a state at rest and its green half."""
    state = two_halves()
    pixels, _ = state.camera.project(state.gaussians.positions)
    splats, mask = pixels[:, 0] > 70, state.mask & (np.arange(state.mask.shape[1]) > 70)
    return state, Part((80.0, 40.0), mask, splats, np.array([0.1, 0.0, 0.0]), 0.9)


def after(state: State, splats: np.ndarray, T: np.ndarray, added: Gaussians | None = None) -> State:
    """Move some Gaussians, and append others."""
    moved = state.gaussians.moved(T, splats)
    return replace(state, gaussians=concatenate([moved, added]) if added is not None else moved, predicted=True)


def slid(amount: float) -> np.ndarray:
    return SLIDE.transform(amount)


def test_a_part_is_found_where_it_has_gone() -> None:
    rest, part = rest_and_part()
    held = hold(part, rest, rest)
    T = Joint("revolute", np.array([0.0, 1, 0]), np.array([0.2, 0, 0])).transform(0.7)
    again = found(held, after(rest, part.splats, T), rest)
    assert again is not None
    np.testing.assert_allclose(again[1], T, atol=1e-5)
    np.testing.assert_array_equal(again[0].splats, part.splats)
    np.testing.assert_array_equal(again[0].mask, part.mask)
    np.testing.assert_allclose(again[0].grab, T[:3, :3] @ part.grab + T[:3, 3], atol=1e-5)


def test_what_predictions_have_added_to_a_part_goes_with_it() -> None:
    rest, part = rest_and_part()
    own = rest.gaussians.select(part.splats)
    box = own.moved(slid(-0.1))  # as if the pull had shown a drawer's box
    first = after(rest, part.splats, slid(0.2), box)
    whole = np.concatenate([part.splats, np.ones(len(box), bool)])
    held = hold(replace(part, splats=whole), first, rest)
    elsewhere = own.moved(slid(0.9))
    second = after(rest, part.splats, slid(0.5), concatenate([elsewhere, box.moved(slid(0.3))]))
    again = found(held, second, rest)
    assert again is not None
    np.testing.assert_allclose(again[1], slid(0.3), atol=1e-5)
    n = len(rest.gaussians)
    np.testing.assert_array_equal(again[0].splats[:n], part.splats)
    assert not again[0].splats[n : n + len(elsewhere)].any() and again[0].splats[n + len(elsewhere) :].all()


def test_a_part_that_came_apart_is_told() -> None:
    rest, part = rest_and_part()
    half = part.splats & (rest.gaussians.positions[:, 1] > 0)
    with pytest.raises(DragError, match="not whole"):
        found(hold(part, rest, rest), after(rest, half, slid(0.4)), rest)


def test_a_few_gaussians_that_another_part_took_along_do_not_matter() -> None:
    rest, part = rest_and_part()
    rows = np.flatnonzero(part.splats)[::4]
    taken = np.zeros_like(part.splats)
    taken[rows] = True
    T = slid(0.3)
    state = after(after(rest, part.splats & ~taken, T), taken, slid(-0.5))
    again = found(hold(part, rest, rest), state, rest)
    assert again is not None
    np.testing.assert_allclose(again[1], T, atol=1e-4)


def test_a_state_that_was_drawn_anew_has_no_part_that_can_be_known() -> None:
    rest, part = rest_and_part()
    anew = replace(rest, gaussians=rest.gaussians.select(np.arange(len(rest.gaussians))[::-1][:-3]))
    assert found(hold(part, rest, rest), anew, rest) is None
    held = hold(replace(part, splats=part.splats[:-3]), anew, rest)
    assert not held.splats.any() and found(held, rest, rest) is None


def test_a_joint_goes_along_with_its_part() -> None:
    T = Joint("revolute", np.array([0.0, 1, 0]), np.zeros(3)).transform(np.pi / 2)
    motion = carried(Motion(Joint("revolute", np.array([1.0, 0, 0]), np.array([1.0, 0, 0])), 0.4, 0, 1), T)
    np.testing.assert_allclose(motion.joint.axis, [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(motion.joint.pivot, [0, 0, -1], atol=1e-12)
    assert motion.amount == 0.4


def test_the_drag_ends_where_another_amount_takes_the_grabbed_point() -> None:
    rest, part = rest_and_part()
    camera = Camera.orbit(20, 20, 3.0, 40, 320, 240)
    held = hold(part, rest, rest)
    at = camera.project(part.grab[None])[0][0]
    motion, drag = with_amount(Motion(SLIDE, 0.2, 3.0, 0.9), Drag((at[0], at[1]), (0.0, 0.0)), held, camera, 0.4)
    assert motion.amount == 0.4 and drag.start_px == (at[0], at[1])
    amount, miss = SLIDE.solve(part.grab, camera, drag.end_px, (0.0, 0.9))
    assert abs(amount - 0.4) < 1e-3 and miss < 0.5


def test_a_rigid_fit_never_mirrors() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(30, 3)) * [1, 1, 0]
    T = rigid_fit(flat, flat * [1, -1, 1])
    assert np.linalg.det(T[:3, :3]) > 0.999


class Follows:
    """A predictor that writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Part | None, Motion | None]] = []

    def predict(self, state: State, drags: Sequence[Drag], part: Part | None, progress: Progress) -> Prediction:
        self.asked.append(("by its drag", part, None))
        return Prediction(state)

    def follow(self, state: State, part: Part, motion: Motion, progress: Progress) -> Prediction:
        self.asked.append(("by its motion", part, motion))
        return Prediction(state)

    def read(self, image: np.ndarray, progress: Progress) -> None: ...


def pipeline_of(finder: Follows, predictor: Follows) -> Any:
    """Make a pipeline without networks."""
    made = object.__new__(Pipeline)
    made.finder, made.predictor = finder, predictor  # type: ignore[assignment]
    return made


def test_the_embedded_predictor_repeats_the_motion_where_the_part_is_now() -> None:
    rest, part = rest_and_part()
    held, drag = hold(part, rest, rest), Drag((80.0, 40.0), (90.0, 50.0))
    motion, finder = Motion(SLIDE, 0.3, 0.0, 0.9), Follows()
    pipeline_of(finder, finder).again(rest, after(rest, part.splats, slid(0.1)), drag, held, motion)
    ((how, known, moved),) = finder.asked
    assert how == "by its motion" and known is not None and moved is not None and moved.amount == 0.3
    np.testing.assert_array_equal(known.splats, part.splats)


def test_partrm_repeats_the_drag_with_the_part_where_it_is_known() -> None:
    rest, part = rest_and_part()
    held, drag = hold(part, rest, rest), Drag((80.0, 40.0), (90.0, 50.0))
    finder, partrm = Follows(), Follows()
    pipeline = pipeline_of(finder, partrm)
    pipeline.again(rest, rest, drag, held, Motion(SLIDE, 0.3, 0.0, 0.9))
    anew = replace(rest, gaussians=rest.gaussians.select(np.arange(len(rest.gaussians))[::-1][:-3]))
    pipeline.again(rest, anew, drag, held, Motion(SLIDE, 0.3, 0.0, 0.9))
    pipeline.again(rest, rest, drag, None, None)
    assert [(how, known is None) for how, known, _ in partrm.asked] == [
        ("by its drag", False),
        ("by its drag", True),
        ("by its drag", True),
    ]
    assert finder.asked == []


def test_a_repeated_drag_that_starts_beside_the_object_is_told() -> None:
    rest, _ = rest_and_part()
    with pytest.raises(DragError, match="no object under"):
        pipeline_of(Follows(), Follows()).again(rest, rest, Drag((2.0, 2.0), (9.0, 9.0)), None, None)


@pytest.mark.slow
def test_two_drawers_of_the_sample_are_pulled_once_more() -> None:
    from model.stages.load import load_image

    pipeline = Pipeline(device="cpu")
    rest = pipeline.open(load_image(Path(__file__).parents[2] / "resources" / "samples" / "cabinet.png"))
    drags = Drag((505.0, 350.0), (574.0, 406.0)), Drag((505.0, 560.0), (560.0, 605.0))
    states, steps = [rest], []
    for drag in drags:
        made = pipeline.predict(states[-1], [drag])
        assert made.part is not None and made.motion is not None
        steps.append((drag, hold(made.part, states[-1], rest), made.motion))
        states.append(made.state)
    n = len(rest.gaussians)
    again = rest
    for before, (drag, held, motion) in zip(states[1:], steps, strict=True):
        again = pipeline.again(rest, again, drag, held, motion).state
        np.testing.assert_allclose(again.gaussians.positions[:n], before.gaussians.positions[:n], atol=1e-5)
        assert abs(len(again.gaussians) - len(before.gaussians)) < 0.02 * n
    # the lower drawer alone, then the upper one, only half as far
    alone = pipeline.again(rest, rest, *steps[1]).state
    lower = steps[1][1].splats & ~steps[0][1].splats
    moved = alone.gaussians.positions[:n] - rest.gaussians.positions
    expected = steps[1][2].T[:3, 3]
    np.testing.assert_allclose(np.median(moved[lower], axis=0), expected, atol=1e-3)
    half = replace(steps[0][2], amount=steps[0][2].amount / 2)
    both = pipeline.again(rest, alone, steps[0][0], steps[0][1], half).state
    upper = steps[0][1].splats & ~steps[1][1].splats
    moved = both.gaussians.positions[:n] - rest.gaussians.positions
    np.testing.assert_allclose(np.median(moved[upper], axis=0), half.T[:3, 3], atol=1e-3)
    np.testing.assert_allclose(np.median(moved[lower], axis=0), expected, atol=1e-3)
