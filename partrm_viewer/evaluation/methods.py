"""Evaluate, the methods: which rows a run has, and each process's own networks to fill them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from model import weights
from model.camera import Camera
from model.errors import PartRMError, WeightsError
from model.evaluation.baselines import DragFirst, NvsFirst, Rebuild, lgm, surfaces
from model.evaluation.drags import Outliner
from model.evaluation.editors import TIMEOUT_S, editor
from model.evaluation.methods import Embedded, PartRMMethod
from model.evaluation.protocol import Lpips, Method
from model.evaluation.truth import SourcePictures, TrueSplats
from model.gaussians import Gaussians
from model.network.partrm import PartRM, from_weights
from model.network.precision import fastest_dtype
from model.stages.multiview_zero123 import open_sides
from model.stages.pipeline import Pipeline, choose_device, find_sam
from model.stages.predict_partrm import load_partrm
from model.stages.state import Click
from partrm_viewer.engine import pipeline
from renderer.cpu import CpuRenderer

Kind = Literal[
    "still",
    "editor",
    "predicted",
    "pictures",
    "no motion",
    "oracle",
    "one image",
    "one image, no motion",
    "true views",
    "partrm",
    "nvs",
    "drag",
]
VERSION = 1  # of the protocol; another one makes no use of what an earlier run left


@dataclass(frozen=True)
class Row:
    """One row of the table, as it can be sent to another process."""

    name: str
    kind: Kind
    value: str = ""  # weights, or the editor
    drags: int = 10
    zero123: bool = False


@dataclass(frozen=True)
class Plan:
    """What all rows of a run share."""

    device: str = "auto"
    seed: int = 0
    lpips: Path | None = None
    timeout_s: float = TIMEOUT_S


def rows_of(
    methods: Sequence[str], named: Sequence[str], editors: Sequence[str], drags: Sequence[int], zero123: bool = False
) -> tuple[Row, ...]:
    """Return the rows that were asked for, with what stands beside every method.

    named: PartRM's weights, NAME=PATH or PATH or a name of the catalogue.
    """
    rows = [Row("no motion, pictures", "pictures"), Row("no motion", "no motion")]
    for text in editors:
        name = editor(text).name
        rows += [Row(f"{name}, NVS-First", "nvs", text), Row(f"{name}, Drag-First", "drag", text)]
    if "embedded" in methods:
        rows.append(Row("embedded, no motion", "one image, no motion"))
        rows += [Row("embedded, one image", "one image"), Row("embedded, true views", "true views")]
    if "partrm" in methods:
        for text in named:
            label, _, path = text.rpartition("=")
            label = label or Path(path).stem
            sides = ", Zero123++" if zero123 else ""
            for n in drags:
                count = f", {n} drag{'s' * (n > 1)}" if len(drags) > 1 or n != 10 else ""
                rows.append(Row(f"PartRM {label}{count}{sides}", "partrm", path, n, zero123))
    rows.append(Row("oracle", "oracle"))
    return unlike(rows)


def case_rows(methods: Sequence[str], named: Sequence[str], editors: Sequence[str]) -> tuple[Row, ...]:
    """Return the rows for single pictures; as rows_of."""
    rows = [Row("no motion", "still"), *(Row(editor(text).name, "editor", text) for text in editors)]
    if "embedded" in methods:
        rows.append(Row("embedded", "predicted", "embedded"))
    if "partrm" in methods:
        for text in named:
            label, _, path = text.rpartition("=")
            rows.append(Row(f"PartRM {label or Path(path).stem}", "predicted", path))
    return unlike(rows)


def unlike(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows; raises PartRMError where two have one name."""
    names = [row.name for row in rows]
    if twice := {name for name in names if names.count(name) > 1}:
        hint = "Give weights names of their own: --weights one=PATH two=PATH."
        raise PartRMError(f"Two rows would be called “{min(twice)}”", hint)
    return tuple(rows)


def main_row(rows: Sequence[Row]) -> str:
    """Choose the row that a run is about: PartRM with most drags, else the embedded model, else the first editor."""
    order: tuple[Kind, ...] = ("partrm", "one image", "drag", "predicted", "editor", "no motion", "still")
    some = next(own for kind in order if (own := [row for row in rows if row.kind == kind]))
    return max(some, key=lambda row: row.drags).name


def fingerprint(row: Row, plan: Plan, folders: Sequence[Path]) -> str:
    """Return what a row's figures depend on, so that a run that goes on knows which it can keep.

    folders: with the pictures that it reads; a file that was written anew counts as another one.
    """
    parts: list[object] = [VERSION, asdict(row), plan.seed]
    for folder in folders:
        held = sorted(path for path in folder.rglob("*") if path.is_file())
        parts.append([[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in held])
    for path in (row.value if row.kind in ("partrm", "predicted") else "", plan.lpips):
        if path and Path(path).is_file():
            told = Path(path).stat()
            parts.append([str(path), told.st_size, told.st_mtime_ns])
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


class Tools:
    """One process's renderer and networks; each is loaded when a row first needs it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.device = choose_device(plan.device)
        self._renderer = CpuRenderer()
        self._made: dict[Row, Method] = {}
        self._networks: dict[str, PartRM] = {}

    def rasterize(self, gaussians: Gaussians, camera: Camera) -> np.ndarray:
        """Draw splats, (H, W, 4) float32 premultiplied."""
        return np.asarray(self._renderer.render(gaussians, camera).colour)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Return the embedded networks."""
        return pipeline(device=self.plan.device, renderer=self._renderer)

    @cached_property
    def rebuild(self) -> Rebuild | None:
        """Return LGM where its weights are on this computer; None: the embedded reconstruct stage does it."""
        for name in ("lgm_fixrot", "lgm_fp16_fixrot"):
            try:
                tensors = weights.load(weights.find(name))
            except WeightsError:
                continue
            return lgm(from_weights(tensors, "big", self.device, fastest_dtype(self.device)))
        return None

    @cached_property
    def outline(self) -> Outliner | None:
        """Return SAM where it is on this computer, as PartRM asks it: one click, the smallest of its three masks."""
        path = find_sam(self.device)
        if path is None:
            return None
        from model.network.sam import load_sam
        from model.stages.segment_sam import SamSegmenter

        sam = SamSegmenter(load_sam(path, self.device))
        return lambda image, at_px: sam.outlines(image, [Click(at_px)])[0].mask

    @cached_property
    def lpips(self) -> Lpips | None:
        """Return LPIPS-VGG, both ways of feeding it; None without its weights."""
        if self.plan.lpips is None:
            return None
        from model.evaluation.lpips_vgg import load_lpips_vgg

        network = load_lpips_vgg(self.plan.lpips).to(self.device)

        def measure(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
            pair = [torch.from_numpy(p).permute(2, 0, 1)[None].float().to(self.device) for p in (a, b)]
            with torch.inference_mode():
                return float(network(*pair)), float(network(*(2 * p - 1 for p in pair)))

        return measure

    def method(self, row: Row) -> Method:
        """Return what fills a row. Raises WeightsError, EditorError."""
        if row not in self._made:
            made = self._make(row)
            made.name = row.name
            self._made[row] = made
        return self._made[row]

    def _make(self, row: Row) -> Method:
        match row.kind:
            case "pictures":
                return SourcePictures()
            case "no motion" | "oracle":
                return TrueSplats(row.name, row.kind == "oracle", self.rasterize)
            case "one image" | "one image, no motion" | "true views":
                return Embedded(self.pipeline, self.rasterize, row.kind)
            case "partrm":
                if row.value not in self._networks:
                    self._networks[row.value] = load_partrm(row.value, self.device)
                sides = open_sides(row.value, self.device) if row.zero123 else None
                return PartRMMethod(row.name, self._networks[row.value], self.rasterize, row.drags, sides)
            case "nvs":
                rebuild = self.rebuild or surfaces(self.pipeline)
                return NvsFirst(editor(row.value, self.plan.timeout_s), self.pipeline, self.rasterize, rebuild)
            case "drag":
                return DragFirst(editor(row.value, self.plan.timeout_s), self.pipeline, self.rasterize, self.rebuild)
            case "still" | "editor" | "predicted":
                raise AssertionError(f"{row.name} is for single pictures")
