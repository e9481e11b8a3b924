"""Reconstruct: slopes are covered, and guesses stay behind the outline that the image shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from model.stages import reconstruct
from model.stages.state import View
from renderer.cpu import CpuRenderer

SIZE = 64


def plane(camera: Camera, normal: np.ndarray, wide: float = 0.35) -> View:
    """See a square of a plane through the world's origin."""
    sight = camera.unproject(camera.pixel_grid(), 1.0) - camera.position
    depth = -(camera.position @ normal) / (sight @ normal)
    points = camera.unproject(camera.pixel_grid(), depth)
    there = (depth > 0) & (np.abs(points).max(2) < wide)
    shape = (*there.shape, 3)
    normals = np.broadcast_to(normal.astype(np.float32), shape)
    return View(camera, np.full(shape, 0.2, np.float32), np.where(there, depth, 0).astype(np.float32), normals)


def cover(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    return np.asarray(CpuRenderer().render(gaussians, camera).colour)[..., 3]


def test_a_top_seen_almost_from_its_edge_is_no_row_of_slats_from_above() -> None:
    low, above = (Camera.orbit(0, e, 2.0, 35, s, s) for e, s in ((10, SIZE), (80, 128)))
    view = plane(low, np.array([0.0, 1.0, 0.0]))
    covered = cover(reconstruct.view_discs(view), above)[40:88, 40:88]
    assert covered.mean() > 0.8 and covered.min() > 0.6  # the slats had nothing between them


def test_no_bridge_is_built_between_two_steps_of_a_stair() -> None:
    camera = Camera.orbit(0, 0, 2.0, 35, SIZE, SIZE)
    front = plane(camera, np.array([0.0, 0.0, 1.0]))
    depth = front.depth.copy()
    depth[:, : SIZE // 2] += np.where(depth[:, : SIZE // 2] > 0, 0.1, 0).astype(np.float32)
    stair = replace(front, depth=depth)
    assert len(reconstruct.view_discs(stair)) == (depth > 0).sum()


def test_a_side_that_is_guessed_a_little_too_far_out_begins_behind_the_front() -> None:
    camera = Camera.orbit(0, 0, 2.0, 35, 256, 256)
    first = plane(camera, np.array([0.0, 0.0, 1.0]))
    edge, behind = 0.35, np.linspace(-0.4, -0.06, 30)
    points = np.array([[x, 0.0, z] for x in (edge + 0.012, edge + 0.1) for z in behind])
    moved = reconstruct.tucked(points, first)
    pixels, depth = camera.project(moved)
    column = np.flatnonzero(first.depth[128])[-1]
    near = np.r_[27:30]  # farther back, perspective has them inside anyway
    assert (pixels[near, 0] < column).all() and (column - pixels[near, 0] < 3).all()
    np.testing.assert_allclose(depth, camera.project(points)[1], atol=1e-9)
    np.testing.assert_array_equal(moved[30:33], points[30:33])  # far outside: another matter


def test_thin_things_keep_their_guesses_where_they_are() -> None:
    camera = Camera.orbit(0, 0, 2.0, 35, 256, 256)
    view = plane(camera, np.array([0.0, 0.0, 1.0]))
    depth = np.zeros_like(view.depth)
    depth[60:200, 128:130] = view.depth[60:200, 128:130]  # a leg of two pixels
    points = camera.unproject(np.array([[128.5, 100.5], [129.5, 150.5]]), np.array([2.2, 2.2]))
    np.testing.assert_array_equal(reconstruct.tucked(points, replace(view, depth=depth)), points)
