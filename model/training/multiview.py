"""Fine-tune Zero123++ so that its first three tiles are PartRM's views 1 to 3 (partdrag4d_zero123.ckpt is such a one).

Its U-Net learns to predict v of the sheet of views 1 to 6 from view 0, as PartRM's Lightning module does; the text,
vision and VAE networks stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from model.errors import FormatError
from model.network.zero123 import COLUMNS, LATENT_SCALE, LATENT_SHIFT, ROWS, TILE, Zero123, seeded
from model.network.zero123_input import WHITE, composited
from model.network.zero123_load import PREFIX, load_zero123
from model.partdrag4d.dataset import DataSet
from model.training.checkpoint import save_checkpoint
from model.training.loop import Job, Plan, Terms, accelerated, steps_of, train
from model.training.numbered import Sample, batches

TARGETS = tuple(range(1, 1 + ROWS * COLUMNS))  # views on the sheet
HELD_OUT = 16  # last states of the list, PartRM's validation


@dataclass(frozen=True)
class Recipe:
    """How Zero123++ is fine-tuned; from PartRM's module (preprocess/zero123plus/model.py) unless noted."""

    learning_rate: float = 1e-5  # PartRM's configuration is not published; InstantMesh's, which it follows
    weight_decay: float = 0.01  # AdamW's own
    restart_steps: int = 3000  # T_0 of CosineAnnealingWarmRestarts
    lowest_rate: float = 0.25  # eta_min, as a part of learning_rate
    condition_px: tuple[int, int] = (128, 512)  # view 0 is reduced to some size between
    batch: int = 1  # samples a process; ours
    clip_norm: float = math.inf  # PartRM's module does not clip
    precision: Literal["bf16", "no"] = "bf16"  # ours
    ema: float = 0.999  # ours


@dataclass(frozen=True, kw_only=True)
class MultiviewPlan(Plan):
    """Which Zero123++ is fine-tuned; it may begin with a fine-tune."""

    folder: Path  # Zero123++ as published
    recipe: Recipe = field(default_factory=Recipe)
    tile: int = TILE  # px


class Sheets(torch.utils.data.Dataset[Any]):
    """View 0 and the sheet of views 1 to 6 of every state in the training list, again and again, by number."""

    def __init__(self, data: DataSet, recipe: Recipe, seed: int, tile: int) -> None:
        """Take a data set. Raises FormatError where its training list holds no state that is there."""
        ids = data.ids("train")
        self.ids = ids[:-HELD_OUT] if len(ids) > 2 * HELD_OUT else ids
        if not self.ids:
            raise FormatError(f"{data.root} has no state to train with", "Its lists/train.txt names none.")
        self.data, self.recipe, self.seed, self.tile = data, recipe, seed, tile

    def __getitem__(self, number: int) -> Sample:
        """Make condition (512, 512, 3) and sheet (3, 3 tile, 2 tile) uint8, on white, with a noise level and a seed."""
        epoch, place = divmod(number, len(self.ids))
        id = self.ids[np.random.default_rng((self.seed, epoch)).permutation(len(self.ids))[place]]
        rng = np.random.default_rng((self.seed, epoch, place))
        condition = composited(self.data.picture(id, 0), WHITE)
        side = int(rng.integers(*self.recipe.condition_px, endpoint=True))
        small = Image.fromarray(condition).resize((side, side), Image.Resampling.BICUBIC)
        # back to one size so that a batch is one tensor; the encoders resize it anyway
        condition = np.array(small.resize((512, 512), Image.Resampling.BILINEAR))
        tiles = [Image.fromarray(composited(self.data.picture(id, view), WHITE)) for view in TARGETS]
        tiles = [image.resize((self.tile, self.tile), Image.Resampling.BICUBIC) for image in tiles]
        rows = [np.concatenate([np.asarray(t) for t in tiles[k : k + COLUMNS]], 1) for k in range(0, 6, COLUMNS)]
        return {
            "condition": torch.from_numpy(condition),
            "sheet": torch.from_numpy(np.concatenate(rows)).permute(2, 0, 1),
            "timestep": torch.tensor(int(rng.integers(1000))),
            "seed": torch.tensor(int(rng.integers(2**31))),
        }


class Denoiser(nn.Module):
    """The U-Net's two passes, first over the noisy picture, then over the noisy sheet, which looks at the first."""

    def __init__(self, zero123: Zero123) -> None:
        super().__init__()
        self.unet = zero123.parts.unet
        self.references = list(zero123.references.values())

    def forward(self, reference: Tensor, sheet: Tensor, timesteps: Tensor, hidden: Tensor) -> Tensor:
        """Predict v of (B, 4, h, w) noisy latents; reference (B, 4, h', w'), timesteps (B,), hidden (B, T, C)."""
        for writing, latents in ((True, reference), (False, sheet)):
            for layer in self.references:
                layer.writing = writing
            out = self.unet(latents, timesteps, encoder_hidden_states=hidden, return_dict=False)[0]
        for layer in self.references:
            layer.kept = None
        return torch.as_tensor(out)


def noisy(latents: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Mix clean latents with noise; kept (B, 1, 1, 1): the share of the signal's variance that is left."""
    return kept.sqrt() * latents + (1 - kept).sqrt() * noise


def v_target(latents: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Return what the network is to predict."""
    return kept.sqrt() * noise - (1 - kept).sqrt() * latents


@torch.no_grad()
def encoded(zero123: Zero123, batch: Sample) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Turn a batch into noisy reference, noisy sheet, timesteps, hidden states and v; noise is drawn by its seeds."""
    device, vae = zero123.device, zero123.parts.vae
    kept = zero123.parts.alphas.to(device)[batch["timestep"]].view(-1, 1, 1, 1)
    made: list[tuple[Tensor, ...]] = []  # reference, sheet, noise, hidden states
    for k, (picture, sheet, seed) in enumerate(zip(batch["condition"], batch["sheet"], batch["seed"].tolist())):
        draw = seeded(seed)
        condition = zero123.condition(picture.cpu().numpy(), draw, guided=False)
        reference = noisy(condition.latents, draw(tuple(condition.latents.shape)).to(device), kept[k])
        mean, deviation = zero123.encode((sheet[None].float() / 255 - 0.5) / 0.8)
        sample = (mean + deviation * draw(tuple(mean.shape)).to(device)) * vae.config.scaling_factor
        clean = (sample - LATENT_SHIFT) * LATENT_SCALE
        made.append((reference, clean, draw(tuple(mean.shape)).to(device), condition.hidden))
    references, clean, noise, hidden = (torch.cat(parts) for parts in zip(*made, strict=True))
    return references, noisy(clean, noise, kept), batch["timestep"], hidden, v_target(clean, noise, kept)


def run(plan: MultiviewPlan, data: DataSet, say: Callable[[str], None] = print) -> Path:
    """Fine-tune as planned, or go on with what lies in plan.out; returns the checkpoint, OUT/multiview.ckpt.

    It is a Lightning checkpoint with the names of PartRM's, so that its own code reads it, too. Raises WeightsError
    where Zero123++ cannot be read, and what `train` raises.
    """
    r = plan.recipe
    accelerator = accelerated(r.precision, plan.device)
    sheets = Sheets(data, r, plan.seed, plan.tile)
    zero123 = load_zero123(plan.folder, plan.start_from, accelerator.device, tile=plan.tile, offload=False)
    for network in (zero123.parts.vae, zero123.parts.vision):
        network.to(accelerator.device)
    model = Denoiser(zero123)
    model.unet.requires_grad_(True)

    def losses(step: nn.Module, batch: Sample) -> Terms:
        *given, v = encoded(zero123, batch)
        return {"v": F.mse_loss(step(*given).float(), v)}

    job = Job(
        name="multiview",
        plan=plan,
        net=model.unet,
        model=model,
        losses=losses,
        batches=lambda numbers: batches(sheets, numbers, r.batch, plan.workers),
        optimiser=lambda p: torch.optim.AdamW(p, r.learning_rate, weight_decay=r.weight_decay),
        schedule=lambda optimiser: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimiser, r.restart_steps, eta_min=r.lowest_rate * r.learning_rate
        ),
        picture=None,
        told={"states": len(sheets.ids), "tile": plan.tile, "seed": plan.seed} | asdict(r),
        same={"what": "multiview", "network": "zero123", "seed": plan.seed},
        steps=steps_of(plan.samples, r.batch * accelerator.num_processes),
        batch=r.batch,
        clip_norm=r.clip_norm,
        ema=r.ema,
    )
    made = train(job, accelerator, say)
    path = plan.out / "multiview.ckpt"
    if made.speaks:
        tensors = {PREFIX + name: t.cpu() for name, t in made.ema.items()}
        save_checkpoint(path, {"state_dict": tensors | schedule_buffers(zero123.parts.alphas)})
    accelerator.wait_for_everyone()
    return path


def schedule_buffers(alphas: Tensor) -> dict[str, Tensor]:
    """Return the seven tables that PartRM's module keeps in its checkpoint and demands of one, (1000,) each."""
    before = torch.cat([torch.ones(1), alphas[:-1]])
    return {
        "betas": 1 - alphas / before,
        "alphas_cumprod": alphas.clone(),
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": alphas.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - alphas).sqrt(),
        "sqrt_recip_alphas_cumprod": alphas.rsqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / alphas - 1).sqrt(),
    }
