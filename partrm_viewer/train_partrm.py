"""Training PartRM and Zero123++ from the command line: what draws, what judges pictures, and where weights go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from model.errors import PartRMError
from model.partdrag4d.dataset import open_dataset
from model.training.losses import Perceptual, Rasterize, edge_loss, lpips_loss
from model.training.partrm import Plan, run
from partrm_viewer.terminal import say

NO_LPIPS = (
    "LPIPS needs VGG-16's weights (torchvision's vgg16-397923af.pth, --lpips FILE); without them the third loss is the "
    "difference of the pictures' gradients at four scales ('edges')."
)


def train(plan: Plan, root: Path, lpips: Path | None = None) -> Path:
    """Train a stage of PartRM on a data set, with what this computer has; returns the exported weights.

    lpips: VGG-16's weights, for stage 2. Raises PartRMError.
    """
    data = open_dataset(root)
    perceptual: Perceptual = edge_loss
    if plan.what == "appearance":
        if lpips is None:
            say(NO_LPIPS)
        else:
            from model.evaluation.lpips_vgg import load_lpips_vgg

            perceptual, plan = lpips_loss(load_lpips_vgg(lpips).to(plan.device)), replace(plan, perceptual="LPIPS-VGG")
    return run(plan, data, differentiable(plan.device), perceptual, say)


def differentiable(device: str) -> Rasterize:
    """Return what draws with gradients on a device. Raises RendererError where a GPU has nothing that can."""
    if device == "cpu":
        from renderer.autograd import rasterize

        return rasterize
    from renderer.cuda import rasterizer

    return rasterizer()


def device_named(name: str) -> str:
    """Return "cuda" or "cpu" for auto, cuda or cpu. Raises PartRMError for a GPU that is not there."""
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise PartRMError("PyTorch finds no CUDA device", "Train on the processor: --device cpu.")
    return "cuda" if there and name != "cpu" else "cpu"
