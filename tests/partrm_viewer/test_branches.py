"""Branches: lanes and lines of the film strip, without a window."""

from __future__ import annotations

import random

from partrm_viewer.branches import LANES, Line, cells, way_to


def lanes(parents: list[int | None]) -> list[int]:
    return [cell.lane for cell in cells(parents)]


def test_a_row_of_pulls_is_one_lane() -> None:
    assert lanes([None, 0, 1, 2]) == [0, 0, 0, 0]
    assert cells([None, 0])[0].lines == (Line(None, 0, 1),)
    assert cells([None, 0])[1].lines == (Line(0, None, 1),)


def test_a_branch_has_a_lane_of_its_own_and_a_line_past_what_lies_between() -> None:
    parents: list[int | None] = [None, 0, 1, 0, 3]
    assert lanes(parents) == [0, 0, 0, 1, 1]
    passing = cells(parents)[1].lines
    assert Line(1, 1, 3) in passing and Line(None, 0, 2) in passing


def test_a_lane_that_has_ended_is_used_again() -> None:
    assert lanes([None, 0, 0, 1, 3, 3]) == [0, 0, 1, 0, 0, 1]


def test_what_has_lost_its_parent_stands_alone() -> None:
    assert lanes([None, None, 1]) == [0, 0, 0]
    assert cells([None, None])[0].lines == ()


def test_many_branches_share_the_last_lane_and_no_line_is_lost() -> None:
    random.seed(1)
    parents: list[int | None] = [None, *(random.randrange(k) for k in range(1, 200))]
    laid = cells(parents)
    assert max(cell.lane for cell in laid) == LANES - 1
    begun = [line.child for cell in laid for line in cell.lines if line.start is None]
    ended = [line.child for cell in laid for line in cell.lines if line.end is None]
    assert sorted(begun) == sorted(ended) == list(range(1, 200))


def test_the_way_to_a_state_is_all_that_it_was_made_from() -> None:
    assert way_to([None, 0, 1, 0, 3], 4) == {0, 3, 4}
    assert way_to([None], 0) == {0}
