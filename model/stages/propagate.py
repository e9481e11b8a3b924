"""Propagate: one pull becomes many, spread over the part that is pulled."""

from __future__ import annotations

from pathlib import Path

import torch

from model.errors import DragError

SHORTEST = 1e-3  # px; less is no pull
SPREAD = 10  # drags that PartRM gets for each one of the user's
SPREAD_OF = {"objaverse_hq": 5}  # and where its weights were trained with fewer
GOLDEN = -7046029254386353131  # 2**64 / golden ratio, as a signed number: SplitMix64's step


def spread_of(weights: str | Path) -> int:
    """Tell how many drags a PartRM gets for each one of the user's, by the name of its weights or their file."""
    return SPREAD_OF.get(Path(weights).stem, SPREAD)


def propagate(
    drags_start: torch.Tensor,  # (D, 2) pixels (x, y)
    drags_end: torch.Tensor,  # (D, 2) pixels
    mask: torch.Tensor,  # (H, W) bool, the part
    n: int = SPREAD,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give n pixels of the part the user's displacement; returns starts and ends, (D·n, 2) float32 each.

    The pixels are drawn without replacement (with repetition where the part has fewer), the ends clamped to the image.
    Several drags take n pixels each, no two the same as long as they last. Everything stays on the mask's device; the
    draw is the same on all.
    Raises DragError for a drag without length, or one that starts outside the mask.
    Source: PartRM (CVPR 2025), section 3.3, and its `gen_propagate_drags.py`.
    """
    device = mask.device
    height, width = mask.shape
    starts = drags_start.to(device, torch.float32)
    ends = drags_end.to(device, torch.float32)
    if len(starts) == 0:
        raise DragError("There is no drag", "Press on the part and pull it.")
    pixels = mask.nonzero()  # (P, 2) row, column
    if len(pixels) == 0:
        raise DragError("The part has no pixel", "Press on the part that should move, or paint it.")
    if not bool(torch.isfinite(starts).all() & torch.isfinite(ends).all()):
        raise DragError("A drag is not a pair of places", "Give each drag as four finite numbers: X0,Y0,X1,Y1.")
    if bool(((ends - starts).norm(dim=1) < SHORTEST).any()):
        raise DragError("The drag has no length", "Press on the part, move the pointer, then release.")
    x, y = starts.floor().long().unbind(1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    on_part = inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    if not bool(on_part.all()):
        raise DragError("The drag does not start on the part", "Press on the part that should move.")
    wanted = n * len(starts)
    order = lottery(len(pixels), seed, device).topk(min(wanted, len(pixels))).indices
    drawn = order[torch.arange(wanted, device=device) % len(order)]
    new_starts = pixels[drawn].flip(1).to(torch.float32) + 0.5  # pixel centres
    shift = (ends - starts).repeat_interleave(n, dim=0)
    limit = torch.tensor([width - 1, height - 1], dtype=torch.float32, device=device)
    return new_starts, torch.minimum((new_starts + shift).clamp(min=0), limit)


def onto_part(points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Move those of points (D, 2) that lie beside a mask (H, W) to the centre of its nearest pixel; (D, 2)."""
    height, width = mask.shape
    x, y = points.floor().long().unbind(1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    on = inside & mask[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    moved = points.clone()
    if not bool(on.all()):
        there = _rim(mask).nonzero().flip(1) + 0.5  # the nearest pixel to a place outside lies at the border
        moved[~on] = there[torch.cdist(points[~on], there.to(points.dtype)).argmin(1)].to(points.dtype)
    return moved


def lottery(count: int, seed: int, device: torch.device) -> torch.Tensor:
    """Give every one of count pixels a number of its own, at random, (count,) int64; no two are the same.

    SplitMix64 (Steele, Lea and Flood 2014): whole numbers alone, so that every device draws alike.
    """
    z = (torch.arange(1, count + 1, device=device) + (seed << 32)) * GOLDEN
    z = (z ^ _shifted(z, 30)) * -4658895280553007687
    z = (z ^ _shifted(z, 27)) * -7723592293110705685
    return z ^ _shifted(z, 31)


def _shifted(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Shift to the right as if there were no sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _rim(mask: torch.Tensor) -> torch.Tensor:
    """Return the mask's pixels that have one outside it as a neighbour; the image's border counts as outside."""
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~around
