"""Reconstruct: surfaces seen from several sides become Gaussians, one flat disc a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from model.gaussians import Gaussians, concatenate, quaternion_from_matrix
from model.stages.state import View

OPACITY = 0.99
THIN = 0.15  # a disc's thickness, as a part of its radius
FOOTPRINT = 0.5  # a disc's radius in pixels, where four views overlap
STEEPEST = 0.5  # discs of surfaces seen at a flatter angle (cosine) are not stretched any further
RIM = 1.0  # the same at outlines
ALONE = (0.6, 0.25)  # footprint and steepest angle of a view that no other one helps
NEAR = 0.03  # world units in which two views' surfaces count as one
THROUGH = 0.05  # world units: a point that lies further before a view's surface would hide it
CLEAR = 0.4  # the input view shows a surface well if it is inclined by more than this cosine


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
    points = view.camera.unproject(view.camera.pixel_grid()[there], view.depth[there].astype(np.float64))
    at_rim = rim(view.depth)[there]
    radii = np.where(at_rim, rim_footprint or footprint, footprint) * view.depth[there] / view.camera.fx
    limits = np.where(at_rim, RIM, steepest)
    return discs(points, view.normal[there].astype(np.float64), view.rgb[there], radii, view.camera.position, limits)


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

    A guessed point is dropped when the first view looks past it (outside the outline), through it (it lies before the
    surface seen there), or shows the same surface better.
    """
    sets = [view_discs(views[0], ALONE[0], steepest=ALONE[1]) if carve else view_discs(views[0])]
    for view in views[1:]:
        keep = view.depth > 0
        if carve:
            points = view.camera.unproject(view.camera.pixel_grid()[keep], view.depth[keep].astype(np.float64))
            keep = keep.copy()
            keep[keep] = _agrees(points, views[0])
        sets.append(view_discs(view, keep=keep))
    return concatenate(sets)


def _agrees(points: np.ndarray, first: View) -> np.ndarray:  # (N, 3) -> (N,) bool
    row, col, depth, inside = first.camera.cells(points)
    seen = first.depth[row, col]
    sight = first.camera.position - points
    sight /= np.linalg.norm(sight, axis=1, keepdims=True)
    clear = (first.normal[row, col] * sight).sum(1) > CLEAR
    behind = depth > seen + np.where(clear, NEAR, -NEAR / 2)
    return inside & (seen > 0) & behind
