"""Joint: the one way a part can move; its amount is read from a drag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.camera import Camera

TURN_LIMITS_RAD = (-2.4, 2.4)  # how far a part is taken to move at most
SLIDE_LIMITS = (-0.9, 0.9)  # world units; the object is about one unit large


@dataclass(frozen=True, eq=False)
class Joint:
    """A prismatic joint slides along axis (world units); a revolute one turns about axis through pivot (radians)."""

    kind: Literal["prismatic", "revolute"]
    axis: np.ndarray  # (3,) float64, unit, world
    pivot: np.ndarray  # (3,) float64, a point on the axis, world; unused by a prismatic joint

    def transform(self, amount: float) -> np.ndarray:
        """Return the rigid (4, 4) motion from amount 0 to this amount (world units or radians)."""
        T = np.eye(4)
        if self.kind == "prismatic":
            T[:3, 3] = amount * self.axis
            return T
        x, y, z = self.axis
        K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        T[:3, :3] = np.eye(3) + np.sin(amount) * K + (1 - np.cos(amount)) * K @ K  # Rodrigues
        T[:3, 3] = self.pivot - T[:3, :3] @ self.pivot
        return T

    def path(self, point: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        """Follow a (3,) world point through (K,) amounts; returns (K, 3)."""
        if self.kind == "prismatic":
            return point + amounts[:, None] * self.axis
        r = point - self.pivot
        along = self.axis * (r @ self.axis)
        radial = r - along
        return (
            self.pivot
            + along
            + np.cos(amounts)[:, None] * radial
            + np.sin(amounts)[:, None] * np.cross(self.axis, radial)
        )

    def solve(
        self, grab: np.ndarray, camera: Camera, end_px: tuple[float, float], limits: tuple[float, float]
    ) -> tuple[float, float]:
        """Find the amount whose path brings the (3,) world point grab nearest to a pixel.

        Returns the amount and the distance left over in pixels. Scans the path, then refines by two zooms.
        """
        low, high = limits
        for _ in range(3):
            amounts = np.linspace(low, high, 65)
            pixels, depth = camera.project(self.path(grab, amounts))
            miss = np.where(depth > 1e-3, np.hypot(pixels[:, 0] - end_px[0], pixels[:, 1] - end_px[1]), np.inf)
            best = int(np.argmin(miss))
            step = amounts[1] - amounts[0]
            low, high = max(limits[0], amounts[best] - step), min(limits[1], amounts[best] + step)
        return float(amounts[best]), float(miss[best])
