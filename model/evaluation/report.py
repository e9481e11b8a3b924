"""Report: the tables of an evaluation as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.evaluation.published import ROWS as PUBLISHED
from model.evaluation.published import TITLES, Published
from model.evaluation.summary import METRICS, Mean, Record, categories, mean, seconds

HEADS = ("pairs", "PSNR", "SSIM", "LPIPS 01", "LPIPS", "moving", "s")
DIGITS = {"psnr": 2, "moving": 2, "ssim": 4, "lpips": 4, "lpips_published": 4}
WIDTH = 100  # columns
BESIDE = 10  # rows of the table that stand beside one another by category
LONGEST = 26  # letters of a row's name


def note(unit: str) -> tuple[str, str]:
    """Return what the columns mean."""
    return (
        "±: half the 95 % interval of a bootstrap over objects. LPIPS 01: VGG fed 0..1, as published;",
        "LPIPS: fed -1..1, as it was made for. moving: PSNR over the pixels that differ between the two true "
        f"states. s: seconds a {'pair' if unit == 'pairs' else 'frame'}, on one core where there are several.",
    )


def text(
    records: Sequence[Record], rows: Sequence[str], title: str, unit: str = "pairs", published: bool = True
) -> str:
    """Write the tables for a terminal of 100 columns: every row, by category, and the published figures."""
    body = [line(f"{k:2d} {row}", row_cells(records, row)) for k, row in enumerate(rows, 1)]
    wrapped = [part for sentence in title.splitlines() for part in textwrap.wrap(sentence, WIDTH)]
    lines = [*wrapped, "", line("", (unit, *HEADS[1:])), *body, ""]
    for table, name in TITLES.items() if published else ():
        lines.append(f"published, {name}")
        lines += [line(f"   {p.name}", published_cells(p)) for p in PUBLISHED if p.table == table]
    lines += ["", *textwrap.wrap(" ".join(note(unit)), WIDTH)]
    groups = categories(records)
    for start in range(0, len(rows) if len(groups) > 2 else 0, BESIDE):
        some = list(enumerate(rows, 1))[start : start + BESIDE]
        lines += ["", "PSNR by category, rows numbered as above", ""]
        lines.append(f"{'':18s}{unit:>6s}" + "".join(f"{k:7d}" for k, _ in some))
        for name, own in groups.items():
            cells = "".join(f"{number(mean(own, row, 'psnr').value, 2):>7s}" for _, row in some)
            lines.append(f"{name[:18]:18s}{len(own):6d}{cells}")
    return "\n".join(lines) + "\n"


def row_cells(records: Sequence[Record], row: str, view: int | None = None) -> tuple[str, ...]:
    """Return one row's cells, as HEADS names them."""
    means = {metric: mean(records, row, metric, view) for metric in METRICS}
    return (
        str(means["psnr"].pairs or means["ssim"].pairs),
        with_half(means["psnr"], "psnr"),
        with_half(means["ssim"], "ssim"),
        number(means["lpips_published"].value, 4),
        number(means["lpips"].value, 4),
        with_half(means["moving"], "moving"),
        number(seconds(records, row), 1),
    )


def view_lines(records: Sequence[Record], rows: Sequence[str], view: int, unit: str = "pairs") -> list[str]:
    """Write the table of one view or frame alone."""
    return [
        line("", (unit, *HEADS[1:])),
        *(line(f"{k:2d} {r}", row_cells(records, r, view)) for k, r in enumerate(rows, 1)),
    ]


def published_cells(row: Published) -> tuple[str, ...]:
    """Return a published row's cells, as HEADS names them."""
    time = "-" if row.seconds is None else f"{row.seconds:.1f}"
    return "", f"{row.psnr:.2f}", f"{row.ssim:.4f}", f"{row.lpips:.4f}", "-", "-", time


def number(value: float, digits: int) -> str:
    """Write a number, or a dash where there is none."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def with_half(value: Mean, metric: str) -> str:
    """Write a mean with half its interval."""
    digits = DIGITS[metric]
    if not np.isfinite(value.value):
        return "-"
    half = "" if not np.isfinite(value.half) else f" ±{value.half:.{digits}f}"
    return f"{value.value:.{digits}f}{half.replace('±0.', '±.') if digits == 4 else half}"


def line(name: str, cells: Sequence[str]) -> str:
    """Write a row of a table, 100 columns wide."""
    widths = (6, 13, 15, 9, 8, 13, 7)
    head = name if len(name) <= LONGEST + 3 else name[: LONGEST + 2] + "…"
    return f"{head:{LONGEST + 3}s}"[: LONGEST + 3] + "".join(f"{c:>{w}s}" for c, w in zip(cells, widths, strict=True))


def summary_csv(records: Sequence[Record], rows: Sequence[str], published: bool = True) -> str:
    """Write a line for every row and category, with the ends of the intervals; then the published figures."""
    stream = io.StringIO()
    out = csv.writer(stream, lineterminator="\n")
    ends = [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    out.writerow(["method", "category", "pairs", "objects", *ends, "seconds", "source"])
    for category, own in categories(records).items():
        for row in rows:
            means = [mean(own, row, metric) for metric in METRICS]
            objects = len({r.group for r in own if row in r.scores})
            cells = [_plain(v) for m in means for v in (m.value, m.low, m.high)]
            count = sum(row in r.scores for r in own)
            out.writerow([row, category, count, objects, *cells, _plain(seconds(own, row)), "measured"])
    for p in PUBLISHED if published else ():
        figures = {"psnr": p.psnr, "ssim": p.ssim, "lpips_published": p.lpips}
        cells = [str(figures.get(end, "")) for end in ends]
        out.writerow([p.name, "PartDrag-4D", "", "", *cells, p.seconds or "", f"published, table {p.table}"])
    return stream.getvalue()


def each_csv(records: Sequence[Record], rows: Sequence[str]) -> str:
    """Write a line for every pair and row: means over its views."""
    stream = io.StringIO()
    out = csv.writer(stream, lineterminator="\n")
    out.writerow(["pair", "object", "category", "method", *METRICS, "seconds", "failed"])
    for r in records:
        for row in rows:
            cells = [_plain(mean([r], row, metric).value) for metric in METRICS]
            out.writerow([r.name, r.group, r.category, row, *cells, _plain(seconds([r], row)), r.failed.get(row, "")])
    return stream.getvalue()


def summary_json(records: Sequence[Record], rows: Sequence[str]) -> list[dict[str, Any]]:
    """Return the means by row and category in plain values, null where nothing is known."""
    told: list[dict[str, Any]] = []
    for category, own in categories(records).items():
        for row in rows:
            means = {metric: mean(own, row, metric) for metric in METRICS}
            values = {
                k: [None if not np.isfinite(v) else v for v in (m.value, m.low, m.high)] for k, m in means.items()
            }
            told.append({"method": row, "category": category, "pairs": means["ssim"].pairs, **values})
    return told


def _plain(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""
