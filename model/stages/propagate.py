"""Propagate: one pull becomes many, spread over the part that is pulled."""

from __future__ import annotations

import torch

from model.errors import DragError

SHORTEST = 1e-3  # px; less is no pull


def propagate(
    drags_start: torch.Tensor,  # (D, 2) pixels (x, y)
    drags_end: torch.Tensor,  # (D, 2) pixels
    mask: torch.Tensor,  # (H, W) bool, the part
    n: int = 10,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give n pixels of the part the user's displacement; returns starts and ends, (D·n, 2) float32 each.

    The pixels are drawn without replacement (with repetition where the part has fewer than n), the ends clamped to
    the image. Everything stays on the mask's device. Several drags take n pixels each.
    Raises DragError for a drag without length, or one that starts outside the mask.
    Source: PartRM (CVPR 2025), section 3.3, and its `gen_propagate_drags.py`.
    """
    device = mask.device
    height, width = mask.shape
    starts = drags_start.to(device, torch.float32)
    ends = drags_end.to(device, torch.float32)
    if len(starts) == 0:
        raise DragError("There is no drag", "Press on the part and pull it.")
    if not bool(torch.isfinite(starts).all() & torch.isfinite(ends).all()):
        raise DragError("A drag is not a pair of places", "Give each drag as four finite numbers: X0,Y0,X1,Y1.")
    if bool(((ends - starts).norm(dim=1) < SHORTEST).any()):
        raise DragError("The drag has no length", "Press on the part, move the pointer, then release.")
    x, y = starts.floor().long().unbind(1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    on_part = inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    if not bool(on_part.all()):
        raise DragError("The drag does not start on the part", "Press on the part that should move.")
    pixels = mask.nonzero()  # (P, 2) row, column
    generator = torch.Generator().manual_seed(seed)  # on the CPU: the same draw on every device
    drawn = [_draw(len(pixels), n, generator) for _ in range(len(starts))]
    index = torch.cat(drawn).to(device)
    new_starts = pixels[index].flip(1).to(torch.float32) + 0.5  # pixel centres
    shift = (ends - starts).repeat_interleave(n, dim=0)
    limit = torch.tensor([width - 1, height - 1], dtype=torch.float32, device=device)
    return new_starts, torch.minimum((new_starts + shift).clamp(min=0), limit)


def _draw(count: int, n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw n indices below count, (n,), without replacement as long as they last."""
    rounds = -(-n // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:n]
