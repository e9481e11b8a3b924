"""Draw mesh objects: a z-buffer over triangles, textures looked up bilinearly, four samples a pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from model.camera import Camera
from model.partdrag4d.articulated import ArticulatedObject
from model.partdrag4d.scene import OUTSIDE

SAMPLES = 2  # a pixel's side
NEAR = 1e-2
BACK = 1.0005  # a face seen from behind lies this much farther away: of two faces at one place the front one shows
LAMP = np.array([0.35, 0.8, 0.5]) / np.linalg.norm([0.35, 0.8, 0.5])  # towards it, world
AMBIENT, SKY, DIRECT = 0.55, 0.06, 0.38


@dataclass(frozen=True, eq=False)
class Drawn:
    """What one square camera sees."""

    rgba: np.ndarray  # (S, S, 4) uint8, straight alpha
    link: np.ndarray  # (S, S) uint8, OUTSIDE = nothing
    depth: np.ndarray  # (S, S) float32, world units along the view axis, 0 = nothing

    @property
    def on_white(self) -> np.ndarray:
        """Return the picture on white, (S, S, 3) float32, 0..1."""
        alpha = self.rgba[..., 3:].astype(np.float32) / 255
        return self.rgba[..., :3].astype(np.float32) / 255 * alpha + 1 - alpha


@njit(cache=True, nogil=True)
def _fill(
    pixels: np.ndarray, depths: np.ndarray, normals: np.ndarray, towards: np.ndarray, uv: np.ndarray,
    colours: np.ndarray, texture: np.ndarray, link: int, lamp: np.ndarray, light: np.ndarray, fog: float,
    z: np.ndarray, rgb: np.ndarray, links: np.ndarray,
) -> None:  # fmt: skip
    """Draw one piece into the buffers: corners (F, 3, ..) in pixels, with depths, normals and directions to the eye."""
    size = len(z)
    rows, columns = texture.shape[0], texture.shape[1]
    n, w = np.empty(3), np.empty(3)
    for f in range(len(pixels)):
        if min(depths[f, 0], depths[f, 1], depths[f, 2]) < fog:
            continue
        ax, ay, bx, by, cx, cy = (
            pixels[f, 0, 0], pixels[f, 0, 1], pixels[f, 1, 0], pixels[f, 1, 1], pixels[f, 2, 0], pixels[f, 2, 1],
        )  # fmt: skip
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        far = BACK if area > 0 else 1.0  # y grows downwards: a front face turns the other way
        x0, x1 = max(0, math.floor(min(ax, bx, cx) - 0.5)), min(size - 1, math.ceil(max(ax, bx, cx) - 0.5))
        y0, y1 = max(0, math.floor(min(ay, by, cy) - 0.5)), min(size - 1, math.ceil(max(ay, by, cy) - 0.5))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                w[0] = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                w[1] = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w[2] = 1.0 - w[0] - w[1]
                if w[0] < 0 or w[1] < 0 or w[2] < 0:
                    continue
                inverse = w[0] / depths[f, 0] + w[1] / depths[f, 1] + w[2] / depths[f, 2]
                t = far / inverse
                if t >= z[y, x]:
                    continue
                z[y, x], links[y, x] = t, link
                u, v, facing = 0.0, 0.0, 0.0
                n[:] = 0.0
                for k in range(3):
                    share = w[k] / depths[f, k] / inverse
                    u, v = u + share * uv[f, k, 0], v + share * uv[f, k, 1]
                    for j in range(3):
                        n[j] += share * normals[f, k, j]
                        facing += share * normals[f, k, j] * towards[f, k, j]
                norm = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-12
                sign = (1.0 if facing >= 0 else -1.0) / norm
                up = sign * n[1]
                lit = light[0] + light[1] * up
                lit += light[2] * max(0.0, sign * (n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2]))
                s, r = u * columns - 0.5, v * rows - 0.5
                i, j0 = math.floor(s), math.floor(r)
                a, b = s - i, r - j0
                i0, i1, r0, r1 = i % columns, (i + 1) % columns, j0 % rows, (j0 + 1) % rows
                for k in range(3):
                    top = (1 - a) * texture[r0, i0, k] + a * texture[r0, i1, k]
                    bottom = (1 - a) * texture[r1, i0, k] + a * texture[r1, i1, k]
                    shade = ((1 - b) * top + b * bottom) / 255.0
                    rgb[y, x, k] = min(1.0, shade * colours[f, k] * lit)


def draw(made: ArticulatedObject, amounts: Sequence[float] | np.ndarray, camera: Camera, size: int) -> Drawn:
    """Draw an object with its joints at these amounts, size² pixels; colour on a transparent ground.

    Mostly ambient light and one lamp, both fixed in the world.
    """
    fine = size * SAMPLES
    lens = camera.resized(fine, fine)
    z = np.full((fine, fine), np.inf)
    rgb = np.zeros((fine, fine, 3))
    links = np.full((fine, fine), OUTSIDE, np.uint8)
    poses = made.poses(amounts)
    light = np.array([AMBIENT, SKY, DIRECT])
    for part in made.pieces:
        T = poses[part.link]
        vertices = part.vertices @ T[:3, :3].T + T[:3, 3]
        pixels, depths = lens.project(vertices)
        towards = camera.position - vertices
        _fill(
            pixels[part.faces], depths[part.faces], part.normals @ T[:3, :3].T, towards[part.faces],
            part.uv, part.colours, part.texture, part.link, LAMP, light, NEAR, z, rgb, links,
        )  # fmt: skip
    return _gathered(z, rgb, links, size)


def _gathered(z: np.ndarray, rgb: np.ndarray, links: np.ndarray, size: int) -> Drawn:
    """Average the samples of each pixel; link and depth are those of its nearest sample."""

    def blocks(a: np.ndarray) -> np.ndarray:
        rest = a.shape[2:]
        return a.reshape(size, SAMPLES, size, SAMPLES, *rest).swapaxes(1, 2).reshape(size, size, SAMPLES**2, *rest)

    covered = blocks((links != OUTSIDE).astype(np.float64))
    alpha = covered.mean(2)
    colour = blocks(rgb).sum(2) / np.maximum(covered.sum(2), 1)[..., None]
    near = blocks(z).argmin(2)[..., None]
    depth = np.take_along_axis(blocks(z), near, 2)[..., 0]
    link = np.take_along_axis(blocks(links), near, 2)[..., 0]
    rgba = np.round(np.concatenate([colour, alpha[..., None]], 2) * 255).astype(np.uint8)
    return Drawn(rgba, link, np.where(np.isfinite(depth), depth, 0).astype(np.float32))


def fitted(
    made: ArticulatedObject, amounts: Sequence[float] | np.ndarray, camera: Camera, yaw_deg: float, fill: float
) -> ArticulatedObject:
    """Turn the object about y, then scale and shift it until it takes `fill` of the frame's longer side, in the middle.

    Its joints stand at `amounts`, which are the file's own (before scaling); the camera looks at the world's origin.
    """
    c, s = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    turn = np.array([[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]])
    points = made.points(amounts) @ turn[:3, :3].T
    away = float(np.linalg.norm(camera.position))
    scale = 0.3 * away * camera.height / camera.fy / np.linalg.norm(np.ptp(points, axis=0))
    shift = -scale * (points.max(0) + points.min(0)) / 2
    right, up = camera.T_world_camera[:3, 0], camera.T_world_camera[:3, 1]
    for _ in range(8):  # size and place change one another only through perspective
        pixels, _ = camera.project(scale * points + shift)
        low, high = pixels.min(0), pixels.max(0)
        off = ((low + high) / 2 - (camera.cx, camera.cy)) * away / camera.fx
        grow = fill * camera.width / float((high - low).max())
        scale, shift = scale * grow, (shift - off[0] * right + off[1] * up) * grow
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = scale * turn[:3, :3], shift
    return made.placed(T)
