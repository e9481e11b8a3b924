"""Tables and pages of pictures from the protocol's results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields

import cv2
import numpy as np

from model.evaluation.procedural_protocol import ROWS, Result, Row, mean_of_known

ORDER = [f"{s} {what}" for s in "AB" for what in ROWS]


def mean_row(results: Sequence[Result], name: str) -> Row:
    """Average one row's scores over the results; a score that a trial does not have is left out."""
    return Row(*(mean_of_known([getattr(r.rows[name], f.name) for r in results]) for f in fields(Row)))


def score_table(results: Sequence[Result]) -> str:
    """Write the main table, Markdown."""
    lines = [
        "| setting | input view PSNR | changed pixels | novel views PSNR | SSIM | changed pixels |",
        "|---|---|---|---|---|---|",
    ]
    for name in ORDER:
        r = mean_row(results, name)
        cells = (r.psnr_input, r.changed_input, r.psnr, r.ssim, r.changed)
        lines.append(
            f"| {name} | " + " | ".join(f"{c:.3f}" if k == 3 else f"{c:.2f}" for k, c in enumerate(cells)) + " |"
        )
    return "\n".join(lines)


def part_table(results: Sequence[Result]) -> str:
    """Write what is known of part and motion, by category, Markdown."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for r in results:
        groups[r.category].append(r)
    lines = [
        "| category | objects | part IoU A / B | joint kind right A / B | axis error A / B, median "
        "| motion error A / B, median | B: dB over no motion, input / novel |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, some in [("all", list(results)), *sorted(groups.items())]:
        cells = [
            [f"{np.mean([r.part_iou[s] for r in some]):.2f}" for s in "AB"],
            [f"{100 * np.mean([r.kind_right[s] for r in some]):.0f} %" for s in "AB"],
            [f"{np.median([r.axis_error_deg[s] for r in some]):.1f}°" for s in "AB"],
            [f"{100 * np.median([r.flow_error[s] for r in some]):.0f} %" for s in "AB"],
        ]
        won = mean_row(some, "B predicted"), mean_row(some, "B no motion")
        gain = f"{won[0].psnr_input - won[1].psnr_input:+.1f} / {won[0].psnr - won[1].psnr:+.1f}"
        lines.append(f"| {name} | {len(some)} | " + " | ".join(" / ".join(pair) for pair in cells) + f" | {gain} |")
    return "\n".join(lines)


def gain(result: Result) -> float:
    """Return how far setting B beats no motion in the input view, dB: what the worst cases are sorted by."""
    return result.rows["B predicted"].psnr_input - result.rows["B no motion"].psnr_input


def page(results: Sequence[Result], size: int = 160) -> np.ndarray:
    """Lay out results as a picture, a row each, worst first; (rows * size, 8 * size, 3) uint8.

    Columns: the image with the drag, the truth, A and B predicted in the input view; then a novel view: truth, A, B,
    oracle.
    """
    rows = []
    for r in sorted(results, key=gain):
        first = cv2.arrowedLine(r.image.copy(), *_ends(r), (213, 94, 0), 2, cv2.LINE_AA, tipLength=0.2)
        cells = [first, *(r.pictures[n][0] for n in ("truth", "A predicted", "B predicted"))]
        cells += [r.pictures[n][1] for n in ("truth", "A predicted", "B predicted", "A oracle")]
        small = [cv2.resize(c, (size, size), interpolation=cv2.INTER_AREA) for c in cells]
        rows.append(np.concatenate(small, axis=1))
    return np.concatenate(rows)


def _ends(r: Result) -> tuple[tuple[int, int], tuple[int, int]]:
    (x0, y0), (x1, y1) = r.drag.start_px, r.drag.end_px
    return (round(x0), round(y0)), (round(x1), round(y1))
