"""Build a data set: objects are looked at, then their parts are drawn, each on any core of any computer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import FormatError, PartRMError
from model.partdrag4d.build import PARTIAL, DiskFull, whole
from model.partdrag4d.dataset import open_dataset
from model.progress import Progress, silent
from partrm_viewer.dataset.index import agree, find_sources, read_lists, tell, write_json, write_lists
from partrm_viewer.dataset.pool import Lost, Pool
from partrm_viewer.dataset.work import STOP, LeftOut, Order, Shard, draw_shard, look_at


@dataclass(frozen=True)
class Report:
    """What a build has come to."""

    objects: int
    built: int
    kept: int
    left_out: tuple[LeftOut, ...]
    peak_mb: float
    seconds: float


def build(
    paths: Sequence[str],
    order: Order,
    pool: Pool,
    lists: Sequence[Path] = (),
    val_share: float = 0.1,
    progress: Progress = silent,
    sam: bool = False,
) -> Report:
    """Build a data set, with propagated drags where `sam` asks for them; what is whole already is kept.

    Objects' own faults are reported. Raises FormatError, DiskFull.
    Ends early on Ctrl-C: every worker finishes the state it is at.
    """
    start = time.monotonic()
    wanted = read_lists(lists)
    sources, left = find_sources(paths, order, wanted)
    agree(order)
    _make_folders(order.root)
    objects: dict[str, dict[str, Any]] = {}
    built = kept = 0
    peak = 0.0

    def stop() -> None:
        with suppress(OSError):  # a full disk: then each worker finds out by itself
            (order.root / PARTIAL / STOP).touch()

    def finish() -> None:
        shutil.rmtree(order.root / PARTIAL, ignore_errors=True)
        write_lists(order, wanted, val_share)
        left.sort(key=lambda one: (one.mesh, one.what))
        write_json(order.root / "report.json", {"left_out": [vars(one) for one in left]})

    try:
        shards: list[Shard] = []
        for source, looked in pool.run(look_at, sources, stop):
            if isinstance(looked, Lost):
                left.append(LeftOut(source.mesh, "all of it", looked.title))
                continue
            left += looked.left_out
            if looked.groups:
                objects[source.mesh] = looked.told
                category = str(looked.told["category"])
                shards += [Shard(source, category, ids) for ids in looked.groups.values()]
            progress(0.0, f"{len(objects)} of {len(sources)} objects looked at")
        shards.sort(key=lambda shard: shard.ids)
        total, done, drawing = sum(len(s.ids) for s in shards), 0, time.monotonic()
        tell(order, objects)
        for shard, drawn in pool.run(draw_shard, shards, stop):
            done += len(shard.ids)
            if isinstance(drawn, Lost):
                missing = [id for id in shard.ids if not whole(order.root, id, shard.category)]
                left += [LeftOut(shard.source.mesh, str(id), drawn.title) for id in missing]
            else:
                built, kept, peak = built + drawn.built, kept + drawn.kept, max(peak, drawn.peak_mb)
                left += drawn.left_out
                if drawn.full:
                    raise DiskFull(drawn.full, "Make room, then run the same command again: what is whole is kept.")
            progress(min(done / total, 0.999), _estimate(done, total, time.monotonic() - drawing))
        if sam:
            left += propagate(order.root, order.seed, progress)
    except BaseException:
        pool.close()
        with suppress(PartRMError):  # what stopped us is the news
            finish()
        raise
    pool.close()
    finish()
    progress(1.0, "done")
    return Report(len(objects), built, kept, tuple(left), peak, time.monotonic() - start)


def _make_folders(root: Path) -> None:
    try:
        for folder in ("renders", "lists", PARTIAL):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / PARTIAL / STOP).unlink(missing_ok=True)
    except OSError as error:
        raise FormatError(f"Cannot write to {root}: {error.strerror or error}", "Choose another folder.") from error


def propagate(root: Path, seed: int, progress: Progress = silent) -> tuple[LeftOut, ...]:
    """Add the drags that SAM propagates to all states; says so where its weights are absent."""
    import torch

    from model.network.sam import load_sam
    from model.partdrag4d.propagated import propagate_all
    from model.stages.pipeline import find_sam
    from model.stages.segment_sam import SamSegmenter
    from model.stages.state import Click

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checkpoint = find_sam(device)
    if checkpoint is None:
        return (LeftOut("", "propagated drags", "SAM's weights are absent: partrm-viewer weights fetch sam_vit_h"),)
    segmenter = SamSegmenter(load_sam(checkpoint, device))

    def smallest(image: np.ndarray, at_px: tuple[float, float]) -> np.ndarray:
        return segmenter.outlines(image, [Click(at_px)])[0].mask

    data = open_dataset(root)
    failed = propagate_all(data, data.ids("all"), smallest, seed, progress)
    return tuple(LeftOut(id.mesh, f"propagated drags of {id}", why) for id, why in failed)


def summary(report: Report) -> str:
    """Return what people read at the end."""
    lines = [
        f"{report.built} states built, {report.kept} were there, of {report.objects} objects, in {report.seconds:.0f} s"
        f" (at most {report.peak_mb:.0f} MB a worker)"
    ]
    lines += [f"left out: {one.mesh + ': ' if one.mesh else ''}{one.what}: {one.why}" for one in report.left_out]
    return "\n".join(lines)


def _estimate(done: int, total: int, seconds: float) -> str:
    left = round(seconds / max(done, 1) * (total - done))
    return f"{done} of {total} states, {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} to go"
