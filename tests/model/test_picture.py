"""The picture of a moved state: the photo's pixels where nothing has moved, drawn ones where something has."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from model.stages.picture import picture_after
from renderer.cpu import CpuRenderer
from tests.model.two_halves import two_halves


def draw(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    return np.asarray(CpuRenderer().render(gaussians, camera).colour)


def test_where_nothing_moves_the_photo_stays() -> None:
    state = two_halves()
    picture, mask = picture_after(state, state.gaussians, state.camera, draw)
    np.testing.assert_array_equal(picture, state.image)
    assert mask.shape == state.mask.shape and (mask != state.mask).mean() < 0.02


def test_what_has_moved_is_drawn_and_where_it_was_too() -> None:
    state = two_halves()
    green = state.gaussians.colours[:, 1] > 0.5
    T = np.eye(4)
    T[:3, 3] = 0.3 * state.camera.T_world_camera[:3, 0]
    after = state.gaussians.moved(T, green)
    picture, _ = picture_after(state, after, state.camera, draw)
    drawn = draw(after, state.camera)
    drawn = (np.clip(drawn[..., :3] + 1 - drawn[..., 3:], 0, 1) * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(picture[30:50, 50:65], state.image[30:50, 50:65])  # red, at rest
    np.testing.assert_array_equal(picture[30:50, 72:82], drawn[30:50, 72:82])  # left free
    np.testing.assert_array_equal(picture[30:50, 105:112], drawn[30:50, 105:112])  # the green half's new place
    assert (picture[40, 78] > 240).all() and picture[40, 108, 1] > 200 > picture[40, 108, 0]


def test_a_smaller_picture_is_of_the_same_things() -> None:
    state = two_halves()
    picture, mask = picture_after(state, state.gaussians, state.camera.resized(70, 40), draw)
    assert picture.shape == (40, 70, 3) and mask.shape == (40, 70)
    assert (picture[20, 30] == [255, 0, 0]).all() and (picture[20, 40] == [0, 255, 0]).all()
