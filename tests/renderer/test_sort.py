"""The order of blending."""

from __future__ import annotations

import numpy as np

from renderer.sort import depth_order


def test_farthest_comes_first() -> None:
    positions = np.random.default_rng(0).uniform(-1, 1, (5000, 3)).astype(np.float32)
    row = np.array([0.3, -0.5, 0.8], np.float32)
    order = depth_order(positions, row)
    assert order.dtype == np.float32 and sorted(order.astype(int)) == list(range(5000))
    depth = (positions @ row)[order.astype(int)]
    assert (np.diff(depth) <= 2 * np.ptp(depth) / 65535).all()


def test_moved_parts_are_sorted_where_they_are() -> None:
    positions = np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]], np.float32)
    rows = np.array([[0, 0, 1, 0], [0, 0, 1, 10]], np.float32)
    assert depth_order(positions, rows[0]).tolist() == [2, 1, 0]
    assert depth_order(positions, rows, np.array([1, 0, 0], np.uint8)).tolist() == [0, 2, 1]


def test_equal_depths_and_none_at_all() -> None:
    assert depth_order(np.zeros((3, 3), np.float32), np.ones(3)).tolist() == [0, 1, 2]
    assert len(depth_order(np.zeros((0, 3), np.float32), np.ones(3))) == 0
