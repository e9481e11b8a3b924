"""Evaluate, the files: what a run leaves behind, from one pair's scores to tables and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from model.evaluation import html, report
from model.evaluation.html import Page, Pictures
from model.evaluation.summary import Record, from_json, to_json, worst_first
from model.formats.disk import write_atomically
from partrm_viewer.export import make_room, write_json

ON_PAGE = 24  # cases whose pictures are put on the page
QUALITY = 92


def folder_of(out: Path, name: str) -> Path:
    """Return where one pair's scores and pictures lie."""
    return out / "pairs" / name


def write_pictures(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """Write pictures (S, S, 3) uint8 side by side."""
    ok, data = cv2.imencode(".jpg", np.concatenate(pictures, axis=1)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert ok
    write_atomically(make_room(path), lambda file: file.write(data.tobytes()))


def read_pictures(path: Path, count: int) -> tuple[np.ndarray, ...] | None:
    """Read pictures that write_pictures wrote; None where they are not there."""
    strip = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if strip is None or strip.shape[1] % count:
        return None
    return tuple(np.ascontiguousarray(p[..., ::-1]) for p in np.split(strip, count, axis=1))


def picture_path(out: Path, name: str, row: str) -> Path:
    """Return where the pictures of a row lie."""
    slug = re.sub(r"[^a-z0-9]+", "-", row.lower()).strip("-")
    return folder_of(out, name) / f"{slug}.jpg"


def write_record(out: Path, record: Record, prints: dict[str, str]) -> None:
    """Write one pair's scores, with what each row's depend on."""
    write_json(folder_of(out, record.name) / "record.json", {**to_json(record), "prints": prints})


def read_record(out: Path, name: str) -> tuple[Record, dict[str, str]] | None:
    """Read what an earlier run left of a pair; None where that is nothing, or not whole."""
    path = folder_of(out, name) / "record.json"
    try:
        told = json.loads(path.read_text("utf-8"))
        return from_json(told), {str(k): str(v) for k, v in told["prints"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def load_pictures(out: Path, record: Record, rows: Sequence[str]) -> Pictures:
    """Read the pictures of one pair; grey where they are lost."""
    grey = np.full((256, 256, 3), 128, np.uint8)
    before0, after0, before1, after1 = read_pictures(picture_path(out, record.name, "truth"), 4) or (grey,) * 4
    made = {}
    for row in rows:
        two = read_pictures(picture_path(out, record.name, row), 2)
        if two is not None:
            made[row] = (two[0], two[1])
    return Pictures((before0, before1), (after0, after1), made)


def write_tables(out: Path, told: Page, records: Sequence[Record]) -> tuple[str, list[Path]]:
    """Write every table and the page; returns the terminal's text and the paths."""
    heading = "\n".join((told.title, *told.intro))
    text = report.text(records, told.rows, heading, told.unit, told.published)
    if told.left_out:
        text += f"\nleft out ({len(told.left_out)})\n" + "".join(f"  {line}\n" for line in told.left_out)
    results = {
        "title": told.title,
        "how": list(told.intro),
        "summary": report.summary_json(records, told.rows),
        told.unit: [to_json(r) for r in records],
        "left_out": list(told.left_out),
    }
    worst = worst_first(records, told.main)[:ON_PAGE]
    files = {
        "table.txt": text,
        "table.csv": report.summary_csv(records, told.rows, told.published),
        "each.csv": report.each_csv(records, told.rows),
        "results.json": json.dumps(results, indent=1) + "\n",
        "index.html": html.page(told, records, worst, lambda r: load_pictures(out, r, told.rows)),
    }
    for name, content in files.items():
        write_text(out / name, content)
    return text, [out / name for name in files]


def write_text(path: Path, content: str) -> None:
    """Write a text, whole or not at all."""
    write_atomically(make_room(path), lambda file: file.write(content.encode()))


def failures(records: Sequence[Record]) -> list[str]:
    """Tell which rows failed on which records, a line for each row and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for row, reason in record.failed.items():
            found.setdefault((row, reason), []).append(record.name)
    return [f"{row}: {', '.join(names[:3])}{_more(names)}: {reason}" for (row, reason), names in found.items()]


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 3} more" if len(names) > 3 else ""
