"""Films of states: what is shown when, and that splats are never blended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.camera import Camera
from model.errors import FormatError
from model.gaussians import Gaussians
from partrm_viewer.state_film import StateFilm, faded, film_states, order
from renderer.base import Frame
from renderer.cpu import CpuRenderer
from tests.renderer.scenes import random_splats

CAMERA = Camera.orbit(20, 15, 3.0, 40, 64, 48)
STATES = [random_splats(30, seed=seed) for seed in range(3)]
SMALL = (64, 48)


class Seeing:
    """A renderer that remembers what it was asked to draw."""

    name = "seeing"

    def __init__(self) -> None:
        self.seen: list[Gaussians] = []

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        self.seen.append(gaussians)
        return CpuRenderer().render(gaussians, camera)


@pytest.mark.parametrize(
    ("count", "back", "expected"), [(3, False, [0, 1, 2]), (3, True, [0, 1, 2, 1]), (2, True, [0, 1]), (1, True, [0])]
)
def test_backwards_shows_no_state_twice_in_a_row(count: int, back: bool, expected: list[int]) -> None:
    assert order(count, back) == expected


def test_a_cut_gif_has_one_picture_a_state_for_as_long_as_was_asked(tmp_path: Path) -> None:
    path = film_states(tmp_path / "a.gif", STATES, CAMERA, StateFilm(SMALL, seconds=0.5), CpuRenderer())
    with Image.open(path) as film:
        assert film.n_frames == 3 and film.size == SMALL  # type: ignore[attr-defined]
        assert film.info["duration"] == 500


def test_each_state_is_drawn_as_it_is_even_where_pictures_fade(tmp_path: Path) -> None:
    renderer = Seeing()
    film_states(tmp_path, STATES, CAMERA, StateFilm(SMALL, seconds=0.5, fades=True, back=True), renderer)
    frames = sorted(tmp_path.glob("frame*.png"))
    assert len(frames) == 4 * 12
    assert all(any(seen is state for state in STATES) for seen in renderer.seen)
    assert len(renderer.seen) <= 6  # a picture is not drawn again for each frame

    def frame(k: int) -> np.ndarray:
        with Image.open(frames[k]) as image:
            return np.asarray(image).astype(int)

    first, second = (CpuRenderer().render(s, CAMERA).on().astype(int) for s in STATES[:2])
    np.testing.assert_array_equal(frame(0), first)
    np.testing.assert_array_equal(frame(12), second)
    assert np.abs(frame(8) - (first + second) / 2).max() < 40 and (frame(8) != first).any()


def test_a_film_that_only_goes_forth_ends_at_rest(tmp_path: Path) -> None:
    film_states(tmp_path, STATES, CAMERA, StateFilm(SMALL, seconds=0.5, fades=True), CpuRenderer())
    with Image.open(sorted(tmp_path.glob("frame*.png"))[-1]) as image:
        np.testing.assert_array_equal(np.asarray(image), CpuRenderer().render(STATES[2], CAMERA).on())


def test_transparent_pictures_fade_without_dark_rims() -> None:
    red = np.zeros((1, 1, 4), np.uint8)
    red[..., 0], red[..., 3] = 200, 255
    nothing = np.zeros((1, 1, 4), np.uint8)
    assert faded(red, nothing, 0.5)[0, 0].tolist() == [200, 0, 0, 128]
    assert (faded(red, nothing, 0.0) == red).all()


def test_a_transparent_mp4_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    renderer = Seeing()
    with pytest.raises(FormatError, match="transparent"):
        film_states(tmp_path / "a.mp4", STATES, CAMERA, StateFilm(SMALL, "transparent"), renderer)
    assert renderer.seen == []
