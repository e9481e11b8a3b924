"""Losses of PartRM's two stages: Gaussians against Gaussians, pictures against pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from model.camera import Camera
from model.training.loop import Terms
from model.training.numbered import Sample
from model.training.pairs import camera_of
from model.training.recipe import Recipe

Perceptual = Callable[[Tensor, Tensor], Tensor]  # truth, guess (B, 3, H, W) in 0..1 -> a number
SCALES = 4


class Rasterize(Protocol):
    """Draws Gaussians so that gradients flow; see renderer/autograd.py."""

    def __call__(
        self, means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, camera: Camera
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return premultiplied colour (H, W, 3), alpha (H, W) and anything."""
        ...


def motion_loss(made: Tensor, batch: Sample, recipe: Recipe) -> Terms:
    """Compare Gaussians (B, M, 14) with the database's: the mean square of all activated channels (stage 1)."""
    return {"gaussians": recipe.motion_weight * F.mse_loss(made.float(), batch["target"])}


def draw(made: Tensor, camera: Camera, rasterize: Rasterize) -> tuple[Tensor, Tensor]:
    """Draw one object's Gaussians (M, 14); colour on white (3, H, W) in 0..1 and alpha (1, H, W)."""
    rgb, alpha, _ = rasterize(made[:, 0:3], made[:, 7:11], made[:, 4:7], made[:, 3], made[:, 11:14], camera)
    return (rgb + 1 - alpha[..., None]).clamp(0, 1).permute(2, 0, 1), alpha[None]


def appearance_loss(made: Tensor, batch: Sample, recipe: Recipe, rasterize: Rasterize, perceptual: Perceptual) -> Terms:
    """Compare the drawn views of Gaussians (B, M, 14) with the target's pictures (stage 2)."""
    drawn = [
        draw(gaussians.float(), camera_of(pose, lens[0], batch["pictures"].shape[-1]), rasterize)
        for gaussians, poses, lens in zip(made, batch["poses"].cpu(), batch["lens"].cpu(), strict=True)
        for pose in poses
    ]
    rgb, alpha = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    truth = (batch["pictures"].flatten(0, 1).float() / 255).to(rgb.device)
    cover = truth[:, 3:]
    white = truth[:, :3] * cover + 1 - cover
    return {
        "rgb": F.mse_loss(rgb, white),
        "alpha": recipe.alpha_weight * F.mse_loss(alpha, cover),
        "perceptual": recipe.perceptual_weight * perceptual(white, rgb),
    }


def lpips_loss(network: Callable[[Tensor, Tensor], Tensor]) -> Perceptual:
    """Return LPIPS as PartRM's training has it: pictures in -1..1, resized to 256 px, the truth first."""

    def loss(truth: Tensor, guess: Tensor) -> Tensor:
        pair = [F.interpolate(x * 2 - 1, (256, 256), mode="bilinear", align_corners=False) for x in (truth, guess)]
        return network(*pair).mean()

    return loss


def edge_loss(truth: Tensor, guess: Tensor) -> Tensor:
    """Compare the pictures' gradients over a ladder of scales: what stands in for LPIPS without its weights.

    The mean absolute difference of horizontal and vertical steps, at full size and at 1/2, 1/4 and 1/8 of it.
    """
    miss = guess - truth
    total = miss.new_zeros(())
    for _ in range(SCALES):
        total = total + miss.diff(dim=-1).abs().mean() + miss.diff(dim=-2).abs().mean()
        miss = F.avg_pool2d(miss, 2)
    return total / SCALES
