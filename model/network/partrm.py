"""PartRM (CVPR 2025): four views and some drags in, the Gaussians of the next state out.

Key for key and number for number the released network; LGM (Tang et al. 2024) with drags.
"""

from __future__ import annotations

import logging

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.errors import WeightsError
from model.gaussians import Gaussians
from model.network.unet import DragMerge, DragUNet, Shape
from model.progress import Progress, silent

PRESETS = {
    "big": Shape(
        down=(64, 128, 256, 512, 1024, 1024),
        down_attention=(False, False, False, True, True, True),
        up=(1024, 1024, 512, 256, 128),
        up_attention=(True, True, True, False, False),
    ),
    "small": Shape(  # for tests and for training on a small computer
        down=(32, 64, 96, 128),
        down_attention=(False, False, False, True),
        up=(128, 96, 64, 32),
        up_attention=(True, False, False, False),
        layers=1,
        heads=4,
        stride=2,
        size=128,
    ),
}

# Left in float32: raw pixels times 56 go into sines, and the output's last digits are places in the world.
PRECISE = ("unet.alpha", "unet.drag_position_net.", "unet.norm_out.", "unet.conv_out.", "conv.")

log = logging.getLogger(__name__)


class PartRM(nn.Module):
    """The network; preset "big" is the released one (440.7 million parameters), "small" the same class, narrow."""

    def __init__(self, preset: str = "big", drag_merge: DragMerge = "replace") -> None:
        super().__init__()
        self.preset = preset
        self.unet = DragUNet(PRESETS[preset], drag_merge)
        self.conv = nn.Conv2d(14, 14, 1)

    def forward(self, views: Tensor, drags_start: Tensor, drags_end: Tensor, progress: Progress = silent) -> Tensor:
        """Predict the next state's Gaussians.

        views (B, 4, 9, H, W): see `model.network.partrm_input`; H a power of two, 256 for "big".
        drags_start, drags_end (B, N, 2): pixels (x, y) of the input view in the 512-px frame.
        Returns (B, M, 14) activated: xyz, opacity, scale, rotation wxyz, rgb; M = 4 · (H / 2)².
        progress is called before each block and may raise Cancelled.
        """
        b, v, c, h, w = views.shape
        views = views.reshape(b * v, c, h, w).contiguous(memory_format=_memory_format(views.device))
        x = self.unet(views, drags_start, drags_end, v, progress)
        x = self.conv(x)
        return activate(x.view(b, v, 14, -1).transpose(2, 3).reshape(b, -1, 14))


def activate(x: Tensor) -> Tensor:
    """Turn (..., 14) network outputs into Gaussians: each quantity into its own range."""
    x = x.float()
    return torch.cat(
        [
            x[..., 0:3].clamp(-1, 1),  # xyz, world units
            x[..., 3:4].sigmoid(),  # opacity
            0.1 * F.softplus(x[..., 4:7]),  # scale, world units
            F.normalize(x[..., 7:11], dim=-1),  # rotation wxyz
            0.5 * x[..., 11:14].tanh() + 0.5,  # rgb
        ],
        dim=-1,
    )


def gaussians_from_output(output: Tensor) -> Gaussians:
    """Turn the (M, 14) output for one object into Gaussians."""
    a = output.detach().float().cpu().numpy()
    return Gaussians.from_colours(a[:, 0:3], a[:, 7:11], a[:, 4:7], a[:, 3], a[:, 11:14])


def from_weights(
    tensors: dict[str, Tensor],
    preset: str = "big",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> PartRM:
    """Build the network around loaded tensors, ready to predict.

    dtype: of the U-Net's blocks; what embeds the drags and what gives the output stay float32. How drags are merged is
    told from the weights: without the convolutions that merge them it is LGM and knows none; with one alone it is
    "one_scale"; else `unet.alpha` absent or 0 means "replace", another value "alpha_residual". Raises WeightsError
    where they were made for another network.
    """
    tensors = {name: t for name, t in tensors.items() if not name.startswith("lpips")}  # a loss, no part of the network
    merge: DragMerge = "none"
    if any(name.startswith("unet.conv_merges.") for name in tensors):
        alpha = tensors.setdefault("unet.alpha", torch.zeros(()))
        merge = "replace" if alpha.numel() != 1 or float(alpha) == 0 else "alpha_residual"
    elif "unet.conv_merge.weight" in tensors:
        merge = "one_scale"
    with torch.device("meta"):
        network = PartRM(preset, merge)
    expected = {name: t.shape for name, t in network.state_dict().items()}
    wrong = [name for name, shape in expected.items() if name not in tensors or tensors[name].shape != shape]
    if wrong:
        hint = f"{len(wrong)} of {len(expected)} tensors are missing or of another size, the first is {wrong[0]}."
        raise WeightsError(f"These weights were not made for PartRM '{preset}'", hint)
    if unknown := tensors.keys() - expected.keys():
        log.warning("%d tensors in the weights are not used, the first is %s", len(unknown), min(unknown))
    fitting, order = {}, _memory_format(torch.device(device))
    for name in expected:
        tensor = tensors[name].to(device, torch.float32 if name.startswith(PRECISE) else dtype)
        fitting[name] = tensor.contiguous(memory_format=order) if tensor.ndim == 4 else tensor
    network.load_state_dict(fitting, assign=True)
    return network.eval().requires_grad_(False)


def _memory_format(device: torch.device) -> torch.memory_format:
    """Return channels last for a GPU only: a processor's GroupNorm then loses digits where all of a view is white."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format
