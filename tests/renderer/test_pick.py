"""What lies under the pointer."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from renderer.cpu import CpuRenderer
from renderer.pick import pick
from tests.renderer.scenes import CAMERA, random_splats


def wall(z: float, opacity: float = 0.9) -> Gaussians:
    """A plane of flat splats facing +z."""
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    n = x.size
    positions = np.stack([x.ravel(), y.ravel(), np.full(n, z)], 1)
    scales = np.tile([0.04, 0.04, 0.001], (n, 1))
    return Gaussians.from_colours(
        positions, np.tile([1, 0, 0, 0], (n, 1)), scales, np.full(n, opacity), np.full((n, 3), 0.5)
    )


def test_a_point_on_a_known_plane() -> None:
    camera = Camera.orbit(20, 30, 3, 45, 320, 240)
    pixels, _ = camera.project(np.array([[0.31, -0.22, 0.25]]))
    found = pick(wall(0.25), camera, (pixels[0, 0], pixels[0, 1]))
    assert found is not None and np.abs(found.point - [0.31, -0.22, 0.25]).max() < 0.03
    back, depth = camera.project(found.point)
    assert np.allclose(back, pixels[0]) and np.isclose(depth, found.depth)


def test_the_nearer_of_two_walls_is_picked() -> None:
    from model.gaussians import concatenate

    camera = Camera.orbit(0, 0, 3, 45, 320, 240)
    both = concatenate([wall(-0.5), wall(0.5)])
    found = pick(both, camera, (160.5, 120.5))
    assert found is not None and abs(found.point[2] - 0.5) < 1e-3 and found.splat >= 41 * 41
    # Through a veil the wall behind is what one sees.
    veiled = pick(concatenate([wall(-0.5), wall(0.5, 0.02)]), camera, (160.5, 120.5))
    assert veiled is not None and abs(veiled.point[2] + 0.5) < 1e-3


def test_empty_places_give_nothing() -> None:
    camera = Camera.orbit(0, 0, 3, 45, 320, 240)
    assert pick(wall(0.0), camera, (1, 1)) is None
    assert pick(random_splats(0), camera, (160, 120)) is None
    assert pick(wall(0.0), Camera.orbit(0, 0, -3, 45, 320, 240), (0, 0)) is None


def test_the_covered_share_is_the_picture_s_alpha() -> None:
    gaussians = random_splats(400)
    frame = CpuRenderer().render(gaussians, CAMERA)
    for x, y in [(60, 45), (40, 30), (75, 50)]:
        found = pick(gaussians, CAMERA, (x + 0.5, y + 0.5))
        assert found is not None and abs(found.alpha - frame.colour[y, x, 3]) < 5e-3
