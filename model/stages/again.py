"""Again: find a part that was pulled in one state in another state of the same photo, to do the pull once more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import DragError
from model.stages.state import Motion, Part, State

PLACES = 200  # of a part's Gaussians, enough to tell how it has moved
APART = 0.02  # world units: a Gaussian that misses its part's motion by more has gone elsewhere
WHOLE = 0.6  # of its Gaussians must not have, or it is no part any more
ROUNDS = 20  # of the fit
NEAR = 0.012  # world units: an added Gaussian this near to where one of the part's lay belongs to it
GONE = DragError("Its part is not whole any more", "Another pull has taken some of it along.")


@dataclass(frozen=True, eq=False)
class Held:
    """A part as it was when it was pulled, with as little as it takes to find it again.

    A prediction that moves Gaussians keeps the photo's own first and in their order: they tell what belongs to the
    part. What predictions have added is told by where it lay.
    """

    click_px: tuple[float, float]  # image pixels
    grab: np.ndarray  # (3,) float64, world
    corner_px: tuple[int, int]  # of its pixels' box in the image, x and y
    mask: np.ndarray  # (h, w) bool, its pixels in that box
    splats: np.ndarray  # (O,) bool, which of the photo's own Gaussians; O is 0 where the state was drawn anew
    places: np.ndarray  # (K, 3) float32, where some of those lay
    added: np.ndarray  # (M, 3) float32, where its other Gaussians lay


def hold(part: Part, state: State, rest: State) -> Held:
    """Keep what it takes to find a part of a state again; rest is the photo's own state."""
    rows, columns = np.flatnonzero(part.mask.any(1)), np.flatnonzero(part.mask.any(0))
    box = np.s_[:0, :0] if not len(rows) else np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = (int(columns[0]), int(rows[0])) if len(rows) else (0, 0)
    own = len(rest.gaussians) if _keeps(state, rest) else 0
    splats, positions = part.splats[:own].copy(), state.gaussians.positions
    added = positions[own:][part.splats[own:]] if own else positions[:0]
    return Held(part.click_px, part.grab, corner, part.mask[box].copy(), splats, positions[_some(splats)], added)


def found(held: Held, state: State, rest: State) -> tuple[Part, np.ndarray] | None:
    """Find a part in another state, and the rigid (4, 4) motion that took it there.

    None where the state was drawn anew, so that no Gaussian is what it was. Raises DragError where the part has come
    apart.
    """
    if not held.splats.any() or not _keeps(state, rest):
        return None
    own, positions = len(held.splats), state.gaussians.positions
    now = positions[_some(held.splats)]
    T = rigid_fit(held.places, now)
    if (_miss(held.places, now, T) < APART).mean() < WHOLE:
        raise GONE
    splats = np.concatenate([held.splats, _near(positions[own:], _moved(held.added, T))])
    mask = np.zeros_like(state.mask)
    (x, y), (h, w) = held.corner_px, held.mask.shape
    mask[y : y + h, x : x + w] = held.mask
    return Part(held.click_px, mask, splats, _moved(held.grab[None], T)[0], 1.0), T


def carried(motion: Motion, T: np.ndarray) -> Motion:
    """Take a motion along with a part that has gone through a rigid (4, 4) motion."""
    joint = motion.joint
    return replace(motion, joint=Joint(joint.kind, T[:3, :3] @ joint.axis, T[:3, :3] @ joint.pivot + T[:3, 3]))


def with_amount(motion: Motion, drag: Drag, held: Held, camera: Camera, amount: float) -> tuple[Motion, Drag]:
    """Move a part by another amount of its joint; the drag then ends where the grabbed point comes to lie."""
    end, _ = camera.project(motion.joint.path(held.grab, np.array([amount])))
    return replace(motion, amount=amount, miss_px=0.0), Drag(drag.start_px, (float(end[0, 0]), float(end[0, 1])))


def rigid_fit(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Find the rigid (4, 4) motion that most points a (K, 3) follow to b, whatever the others do.

    Kabsch (1976), the points weighted anew each round by one over how far off they are: parts overlap a little at their
    borders, and what lies there may have gone with another one.
    """
    weights, T = np.ones(len(a)), np.eye(4)
    for _ in range(ROUNDS):
        w = (weights / weights.sum())[:, None]
        middle, other = (w * a).sum(0), (w * b).sum(0)
        u, _, vt = np.linalg.svd((w * (a - middle)).T @ (b - other))
        turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
        T[:3, :3] = vt.T @ turn @ u.T
        T[:3, 3] = other - T[:3, :3] @ middle
        weights = 1 / np.maximum(_miss(a, b, T), 1e-6)
    return T


def _miss(a: np.ndarray, b: np.ndarray, T: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(_moved(a, T) - b, axis=1))


def _keeps(state: State, rest: State) -> bool:
    """Tell whether a state's first Gaussians are the photo's own."""
    own = rest.gaussians.opacities
    return np.array_equal(state.gaussians.opacities[: len(own)], own)


def _some(splats: np.ndarray) -> np.ndarray:
    there = np.flatnonzero(splats)
    return there[np.linspace(0, len(there) - 1, min(PLACES, len(there))).astype(int)]


def _moved(points: np.ndarray, T: np.ndarray) -> np.ndarray:
    return np.asarray(points @ T[:3, :3].T + T[:3, 3])


def _near(points: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Say which points (N, 3) lie in the same cell of a grid as one of some others (M, 3), or in one beside it."""
    around = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3)
    cells = np.floor(of / NEAR).astype(np.int64)[:, None] + around
    weights = np.array([1 << 42, 1 << 21, 1])
    return np.isin(np.floor(points / NEAR).astype(np.int64) @ weights, cells.reshape(-1, 3) @ weights)
