"""Evaluate: run the protocol on held-out objects and leave its tables and its worst cases as pictures."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numba
import numpy as np
import torch

from model.camera import Camera
from model.evaluation.procedural_protocol import Result, evaluate, trial
from model.evaluation.procedural_tables import gain, page, part_table, score_table
from model.evaluation.replaced import Cost, costs, table
from model.formats.disk import write_atomically
from model.gaussians import Gaussians
from model.progress import Progress, silent
from model.stages.pipeline import Pipeline
from partrm_viewer.engine import pipeline
from renderer.cpu import CpuRenderer

ON_A_PAGE = 12


def run(count: int, out: Path, first: int = 0, progress: Progress = silent) -> list[Path]:
    """Evaluate the embedded model on `count` held-out objects; returns the files written to OUT.

    table.md holds the scores, results.json every object's own, worst.jpg and median.jpg the pictures.
    """
    results: list[Result] = []
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        seed = first
        while len(results) < count:  # some seeds give no trial
            seeds = range(seed, seed + min(4 * cores, count - len(results)))
            results += [r for r in pool.map(_evaluate, seeds) if r is not None]
            seed = seeds.stop
            progress(len(results) / count, f"{len(results)} of {count} objects")
    out.mkdir(parents=True, exist_ok=True)
    written = [out / name for name in ("table.md", "results.json", "worst.jpg", "median.jpg")]
    table = score_table(results) + "\n\n" + part_table(results) + "\n"
    _write(written[0], table.encode())
    _write(written[1], json.dumps([describe(r) for r in results], indent=1).encode())
    ranked = sorted(results, key=gain)
    middle = max(0, (len(ranked) - ON_A_PAGE) // 2)
    for path, some in ((written[2], ranked[:ON_A_PAGE]), (written[3], ranked[middle : middle + ON_A_PAGE])):
        ok, data = cv2.imencode(".jpg", page(some)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        assert ok
        _write(path, data.tobytes())
    progress(1.0, "done")
    return written


def run_stages(count: int, out: Path, first: int = 0, progress: Progress = silent) -> list[Path]:
    """Put the truth in the place of each stage on `count` held-out objects; writes OUT/stages.md."""
    found: list[dict[str, Cost]] = []
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        seed = first
        while len(found) < count:
            seeds = range(seed, seed + min(4 * cores, count - len(found)))
            found += [costs for costs in pool.map(_costs, seeds) if costs is not None]
            seed = seeds.stop
            progress(len(found) / count, f"{len(found)} of {count} objects")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "stages.md"
    _write(path, (table(found) + "\n").encode())
    progress(1.0, "done")
    return [path]


def _costs(seed: int) -> dict[str, Cost] | None:
    made = trial(seed)
    return None if made is None else costs(made, _tools()[1], _rasterize)


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, lambda file: file.write(data))


@cache
def _tools() -> tuple[CpuRenderer, Pipeline]:
    """Make a worker process's own renderer and predictor, on one core."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    renderer = CpuRenderer()
    return renderer, pipeline(renderer=renderer)


def _evaluate(seed: int) -> Result | None:
    made = trial(seed)
    return None if made is None else evaluate(made, _tools()[1], _rasterize)


def _rasterize(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    return np.asarray(_tools()[0].render(gaussians, camera).colour)


def describe(result: Result) -> dict[str, object]:
    """Return one object's scores, ready for JSON."""
    return {
        "seed": result.seed,
        "category": result.category,
        "rows": {name: asdict(row) for name, row in result.rows.items()},
        "part_iou": result.part_iou,
        "kind_right": result.kind_right,
        "axis_error_deg": result.axis_error_deg,
        "motion_error": result.flow_error,
    }
