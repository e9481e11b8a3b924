"""Surface points: the same places of an object in every state, and which of them a view sees."""

from __future__ import annotations

import numpy as np

from model.camera import Camera
from model.partdrag4d.articulated import ArticulatedObject, Samples
from model.partdrag4d.states import seed_of

COUNT = 10_000
FOOTPRINTS = 2.0  # a point that lies deeper than this many pixels' width behind what is seen is hidden


def sampled(made: ArticulatedObject, mesh: str, seed: int) -> Samples:
    """Return COUNT points on an object's surface at the zero pose: its own where it has them, else drawn by area."""
    if made.samples is not None:
        return made.samples
    corners = np.concatenate([p.vertices[p.faces] for p in made.pieces])  # (F, 3, 3)
    links = np.concatenate([np.full(len(p.faces), p.link) for p in made.pieces])
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.linalg.norm(np.cross(a, b), axis=1)
    rng = np.random.default_rng([seed, seed_of(mesh)])
    faces = np.searchsorted(np.cumsum(areas) / areas.sum(), rng.random(COUNT), side="right")
    faces = np.minimum(faces, len(areas) - 1)
    u, v = rng.random((2, COUNT, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)  # the square's other half folded onto ours
    return Samples(corners[faces, 0] + u * a[faces] + v * b[faces], links[faces])


def moved(samples: Samples, poses: np.ndarray) -> np.ndarray:  # (L + 1, 4, 4)
    """Return where the points are when the links stand at these poses, (P, 3) world."""
    T = poses[samples.links]
    return np.asarray((T[:, :3, :3] @ samples.points[..., None])[..., 0] + T[:, :3, 3])


def visible(points: np.ndarray, camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Return the indices of the (P, 3) points that a camera sees, (V,) int64; depth (S, S) is its map, 0 = nothing."""
    size = len(depth)
    camera = camera.resized(size, size)
    row, column, away, inside = camera.cells(points)
    seen = depth[row, column]
    return np.flatnonzero(inside & (seen > 0) & (away > 0) & (away <= seen + FOOTPRINTS * away / camera.fx))
