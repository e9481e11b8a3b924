"""Checkpoints: everything a run needs to go on exactly, written whole or not at all, read without running anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from model.errors import WeightsError
from model.formats.disk import write_atomically


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; the old file stays where the new one cannot be written. Raises FormatError."""
    write_atomically(path, lambda stream: torch.save(state, stream))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what save_checkpoint wrote. Raises WeightsError where it is damaged or something else."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path} cannot be read ({reason})", "Remove it to begin again.") from error
    if not isinstance(saved, dict):
        raise WeightsError(f"{path} is not a checkpoint", "Remove it to begin again.")
    return saved


def check_same(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a checkpoint of another run; wanted: what must be the same, by name. Raises WeightsError."""
    for name, value in wanted.items():
        if saved.get(name) != value:
            what = f"{path} was made with {name} {saved.get(name, 'unknown')!r}, not {value!r}"
            raise WeightsError(what, "Go on with the same, or choose another --out.")


def export(path: Path, tensors: dict[str, Tensor], told: dict[str, str]) -> None:
    """Write weights as safetensors with a few words about them. Raises FormatError."""
    whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    data = save(whole, metadata=told)
    write_atomically(path, lambda stream: stream.write(data))
