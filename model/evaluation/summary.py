"""Summary: from the scores of single pairs to means with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from model.evaluation.protocol import Scores

RESAMPLED = 2000  # times, for an interval
METRICS = ("psnr", "ssim", "lpips_published", "lpips", "moving")
ALL = "all"


@dataclass(frozen=True)
class Record:
    """What is known of one pair, or of one case: every method's scores, and why one has none."""

    name: str
    group: str  # the object; pairs of one object are not independent
    category: str
    drag: tuple[float, float, float, float] = (0, 0, 0, 0)  # parts of the input picture's sides, 0..1
    part_by: str = ""  # who said which pixels the part has
    scores: dict[str, Scores] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mean:
    """A mean over views of pairs, and the 95 % interval of a bootstrap over objects; nan where nothing is known."""

    value: float
    low: float
    high: float
    pairs: int

    @property
    def half(self) -> float:
        """Return half the interval's width."""
        return (self.high - self.low) / 2


def mean(records: Sequence[Record], row: str, metric: str, view: int | None = None) -> Mean:
    """Average a row's metric over all views of all pairs, as published: views without a finite value are left out.

    view: that one alone (-1: the last). The interval: objects are drawn with replacement RESAMPLED times (percentiles);
    nan where there is one object only.
    """
    sums: dict[str, list[float]] = {}
    pairs = 0
    for record in records:
        if row not in record.scores:
            continue
        values = np.array(getattr(record.scores[row], metric), np.float64)
        if view is not None and len(values):
            values = values[[view]]
        values = values[np.isfinite(values)]
        pairs += len(values) > 0
        total = sums.setdefault(record.group, [0.0, 0.0])
        total[0] += values.sum()
        total[1] += len(values)
    known = np.array([s for s in sums.values() if s[1]]).reshape(-1, 2)
    if len(known) == 0:
        return Mean(float("nan"), float("nan"), float("nan"), 0)
    value = known[:, 0].sum() / known[:, 1].sum()
    if len(known) == 1:
        return Mean(float(value), float("nan"), float("nan"), pairs)
    drawn = known[np.random.default_rng(0).integers(len(known), size=(RESAMPLED, len(known)))].sum(1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return Mean(float(value), float(low), float(high), pairs)


def seconds(records: Sequence[Record], row: str) -> float:
    """Return the mean time a row took for a pair; nan where it has none."""
    known = [r.scores[row].seconds for r in records if row in r.scores]
    return float(np.mean(known)) if known else float("nan")


def categories(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Sort records by category, all of them first."""
    names = sorted({r.category for r in records})
    return {ALL: list(records), **{name: [r for r in records if r.category == name] for name in names}}


def worst_first(records: Sequence[Record], row: str) -> list[Record]:
    """Sort records by the mean PSNR of one row; those that it failed on come first."""

    def rank(record: Record) -> float:
        return mean([record], row, "psnr").value if row in record.scores else -np.inf

    return sorted(records, key=rank)


def to_json(record: Record) -> dict[str, Any]:
    """Return a record in plain values; what is not finite as text."""
    told = asdict(record)
    for scores in told["scores"].values():
        for name, values in scores.items():
            if name != "seconds":
                scores[name] = [v if np.isfinite(v) else str(v) for v in values]
    return told


def from_json(told: dict[str, Any]) -> Record:
    """Read what to_json gave. Raises KeyError, TypeError or ValueError for anything else."""
    scores = {}
    for row, values in told["scores"].items():
        known = {f.name: values[f.name] for f in fields(Scores)}
        lists = {k: tuple(float(v) for v in known[k]) for k in known if k != "seconds"}
        scores[row] = Scores(**lists, seconds=float(known["seconds"]))
    x0, y0, x1, y1 = (float(v) for v in told["drag"])
    texts = [str(told[k]) for k in ("name", "group", "category")]
    failed = {str(k): str(v) for k, v in told["failed"].items()}
    return Record(texts[0], texts[1], texts[2], (x0, y0, x1, y1), str(told["part_by"]), scores, failed)
