"""The box behind a front that slides out: where it lies, what it is made of, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.gaussians import Gaussians
from model.stages import drawer
from model.stages.reconstruct import discs
from model.stages.state import Motion

OUT = np.array([0.0, 0, 1])


def front(depth: float = 0.0) -> Gaussians:
    """Make a front of 0.6 x 0.2 at z = 0.3; with a depth it has a side too."""
    x, y = np.meshgrid(np.linspace(-0.3, 0.3, 61), np.linspace(0, 0.2, 21))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 0.3)], 1)
    points[::5, 2] -= depth
    grey = np.full((len(points), 3), 0.2)
    return discs(points, np.tile(OUT, (len(points), 1)), grey, np.full(len(points), 0.005), np.array([0, 0, 3.0]))


def motion(kind: str = "prismatic", axis: np.ndarray = OUT, amount: float = 0.2) -> Motion:
    return Motion(Joint(kind, axis, np.zeros(3)), amount, 0.0, 1.0)  # type: ignore[arg-type]


def normals(gaussians: Gaussians) -> np.ndarray:
    return np.tile(OUT, (len(gaussians), 1))


def found(move: Motion, depth: float = 0.0) -> drawer.Drawer | None:
    return drawer.behind(front(depth), move)


def test_box_lies_between_the_body_and_the_moved_front() -> None:
    box = found(motion())
    assert box is not None
    np.testing.assert_allclose(np.abs(box.axes @ [0, 0, 1]), OUT, atol=1e-6)
    assert box.high[2] - box.low[2] == pytest.approx(0.2)
    assert box.high[2] == pytest.approx(0.5 - drawer.FRONT)
    assert -0.3 < box.low[0] < -0.25 and 0.25 < box.high[0] < 0.3
    assert 0 < box.low[1] < 0.03 and 0.1 < box.high[1] < 0.2


@pytest.mark.parametrize("move", [motion("revolute", np.array([0, 1.0, 0])), motion(amount=-0.2), motion(amount=0.01)])
def test_doors_and_what_goes_in_or_hardly_moves_are_no_drawers(move: Motion) -> None:
    assert drawer.slides_out(motion()) and not drawer.slides_out(move)


@pytest.mark.parametrize(
    ("axis", "depth"),
    [
        (np.array([1.0, 0, 0]), 0.0),  # a sliding door
        (OUT, 0.3),  # open already: its sides are known
    ],
)
def test_what_is_no_shut_drawer_gets_no_box(axis: np.ndarray, depth: float) -> None:
    assert found(motion(axis=axis), depth) is None


def test_a_strip_gets_no_box() -> None:
    thin = front().select(np.flatnonzero(front().positions[:, 1] < 0.015))
    assert drawer.behind(thin, motion()) is None


def test_sides_and_floor_have_the_guessed_colour_halfway_to_light_boards() -> None:
    box = found(motion())
    assert box is not None
    floor = box.axes @ np.array([0.0, box.low[1], (box.low[2] + box.high[2]) / 2])
    blue = np.tile([0.0, 0, 1], (drawer.FEW, 1))
    guesses = discs(
        np.tile(floor, (drawer.FEW, 1)), normals(front())[: drawer.FEW], blue, np.full(drawer.FEW, 0.01), OUT * 3
    )
    made = drawer.sides(box, guesses)
    p = made.positions @ box.axes
    assert (p > box.low - 1e-6).all() and (p < box.high + 1e-6).all()
    below = np.abs(p[:, 1] - box.low[1]) < 1e-6
    left, right = np.abs(p[:, 0] - box.low[0]) < 1e-6, np.abs(p[:, 0] - box.high[0]) < 1e-6
    assert (below | left | right).all() and below.any() and left.any() and right.any()
    np.testing.assert_allclose(made.colours[below & ~left & ~right][0], (drawer.BOARD + blue[0]) / 2, atol=1e-3)
    np.testing.assert_allclose(drawer.sides(box, guesses.select(np.arange(0))).colours[0], drawer.BOARD, atol=1e-3)


def test_box_holds_what_lies_inside_it() -> None:
    box = found(motion())
    assert box is not None
    middle = box.axes @ ((box.low + box.high) / 2)
    assert box.holds(np.stack([middle, middle + 1])).tolist() == [True, False]
