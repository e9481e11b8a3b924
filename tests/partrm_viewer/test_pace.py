"""How coarse frames are while things move."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from partrm_viewer.pace import COARSEST, FLUENT_S, Pace


def frames(pace: Pace, cost_s: Callable[[int], float], count: int = 30) -> list[int]:
    """Draw frames one after the other, as while the mouse turns the view; returns how coarse each was."""
    drawn = []
    for _ in range(count):
        drawn.append(pace.next())
        pace.took(drawn[-1], cost_s(drawn[-1]))
    return drawn


def test_a_fast_computer_draws_whole_frames_even_after_a_slow_one() -> None:
    pace = Pace()
    pace.took(1, 0.3)  # the first one uploads
    assert set(frames(pace, lambda c: 0.01 / c**2)) == {1}
    pace.took(1, 0.3)
    assert set(frames(pace, lambda c: 0.01 / c**2)) == {1}


@pytest.mark.parametrize("whole_s", [0.04, 0.1, 0.3])
def test_a_slow_computer_holds_twenty_frames_a_second_while_things_move(whole_s: float) -> None:
    pace = Pace()
    drawn = frames(pace, lambda c: whole_s / c**2)
    assert drawn[0] == drawn[1] == 1 and drawn[-1] > 1
    assert all(whole_s / c**2 <= 0.05 for c in drawn[2:])
    assert drawn[5:] == [drawn[5]] * 25  # settled
    assert whole_s / max(drawn[-1] - 1, 1) ** 2 > FLUENT_S  # no coarser than it must be


def test_what_does_not_go_by_pixels_never_makes_frames_coarser_than_the_coarsest() -> None:
    assert frames(Pace(), lambda c: 0.2)[-1] == COARSEST


def test_a_slow_whole_frame_at_rest_does_not_make_the_next_movement_begin_slowly() -> None:
    pace = Pace()
    frames(pace, lambda c: 0.1 / c**2)
    pace.took(1, 0.1)  # sharpened
    assert pace.next() == 2


def test_frames_become_whole_again_when_there_is_less_to_draw() -> None:
    pace = Pace()
    assert frames(pace, lambda c: 0.1 / c**2)[-1] == 2
    assert frames(pace, lambda c: 0.02 / c**2)[-1] == 1


def test_a_whole_frame_that_cost_far_more_than_coarse_ones_is_left_to_moments_of_rest() -> None:
    pace = Pace()

    def cost_s(coarseness: int) -> float:  # a million splats, of which coarse frames show a few
        return 0.6 if coarseness == 1 else 0.02 / coarseness**2

    frames(pace, cost_s)
    pace.took(1, 0.6)  # sharpened
    assert frames(pace, cost_s) == [2] * 30
    pace.took(1, 0.01)  # another file
    assert set(frames(pace, lambda c: 0.01 / c**2)) == {1}
