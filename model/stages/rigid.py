"""Rigid: how a part probably moves, read from its shape, the network's guess and the drag; instant, NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from model.articulation.joint import SLIDE_LIMITS, TURN_LIMITS_RAD, Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import DragError
from model.stages.state import Motion, Part

MISS = 0.0065  # how far from the path a drag may end, as a part of the crop's side
LOOSE = 2.0  # by how much more from the side: surfaces are guesses there, and hands less sure where a part goes
CLOSING = 0.3  # cost of moving against the way that the part opens
AMOUNTS = 120  # steps in which a joint's amounts are scanned
OFFSET = 0.015  # how far a hinge usually lies from the edge, world units
TILT_DEG = 6.0  # how far a slide usually points from the estimated direction
EDGE = 0.005  # world units: how far past its outermost pixels' middles a part's edge lies
WIDE = 3.0  # cost of a radian beyond 110 degrees: few doors open further
SURE_DEG = 14.0  # how far off the network's axis usually is
SURE = 0.13  # how far off the network's hinge usually is, world units
TRUST = (0.7, 0.2)  # how far a hinge goes from the box's edge to the network's: out of the part's front, along it
BESIDE = 0.15  # world units: hinges further apart than this are not the same one
SPIN = 5.0  # cost of turning a front in its own plane: hinges lie along it
OFF_BOX = 2.5  # cost of the network's own joint: real ones lie along the object and at the part's edges
FAR = 0.1  # cost of a radian or a world unit: of two ways to the pointer, take the shorter


def upright_axes(normals: np.ndarray) -> np.ndarray:
    """Find the directions of an object's faces, (N, 3) normals; the columns of (3, 3) are across, up and out.

    Furniture stands upright and is mostly square: the horizontal normals agree on one direction modulo 90 degrees.
    """
    level = normals[np.abs(normals[:, 1]) < 0.5]
    a = np.angle(np.exp(4j * np.arctan2(level[:, 0], level[:, 2])).sum()) / 4 if len(level) else 0.0
    return np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])


def box_axes(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Find a part's own directions from its visible surface, (N, 3) points and normals.

    The columns of (3, 3) are u (across), v (up) and n (out of the surface that most normals agree on).
    """
    n = main_direction(normals)
    if abs(n[1]) > 0.9:
        n = np.array([0.0, np.sign(n[1]), 0.0])
        flat = points[:, [0, 2]].astype(np.float32)
        (_, _, angle) = cv2.minAreaRect(flat)
        a = np.deg2rad(angle)
        u = np.array([np.cos(a), 0.0, np.sin(a)])
        if abs(u[0]) < abs(u[2]):  # u runs across the picture
            u = np.array([u[2], 0.0, -u[0]])
    else:
        u = np.cross([0.0, 1.0, 0.0], n)
        u /= np.linalg.norm(u)
    return np.stack([u, np.cross(n, u), n], axis=1)


def extent(points: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two corners of the points' box along the columns of axes, without the outermost 1 %."""
    low, high = np.percentile(points @ axes, [1, 99], axis=0)
    return low, high


def within(p: np.ndarray, low: np.ndarray, high: np.ndarray, room: np.ndarray | float) -> np.ndarray:
    """Say which (N, 3) points lie in a box of two corners or at most `room` beside it, all along the same axes."""
    return np.asarray(((p >= low - room) & (p <= high + room)).all(1))


def main_direction(normals: np.ndarray) -> np.ndarray:  # (N, 3) unit
    """Return the mean of the largest bundle of normals that lie within 25 degrees of one of them."""
    some = normals[:: max(1, len(normals) // 64)]
    votes = (some @ normals.T > np.cos(np.deg2rad(25))).sum(1)
    best = some[int(np.argmax(votes))]
    mean = normals[normals @ best > np.cos(np.deg2rad(25))].mean(0)
    return np.asarray(mean / np.linalg.norm(mean), np.float64)


def likely_joints(
    points: np.ndarray,  # (N, 3) the part's visible surface, world
    normals: np.ndarray,  # (N, 3)
    upright: np.ndarray,  # (3, 3) the whole object's directions
    guess: Joint,
    turns: float,  # 0..1, how likely the part turns rather than slides
) -> tuple[tuple[Joint, ...], tuple[float, ...]]:
    """List the joints that the part's boxes allow (3 slides and 12 hinges each) and the network's own; each has a cost.

    One box lies along the object's directions, which many pixels agree on, the other along the part's own.
    """
    joints: list[Joint] = []
    for axes in (upright, box_axes(points, normals)):
        low, high = extent(points, axes)
        low, high = low - EDGE, high + EDGE
        joints += [Joint("prismatic", _along(axes[:, k], guess.axis), guess.pivot) for k in range(3)]
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            for a in (low[i], high[i]):
                for b in (low[j], high[j]):
                    pivot = axes[:, i] * a + axes[:, j] * b + axes[:, k] * (low[k] + high[k]) / 2
                    joints.append(Joint("revolute", _along(axes[:, k], guess.axis), pivot))
    joints += [Joint("prismatic", guess.axis, guess.pivot), Joint("revolute", guess.axis, guess.pivot)]
    facing = main_direction(normals)
    settled, costs = [], []
    for k, joint in enumerate(joints):
        slide = joint.kind == "prismatic"
        cost = -np.log(max(1 - turns if slide else turns, 1e-4))
        angle = np.degrees(np.arccos(min(1.0, abs(float(joint.axis @ guess.axis)))))
        cost += min(0.5 * (angle / SURE_DEG) ** 2, 8)
        if not slide:
            cost += SPIN * (abs(float(joint.axis @ facing)) > 0.8)
            offset = guess.pivot - joint.pivot
            offset = offset - joint.axis * (offset @ joint.axis)
            cost += min(0.5 * (float(np.linalg.norm(offset)) / SURE) ** 2, 8)
            if np.linalg.norm(offset) < BESIDE:
                joint = Joint("revolute", joint.axis, joint.pivot + _towards(offset, joint.axis, facing))
        if k >= len(joints) - 2:
            cost += OFF_BOX
        settled.append(joint)
        costs.append(float(cost))
    return tuple(settled), tuple(costs)


def _towards(offset: np.ndarray, axis: np.ndarray, facing: np.ndarray) -> np.ndarray:
    """Go part of the way from a box's edge to the network's hinge: their errors have nothing to do with each other."""
    out = facing - axis * (facing @ axis)
    out /= max(float(np.linalg.norm(out)), 1e-6)
    depth = out * (offset @ out)
    return np.asarray(TRUST[0] * depth + TRUST[1] * (offset - depth))


def _along(axis: np.ndarray, guess: np.ndarray) -> np.ndarray:
    return axis if axis @ guess >= 0 else -axis


@dataclass(frozen=True, eq=False)
class Aim:
    """Where a grabbed point should be seen, and by whom."""

    grab: np.ndarray  # (3,) world
    camera: Camera
    end_px: tuple[float, float]  # that camera's pixels
    scale: float = 1.0  # input view pixels for one of them, where the point is
    loose: float = 1.0  # how many times further from the path than in the input view such a drag may end

    def miss_px(self, points: np.ndarray) -> np.ndarray:
        """Return how far (K, 3) points are seen from there, (K,) input view pixels; infinite behind the camera."""
        pixels, depth = self.camera.project(points)
        miss = np.hypot(pixels[:, 0] - self.end_px[0], pixels[:, 1] - self.end_px[1])
        return np.where(depth > 1e-2, self.scale * miss, np.inf)


def aim_of(drag: Drag, grab: np.ndarray, camera: Camera) -> Aim:
    """Say what a drag asks of a grabbed point (3,): the input camera sees where it should go, or who pulled does."""
    if drag.sight is None:
        return Aim(grab, camera, drag.end_px)
    seen = drag.sight.camera
    held = np.array(drag.sight.grab)
    end, depth = seen.project(np.array(drag.sight.target))
    scale = float(camera.fx / camera.project(held)[1] * depth / seen.fx)
    ours, theirs = camera.position - held, seen.position - held
    beside = 1 - float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))  # 0 in the input view, 2 behind
    return Aim(held, seen, (float(end[0]), float(end[1])), scale, 1 + LOOSE * beside)


def motion(part: Part, grab: np.ndarray, camera: Camera, drags: Sequence[Drag], side_px: float) -> Motion:
    """Choose the joint and the amount that bring the grabbed points nearest to where the drags end.

    grab (D, 3) holds each drag's surface point; side_px is the crop's side in image pixels. Weighs each joint's cost
    against how far from its path the drags end, as seen by whoever pulled.
    """
    if all(d.length_px < 1e-6 and (d.sight is None or d.sight.grab == d.sight.target) for d in drags):
        raise DragError("The drag has no length", "Pull the part to where it should go.")
    aims = [aim_of(d, p, camera) for p, d in zip(grab, drags, strict=True)]
    options = list(zip(part.joints, part.costs, strict=True))
    scored = [_best_amount(joint, cost, aims, side_px) for joint, cost in options]
    totals = np.array([total for total, _ in scored])
    k = int(np.argmin(totals))
    joint, (best, amount) = part.joints[k], scored[k]
    for moved, extra in _nearby(joint):  # the estimate is a little off: let the drag say where
        total, a = _best_amount(moved, part.costs[k] + extra, aims, side_px)
        if total < best:
            joint, best, amount = moved, total, a
    step = 2 * _limits(joint)[1] / AMOUNTS
    near = (amount - step, amount + step)
    solved = [(a.scale, *joint.solve(a.grab, a.camera, a.end_px, near)) for a in aims]
    weights = np.exp(totals.min() - totals)
    same_kind = np.array([j.kind == joint.kind for j in part.joints])
    confidence = float(weights[same_kind].sum() / weights.sum())
    miss = float(np.mean([scale * m for scale, _, m in solved]))
    return Motion(joint, float(np.mean([a for _, a, _ in solved])), miss, confidence)


def _limits(joint: Joint) -> tuple[float, float]:
    return SLIDE_LIMITS if joint.kind == "prismatic" else TURN_LIMITS_RAD


def _best_amount(joint: Joint, cost: float, aims: Sequence[Aim], side_px: float) -> tuple[float, float]:
    """Scan a joint's amounts; returns the lowest total cost and its amount."""
    amounts = np.linspace(*_limits(joint), AMOUNTS + 1)
    miss2 = np.zeros(len(amounts))
    for aim in aims:
        miss2 += np.minimum(aim.miss_px(joint.path(aim.grab, amounts)) / aim.loose, 1e6) ** 2
    wide = 0.0 if joint.kind == "prismatic" else WIDE * np.maximum(abs(amounts) - 1.9, 0)
    total = cost + wide + miss2 / len(aims) / (2 * (MISS * side_px) ** 2) + FAR * abs(amounts) + CLOSING * (amounts < 0)
    a = int(np.argmin(total))
    return float(total[a]), float(amounts[a])


def _nearby(joint: Joint) -> list[tuple[Joint, float]]:
    """List joints close to a joint (hinges beside it, slides tilted from it), with what their distance costs."""
    across = np.cross(joint.axis, [0.0, 1.0, 0.0] if abs(joint.axis[1]) < 0.7 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    other = np.cross(joint.axis, across)
    found = []
    for i in (-2, -1, 0, 1, 2):
        for j in (-2, -1, 0, 1, 2):
            if joint.kind == "revolute":
                moved = Joint("revolute", joint.axis, joint.pivot + OFFSET * (i * across + j * other))
            else:
                tilted = joint.axis + np.tan(np.deg2rad(TILT_DEG)) * (i * across + j * other)
                moved = Joint("prismatic", tilted / np.linalg.norm(tilted), joint.pivot)
            found.append((moved, 0.5 * (i * i + j * j)))
    return found
