"""Stills: one state drawn at any size into a PNG, seen through where nothing is. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from model.progress import Progress, silent
from partrm_viewer.words import tr
from renderer.base import Renderer

LARGEST = 32768  # px a side: more than that few programs open
MOST = 128_000_000  # pixels of a picture: with transparency 512 MB, and as much again while it is written
PART = 1024  # px a side of what is drawn at a time: soon enough to be cancelled, and little memory
Ground = tuple[Camera, np.ndarray, np.ndarray]  # camera and box, lower and upper corner (3,), with up along y


@dataclass(frozen=True)
class Still:
    """How a picture is to be."""

    width: int = 1920  # px
    height: int = 1080
    background: str = "white"  # of export.BACKGROUNDS
    samples: int = 1  # each side of a pixel is drawn as so many

    @property
    def refused(self) -> str:
        """Say why this picture is not made; nothing where it is."""
        if not 1 <= min(self.width, self.height) <= max(self.width, self.height) <= LARGEST:
            return tr("A side has 1 to {largest:,} pixels.").format(largest=LARGEST)
        if self.width * self.height > MOST:
            return tr("Too many pixels to be held in memory: {most} million at most.").format(most=MOST // 10**6)
        return ""


def draw(
    still: Still,
    gaussians: Gaussians,
    camera: Camera,
    renderer: Renderer,
    ground: Ground | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Draw a picture, (H, W, 3 | 4) uint8; with alpha, straight, where its background is transparent."""
    from partrm_viewer.export import BACKGROUNDS  # late, as the next: OpenCV takes its time
    from renderer.capture import still as draw_still
    from renderer.overlay import draw_ground

    size, behind = (still.width, still.height), BACKGROUNDS[still.background]
    picture = draw_still(renderer, gaussians, camera, size, behind, still.samples, PART, progress)
    return picture if ground is None else draw_ground(picture, ground[0].fitted(*size), *ground[1:])


def save(path: Path, picture: np.ndarray, progress: Progress = silent) -> Path:
    """Write a picture as PNG, whole or not at all; returns the path. Raises FormatError."""
    from renderer.capture import write_png

    progress(1.0, tr("Writing {name}").format(name=path.name))  # the last moment to stop
    return write_png(path, picture)
