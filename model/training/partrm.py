"""Train PartRM: stage 1 learns how Gaussians move, stage 2 how they look; the numbers are PartRM's own, see Recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model import weights
from model.errors import WeightsError
from model.network.partrm import PRESETS, PartRM
from model.partdrag4d.dataset import DataSet
from model.training.checkpoint import export
from model.training.loop import Job, Plan, Terms, accelerated, saved_run, steps_of, train
from model.training.losses import Perceptual, Rasterize, appearance_loss, edge_loss, motion_loss
from model.training.numbered import Sample, batches
from model.training.pairs import Pairs, check_targets
from model.training.partrm_pictures import sheet
from model.training.recipe import WARM_UP_SHARE, Recipe, What

NEW = ("unet.alpha", "unet.drag_position_net.", "unet.conv_merges.")  # what PartRM has and LGM has not


@dataclass(frozen=True, kw_only=True)
class PartRMPlan(Plan):
    """Which stage of which PartRM is trained; it may begin with PartRM's weights or LGM's."""

    what: What
    network: str  # of model.network.partrm.PRESETS
    recipe: Recipe = field(default_factory=Recipe)
    perceptual: str = "edges"  # what the third loss of stage 2 is called in the log


def run(
    plan: PartRMPlan,
    data: DataSet,
    rasterize: Rasterize,
    perceptual: Perceptual = edge_loss,
    say: Callable[[str], None] = print,
) -> Path:
    """Train as planned, or go on with what lies in plan.out; returns the exported weights.

    rasterize draws with gradients in stage 2, and the sample pictures. Raises FormatError where the data are not whole,
    and what `train` raises.
    """
    r = plan.recipe
    accelerator = accelerated(r.precision, plan.device)
    together = r.batch * accelerator.num_processes
    steps = steps_of(plan.samples, together)
    same = {"what": plan.what, "network": plan.network, "seed": plan.seed}
    saved = saved_run(plan.out / f"{plan.what}.pt", same | {"samples a step": together}, steps)
    pairs = Pairs(data, plan.what, plan.network, r, plan.seed)
    if pairs.absent and accelerator.is_main_process:
        say(f"left out: {len(pairs.absent)} states that the list names and {data.root} lacks, as {pairs.absent[0]}")
    if plan.what == "motion":
        check_targets(pairs)
    torch.manual_seed(plan.seed)
    net = new_network(plan.network, None if saved else plan.start_from)
    warm_up = max(2, min(r.warm_up_steps, int(WARM_UP_SHARE * steps))) / steps  # OneCycleLR divides by one less

    def losses(model: nn.Module, batch: Sample) -> Terms:
        made = model(batch["views"], batch["starts"], batch["ends"])
        if plan.what == "motion":
            return motion_loss(made, batch, r)
        return appearance_loss(made, batch, r, rasterize, perceptual)

    told: dict[str, Any] = {"network": plan.network, "size": PRESETS[plan.network].size, "pairs": len(pairs)}
    told |= {"seed": plan.seed} | asdict(r)
    if plan.what == "appearance":
        told["third loss"] = plan.perceptual
    job = Job(
        name=plan.what,
        plan=plan,
        net=net,
        model=net,
        losses=losses,
        batches=lambda numbers: batches(pairs, numbers, r.batch, plan.workers),
        optimiser=lambda p: torch.optim.AdamW(p, r.learning_rate, r.betas, weight_decay=r.weight_decay, fused=True),
        schedule=lambda optimiser: torch.optim.lr_scheduler.OneCycleLR(
            optimiser, r.learning_rate, total_steps=steps, pct_start=warm_up
        ),
        picture=lambda ema: sheet(averaged(plan.network, ema), pairs, rasterize, accelerator.device),
        told=told,
        same=same,
        steps=steps,
        batch=r.batch,
        clip_norm=r.clip_norm,
        ema=r.ema,
    )
    made = train(job, accelerator, say)
    path = plan.out / f"{plan.what}.safetensors"
    if made.speaks:
        words = {**same, "samples": made.samples, "seconds": round(made.seconds)}
        export(path, made.ema, {name: str(value) for name, value in words.items()})
    accelerator.wait_for_everyone()
    return path


def new_network(preset: str, start_from: Path | None) -> PartRM:
    """Build the network as training begins it: PartRM's initial weights, or others where they are given.

    LGM's lack the convolutions that know of drags, which then keep their first values, as the authors' did. Raises
    WeightsError where the weights are another network's.
    """
    net = PartRM(preset)
    net.unet.alpha.requires_grad_(False)  # unused by the released merge; several processes would wait for its gradient
    if start_from is None:
        return net
    given, expected = weights.load(start_from), net.state_dict()
    wrong = [n for n, t in expected.items() if n in given and given[n].shape != t.shape]
    wrong += [n for n in expected if n not in given and not n.startswith(NEW)]
    if wrong:
        hint = f"{len(wrong)} of {len(expected)} tensors are missing or of another size, the first is {wrong[0]}."
        raise WeightsError(f"{start_from} was not made for PartRM '{preset}'", hint)
    net.load_state_dict({n: given[n].float() if n in given else t for n, t in expected.items()})
    return net


def averaged(preset: str, ema: dict[str, Tensor]) -> PartRM:
    """Return the network with averaged weights, ready to predict."""
    with torch.device("meta"):
        net = PartRM(preset)
    net.load_state_dict({n: t.contiguous() for n, t in ema.items()}, assign=True)
    return net.eval().requires_grad_(False)
