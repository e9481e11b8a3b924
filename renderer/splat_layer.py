"""SplatLayer: splats in whatever OpenGL context is current, through vispy.gloo."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from vispy import gloo

from model.camera import Camera
from model.gaussians import Gaussians, matrix_from_quaternion
from renderer.base import LOW_PASS, MOST_REACH, NEAR
from renderer.harmonics import colours_seen_from
from renderer.sort import depth_order, view_depth

SHADERS = Path(__file__).parent / "shaders"
PER_ROW = 1024  # splats in one row of the textures; the shader has the same number
AMBER = (1.0, 0.62, 0.0)
IDENTITY = np.eye(4, dtype=np.float32)[None]  # (1, 4, 4), the palette of what stays in place
CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
SLOW_S = 0.004  # what sorting and colouring may take of the context's own thread
PROGRAM_POINT_SIZE, ALIASED_POINT_SIZE_RANGE = 0x8642, 0x846D  # which vispy does not name


# Does work on another thread, and hands what came of it to the second on the context's own.
Later = Callable[[Callable[[], "Seen"], Callable[["Seen"], None]], None]


@dataclass(frozen=True, eq=False)
class Seen:
    """What splats are from one place: in which order they are blended, and in which colours."""

    order: np.ndarray  # (N,) float32, whole numbers
    colours: np.ndarray | None  # (rows, PER_ROW, 4) float32 texels; None: the same from everywhere
    widest: float  # the largest of a splat's scale over its depth
    seconds: float  # that finding out took


class SplatLayer:
    """Splats that draw themselves into whatever OpenGL context is current; parts are moved in the vertex shader.

    `vispy.use(gl="gl+")` must have been called before the first canvas. All methods belong to the context's thread; the
    setters only note what changed, `draw` does the work, and as little of it as what changed needs. What sorting and
    colouring take longer than a few milliseconds for is handed to `later` where there is one: until it is done, the
    order of the frame before serves.

    A splat is an instance of a four-cornered strip; on Mesa's llvmpipe it is one point, unless one is too large:
    points take half the time there.
    """

    def __init__(self, near: float = NEAR, later: Later | None = None) -> None:
        self._program = gloo.Program((SHADERS / "splat.vert").read_text(), (SHADERS / "splat.frag").read_text())
        self._corners = gloo.VertexBuffer(CORNERS)
        self._indices = gloo.VertexBuffer(np.zeros(1, np.float32))
        self._program["u_near"] = self._near = near
        for name in ("u_splats", "u_colours", "u_palette"):
            self._program[name] = texture()
        self._later = later
        self._asked = False  # later has work of ours
        # What the textures and the order were made from, compared by identity (Gaussians are frozen).
        self._uploaded: tuple[object, ...] = ()
        self._palette: object = None
        self._coloured: object = None
        self._seen_as: tuple[object, ...] = ()
        self._seen: Seen | None = None
        self._gaussians: Gaussians | None = None
        self._breadths = np.zeros(0, np.float32)  # (N,) each uploaded splat's largest scale
        self._parts: np.ndarray | None = None  # (N,) uint8
        self._transforms = IDENTITY  # (P, 4, 4) float32
        self._highlight: tuple[int, Sequence[float], float] = (-1, AMBER, 0.0)
        self._largest_point_px: float | None = None  # not asked yet; 0 where splats are no points
        self._points: bool | None = None  # how the program is set up to draw

    def set_gaussians(self, gaussians: Gaussians) -> None:
        """Show these Gaussians; parts are kept if their number still fits, else dropped."""
        if self._parts is not None and len(self._parts) != len(gaussians):
            self._parts, self._transforms = None, IDENTITY
        self._gaussians = gaussians

    def set_parts(self, index: np.ndarray | None, transforms: np.ndarray | None = None) -> None:
        """Move parts rigidly without uploading the splats again.

        index: (N,) uint8, which transform each splat takes; None puts everything back. transforms: (P, 4, 4), rigid,
        world to world; None leaves all parts in place. Pass the same index object again to change transforms alone.
        """
        count = 1 if index is None or not len(index) else int(index.max()) + 1
        moved = np.tile(IDENTITY, (count, 1, 1))
        if index is not None:
            assert self._gaussians is not None and index.shape == (len(self._gaussians),), index.shape
            if transforms is not None:
                assert len(transforms) >= count, (len(transforms), count)
                moved = np.array(transforms, np.float32)
        self._parts = index
        # The same object as before where nothing moved: what is uploaded is told by identity.
        if not np.array_equal(moved, self._transforms):
            self._transforms = moved

    def set_highlight(self, part: int | None, colour: Sequence[float] = AMBER, strength: float = 0.5) -> None:
        """Tint the splats of one part towards a colour (0..1); None tints nothing."""
        self._highlight = (-1 if part is None else part, colour, strength)

    def draw(self, camera: Camera, background: Sequence[float] | None = None, depth_only: bool = False) -> None:
        """Draw into the current frame buffer, whose size in pixels the camera's should be, as the viewport's.

        background: r, g, b to clear to first; None draws over what is there. depth_only writes each splat's depth along
        the view axis for its colour (into float frame buffers).
        """
        gloo.set_state(preset=None, depth_test=False, cull_face=False, blend=True)
        gloo.set_blend_func("one", "one_minus_src_alpha")
        gloo.set_blend_equation("func_add")
        if background is not None:
            gloo.clear(color=(*background, 1.0), depth=False)
        if self._gaussians is None or not len(self._gaussians):
            return
        program = self._program
        view = view_matrix(camera)
        self._upload(self._gaussians)
        seen = self._look(self._gaussians, view, camera.position)
        part, colour, strength = self._highlight
        program["u_highlight"] = float(part)
        program["u_tint"] = (*colour, strength)
        program["u_view"] = view.T.astype(np.float32)
        program["u_lens"] = (camera.fx, camera.fy, camera.cx, camera.cy)
        program["u_size"] = (camera.width, camera.height)
        program["u_depth_only"] = float(depth_only)
        points = self._fit_points(camera, seen.widest)
        if points != self._points:
            program["a_corner"] = (0.0, 0.0) if points else self._corners
            self._indices.divisor = None if points else 1
            program["a_index"] = self._indices
            self._points = points
        if points:
            gloo.gl.glEnable(PROGRAM_POINT_SIZE)
        program.draw("points" if points else "triangle_strip")

    def ready(self, camera: Camera) -> bool:
        """Say whether order and colours are this view's; if not, they are worked out now, or by `later`."""
        if self._gaussians is None or not len(self._gaussians):
            return True
        self._upload(self._gaussians)
        self._look(self._gaussians, view_matrix(camera), camera.position)
        return not self._asked

    def _upload(self, g: Gaussians) -> None:
        program = self._program
        if not same((g, self._parts), self._uploaded):
            program["u_splats"] = splat_texels(g, self._parts)
            self._breadths = g.scales.max(axis=1)
            program["u_antialiased"] = float(g.antialiased)
            program["u_moved"] = float(self._parts is not None)
            self._uploaded = (g, self._parts)
        if self._palette is not self._transforms:
            program["u_palette"] = np.ascontiguousarray(self._transforms[:, :3, :])
            self._palette = self._transforms
        if g.sh_degree == 0 and self._coloured is not g:
            program["u_colours"] = colour_texels(colours_seen_from(g, np.zeros(3)))
            self._coloured = g

    def _look(self, g: Gaussians, view: np.ndarray, eye: np.ndarray) -> Seen:
        """Return order and colours for a view, or, while they are being worked out, those of the view before."""
        rows = (view[2] @ self._transforms).astype(np.float32)
        # Colours that are the same from every side neither depend on the eye nor on where the parts are.
        place = (eye.tobytes(), self._transforms) if g.sh_degree else ()
        wanted = (g, self._parts, rows.tobytes(), *place)
        last = self._seen if self._seen_as and self._seen_as[0] is g else None
        if last is None or not same(wanted, self._seen_as):
            find = partial(seen_from, g, self._breadths, self._parts, self._transforms, rows, eye, self._near)
            if self._later is None or last is None or last.seconds < SLOW_S:
                last = self._adopt(wanted, find())
            elif not self._asked:
                self._asked = True
                self._later(find, partial(self._receive, wanted))
        return last

    def _receive(self, wanted: tuple[object, ...], seen: Seen) -> None:
        self._asked = False
        if wanted[0] is self._seen_as[0]:  # else other Gaussians came meanwhile
            self._adopt(wanted, seen)

    def _adopt(self, wanted: tuple[object, ...], seen: Seen) -> Seen:
        self._indices.set_data(seen.order)
        if seen.colours is not None:
            self._program["u_colours"] = seen.colours
            self._coloured = None
        self._seen_as, self._seen = wanted, seen
        return seen

    def _fit_points(self, camera: Camera, widest: float) -> bool:
        """Say whether no splat is larger than this OpenGL's points; widest: scale over depth."""
        if self._largest_point_px is None:
            self._largest_point_px = largest_point_px()
        sides = ((camera.width, camera.cx, camera.fx), (camera.height, camera.cy, camera.fy))
        slopes = [(max(c, size - c) + 0.15 * size) / f for size, c, f in sides]  # the shader's largest
        spread_px = max(camera.fx, camera.fy) * widest * np.sqrt(1.0 + slopes[0] ** 2 + slopes[1] ** 2)
        return bool(2 * (MOST_REACH * np.hypot(spread_px, LOW_PASS**0.5) + 1) <= self._largest_point_px)


def view_matrix(camera: Camera) -> np.ndarray:
    """Return the (4, 4) transform from the world to camera axes x right, y down, z forward."""
    return np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world


def seen_from(
    g: Gaussians,
    breadths: np.ndarray,  # (N,) float32, each one's largest scale
    parts: np.ndarray | None,  # (N,) uint8
    transforms: np.ndarray,  # (P, 4, 4) float32, where each part is
    rows: np.ndarray,  # (P, 4) float32, depth along the view axis
    eye: np.ndarray,  # (3,) world
    near: float,
) -> Seen:
    """Sort Gaussians for one view, and colour them for it where their colours change with it."""
    start = time.perf_counter()
    depth = view_depth(g.positions, rows, parts)
    widest = float(np.divide(breadths, depth, out=np.zeros_like(depth), where=depth > near).max(initial=0.0))
    order = depth_order(depth)
    colours = None
    if g.sh_degree:
        if parts is not None:
            for part, T in enumerate(transforms):
                g = g if np.array_equal(T, IDENTITY[0]) else g.moved(T, parts == part)
        colours = colour_texels(colours_seen_from(g, eye))
    return Seen(order, colours, widest, time.perf_counter() - start)


def same(a: tuple[object, ...], b: tuple[object, ...]) -> bool:
    """Compare by identity, bytes by value: arrays and Gaussians are never changed in place."""
    return len(a) == len(b) and all(x is y or (isinstance(x, bytes) and x == y) for x, y in zip(a, b))


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


def texture() -> gloo.Texture2D:
    """Make a float texture of one texel, never filtered; an array (H, W, 4) given to its sampler makes it grow."""
    return gloo.Texture2D(np.zeros((1, 1, 4), np.float32), interpolation="nearest", internalformat="rgba32f")


def device_name() -> str:
    """Return what draws in the current context, as it calls itself."""
    return str(gloo.gl.glGetParameter(gloo.gl.GL_RENDERER))


def largest_point_px() -> float:
    """Return the width of the largest point of the current context; 0 where splats had better be no points."""
    return float(gloo.gl.glGetParameter(ALIASED_POINT_SIZE_RANGE)[1]) if "llvmpipe" in device_name() else 0.0
