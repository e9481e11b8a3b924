"""Train the networks that the app ships, on procedural objects and meshes, on whatever computer there is.

Runs chain: the schedule counts samples, a checkpoint holds everything, and a later run goes on where one stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from model import weights
from model.errors import WeightsError
from model.network.embedded import (
    SIZE,
    Completion,
    CompletionOutput,
    PartNet,
    PartOutput,
    Surface,
    SurfaceOutput,
    elevation_matrix,
    part_logits,
)
from model.partdrag4d.mesh_scene import stock
from model.training.checkpoint import export as write_weights
from model.training.checkpoint import save_checkpoint
from model.training.data import EXAMPLES, Batch, Maker, batches, vary_colours, world_maps
from model.training.muon import Muon
from model.training.pictures import sheet

Loss = Callable[[Callable[..., Any], Batch, torch.Generator], dict[str, Tensor]]
NETWORKS: dict[str, type[nn.Module]] = {"surface": Surface, "part": PartNet, "completion": Completion}
DECAY = 0.4  # the last part of the samples over which the step length falls to zero
EMA = 0.998
LONG = 5000  # samples to come that make compiling the network worth while


def surface_loss(net: Callable[..., SurfaceOutput], batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
    """Depth and its gradients, normals, elevation."""
    rgb = vary_colours(batch["rgb"], batch["alpha"][:, None], generator)
    out = net(rgb, batch["alpha"], batch["tan_half_fov"])
    there = batch["there"]
    miss = (out.depth - batch["depth"]) * there
    n = there.sum() + 1
    losses = {"depth": 6 * miss.abs().sum() / n}
    for stride in (1, 4):
        for dim in (1, 2):
            both = there.narrow(dim, stride, SIZE - stride) & there.narrow(dim, 0, SIZE - stride)
            change = miss.narrow(dim, stride, SIZE - stride) - miss.narrow(dim, 0, SIZE - stride)
            losses[f"slope{stride}"] = losses.get(f"slope{stride}", 0) + 6 * (change.abs() * both).sum() / n
    losses["normal"] = ((1 - (out.normal * batch["normal"]).sum(1)) * there).sum() / n
    losses["elevation"] = 2 * F.smooth_l1_loss(out.elevation, batch["elevation"], beta=0.1)
    return losses


def part_loss(surface: Callable[..., SurfaceOutput]) -> Loss:
    """Mask, kind of joint, its axis and hinge; on true surfaces and, mostly, on those that Surface estimates."""

    def loss(net: Callable[..., PartOutput], batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        rgb = vary_colours(batch["rgb"], batch["alpha"][:, None], generator)
        depth, normal, elevation = (batch[k].clone() for k in ("depth", "normal", "elevation"))
        estimated = (torch.rand(len(rgb), generator=generator) < 0.65).nonzero()[:, 0]
        if len(estimated):
            with torch.no_grad():
                guess = surface(rgb[estimated], batch["alpha"][estimated], batch["tan_half_fov"][estimated])
            depth[estimated], normal[estimated], elevation[estimated] = guess
        R = elevation_matrix(elevation)
        points, normals = world_maps(depth, normal, batch["tan_half_fov"], R)
        out = net(rgb, batch["alpha"], points, normals)
        # every fourth pixel is enough to learn from, another one each time
        i, j = torch.randint(2, (2,), generator=generator).tolist()
        logits = part_logits(out, batch["clicks"], (slice(i, None, 2), slice(j, None, 2)))  # (B, K, 64, 64)
        mask = (batch["link"][:, None, i::2, j::2] == batch["clicked"][..., None, None]).float()
        there = batch["there"][:, None, i::2, j::2].float()
        bce = F.binary_cross_entropy_with_logits(logits, mask, reduction="none") * there
        p = torch.sigmoid(logits) * there
        dice = 1 - (2 * (p * mask).sum((2, 3)) + 1) / (p.sum((2, 3)) + mask.sum((2, 3)) + 1)
        # the truth is turned into the frame that the network was shown
        turn = R @ elevation_matrix(batch["elevation"]).transpose(1, 2)
        axis = torch.einsum("bij,bjhw->bihw", turn, batch["axis"])
        hinge = torch.einsum("bij,bjhw->bihw", turn, batch["hinge"])
        weight = batch["weight"] / (batch["weight"].sum() + 1e-6)
        turns = batch["kind"] * batch["weight"]
        turns = turns / (turns.sum() + 1e-6)
        moves = (batch["weight"] > 0).float()
        seen = batch["there"][:, ::2, ::2].float()
        return {
            "mask": 3 * bce.sum() / (there.sum() * mask.shape[1]),
            "dice": dice.mean(),
            "movable": 0.5
            * (F.binary_cross_entropy_with_logits(out.movable, moves, reduction="none") * seen).sum()
            / seen.sum(),
            "kind": 0.5
            * (F.binary_cross_entropy_with_logits(out.kind, batch["kind"], reduction="none") * weight).sum(),
            "axis": ((1 - F.cosine_similarity(out.axis, axis, dim=1)) * weight).sum()
            + 0.1 * ((out.axis - axis).abs().sum(1) * weight).sum(),
            "hinge": 2 * ((out.hinge - hinge).abs().sum(1) * turns).sum(),
        }

    return loss


def completion_loss(
    net: Callable[..., CompletionOutput], batch: Batch, generator: torch.Generator
) -> dict[str, Tensor]:
    """What every view sees; pixels that nothing is known of count most."""
    known, there = batch["known"], batch["there"]
    both = torch.cat([known[:, :, :3], batch["rgb"]], 1)
    cover = torch.cat([known[:, :, 3:4], there[:, :, None].float()], 1)
    known_rgb, rgb = vary_colours(both, cover, generator).chunk(2, 1)
    out = net(torch.cat([known_rgb, known[:, :, 3:]], 2))
    weight = torch.where(known[:, :, 3] > 0.5, 0.25, 1.0)
    alpha = F.binary_cross_entropy_with_logits(out.alpha, there.float(), reduction="none")
    inside = weight * there
    n = inside.sum() + 1
    return {
        "alpha": 2 * (alpha * weight).mean(),
        "depth": 6 * ((out.depth - batch["depth"]).abs() * inside).sum() / n,
        "normal": 0.5 * ((1 - (out.normal * batch["normal"]).sum(2)) * inside).sum() / n,
        "rgb": 4 * ((out.rgb - rgb).abs().mean(2) * inside).sum() / n,
    }


def loss_of(stage: str, out: Path) -> Loss:
    """Return what a stage learns by; PartNet's looks at surfaces as OUT/surface.pt estimates them."""
    if stage == "surface":
        return surface_loss
    return completion_loss if stage == "completion" else part_loss(trained_surface(out))


def maker_of(stage: str, out: Path, objects: Sequence[Path] = ()) -> Maker:
    """Return what makes a stage's examples; Completion's show surfaces as OUT/surface.pt estimates them.

    objects: mesh files that take their share of the samples. Raises FormatError.
    """
    make = partial(EXAMPLES[stage], of=stock(objects))
    return partial(make, surface=trained_surface(out)) if stage == "completion" else make


def trained_surface(out: Path) -> Surface:
    """Load OUT's Surface, which the other two stages learn to live with; raises WeightsError where there is none."""
    if not (out / "surface.pt").exists():
        raise WeightsError(f"{out} holds no surface.pt.", "Train the stage surface there first: this one builds on it.")
    net = load_ema("surface", out)
    assert isinstance(net, Surface)
    return net


def step_length(seen: int, samples: int) -> float:
    """Give the factor of the step length after `seen` of `samples`: warm up, hold, then fall to zero."""
    return max(0.0, min(1.0, seen / 2000 + 0.02, (samples - seen) / (DECAY * samples)))


def run(
    stage: str,
    samples: int,
    out: Path,
    minutes: float = float("inf"),
    batch: int = 8,
    seed: int = 0,
    start_from: Path | None = None,
    objects: Sequence[Path] = (),
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> Path:
    """Train one network until it has seen `samples`, or for `minutes`; returns the checkpoint's path.

    Goes on from OUT/STAGE.pt where there is one. Writes OUT/STAGE.jsonl (a line every 50 steps), and every two minutes
    a checkpoint and OUT/STAGE.png, what the network now makes of a few objects beside the truth. Without a checkpoint
    it goes on from START_FROM/STAGE.safetensors where that is given, as many samples on as the file says; only the
    optimisers' memory is lost. objects: mesh files (URDF, MJCF, PartNet-Mobility folders) to learn from beside the
    procedural objects. Raises WeightsError where weights cannot be used, FormatError where an object cannot.
    Started by `torchrun`, its processes share each step: `batch` samples each, gradients averaged.
    """
    rank, ranks = join_workers()
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{stage}.pt"
    net = NETWORKS[stage]().to(memory_format=torch.channels_last)
    matrices = [
        p
        for n, p in net.named_parameters()
        if p.ndim >= 2 and n.startswith("net.") and "enter" not in n and "place" not in n
    ]
    chosen = {id(p) for p in matrices}
    others = [p for p in net.parameters() if id(p) not in chosen]
    muon = Muon(matrices, lr=0.006, weight_decay=0.01, rank=rank, ranks=ranks)
    adam = torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    seen, spent, steps = 0, 0.0, 0
    if start_from is not None and not path.exists():
        seen, spent = load_exported(net, start_from / f"{stage}.safetensors")
        if seen >= samples:
            raise WeightsError(f"{start_from} holds {stage} after {seen:,} samples already.", "Ask for more samples.")
        steps = seen // (batch * ranks)  # the average is of many steps, not of the next few
    ema = {k: v.detach().clone() for k, v in net.state_dict().items()}
    if path.exists():
        saved = torch.load(path, weights_only=True)
        net.load_state_dict(saved["net"])
        muon.load_state_dict(saved["muon"])
        adam.load_state_dict(saved["adam"])
        ema, seen, spent, steps = saved["ema"], saved["seen"], saved["spent_s"], saved["steps"]
        if seen >= samples:
            return path
    losses = loss_of(stage, out)
    # compiled, a step takes two thirds of the time; compiling takes a minute
    fast = torch.compile(net) if shutil.which("g++") and samples - seen > LONG else net
    generator = torch.Generator().manual_seed(seed + seen + rank)
    start = saved_at = time.monotonic()
    mean: dict[str, float] = {}
    for data in batches(maker_of(stage, out, objects), batch, seen, rank, ranks):
        factor = step_length(seen, samples)
        for optimiser, lr in ((muon, 0.006), (adam, 1e-3)):
            for group in optimiser.param_groups:
                group["lr"] = lr * factor
        with torch.autocast("cpu", torch.bfloat16):
            terms = losses(fast, data, generator)
        total = torch.stack([t.float() for t in terms.values()]).sum()
        total.backward()
        average_gradients(net, ranks)
        nn.utils.clip_grad_norm_(others, 1.0)
        muon.step()
        adam.step()
        net.zero_grad(set_to_none=True)
        steps += 1
        decay = min(EMA, (steps + 1) / (steps + 10))
        for k, v in net.state_dict().items():
            ema[k].lerp_(v, 1 - decay)
        seen += batch * ranks
        for k, v in terms.items():
            mean[k] = mean[k] * 0.98 + float(v.detach()) * 0.02 if k in mean else float(v.detach())
        now = time.monotonic()
        done = agreed(seen >= samples or now - start > minutes * 60, ranks)
        if rank == 0 and (steps % 50 == 0 or done):
            line = {"samples": seen, "seconds": round(spent + now - start, 1)} | {
                k: round(v, 4) for k, v in mean.items()
            }
            with (out / f"{stage}.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            say(
                f"{stage} {seen:>7}/{samples}  {(now - start):6.0f} s  "
                + "  ".join(f"{k} {v:.4f}" for k, v in mean.items())
            )
        if rank == 0 and (now - saved_at > 120 or done):
            saved_at = now
            state = {"net": net.state_dict(), "ema": ema, "muon": muon.state_dict(), "adam": adam.state_dict()}
            save_checkpoint(path, state | {"seen": seen, "steps": steps, "spent_s": spent + now - start})
            cv2.imwrite(str(out / f"{stage}.png"), sheet(stage, net)[..., ::-1])
        if done:
            break
    return path


def join_workers() -> tuple[int, int]:
    """Join the other processes that torchrun has started; returns this one's number and how many there are."""
    if "WORLD_SIZE" not in os.environ:
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def average_gradients(net: nn.Module, ranks: int) -> None:
    """Give every process the mean of all gradients, in one message."""
    if ranks == 1:
        return
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    for g, mean in zip(grads, flat.div_(ranks).split([g.numel() for g in grads]), strict=True):
        g.copy_(mean.view_as(g))


def agreed(done: bool, ranks: int) -> bool:
    """Say whether any process wants to stop: then all do."""
    if ranks == 1:
        return done
    flag = torch.tensor([float(done)])
    dist.all_reduce(flag)
    return bool(flag > 0)


def load_ema(stage: str, out: Path) -> nn.Module:
    """Load the averaged weights of a stage's checkpoint, ready to be used."""
    saved = torch.load(out / f"{stage}.pt", weights_only=True)
    net = NETWORKS[stage]()
    net.load_state_dict(saved["ema"])
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def load_exported(net: nn.Module, path: Path) -> tuple[int, float]:
    """Fill a network with exported weights; returns how many samples they have seen, and in how many seconds."""
    net.load_state_dict({k: v.float() for k, v in weights.load(path).items()})
    with safe_open(path, "pt") as file:
        told = file.metadata() or {}
    return int(told.get("samples", 0)), float(told.get("seconds", 0))


def export(stage: str, out: Path, folder: Path) -> Path:
    """Write a checkpoint's averaged weights as fp16 safetensors, FOLDER/STAGE.safetensors."""
    saved = torch.load(out / f"{stage}.pt", weights_only=True)
    path = folder / f"{stage}.safetensors"
    tensors = {k: v.half() for k, v in saved["ema"].items()}
    write_weights(path, tensors, {"samples": str(saved["seen"]), "seconds": str(round(saved["spent_s"]))})
    return path
