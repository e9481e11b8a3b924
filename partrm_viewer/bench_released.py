"""Bench of PartRM and SAM: `python -m partrm_viewer.bench_released` times them at full size, their weights random.

Random weights take as long as the released ones. Zero123++ has a bench of its own, `partrm_viewer.bench_zero123`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.errors import DragError
from model.network.partrm import PartRM, fastest_dtype, from_weights
from model.network.partrm_input import SIZE
from model.network.sam import load_sam
from model.network.zero123_load import component
from model.stages.pipeline import choose_device
from model.stages.segment_sam import SamSegmenter
from model.stages.state import Click
from partrm_viewer.bench_zero123 import Clock
from partrm_viewer.export import peak_memory_bytes

PHOTO = (768, 1024, 3)
DRAGS = 10


def timed(work: Callable[[], object], device: torch.device, runs: int) -> tuple[float, float]:
    """Return the seconds of the first run, which warms up, and the median of those after it."""
    clock, seconds = Clock(device), []
    for _ in range(runs + 1):
        work()
        seconds.append(clock())
    return seconds[0], float(np.median(seconds[1:]))


def bench_partrm(device: torch.device, runs: int) -> dict[str, Any]:
    """Time one forward pass of PartRM "big": what a drag after the first one costs."""
    dtype = fastest_dtype(device)
    network = from_weights(PartRM("big").state_dict(), "big", device, dtype)
    views = torch.randn(1, 4, 9, SIZE, SIZE, device=device)
    starts = torch.rand(1, DRAGS, 2, device=device) * 470
    with torch.inference_mode():
        first, again = timed(lambda: network(views, starts, starts + 40), device, runs)
    return {"dtype": str(dtype).removeprefix("torch."), "first_s": first, "forward_s": again}


def bench_sam(device: torch.device, runs: int, size: str) -> dict[str, Any]:
    """Time SAM's embedding of an image, and a click on it."""
    make = component("segment_anything", "sam_model_registry")[size]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sam.pth"
        torch.save(make().state_dict(), path)
        segmenter = SamSegmenter(load_sam(path, device))
        photos = iter(np.random.default_rng(0).integers(0, 256, (runs + 1, *PHOTO)).astype(np.uint8))
        photo = np.zeros(PHOTO, np.uint8)
        first, embedding = timed(lambda: segmenter.embed(next(photos)), device, runs)
        segmenter.embed(photo)

        def ask() -> None:
            with contextlib.suppress(DragError):  # random weights may outline nothing
                segmenter.outlines(photo, [Click((300.0, 300.0))])

        _, click = timed(ask, device, 5)
    return {
        "size": size,
        "dtype": str(segmenter.dtype).removeprefix("torch."),
        "first_s": first,
        "embedding_s": embedding,
        "click_s": click,
    }


def main() -> None:
    """Print the times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--sam", default="vit_b", choices=("vit_b", "vit_l", "vit_h"))
    parser.add_argument("--runs", type=int, default=3)
    a = parser.parse_args()
    device = choose_device(a.device)
    told: dict[str, Any] = {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"}
    told["partrm"] = bench_partrm(device, a.runs)
    told["sam"] = bench_sam(device, a.runs, a.sam)
    if device.type == "cuda":
        told["peak_gpu_gb"] = torch.cuda.max_memory_allocated(device) / 2**30
    told["peak_memory_gb"] = (peak_memory_bytes() or 0) / 2**30
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
