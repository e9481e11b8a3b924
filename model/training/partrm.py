"""Train PartRM: stage 1 learns how Gaussians move, stage 2 how they look.

Accelerate shares a step among processes (`accelerate launch`, torchrun) and does the mixed precision; the optimiser,
the schedule, the losses and the data are PartRM's, see Recipe. A run that stops goes on exactly where it was.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model import weights
from model.errors import PartRMError, WeightsError
from model.network.extra import load_triton
from model.network.partrm import PRESETS, PartRM
from model.partdrag4d.dataset import DataSet
from model.training.checkpoint import check_same, export, load_checkpoint, save_checkpoint
from model.training.losses import Perceptual, Rasterize, Terms, appearance_loss, edge_loss, motion_loss
from model.training.pairs import Numbers, Pairs, Sample, batches, check_targets
from model.training.partrm_pictures import sheet
from model.training.recipe import WARM_UP_SHARE, Recipe, What

LOG_EVERY = 10  # steps
SAVE_EVERY_S = 120.0
LONG = 5000  # samples to come that make compiling the network worth while
EXTRA = "Install it: pip install 'partrm-viewer[training]'"


@dataclass(frozen=True)
class Plan:
    """What is trained, on what and for how long."""

    what: What
    network: str  # of model.network.partrm.PRESETS
    samples: int  # length of the schedule, over all processes
    out: Path
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    minutes: float = math.inf  # stop then
    most_steps: int | None = None  # stop after these, ready to go on
    workers: int = 1  # processes that make the data, each
    pictures_every: int = 500  # steps
    device: str = "cpu"
    start_from: Path | None = None  # weights to begin with: PartRM's, or LGM's, which know no drags
    perceptual: str = "edges"  # what the third loss of stage 2 is called in the log

    @property
    def checkpoint(self) -> Path:
        """Return where the run keeps itself."""
        return self.out / f"{self.what}.pt"

    @property
    def exported(self) -> Path:
        """Return where the averaged weights are written."""
        return self.out / f"{self.what}.safetensors"


def run(
    plan: Plan, data: DataSet, rasterize: Rasterize, perceptual: Perceptual = edge_loss, say: Callable[[str], None] = print
) -> Path:
    """Train as planned, or go on with what lies in plan.out; returns the exported weights.

    rasterize draws with gradients in stage 2, and the sample pictures. Raises FormatError where the data are not whole
    or the disk is full, WeightsError for a checkpoint of another run, PartRMError where the loss is no number any more;
    the last good checkpoint is kept.
    """
    accelerator = accelerated(plan.recipe.precision, plan.device)
    ranks, rank, device = accelerator.num_processes, accelerator.process_index, accelerator.device
    r = plan.recipe
    together = r.batch * ranks
    steps = plan.samples // together
    if steps < 2:
        raise PartRMError(f"{plan.samples} samples are less than two steps of {together}", "Ask for more --samples.")
    pairs = Pairs(data, plan.what, plan.network, r, plan.seed)
    if plan.what == "motion":
        check_targets(pairs)
    plan.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    saved = _saved(plan, steps, together)
    net = new_network(plan.network, None if saved else plan.start_from)
    fast = device.type == "cpu" and bool(shutil.which("g++")) and plan.samples > LONG
    if fast:
        load_triton()
        net.to(memory_format=torch.channels_last)
        net.unet.compile()  # type: ignore[no-untyped-call]  # 1.4 times as fast, after a minute
    net.to(device)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=r.learning_rate, betas=r.betas, weight_decay=r.weight_decay, fused=True)
    warm_up = min(r.warm_up_steps, int(WARM_UP_SHARE * steps)) / steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, r.learning_rate, total_steps=steps, pct_start=warm_up)
    ema = {name: t.detach().clone() for name, t in net.state_dict().items()}
    step, spent = 0, 0.0
    if saved:
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        ema = {name: t.to(device) for name, t in saved["ema"].items()}
        step, spent = saved["step"], saved["seconds"]
        torch.set_rng_state(saved["rng"])
    model, optimiser = accelerator.prepare(net, optimiser)
    stop = steps if plan.most_steps is None else min(steps, step + plan.most_steps)
    numbers = Numbers(step * together, stop * together, rank, ranks)
    log = _Log(plan, step, rank == 0, say)
    log.begin(step, steps, together, fast, len(pairs))
    clock = _Clock(spent)
    try:
        for batch in clock.waiting(batches(pairs, numbers, r.batch, plan.workers)):
            batch = {name: t.to(device, non_blocking=True) for name, t in batch.items()}
            terms = _losses(model, batch, plan, rasterize, perceptual)
            loss = torch.stack(list(terms.values())).sum()
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(trained, r.clip_norm)
            told = accelerator.reduce(torch.stack([*(t.detach() for t in terms.values()), norm]), "mean").tolist()
            if not all(map(math.isfinite, told)):
                raise PartRMError(
                    f"The loss is no number any more at step {step + 1}",
                    f"The last good checkpoint is kept: {plan.checkpoint}. Try a smaller --learning-rate.",
                )
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            with torch.no_grad():
                decay = min(r.ema, (step + 1) / (step + 10))
                for name, t in net.state_dict().items():
                    ema[name].lerp_(t, 1 - decay)
            over = _agreed(accelerator, step == stop or clock.running > plan.minutes * 60)
            log.step(step, dict(zip([*terms, "gradient"], told, strict=True)), schedule.get_last_lr()[0], clock, over)
            if rank == 0 and (over or clock.since_saved > SAVE_EVERY_S):
                state = {"net": net.state_dict(), "ema": ema, "optimiser": optimiser.state_dict()}
                state |= {"schedule": schedule.state_dict(), "rng": torch.get_rng_state()}
                save_checkpoint(plan.checkpoint, _same(plan, steps, together) | state | {
                    "step": step, "seconds": clock.total, "recipe": json.dumps(asdict(r)),
                })  # fmt: skip
                clock.saved()
            if rank == 0 and (over or step % plan.pictures_every == 0):
                log.pictures(step, sheet(averaged(plan.network, ema), pairs, rasterize, device))
            if over:
                break
    finally:
        log.close()
    if rank == 0:
        told_of = {"network": plan.network, "what": plan.what, "samples": str(step * together), "seed": str(plan.seed)}
        export(plan.exported, ema, told_of | {"seconds": str(round(clock.total))})
    accelerator.wait_for_everyone()
    return plan.exported


def accelerated(precision: str, device: str) -> Any:
    """Start Accelerate, joining the other processes where there are any. Raises PartRMError without the package."""
    try:
        accelerate = import_module("accelerate")
    except ImportError as absent:
        raise PartRMError("Training needs the package accelerate, which cannot be imported", EXTRA) from absent
    return accelerate.Accelerator(mixed_precision=precision, cpu=device == "cpu")


def new_network(preset: str, start_from: Path | None) -> PartRM:
    """Build the network as training begins it: PartRM's initial weights, or others where they are given.

    LGM's lack the convolutions that know of drags, which then keep their first values, as the authors' did. Raises
    WeightsError where the weights are another network's.
    """
    net = PartRM(preset)
    net.unet.alpha.requires_grad_(False)  # unused by the released merge; several processes would wait for its gradient
    if start_from is not None:
        given = {n: t for n, t in weights.load(start_from).items() if not n.startswith("lpips")}
        expected = net.state_dict()
        new = ("unet.alpha", "unet.drag_position_net.", "unet.conv_merges.")
        wrong = [
            n
            for n, t in expected.items()
            if (given[n].shape != t.shape if n in given else not n.startswith(new))
        ]
        if wrong:
            hint = f"{len(wrong)} of {len(expected)} tensors are missing or of another size, the first is {wrong[0]}."
            raise WeightsError(f"{start_from} was not made for PartRM '{preset}'", hint)
        net.load_state_dict({n: given[n].float() if n in given else t for n, t in expected.items()})
    return net


def averaged(preset: str, ema: dict[str, Tensor]) -> PartRM:
    """Return the network with its averaged weights, ready to predict."""
    with torch.device("meta"):
        net = PartRM(preset)
    net.load_state_dict({n: t.contiguous() for n, t in ema.items()}, assign=True)
    return net.eval().requires_grad_(False)


def _losses(model: nn.Module, batch: Sample, plan: Plan, rasterize: Rasterize, perceptual: Perceptual) -> Terms:
    made = model(batch["views"], batch["starts"], batch["ends"])
    if plan.what == "motion":
        return motion_loss(made, batch, plan.recipe)
    return appearance_loss(made, batch, plan.recipe, rasterize, perceptual)


def _same(plan: Plan, steps: int, together: int) -> dict[str, Any]:
    """Return what a run must not change when it goes on."""
    return {"what": plan.what, "network": plan.network, "steps": steps, "samples a step": together, "seed": plan.seed}


def _saved(plan: Plan, steps: int, together: int) -> dict[str, Any] | None:
    if not plan.checkpoint.exists():
        return None
    saved = load_checkpoint(plan.checkpoint)
    check_same(plan.checkpoint, saved, _same(plan, steps, together))
    if saved["step"] >= steps:
        raise WeightsError(f"{plan.checkpoint} has finished its {steps:,} steps", "Choose another --out to train more.")
    return saved


def _agreed(accelerator: Any, done: bool) -> bool:
    """Say whether any process wants to stop: then all do."""
    if accelerator.num_processes == 1:
        return done
    return bool(accelerator.reduce(torch.tensor(float(done), device=accelerator.device), "sum") > 0)


class _Clock:
    """Time of a run: since it began, before that, since the last checkpoint, and what it waited for data."""

    def __init__(self, before: float) -> None:
        self.before, self.start = before, time.monotonic()
        self.last_saved, self.waited = self.start, 0.0

    def waiting(self, batches: Iterator[Sample]) -> Iterator[Sample]:
        """Pass batches on and measure how long they kept one waiting; the first, for which workers start, apart."""
        first = True
        while True:
            begun = time.monotonic()
            batch = next(batches, None)
            if batch is None:
                return
            if first:
                first, self.waited, self.start_of_data = False, 0.0, time.monotonic()
            else:
                self.waited += time.monotonic() - begun
            yield batch

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


class _Log:
    """Lines for people, OUT/<what>.jsonl for programs, TensorBoard's files in OUT/log, pictures in OUT/pictures."""

    def __init__(self, plan: Plan, step: int, speaks: bool, say: Callable[[str], None]) -> None:
        self.plan, self.speaks, self.say = plan, speaks, say
        self.path = plan.out / f"{plan.what}.jsonl"
        self.sums: dict[str, float] = {}
        self.count, self.since = 0, time.monotonic()
        self.board: Any = None
        if not speaks:
            return
        try:
            self.board = import_module("torch.utils.tensorboard").SummaryWriter(
                str(plan.out / "log" / plan.what), purge_step=step + 1
            )
        except ImportError as absent:
            raise PartRMError("Training needs the package tensorboard, which cannot be imported", EXTRA) from absent
        if self.path.exists():  # what was logged after the checkpoint is done again
            lines = self.path.read_text().splitlines()
            kept = [line for line in lines if json.loads(line).get("step", 0) <= step]
            self.path.write_text("".join(line + "\n" for line in kept))

    def begin(self, step: int, steps: int, together: int, fast: bool, pairs: int) -> None:
        if not self.speaks:
            return
        p = self.plan
        how = f"{p.recipe.precision}, {'compiled' if fast else 'not compiled'}, {p.device}"
        third = "" if p.what == "motion" else f", third loss: {p.perceptual}"
        size = PRESETS[p.network].size
        self.say(
            f"{p.what} of '{p.network}' ({size} px): {pairs:,} pairs, step {step:,} of {steps:,}, "
            f"{together} samples each ({how}{third})"
        )
        for name, value in asdict(p.recipe).items():
            self.board.add_text(f"recipe/{name}", str(value), step)
        if third:
            self.board.add_text("third loss", p.perceptual, step)

    def step(self, step: int, terms: dict[str, float], rate: float, clock: _Clock, over: bool) -> None:
        if not self.speaks:
            return
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if not over and step % LOG_EVERY:
            return
        now = time.monotonic()
        means = {name: total / self.count for name, total in self.sums.items()}
        samples = self.count * self.plan.recipe.batch
        line = {"step": step, **{n: float(f"{v:.6g}") for n, v in means.items()}, "rate": float(f"{rate:.4g}")}
        with self.path.open("a") as stream:
            stream.write(json.dumps(line | {"seconds": round(clock.total, 1)}) + "\n")
        for name, value in means.items():
            self.board.add_scalar(f"loss/{name}", value, step)
        self.board.add_scalar("rate", rate, step)
        share = clock.waited / max(now - clock.start_of_data, 1e-6)
        self.board.add_scalar("waited for data", share, step)
        words = "  ".join(f"{name} {value:.5f}" for name, value in means.items())
        speed = samples / (now - self.since)
        self.say(f"{self.plan.what} {step:>6}  {words}  {speed:.1f} samples/s, {share:.1%} waiting for data")
        self.sums, self.count, self.since = {}, 0, now

    def pictures(self, step: int, picture: Any) -> None:
        import cv2

        folder = self.plan.out / "pictures"
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{self.plan.what}_{step:06d}.png"), picture[..., ::-1])
        self.board.add_image(self.plan.what, picture, step, dataformats="HWC")
        self.since = time.monotonic()

    def close(self) -> None:
        if self.board is not None:
            self.board.close()
