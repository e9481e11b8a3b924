"""Evaluate on single pictures: every frame as `predict --input-views` draws it, beside what 2D editors make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from model.drag import Drag
from model.errors import FormatError
from model.evaluation import report
from model.evaluation.cases import Case, folders, read_case, shrunk
from model.evaluation.editors import DragEditor, editor
from model.evaluation.html import Page
from model.evaluation.protocol import Scores, score
from model.evaluation.summary import Record
from model.progress import Progress, silent
from model.stages.pipeline import Pipeline
from partrm_viewer.engine import pipeline
from partrm_viewer.evaluation import files
from partrm_viewer.evaluation.fill import Ready, filled, left
from partrm_viewer.evaluation.methods import Plan, Row, Tools, fingerprint, main_row
from partrm_viewer.evaluation.pool import done, workers_for
from partrm_viewer.export import SHORTEST_DRAG_PX, views_after
from renderer.base import Renderer
from renderer.cpu import CpuRenderer

Answer = Callable[[Case], np.ndarray]  # -> (F, PIXELS, PIXELS, 3) uint8
HOW = (
    "Every frame is predicted from the one input picture by that frame's drags, and compared at 256².",
    "No motion is the input itself. Editors are told the part where a case has part.png; the predictors find it.",
)


@dataclass(frozen=True)
class Task:
    """One case's work, as it is sent to another process."""

    folder: Path
    out: Path
    plan: Plan
    rows: tuple[Row, ...]


def run(
    root: Path,
    out: Path,
    rows: Sequence[Row],
    plan: Plan,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[str, list[Path]]:
    """Evaluate on every case of a folder; returns the terminal's text and the files written to OUT.

    A case that cannot be read is left out and told. After Ctrl-C the tables of what is done are written, and
    KeyboardInterrupt goes on. Raises PartRMError where no case can be read or weights are absent.
    """
    tasks = [Task(folder, out, plan, tuple(rows)) for folder in folders(root)]
    for row in rows:
        _answer(row, plan)  # what is absent is said at once
    records: list[Record] = []
    stopped = False
    try:
        records += done(evaluate, tasks, workers or workers_for(rows, plan, len(tasks)), "cases", progress)
    except KeyboardInterrupt:
        stopped = True
        found = (left(out, task.folder.name, _prints(task)) for task in tasks)
        records = [record for record in found if record is not None]
    left_out = files.failures(records)
    records = sorted((r for r in records if r.scores), key=lambda r: r.name)
    if stopped:
        left_out.append(f"stopped after {len(records)} of {len(tasks)} cases: the same command goes on")
    elif not records:
        raise FormatError(f"No case of {root} can be read", left_out[0])
    names = tuple(row.name for row in rows)
    frames = sum(len(next(iter(r.scores.values())).psnr) for r in records)
    title = f"{root.name or root.resolve().name}: {len(records)} cases, {frames} frames"
    lpips = "LPIPS: weights absent" if plan.lpips is None else f"LPIPS: {plan.lpips.name}"
    views = ("middle frame", "last frame")
    page = Page(
        title, (*HOW, lpips), names, main_row(rows), left_out, views, "cases", published=False, unseen=["no motion"]
    )
    text, written = files.write_tables(out, page, records)
    text += "\n".join(["", "the last frames alone", "", *report.view_lines(records, names, -1, "cases")]) + "\n"
    files.write_text(out / "table.txt", text)
    progress(1.0, "done")
    if stopped:
        print(text)
        raise KeyboardInterrupt
    return text, written


@cache
def _answer(row: Row, plan: Plan) -> Answer:
    """Return what fills a row. Raises WeightsError, EditorError."""
    if row.kind == "still":
        return lambda case: np.stack([case.small] * len(case.frames))
    if row.kind == "editor":
        return _edited(editor(row.value, plan.timeout_s))
    assert row.kind == "predicted"
    renderer = CpuRenderer()
    return _predicted(pipeline(row.value, plan.device, renderer, sam="auto"), renderer)


@cache
def _tools(plan: Plan) -> Tools:
    return Tools(plan)


def _edited(made: DragEditor) -> Answer:
    def answer(case: Case) -> np.ndarray:
        return np.stack([shrunk(made(case.image, drags, case.part)) for drags in case.drags])

    return answer


def _predicted(predictor: Pipeline, renderer: Renderer) -> Answer:
    """Return what predicts the frames of a case; the part is the one that the longest drag starts on."""

    def answer(case: Case) -> np.ndarray:
        torch.manual_seed(0)
        opaque = np.full((*case.image.shape[:2], 1), 255, np.uint8)
        rest = predictor.open(np.concatenate([case.image, opaque], axis=2), mask=case.mask)
        moving = [drags for drags in case.drags if longest(drags) >= SHORTEST_DRAG_PX]
        part = predictor.part(rest, max(moving, key=longest)[0].start_px) if moving else None
        pictures = views_after(predictor, rest, moving, part, renderer)
        made = (next(pictures) if longest(drags) >= SHORTEST_DRAG_PX else case.image for drags in case.drags)
        return np.stack([shrunk(picture) for picture in made])

    return answer


def longest(drags: Sequence[Drag]) -> float:
    """Return the length of the longest drag, px."""
    return max(drag.length_px for drag in drags)


def evaluate(task: Task) -> tuple[Record, bool]:
    """Fill the rows of one case that an earlier run has not left, and write them; see `filled`."""
    name = task.folder.name

    def read() -> Ready:
        case = read_case(task.folder)
        h, w = case.image.shape[:2]
        (x0, y0), (x1, y1) = case.drags[-1][0].start_px, case.drags[-1][0].end_px
        record = Record(name, case.group, case.category, (x0 / w, y0 / h, x1 / w, y1 / h), "")
        before = np.stack([case.small] * len(case.frames))
        middle = (len(case.frames) - 1) // 2

        def answer(row: Row) -> tuple[Scores, list[np.ndarray]]:
            start = time.perf_counter()
            made = _answer(row, task.plan)(case)
            seconds = (time.perf_counter() - start) / len(made)
            scores = score(made, before, case.frames, _tools(task.plan).lpips, seconds)
            return scores, [made[middle], made[-1]]

        return Ready(record, [case.small, case.frames[middle], case.small, case.frames[-1]], answer)

    return filled(task.out, Record(name, name, "case"), task.rows, _prints(task), read)


def _prints(task: Task) -> dict[str, str]:
    """Return what each row's figures depend on, by its name."""
    return {row.name: fingerprint(row, task.plan, [task.folder]) for row in task.rows}
