"""Draw mesh objects: four samples a pixel decide what is seen, then each pixel's surfaces are shaded once.

Textures are read from pyramids, along the longer side of a pixel's footprint, so that fine patterns do not flicker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from model.camera import Camera
from model.partdrag4d.articulated import ArticulatedObject
from model.partdrag4d.light import LINEAR, STUDIO, TONE, lit
from model.partdrag4d.scene import OUTSIDE
from model.partdrag4d.soup import Posed, posed

NEAR = 1e-2
BACK = 1 / 1.0005  # a face seen from behind counts as that much less near: of two at one place the front one shows
SAMPLES = np.array([[0.375, 0.125], [0.875, 0.375], [0.125, 0.625], [0.625, 0.875]])  # in a pixel, about its middle
TAPS = 4  # at most, along a pixel's footprint on a texture
NOBODY = -1
EDGE = -1e-9  # triangles that share an edge leave no gap between them


@dataclass(frozen=True, eq=False)
class Drawn:
    """What one square camera sees."""

    rgba: np.ndarray  # (S, S, 4) uint8, straight alpha
    link: np.ndarray  # (S, S) uint8, OUTSIDE = nothing
    depth: np.ndarray  # (S, S) float32, world units along the view axis, 0 = nothing
    normal: np.ndarray  # (S, S, 3) float32, unit, world, facing the camera; 0 = nothing

    @property
    def on_white(self) -> np.ndarray:
        """Return the picture on white, (S, S, 3) float32, 0..1."""
        alpha = self.rgba[..., 3:].astype(np.float32) / 255
        return self.rgba[..., :3].astype(np.float32) / 255 * alpha + 1 - alpha


@njit(cache=True, nogil=True)
def _cover(
    pixels: np.ndarray, nearness: np.ndarray, faces: np.ndarray, samples: np.ndarray,
    near: np.ndarray, owner: np.ndarray,
) -> None:  # fmt: skip
    """Find for each sample the nearest face: pixels (V, 2), nearness (V,) = 1 / depth, 0 = too near to be drawn."""
    size = len(near)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        na, nb, nc = nearness[i], nearness[j], nearness[k]
        if na <= 0 or nb <= 0 or nc <= 0:
            continue
        ax, ay, bx, by, cx, cy = pixels[i, 0], pixels[i, 1], pixels[j, 0], pixels[j, 1], pixels[k, 0], pixels[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        x0, x1 = max(0, math.floor(min(ax, bx, cx))), min(size - 1, math.floor(max(ax, bx, cx)))
        y0, y1 = max(0, math.floor(min(ay, by, cy))), min(size - 1, math.floor(max(ay, by, cy)))
        if x0 > x1 or y0 > y1:
            continue
        back = BACK if area > 0 else 1.0  # y grows downwards: a front face turns the other way
        # Barycentric shares and nearness are linear in the picture: a x + b y + c.
        a0, b0, c0 = (by - cy) / area, (cx - bx) / area, (bx * cy - by * cx) / area
        a1, b1, c1 = (cy - ay) / area, (ax - cx) / area, (cx * ay - cy * ax) / area
        an = ((na - nc) * a0 + (nb - nc) * a1) * back
        bn = ((na - nc) * b0 + (nb - nc) * b1) * back
        cn = ((na - nc) * c0 + (nb - nc) * c1 + nc) * back
        wide = (x1 - x0) > 3
        for y in range(y0, y1 + 1):
            left, right = x0, x1
            if wide:  # long rows: only what lies between the edges, a pixel more on each side
                low, high = float(x0), float(x1)
                for e in range(3):
                    a = a0 if e == 0 else (a1 if e == 1 else -a0 - a1)
                    b = b0 if e == 0 else (b1 if e == 1 else -b0 - b1)
                    c = c0 if e == 0 else (c1 if e == 1 else 1.0 - c0 - c1)
                    most = max(b * y, b * (y + 1)) + c  # over the row's height
                    if a > 1e-12:
                        low = max(low, -most / a - 2.0)
                    elif a < -1e-12:
                        high = min(high, -most / a + 1.0)
                    elif most < EDGE:
                        high = -1.0
                left, right = max(x0, math.floor(low)), min(x1, math.ceil(high))
            for x in range(left, right + 1):
                for s in range(4):
                    px, py = x + samples[s, 0], y + samples[s, 1]
                    w0 = a0 * px + b0 * py + c0
                    w1 = a1 * px + b1 * py + c1
                    if w0 < EDGE or w1 < EDGE or 1.0 - w0 - w1 < EDGE:
                        continue
                    n = an * px + bn * py + cn
                    if n > near[y, x, s]:
                        near[y, x, s], owner[y, x, s] = n, f


@njit(cache=True, nogil=True)
def _texel(texels: np.ndarray, level: np.ndarray, u: float, v: float, share: float, out: np.ndarray) -> None:
    """Add one level's bilinear colour at (u, v), repeated, times share, to out (3,)."""
    first, columns, rows = level[0], level[1], level[2]
    s, r = u * columns - 0.5, v * rows - 0.5
    i, j = math.floor(s), math.floor(r)
    a, b = s - i, r - j
    i0, i1, r0, r1 = int(i) % columns, int(i + 1) % columns, int(j) % rows, int(j + 1) % rows
    for k in range(3):
        top = (1 - a) * texels[first + r0 * columns + i0, k] + a * texels[first + r0 * columns + i1, k]
        bottom = (1 - a) * texels[first + r1 * columns + i0, k] + a * texels[first + r1 * columns + i1, k]
        out[k] += share * ((1 - b) * top + b * bottom)


@njit(cache=True, nogil=True)
def _textured(
    texels: np.ndarray, levels: np.ndarray, u: float, v: float, ux: float, vx: float, uy: float, vy: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Write a texture's colour (3,), 0..255, over a pixel's footprint: (ux, vx) and (uy, vy) are its two sides."""
    columns, rows = levels[0, 1], levels[0, 2]
    out[:] = 0.0
    if columns == 1 and rows == 1:
        _texel(texels, levels[0], u, v, 1.0, out)
        return
    lx, ly = math.hypot(ux * columns, vx * rows), math.hypot(uy * columns, vy * rows)
    long, short = max(lx, ly), min(lx, ly)
    along_u, along_v = (ux, vx) if lx >= ly else (uy, vy)
    short = max(short, long / TAPS, 1.0)
    taps = max(1, min(TAPS, math.ceil(long / short - 1e-6)))
    level = min(math.log2(short), len(levels) - 1.0)
    lower = int(level)
    upper, mixed = min(lower + 1, len(levels) - 1), level - lower
    for t in range(taps):
        d = (t + 0.5) / taps - 0.5
        _texel(texels, levels[lower], u + d * along_u, v + d * along_v, (1.0 - mixed) / taps, out)
        if mixed > 0:
            _texel(texels, levels[upper], u + d * along_u, v + d * along_v, mixed / taps, out)


@njit(cache=True, nogil=True)
def _shade(
    owner: np.ndarray, near: np.ndarray, samples: np.ndarray, pixels: np.ndarray, nearness: np.ndarray,
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, colours: np.ndarray, uv: np.ndarray,
    textures: np.ndarray, levels: np.ndarray, texels: np.ndarray, links: np.ndarray, eye: np.ndarray,
    light: np.ndarray, tone: np.ndarray, linear: np.ndarray,
    rgba: np.ndarray, link: np.ndarray, depth: np.ndarray, normal: np.ndarray,
) -> None:  # fmt: skip
    """Colour each pixel: every face in it once, at the middle of its samples, as much as it has of them."""
    size = len(owner)
    a, b, w = np.empty(3), np.empty(3), np.empty(3)  # slopes along x and y, and value, of the shares
    n, p, shade, seen, total = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for y in range(size):
        for x in range(size):
            covered, nearest, farthest = 0, 0, np.inf
            for s in range(4):
                if owner[y, x, s] != NOBODY:
                    covered += 1
                    farthest = min(farthest, near[y, x, s])
                    if near[y, x, s] > near[y, x, nearest]:
                        nearest = s
            if covered == 0:
                continue
            total[:] = 0.0
            for s in range(4):
                f = owner[y, x, s]
                count, px, py = 0, 0.0, 0.0
                for q in range(4):
                    if owner[y, x, q] == f:
                        if q < s:
                            count = -9  # was its turn already
                        count += 1
                        px, py = px + samples[q, 0], py + samples[q, 1]
                if f == NOBODY or count < 1:
                    continue
                px, py = x + px / count, y + py / count
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                ax, ay, bx, by, cx, cy = (
                    pixels[i, 0], pixels[i, 1], pixels[j, 0], pixels[j, 1], pixels[k, 0], pixels[k, 1],
                )  # fmt: skip
                area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                a[0], b[0] = (by - cy) / area, (cx - bx) / area
                a[1], b[1] = (cy - ay) / area, (ax - cx) / area
                a[2], b[2] = -a[0] - a[1], -b[0] - b[1]
                w[0] = (px - bx) * a[0] + (py - by) * b[0]
                w[1] = (px - cx) * a[1] + (py - cy) * b[1]
                w[2] = 1.0 - w[0] - w[1]
                inverse, slope_x, slope_y = 0.0, 0.0, 0.0
                for c in range(3):
                    at = nearness[faces[f, c]]
                    inverse, slope_x, slope_y = inverse + w[c] * at, slope_x + a[c] * at, slope_y + b[c] * at
                u, v, ux, vx, uy, vy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                n[:], p[:] = 0.0, 0.0
                for c in range(3):
                    at = nearness[faces[f, c]] / inverse
                    u, v = u + w[c] * at * uv[f, c, 0], v + w[c] * at * uv[f, c, 1]
                    ux, vx = ux + a[c] * at * uv[f, c, 0], vx + a[c] * at * uv[f, c, 1]
                    uy, vy = uy + b[c] * at * uv[f, c, 0], vy + b[c] * at * uv[f, c, 1]
                    for d in range(3):
                        n[d] += w[c] * at * normals[f, c, d]
                        p[d] += w[c] * at * vertices[faces[f, c], d]
                ux, vx = ux - u * slope_x / inverse, vx - v * slope_x / inverse
                uy, vy = uy - u * slope_y / inverse, vy - v * slope_y / inverse
                _textured(texels, levels[textures[f]], u, v, ux, vx, uy, vy, shade)
                facing = (eye[0] - p[0]) * n[0] + (eye[1] - p[1]) * n[1] + (eye[2] - p[2]) * n[2]
                norm = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-12
                if facing < 0:
                    norm = -norm
                for d in range(3):
                    n[d] /= norm
                lit(light, shade, colours[f], p, n, eye, tone, linear, seen)
                for d in range(3):
                    total[d] += count * seen[d]
                if f == owner[y, x, nearest]:
                    # at the pixel's middle, unless that is beyond all that was seen (of a thin face, from the side)
                    middle = inverse + (x + 0.5 - px) * slope_x + (y + 0.5 - py) * slope_y
                    depth[y, x] = 1.0 / min(max(middle, 0.999 * farthest), 1.001 * near[y, x, nearest])
                    link[y, x] = links[f]
                    for d in range(3):
                        normal[y, x, d] = n[d]
            for d in range(3):
                rgba[y, x, d] = int(total[d] / covered * 255.0 + 0.5)
            rgba[y, x, 3] = int(covered * 63.75 + 0.5)


def look(state: Posed, camera: Camera, size: int, light: np.ndarray = STUDIO) -> Drawn:
    """Draw a posed object, size² pixels; colour on a transparent ground. `light` is one of model.partdrag4d.light."""
    lens, soup = camera.resized(size, size), state.soup
    pixels, depths = lens.project(state.vertices)
    nearness = np.where(depths > NEAR, 1 / np.maximum(depths, NEAR), 0)
    near = np.zeros((size, size, 4), np.float32)
    owner = np.full((size, size, 4), NOBODY, np.int32)
    _cover(pixels, nearness, soup.faces, SAMPLES, near, owner)
    seen = Drawn(
        np.zeros((size, size, 4), np.uint8), np.full((size, size), OUTSIDE, np.uint8),
        np.zeros((size, size), np.float32), np.zeros((size, size, 3), np.float32),
    )  # fmt: skip
    _shade(
        owner, near, SAMPLES, pixels, nearness, state.vertices, soup.faces, state.normals, soup.colours, soup.uv,
        soup.textures, soup.levels, soup.texels, soup.links, camera.position, light, TONE, LINEAR,
        seen.rgba, seen.link, seen.depth, seen.normal,
    )  # fmt: skip
    return seen


def draw(
    made: ArticulatedObject,
    amounts: Sequence[float] | np.ndarray,
    camera: Camera,
    size: int,
    light: np.ndarray = STUDIO,
) -> Drawn:
    """Draw an object with its joints at these amounts, size² pixels; colour on a transparent ground."""
    return look(posed(made, amounts), camera, size, light)


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
