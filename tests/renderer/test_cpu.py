"""The CPU rasteriser: its pixels, its gradients, its sort."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.camera import Camera
from renderer.autograd import rasterize
from renderer.cpu import CpuRenderer
from renderer.kernels import exp_negative
from tests.renderer.dense import render_dense
from tests.renderer.scenes import CAMERA, GOLDEN_SETS, golden_cases, psnr, random_splats

pytestmark = pytest.mark.timeout(600)  # the first run on a computer compiles the kernels


@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_golden_pictures_are_met_at_50_db(name: str) -> None:
    for gaussians, camera, expected in golden_cases(name):
        assert psnr(CpuRenderer().render(gaussians, camera).on(), expected) >= 50


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("antialiased", [False, True])
def test_tiles_draw_what_the_dense_renderer_draws(degree: int, antialiased: bool) -> None:
    gaussians = replace(random_splats(200, degree), antialiased=antialiased)
    frame = CpuRenderer().render(gaussians, CAMERA)
    image, depth = render_dense(gaussians, CAMERA)
    assert np.abs(frame.colour - image).max() < 5e-3  # one alpha that falls on the other side of 1/255
    assert np.abs(frame.colour - image).mean() < 1e-5
    mean_depth = depth / np.maximum(image[..., 3], 1e-6)
    assert np.abs(frame.depth - mean_depth)[image[..., 3] > 0.05].max() < 2e-2


def test_splats_far_outside_the_picture_and_close_to_the_eye_are_drawn_right() -> None:
    camera = Camera.orbit(25, 15, 0.45, 60, 60, 45)
    gaussians = random_splats(200)
    for near in (0.01, 0.2):
        image, _ = render_dense(gaussians, camera, near=near)
        assert np.abs(CpuRenderer(near).render(gaussians, camera).colour - image).mean() < 2e-5


def test_nothing_in_view_is_an_empty_frame() -> None:
    frame = CpuRenderer().render(random_splats(0), CAMERA)
    assert frame.colour.shape == (CAMERA.height, CAMERA.width, 4) and not frame.colour.any() and not frame.depth.any()
    behind = random_splats(50)
    behind = replace(behind, positions=behind.positions + np.array([0, 0, 10], np.float32))
    assert not CpuRenderer().render(behind, CAMERA).colour.any()


def test_absurd_splats_neither_crash_nor_leak_nan() -> None:
    g = random_splats(60)
    positions, scales, rotations = g.positions.copy(), g.scales.copy(), g.rotations.copy()
    positions[0], positions[1], scales[2], scales[3], rotations[4] = np.nan, 1e30, 1e20, 0, 0
    frame = CpuRenderer().render(replace(g, positions=positions, scales=scales, rotations=rotations), CAMERA)
    assert np.isfinite(frame.colour).all() and np.isfinite(frame.depth).all()


def test_the_polynomial_is_exp() -> None:
    x = np.linspace(-6, 0, 5000, dtype=np.float32)
    relative = np.array([exp_negative(v) for v in x]) / np.exp(x.astype(np.float64)) - 1
    assert np.abs(relative).max() < 4e-6


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("distance", [2.2, 0.6], ids=["outside", "amidst"])
def test_gradients_are_those_of_the_dense_renderer(antialiased: bool, distance: float) -> None:
    """Compare with central differences of the float64 picture along random directions, one input at a time."""
    rng = np.random.default_rng(3)
    g = replace(random_splats(25, seed=4), antialiased=antialiased)
    small = Camera.orbit(25, 15, distance, 45, 40, 30)
    weight = rng.standard_normal((small.height, small.width, 5))
    fields = ["positions", "rotations", "scales", "opacities"]

    def loss(arrays: dict[str, np.ndarray]) -> float:
        # float64 throughout: Gaussians insists on float32, so the record is built past its check.
        probe = object.__new__(type(g))
        for name in fields:
            object.__setattr__(probe, name, arrays[name])
        object.__setattr__(probe, "sh", g.sh)
        object.__setattr__(probe, "antialiased", antialiased)
        image, depth = render_dense(probe, small, arrays["colours"])
        return float((weight[..., :4] * image).sum() + (weight[..., 4] * depth).sum())

    start = {name: getattr(g, name).astype(np.float64) for name in fields} | {"colours": g.colours.astype(np.float64)}
    tensors = [torch.tensor(start[name], dtype=torch.float32, requires_grad=True) for name in start]
    means, quats, scales, opacities, colours = tensors
    colour, alpha, depth = rasterize(means, quats, scales, opacities, colours, small, antialiased)
    picture = torch.cat([colour, alpha[..., None], depth[..., None]], dim=-1)
    (picture * torch.tensor(weight, dtype=torch.float32)).sum().backward()
    for name, tensor in zip(start, tensors):
        found, sought = [], []
        for _ in range(12):
            direction = rng.standard_normal(start[name].shape)
            step = 1e-7
            ahead = loss(start | {name: start[name] + step * direction})
            back = loss(start | {name: start[name] - step * direction})
            sought.append((ahead - back) / (2 * step))
            assert tensor.grad is not None
            found.append(float((tensor.grad.numpy() * direction).sum()))
        # A jump where an alpha crosses 1/255 spoils a single difference: the median tells.
        error = np.abs(np.array(found) - sought) / (np.abs(sought).mean() + 1e-9)
        assert np.median(error) < 5e-3, (name, error)


def test_a_fitted_splat_finds_its_place() -> None:
    target = random_splats(1, seed=1)
    means, quats, scales, opacities, colours = [
        torch.tensor(getattr(target, n)) for n in ("positions", "rotations", "scales", "opacities", "colours")
    ]
    wanted = rasterize(means, quats, scales, opacities, colours, CAMERA)[0]
    moved = (means + torch.tensor([0.05, -0.04, 0.0])).requires_grad_()
    optimiser = torch.optim.Adam([moved], lr=5e-3)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (rasterize(moved, quats, scales, opacities, colours, CAMERA)[0] - wanted).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.02 * losses[0]
