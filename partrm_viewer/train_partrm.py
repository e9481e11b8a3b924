"""Training PartRM and Zero123++ from the command line: what draws, what judges pictures, and where weights go."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model.errors import PartRMError
from model.partdrag4d.dataset import open_dataset
from model.training import multiview
from model.training.losses import Perceptual, Rasterize, edge_loss, lpips_loss
from model.training.partrm import PartRMPlan, run
from model.training.recipe import Recipe
from partrm_viewer.terminal import say

NO_LPIPS = (
    "LPIPS needs VGG-16's weights (torchvision's vgg16-397923af.pth, --lpips FILE); without them the third loss is the "
    "difference of the pictures' gradients at four scales ('edges')."
)


def train(o: argparse.Namespace, device: str, workers: int, rate: dict[str, float]) -> Path:
    """Train a stage of PartRM as the command line says; returns the exported weights. Raises PartRMError."""
    recipe = Recipe(batch=o.batch or 8, precision=o.precision, rendered_views=o.views, **rate)  # type: ignore[arg-type]
    plan = PartRMPlan(what=o.what, network=o.network, recipe=recipe, **_length(o, device, workers))
    data = open_dataset(o.data)
    perceptual: Perceptual = edge_loss
    if plan.what == "appearance":
        if o.lpips is None:
            say(NO_LPIPS)
        else:
            from model.evaluation.lpips_vgg import load_lpips_vgg

            perceptual, plan = lpips_loss(load_lpips_vgg(o.lpips).to(device)), replace(plan, perceptual="LPIPS-VGG")
    return run(plan, data, differentiable(device), perceptual, say)


def finetune(o: argparse.Namespace, device: str, workers: int, rate: dict[str, float]) -> Path:
    """Fine-tune Zero123++ as the command line says; returns the checkpoint. Raises PartRMError."""
    if o.zero123 is None:
        raise PartRMError("The fine-tune begins with Zero123++ v1.2", "Give its folder: --zero123 FOLDER.")
    recipe = multiview.Recipe(batch=o.batch or 1, precision=o.precision, **rate)  # type: ignore[arg-type]
    plan = multiview.MultiviewPlan(folder=o.zero123, recipe=recipe, **_length(o, device, workers))
    return multiview.run(plan, open_dataset(o.data), say)


def _length(o: argparse.Namespace, device: str, workers: int) -> dict[str, Any]:
    """Return what every run's plan has."""
    same = ("samples", "out", "seed", "minutes", "start_from")
    return {name: getattr(o, name) for name in same} | {
        "device": device,
        "workers": workers,
        "pictures_every": o.pictures,
    }


def differentiable(device: str) -> Rasterize:
    """Return what draws with gradients on a device. Raises RendererError where a GPU has nothing that can."""
    if device == "cpu":
        from renderer.autograd import rasterize

        return rasterize
    from renderer.cuda import CudaRenderer

    return CudaRenderer().rasterize


def device_named(name: str) -> str:
    """Return "cuda" or "cpu" for auto, cuda or cpu. Raises PartRMError for a GPU that is not there."""
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise PartRMError("PyTorch finds no CUDA device", "Train on the processor: --device cpu.")
    return "cuda" if there and name != "cpu" else "cpu"
