"""Evaluate on a data set: PartRM's protocol, with pairs and drags that are the same on every computer.

Every pair is written when it is done: a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from model.errors import FormatError
from model.evaluation import report
from model.evaluation.html import Page
from model.evaluation.pairs import Pair, are_published, by_turns, fixed_pairs, read_pairs, write_pairs
from model.evaluation.protocol import SHOWN, Scores, answered, sample_of, score
from model.evaluation.summary import Record
from model.partdrag4d.dataset import SIZE, DataSet, Split, open_dataset
from model.progress import Progress, silent
from partrm_viewer.evaluation import files
from partrm_viewer.evaluation.fill import Ready, filled, left
from partrm_viewer.evaluation.methods import Plan, Row, Tools, fingerprint, main_row
from partrm_viewer.evaluation.pool import done, workers_for
from partrm_viewer.export import make_room

TWO = ("input view", "view from behind")
HOW = (
    "Eight views at 256²; a source's part is dragged to its place in the target by one drag.",
    "Pairs and drags come from seed {seed}; PartRM's drags are spread over the part outlined by: {part_by}.",
    "Embedded gets one drag and one image (told: outline, lens, distance) or true views with depth; PartRM the views "
    "0 to 3 of the source; oracle and no motion: splats of the true views.",
)
OURS = "These are the published pairs of PartDrag-4D's validation states; the paper drew its own from them at random."
OTHERS = "These are not PartDrag-4D's validation states: the paper's figures are a reference, no competition."


@dataclass(frozen=True)
class Task:
    """One pair's work, as it is sent to another process."""

    root: Path
    out: Path
    pair: Pair
    plan: Plan
    rows: tuple[Row, ...]

    def prints(self, data: DataSet) -> dict[str, str]:
        """Return what each row's figures depend on, by its name: the pair's files among it."""
        folders = [data.folder(id) for id in (self.pair.source, self.pair.target)]
        return {row.name: fingerprint(row, self.plan, folders) for row in self.rows}


def run(
    root: Path,
    out: Path,
    rows: Sequence[Row],
    plan: Plan,
    listed: Path | None = None,
    split: Split = "val",
    count: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[str, list[Path]]:
    """Evaluate rows on the pairs of a list, else on the fixed ones of a split of the data set.

    count: so many of them. Returns the terminal's text and the files written to OUT. After Ctrl-C the pairs under way
    are finished, the tables of what is done are written, and KeyboardInterrupt goes on. Raises PartRMError where there
    is nothing to evaluate or a row's weights are not there.
    """
    data = open_dataset(root)
    pairs, left_out = chosen(data, listed, split, plan.seed)
    pairs = by_turns(pairs, plan.seed)[:count]  # also where all are taken: a run that is stopped has seen many objects
    _check(rows, plan)
    write_pairs(make_room(out / "pairs.txt"), sorted(pairs), f"{len(pairs)} pairs, seed {plan.seed}: source target")
    tasks = [Task(root, out, pair, plan, tuple(rows)) for pair in pairs]
    records: dict[str, Record] = {}
    stopped = False
    try:
        for record in done(evaluate, tasks, workers or workers_for(rows, plan, len(tasks)), "pairs", progress):
            records[record.name] = record
    except KeyboardInterrupt:
        stopped = True
        for task in tasks:  # what was finished meanwhile
            if task.pair.name not in records and (found := left(out, task.pair.name, task.prints(data))) is not None:
                records[found.name] = found
    measured = sorted((r for r in records.values() if r.scores), key=lambda r: r.name)
    left_out += files.failures(list(records.values()))
    if stopped:
        left_out.append(f"stopped after {len(measured)} of {len(tasks)} pairs: the same command goes on")
    page = _page(root, pairs, rows, plan, measured, left_out)
    text, written = files.write_tables(out, page, measured)
    names = [row.name for row in rows]
    text += "\n".join(["", "the input view alone", "", *report.view_lines(measured, names, 0)]) + "\n"
    files.write_text(out / "table.txt", text)
    progress(1.0, "done")
    if stopped:
        print(text)
        raise KeyboardInterrupt
    return text, written


def _page(
    root: Path,
    pairs: Sequence[Pair],
    rows: Sequence[Row],
    plan: Plan,
    measured: Sequence[Record],
    left_out: Sequence[str],
) -> Page:
    """Say what was done, in the words that stand above the tables."""
    title = f"{root.name or root.resolve().name}: {len(measured)} pairs of {len({r.group for r in measured})} objects"
    outlined = ", ".join(sorted({r.part_by for r in measured})) or "nobody"
    how = [line.format(seed=plan.seed, part_by=outlined) for line in HOW]
    how.append(OURS if are_published(pairs) else OTHERS)
    how.append("LPIPS: weights absent" if plan.lpips is None else f"LPIPS: {plan.lpips.name}")
    unseen = [row.name for row in rows if row.kind == "pictures"]
    return Page(title, how, tuple(row.name for row in rows), main_row(rows), left_out, TWO, unseen=unseen)


def chosen(data: DataSet, listed: Path | None, split: Split, seed: int) -> tuple[tuple[Pair, ...], list[str]]:
    """Return the pairs to evaluate, and what a list names that is not there. Raises FormatError where none is left."""
    left_out: list[str] = []
    if listed is None:
        pairs = fixed_pairs(data.ids(split), seed)
        if not pairs:
            hint = "No two states of one part lie on disk; --split all takes every state, --pairs a list of pairs."
            raise FormatError(f"{data.root} has nothing to evaluate on in its split “{split}”", hint)
        return pairs, left_out
    named, wrong = read_pairs(listed)
    left_out += wrong
    for pair in named:
        absent = [str(id) for id in (pair.source, pair.target) if id not in data.there]
        if absent:
            left_out.append(f"{pair.source} {pair.target}: {' and '.join(absent)} not in the data set")
    there = tuple(p for p in named if p.source in data.there and p.target in data.there)
    if not there:
        raise FormatError(f"{data.root} has none of the pairs of {listed}", "Is it the list of another data set?")
    return there, left_out


def _check(rows: Sequence[Row], plan: Plan) -> None:
    """Say at once what a row would fail for on every pair. Raises PartRMError."""
    tools = Tools(plan)
    for row in rows:
        if row.kind == "partrm":
            tools.method(row)
    if plan.lpips is not None:
        assert tools.lpips is not None


@cache
def _tools(plan: Plan) -> Tools:
    return Tools(plan)


@cache
def _data(root: Path) -> DataSet:
    return open_dataset(root)


def evaluate(task: Task) -> tuple[Record, bool]:
    """Fill the rows of one pair that an earlier run has not left, and write them; see `filled`."""
    data, tools, pair = _data(task.root), _tools(task.plan), task.pair

    def read() -> Ready:
        sample = sample_of(data, pair, task.plan.seed, tools.outline)
        (x0, y0), (x1, y1) = sample.pull.drag.start_px, sample.pull.drag.end_px
        ends = (x0 / SIZE, y0 / SIZE, x1 / SIZE, y1 / SIZE)
        record = Record(pair.name, pair.source.mesh, sample.category, ends, sample.pull.part_by)

        def answer(row: Row) -> tuple[Scores, list[np.ndarray]]:
            made, seconds = answered(tools.method(row), sample)
            scores = score(made, sample.before, sample.after, tools.lpips, seconds)
            return scores, [made[view] for view in SHOWN]

        return Ready(record, [picture[view] for view in SHOWN for picture in (sample.before, sample.after)], answer)

    return filled(task.out, Record(pair.name, pair.source.mesh, "?"), task.rows, task.prints(data), read)
