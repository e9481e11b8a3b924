"""OpenGL draws what the CPU draws, with parts moved and lit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.camera import Camera
from model.gaussians import Gaussians
from renderer.base import choose
from renderer.cpu import CpuRenderer
from renderer.difference import draw_difference
from tests.renderer.scenes import CAMERA, GOLDEN_SETS, golden_cases, psnr, random_splats

if TYPE_CHECKING:
    from renderer.gl import GlRenderer
    from renderer.splat_layer import SplatLayer

pytestmark = pytest.mark.gl


@pytest.fixture(scope="module", params=["as this device does it", "as strips"])
def gl(request: pytest.FixtureRequest) -> Iterator[GlRenderer]:
    from renderer.gl import GlRenderer

    renderer = GlRenderer()
    if request.param == "as strips":
        renderer.layer._largest_point_px = 0.0
    yield renderer
    renderer.close()


def turn(angle_deg: float, shift: tuple[float, float, float]) -> np.ndarray:
    T = np.eye(4)
    a = np.deg2rad(angle_deg)
    T[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    T[:3, 3] = shift
    return T


@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_golden_pictures_are_met_at_42_db(gl: GlRenderer, name: str) -> None:
    for gaussians, camera, expected in golden_cases(name):
        assert psnr(gl.render(gaussians, camera).on(), expected) >= 42


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("antialiased", [False, True])
def test_gl_draws_what_the_cpu_draws(gl: GlRenderer, degree: int, antialiased: bool) -> None:
    gaussians = replace(random_splats(300, degree), antialiased=antialiased)
    camera = replace(CAMERA, cx=50.0, cy=52.0, fy=1.2 * CAMERA.fy)
    drawn, expected = gl.render(gaussians, camera), CpuRenderer().render(gaussians, camera)
    assert psnr(drawn.on((0, 0, 0)), expected.on((0, 0, 0))) > 55
    covered = expected.colour[..., 3] > 0.05
    assert np.abs(drawn.depth - expected.depth)[covered].max() < 2e-2


def test_a_very_long_lens_from_far_away_is_drawn_alike(gl: GlRenderer) -> None:
    """So orthographic views are made."""
    T = CAMERA.T_world_camera.copy()
    T[:3, 3] *= 1000
    far = replace(CAMERA, T_world_camera=T, fx=1000 * CAMERA.fx, fy=1000 * CAMERA.fy)
    gaussians = random_splats(2000)
    assert psnr(gl.render(gaussians, far).on(), CpuRenderer().render(gaussians, far).on()) > 45


def test_the_view_is_sorted_again_when_only_the_camera_turns(gl: GlRenderer) -> None:
    gaussians = random_splats(300, 1)
    for azimuth in (0, 90, 180, 270):
        camera = Camera.orbit(azimuth, 10, 2.2, 45, 80, 80)
        expected = CpuRenderer().render(gaussians, camera)
        assert psnr(gl.render(gaussians, camera).on(), expected.on()) > 55


def test_splats_larger_than_any_point_are_drawn_and_those_half_outside_too(gl: GlRenderer) -> None:
    gaussians = random_splats(30)
    camera = Camera.orbit(20, 10, 2.2, 45, 300, 300)
    for scale in (1.0, 10.0):
        gaussians = replace(gaussians, scales=gaussians.scales * scale)
        drawn, expected = gl.render(gaussians, camera), CpuRenderer().render(gaussians, camera)
        assert psnr(drawn.on(), expected.on()) > 55
        near = replace(camera, cx=-40.0, cy=350.0)
        assert psnr(gl.render(gaussians, near).on(), CpuRenderer().render(gaussians, near).on()) > 55


@pytest.mark.parametrize("degree", [0, 2])
def test_the_palette_moves_parts_as_moving_the_gaussians_does(gl: GlRenderer, degree: int) -> None:
    gaussians = random_splats(300, degree)
    parts = np.random.default_rng(1).integers(0, 3, 300).astype(np.uint8)
    transforms = np.stack([np.eye(4), turn(40, (0.1, 0.0, 0.2)), turn(-70, (0.0, 0.2, -0.3))])
    layer = gl.layer
    layer.set_gaussians(gaussians)
    for scale in (1.0, 0.5):  # the second time only the palette changes
        transforms[1:, :3, 3] *= scale
        layer.set_parts(parts, transforms)
        moved = gaussians
        for part in (1, 2):
            moved = moved.moved(transforms[part], parts == part)
        drawn = gl.render(gaussians, CAMERA)
        assert psnr(drawn.on(), CpuRenderer().render(moved, CAMERA).on()) > 50
    layer.set_parts(None)
    drawn = gl.render(gaussians, CAMERA)
    assert psnr(drawn.on(), CpuRenderer().render(gaussians, CAMERA).on()) > 55


def test_a_highlighted_part_is_tinted_and_the_rest_is_not(gl: GlRenderer) -> None:
    gaussians = random_splats(200)
    parts = (np.arange(200) % 2).astype(np.uint8)
    gl.layer.set_gaussians(gaussians)
    gl.layer.set_parts(parts)
    gl.layer.set_highlight(1, (1.0, 0.0, 0.0), 1.0)
    drawn = gl.render(gaussians, CAMERA)
    sh = gaussians.sh.copy()
    sh[parts == 1, 0] = (np.array([1.0, 0.0, 0.0]) - 0.5) / 0.28209479177387814
    expected = CpuRenderer().render(replace(gaussians, sh=sh), CAMERA)
    assert psnr(drawn.on(), expected.on()) > 55
    gl.layer.set_highlight(None)
    gl.layer.set_parts(None)
    drawn = gl.render(gaussians, CAMERA)
    assert psnr(drawn.on(), CpuRenderer().render(gaussians, CAMERA).on()) > 55


def drawn_by(layer: SplatLayer, camera: Camera, background: tuple[float, float, float] | None) -> np.ndarray:
    """Draw a layer into a frame buffer of eight bits; (H, W, 4) uint8."""
    from vispy import gloo

    with gloo.FrameBuffer(gloo.RenderBuffer((90, 120))):
        gloo.set_viewport(0, 0, 120, 90)
        gloo.clear(color=(0, 0, 0, 0))
        layer.draw(camera, background)
        return gloo.read_pixels((0, 0, 120, 90))


def test_the_layer_draws_over_what_is_there_in_eight_bits(gl: GlRenderer) -> None:
    gl.make_current()
    gl.layer.set_gaussians(random_splats(0))
    assert (drawn_by(gl.layer, CAMERA, (1, 1, 1)) == 255).all()
    gaussians = random_splats(200, 1)
    gl.layer.set_gaussians(gaussians)
    expected = CpuRenderer().render(gaussians, CAMERA)
    assert psnr(drawn_by(gl.layer, CAMERA, (1, 1, 1))[..., :3], expected.on()) > 42
    assert psnr(drawn_by(gl.layer, CAMERA, None)[..., :3], expected.on((0, 0, 0))) > 42


def test_a_slow_sort_is_done_elsewhere_and_the_last_order_serves_meanwhile(
    gl: GlRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renderer.splat_layer import Seen, SplatLayer

    monkeypatch.setattr("renderer.splat_layer.SLOW_S", 0.0)
    waiting: list[tuple[Callable[[], Seen], Callable[[Seen], None]]] = []
    gl.make_current()
    layer = SplatLayer(later=lambda work, take: waiting.append((work, take)))
    gaussians = random_splats(200, 1)
    layer.set_gaussians(gaussians)
    cameras = [Camera.orbit(azimuth, 10, 2.2, 45, 120, 90) for azimuth in (0, 180, 90)]
    right = [CpuRenderer().render(gaussians, camera).on() for camera in cameras]
    assert psnr(drawn_by(layer, cameras[0], (1, 1, 1))[..., :3], right[0]) > 42  # the first is sorted at once
    assert psnr(drawn_by(layer, cameras[1], (1, 1, 1))[..., :3], right[1]) < 35
    drawn_by(layer, cameras[2], (1, 1, 1))
    work, take = waiting.pop()
    assert not waiting  # one at a time
    take(work())
    drawn_by(layer, cameras[2], (1, 1, 1))  # that was for the second view: now the third is asked for
    work, take = waiting.pop()
    take(work())
    assert psnr(drawn_by(layer, cameras[2], (1, 1, 1))[..., :3], right[2]) > 42 and not waiting
    drawn_by(layer, cameras[0], (1, 1, 1))
    others = random_splats(100, seed=5)
    layer.set_gaussians(others)
    work, take = waiting.pop()
    drawn_by(layer, cameras[0], (1, 1, 1))
    take(work())  # comes too late: it is the order of splats that are gone
    expected = CpuRenderer().render(others, cameras[0]).on()
    assert psnr(drawn_by(layer, cameras[0], (1, 1, 1))[..., :3], expected) > 42


def test_a_coarse_picture_fills_the_frame_buffer(gl: GlRenderer) -> None:
    from vispy import gloo

    from renderer.targets import coarse_target

    gl.make_current()
    gaussians = random_splats(200)
    gl.layer.set_gaussians(gaussians)
    coarse = coarse_target()
    with gloo.FrameBuffer(gloo.RenderBuffer((90, 120))):
        coarse.draw([lambda camera: gl.layer.draw(camera, (1, 1, 1))], CAMERA, 2)
        drawn = gloo.read_pixels((0, 0, 120, 90))[..., :3]
    small = CpuRenderer().render(gaussians, CAMERA.resized(60, 45)).on()
    assert psnr(drawn, np.repeat(np.repeat(small, 2, 0), 2, 1)) > 30


def test_a_difference_is_drawn_as_the_slow_one_draws_it(gl: GlRenderer) -> None:
    from vispy import gloo

    from renderer.targets import difference_target

    gl.make_current()
    pictures = [random_splats(200), random_splats(200, seed=5)]

    def paint(gaussians: Gaussians) -> Callable[[Camera], None]:
        def draw(camera: Camera) -> None:
            gl.layer.set_gaussians(gaussians)
            gl.layer.draw(camera, (1, 1, 1))

        return draw

    target = difference_target()
    with gloo.FrameBuffer(gloo.RenderBuffer((90, 120))):
        target.draw([paint(gaussians) for gaussians in pictures], CAMERA)
        drawn = gloo.read_pixels((0, 0, 120, 90))[..., :3]
    expected = draw_difference(*(CpuRenderer().render(gaussians, CAMERA).on() for gaussians in pictures))
    assert psnr(drawn, expected) > 35


def test_software_opengl_is_not_chosen_by_itself(gl: GlRenderer) -> None:
    renderer, reason = choose("auto")
    assert renderer.name != "gl" or not gl.software, reason


def test_pictures_larger_than_a_window_and_none_at_all(gl: GlRenderer) -> None:
    large = CAMERA.resized(2400, 1800)
    gaussians = random_splats(40)
    assert psnr(gl.render(gaussians, large).on(), CpuRenderer().render(gaussians, large).on()) > 50
    assert not gl.render(random_splats(0), CAMERA).colour.any()


def test_a_smaller_set_can_follow_a_larger_one(gl: GlRenderer) -> None:
    for count in (3000, 7, 1500, 1):
        gaussians = random_splats(count)
        expected = CpuRenderer().render(gaussians, CAMERA)
        assert psnr(gl.render(gaussians, CAMERA).on(), expected.on()) > 50


def test_gl_can_be_chosen_by_name(gl: GlRenderer) -> None:
    renderer, reason = choose("gl")
    assert renderer.name == "gl" and "asked for" in reason
