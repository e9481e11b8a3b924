"""Fewer Gaussians that look alike."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from renderer.cpu import CpuRenderer
from renderer.thin import thinned


def wall(count: int, seed: int = 0) -> Gaussians:
    """Make a square wall of small round splats, grey on the left and red on the right."""
    rng = np.random.default_rng(seed)
    positions = np.zeros((count, 3), np.float32)
    positions[:, :2] = rng.uniform(-0.5, 0.5, (count, 2))
    colours = np.where(positions[:, :1] < 0, [0.5, 0.5, 0.5], [1.0, 0.0, 0.0]).astype(np.float32)
    scales = np.full((count, 3), 1.2 * count**-0.5, np.float32)
    return Gaussians.from_colours(
        positions, np.eye(1, 4, dtype=np.float32).repeat(count, 0), scales, np.full(count, 0.8, np.float32), colours
    )


def test_a_tenth_of_the_splats_still_covers_the_wall_in_its_colours() -> None:
    whole = wall(20_000)
    few, kept = thinned(whole, 2000)
    assert 1900 <= len(few) <= 2000 and np.array_equal(few.positions, whole.positions[kept])
    camera = Camera.orbit(0, 0, 1.5, 40, 96, 96)
    seen = [CpuRenderer().render(g, camera).on((0, 0, 1))[16:80, 16:80].astype(float) for g in (whole, few)]
    left, right = np.abs(seen[0] - seen[1])[:, :28], np.abs(seen[0] - seen[1])[:, 36:]
    assert left.mean() < 6 and right.mean() < 6  # of 255: nowhere shines the blue background through


def test_large_opaque_splats_stay_as_they_are() -> None:
    whole = wall(5000)
    whole.scales[7] = 0.2
    few, kept = thinned(whole, 500)
    at = int(np.flatnonzero(kept == 7)[0])
    assert np.allclose(few.scales[at], 0.2)


def test_a_small_set_is_left_alone_and_a_large_one_always_thinned_alike() -> None:
    whole = wall(300)
    few, kept = thinned(whole, 300)
    assert few is whole and np.array_equal(kept, np.arange(300))
    assert np.array_equal(thinned(wall(5000), 100)[1], thinned(wall(5000), 100)[1])


def test_sets_that_cannot_be_seen_are_thinned_without_a_warning() -> None:
    clear = wall(100)
    clear.opacities[:] = 0
    assert len(thinned(clear, 10)[0]) == 0
