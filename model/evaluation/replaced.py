"""Replaced: which stage costs how much, found by putting the truth in its place, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.camera import Camera
from model.evaluation.procedural_protocol import (
    PIXELS,
    Rasterize,
    Row,
    Trial,
    crop_fov,
    mean_of_known,
    on_white,
    score,
    true_views,
)
from model.stages.frame import carried
from model.stages.multiview import other_sides
from model.stages.pipeline import Pipeline
from model.stages.reconstruct import reconstruct
from model.stages.state import Motion, State

# What is true: the surface (of the image, or of all four views), the part's mask in the image, the motion.
CASES: tuple[tuple[str, str, bool, bool], ...] = (
    ("one image", "guessed", False, False),
    ("true mask", "guessed", True, False),
    ("true motion", "guessed", False, True),
    ("true mask and motion", "guessed", True, True),
    ("true depth of the image", "image", False, False),
    ("true depth, mask and motion", "image", True, True),
    ("true surface of four views", "views", False, False),
    ("true surface, mask and motion", "views", True, True),
)


@dataclass(frozen=True)
class Cost:
    """What one case scores on one trial, and its own splats unmoved."""

    predicted: Row
    still: Row


def costs(trial: Trial, pipeline: Pipeline, rasterize: Rasterize) -> dict[str, Cost]:
    """Run all CASES on one trial; raises DragError where the drag starts on nothing."""
    states = {name: start(trial, pipeline, name) for name in ("guessed", "image", "views")}
    found = {}
    for name, surface, mask, motion in CASES:
        state = states[surface]
        cameras = tuple(carried(c, trial.cameras[0], state.camera) for c in trial.cameras)
        part = pipeline.part(state, trial.drag.start_px)
        if mask:
            whole = pipeline.painted(state, part, trial.part, True)
            part = pipeline.painted(state, whole, ~trial.part, False)
        if motion:
            after = pipeline.finder.follow(state, part, true_motion(trial, state.camera)).state
        else:
            after = pipeline.predict(state, [trial.drag], part).state
        both = (np.stack([on_white(rasterize(s.gaussians, c)) for c in cameras]) for s in (after, state))
        found[name] = Cost(*(score(pictures, trial) for pictures in both))
    return found


def start(trial: Trial, pipeline: Pipeline, surface: str) -> State:
    """Make the state before the drag with as much of the true surface as is asked for."""
    if surface == "guessed":
        return pipeline.open(trial.image, trial.mask, fov_deg=crop_fov(trial))
    scene = trial.scene
    views = true_views(scene, float(scene.amounts[scene.source]))
    if surface == "image":
        views = (views[0], *other_sides(views[0], pipeline.completion))
    crop = scene.camera0.resized(PIXELS, PIXELS)
    return State(trial.image, trial.mask, crop, crop, reconstruct(views, carve=surface == "image"))


def true_motion(trial: Trial, camera: Camera) -> Motion:
    """Return the true motion in the world of an input camera, whose object may be of another size and tilt."""
    true = trial.cameras[0]
    scale = float(np.linalg.norm(camera.position) / np.linalg.norm(true.position))
    R = camera.T_world_camera[:3, :3] @ true.T_world_camera[:3, :3].T
    joint = trial.motion
    pivot = camera.position + scale * R @ (joint.pivot - true.position)
    amount = trial.amount * (scale if joint.kind == "prismatic" else 1.0)
    return Motion(replace(joint, axis=R @ joint.axis, pivot=pivot), amount, 0.0, 1.0)


def table(results: Sequence[dict[str, Cost]]) -> str:
    """Write what each case is above its own splats unmoved, dB, Markdown."""
    lines = [
        "| what is true | input view | over no motion | changed | novel views | over no motion | changed |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, *_ in CASES:
        cells = []
        for psnr, changed in (("psnr_input", "changed_input"), ("psnr", "changed")):
            own, still, moved = (
                mean_of_known([getattr(getattr(r[name], which), what) for r in results])
                for which, what in (("predicted", psnr), ("still", psnr), ("predicted", changed))
            )
            cells += [f"{own:.2f}", f"{own - still:+.2f}", f"{moved:.2f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
