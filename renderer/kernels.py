"""The forward half of the CPU rasteriser: project, list by tile, blend (3DGS, Kerbl et al. 2023, in numba).

The constants are those of diff-gaussian-rasterization. Nothing that could reach alpha 1/255 is culled: a splat is
listed for every tile its 1/255 contour's bounding box touches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from renderer import base

TILE = 16  # px; one row of a tile is one AVX-512 register, two AVX2 ones
PIXELS = TILE * TILE
LOW_PASS = np.float32(base.LOW_PASS)
ALPHA_MIN = 1.0 / 255.0
ALPHA_MAX = np.float32(0.99)
T_MIN = np.float32(1e-4)

# Splat record: centre x, y; power = A dx² + B dx dy + C dy²; opacity; lowest power still drawn; r, g, b; depth.
X, Y, A, B, C, OPACITY, POWER_MIN, R, G, BLUE, DEPTH, RECORD = range(12)

# Reordering of sums and fused multiply-add are fine, but not the promise that no value is ever infinite.
FAST = {"contract", "reassoc", "nsz", "arcp"}


def jit(parallel: bool = False, **options: Any) -> Any:
    """Compile with the options every kernel here shares."""
    return njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, parallel=parallel, **options)


@jit(inline="always")
def exp_negative(x: np.float32) -> np.float32:
    """Approximate exp(x) for -6 <= x <= 0, relative error below 4e-6; plain arithmetic, so that loops vectorise.

    exp(x) = exp(x / 8)^8 with the Taylor polynomial of degree 6 around the middle of -0.75..0.
    """
    t = x * np.float32(0.125) + np.float32(0.375)
    p = np.float32(1.0 / 720.0)
    p = p * t + np.float32(1.0 / 120.0)
    p = p * t + np.float32(1.0 / 24.0)
    p = p * t + np.float32(1.0 / 6.0)
    p = p * t + np.float32(0.5)
    p = p * t + np.float32(1.0)
    p = p * t + np.float32(1.0)
    p = p * np.float32(0.6872892787909722)  # exp(-0.375)
    p = p * p
    p = p * p
    return p * p


@jit()
def project_one(
    mean: np.ndarray,  # (3,)
    q: np.ndarray,  # (4,) wxyz, of any length
    scale: np.ndarray,  # (3,)
    view: np.ndarray,  # (3, 4) world to camera, x right, y down, z forward
    lens: np.ndarray,  # (7,) fx, fy, cx, cy, width, height in px, near plane in world units
) -> tuple:
    """Return centre x, y, depth and the 2D covariance xx, xy, yy without the low-pass (EWA, Zwicker et al. 2001)."""
    fx, fy, cx, cy, width, height = lens[0], lens[1], lens[2], lens[3], lens[4], lens[5]
    tx = view[0, 0] * mean[0] + view[0, 1] * mean[1] + view[0, 2] * mean[2] + view[0, 3]
    ty = view[1, 0] * mean[0] + view[1, 1] * mean[1] + view[1, 2] * mean[2] + view[1, 3]
    tz = view[2, 0] * mean[0] + view[2, 1] * mean[1] + view[2, 2] * mean[2] + view[2, 3]
    if not tz > lens[6]:
        nought = np.float32(0.0)
        return nought, nought, tz, nought, nought, nought
    # The Jacobian is taken at most 0.3 of the half-width outside the picture, else far-off splats blow up.
    margin_x, margin_y = np.float32(0.15) * width / fx, np.float32(0.15) * height / fy
    ux = min(max(tx / tz, -cx / fx - margin_x), (width - cx) / fx + margin_x)
    uy = min(max(ty / tz, -cy / fy - margin_y), (height - cy) / fy + margin_y)
    # Rows of J W, the world-to-picture derivative.
    gx, gy = fx / tz, fy / tz
    a0 = gx * (view[0, 0] - ux * view[2, 0])
    a1 = gx * (view[0, 1] - ux * view[2, 1])
    a2 = gx * (view[0, 2] - ux * view[2, 2])
    b0 = gy * (view[1, 0] - uy * view[2, 0])
    b1 = gy * (view[1, 1] - uy * view[2, 1])
    b2 = gy * (view[1, 2] - uy * view[2, 2])
    two = np.float32(2.0) / (q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] + np.float32(1e-20))
    w, x, y, z = q[0], q[1], q[2], q[3]
    one = np.float32(1.0)
    xx = xy = yy = np.float32(0.0)
    # cov = Σ_k s_k² (J W R e_k)(J W R e_k)ᵀ over the columns of the rotation.
    for k in range(3):
        if k == 0:
            r0, r1, r2 = one - two * (y * y + z * z), two * (x * y + w * z), two * (x * z - w * y)
        elif k == 1:
            r0, r1, r2 = two * (x * y - w * z), one - two * (x * x + z * z), two * (y * z + w * x)
        else:
            r0, r1, r2 = two * (x * z + w * y), two * (y * z - w * x), one - two * (x * x + y * y)
        u = (a0 * r0 + a1 * r1 + a2 * r2) * scale[k]
        v = (b0 * r0 + b1 * r1 + b2 * r2) * scale[k]
        xx += u * u
        xy += u * v
        yy += v * v
    return fx * tx / tz + cx, fy * ty / tz + cy, tz, xx, xy, yy


@jit(parallel=True)
def project(
    means: np.ndarray,  # (N, 3)
    quats: np.ndarray,  # (N, 4)
    scales: np.ndarray,  # (N, 3)
    opacities: np.ndarray,  # (N,)
    colours: np.ndarray,  # (N, 3)
    view: np.ndarray,  # (3, 4)
    lens: np.ndarray,  # (7,)
    antialiased: bool,
    records: np.ndarray,  # (N, RECORD) out
    boxes: np.ndarray,  # (N, 4) int32 out: first and last pixel column, first and last row; empty where unseen
) -> None:
    """Fill each Gaussian's splat record and pixel box."""
    width, height = np.int64(lens[4]), np.int64(lens[5])
    for i in prange(means.shape[0]):
        boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = 0, -1, 0, -1
        x, y, depth, xx, xy, yy = project_one(means[i], quats[i], scales[i], view, lens)
        records[i, DEPTH] = depth
        opacity = opacities[i]
        if not depth > lens[6]:
            continue
        xx_low, yy_low = xx + LOW_PASS, yy + LOW_PASS
        det = xx_low * yy_low - xy * xy
        if not (det > np.float32(0.0) and det < np.float32(1e30)):
            continue
        if antialiased:
            opacity = opacity * np.float32(math.sqrt(max((xx * yy - xy * xy) / det, np.float32(0.0))))
        if not opacity > np.float32(ALPHA_MIN):
            continue
        lowest = -np.float32(math.log(np.float32(255.0) * opacity))
        half_x = np.float32(math.sqrt(-np.float32(2.0) * lowest * xx_low))
        half_y = np.float32(math.sqrt(-np.float32(2.0) * lowest * yy_low))
        half = np.float32(0.5)
        if not (x + half_x > 0 and x - half_x < width and y + half_y > 0 and y - half_y < height):
            continue
        boxes[i, 0] = max(0, math.ceil(max(x - half_x - half, np.float32(-1.0))))
        boxes[i, 1] = min(width - 1, math.floor(min(x + half_x - half, np.float32(width))))
        boxes[i, 2] = max(0, math.ceil(max(y - half_y - half, np.float32(-1.0))))
        boxes[i, 3] = min(height - 1, math.floor(min(y + half_y - half, np.float32(height))))
        records[i, X], records[i, Y] = x, y
        records[i, A] = -half * yy_low / det
        records[i, B] = xy / det
        records[i, C] = -half * xx_low / det
        records[i, OPACITY], records[i, POWER_MIN] = opacity, lowest
        records[i, R], records[i, G], records[i, BLUE] = colours[i, 0], colours[i, 1], colours[i, 2]


@jit()
def list_by_tile(boxes: np.ndarray, order: np.ndarray, tiles_x: int, tiles_y: int) -> tuple:
    """List the splats of every tile, nearest first (a counting sort over an order by depth).

    Returns the start of each tile's list (tiles + 1,), the splat of each entry, the entry's number counted splat by
    splat (where its gradient goes), and the first such number of each splat (N + 1,).
    """
    starts = np.zeros(tiles_x * tiles_y + 1, np.int64)
    firsts = np.zeros(boxes.shape[0] + 1, np.int64)
    for i in range(boxes.shape[0]):
        count = 0
        if boxes[i, 0] <= boxes[i, 1] and boxes[i, 2] <= boxes[i, 3]:
            for ty in range(boxes[i, 2] // TILE, boxes[i, 3] // TILE + 1):
                for tx in range(boxes[i, 0] // TILE, boxes[i, 1] // TILE + 1):
                    starts[ty * tiles_x + tx + 1] += 1
                    count += 1
        firsts[i + 1] = firsts[i] + count
    for t in range(tiles_x * tiles_y):
        starts[t + 1] += starts[t]
    fill = starts[:-1].copy()
    splats = np.empty(starts[-1], np.int32)
    numbers = np.empty(starts[-1], np.int32)
    for i in order:
        number = firsts[i]
        if firsts[i + 1] == number:
            continue
        for ty in range(boxes[i, 2] // TILE, boxes[i, 3] // TILE + 1):
            for tx in range(boxes[i, 0] // TILE, boxes[i, 1] // TILE + 1):
                t = ty * tiles_x + tx
                splats[fill[t]] = i
                numbers[fill[t]] = number
                fill[t] += 1
                number += 1
    return starts, splats, numbers, firsts


@jit()
def blend_tile(
    records: np.ndarray,
    boxes: np.ndarray,
    splats: np.ndarray,  # (K,) this tile's, nearest first
    left: int,  # px
    top: int,  # px
    through: np.ndarray,  # (PIXELS,) transmittance, 1 at first; turned negative where the pixel is finished
    red: np.ndarray,
    green: np.ndarray,
    blue: np.ndarray,
    depth: np.ndarray,
) -> None:
    """Blend one tile's splats front to back into the five pixel arrays."""
    for k in range(splats.shape[0]):
        i = splats[k]
        x0 = records[i, X] - np.float32(left) - np.float32(0.5)
        y0 = records[i, Y] - np.float32(top) - np.float32(0.5)
        a, b, c = records[i, A], records[i, B], records[i, C]
        opacity, lowest = records[i, OPACITY], records[i, POWER_MIN]
        r, g, bl, z = records[i, R], records[i, G], records[i, BLUE], records[i, DEPTH]
        first = max(np.int32(boxes[i, 2] - top), np.int32(0)) * np.int32(TILE)
        last = (min(np.int32(boxes[i, 3] - top), np.int32(TILE - 1)) + np.int32(1)) * np.int32(TILE)
        for p in range(first, last):
            p32 = np.int32(p)
            dx = np.float32(p32 & np.int32(TILE - 1)) - x0
            dy = np.float32(p32 >> np.int32(4)) - y0
            power = (a * dx + b * dy) * dx + c * dy * dy
            alpha = min(opacity * exp_negative(power), ALPHA_MAX)
            t = through[p]
            after = t - t * alpha
            drawn = (power >= lowest) & (t > np.float32(0.0))
            weight = alpha * t if drawn & (after >= T_MIN) else np.float32(0.0)
            through[p] = (after if after >= T_MIN else -t) if drawn else t
            red[p] += weight * r
            green[p] += weight * g
            blue[p] += weight * bl
            depth[p] += weight * z
        if k & 15 == 15:
            most = np.float32(-1.0)
            for p in range(PIXELS):
                most = max(most, through[p])
            if most <= np.float32(0.0):
                return


@jit(parallel=True)
def blend(
    records: np.ndarray,
    boxes: np.ndarray,
    starts: np.ndarray,
    splats: np.ndarray,
    tiles_x: int,
    tiles_y: int,
    colour: np.ndarray,  # (H, W, 4) out: premultiplied r, g, b, alpha
    weighted: np.ndarray,  # (H, W) out: Σ weight · depth
) -> None:
    """Blend all tiles; each is one unit of work."""
    height, width = weighted.shape
    for tile in prange(tiles_x * tiles_y):
        left, top = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        through = np.ones(PIXELS, np.float32)
        red, green = np.zeros(PIXELS, np.float32), np.zeros(PIXELS, np.float32)
        blue, depth = np.zeros(PIXELS, np.float32), np.zeros(PIXELS, np.float32)
        own = splats[starts[tile] : starts[tile + 1]]
        blend_tile(records, boxes, own, left, top, through, red, green, blue, depth)
        for y in range(min(TILE, height - top)):
            for x in range(min(TILE, width - left)):
                p = y * TILE + x
                out = colour[top + y, left + x]
                out[0], out[1], out[2] = red[p], green[p], blue[p]
                out[3] = np.float32(1.0) - abs(through[p])
                weighted[top + y, left + x] = depth[p]
