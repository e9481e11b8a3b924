"""OpenGL through vispy.gloo: the live view's splats, and a renderer without a window."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import vispy
from vispy import gloo

from model.camera import Camera
from model.errors import RendererError
from model.gaussians import Gaussians, matrix_from_quaternion
from renderer.base import Frame
from renderer.harmonics import colours_seen_from
from renderer.sort import depth_order

SHADERS = Path(__file__).parent / "shaders"
NEAR = 0.01  # world units, as renderer/kernels.py
PER_ROW = 1024  # splats in one row of the textures; the shader has the same number
CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)


class SplatLayer:
    """Splats that draw themselves into whatever OpenGL context is current.

    `vispy.use(gl="gl+")` must have been called before the first canvas. All methods belong to the context's thread;
    the setters only note what changed, `draw` uploads it.
    """

    def __init__(self) -> None:
        self._program = gloo.Program((SHADERS / "splat.vert").read_text(), (SHADERS / "splat.frag").read_text())
        self._program["a_corner"] = gloo.VertexBuffer(CORNERS)
        self._indices = gloo.VertexBuffer(np.zeros(1, np.float32), divisor=1)
        self._program["a_index"] = self._indices
        self._program["u_near"] = NEAR
        self._gaussians: Gaussians | None = None
        self._parts: np.ndarray | None = None  # (N,) uint8
        self._transforms = np.eye(4, dtype=np.float32)[None]  # (P, 4, 4)
        self._stale_splats = False
        self._stale_palette = True
        self._sorted_for: np.ndarray | None = None  # (P, 4) the rows the order was made for
        self._seen_from: np.ndarray | None = None  # (3,) where the colours were seen from; None: not uploaded
        self.set_highlight(None)

    def set_gaussians(self, gaussians: Gaussians) -> None:
        """Show these Gaussians; parts are kept if their number still fits, else dropped."""
        if gaussians is self._gaussians:
            return
        if self._parts is not None and len(self._parts) != len(gaussians):
            self._parts, self._stale_palette = None, True
        self._gaussians, self._stale_splats, self._sorted_for, self._seen_from = gaussians, True, None, None

    def set_parts(self, index: np.ndarray | None, transforms: np.ndarray | None = None) -> None:
        """Move parts rigidly without uploading the splats again.

        index: (N,) uint8, which transform each splat takes; None puts everything back. transforms: (P, 4, 4), rigid,
        world to world; None leaves all parts in place. Pass the same index object again to change transforms alone.
        """
        if index is not self._parts:
            assert index is None or (self._gaussians is not None and index.shape == (len(self._gaussians),))
            self._parts, self._stale_splats = index, True
        count = 1 if index is None or not len(index) else int(index.max()) + 1
        moved = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
        if index is not None and transforms is not None:
            assert len(transforms) >= count, (len(transforms), count)
            moved = np.asarray(transforms, np.float32)
        if moved.shape != self._transforms.shape or not np.array_equal(moved, self._transforms):
            self._transforms, self._stale_palette, self._seen_from = moved, True, None

    def set_highlight(
        self, part: int | None, colour: Sequence[float] = (1.0, 0.62, 0.0), strength: float = 0.5
    ) -> None:
        """Tint the splats of one part towards a colour (0..1); None tints nothing."""
        self._program["u_highlight"] = -1.0 if part is None else float(part)
        self._program["u_tint"] = (*colour, strength)

    def draw(self, camera: Camera, background: Sequence[float] | None = None, depth_only: bool = False) -> None:
        """Draw into the current frame buffer and viewport, whose size in pixels the camera's should be.

        background: r, g, b to clear to first; None draws over what is there. depth_only writes each splat's depth along
        the view axis in place of its colour (for float frame buffers).
        """
        gloo.set_state(preset=None, depth_test=False, cull_face=False, blend=True)
        gloo.set_blend_func("one", "one_minus_src_alpha")
        gloo.set_blend_equation("func_add")
        if background is not None:
            gloo.clear(color=(*background, 1.0), depth=False)
        if self._gaussians is None or not len(self._gaussians):
            return
        view = np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world
        self._upload(camera, view)
        program = self._program
        program["u_view"] = view.T.astype(np.float32)
        program["u_lens"] = (camera.fx, camera.fy, camera.cx, camera.cy)
        program["u_size"] = (camera.width, camera.height)
        program["u_depth_only"] = float(depth_only)
        program.draw("triangle_strip")

    def _upload(self, camera: Camera, view: np.ndarray) -> None:
        g = self._gaussians
        assert g is not None
        program = self._program
        if self._stale_splats:
            program["u_splats"] = texture(splat_texels(g, self._parts))
            program["u_antialiased"] = float(g.antialiased)
            self._stale_splats = False
        if self._stale_palette:
            program["u_palette"] = texture(self._transforms[:, :3, :])
            program["u_moved"] = float(self._parts is not None)
            self._stale_palette = False
        eye = camera.position
        if self._seen_from is None or (g.sh_degree > 0 and not np.array_equal(eye, self._seen_from)):
            if self._seen_from is None or g.sh_degree > 0:
                program["u_colours"] = texture(colour_texels(colours_seen_from(self._moved(), eye)))
            self._seen_from = eye.copy()
        rows = (view[2] @ self._transforms).astype(np.float32)
        if self._sorted_for is None or not np.array_equal(rows, self._sorted_for):
            self._indices.set_data(depth_order(g.positions, rows, self._parts))
            self._sorted_for = rows

    def _moved(self) -> Gaussians:
        """Return the Gaussians where the palette puts them; colours from a direction depend on it."""
        g = self._gaussians
        assert g is not None
        if self._parts is None or g.sh_degree == 0:
            return g
        for part, T in enumerate(self._transforms):
            g = g.moved(T, self._parts == part)
        return g


def splat_texels(g: Gaussians, parts: np.ndarray | None) -> np.ndarray:
    """Lay positions, opacities, covariances and parts out for the shader; (rows, 3 · PER_ROW, 4) float32."""
    axes = matrix_from_quaternion(g.rotations) * g.scales[:, None, :]
    covariance = axes @ axes.transpose(0, 2, 1)
    texels = np.zeros((-(-len(g) // PER_ROW) * PER_ROW, 3, 4), np.float32)
    n = len(g)
    texels[:n, 0, :3], texels[:n, 0, 3] = g.positions, g.opacities
    texels[:n, 1] = covariance[:, [0, 0, 0, 1], [0, 1, 2, 1]]
    texels[:n, 2, :2] = covariance[:, [1, 2], [2, 2]]
    texels[:n, 2, 2] = 0.0 if parts is None else parts
    return texels.reshape(-1, 3 * PER_ROW, 4)


def colour_texels(colours: np.ndarray) -> np.ndarray:
    """Lay (N, 3) colours out for the shader; (rows, PER_ROW, 4) float32."""
    texels = np.zeros((-(-len(colours) // PER_ROW) * PER_ROW, 4), np.float32)
    texels[: len(colours), :3] = colours
    return texels.reshape(-1, PER_ROW, 4)


def texture(texels: np.ndarray) -> gloo.Texture2D:
    """Upload float texels that are fetched by index, never filtered."""
    return gloo.Texture2D(np.ascontiguousarray(texels), interpolation="nearest", internalformat="rgba32f")


class GlRenderer:
    """Renders with OpenGL into memory, at any size, without a window or a display.

    Opens an EGL context of its own; all calls belong to the thread that made it. A process that already shows an
    OpenGL window cannot have a second kind of context on that thread: RendererError says so, and the CPU renderer does
    the job.
    """

    name = "gl"

    def __init__(self) -> None:
        os.environ.setdefault("EGL_PLATFORM", "surfaceless")
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
        from vispy.app import Canvas, _default_app

        running = _default_app.default_app
        if running is not None and running.backend_name != "egl":
            raise RendererError(
                "OpenGL is busy with the window.", "Pictures are drawn by the CPU renderer in this process."
            )
        try:
            vispy.use(app="egl", gl="gl+")
            self._canvas = Canvas(size=(16, 16), show=False)
            self._canvas.set_current()
            self.device = str(gloo.gl.glGetParameter(gloo.gl.GL_RENDERER))
        except (RuntimeError, OSError, AttributeError) as error:
            raise RendererError(f"OpenGL cannot be opened without a window ({error}).", HINT) from error
        self.layer = SplatLayer()
        self._target: gloo.FrameBuffer | None = None

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        """Draw one frame at the camera's size; blended in float32, so as exact as the CPU renderer's."""
        self._canvas.set_current()
        self.layer.set_gaussians(gaussians)
        colour = self._draw(camera, depth_only=False)
        weighted = self._draw(camera, depth_only=True)
        alpha = colour[..., 3]
        depth = np.where(alpha > 0, weighted[..., 0] / np.maximum(alpha, 1e-6), 0).astype(np.float32)
        return Frame(colour, depth)

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


HINT = "On Linux install libegl1 libgl1 libgl1-mesa-dri; elsewhere use the window or the CPU renderer."
