"""Published: the figures of PartRM's paper (CVPR 2025), tables 1 to 4, for PartDrag-4D's validation states.

They were measured on other pictures than a data set of one's own holds: beside it they are a reference, no competition.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row of the paper; LPIPS as published, VGG fed 0..1."""

    table: int
    name: str
    psnr: float
    ssim: float
    lpips: float
    seconds: float | None = None  # with LGM's splats


TITLES = {
    1: "Table 1, PartDrag-4D",
    2: "Table 2, number of drags",
    3: "Table 3, training stages",
    4: "Table 4, scale of the drag embedding",
}
ROWS = (
    Published(1, "DiffEditor, NVS-First", 22.52, 0.8974, 0.1138, 33.6),
    Published(1, "DiffEditor, Drag-First", 22.34, 0.9174, 0.0918, 11.5),
    Published(1, "DragAPart, NVS-First", 24.27, 0.9343, 0.0690, 21.4),
    Published(1, "DragAPart, Drag-First", 24.91, 0.9454, 0.0567, 8.5),
    Published(1, "Puppet-Master, NVS-First", 24.20, 0.9447, 0.0579, 64.9),
    Published(1, "Puppet-Master, Drag-First", 24.42, 0.9475, 0.0528, 245.8),
    Published(1, "PartRM", 28.15, 0.9531, 0.0356, 4.2),
    Published(2, "PartRM, 1 drag", 27.06, 0.9466, 0.0452),
    Published(2, "PartRM, 5 drags", 27.56, 0.9483, 0.0448),
    Published(2, "PartRM, 10 drags", 28.15, 0.9531, 0.0356),
    Published(3, "PartRM, stage 1 only", 22.05, 0.8624, 0.1274),
    Published(3, "PartRM, stage 2 only", 25.87, 0.9387, 0.0537),
    Published(3, "PartRM, both stages", 28.15, 0.9531, 0.0356),
    Published(4, "PartRM, 128² alone", 25.48, 0.957, 0.048),
    Published(4, "PartRM, 32² alone", 27.99, 0.952, 0.039),
    Published(4, "PartRM, 8² alone", 26.87, 0.953, 0.045),
    Published(4, "PartRM, all scales", 28.15, 0.953, 0.036),
)
