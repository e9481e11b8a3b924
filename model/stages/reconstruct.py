"""Reconstruct: surfaces seen from several sides become Gaussians, one flat disc a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from model.gaussians import Gaussians, concatenate, quaternion_from_matrix
from model.stages.state import View

OPACITY = 0.99
THIN = 0.15  # a disc's thickness, as a part of its radius
FOOTPRINT = 0.5  # a disc's radius in pixels, where four views overlap
GUESSED, GUESSED_RIM = 0.6, 0.45  # the same where one view alone is thought to see a side, and at its outline
STEEPEST = 0.5  # discs of surfaces seen at a flatter angle (cosine) are not stretched any further
RIM = 1.0  # the same at outlines
ALONE = (0.6, 0.25)  # footprint and steepest angle of a view that no other one helps
NEAR = 0.03  # world units in which two views' surfaces count as one
THROUGH = 0.05  # world units: a point that lies further before a view's surface would hide it
BESIDE, INSIDE = 4.0, 3  # px of the input view from which a guess at its outline is brought in, and by how much twice
CLEAR = 0.4  # the input view shows a surface well if it is inclined by more than this cosine
REACH = 2.0  # radii between two discs of a covered slope
LONGEST = 0.15  # world units between neighbouring pixels of one surface, at most
LEVEL = 0.2  # sine of the angle between a plane and the way to a neighbour in it, at most
ALIKE = 0.9  # cosine between the normals of neighbours in one plane, at least


def discs(
    points: np.ndarray,  # (N, 3) world
    normals: np.ndarray,  # (N, 3) unit, world, towards the viewer
    colours: np.ndarray,  # (N, 3)
    radii: np.ndarray,  # (N,) world units, across the line of sight
    eye: np.ndarray,  # (3,)
    steepest: float | np.ndarray = STEEPEST,  # or (N,)
) -> Gaussians:
    """Lay one flat Gaussian on each surface point, stretched along the slope so that it covers its pixel."""
    sight = eye - points
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    cosine = np.abs((normals * sight).sum(1))
    across = np.cross(sight, normals)
    length = np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(normals, np.where(np.abs(normals[:, 1:2]) < 0.9, [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]))
    across = np.where(length > 1e-3, across, other)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    axes = np.stack([across, np.cross(normals, across), normals], axis=2)
    scales = np.stack([radii, radii / np.maximum(cosine, steepest), THIN * radii], axis=1)
    opacities = np.full(len(points), OPACITY)
    return Gaussians.from_colours(points, quaternion_from_matrix(axes), scales, opacities, colours, antialiased=True)


def view_discs(
    view: View,
    footprint: float = FOOTPRINT,
    keep: np.ndarray | None = None,  # (S, S) bool
    steepest: float = STEEPEST,
    rim_footprint: float | None = None,
) -> Gaussians:
    """Turn the pixels of one view that show a surface (and are to be kept) into Gaussians."""
    there = view.depth > 0 if keep is None else keep & (view.depth > 0)
    points = view.camera.unproject(view.camera.pixel_grid(), np.where(there, view.depth, np.nan).astype(np.float64))
    at_rim = rim(view.depth)
    radii = np.where(at_rim, rim_footprint or footprint, footprint) * view.depth / view.camera.fx
    normals = view.normal.astype(np.float64)
    more, more_normals, more_colours, at = bridged(points, normals, view.rgb, REACH * radii / steepest)
    return discs(
        np.concatenate([points[there], more]),
        np.concatenate([normals[there], more_normals]),
        np.concatenate([view.rgb[there], more_colours]),
        np.concatenate([radii[there], radii.ravel()[at]]),
        view.camera.position,
        np.concatenate([np.where(at_rim, RIM, steepest)[there], np.full(len(more), steepest)]),
    )


def bridged(
    points: np.ndarray,  # (S, S, 3) world; nan where there is nothing
    normals: np.ndarray,  # (S, S, 3)
    colours: np.ndarray,  # (S, S, 3)
    reach: np.ndarray,  # (S, S) world units that a disc covers along the steepest slope
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put points between neighbouring pixels of one plane that lie further apart than their discs reach.

    A table top seen almost from its edge has few pixels: without these it would be a row of slats from above.
    Returns points, normals, colours (M, 3) and the pixels (M,) that they come from, as places in the flat map.
    """
    count = len(points)
    found = []
    for down, right in ((1, 0), (0, 1)):
        a = np.arange(count * count).reshape(count, count)[: count - down, : count - right].ravel()
        b = a + down * count + right
        flat_points, flat_normals, flat_colours = (m.reshape(-1, 3) for m in (points, normals, colours))
        step = flat_points[b] - flat_points[a]
        far = np.linalg.norm(step, axis=1)
        gap = reach.ravel()[a]
        wide = np.flatnonzero((far > 1.2 * gap) & (far < LONGEST))  # nan is neither
        a, b, step, far, gap = a[wide], b[wide], step[wide], far[wide], gap[wide]
        n, m = flat_normals[a], flat_normals[b]
        level = np.maximum(np.abs((n * step).sum(1)), np.abs((m * step).sum(1))) < LEVEL * far
        one = level & ((n * m).sum(1) > ALIKE)
        a, b, step, steps = a[one], b[one], step[one], np.ceil(far[one] / gap[one]).astype(int)
        for k in range(1, int(steps.max(initial=1))):
            more = steps > k
            share = (k / steps[more])[:, None]
            i, j = a[more], b[more]
            found.append((
                flat_points[i] + share * step[more],
                (1 - share) * flat_normals[i] + share * flat_normals[j],
                (1 - share) * flat_colours[i] + share * flat_colours[j],
                np.where(share[:, 0] < 0.5, i, j),
            ))  # fmt: skip
    if not found:
        none = np.zeros((0, 3))
        return none, none, none, np.zeros(0, int)
    p, n, c, at = (np.concatenate(part) for part in zip(*found, strict=True))
    return p, n / np.linalg.norm(n, axis=1, keepdims=True), c, at


def rim(depth: np.ndarray) -> np.ndarray:
    """Find the pixels at outlines and depth edges, (S, S) bool: a stretched disc there would stick out like a hair."""
    kernel = np.ones((3, 3), np.uint8)
    nearest, farthest = cv2.erode(depth, kernel), cv2.dilate(depth, kernel)
    return (nearest == 0) | (farthest - nearest > 0.1)


def consistent(points: np.ndarray, others: Sequence[View]) -> np.ndarray:
    """Say which guessed points (N, 3) no other view looks past or through, (N,) bool."""
    kept = np.ones(len(points), bool)
    for view in others:
        row, col, depth, inside = view.camera.cells(points)
        seen = view.depth[row, col]
        kept &= ~inside | ((seen > 0) & (depth > seen - THROUGH))
    return kept


def reconstruct(views: tuple[View, ...], carve: bool = True) -> Gaussians:
    """Join the views' surfaces; with carve, guessed views give way to what the first one plainly shows.

    A guess is dropped when the first view looks past it (well outside the outline), through it (it lies before the
    surface seen there), or shows the same surface better.
    """
    if not carve:
        return concatenate([view_discs(view) for view in views])
    sets = [view_discs(views[0], ALONE[0], steepest=ALONE[1])]
    for view in views[1:]:
        guess = view_discs(view, GUESSED, rim_footprint=GUESSED_RIM)
        guess = replace(guess, positions=tucked(guess.positions, views[0]))
        sets.append(guess.select(_agrees(guess.positions.astype(np.float64), views[0])))
    return concatenate(sets)


def tucked(points: np.ndarray, first: View) -> np.ndarray:
    """Shift points (N, 3) at the first view's outline to just inside it, so that their discs do not stick out there.

    A side begins where the front ends, even if it is guessed a little too far out.
    """
    shape = (first.depth > 0).astype(np.uint8)
    if not shape.any():
        return points
    inner = cv2.erode(shape, np.ones((INSIDE, INSIDE), np.uint8))
    thin = cv2.dilate(inner, np.ones((INSIDE + 2, INSIDE + 2), np.uint8)) == 0  # what has no inside stays as it is
    there = (inner > 0) | ((shape > 0) & thin)
    far, nearest = cv2.distanceTransformWithLabels(
        (~there).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    row, col, depth, inside = first.camera.cells(points)
    beside = np.flatnonzero(inside & (far[row, col] > 0) & (far[row, col] < BESIDE) & (depth > 0))
    pixel_of = np.zeros(int(nearest.max()) + 1, int)
    pixel_of[nearest[there]] = np.flatnonzero(there)
    to = pixel_of[nearest[row[beside], col[beside]]]
    rows, cols = np.divmod(to, there.shape[1])
    shifted = points.copy()
    shifted[beside] = first.camera.unproject(np.stack([cols, rows], 1) + 0.5, depth[beside])
    return shifted


def _agrees(points: np.ndarray, first: View) -> np.ndarray:  # (N, 3) -> (N,) bool
    row, col, depth, inside = first.camera.cells(points)
    seen = first.depth[row, col]
    sight = first.camera.position - points
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    clear = (first.normal[row, col] * sight).sum(1) > CLEAR
    behind = depth > seen + np.where(clear, NEAR, -NEAR / 2)
    return inside & (seen > 0) & behind
