"""Fill: the rows of one pair or case that an earlier run has not left are made, scored and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.errors import PartRMError
from model.evaluation.protocol import Scores
from model.evaluation.summary import Record
from partrm_viewer.evaluation import files
from partrm_viewer.evaluation.methods import Row


@dataclass(frozen=True, eq=False)
class Ready:
    """A pair or case that was read."""

    record: Record  # without scores
    truth: Sequence[np.ndarray]  # the pictures that are kept of it
    answer: Callable[[Row], tuple[Scores, Sequence[np.ndarray]]]  # a row's scores, and its pictures that are kept


def filled(
    out: Path, blank: Record, rows: Sequence[Row], prints: dict[str, str], read: Callable[[], Ready]
) -> tuple[Record, bool]:
    """Fill a record's rows; returns it, and whether all of it was there already.

    blank: what is known of it before it is read; prints: what each row's figures depend on, by its name. What fails is
    written into the record; rows of earlier runs that are not asked for stay in the file.
    """
    name = blank.name
    before, made_of = files.read_record(out, name) or (blank, {})
    scores = {n: before.scores[n] for n in prints if made_of.get(n) == prints[n] and n in before.scores}
    if len(scores) == len(prints):
        return replace(before, scores=scores, failed={}), True
    try:
        ready = read()
    except PartRMError as error:
        return replace(blank, failed={"not evaluated": _told(error)}), False
    files.write_pictures(files.picture_path(out, name, "truth"), ready.truth)
    failed: dict[str, str] = {}
    for row in rows:
        if row.name in scores:
            continue
        try:
            scores[row.name], pictures = ready.answer(row)
        except PartRMError as error:
            failed[row.name] = _told(error)
            continue
        files.write_pictures(files.picture_path(out, name, row.name), pictures)
    record = replace(ready.record, scores={n: scores[n] for n in prints if n in scores}, failed=failed)
    others = {n: s for n, s in before.scores.items() if n not in prints}
    whole = replace(record, scores={**others, **record.scores})
    files.write_record(out, whole, {n: prints.get(n, made_of.get(n, "")) for n in whole.scores})
    return record, False


def left(out: Path, name: str, prints: dict[str, str]) -> Record | None:
    """Return what a run that was stopped has left of a pair or case; None where that is not all its rows."""
    known = files.read_record(out, name)
    return known[0] if known is not None and set(prints.values()) <= set(known[1].values()) else None


def _told(error: PartRMError) -> str:
    return " ".join(f"{error.title}: {error.hint}".split())
