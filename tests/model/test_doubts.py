"""Doubts: what the user is told of a photo and a part that the embedded model does not know well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.camera import Camera
from model.stages import doubts
from model.stages.state import Part, View
from tests.model.two_halves import two_halves


def box_views(shift: float = 0.0) -> list[View]:
    """See a cube of half a unit from four sides; those that the image does not show are shifted."""
    views = []
    for k in range(4):
        camera = Camera.orbit(90 * k, 0, 2.0, 35, 64, 64)
        depth = np.zeros((64, 64), np.float32)
        inner = slice(int(32 - 0.25 * camera.fx / 1.75), int(32 + 0.25 * camera.fx / 1.75))
        depth[inner, inner] = 1.75 - (shift if k else 0)
        rgb = np.zeros((64, 64, 3), np.float32)
        views.append(View(camera, rgb, depth, np.broadcast_to(camera.T_world_camera[:3, 2], (64, 64, 3))))
    return views


def shape(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((400, 400), bool)
    mask[rows, columns] = True
    return mask


def test_a_good_photo_raises_no_doubt() -> None:
    assert doubts.of_object(shape(slice(100, 300), slice(50, 350)), box_views()) == ()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (shape(slice(100, 150), slice(200, 260)), "60 pixels"),
        (shape(slice(100, 300), slice(0, 200)), "cuts the object"),
    ],
)
def test_small_and_cut_objects_are_told(mask: np.ndarray, said: str) -> None:
    (only,) = doubts.of_object(mask, box_views())
    assert said in only


def test_sides_that_do_not_fit_together_are_told() -> None:
    (only,) = doubts.of_object(shape(slice(100, 300), slice(50, 350)), box_views(0.4))
    assert "rough guess" in only
    assert doubts.agreement(box_views(0.4)) < 0.5 < 0.85 < doubts.agreement(box_views())


def test_where_nothing_was_guessed_nothing_agrees() -> None:
    views = [box_views()[0], *(replace(v, depth=np.zeros_like(v.depth)) for v in box_views()[1:])]
    assert doubts.agreement(views) == 0.0


def test_a_tiny_part_is_told() -> None:
    state = two_halves()
    for size, expected in ((2, 1), (30, 0)):
        mask = np.zeros_like(state.mask)
        mask[20 : 20 + size, 50 : 50 + size] = True
        part = Part((51.0, 21.0), mask, np.zeros(len(state.gaussians), bool), np.zeros(3), 0.9)
        assert len(doubts.of_part(state, part)) == expected
