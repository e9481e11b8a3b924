"""Precision: in which kind of number a network's products are fastest here."""

from __future__ import annotations

import time
from functools import cache

import torch


def fastest_dtype(device: torch.device, on_gpu: torch.dtype = torch.bfloat16) -> torch.dtype:
    """Return `on_gpu` for a GPU; for a processor bfloat16 where it multiplies faster in it, else float32."""
    return on_gpu if device.type == "cuda" else _on_processor()


@cache
def _on_processor() -> torch.dtype:
    # Measured, some milliseconds: processors without units for bfloat16 emulate it, and none says so on every system.
    seconds = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    for dtype in (*seconds,) * 4:  # the first products set up their kernels; the shortest counts
        x = torch.ones(512, 512, dtype=dtype)
        start = time.perf_counter()
        x @ x
        seconds[dtype] = min(seconds[dtype], time.perf_counter() - start)
    return torch.bfloat16 if seconds[torch.bfloat16] < 0.8 * seconds[torch.float32] else torch.float32
