"""Pictures of what a network in training makes of a few objects, beside the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from model.network.embedded import elevation_matrix, part_logits
from model.stages.frame import HALF_FRAME
from model.training.data import EXAMPLES, Batch, collate, world_maps

ROWS = 6  # objects shown, the first of the seeds below FIRST_SEED that make an example


def sheet(stage: str, net: nn.Module) -> np.ndarray:
    """Draw a contact sheet, (H, W, 3) uint8; one object a row, each guess followed by its truth."""
    found = (EXAMPLES[stage](seed) for seed in range(100))
    rows = [example for _, example in zip(range(ROWS), (e for e in found if e is not None), strict=False)]
    columns = {"surface": surface_tiles, "part": part_tiles, "completion": completion_tiles}[stage]
    net.eval()
    with torch.inference_mode():
        tiles = columns(net, collate(rows))
    net.train()
    lines = torch.cat([t.float().expand(-1, 3, -1, -1) for t in tiles], 3)  # (ROWS, 3, S, columns * S)
    picture = torch.cat(list(lines), 1).permute(1, 2, 0)
    return np.asarray((picture.clamp(0, 1) * 255).round().byte().numpy())


def surface_tiles(net: nn.Module, batch: Batch) -> list[Tensor]:
    """Show the photo, depth and true depth (near is dark), normals and true normals."""
    out = net(batch["rgb"], batch["alpha"], batch["tan_half_fov"])
    there = batch["there"][:, None]

    def depth(d: Tensor) -> Tensor:
        return torch.where(there, (d[:, None] / HALF_FRAME + 1) / 2, 1.0)

    def normals(n: Tensor) -> Tensor:
        return torch.where(there, (n + 1) / 2, 1.0)

    return [
        on_white(batch["rgb"], batch["alpha"][:, None]), depth(out.depth), depth(batch["depth"]),
        normals(out.normal), normals(batch["normal"]),
    ]  # fmt: skip


def part_tiles(net: nn.Module, batch: Batch) -> list[Tensor]:
    """Show the photo, then for the first two clicks the part and the true part; on true surfaces."""
    R = elevation_matrix(batch["elevation"])
    out = net(batch["rgb"], batch["alpha"], *world_maps(batch["depth"], batch["normal"], batch["tan_half_fov"], R))
    guess = torch.sigmoid(part_logits(out, batch["clicks"])) * batch["there"][:, None]
    tiles = [on_white(batch["rgb"], batch["alpha"][:, None])]
    for k in range(2):
        true = batch["link"] == batch["clicked"][:, k, None, None]
        tiles += [guess[:, k : k + 1], true[:, None]]
    return tiles


def completion_tiles(net: nn.Module, batch: Batch) -> list[Tensor]:
    """Show the input view and the one behind: what is known, what the network makes of it, the truth."""
    out = net(batch["known"])
    tiles = []
    for k in (0, 2):
        known = batch["known"][:, k]
        alpha = (out.alpha[:, k : k + 1] > 0).float()
        tiles += [
            on_white(known[:, :3], known[:, 3:4]),
            on_white(out.rgb[:, k] * alpha, alpha),
            on_white(batch["rgb"][:, k], batch["there"][:, k : k + 1].float()),
        ]
    return tiles


def on_white(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Put premultiplied colours on white."""
    return rgb + 1 - alpha
