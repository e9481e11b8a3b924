"""What lies on the arrows of the picture: states of the object, its parts, and predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.gaussians import Gaussians


@dataclass(frozen=True, eq=False)
class View:
    """What one square camera sees of the object's surface; depth 0 where there is nothing."""

    camera: Camera
    rgb: np.ndarray  # (S, S, 3) float32, 0..1, straight
    depth: np.ndarray  # (S, S) float32, along the view axis, world units
    normal: np.ndarray  # (S, S, 3) float32, unit, world


@dataclass(frozen=True, eq=False)
class State:
    """One state of the object: its Gaussians and what the input camera sees of it."""

    image: np.ndarray  # (H, W, 3) uint8, on white; the photo, or a picture of a predicted state
    mask: np.ndarray  # (H, W) bool, where the object is in the image
    camera: Camera  # the input camera at the image's size
    crop: Camera  # the same view cut to the square that the networks see
    gaussians: Gaussians
    predicted: bool = False  # or seen in a photo
    notes: tuple[str, ...] = ()  # what makes it doubtful, in words for the user: see doubts.py


@dataclass(frozen=True)
class Click:
    """A place in the image that belongs to the part, or does not."""

    at_px: tuple[float, float]  # image pixels
    adds: bool = True


@dataclass(frozen=True, eq=False)
class Outline:
    """One answer to the question which pixels belong to the part under some clicks."""

    mask: np.ndarray  # (H, W) bool, image pixels
    score: float  # 0..1, how sure the network is
    logits: np.ndarray | None = None  # (4G, 4G) float32, SAM's own, from which it goes on when there are more clicks


@dataclass(frozen=True, eq=False)
class Part:
    """The part under a click: its pixels in the input view and its Gaussians."""

    click_px: tuple[float, float]  # image pixels
    mask: np.ndarray  # (H, W) bool, image pixels
    splats: np.ndarray  # (N,) bool, which of the state's Gaussians
    grab: np.ndarray  # (3,) float64, the clicked surface point, world
    score: float  # 0..1, how sure the network is
    joints: tuple[Joint, ...] = ()  # how it may move
    costs: tuple[float, ...] = ()  # of each joint: minus the log of how likely it looks, before any drag
    clicks: tuple[Click, ...] = ()  # what its outlines were asked with
    outlines: tuple[Outline, ...] = ()  # to choose from; the mask is one of them, unless it was painted
    by_hand: bool = False  # the user has changed it: a new press on it must not find another one


@dataclass(frozen=True, eq=False)
class Motion:
    """How a part moves under a drag; what the rigid preview shows."""

    joint: Joint
    amount: float  # world units or radians
    miss_px: float  # how far the grabbed point stays from the drag's end, image pixels
    confidence: float  # 0..1

    @property
    def T(self) -> np.ndarray:
        """Return the rigid (4, 4) transform from the rest state to the moved one."""
        return self.joint.transform(self.amount)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The next state, with the part and its rigid motion where the predictor knows them."""

    state: State
    part: Part | None = None
    motion: Motion | None = None
    times_s: dict[str, float] = field(default_factory=dict)  # stage -> seconds
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each
