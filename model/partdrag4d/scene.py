"""Scene and Buffers: one articulated object ready to be traced, and what tracing it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera

BOX, ROUND = 0, 1  # kinds of primitive; a box may have a round hole, a round one may be a tube or a cone
OUTSIDE = 255  # link id of pixels that show nothing


@dataclass(frozen=True, eq=False)
class Primitives:
    """Boxes and round things at the zero pose, in world units; local axes are the columns of axes.

    A box fills ±half; param[0] > 0 is the radius of a round hole along its local z. A round one has radius half[0]
    and height ±half[1] along its local y; param[0] > 0 hollows it to that inner radius, its radius grows by
    param[1] a unit of y.
    """

    kind: np.ndarray  # (P,) int32, BOX or ROUND
    link: np.ndarray  # (P,) int32, 0 = body, 1.. = movable parts
    material: np.ndarray  # (P,) int32, row of Scene.materials
    grain: np.ndarray  # (P,) int32, local axis along which wood grows
    seed: np.ndarray  # (P,) int32, shifts the texture
    centre: np.ndarray  # (P, 3) float64
    axes: np.ndarray  # (P, 3, 3) float64
    half: np.ndarray  # (P, 3) float64
    param: np.ndarray  # (P, 2) float64


@dataclass(frozen=True, eq=False)
class Scene:
    """An object with movable parts in front of camera 0; everything is in the world frame of the cameras."""

    category: str
    primitives: Primitives
    materials: np.ndarray  # (M, 12) float64, see textures.py
    joints: tuple[Joint, ...]  # of links 1, 2, ..
    limits: np.ndarray  # (L, 2) float64, lowest and highest amount of each movable part
    rest: np.ndarray  # (L,) float64, where the parts that do not move stand
    moving: int  # the link that moves in this sample, 1..L
    amounts: np.ndarray  # (6,) float64, the states of the moving part
    source: int  # the state before the drag
    target: int  # the state after it
    cavity: np.ndarray  # (10,) float64, object units: low xyz, high xyz, axis it opens along, depth of its gaps,
    # radius of a round body at y = 0 (0 = a box) and its growth a unit of y
    fronts: np.ndarray  # (L, 4) float64, object units: x0, x1, y0, y1 of the part that closes a gap when shut
    lights: np.ndarray  # (16,) float64, see tracer.py
    T_world_object: np.ndarray  # (4, 4) float64, with the scale in it
    scale: float  # world units per object unit
    camera0: Camera

    def poses(self, amount: float) -> np.ndarray:
        """Return T_world of every link, (L + 1, 4, 4), with the moving part at amount and the others at rest."""
        poses = np.empty((len(self.joints) + 1, 4, 4))
        poses[0] = np.eye(4)
        for k, joint in enumerate(self.joints):
            poses[k + 1] = joint.transform(amount if k + 1 == self.moving else float(self.rest[k]))
        return poses


@dataclass(frozen=True, eq=False)
class Buffers:
    """What V cameras see, S² pixels each."""

    rgb: np.ndarray  # (V, S, S, 3) float32, 0..1, premultiplied over black
    alpha: np.ndarray  # (V, S, S) float32, coverage
    depth: np.ndarray  # (V, S, S) float32, world units along the view axis, 0 = nothing
    normal: np.ndarray  # (V, S, S, 3) float32, unit, world, facing the camera
    link: np.ndarray  # (V, S, S) uint8, OUTSIDE = nothing

    @property
    def on_white(self) -> np.ndarray:
        """Return the pictures on white, (V, S, S, 3) float32, 0..1."""
        return np.clip(self.rgb + 1 - self.alpha[..., None], 0, 1)
