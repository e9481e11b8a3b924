"""The CUDA back-ends: what they are told, and on a GPU what they draw."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from model.camera import Camera
from model.errors import RendererError
from model.gaussians import Gaussians
from renderer import autograd
from renderer.base import Frame
from renderer.cpu import CpuRenderer
from renderer.cuda import CudaRenderer, why_not
from tests.renderer.scenes import CAMERA, GOLDEN_SETS, golden_cases, psnr, random_splats


class Settings(NamedTuple):
    """The fields of diff-gaussian-rasterization's settings, in its order."""

    image_height: int
    image_width: int
    tanfovx: float
    tanfovy: float
    bg: torch.Tensor
    scale_modifier: float
    viewmatrix: torch.Tensor
    projmatrix: torch.Tensor
    sh_degree: int
    campos: torch.Tensor
    prefiltered: bool
    debug: bool


class FakeRasterizer:
    """Does what the CUDA package does, from the same matrices, with our CPU rasteriser."""

    outputs = 4

    def __init__(self, settings: Settings) -> None:
        self.s = settings

    def __call__(self, **given: Any) -> tuple[torch.Tensor, ...]:
        s, means = self.s, given["means3D"].numpy()
        view, full = s.viewmatrix.numpy().T, s.projmatrix.numpy().T
        size = np.array([s.image_width, s.image_height])
        f = size / (2 * np.array([s.tanfovx, s.tanfovy]))
        lens = full @ np.linalg.inv(view)
        c = (lens[:2, 2] + 1) * size / 2
        assert np.allclose(np.diag(lens)[:2], 2 * f / size, rtol=1e-4)
        camera = Camera(np.linalg.inv(np.diag([1, -1, -1, 1]) @ view.astype(np.float64)), *f, *c, *map(int, size))
        assert np.allclose(camera.position, s.campos.numpy(), atol=1e-3)
        sh = given["shs"].numpy() if "shs" in given else None
        if sh is None:
            sh = ((given["colors_precomp"].numpy() - 0.5) / 0.28209479177387814)[:, None].astype(np.float32)
        gaussians = Gaussians(
            means, given["rotations"].numpy(), given["scales"].numpy(), given["opacities"].numpy()[:, 0], sh
        )
        frame = CpuRenderer().render(gaussians, camera)
        colour = torch.from_numpy(frame.colour).permute(2, 0, 1)
        radii = torch.zeros(len(means), dtype=torch.int32)
        everything = (colour[:3], radii, torch.from_numpy(frame.depth)[None] * colour[3:], colour[3:])
        return everything[: self.outputs]


def inria(outputs: int) -> ModuleType:
    package = ModuleType("diff_gaussian_rasterization")
    fake = type("Fake", (FakeRasterizer,), {"outputs": outputs})
    package.__dict__.update(GaussianRasterizationSettings=Settings, GaussianRasterizer=fake)
    return package


def gsplat() -> ModuleType:
    def rasterization(
        means: Any, quats: Any, scales: Any, opacities: Any, colors: Any, *rest: Any, **options: Any
    ) -> Any:
        (viewmat,), (K,), width, height = rest
        assert options["render_mode"] == "RGB+D" and options["near_plane"] == 0.01
        T = np.linalg.inv(np.diag([1, -1, -1, 1]) @ viewmat.numpy().astype(np.float64))
        k = K.numpy()
        camera = Camera(T, k[0, 0], k[1, 1], k[0, 2], k[1, 2], width, height)
        arrays = [t.numpy() for t in (means, quats, scales, opacities, colors)]
        mode = options["rasterize_mode"] == "antialiased"
        frame: Frame = CpuRenderer().render(Gaussians(*arrays, antialiased=mode), camera)  # type: ignore[misc]
        alpha = frame.colour[..., 3:]
        image = np.concatenate([frame.colour[..., :3], frame.depth[..., None] * alpha], axis=-1)
        return torch.from_numpy(image)[None], torch.from_numpy(alpha)[None], {}

    package = ModuleType("gsplat")
    package.__dict__.update(rasterization=rasterization)
    return package


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("package", [inria(4), inria(2), gsplat()], ids=["inria-4", "inria-2", "gsplat"])
def test_every_package_is_told_the_same_camera(package: ModuleType, antialiased: bool) -> None:
    gaussians = replace(random_splats(200, 2), antialiased=antialiased)
    camera = replace(CAMERA, cx=50.0, cy=47.0)
    drawn = CudaRenderer(device="cpu", package=package).render(gaussians, camera)
    expected = CpuRenderer().render(gaussians, camera)
    assert psnr(drawn.on(), expected.on()) > 55
    covered = expected.colour[..., 3] > 0.05
    assert np.abs(drawn.depth - expected.depth)[covered].max() < 2e-2


@pytest.mark.parametrize("package", [inria(4), inria(2), gsplat()], ids=["inria-4", "inria-2", "gsplat"])
def test_tensors_are_drawn_as_on_the_processor(package: ModuleType) -> None:
    g = random_splats(200, 2)
    p, q, s, o, c = (torch.from_numpy(a) for a in (g.positions, g.rotations, g.scales, g.opacities, g.colours))
    drawn = CudaRenderer(device="cpu", package=package).rasterize(p, q, s, o, c, CAMERA)
    expected = autograd.rasterize(p, q, s, o, c, CAMERA)
    for ours, theirs in zip(drawn[:2], expected[:2], strict=True):
        assert psnr(ours.clamp(0, 1).numpy() * 255, theirs.clamp(0, 1).numpy() * 255) > 50


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")
def test_without_a_gpu_it_says_so() -> None:
    assert "CUDA" in why_not()
    with pytest.raises(RendererError) as told:
        CudaRenderer()
    assert why_not() in told.value.title


@pytest.mark.gpu
@pytest.mark.parametrize("name", GOLDEN_SETS)
def test_golden_pictures_are_met_at_50_db_on_the_gpu(name: str) -> None:
    if why_not():
        pytest.skip(why_not())
    for gaussians, camera, expected in golden_cases(name):
        assert psnr(CudaRenderer().render(gaussians, camera).on(), expected) >= 50
