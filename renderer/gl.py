"""OpenGL without a window or a display: what draws pictures for files on a computer with a graphics card."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import vispy
from vispy import gloo

from model.camera import Camera
from model.errors import RendererError
from model.gaussians import Gaussians
from renderer.base import NEAR, Frame, is_software, mean_depth
from renderer.splat_layer import SplatLayer, device_name

HINT = "On Linux install libegl1 libgl1 libgl1-mesa-dri; elsewhere use the window or the CPU renderer."


@contextmanager
def environment(**wanted: str) -> Iterator[None]:
    """Set what is not set yet for the time of the block: child processes should not inherit our choice of platform."""
    added = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


class GlRenderer:
    """Renders with OpenGL into memory, at any size, without a window or a display.

    Opens an EGL context of its own; all calls belong to the thread that made it. A process that already shows an
    OpenGL window cannot have a second kind of context on that thread: RendererError says so, and the CPU renderer does
    the job.
    """

    name = "gl"

    def __init__(self, near: float = NEAR) -> None:
        from vispy.app import Canvas, _default_app

        running = _default_app.default_app
        if running is not None and running.backend_name != "egl":
            raise RendererError(
                "OpenGL is busy with the window.", "Pictures are drawn by the CPU renderer in this process."
            )
        try:
            with environment(EGL_PLATFORM="surfaceless", PYOPENGL_PLATFORM="egl"):
                vispy.use(app="egl", gl="gl+")
                self._canvas = Canvas(size=(16, 16), show=False)
                self._canvas.set_current()
            self.device = device_name()
            self.software = is_software(self.device)
            self._largest = int(gloo.gl.glGetParameter(gloo.gl.GL_MAX_TEXTURE_SIZE))
        except (RuntimeError, OSError, AttributeError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RendererError(f"OpenGL cannot be opened without a window ({reason}).", HINT) from error
        self.layer = SplatLayer(near)
        self._target: gloo.FrameBuffer | None = None

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        """Draw one frame at the camera's size; blended in float32, so as exact as the CPU renderer's."""
        if max(camera.width, camera.height) > self._largest:
            raise RendererError(
                f"{camera.width} × {camera.height} pixels are too many for this OpenGL.",
                f"Stay within {self._largest} a side, or use the CPU renderer.",
            )
        self.make_current()
        self.layer.set_gaussians(gaussians)
        colour = self._draw(camera, depth_only=False)
        weighted = self._draw(camera, depth_only=True)
        return Frame(colour, mean_depth(colour, weighted[..., 0]))

    def make_current(self) -> None:
        """Make this renderer's OpenGL context the thread's current one."""
        self._canvas.set_current()

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._canvas.close()

    def _draw(self, camera: Camera, depth_only: bool) -> np.ndarray:
        shape = (camera.height, camera.width)
        if self._target is None or self._target.shape != shape:
            self._target = gloo.FrameBuffer(gloo.Texture2D((*shape, 4), format="rgba", internalformat="rgba32f"))
        with self._target:
            gloo.set_viewport(0, 0, camera.width, camera.height)
            gloo.clear(color=(0.0, 0.0, 0.0, 0.0), depth=False)
            self.layer.draw(camera, depth_only=depth_only)
            pixels = gloo.read_pixels((0, 0, camera.width, camera.height), out_type=np.float32)
        return np.ascontiguousarray(pixels, dtype=np.float32)
