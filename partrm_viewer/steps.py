"""Steps: the pulls that lead from the photo to a state, changed and done once more; no Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.camera import Camera
from model.errors import DragError
from model.progress import Progress
from model.stages.again import with_amount
from model.stages.state import Motion, State
from partrm_viewer.document import Document, Step
from partrm_viewer.engine import Predictor
from partrm_viewer.words import tr

Steps = tuple[Step, ...]


def how_far(motion: Motion) -> str:
    """Say how a part has moved."""
    if motion.joint.kind == "prismatic":
        return tr("Slides by {amount:.2f}").format(amount=abs(motion.amount))
    return tr("Turns by {degrees:.0f}°").format(degrees=abs(np.rad2deg(motion.amount)))


def switched(steps: Steps, at: int, on: bool) -> Steps:
    """Take a step in, or leave it out."""
    return (*steps[:at], replace(steps[at], on=on), *steps[at + 1 :])


def by_amount(steps: Steps, at: int, amount: float, camera: Camera) -> Steps:
    """Let a step move its part by another amount of its joint (world units or radians)."""
    step = steps[at]
    assert step.motion is not None and step.held is not None
    motion, drag = with_amount(step.motion, step.drag, step.held, camera, amount)
    return (*steps[:at], replace(step, motion=motion, drag=drag, on=True), *steps[at + 1 :])


def without(steps: Steps, at: int) -> Steps:
    """Take a step away."""
    return steps[:at] + steps[at + 1 :]


def replay(predictor: Predictor, document: Document, steps: Steps, progress: Progress) -> State:
    """Do the steps that are on, one after the other, from the photo; worker thread.

    A state of the Document that the same first steps have led to is where it begins. Raises DragError, with the
    step's name, where a part is not found.
    """
    rest = document.rest
    assert rest is not None
    state, todo = _begun(document, rest, [step for step in steps if step.on])
    for k, step in enumerate(todo):

        def told(fraction: float, what: str, k: int = k, name: str = step.name) -> None:
            progress((k + fraction) / len(todo), f"{name}: {what}")

        try:
            state = predictor.again(rest, state, step.drag, step.held, step.motion, told).state
        except DragError as error:
            title = tr("{name} cannot be done again: {why}").format(name=step.name, why=error.title)
            hint = tr("Change or switch off the pulls before it, or this one. Nothing was changed.")
            raise DragError(title, hint) from error
    return state


def _begun(document: Document, rest: State, wanted: list[Step]) -> tuple[State, list[Step]]:
    """Find the state that most of the wanted steps have led to already, and the steps that are left to do."""
    best, done = rest, 0
    for snapshot in document.snapshots:
        steps = [step for step in snapshot.steps if step.on]
        n = len(steps)
        if snapshot.state is not None and done < n <= len(wanted) and all(map(_same, steps, wanted)):
            best, done = snapshot.state, n
    return best, wanted[done:]


def _same(a: Step, b: Step) -> bool:
    return a.drag == b.drag and a.held is b.held and a.motion is b.motion
