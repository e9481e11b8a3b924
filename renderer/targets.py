"""Targets: pictures drawn out of sight by OpenGL, then laid over the whole frame buffer by a fragment shader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from vispy import gloo

from model.camera import Camera
from renderer.difference import CLEAR, FAINT, GREYED, MOST, heat_colours
from renderer.splat_layer import CORNERS

SHADERS = Path(__file__).parent / "shaders"
Paint = Callable[[Camera], None]


class Target:
    """Draws one picture or more with as many pixels as wanted; `fragment` reads them by their names."""

    def __init__(self, fragment: str, names: Sequence[str]) -> None:
        self.program = gloo.Program((SHADERS / "picture.vert").read_text(), (SHADERS / fragment).read_text())
        self.program["a_corner"] = gloo.VertexBuffer(CORNERS)
        self._names = names
        self._pictures: list[gloo.FrameBuffer] = []

    def draw(self, paints: Sequence[Paint], camera: Camera, coarseness: int = 1) -> None:
        """Draw each picture with 1 / coarseness of the camera's pixels a side; paints are given that smaller camera."""
        small = camera.resized(-(-camera.width // coarseness), -(-camera.height // coarseness))
        shape = (small.height, small.width)
        if not self._pictures or self._pictures[0].shape != shape:
            self._pictures = []
            for name in self._names:
                picture = gloo.Texture2D((*shape, 4), interpolation="linear", internalformat="rgba8")
                self._pictures.append(gloo.FrameBuffer(picture))
                self.program[name] = picture
        for picture, paint in zip(self._pictures, paints, strict=True):
            with picture:
                gloo.set_viewport(0, 0, small.width, small.height)
                paint(small)
        gloo.set_viewport(0, 0, camera.width, camera.height)
        gloo.set_state(preset=None, depth_test=False, cull_face=False, blend=False)
        self.program.draw("triangle_strip")


def coarse_target() -> Target:
    """Make a target for one picture of fewer pixels, which is stretched."""
    return Target("picture.frag", ("u_picture",))


def difference_target() -> Target:
    """Make a target for two pictures, of which it shows where they differ (see renderer.difference)."""
    target = Target("difference.frag", ("u_shown", "u_other"))
    colours = heat_colours().astype(np.float32)[None] / 255.0
    target.program["u_colours"] = gloo.Texture2D(colours, interpolation="linear", internalformat="rgb32f")
    target.program["u_steps"] = (FAINT, CLEAR, MOST)
    target.program["u_greyed"] = GREYED
    return target
