"""Bench of the released networks: `python -m partrm_viewer.bench_released partrm sam zero123`, at their true sizes.

Their weights are random here: that takes as long as with the released ones, and what comes out means nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.errors import DragError
from model.network.euler_ancestral import linear_alphas
from model.network.extra import extra
from model.network.partrm import PartRM, from_weights
from model.network.partrm_input import SIZE
from model.network.precision import fastest_dtype
from model.network.sam import load_sam
from model.network.zero123 import STEPS, TILE, Parts, Zero123, seeded
from model.network.zero123_input import WHITE, Preparation
from model.network.zero123_load import fill
from model.stages.pipeline import choose_device
from model.stages.segment_sam import SamSegmenter
from model.stages.state import Click
from partrm_viewer.export import peak_memory_bytes

PHOTO = (768, 1024, 3)
DRAGS = 10
RUNS = 3  # after the one that warms up
TOKENS, WIDTH = 77, 1024  # of the prompt
UNET = {  # Stable Diffusion 2, of which Zero123++ is a fine-tune
    "sample_size": 96,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
    "layers_per_block": 2,
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": WIDTH,
    "use_linear_projection": True,
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
VISION = {  # CLIP ViT-H/14
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": WIDTH,
    "hidden_act": "gelu",
}


class Clock:
    """Tell the seconds since the last call, all that was asked of the GPU done."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.since = device, 0.0
        self()

    def __call__(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        passed, self.since = now - self.since, now
        return passed


def timed(work: Callable[[], object], device: torch.device, runs: int = RUNS) -> tuple[float, float]:
    """Return the seconds of the first run, which warms up, and the median of those after it."""
    clock, seconds = Clock(device), []
    for _ in range(runs + 1):
        work()
        seconds.append(clock())
    return seconds[0], float(np.median(seconds[1:]))


def bench_partrm(device: torch.device) -> dict[str, Any]:
    """Time one forward pass of PartRM "big": what a drag after the first one costs."""
    dtype = fastest_dtype(device)
    network = from_weights(PartRM("big").state_dict(), "big", device, dtype)
    views = torch.randn(1, 4, 9, SIZE, SIZE, device=device)
    starts = torch.rand(1, DRAGS, 2, device=device) * 470
    with torch.inference_mode():
        first, again = timed(lambda: network(views, starts, starts + 40), device)
    return {"dtype": _name(dtype), "first_s": first, "forward_s": again}


def bench_sam(device: torch.device, size: str) -> dict[str, Any]:
    """Time SAM's embedding of an image, and a click on it."""
    make = extra("segment_anything", "sam_model_registry", "SAM")[size]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sam.pth"
        torch.save(make().state_dict(), path)
        segmenter = SamSegmenter(load_sam(path, device))
        photos = iter(np.random.default_rng(0).integers(0, 256, (RUNS + 1, *PHOTO)).astype(np.uint8))
        photo = np.zeros(PHOTO, np.uint8)
        first, embedding = timed(lambda: segmenter.embed(next(photos)), device)
        segmenter.embed(photo)

        def ask() -> None:
            with contextlib.suppress(DragError):  # random weights may outline nothing
                segmenter.outlines(photo, [Click((300.0, 300.0))])

        _, click = timed(ask, device, 5)
    return {
        "size": size,
        "dtype": _name(segmenter.dtype),
        "first_s": first,
        "embedding_s": embedding,
        "click_s": click,
    }


def full_size() -> tuple[Any, Any, Any]:
    """Build U-Net, VAE and vision encoder of the true sizes, without memory for their weights yet."""
    with torch.device("meta"):
        return (
            extra("diffusers", "UNet2DConditionModel", "Zero123++").from_config(UNET),
            extra("diffusers", "AutoencoderKL", "Zero123++").from_config(VAE),
            extra("transformers", "CLIPVisionModelWithProjection", "Zero123++")(
                extra("transformers", "CLIPVisionConfig", "Zero123++")(**VISION)
            ),
        )


def filled(network: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Give a network random weights, small enough for nothing to overflow."""
    tensors = {}
    for name, t in network.state_dict().items():
        if t.dim() > 1:
            tensors[name] = torch.randn(t.shape, dtype=dtype, device=device).mul_(0.5 / t[0].numel() ** 0.5)
        else:
            tensors[name] = torch.full(t.shape, float(name.endswith("weight")), dtype=dtype, device=device)
    fill(network, tensors, dtype, Path("random weights"))
    return network


def random_zero123(device: torch.device, dtype: torch.dtype, offload: bool | None) -> Zero123:
    """Build Zero123++ of the true size with random weights; on the GPU at once unless they are to stay off it."""
    home = torch.device("cpu") if offload else device
    unet, vae, vision = (filled(network, home, dtype) for network in full_size())
    parts = Parts(
        unet=unet,
        vae=vae,
        vision=vision,
        prompt=torch.randn(TOKENS, WIDTH),
        ramp=torch.linspace(0, 1.2, TOKENS),
        alphas=linear_alphas(0.00085, 0.012),
        for_vision=Preparation(224, (224, 224), 3, (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)),
        for_vae=Preparation(512, (512, 512), 2, (0.5, 0.5, 0.5), (0.8, 0.8, 0.8)),
        background=WHITE,
    )
    return Zero123(parts, device, TILE, offload)


def measure(network: Zero123, steps: int) -> dict[str, float]:
    """Draw once, stage by stage: seconds."""
    picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    noise = seeded(0)
    clock = Clock(network.device)
    condition = network.condition(picture, noise)
    encode = clock()
    times, latents = [], torch.empty(0)
    for _, x in network.denoise(condition, noise, steps):
        times.append(clock())
        latents = x
    network.decode(network.unscaled(latents))
    decode = clock()
    total = encode + sum(times) + decode
    return {
        "encode_s": encode,
        "step_s": float(np.median(times)),
        "first_step_s": times[0],  # with offload the U-Net is moved in it
        "decode_s": decode,
        "image_s": total,
    }


def kernel_share(network: Zero123) -> float:
    """Return the share of a few steps in which the GPU works, 0..1."""
    picture = np.zeros((512, 512, 3), np.uint8)
    condition = network.condition(picture, seeded(0))
    clock = Clock(network.device)
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        clock()
        for _ in network.denoise(condition, seeded(0), steps=4):
            pass
        passed = clock()
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / passed


def bench_zero123(device: torch.device, steps: int, offload: bool) -> dict[str, Any]:
    """Time one image: on a GPU a warm one, a processor takes tens of minutes for one as it is."""
    network = random_zero123(device, fastest_dtype(device, torch.float16), offload or None)
    told: dict[str, Any] = {"dtype": _name(network.dtype), "steps": steps, "offload": network.offload}
    told["cold"] = measure(network, steps)
    if device.type == "cuda":
        told["warm"] = measure(network, steps)
        told["kernel_share"] = kernel_share(network)
    return told


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def main() -> None:
    """Print the times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="+", choices=("partrm", "sam", "zero123"))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--sam", default="vit_b", choices=("vit_b", "vit_l", "vit_h"))
    parser.add_argument("--steps", type=int, default=STEPS, help="of Zero123++")
    parser.add_argument("--offload", action="store_true", help="keep one of Zero123++'s networks at a time on the GPU")
    a = parser.parse_args()
    device = choose_device(a.device)
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        "partrm": lambda: bench_partrm(device),
        "sam": lambda: bench_sam(device, a.sam),
        "zero123": lambda: bench_zero123(device, a.steps, a.offload),
    }
    told: dict[str, Any] = {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"}
    for name in a.networks:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        told[name] = benches[name]()
        if device.type == "cuda":
            told[name]["peak_gpu_gb"] = torch.cuda.max_memory_allocated(device) / 2**30
    told["peak_memory_gb"] = (peak_memory_bytes() or 0) / 2**30
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
