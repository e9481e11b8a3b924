"""What moved between two states."""

from __future__ import annotations

import time

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.gaussians import Gaussians, concatenate
from model.stages.state import Motion
from partrm_viewer.tracing import traced
from renderer.overlay import GREEN, SKY

OUT = Motion(Joint("prismatic", np.array([0.0, 0.0, 1.0]), np.zeros(3)), 0.3, 0.0, 1.0)


def plate(x: tuple[float, float], y: tuple[float, float], z: float, n: int = 4000, seed: int = 0) -> Gaussians:
    """Lay splats on a plate across the z axis."""
    rng = np.random.default_rng(seed)
    points = np.stack([rng.uniform(*x, n), rng.uniform(*y, n), np.full(n, z)], axis=1)
    grey = np.full((n, 3), 0.5)
    return Gaussians.from_colours(points, np.tile([1.0, 0, 0, 0], (n, 1)), np.full((n, 3), 0.005), np.ones(n), grey)


BODY, FRONT = plate((-0.5, 0.5), (-0.5, 0.0), 0.0), plate((-0.4, 0.4), (0.05, 0.4), 0.0)
BEFORE = concatenate([BODY, FRONT])
PART = np.arange(len(BEFORE)) >= len(BODY)


def greener(g: Gaussians) -> np.ndarray:
    """Say which are tinted as what moved."""
    return np.asarray(np.abs(g.colours - np.array(GREEN) / 255).max(axis=1) < 0.3)


def test_the_part_is_tinted_and_its_old_place_has_a_ghost() -> None:
    after = BEFORE.moved(OUT.T, PART)
    found = traced(BEFORE, after, PART, OUT)
    shown, ghost = found.select(np.arange(len(found)) < len(after)), found.select(np.arange(len(found)) >= len(after))
    assert (greener(shown) == PART).all()
    assert np.array_equal(shown.positions, after.positions) and np.array_equal(shown.opacities, after.opacities)
    assert np.array_equal(ghost.positions, BEFORE.positions[PART]) and (ghost.opacities < 0.3).all()
    assert np.abs(ghost.colours - np.array(SKY) / 255).max() < 0.2


def test_a_network_may_lay_all_splats_anew() -> None:
    body, front = plate((-0.5, 0.5), (-0.5, 0.0), 0.001, 3000, 7), plate((-0.4, 0.4), (0.05, 0.4), 0.3, 3000, 8)
    found = traced(BEFORE, concatenate([front, body]), PART, OUT)
    tinted = greener(found)[:6000]
    assert tinted[:3000].mean() > 0.99 and tinted[3000:].mean() < 0.01


def test_the_sides_of_a_drawer_move_with_it_and_the_walls_behind_do_not() -> None:
    side, wall = plate((-0.4, 0.4), (0.1, 0.3), 0.15, 500), plate((-0.4, 0.4), (0.05, 0.4), -0.3, 500)
    found = traced(BEFORE, concatenate([BEFORE.moved(OUT.T, PART), side, wall]), PART, OUT)
    tinted = greener(found)[len(BEFORE) : len(BEFORE) + 1000]
    assert tinted[:500].all() and not tinted[500:].any()


@pytest.mark.parametrize("part", [None, PART[:-1]])
def test_where_the_part_is_not_known_what_is_in_a_new_place_moved(part: np.ndarray | None) -> None:
    found = traced(BEFORE, BEFORE.moved(OUT.T, PART), part, OUT)
    assert (greener(found)[: len(BEFORE)] == PART).all() and len(found) == len(BEFORE) + len(FRONT)


def test_one_splat_and_strays_are_no_trouble() -> None:
    one = BEFORE.select(np.array([0]))
    assert len(traced(one, one, None, None)) == 1
    far = BEFORE.positions.copy()
    far[0] = 1e6
    stray = Gaussians(far, BEFORE.rotations, BEFORE.scales, BEFORE.opacities, BEFORE.sh)
    start = time.perf_counter()
    assert (greener(traced(stray, stray.moved(OUT.T, PART), PART, OUT))[: len(BEFORE)] == PART).all()
    assert time.perf_counter() - start < 5
