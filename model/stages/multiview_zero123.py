"""Multiview by Zero123++: pictures of the object's other sides, drawn by a diffusion network, on white."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from model import weights
from model.camera import Camera
from model.errors import ImageError
from model.network.drag_embedding import FRAME
from model.network.partrm_input import FOV_Y_DEG, RADIUS, normalised, partdrag4d_cameras
from model.network.precision import fastest_dtype
from model.network.zero123 import STEPS, Zero123, seeded
from model.network.zero123_input import WHITE
from model.network.zero123_load import load_zero123
from model.progress import Progress, silent
from model.published.catalogue import CATALOGUE
from model.stages.frame import elevation_deg, window_of
from model.stages.multiview import cut
from model.stages.segment import object_mask
from model.stages.state import State

NEAR_WHITE = 245  # PartRM's rule: a pixel with every channel at least this is background
AZIMUTHS_DEG = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)  # of v1.2's tiles, from the input's on
ELEVATIONS_DEG = (20.0, -10.0, 20.0, -10.0, 20.0, -10.0)  # of v1.2's tiles, whatever the input's


@dataclass(frozen=True, eq=False)
class Sides:
    """What cameras beside the input's see of the object; in the frame in which that stands at (0, 0, RADIUS)."""

    cameras: tuple[Camera, ...]
    pictures: np.ndarray  # (V, FRAME, FRAME, 3) float32, 0..1, on white

    def three(self) -> Sides:
        """Choose PartRM's views 1 to 3: of a fine-tune's the first three, of v1.2's those least far from the front.

        PartRM was trained with azimuths up to 98 degrees, so that 330 is nearer to what it knows than 150.
        """
        tiles = [0, 1, 5] if len(self.cameras) == len(AZIMUTHS_DEG) else [0, 1, 2]
        return Sides(tuple(self.cameras[k] for k in tiles), self.pictures[tiles])


def draw_sides(
    image: np.ndarray,  # (H, W, 3) uint8
    mask: np.ndarray,  # (H, W) bool, the object
    window: tuple[float, float, float],
    network: Zero123,
    elevation_deg: float,  # from which the image was taken; v1.2's views stand level with the ground, not with it
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress = silent,
) -> Sides:
    """Draw the other sides of the object in the square window: three with a fine-tune, six with vanilla v1.2.

    The same seed gives the same pictures. Raises ImageError where there is no object, Cancelled from progress.
    """
    rgb, cover = cut(image, mask, window, FRAME)
    if not cover.any():
        raise ImageError("No object in the image", "Draw a box round the object.")
    straight = rgb / np.maximum(cover, 1e-3)[..., None]
    picture = np.round(np.dstack([straight, cover]).clip(0, 1) * 255).astype(np.uint8)
    tiles = network.draw(picture, seeded(seed), steps, progress=progress)
    if network.parts.background == WHITE:  # a fine-tune: its tile k is the data set's view k + 1
        return Sides(tuple(partdrag4d_cameras(FRAME)[1:]), np.stack([whitened(enlarged(t)) for t in tiles[:3]]))
    pictures = np.stack([on_white(enlarged(tile)) for tile in tiles])
    return Sides(vanilla_cameras(elevation_deg), pictures)


def vanilla_cameras(elevation_deg: float, size: int = FRAME) -> tuple[Camera, ...]:
    """Return the cameras of v1.2's six tiles, for an input taken from that elevation.

    All look at the object from the same distance. The lens is the one that PartRM gives to every ray; that v1.2 draws
    through 30 degrees only makes its perspective flatter, as the mismatch in PartRM's own training data does.
    """
    places = [(0.0, elevation_deg), *zip(AZIMUTHS_DEG, ELEVATIONS_DEG, strict=True)]
    return tuple(normalised([Camera.orbit(a, e, RADIUS, FOV_Y_DEG, size, size) for a, e in places])[1:])


def enlarged(tile: np.ndarray) -> np.ndarray:
    """Resize a square picture (S, S, 3) and round it to 8 bits, as PartRM stores it; (FRAME, FRAME, 3) uint8."""
    large = cv2.resize(tile, (FRAME, FRAME), interpolation=cv2.INTER_LINEAR)
    return (large * 255 + 0.5).clip(0, 255).astype(np.uint8)


def whitened(picture: np.ndarray) -> np.ndarray:
    """Make an (S, S, 3) uint8 picture's nearly white background white; float32, 0..1."""
    background = (picture >= NEAR_WHITE).all(axis=2, keepdims=True)
    return np.where(background, 1.0, picture / 255).astype(np.float32)


def on_white(picture: np.ndarray) -> np.ndarray:
    """Cut an object out of its plain background, (S, S, 3) uint8, and lay it on white; float32, 0..1."""
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    try:
        mask = object_mask(np.concatenate([picture, opaque], axis=2))
    except ImageError:  # a side from which there is nothing to be seen
        mask = np.zeros(picture.shape[:2], bool)
    return np.where(mask[..., None], picture / 255, 1.0).astype(np.float32)


def open_sides(weights_name: str, device: torch.device) -> SidesDrawer:
    """Return what draws the sides for a PartRM: with the fine-tune of its name where that is here, else with v1.2.

    Read when it is first needed. Raises WeightsError where Zero123++ is not on this computer.
    """
    folder = weights.find("zero123plus")
    entry = next((e for e in CATALOGUE if e.name == f"zero123_{weights_name}"), None)
    finetuned = weights.place(entry) if entry is not None and weights.status(entry).state == "present" else None
    dtype = fastest_dtype(device, torch.float16)
    return SidesDrawer(lambda progress: load_zero123(folder, finetuned, device, dtype, progress=progress))


class SidesDrawer:
    """Draw the sides of what states show; the network is opened when it is first needed."""

    def __init__(self, opened: Callable[[Progress], Zero123], steps: int = STEPS, seed: int = 0) -> None:
        """Take what opens the network, and how to draw with it."""
        self.opened, self.steps, self.seed = opened, steps, seed
        self.network: Zero123 | None = None

    def __call__(self, state: State, progress: Progress = silent) -> Sides:
        """Return the sides of what a state's image shows; see draw_sides."""
        begun = 0.0
        if self.network is None:
            begun = 0.3
            self.network = self.opened(lambda f, what: progress(begun * f, what))
        window, elevation = window_of(state.camera, state.crop), elevation_deg(state.crop)

        def rest(fraction: float, what: str) -> None:
            progress(begun + (1 - begun) * fraction, what)

        return draw_sides(state.image, state.mask, window, self.network, elevation, self.steps, self.seed, rest)
