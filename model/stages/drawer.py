"""Drawer: the box behind a front that slides out. No view has shown it, and yet every drawer has one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.gaussians import Gaussians, concatenate
from model.stages.part import disc_normals
from model.stages.reconstruct import discs
from model.stages.rigid import box_axes, extent, within
from model.stages.state import Motion

ALONG = 0.85  # cosine: a slide that leaves the front's own direction by more is no drawer
LEAST = 0.03  # world units: a front that comes out by less shows no box
SHUT = 0.07  # world units: a part deeper than this shows its own sides
INSET, HEIGHT = 0.03, 0.7  # of the front's width and height: where the box begins, and how high its sides are
FRONT = 0.012  # world units: thickness of the front
BOARD = np.array([0.78, 0.72, 0.62])  # colour of light wood and white paint in the shade: what most drawers are made of
STEP = 0.008  # world units between discs
FEW = 8  # guesses that make a colour
NEAR = 0.03  # world units: guesses this near a face tell its colour


@dataclass(frozen=True, eq=False)
class Drawer:
    """A box behind a front, at the place that the front has moved to."""

    axes: np.ndarray  # (3, 3) columns across, up, out
    low: np.ndarray  # (3,) corner along those axes
    high: np.ndarray  # (3,)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Say which (N, 3) world points lie in the box or just beside it."""
        return within(points @ self.axes, self.low, self.high, np.array([NEAR, FRONT, 0]))


def slides_out(motion: Motion) -> bool:
    """Say whether a motion may be a drawer's."""
    return motion.joint.kind == "prismatic" and motion.amount >= LEAST


def behind(front: Gaussians, motion: Motion) -> Drawer | None:
    """Find the box that a front pulls out behind it when it slides; None where it is not that of a shut drawer.

    front are the part's visible Gaussians before the move.
    """
    if len(front) < 20:
        return None
    normals = disc_normals(front)
    axes = box_axes(front.positions, normals)
    out = axes[:, 2]
    if motion.joint.axis @ out < ALONG:
        return None
    depth = np.percentile(front.positions @ out, [5, 50, 95])
    face = normals @ out > 0.8
    if depth[2] - depth[0] > SHUT or face.sum() < 20:
        return None
    low, high = extent(front.positions[face], axes)
    size, shift, back = high - low, motion.joint.axis * motion.amount @ axes, depth[1] - FRONT
    if size[:2].min() < 4 * STEP:
        return None
    left, right, bottom = low[0] + INSET * size[0], high[0] - INSET * size[0], low[1] + INSET * size[1]
    near = np.array([left + shift[0], bottom + shift[1], back])
    return Drawer(axes, near, np.array([right, bottom + HEIGHT * size[1], back]) + shift)


def sides(drawer: Drawer, guesses: Gaussians) -> Gaussians:
    """Lay discs on the two sides and the floor, coloured half as guesses there say and half as drawers mostly are."""
    across, up, out = np.diag(drawer.high - drawer.low)
    p = guesses.positions @ drawer.axes - drawer.low
    faces = [
        (drawer.low, up, np.abs(p[:, 0])),
        (drawer.low + across, up, np.abs(p[:, 0] - across[0])),
        (drawer.low, across, np.abs(p[:, 1])),
    ]
    whole = (np.median(guesses.colours, axis=0) + BOARD) / 2 if len(guesses) >= FEW else BOARD
    sheets = []
    for corner, edge, far in faces:
        near = guesses.colours[far < NEAR]
        colour = (np.median(near, axis=0) + BOARD) / 2 if len(near) >= FEW else whole
        sheets.append(_sheet(drawer.axes, corner, edge, out, colour))
    return concatenate(sheets)


def _sheet(axes: np.ndarray, corner: np.ndarray, a: np.ndarray, b: np.ndarray, colour: np.ndarray) -> Gaussians:
    """Cover a rectangle, given along the box's axes, with round discs; its two sides a and b are (3,)."""
    long, deep = np.linalg.norm(a), np.linalg.norm(b)
    i, j = np.meshgrid(np.arange(STEP / 2, long, STEP), np.arange(STEP / 2, deep, STEP))
    points = (corner + i.reshape(-1, 1) * a / long + j.reshape(-1, 1) * b / deep) @ axes.T
    n = len(points)
    normals = np.tile(axes @ np.cross(a / long, b / deep), (n, 1))
    eye = points.mean(axis=0) + normals[0]
    return discs(points, normals, np.tile(colour, (n, 1)), np.full(n, 0.6 * STEP), eye, steepest=1.0)
