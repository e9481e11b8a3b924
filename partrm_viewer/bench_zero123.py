"""Bench of Zero123++: `python -m partrm_viewer.bench_zero123` times the full-size network, its weights random.

Random weights take as long as the released ones; what is drawn with them means nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.network.euler_ancestral import linear_alphas
from model.network.zero123 import STEPS, TILE, Parts, Zero123, seeded
from model.network.zero123_input import WHITE, Preparation
from model.network.zero123_load import component, fill
from model.stages.pipeline import choose_device
from partrm_viewer.export import peak_memory_bytes

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


def full_size() -> tuple[Any, Any, Any]:
    """Build U-Net, VAE and vision encoder of the true sizes, without memory for their weights yet."""
    with torch.device("meta"):
        return (
            component("diffusers", "UNet2DConditionModel").from_config(UNET),
            component("diffusers", "AutoencoderKL").from_config(VAE),
            component("transformers", "CLIPVisionModelWithProjection")(
                component("transformers", "CLIPVisionConfig")(**VISION)
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


def main() -> None:
    """Print the times as JSON, the first drawing (compilation of kernels, memory) apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--dtype", default="float16", choices=("float16", "bfloat16", "float32"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--offload", action="store_true", help="keep one network at a time on the GPU")
    parser.add_argument("--cold", action="store_true", help="draw once only, cold (on a CPU: minutes)")
    a = parser.parse_args()
    device = choose_device(a.device)
    network = random_zero123(device, getattr(torch, a.dtype), a.offload or None)
    told: dict[str, Any] = {"dtype": a.dtype, "steps": a.steps, "offload": network.offload}
    told["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    told["cold"] = measure(network, a.steps)
    if not a.cold:
        told["warm"] = measure(network, a.steps)
    if device.type == "cuda":
        told["peak_gpu_gb"] = torch.cuda.max_memory_allocated(device) / 2**30
        told["kernel_share"] = kernel_share(network)
    told["peak_memory_gb"] = (peak_memory_bytes() or 0) / 2**30
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
