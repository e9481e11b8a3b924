"""Log of a run: lines for people, OUT/<name>.jsonl for programs, TensorBoard's files in OUT/log, OUT/pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.errors import PartRMError

EVERY = 10  # steps
EXTRA = "Install it: pip install 'partrm-viewer[training]'"


class Log:
    """Writes in the one process that speaks; in the others it does nothing."""

    def __init__(
        self,
        name: str,
        out: Path,
        told: dict[str, Any],
        step: int,
        together: int,
        speaks: bool,
        say: Callable[[str], None],
    ) -> None:
        """Begin, or go on after a step; together: samples a step. Raises PartRMError without tensorboard."""
        self.name, self.out, self.told, self.together = name, out, told, together
        self.speaks, self.say = speaks, say
        self.path = out / f"{name}.jsonl"
        self.sums: dict[str, float] = {}
        self.count, self.since = 0, time.monotonic()
        self.board: Any = None
        if not speaks:
            return
        try:
            writer = import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as absent:
            raise PartRMError("Training needs the package tensorboard, which cannot be imported", EXTRA) from absent
        self.board = writer(str(out / "log" / name), purge_step=step + 1)
        for key, value in told.items():
            self.board.add_text(key, str(value), step)
        if self.path.exists():  # what was logged after the checkpoint will be done again
            kept = [line for line in self.path.read_text().splitlines() if json.loads(line)["step"] <= step]
            self.path.write_text("".join(line + "\n" for line in kept))

    def begin(self, how: str) -> None:
        """Say what is trained, and with which numbers."""
        if self.speaks:
            self.say(f"{self.name}: {how}")
            self.say("  " + ", ".join(f"{key} {value}" for key, value in self.told.items()))

    def step(self, step: int, values: dict[str, float], rate: float, seconds: float, waited: float, over: bool) -> None:
        """Take a step's losses; waited: the share of the time that data kept the run waiting."""
        if not self.speaks:
            return
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if not over and step % EVERY:
            return
        now = time.monotonic()
        means = {name: total / self.count for name, total in self.sums.items()}
        line = {"step": step} | {name: float(f"{value:.6g}") for name, value in means.items()}
        line |= {"rate": float(f"{rate:.4g}"), "seconds": round(seconds, 1)}
        with self.path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        for name, value in means.items():
            self.board.add_scalar(f"loss/{name}", value, step)
        self.board.add_scalar("rate", rate, step)
        self.board.add_scalar("waiting for data", waited, step)
        words = "  ".join(f"{name} {value:.5f}" for name, value in means.items())
        speed = self.count * self.together / (now - self.since)
        self.say(f"{self.name} {step:>6}  {words}  {speed:.2f} samples/s, {waited:.1%} waiting for data")
        self.sums, self.count, self.since = {}, 0, now

    def pictures(self, step: int, picture: np.ndarray) -> None:
        """Keep a picture (H, W, 3) uint8."""
        folder = self.out / "pictures"
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{self.name}_{step:06d}.png"), picture[..., ::-1])
        self.board.add_image(self.name, picture, step, dataformats="HWC")
        self.since = time.monotonic()  # drawing them is not training

    def close(self) -> None:
        """Let TensorBoard's files go."""
        if self.board is not None:
            self.board.close()
