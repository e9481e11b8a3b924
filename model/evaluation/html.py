"""HTML: an evaluation on one page that needs nothing else: tables, then pictures side by side, worst cases first."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from model.evaluation.published import ROWS as PUBLISHED
from model.evaluation.published import TITLES
from model.evaluation.report import HEADS, note, number, published_cells, row_cells
from model.evaluation.summary import Record, categories, mean

QUALITY = 82  # of the pictures
ARROW = (213, 94, 0)
HEAD = 9  # px, of the arrow
AROUND = 0.12  # of the object's size is shown round it
AMPLIFIED = 3.0  # how much darker a difference is shown

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1540px; padding: 24px 32px 80px; background: #fff; color: #111;
  font: 19px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 34px; line-height: 1.2; margin: 0 0 8px; } h2 { font-size: 27px; margin: 44px 0 10px; }
h3 { font-size: 22px; margin: 0 0 4px; } p { max-width: 70em; margin: 6px 0 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
th, td { padding: 6px 14px; text-align: right; border-bottom: 1px solid #d5d5d5; white-space: nowrap; }
th { border-bottom: 2px solid #111; } th:first-child, td:first-child { text-align: left; }
tr.main td { background: #fff1d6; font-weight: 600; } tr.published td { color: #444; background: #f3f3f3; }
.case { border-top: 3px solid #111; padding: 16px 0 8px; margin-top: 28px; break-inside: avoid; }
.case table td, .case table th { border: 0; padding: 3px 6px; text-align: center; vertical-align: middle; }
.case table td:first-child { text-align: left; width: 230px; white-space: normal; font-size: 18px; }
.case img { width: 196px; display: block; border: 1px solid #bbb; }
.small { color: #444; font-size: 17px; } .failed { color: #a00000; }
li { margin: 2px 0; }
"""


@dataclass(frozen=True)
class Page:
    """What stands on the page besides the records."""

    title: str
    intro: Sequence[str]  # paragraphs
    rows: Sequence[str]  # methods in the tables' order
    main: str  # the one by which the cases are sorted
    left_out: Sequence[str]  # what was not measured, and why
    views: tuple[str, str]  # what the two pictures of each case show
    unit: str = "pairs"
    published: bool = True  # whether the paper's figures are a reference to these
    unseen: Sequence[str] = ()  # rows whose pictures are those before the drag: not shown again


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one case, (H, W, 3) uint8 each, two views: the input's and another one."""

    before: tuple[np.ndarray, np.ndarray]
    after: tuple[np.ndarray, np.ndarray]
    made: dict[str, tuple[np.ndarray, np.ndarray]]  # by row


def page(told: Page, records: Sequence[Record], shown: Sequence[Record], load: Callable[[Record], Pictures]) -> str:
    """Write the page; `shown` are the records whose pictures are put on it, worst first."""
    body = [f"<h1>{escape(told.title)}</h1>", *(f"<p>{escape(p)}</p>" for p in told.intro)]
    body += ["<h2>Scores</h2>", _scores(told, records), f'<p class="small">{escape(" ".join(note(told.unit)))}</p>']
    if len(categories(records)) > 2:
        body += ["<h2>PSNR by category</h2>", _by_category(told, records)]
    if told.left_out:
        items = "".join(f"<li>{escape(line)}</li>" for line in told.left_out)
        body += [f"<h2>Left out ({len(told.left_out)})</h2>", f"<ul>{items}</ul>"]
    body.append(f"<h2>The {len(shown)} worst of {len(records)} {escape(told.unit)}</h2>")
    body.append(
        f"<p>Worst first by the PSNR of <b>{escape(told.main)}</b>. The arrow is the drag. A difference is white where "
        f"a picture is right and dark red where it is wrong, {AMPLIFIED:g} times as strong as it is. All pictures of a "
        "view show the same part of it, round the object.</p>"
    )
    body += [_case(told, k, record, load(record)) for k, record in enumerate(shown, 1)]
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(told.title)}</title>'
    )
    parts = ("<!DOCTYPE html>", f'<html lang="en"><head>{head}<style>{STYLE}</style></head><body>', *body)
    return "\n".join((*parts, "</body></html>\n"))


def _scores(told: Page, records: Sequence[Record]) -> str:
    lines = [_tr(("method", told.unit, *HEADS[1:]), "th")]
    for row in told.rows:
        lines.append(_tr((row, *row_cells(records, row)), "td", "main" if row == told.main else ""))
    for table, title in TITLES.items() if told.published else ():
        lines.append(f'<tr class="published"><td colspan="8"><b>published, {escape(title)}</b></td></tr>')
        lines += [_tr((p.name, *published_cells(p)), "td", "published") for p in PUBLISHED if p.table == table]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _by_category(told: Page, records: Sequence[Record]) -> str:
    lines = [_tr(("category", told.unit, *told.rows), "th")]
    for name, own in categories(records).items():
        lines.append(_tr((name, str(len(own)), *(number(mean(own, row, "psnr").value, 2) for row in told.rows)), "td"))
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _tr(cells: Sequence[str], kind: str, mark: str = "") -> str:
    inner = "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in cells)
    return f'<tr class="{mark}">{inner}</tr>' if mark else f"<tr>{inner}</tr>"


def _case(told: Page, number_: int, record: Record, pictures: Pictures) -> str:
    first, second = told.views
    near = [closer(before, after) for before, after in zip(pictures.before, pictures.after, strict=True)]
    heads = "".join(f"<th>{escape(h)}</th>" for h in ("", first, "truth", "difference", second, "truth", "difference"))
    rows = [f"<tr>{heads}</tr>"]
    source = (with_arrow(pictures.before[0], record.drag)[near[0]], pictures.before[1][near[1]])
    truth = [picture[at] for picture, at in zip(pictures.after, near, strict=True)]
    moved = [difference(b, t) for b, t in zip((pictures.before[0][near[0]], source[1]), truth, strict=True)]
    cells = (source[0], truth[0], moved[0], source[1], truth[1], moved[1])
    rows.append(_pictures("<b>before</b>, with the drag", cells))
    for row in told.rows:
        if row in record.failed:
            rows.append(f'<tr><td class="failed" colspan="7">{escape(row)}: {escape(record.failed[row])}</td></tr>')
        if row not in pictures.made or row not in record.scores or row in told.unseen:
            continue
        a, b = (picture[at] for picture, at in zip(pictures.made[row], near, strict=True))
        score, moving = (number(mean([record], row, metric).value, 2) for metric in ("psnr", "moving"))
        label = f"<b>{escape(row)}</b><br>{score} dB, moving {moving} dB"
        cells = (a, truth[0], difference(a, truth[0]), b, truth[1], difference(b, truth[1]))
        rows.append(_pictures(label, cells))
    heading = f"{number_}. {escape(record.category)} {escape(record.name.replace('__', ' → '))}"
    spread = f'<p class="small">part outlined by: {escape(record.part_by)}</p>' if record.part_by else ""
    return f'<div class="case"><h3>{heading}</h3>{spread}<table>{"".join(rows)}</table></div>'


def _pictures(label: str, cells: Sequence[np.ndarray]) -> str:
    inner = "".join(f'<td><img alt="" src="{data_uri(cell)}"></td>' for cell in cells)
    return f"<tr><td>{label}</td>{inner}</tr>"


def closer(before: np.ndarray, after: np.ndarray) -> tuple[slice, slice]:
    """Choose the square of a picture (S, S, 3) uint8 on white that shows the object before and after, with a margin."""
    size = len(before)
    there = np.minimum(before, after).min(axis=2) < 250
    if not there.any():
        return slice(0, size), slice(0, size)
    ends = [np.flatnonzero(there.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    side = min(size, round((1 + 2 * AROUND) * max(high - low + 1 for low, high in ends)))
    corner = [int(np.clip((low + high + 1 - side) / 2, 0, size - side)) for low, high in ends]
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def data_uri(picture: np.ndarray) -> str:
    """Write a picture (H, W, 3) uint8 into an address."""
    ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert ok
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def difference(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Draw how far a picture is off, (H, W, 3) uint8: white is right, dark red is wrong."""
    off = np.abs(made.astype(np.float32) - truth).mean(2, keepdims=True) / 255
    d = np.clip(AMPLIFIED * off, 0, 1)
    return np.asarray((255 * np.concatenate([1 - 0.45 * d, 1 - d, 1 - d], axis=2)).round().astype(np.uint8))


def with_arrow(picture: np.ndarray, drag: tuple[float, float, float, float]) -> np.ndarray:
    """Draw a drag, parts of the sides, as an arrow on a picture (H, W, 3) uint8."""
    h, w = picture.shape[:2]
    x0, y0, x1, y1 = (round(v * side) for v, side in zip(drag, (w, h, w, h), strict=True))
    tip = min(0.5, HEAD / max(1.0, float(np.hypot(x1 - x0, y1 - y0))))
    return np.asarray(cv2.arrowedLine(picture.copy(), (x0, y0), (x1, y1), ARROW, 2, cv2.LINE_AA, tipLength=tip))
