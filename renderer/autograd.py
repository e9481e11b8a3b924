"""Differentiable rendering without a GPU: the CPU rasteriser as a torch function."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from model.camera import Camera
from renderer import cpu, gradients


def rasterize(
    means: torch.Tensor,  # (N, 3) float32, world units
    quats: torch.Tensor,  # (N, 4) float32, wxyz, of any length
    scales: torch.Tensor,  # (N, 3) float32, linear, world units
    opacities: torch.Tensor,  # (N,) float32, 0..1
    colours: torch.Tensor,  # (N, 3) float32, display space
    camera: Camera,
    antialiased: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Render one camera's picture; gradients flow to all five tensors.

    Returns premultiplied colour (H, W, 3), alpha (H, W) and Σ weight · depth (H, W), float32 on the processor: a
    picture over a background b is colour + (1 - alpha) b, the mean depth is the third divided by alpha.
    """
    colour, weighted = _Rasterize.apply(means, quats, scales, opacities, colours, camera, antialiased)
    return colour[..., :3], colour[..., 3], weighted


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        *tensors, camera, antialiased = inputs
        arrays = [_array(t) for t in tensors]
        means, quats, scales, opacities, colours = arrays
        tiled = cpu.tile(means, quats, scales, opacities, colours, camera, antialiased)
        picture = cpu.blend(tiled, camera.width, camera.height)
        ctx.arrays, ctx.tiled, ctx.picture, ctx.camera, ctx.antialiased = arrays, tiled, picture, camera, antialiased
        return torch.from_numpy(picture[0]), torch.from_numpy(picture[1])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        means, quats, scales, opacities, _ = ctx.arrays
        t: cpu.Tiled = ctx.tiled
        view, lens = cpu.camera_arrays(ctx.camera)
        sums = np.zeros((len(t.splats), gradients.SUMS), np.float32)
        out = [np.zeros_like(a) for a in ctx.arrays]
        grads = [_array(g) for g in grad_outputs]
        with cpu.LOCK:
            gradients.blend_backward(
                t.records, t.boxes, t.starts, t.splats, t.numbers, t.tiles_x, t.tiles_y, *ctx.picture, *grads, sums
            )
            gradients.project_backward(
                means, quats, scales, opacities, view, lens, ctx.antialiased, t.records, t.firsts, sums, *out
            )
        return (*(torch.from_numpy(g) for g in out), None, None)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)
