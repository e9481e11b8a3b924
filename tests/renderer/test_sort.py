"""The order of blending."""

from __future__ import annotations

import numpy as np

from renderer.sort import depth_order, view_depth


def test_farthest_comes_first() -> None:
    depth = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    order = depth_order(depth)
    assert order.dtype == np.float32 and sorted(order.astype(int)) == list(range(5000))
    assert (np.diff(depth[order.astype(int)]) <= 2 * np.ptp(depth) / 65535).all()


def test_moved_parts_are_as_deep_as_where_they_are() -> None:
    positions = np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]], np.float32)
    rows = np.array([[0, 0, 1, 0.5], [0, 0, 1, 10]], np.float32)
    assert view_depth(positions, rows[0]).tolist() == [1.5, 2.5, 3.5]
    moved = view_depth(positions, rows, np.array([1, 0, 0], np.uint8))
    assert moved.tolist() == [11, 2.5, 3.5]
    assert depth_order(moved).tolist() == [0, 2, 1]


def test_equal_depths_and_none_at_all() -> None:
    assert depth_order(np.ones(3, np.float32)).tolist() == [0, 1, 2]
    assert len(depth_order(view_depth(np.zeros((0, 3), np.float32), np.ones(4)))) == 0
