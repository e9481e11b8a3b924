"""Stills: what is saved is the renderer's picture, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.camera import Camera
from model.errors import Cancelled
from partrm_viewer import still
from partrm_viewer.export import BACKGROUNDS
from partrm_viewer.still import Still
from renderer.cpu import CpuRenderer
from renderer.overlay import draw_ground
from tests.renderer.scenes import GOLDEN_SETS, golden_cases, psnr, random_splats

CAMERA = Camera.orbit(20, 15, 3.0, 40, 120, 90)
SPLATS = random_splats(200)


@pytest.mark.parametrize("background", ["white", "black", "transparent"])
def test_what_is_saved_is_the_renderers_picture(tmp_path: Path, background: str) -> None:
    wish, renderer = Still(240, 200, background), CpuRenderer()
    path = still.save(tmp_path / "a.png", still.draw(wish, SPLATS, CAMERA, renderer))
    frame = renderer.render(SPLATS, CAMERA.fitted(240, 200))
    behind = BACKGROUNDS[background]
    expected = frame.rgba8() if behind is None else frame.on(behind)
    with Image.open(path) as image:
        assert image.mode == ("RGBA" if behind is None else "RGB")
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_golden_pictures_are_met_at_42_db(name: str) -> None:
    for gaussians, camera, expected in golden_cases(name):
        wish = Still(camera.width, camera.height)
        assert psnr(still.draw(wish, gaussians, camera, CpuRenderer()), expected) >= 42
        clear = still.draw(replace(wish, background="transparent"), gaussians, camera, CpuRenderer())
        alpha = clear[..., 3:] / 255
        assert psnr((alpha * clear[..., :3] + (1 - alpha) * 255 + 0.5).astype(np.uint8), expected) >= 42


def test_a_transparent_picture_laid_on_white_is_the_white_one() -> None:
    clear = still.draw(Still(120, 90, "transparent"), SPLATS, CAMERA, CpuRenderer()).astype(float)
    white = still.draw(Still(120, 90), SPLATS, CAMERA, CpuRenderer()).astype(float)
    alpha = clear[..., 3:] / 255
    np.testing.assert_allclose(alpha * clear[..., :3] + (1 - alpha) * 255, white, atol=1.5)
    assert (clear[..., 3] == 0).any() and (clear[..., 3] > 250).any()


def test_finer_is_the_mean_of_a_larger_picture() -> None:
    fine = still.draw(Still(60, 44, "transparent", 2), SPLATS, CAMERA, CpuRenderer())
    large = CpuRenderer().render(SPLATS, CAMERA.fitted(60, 44).resized(120, 88)).colour
    mean = large.reshape(44, 2, 60, 2, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(fine[..., 3], 255 * mean[..., 3], atol=0.51)
    seen = mean[..., 3] > 0.2
    straight = mean[..., :3] / np.maximum(mean[..., 3:], 1e-6)
    np.testing.assert_allclose(fine[..., :3][seen], 255 * np.clip(straight, 0, 1)[seen], atol=0.51)


def test_a_large_picture_is_drawn_in_parts_that_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = still.draw(Still(700, 300, samples=2), SPLATS, CAMERA, CpuRenderer())
    monkeypatch.setattr(still, "PART", 512)
    told: list[float] = []
    parts = still.draw(
        Still(700, 300, samples=2), SPLATS, CAMERA, CpuRenderer(), None, lambda fraction, what: told.append(fraction)
    )
    assert len(told) >= 6 and np.abs(parts.astype(int) - whole).max() <= 1

    def stop(fraction: float, what: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        still.draw(Still(700, 300), SPLATS, CAMERA, CpuRenderer(), None, stop)


def test_the_ground_is_in_it_where_it_is_shown() -> None:
    camera = CAMERA.fitted(240, 180)
    under = (CAMERA, *SPLATS.box(0.1))
    drawn = still.draw(Still(240, 180, "transparent"), SPLATS, CAMERA, CpuRenderer(), under)
    plain = still.draw(Still(240, 180, "transparent"), SPLATS, CAMERA, CpuRenderer())
    np.testing.assert_array_equal(drawn, draw_ground(plain, camera, *SPLATS.box(0.1)))


@pytest.mark.parametrize(
    ("size", "good"),
    [((8000, 4500), True), ((1, 1), True), ((40000, 10), False), ((0, 10), False), ((20000, 20000), False)],
)
def test_what_no_computer_should_try_is_refused_with_a_reason(size: tuple[int, int], good: bool) -> None:
    assert (Still(*size).refused == "") == good
