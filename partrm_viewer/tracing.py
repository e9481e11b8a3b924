"""Tracing: what moved to the shown state is tinted, and a ghost stands where it was. GUI thread, but for `traced`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from model.gaussians import SH_C0, Gaussians, concatenate
from model.progress import Progress
from model.stages.state import Motion
from partrm_viewer.document import Document
from partrm_viewer.feature import Feature
from partrm_viewer.jobs import Job
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

CELLS = 100  # along the longest side of what is looked at: two splats are in one place where their cells touch
TINT, GHOST = 0.6, 0.85  # how far colours go towards the tint's
GHOST_OPACITY = 0.2
MOST_STEPS = 40  # along the way of a part

Cells = np.ndarray  # (X, Y, Z) bool


class Tracing(Feature):
    """Shows what moved, or no longer; finds it out on the worker."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.on = False
        self._job: Job | None = None

    def checked(self) -> dict[str, bool]:
        """Say whether it is switched on."""
        return {"what_moved": self.on}

    def what_moved(self) -> None:
        """Tint what moved to the shown state, with a ghost where it was, or no longer."""
        self.on = not self.on
        self._show()
        self._window.say(tr("Green: what moved · blue: where it was") if self.on else "")
        self._window.work_changed()

    def changed(self, old: Document, new: Document) -> None:
        """Trace what is shown now."""
        if old.shown is not new.shown or old.before is not new.before:
            self._show()

    def stop(self) -> None:
        """Trace no more; what is on its way is dropped."""
        self.on = False

    def _show(self) -> None:
        window, document = self._window, self._window.session.document
        if self._job is not None:
            window.jobs.cancel(self._job)
            self._job = None
        shown, before = document.shown, document.before
        if not self.on or shown is None or before is None:
            window.parts.viewport.set_trace(None)
            return

        def run(progress: Progress) -> Gaussians:
            return traced(before.gaussians, shown.gaussians, shown.moved, shown.motion)

        def done(found: Gaussians) -> None:
            self._job = None
            window.parts.viewport.set_trace(found)

        name = tr("Finding what moved")
        self._job = window.jobs.submit(Job(name, run, done, lambda error: window.tell(error), brief=True))


def traced(before: Gaussians, shown: Gaussians, part: np.ndarray | None, motion: Motion | None) -> Gaussians:
    """Return the shown Gaussians, what moved tinted, and behind them a ghost of what is where it was no longer.

    part: (N,) bool, which of those before moved by the motion; where either is not known, or does not fit, what moved
    is what is in a place where nothing was.
    """
    from renderer.overlay import GREEN, SKY  # late: OpenCV takes its time

    if part is None or motion is None or len(part) != len(before):
        went = ~_touches(before.positions, shown.positions)
        came = ~_touches(shown.positions, before.positions)
    else:
        went = part
        came = _came(before, shown, part, motion)
    ghost = before.select(went)
    ghost = replace(ghost, opacities=GHOST_OPACITY * ghost.opacities)
    return concatenate([_tinted(shown, came, GREEN, TINT), _tinted(ghost, np.ones(len(ghost), bool), SKY, GHOST)])


def _came(before: Gaussians, shown: Gaussians, part: np.ndarray, motion: Motion) -> np.ndarray:
    """Say which of the shown Gaussians moved with a part, (N,) bool.

    Those where the part is now, and those on its way there where nothing was: the sides of a drawer.
    """
    grid = _Grid(before.positions, shown.positions)
    start = before.positions[part].astype(np.float64)
    still = grid.cells(before.positions[~part])
    now = grid.grown(grid.cells(_carried(start, motion, 1.0))) & ~still
    way = np.linalg.norm(_carried(start, motion, 1.0) - start, axis=1).max(initial=0.0)
    steps = int(np.clip(np.ceil(way / grid.side), 1, MOST_STEPS))
    swept = np.zeros_like(still)
    for k in range(steps + 1):
        swept |= grid.cells(_carried(start, motion, k / steps))
    fresh = grid.grown(swept) & ~grid.grown(grid.cells(before.positions))
    return np.asarray(grid.at(now | fresh, shown.positions))


def _carried(points: np.ndarray, motion: Motion, share: float) -> np.ndarray:
    T = motion.joint.transform(share * motion.amount)
    return np.asarray(points @ T[:3, :3].T + T[:3, 3])


def _touches(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Say which points are in a place where one of the others is, (N,) bool."""
    grid = _Grid(points, others)
    return np.asarray(grid.at(grid.grown(grid.cells(others)), points))


class _Grid:
    """Space around two sets of points, in cells; strays far outside count as at its border."""

    def __init__(self, *sets: np.ndarray) -> None:
        ends = np.concatenate([np.percentile(points, [0.5, 99.5], axis=0) for points in sets if len(points)])
        low, high = ends.min(axis=0), ends.max(axis=0)
        self.side = float(max((high - low).max() / CELLS, 1e-6))
        self._low = low - 4 * self.side
        self._shape = np.ceil((high - low) / self.side).astype(int) + 8

    def index(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return which cell each point is in."""
        at = np.clip(np.floor((points - self._low) / self.side), 0, self._shape - 1)
        return tuple(at.astype(int).T)

    def cells(self, points: np.ndarray) -> Cells:
        """Say which cells have a point in them."""
        taken = np.zeros(self._shape, bool)
        taken[self.index(points)] = True
        return taken

    def at(self, cells: Cells, points: np.ndarray) -> np.ndarray:
        """Say which points are in some cells, (N,) bool."""
        return np.asarray(cells[self.index(points)])

    @staticmethod
    def grown(cells: Cells) -> Cells:
        """Add the cells that touch one."""
        for axis in range(3):
            padded = np.pad(cells, [(1, 1) if k == axis else (0, 0) for k in range(3)])
            n = cells.shape[axis]
            cells = np.logical_or.reduce([np.take(padded, np.arange(k, k + n), axis) for k in range(3)])
        return cells


def _tinted(gaussians: Gaussians, which: np.ndarray, colour: tuple[int, int, int], share: float) -> Gaussians:
    sh = gaussians.sh.copy()
    sh[which] *= 1 - share
    sh[which, 0] += share * ((np.array(colour, np.float32) / 255 - 0.5) / SH_C0)
    return replace(gaussians, sh=sh)
