"""Project 1: what project files of the first version hold, and how today's Document is made of it.

A state told there which drags had led to it, but neither which state it was made from nor which parts were pulled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.state import Motion, Part, State
from partrm_viewer.document import Document, Snapshot, Step
from partrm_viewer.project import CHECKS, SHAPES, Project, part_fits
from partrm_viewer.tools.navigate import View


@dataclass(frozen=True, eq=False)
class Snapshot1:
    """One state."""

    name: str
    gaussians: Gaussians
    state: State | None = None
    drags: tuple[Drag, ...] = ()
    motion: Motion | None = None  # of the last drag
    seconds: float | None = None
    key: int = 0


@dataclass(frozen=True, eq=False)
class Document1:
    """A photo or a splat file and its states."""

    name: str = ""
    path: Path | None = None
    image: np.ndarray | None = None  # (H, W, 4) uint8
    snapshots: tuple[Snapshot1, ...] = ()
    active: int = 0
    part: Part | None = None
    key: int = 0


@dataclass(frozen=True, eq=False)
class Project1:
    """What a project file held."""

    document: Document1
    view: View | None = None


def upgraded(old: Project1) -> Project:
    """Make today's project: a state was made from the last one before it that all its drags but one had led to."""
    told, made = old.document, list[Snapshot]()
    for k, snapshot in enumerate(told.snapshots, 1):
        drags = snapshot.drags
        before = next((s for s in reversed(made) if drags and s.drags == drags[:-1]), None)
        steps = before.steps if before is not None else tuple(Step(drag, name="Pull") for drag in drags[:-1])
        if drags:
            steps = (*steps, Step(drags[-1], None, snapshot.motion, snapshot.name))
        parent = before.key if before is not None else 0
        made.append(Snapshot(snapshot.name, snapshot.gaussians, snapshot.state, steps, snapshot.seconds, parent, key=k))
    rest = next((s.state for s in made if s.state is not None and not s.state.predicted), None)
    document = Document(told.name, told.path, told.image, tuple(made), told.active, told.part, rest, told.key)
    return Project(document, old.view)


def _fits(document: Document1) -> bool:
    count = len(document.snapshots)
    if not 0 <= document.active < max(count, 1):
        return False
    shown = document.snapshots[document.active] if count else None
    return part_fits(None if shown is None else Snapshot(shown.name, shown.gaussians, shown.state), document.part)


SHAPES[Document1] = SHAPES[Document]
CHECKS[Document1] = _fits
