"""Pictures of what a PartRM in training predicts, beside the truth."""

from __future__ import annotations

import numpy as np
import torch

from model.network.partrm import PartRM
from model.partdrag4d.gaussians_database import on_white, read_target
from model.partdrag4d.network_view import network_cameras
from model.training.losses import Rasterize, draw
from model.training.pairs import Pairs

ROWS = 4
SHOWN = (0, 5)  # the input view, and one that the network is not given
SIZE = 256  # px


def sheet(net: PartRM, pairs: Pairs, rasterize: Rasterize, device: torch.device) -> np.ndarray:
    """Draw a contact sheet, (H, W, 3) uint8: a pair a row, evenly chosen.

    Columns: the input, then for the input view and another one the prediction and the truth; in stage 1 also the
    database's Gaussians, which the prediction is to become.
    """
    chosen = [pairs.pairs[k] for k in np.linspace(0, len(pairs) - 1, min(ROWS, len(pairs))).astype(int)]
    rows = []
    for source, target in chosen:
        sample = pairs.sample(source, target)
        given = (sample[name][None].to(device) for name in ("views", "starts", "ends"))
        with torch.no_grad():
            guess = net(*given)[0].float()
        data = pairs.data
        tiles = [with_drags(on_white(data.picture(source, 0, SIZE)), sample["starts"], sample["ends"])]
        for view, camera in zip(SHOWN, network_cameras(data, target, SHOWN, SIZE), strict=True):
            shown = [guess]
            if pairs.what == "motion":
                shown.append(torch.from_numpy(read_target(data, target, pairs.gaussians)).to(device))
            with torch.no_grad():
                tiles += [draw(g, camera, rasterize)[0].permute(1, 2, 0).cpu().numpy() for g in shown]
            tiles.append(on_white(data.picture(target, view, SIZE)))
        rows.append(np.concatenate(tiles, axis=1))
    return (np.concatenate(rows).clip(0, 1) * 255).round().astype(np.uint8)


def with_drags(picture: np.ndarray, starts: torch.Tensor, ends: torch.Tensor) -> np.ndarray:
    """Draw the drags, pixels of the 512 frame, into a picture (S, S, 3), 0..1."""
    import cv2

    picture = np.ascontiguousarray(picture)
    scale = len(picture) / 512
    for a, b in zip((starts * scale).tolist(), (ends * scale).tolist(), strict=True):
        cv2.line(picture, [round(v) for v in a], [round(v) for v in b], (0.9, 0.1, 0.1), 1, cv2.LINE_AA)
        cv2.circle(picture, [round(v) for v in b], 2, (0.1, 0.1, 0.9), -1, cv2.LINE_AA)
    return picture
