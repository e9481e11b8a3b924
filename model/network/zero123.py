"""Zero123++ v1.2 (Shi et al. 2023): one picture of a thing in, six pictures from around it out.

Stable Diffusion 2 draws the six as tiles of one sheet, after the picture in two ways: its CLIP embedding is added to
the empty prompt's, and every self-attention also sees the states that the picture itself, as noisy as the sheet,
caused in the same layer (reference attention).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.errors import WeightsError
from model.network.euler_ancestral import Schedule, noised, step
from model.network.zero123_input import Preparation, composited
from model.progress import Progress, silent

ROWS, COLUMNS = 3, 2  # tiles on the sheet
TILE = 320  # px, side of a tile
# The authors use 75 and say that about 28 do for ordinary things, 75 to 100 for delicate ones like faces. Furniture is
# of the first kind, and PartRM sees the tiles at 256 px. To be measured with the released weights.
STEPS = 28
GUIDANCE = 4.0  # how much more than unconditionally the picture counts
LATENT_SCALE, LATENT_SHIFT = 0.75, 0.22  # the sheet's latents z are denoised as (z - shift) * scale
RESIDENT_BYTES = 12 << 30  # a GPU with less keeps one network at a time
BLOCKS = {"ResnetBlock2D", "Attention", "FeedForward", "CLIPEncoderLayer"}  # a run can be stopped before each

Noise = Callable[[tuple[int, ...]], Tensor]


def seeded(seed: int) -> Noise:
    """Return a source of unit noise that does not depend on the device."""
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


@dataclass(frozen=True, eq=False)
class Parts:
    """What the published folder holds, ready to be used. Networks are Any: their packages come without types."""

    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL
    vision: Any  # CLIPVisionModelWithProjection
    prompt: Tensor  # (77, C) float32, what the text encoder makes of ""
    ramp: Tensor  # (77,) float32, how much of the picture's embedding each token gets
    alphas: Tensor  # (1000,) float32, see `euler_ancestral`
    for_vision: Preparation
    for_vae: Preparation
    background: int  # grey level behind the object, of the input and of the tiles


@dataclass(frozen=True, eq=False)
class Condition:
    """What the sheet is drawn after; B is 2 with guidance (without the picture, with it) and 1 without."""

    latents: Tensor  # (B, 4, h, w) float32, the picture as the VAE encodes it; without it: middle grey
    hidden: Tensor  # (B, 77, C), the cross-attention's input


class ReferenceAttention:
    """diffusers' seam for attention: one pass writes a layer's keys and values, the next reads them beside its own."""

    def __init__(self) -> None:
        self.writing = False
        self.kept: tuple[Tensor, Tensor] | None = None  # keys, values (B, heads, T, C / heads)

    def __call__(self, attn: Any, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        layers = (attn.to_q, attn.to_k, attn.to_v)
        q, k, v = (layer(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2) for layer in layers)
        if self.writing:
            self.kept = k, v
        else:
            assert self.kept is not None, "read before written"
            k, v = (torch.cat(pair, dim=2) for pair in zip((k, v), self.kept, strict=True))
        out = F.scaled_dot_product_attention(q, k, v)
        return attn.to_out[0](out.transpose(1, 2).flatten(2))


class Zero123:
    """The pipeline: the picture is encoded, the sheet denoised step by step, then decoded.

    On a CPU everything lies in memory. On a GPU with `offload` only what works lies there: first the vision encoder
    (1.3 GB in half precision), then the VAE (0.2 GB), then the U-Net (1.7 GB), then the VAE again; the weights
    stay in main memory all the time, so moving off only forgets the GPU's copy. Without it all three stay on the GPU.
    """

    def __init__(
        self,
        parts: Parts,
        device: torch.device | str = "cpu",
        tile: int = TILE,
        offload: bool | None = None,  # None: on a GPU with less than RESIDENT_BYTES
    ) -> None:
        """Take the networks, all of one dtype; tile in px."""
        self.parts, self.device, self.tile = parts, torch.device(device), tile
        self.dtype: torch.dtype = next(parts.unet.parameters()).dtype
        if offload is None:
            on_gpu = self.device.type == "cuda"
            offload = on_gpu and torch.cuda.get_device_properties(self.device).total_memory < RESIDENT_BYTES
        self.offload = offload
        before = {name: seam for name, seam in parts.unet.attn_processors.items() if ".attn1." in name}
        self.references = {
            n: s if isinstance(s, ReferenceAttention) else ReferenceAttention() for n, s in before.items()
        }
        parts.unet.set_attn_processor({**parts.unet.attn_processors, **self.references})
        self._grey: tuple[Tensor, Tensor] | None = None  # mean and deviation of the latents of no picture

    def draw(
        self,
        picture: np.ndarray,
        noise: Noise,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        progress: Progress = silent,
    ) -> np.ndarray:
        """Draw the six tiles, (6, tile, tile, 3) float32, 0..1, row by row.

        picture (H, W, 3 or 4) uint8: square, or it loses its ends; where transparent it gets the networks' background.
        guidance of at most 1 means none, in half the time. progress may raise Cancelled, before each block.
        Raises WeightsError where the weights are such that no number comes out.
        """
        condition = self.condition(picture, noise, guidance > 1, progress)
        *_, (_, latents) = self.denoise(condition, noise, steps, guidance, progress)
        sheet = self.decode(self.unscaled(latents), progress)[0]
        if not sheet.isfinite().all():
            raise WeightsError("Zero123++ drew nothing", f"Its weights are damaged, or not made for {self.dtype}.")
        progress(1.0, "Drawn")
        return tiles(sheet.clamp(0, 1).permute(1, 2, 0).cpu().numpy())

    @torch.no_grad()
    def condition(
        self, picture: np.ndarray, noise: Noise, guided: bool = True, progress: Progress = silent
    ) -> Condition:
        """Encode the picture; noise is drawn for it, then for the empty one. Progress from 0 to 0.05."""
        p = self.parts
        rgb = composited(picture, p.background)
        with self._resident(p.vision), watched(p.vision, progress, (0.0, 0.025), "Looking at the picture"):
            embedding = p.vision(self._there(p.for_vision(rgb))).image_embeds.float()  # (1, C)
        with self._resident(p.vae), watched(p.vae.encoder, progress, (0.025, 0.05), "Encoding the picture", passes=2):
            mean, deviation = self.encode(p.for_vae(rgb))
            latents = [mean + deviation * noise(tuple(mean.shape)).to(self.device)]
            if guided:
                if self._grey is None:
                    self._grey = self.encode(torch.zeros(1, 3, *p.for_vae.crop))
                mean, deviation = self._grey
                latents.insert(0, mean + deviation * noise(tuple(mean.shape)).to(self.device))
        prompt = p.prompt.to(self.device)
        hidden = [prompt + p.ramp.to(self.device)[:, None] * embedding]
        if guided:
            hidden.insert(0, prompt)
        return Condition(torch.cat(latents), torch.stack(hidden).to(self.dtype))

    @torch.no_grad()
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of a normalised (1, 3, H, W) picture's latents, (1, 4, H / 8, W / 8) float32."""
        spread = self.parts.vae.encode(self._there(x)).latent_dist
        return spread.mean.float(), spread.std.float()

    @torch.no_grad()
    def denoise(
        self,
        condition: Condition,
        noise: Noise,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        progress: Progress = silent,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield, after each step, the network's v (B, 4, h, w) for it and the sheet's scaled latents (1, 4, h, w).

        Noise is drawn for the first latents, then in each step for the reference and for the step. Progress from
        0.05 to 0.95.
        """
        p = self.parts
        schedule = Schedule.trailing(p.alphas, steps)
        factor = 2 ** (len(p.vae.config.block_out_channels) - 1)  # px a latent
        shape = (1, p.unet.config.in_channels, ROWS * self.tile // factor, COLUMNS * self.tile // factor)
        x = noise(shape).to(self.device) * schedule.sigmas[0]
        sizes = (tuple(condition.latents.shape), shape)
        fresh = [noise(s).to(self.device) for _ in range(steps) for s in sizes]  # at once: a copy waits for the GPU
        count = len(condition.latents)
        timesteps = torch.from_numpy(schedule.timesteps).to(self.device)
        try:
            with self._resident(p.unet):
                for k, (sigma, lower) in enumerate(itertools.pairwise(schedule.sigmas.tolist())):
                    span = (0.05 + 0.9 * k / steps, 0.05 + 0.9 * (k + 1) / steps)
                    what = f"Drawing the other sides: step {k + 1} of {steps}"
                    with watched(p.unet, progress, span, what, passes=2):
                        self._write(True)
                        self._v(noised(condition.latents, sigma, fresh[2 * k]), timesteps[k], condition.hidden)
                        self._write(False)
                        both = (x / (sigma**2 + 1) ** 0.5).expand(count, -1, -1, -1)
                        v = self._v(both, timesteps[k], condition.hidden)
                    mixed = v if count == 1 else v[:1] + guidance * (v[1:] - v[:1])
                    x = step(x, mixed, sigma, lower, fresh[2 * k + 1])
                    yield v, x
        finally:
            for reference in self.references.values():
                reference.kept = None

    @torch.no_grad()
    def decode(self, latents: Tensor, progress: Progress = silent) -> Tensor:
        """Turn the VAE's latents (1, 4, h, w) into colours (1, 3, 8 h, 8 w) float32, about 0..1. Progress from 0.95."""
        vae = self.parts.vae
        with self._resident(vae), watched(vae.decoder, progress, (0.95, 1.0), "Developing the pictures"):
            made = vae.decode(self._there(latents / vae.config.scaling_factor), return_dict=False)[0]
        return self.parts.for_vae.undone(made.float())

    @staticmethod
    def unscaled(latents: Tensor) -> Tensor:
        """Undo the scaling in which the sheet is denoised."""
        return latents / LATENT_SCALE + LATENT_SHIFT

    def _there(self, x: Tensor) -> Tensor:
        return x.to(self.device, self.dtype)

    def _v(self, x: Tensor, timestep: Tensor, hidden: Tensor) -> Tensor:
        out: Tensor = self.parts.unet(self._there(x), timestep, encoder_hidden_states=hidden, return_dict=False)[0]
        return out.float()

    def _write(self, writing: bool) -> None:
        for reference in self.references.values():
            reference.writing = writing

    @contextmanager
    def _resident(self, network: Any) -> Iterator[None]:
        """Hold a network on the device."""
        home = network.state_dict() if self.offload else {}
        try:
            network.to(self.device)
            yield
        finally:
            if self.offload:
                network.load_state_dict(home, assign=True)


def tiles(sheet: np.ndarray) -> np.ndarray:
    """Cut a sheet (ROWS t, COLUMNS t, 3) into its tiles, (6, t, t, 3), row by row."""
    t = len(sheet) // ROWS
    return sheet.reshape(ROWS, t, COLUMNS, t, 3).swapaxes(1, 2).reshape(-1, t, t, 3)


@contextmanager
def watched(network: Any, progress: Progress, span: tuple[float, float], what: str, passes: int = 1) -> Iterator[None]:
    """Call progress before each block of a network, over a span of the whole; it may raise Cancelled."""
    blocks = [m for m in network.modules() if type(m).__name__ in BLOCKS]
    told = itertools.count()

    def before(*_: Any) -> None:
        share = min(1.0, next(told) / (passes * len(blocks)))
        progress(span[0] + (span[1] - span[0]) * share, what)

    hooks = [block.register_forward_pre_hook(before) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
