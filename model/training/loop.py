"""The loop that trains a network: Accelerate, averaged weights, checkpoints, a log; what is learned is the Job's.

Accelerate shares a step among processes (`accelerate launch`, torchrun) and does the mixed precision. A run that stops
goes on exactly where it was: optimiser, schedule, average, random numbers and the place in the data are all kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.errors import PartRMError, WeightsError
from model.training.checkpoint import check_same, load_checkpoint, save_checkpoint
from model.training.log import EXTRA, Log
from model.training.numbered import Numbers, Sample

SAVE_EVERY_S = 120.0
FEWEST = 4  # steps of a schedule
Terms = dict[str, Tensor]
Schedule = torch.optim.lr_scheduler.LRScheduler


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long a run goes on, where, and from what; those made from it tell what is trained."""

    samples: int  # length of the schedule, over all processes
    out: Path
    seed: int = 0
    minutes: float = math.inf  # stop then, ready to go on
    most_steps: int | None = None  # the same after these
    workers: int = 1  # processes that make the data
    device: str = "cpu"
    start_from: Path | None = None  # weights to begin with
    pictures_every: int = 500  # steps


@dataclass(frozen=True)
class Job:
    """What is trained, by which losses and on what; its plan says for how long."""

    name: str
    plan: Plan
    net: nn.Module  # whose weights are kept and averaged
    model: nn.Module  # what the losses call: net, or what has it inside
    losses: Callable[[nn.Module, Sample], Terms]  # their sum is minimised
    batches: Callable[[Numbers], Iterator[Sample]]
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer], Schedule]  # of steps
    picture: Callable[[dict[str, Tensor]], np.ndarray] | None  # of averaged weights, (H, W, 3) uint8
    told: dict[str, Any]  # numbers and names for the log
    same: dict[str, Any]  # what a run must not change when it goes on, beside its length
    steps: int
    batch: int  # samples a step and process
    clip_norm: float
    ema: float

    @property
    def checkpoint(self) -> Path:
        """Return where the run keeps itself."""
        return self.plan.out / f"{self.name}.pt"


@dataclass(frozen=True)
class Trained:
    """What came out: averaged weights, and what they cost over all runs."""

    ema: dict[str, Tensor]
    samples: int
    seconds: float
    speaks: bool  # in the process that writes files


def accelerated(precision: str, device: str) -> Any:
    """Start Accelerate, joining the other processes where there are any. Raises PartRMError without the package."""
    try:
        accelerate = import_module("accelerate")
    except ImportError as absent:
        raise PartRMError("Training needs the package accelerate, which cannot be imported", EXTRA) from absent
    return accelerate.Accelerator(mixed_precision=precision, cpu=device == "cpu")


def steps_of(samples: int, together: int) -> int:
    """Return how many steps that many samples are. Raises PartRMError for too few to warm up and come down."""
    if samples < FEWEST * together:
        raise PartRMError(f"{samples} samples are less than {FEWEST} steps of {together}", "Ask for more --samples.")
    return samples // together


def saved_run(job_checkpoint: Path, same: dict[str, Any], steps: int) -> dict[str, Any] | None:
    """Read the checkpoint of a run that goes on; None where there is none. Raises WeightsError for another run's."""
    if not job_checkpoint.exists():
        return None
    saved = load_checkpoint(job_checkpoint)
    check_same(job_checkpoint, saved, same | {"steps": steps})
    if saved["step"] >= steps:
        raise WeightsError(f"{job_checkpoint} has finished its {steps:,} steps", "To train more, choose another --out.")
    return saved


def train(job: Job, accelerator: Any, say: Callable[[str], None] = print) -> Trained:
    """Train, or go on with what lies in the plan's folder.

    Raises FormatError where the disk is full, WeightsError for a checkpoint of another run, PartRMError where the loss
    is no number any more; the last good checkpoint is kept.
    """
    ranks, device = accelerator.num_processes, accelerator.device
    speaks, together = accelerator.process_index == 0, job.batch * ranks
    plan = job.plan
    plan.out.mkdir(parents=True, exist_ok=True)
    same = job.same | {"samples a step": together}
    saved = saved_run(job.checkpoint, same, job.steps)
    job.model.to(device)
    trained = [p for p in job.net.parameters() if p.requires_grad]
    optimiser = job.optimiser(trained)
    schedule = job.schedule(optimiser)
    ema = {name: t.detach().clone() for name, t in job.net.state_dict().items()}
    step, spent = 0, 0.0
    if saved:
        job.net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        ema = {name: t.to(device) for name, t in saved["ema"].items()}
        step, spent = saved["step"], saved["seconds"]
        torch.set_rng_state(saved["rng"])
    model, optimiser = accelerator.prepare(job.model, optimiser)
    model.train()
    stop = job.steps if plan.most_steps is None else min(job.steps, step + plan.most_steps)
    numbers = Numbers(step * together, stop * together, accelerator.process_index, ranks)
    clock = Clock(spent)
    log = Log(job.name, plan.out, job.told, step, together, speaks, say)
    log.begin(f"step {step:,} of {job.steps:,}, {together} samples each, {device}")
    try:
        for batch in clock.waiting(job.batches(numbers)):
            batch = {name: t.to(device, non_blocking=True) for name, t in batch.items()}
            terms = job.losses(model, batch)
            accelerator.backward(torch.stack(list(terms.values())).sum())
            norm = accelerator.clip_grad_norm_(trained, job.clip_norm)
            values = accelerator.reduce(torch.stack([*(t.detach() for t in terms.values()), norm]), "mean").tolist()
            if not all(map(math.isfinite, values)):
                kept = f"The last good checkpoint is kept: {job.checkpoint}. " if job.checkpoint.exists() else ""
                hint = f"{kept}Try a smaller --learning-rate, or look at the data."
                raise PartRMError(f"The loss is no number any more at step {step + 1}", hint)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            average(ema, job.net, min(job.ema, (step + 1) / (step + 10)))
            over = agreed(accelerator, step == stop or clock.running > plan.minutes * 60)
            rate = float(schedule.get_last_lr()[0])
            log.step(step, dict(zip([*terms, "gradient"], values, strict=True)), rate, clock.total, clock.share, over)
            if speaks and (over or clock.since_saved > SAVE_EVERY_S):
                state = {"net": job.net.state_dict(), "ema": ema, "optimiser": optimiser.state_dict()}
                state |= {"schedule": schedule.state_dict(), "rng": torch.get_rng_state()}
                state |= {"step": step, "steps": job.steps, "seconds": clock.total}
                save_checkpoint(job.checkpoint, same | state)
                clock.saved()
            if speaks and job.picture is not None and (step == job.steps or step % plan.pictures_every == 0):
                log.pictures(step, job.picture(ema))
            if over:
                break
    finally:
        log.close()
    return Trained(ema, step * together, clock.total, speaks)


@torch.no_grad()
def average(ema: dict[str, Tensor], net: nn.Module, decay: float) -> None:
    """Move averaged weights towards the present ones."""
    for name, t in net.state_dict().items():
        if t.is_floating_point():
            ema[name].lerp_(t, 1 - decay)


def agreed(accelerator: Any, done: bool) -> bool:
    """Say whether any process wants to stop: then all do."""
    if accelerator.num_processes == 1:
        return done
    return bool(accelerator.reduce(torch.tensor(float(done), device=accelerator.device), "sum") > 0)


class Clock:
    """Time of a run: since it began, before that, since the last checkpoint, and what it waited for data."""

    def __init__(self, before: float) -> None:
        self.before, self.start = before, time.monotonic()
        self.last_saved = self.since = self.start
        self.waited = 0.0

    def waiting(self, batches: Iterator[Sample]) -> Iterator[Sample]:
        """Pass batches on and measure how long they kept one waiting; not the first, for which workers start."""
        first = True
        while True:
            begun = time.monotonic()
            batch = next(batches, None)
            if batch is None:
                return
            if first:
                first, self.since = False, time.monotonic()
            else:
                self.waited += time.monotonic() - begun
            yield batch

    @property
    def share(self) -> float:
        """Return the share of the time that was spent waiting for data."""
        return self.waited / max(time.monotonic() - self.since, 1e-6)

    @property
    def running(self) -> float:
        return time.monotonic() - self.start

    @property
    def total(self) -> float:
        return self.before + self.running

    @property
    def since_saved(self) -> float:
        return time.monotonic() - self.last_saved

    def saved(self) -> None:
        self.last_saved = time.monotonic()
