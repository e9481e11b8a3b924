"""The backward half of the CPU rasteriser: from the gradient of a picture to that of its Gaussians.

Tiles are walked front to back exactly as in the forward half. With q = gradient · (r, g, b, 1, depth) of a splat and
the pixel's known total Q = Σ weight · q, the derivative by alpha is T q - (Q - what is summed so far) / (1 - alpha).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from renderer.kernels import (
    ALPHA_MAX,
    BLUE,
    DEPTH,
    LOW_PASS,
    OPACITY,
    PIXELS,
    POWER_MIN,
    T_MIN,
    TILE,
    A,
    B,
    C,
    G,
    R,
    X,
    Y,
    exp_negative,
    jit,
)

# Sums kept for an entry: dpower times dx, dy, dx², dx dy, dy²; dopacity; dr, dg, db; ddepth.
SX, SY, SXX, SXY, SYY, S_OPACITY, S_R, S_G, S_B, S_DEPTH, SUMS = range(11)


@jit()
def blend_tile_backward(
    records: np.ndarray,
    boxes: np.ndarray,
    splats: np.ndarray,  # (K,) this tile's, nearest first
    numbers: np.ndarray,  # (K,) where each entry's sums go
    left: int,  # px
    top: int,  # px
    through: np.ndarray,  # (PIXELS,) transmittance, 1 at first; negative where the pixel is finished or outside
    left_over: np.ndarray,  # (PIXELS,) the total Q less what is summed so far
    grads: np.ndarray,  # (5, PIXELS) gradient of the picture: r, g, b, alpha, Σ weight · depth
    sums: np.ndarray,  # (entries, SUMS) out
) -> None:
    """Walk one tile's splats front to back and sum their gradients over its pixels."""
    grad_r, grad_g, grad_b, grad_a, grad_z = grads[0], grads[1], grads[2], grads[3], grads[4]
    nought, one = np.float32(0.0), np.float32(1.0)
    for k in range(splats.shape[0]):
        i = splats[k]
        x0 = records[i, X] - np.float32(left) - np.float32(0.5)
        y0 = records[i, Y] - np.float32(top) - np.float32(0.5)
        a, b, c = records[i, A], records[i, B], records[i, C]
        opacity, lowest = records[i, OPACITY], records[i, POWER_MIN]
        r, g, bl, z = records[i, R], records[i, G], records[i, BLUE], records[i, DEPTH]
        first = max(np.int32(boxes[i, 2] - top), np.int32(0)) * np.int32(TILE)
        last = (min(np.int32(boxes[i, 3] - top), np.int32(TILE - 1)) + np.int32(1)) * np.int32(TILE)
        sx = sy = sxx = sxy = syy = so = sr = sg = sb = sz = nought
        for p in range(first, last):
            p32 = np.int32(p)
            dx = np.float32(p32 & np.int32(TILE - 1)) - x0
            dy = np.float32(p32 >> np.int32(4)) - y0
            power = (a * dx + b * dy) * dx + c * dy * dy
            fall_off = exp_negative(power)
            alpha = min(opacity * fall_off, ALPHA_MAX)
            t = through[p]
            after = t - t * alpha
            drawn = (power >= lowest) & (t > nought)
            counted = drawn & (after >= T_MIN)
            weight = alpha * t if counted else nought
            through[p] = (after if after >= T_MIN else -t) if drawn else t
            q = grad_r[p] * r + grad_g[p] * g + grad_b[p] * bl + grad_a[p] + grad_z[p] * z
            rest = left_over[p] - weight * q
            left_over[p] = rest
            d_alpha = t * q - rest / (one - alpha)
            # Where alpha is held at 0.99 it does not answer to opacity or place.
            d_alpha = d_alpha if counted & (opacity * fall_off < ALPHA_MAX) else nought
            d_opacity = d_alpha * (fall_off if counted else nought)
            d_power = d_opacity * opacity
            sx += d_power * dx
            sy += d_power * dy
            sxx += d_power * dx * dx
            sxy += d_power * dx * dy
            syy += d_power * dy * dy
            so += d_opacity
            sr += weight * grad_r[p]
            sg += weight * grad_g[p]
            sb += weight * grad_b[p]
            sz += weight * grad_z[p]
        out = sums[numbers[k]]
        out[SX], out[SY], out[SXX], out[SXY], out[SYY] = sx, sy, sxx, sxy, syy
        out[S_OPACITY], out[S_R], out[S_G], out[S_B], out[S_DEPTH] = so, sr, sg, sb, sz
        if k & 15 == 15:
            most = np.float32(-1.0)
            for p in range(PIXELS):
                most = max(most, through[p])
            if most <= nought:
                return


@jit(parallel=True)
def blend_backward(
    records: np.ndarray,
    boxes: np.ndarray,
    starts: np.ndarray,
    splats: np.ndarray,
    numbers: np.ndarray,
    tiles_x: int,
    tiles_y: int,
    colour: np.ndarray,  # (H, W, 4) what the forward half gave
    weighted: np.ndarray,  # (H, W) likewise
    d_colour: np.ndarray,  # (H, W, 4) their gradients
    d_weighted: np.ndarray,  # (H, W)
    sums: np.ndarray,  # (entries, SUMS) out, zero at first
) -> None:
    """Walk all tiles; each entry's sums have one writer, so no two threads meet."""
    height, width = weighted.shape
    for tile in prange(tiles_x * tiles_y):
        left, top = (tile % tiles_x) * TILE, (tile // tiles_x) * TILE
        through = np.full(PIXELS, np.float32(-1.0))
        left_over = np.zeros(PIXELS, np.float32)
        grads = np.zeros((5, PIXELS), np.float32)
        for y in range(min(TILE, height - top)):
            for x in range(min(TILE, width - left)):
                p = y * TILE + x
                through[p] = np.float32(1.0)
                for channel in range(4):
                    grads[channel, p] = d_colour[top + y, left + x, channel]
                    left_over[p] += grads[channel, p] * colour[top + y, left + x, channel]
                grads[4, p] = d_weighted[top + y, left + x]
                left_over[p] += grads[4, p] * weighted[top + y, left + x]
        own, to = splats[starts[tile] : starts[tile + 1]], numbers[starts[tile] : starts[tile + 1]]
        blend_tile_backward(records, boxes, own, to, left, top, through, left_over, grads, sums)


@jit(parallel=True)
def project_backward(
    means: np.ndarray,  # (N, 3)
    quats: np.ndarray,  # (N, 4)
    scales: np.ndarray,  # (N, 3)
    opacities: np.ndarray,  # (N,)
    view: np.ndarray,  # (3, 4)
    lens: np.ndarray,  # (7,)
    antialiased: bool,
    records: np.ndarray,  # (N, RECORD)
    firsts: np.ndarray,  # (N + 1,)
    sums: np.ndarray,  # (entries, SUMS)
    d_means: np.ndarray,  # (N, 3) out, zero at first, as all that follow
    d_quats: np.ndarray,  # (N, 4) out
    d_scales: np.ndarray,  # (N, 3) out
    d_opacities: np.ndarray,  # (N,) out
    d_colours: np.ndarray,  # (N, 3) out
) -> None:
    """Carry each splat's sums back through the projection (the chain rule of kernels.project_one, line by line)."""
    fx, fy, cx, cy, width, height = lens[0], lens[1], lens[2], lens[3], lens[4], lens[5]
    margin_x, margin_y = np.float32(0.15) * width / fx, np.float32(0.15) * height / fy
    half, two = np.float32(0.5), np.float32(2.0)
    for i in prange(means.shape[0]):
        if firsts[i] == firsts[i + 1]:
            continue
        s = np.zeros(SUMS, np.float32)
        for entry in range(firsts[i], firsts[i + 1]):
            for j in range(SUMS):
                s[j] += sums[entry, j]
        d_colours[i, 0], d_colours[i, 1], d_colours[i, 2] = s[S_R], s[S_G], s[S_B]
        mean, scale = means[i], scales[i]
        t = np.empty(3, np.float32)
        for row in range(3):
            t[row] = view[row, 0] * mean[0] + view[row, 1] * mean[1] + view[row, 2] * mean[2] + view[row, 3]
        tx, ty, tz = t[0], t[1], t[2]
        low_x, high_x = -cx / fx - margin_x, (width - cx) / fx + margin_x
        low_y, high_y = -cy / fy - margin_y, (height - cy) / fy + margin_y
        free_x, free_y = low_x < tx / tz < high_x, low_y < ty / tz < high_y
        ux, uy = min(max(tx / tz, low_x), high_x), min(max(ty / tz, low_y), high_y)
        gx, gy = fx / tz, fy / tz
        w, x, y, z = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
        norm = np.float32(math.sqrt(w * w + x * x + y * y + z * z)) + np.float32(1e-20)
        w, x, y, z = w / norm, x / norm, y / norm, z / norm
        rotation = np.empty((3, 3), np.float32)
        rotation[0, 0] = 1 - two * (y * y + z * z)
        rotation[0, 1] = two * (x * y - w * z)
        rotation[0, 2] = two * (x * z + w * y)
        rotation[1, 0] = two * (x * y + w * z)
        rotation[1, 1] = 1 - two * (x * x + z * z)
        rotation[1, 2] = two * (y * z - w * x)
        rotation[2, 0] = two * (x * z - w * y)
        rotation[2, 1] = two * (y * z + w * x)
        rotation[2, 2] = 1 - two * (x * x + y * y)
        a, b = np.empty(3, np.float32), np.empty(3, np.float32)
        for j in range(3):
            a[j] = gx * (view[0, j] - ux * view[2, j])
            b[j] = gy * (view[1, j] - uy * view[2, j])
        ar, br = np.zeros(3, np.float32), np.zeros(3, np.float32)
        xx = xy = yy = np.float32(0.0)
        for k in range(3):
            for j in range(3):
                ar[k] += a[j] * rotation[j, k]
                br[k] += b[j] * rotation[j, k]
            xx += ar[k] * ar[k] * scale[k] * scale[k]
            xy += ar[k] * br[k] * scale[k] * scale[k]
            yy += br[k] * br[k] * scale[k] * scale[k]
        det = (xx + LOW_PASS) * (yy + LOW_PASS) - xy * xy

        # The inverse covariance K: power = -d·K d / 2, so dΣ = K S K / 2; the off-diagonal scalar counts twice.
        kx, kxy, ky = (yy + LOW_PASS) / det, -xy / det, (xx + LOW_PASS) / det
        g_xx = half * (kx * kx * s[SXX] + two * kx * kxy * s[SXY] + kxy * kxy * s[SYY])
        g_yy = half * (kxy * kxy * s[SXX] + two * kxy * ky * s[SXY] + ky * ky * s[SYY])
        g_xy = kx * kxy * s[SXX] + (kx * ky + kxy * kxy) * s[SXY] + kxy * ky * s[SYY]
        d_opacity = s[S_OPACITY]
        if antialiased:
            plain = xx * yy - xy * xy
            share = np.float32(math.sqrt(max(plain / det, np.float32(0.0))))
            d_share = d_opacity * opacities[i]
            d_opacity *= share
            if share > np.float32(1e-6):
                d_plain, d_det = half * d_share / (share * det), -half * d_share * share / det
                g_xx += d_plain * yy + d_det * (yy + LOW_PASS)
                g_yy += d_plain * xx + d_det * (xx + LOW_PASS)
                g_xy -= two * xy * (d_plain + d_det)
        d_opacities[i] = d_opacity

        da, db = np.zeros(3, np.float32), np.zeros(3, np.float32)
        dr = np.empty((3, 3), np.float32)
        for k in range(3):
            du = two * g_xx * ar[k] * scale[k] + g_xy * br[k] * scale[k]
            dv = two * g_yy * br[k] * scale[k] + g_xy * ar[k] * scale[k]
            d_scales[i, k] = du * ar[k] + dv * br[k]
            for j in range(3):
                da[j] += du * scale[k] * rotation[j, k]
                db[j] += dv * scale[k] * rotation[j, k]
                dr[j, k] = scale[k] * (du * a[j] + dv * b[j])

        # The conic's centre: x and y move against dx and dy.
        d_x = -(two * records[i, A] * s[SX] + records[i, B] * s[SY])
        d_y = -(two * records[i, C] * s[SY] + records[i, B] * s[SX])
        d_gx = d_gy = d_ux = d_uy = np.float32(0.0)
        for j in range(3):
            d_gx += da[j] * (view[0, j] - ux * view[2, j])
            d_gy += db[j] * (view[1, j] - uy * view[2, j])
            d_ux -= gx * da[j] * view[2, j]
            d_uy -= gy * db[j] * view[2, j]
        d_ux = d_ux if free_x else np.float32(0.0)
        d_uy = d_uy if free_y else np.float32(0.0)
        d_tx = d_x * gx + d_ux / tz
        d_ty = d_y * gy + d_uy / tz
        d_tz = s[S_DEPTH] - (d_x * gx * tx + d_y * gy * ty) / tz
        d_tz -= (d_gx * gx + d_gy * gy + d_ux * tx / tz + d_uy * ty / tz) / tz
        for j in range(3):
            d_means[i, j] = view[0, j] * d_tx + view[1, j] * d_ty + view[2, j] * d_tz

        qw = z * (dr[1, 0] - dr[0, 1]) + y * (dr[0, 2] - dr[2, 0]) + x * (dr[2, 1] - dr[1, 2])
        qx = y * (dr[1, 0] + dr[0, 1]) + z * (dr[2, 0] + dr[0, 2]) + w * (dr[2, 1] - dr[1, 2])
        qy = x * (dr[1, 0] + dr[0, 1]) + z * (dr[2, 1] + dr[1, 2]) + w * (dr[0, 2] - dr[2, 0])
        qz = x * (dr[2, 0] + dr[0, 2]) + y * (dr[2, 1] + dr[1, 2]) + w * (dr[1, 0] - dr[0, 1])
        qx -= two * x * (dr[1, 1] + dr[2, 2])
        qy -= two * y * (dr[0, 0] + dr[2, 2])
        qz -= two * z * (dr[0, 0] + dr[1, 1])
        along = qw * w + qx * x + qy * y + qz * z
        d_quats[i, 0] = two * (qw - along * w) / norm
        d_quats[i, 1] = two * (qx - along * x) / norm
        d_quats[i, 2] = two * (qy - along * y) / norm
        d_quats[i, 3] = two * (qz - along * z) / norm
