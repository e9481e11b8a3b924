"""Evaluate on single pictures: every frame as `predict --input-views` draws it, beside what 2D editors make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from model.drag import Drag
from model.errors import FormatError, PartRMError
from model.evaluation import report
from model.evaluation.cases import Case, folders, read_case, shrunk
from model.evaluation.editors import DragEditor, editor
from model.evaluation.html import Page
from model.evaluation.protocol import score
from model.evaluation.summary import Record
from model.progress import Progress, silent
from model.stages.pipeline import Pipeline
from partrm_viewer import evaluate_files as files
from partrm_viewer.engine import pipeline
from partrm_viewer.evaluate_methods import Plan, Tools
from partrm_viewer.export import SHORTEST_DRAG_PX, views_after
from renderer.base import Renderer
from renderer.cpu import CpuRenderer

Answer = Callable[[Case], np.ndarray]  # -> (F, PIXELS, PIXELS, 3) uint8
HOW = (
    "Every frame is predicted from the one input picture by that frame's drags, and compared at 256².",
    "No motion is the input itself. moving: over the pixels that differ between the input and the true frame.",
)


def run(
    root: Path,
    out: Path,
    methods: Sequence[str],
    named: Sequence[str],
    editors: Sequence[str],
    plan: Plan,
    progress: Progress = silent,
) -> tuple[str, list[Path]]:
    """Evaluate on every case of a folder; returns the terminal's text and the files written to OUT.

    A case that cannot be read is left out and told. After Ctrl-C the tables of what is done are written, and
    KeyboardInterrupt goes on. Raises PartRMError where no case can be read or weights are absent.
    """
    found = folders(root)
    answers = answers_of(methods, named, editors, plan)
    tools = Tools(plan)
    records: list[Record] = []
    left_out: list[str] = []
    started = time.monotonic()
    stopped = False
    try:
        for k, folder in enumerate(found):
            left = (time.monotonic() - started) / max(1, k) * (len(found) - k)
            told = f", {left:.0f} s left" if k else ""
            progress(k / len(found), f"{k} of {len(found)} cases{told}")
            try:
                case = read_case(folder)
            except PartRMError as error:
                left_out.append(f"{folder.name}: {' '.join(str(error).split())}")
                continue
            records.append(measured(case, answers, tools, out))
    except KeyboardInterrupt:
        stopped = True
        left_out.append(f"stopped after {len(records)} of {len(found)} cases")
    if not records and not stopped:
        raise FormatError(f"No case of {root} can be read", left_out[0])
    left_out += files.failures(records)
    rows = tuple(answers)
    main = next((r for r in rows if r.startswith(("PartRM", "embedded"))), rows[-1])
    frames = sum(len(next(iter(r.scores.values())).psnr) for r in records)
    title = f"{root.name or root.resolve().name}: {len(records)} cases, {frames} frames"
    lpips = "LPIPS: weights absent" if plan.lpips is None else f"LPIPS: {plan.lpips.name}"
    page = Page(title, (*HOW, lpips), rows, main, left_out, ("middle frame", "last frame"), "cases")
    text, written = files.write_tables(out, page, records)
    last = "\n".join(["last frame alone", "", *last_lines(records, rows)]) + "\n"
    files.write_text(out / "table.txt", text + "\n" + last)
    progress(1.0, "done")
    if stopped:
        print(text + "\n" + last)
        raise KeyboardInterrupt
    return text + "\n" + last, written


def last_lines(records: Sequence[Record], rows: Sequence[str]) -> list[str]:
    """Write the table of the last frames."""
    heads = report.line("", ("cases", *report.HEADS[1:]))
    return [heads, *(report.line(f"{k:2d} {r}", report.row_cells(records, r, -1)) for k, r in enumerate(rows, 1))]


def answers_of(methods: Sequence[str], named: Sequence[str], editors: Sequence[str], plan: Plan) -> dict[str, Answer]:
    """Return what fills each row. Raises WeightsError, EditorError."""
    renderer = CpuRenderer()
    answers: dict[str, Answer] = {"no motion": lambda case: np.stack([case.small] * len(case.frames))}
    for text in editors:
        made = editor(text, plan.timeout_s)
        answers[made.name] = _edited(made)
    if "embedded" in methods:
        answers["embedded"] = _predicted(pipeline(device=plan.device, renderer=renderer, sam="auto"), renderer)
    if "partrm" in methods:
        for text in named:
            label, _, path = text.rpartition("=")
            partrm = pipeline(path, plan.device, renderer, sam="auto")
            answers[f"PartRM {label or Path(path).stem}"] = _predicted(partrm, renderer)
    return answers


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


def measured(case: Case, answers: dict[str, Answer], tools: Tools, out: Path) -> Record:
    """Fill every row of a case; what fails is written into the record."""
    scores, failed = {}, {}
    before = np.stack([case.small] * len(case.frames))
    middle = len(case.frames) // 2 if len(case.frames) > 1 else 0
    truth = [case.small, case.frames[middle], case.small, case.frames[-1]]
    files.write_pictures(files.picture_path(out, case.name, "truth"), truth)
    for row, answer in answers.items():
        start = time.perf_counter()
        try:
            made = answer(case)
        except PartRMError as error:
            failed[row] = " ".join(str(error).split())
            continue
        seconds = (time.perf_counter() - start) / len(made)
        scores[row] = score(made, before, case.frames, tools.lpips, seconds)
        files.write_pictures(files.picture_path(out, case.name, row), [made[middle], made[-1]])
    h, w = case.image.shape[:2]
    drag = case.drags[-1][0]
    ends = (drag.start_px[0] / w, drag.start_px[1] / h, drag.end_px[0] / w, drag.end_px[1] / h)
    record = Record(case.name, case.group, case.category, ends, "", scores, failed)
    files.write_record(out, record, {})
    return record
