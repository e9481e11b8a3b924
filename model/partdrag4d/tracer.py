"""Trace boxes and round things analytically: one depth buffer a view, then one shading a visible pixel.

Numba's cache does not look into imported functions: after a change of textures.albedo this file must change, too,
or the cache be deleted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numba import njit

from model.camera import Camera
from model.partdrag4d.scene import BOX, OUTSIDE, Buffers, Scene
from model.partdrag4d.textures import BRUSHED, GLASS, albedo

# Scene.lights: ambient, hemisphere share, two lamps (direction xyz, strength), tint rgb, exposure, darkness of the
# cavity, darkness of gaps
AMBIENT, SKY, LAMP1, LAMP2, TINT, EXPOSURE, CAVITY, GAP = 0, 1, 2, 6, 10, 13, 14, 15
FAR = 1e9
FRONT_MARGIN = 0.006  # object units that Scene.fronts reaches beyond each front


@njit(cache=True, nogil=True, fastmath=True)
def _hit_round(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, r: float, h: float, inner: float, taper: float
) -> tuple[float, int]:
    """Return the nearest (t, face) of a ray with a cone, cylinder or tube along y; t = FAR where it misses."""
    best, face = FAR, -1
    side = r + taper * oy
    A = dx * dx + dz * dz - taper * taper * dy * dy
    B = ox * dx + oz * dz - taper * side * dy
    C = ox * ox + oz * oz - side * side
    disc = B * B - A * C
    if disc < 0 or A < 1e-12:
        return best, face
    root = math.sqrt(disc)
    t = (-B - root) / A
    if t > 1e-3 and abs(oy + t * dy) <= h:
        best, face = t, 6
    if oy > h or oy < -h:
        y = h if oy > 0 else -h
        t = (y - oy) / dy
        if 1e-3 < t < best:
            x, z = ox + t * dx, oz + t * dz
            rho = x * x + z * z
            limit, low = r + taper * y, inner + taper * y
            if rho <= limit * limit and (inner <= 0 or rho >= low * low):
                best, face = t, 3 if oy > 0 else 2
    if inner > 0:
        side = inner + taper * oy
        B = ox * dx + oz * dz - taper * side * dy
        C = ox * ox + oz * oz - side * side
        disc = B * B - A * C
        if disc > 0:
            t = (-B + math.sqrt(disc)) / A
            if 1e-3 < t < best and abs(oy + t * dy) <= h:
                best, face = t, 7
    return best, face


@njit(cache=True, nogil=True, fastmath=True)
def _hit_box(
    ox: float, oy: float, oz: float, dx: float, dy: float, dz: float, hx: float, hy: float, hz: float, hole: float
) -> tuple[float, int]:
    """Return the nearest (t, face) of a ray with a box; face = 2 axis + (1 on the positive side)."""
    ix, iy, iz = 1.0 / dx, 1.0 / dy, 1.0 / dz
    ex, ey, ez = hx * abs(ix), hy * abs(iy), hz * abs(iz)
    mx, my, mz = -ox * ix, -oy * iy, -oz * iz
    nx, ny, nz = mx - ex, my - ey, mz - ez
    near = max(nx, max(ny, nz))
    if near < 1e-3 or near > min(mx + ex, min(my + ey, mz + ez)):
        return FAR, -1
    if near == nx:
        return near, 1 if dx < 0 else 0
    if near == ny:
        return near, 3 if dy < 0 else 2
    if hole > 0:
        x, y = ox + near * dx, oy + near * dy
        if x * x + y * y < hole * hole:
            A, B, C = dx * dx + dy * dy, ox * dx + oy * dy, ox * ox + oy * oy - hole * hole
            t = (-B + math.sqrt(max(0.0, B * B - A * C))) / max(A, 1e-12)
            if abs(oz + t * dz) <= hz:
                return t, 8
            return FAR, -1
    return near, 5 if dz < 0 else 4


@njit(cache=True, nogil=True, fastmath=True)
def _cover(
    T: np.ndarray, lens: np.ndarray, size: int, kind: np.ndarray, centre: np.ndarray, axes: np.ndarray,
    half: np.ndarray, param: np.ndarray, depth: np.ndarray, shown: np.ndarray, faces: np.ndarray,
) -> None:  # fmt: skip
    """Fill depth, shown primitive and face of one view (size, size)."""
    count = len(kind)
    fx, fy, cx, cy = lens
    boxes = np.empty((count, 4), np.int64)
    nearest = np.empty(count)
    origins = np.empty((count, 3))
    turns = np.empty((count, 3, 3))
    for p in range(count):
        for i in range(3):
            origins[p, i] = 0.0
            for k in range(3):
                origins[p, i] += axes[p, k, i] * (T[k, 3] - centre[p, k])
            for j in range(3):
                turns[p, i, j] = axes[p, 0, i] * T[0, j] + axes[p, 1, i] * T[1, j] + axes[p, 2, i] * T[2, j]
        grow = 1.0 + abs(param[p, 1]) * half[p, 1] / half[p, 0] if kind[p] != BOX else 1.0
        x0, y0, x1, y1, near = 1e9, 1e9, -1e9, -1e9, 1e9
        for c in range(8):
            a = half[p, 0] * grow * (1 if c & 1 else -1) - origins[p, 0]
            b = half[p, 1] * (1 if c & 2 else -1) - origins[p, 1]
            e = half[p, 2] * grow * (1 if c & 4 else -1) - origins[p, 2]
            z = -(turns[p, 0, 2] * a + turns[p, 1, 2] * b + turns[p, 2, 2] * e)
            z = max(z, 1e-3)
            x = fx * (turns[p, 0, 0] * a + turns[p, 1, 0] * b + turns[p, 2, 0] * e) / z + cx
            y = -fy * (turns[p, 0, 1] * a + turns[p, 1, 1] * b + turns[p, 2, 1] * e) / z + cy
            x0, x1, y0, y1, near = min(x0, x), max(x1, x), min(y0, y), max(y1, y), min(near, z)
        boxes[p, 0], boxes[p, 1] = max(0, math.ceil(x0 - 0.5)), min(size - 1, math.floor(x1 - 0.5))
        boxes[p, 2], boxes[p, 3] = max(0, math.ceil(y0 - 0.5)), min(size - 1, math.floor(y1 - 0.5))
        nearest[p] = near
    for p in np.argsort(nearest):  # front to back: what lies behind is left after one comparison
        near = nearest[p]
        ox, oy, oz = origins[p, 0], origins[p, 1], origins[p, 2]
        hx, hy, hz = half[p, 0], half[p, 1], half[p, 2]
        hole, taper = param[p, 0], param[p, 1]
        for y in range(boxes[p, 2], boxes[p, 3] + 1):
            b = -(y + 0.5 - cy) / fy
            rx = turns[p, 0, 1] * b - turns[p, 0, 2] + 1e-12
            ry = turns[p, 1, 1] * b - turns[p, 1, 2] + 1e-12
            rz = turns[p, 2, 1] * b - turns[p, 2, 2] + 1e-12
            for x in range(boxes[p, 0], boxes[p, 1] + 1):
                if depth[y, x] <= near:
                    continue
                a = (x + 0.5 - cx) / fx
                dx, dy, dz = rx + turns[p, 0, 0] * a, ry + turns[p, 1, 0] * a, rz + turns[p, 2, 0] * a
                if kind[p] == BOX:
                    t, face = _hit_box(ox, oy, oz, dx, dy, dz, hx, hy, hz, hole)
                else:
                    t, face = _hit_round(ox, oy, oz, dx, dy, dz, hx, hy, hole, taper)
                if t < depth[y, x]:
                    depth[y, x] = t
                    shown[y, x] = p
                    faces[y, x] = face


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _shoulder(x: float) -> float:
    """Roll bright values off as film does, so that white things keep their shading."""
    if x <= 0.75:
        return max(0.0, x)
    return 0.75 + 0.25 * (1.0 - math.exp((0.75 - x) * 3.2))


@njit(cache=True, nogil=True, fastmath=True)
def _shade(
    T: np.ndarray, lens: np.ndarray, size: int, kind: np.ndarray, links: np.ndarray, material: np.ndarray,
    grain: np.ndarray, seed: np.ndarray, centre: np.ndarray, axes: np.ndarray, half: np.ndarray,
    materials: np.ndarray, T_object_world: np.ndarray, scale: float, cavity: np.ndarray, fronts: np.ndarray,
    shut: np.ndarray, lights: np.ndarray, depth: np.ndarray, shown: np.ndarray, faces: np.ndarray,
    rgb: np.ndarray, normal: np.ndarray, link: np.ndarray,
) -> None:  # fmt: skip
    """Fill colour, normal and link of one view from its depth buffer; depth becomes 0 where nothing is."""
    fx, fy, cx, cy = lens
    q = np.empty(3)
    n = np.empty(3)
    o = np.empty(3)
    w = np.empty(3)
    d = np.empty(3)
    opening = int(cavity[6])
    for y in range(size):
        for x in range(size):
            p = shown[y, x]
            if p < 0:
                depth[y, x] = 0.0
                continue
            t = depth[y, x]
            a, b = (x + 0.5 - cx) / fx, -(y + 0.5 - cy) / fy
            for k in range(3):
                d[k] = T[k, 0] * a + T[k, 1] * b - T[k, 2]
                w[k] = T[k, 3] + t * d[k]
            for k in range(3):
                q[k] = 0.0
                for j in range(3):
                    q[k] += axes[p, j, k] * (w[j] - centre[p, j])
            face = faces[y, x]
            g = grain[p]
            end_grain = False
            if face < 6:
                axis = face // 2
                sign = 1.0 if face % 2 else -1.0
                for k in range(3):
                    n[k] = sign * axes[p, k, axis]
                end_grain = g == axis
                along = (axis + 1) % 3 if end_grain else g
                across = 3 - axis - along
                u, v = q[along] / scale, q[across] / scale
            else:
                i, j = (0, 1) if face == 8 else (0, 2)
                radius = math.sqrt(q[i] * q[i] + q[j] * q[j]) + 1e-9
                sign = 1.0 if face == 6 else -1.0
                for k in range(3):
                    n[k] = sign * (q[i] * axes[p, k, i] + q[j] * axes[p, k, j]) / radius
                u, v = q[3 - i - j] / scale, math.atan2(q[i], q[j]) * radius / scale
            m = materials[material[p]]
            red, green, blue = albedo(m, u, v, end_grain, seed[p], t / (fy * scale))

            for k in range(3):  # occlusion: how deep inside the body, in object units
                o[k] = T_object_world[k, 3]
                for j in range(3):
                    o[k] += T_object_world[k, j] * (w[j] + 0.003 * scale * n[j])
            open_air = 1.0
            inside = cavity[0] < o[0] < cavity[3] and cavity[1] < o[1] < cavity[4] and cavity[2] < o[2] < cavity[5]
            if cavity[8] > 0:  # a round body
                wall = cavity[8] + cavity[9] * o[1]
                inside = inside and o[0] * o[0] + o[2] * o[2] < wall * wall
            if inside:
                deep = cavity[3 + opening] - o[opening]
                open_air = 1.0 - lights[CAVITY] * (1.0 - math.exp(-deep * 4.0))
                gap = cavity[7]
                if 0.15 * gap < deep < 3.0 * gap:
                    dark = 0.0
                    if links[p] > 0:
                        dark = shut[links[p]]
                    else:
                        c = 1 if opening == 2 else 2
                        for f in range(len(fronts)):
                            inner = fronts[f, 0] < o[0] < fronts[f, 1] and fronts[f, 2] < o[c] < fronts[f, 3]
                            if inner and shut[f + 1] > dark:
                                dark = shut[f + 1]
                    open_air *= 1.0 - lights[GAP] * dark * min(1.0, deep / gap)

            elif links[p] > 0 and shut[links[p]] > 0 and o[opening] > cavity[3 + opening]:
                f, c = links[p] - 1, 1 if opening == 2 else 2  # the thin dark line round a shut front, kept where it is
                rim = min(min(o[0] - fronts[f, 0], fronts[f, 1] - o[0]), min(o[c] - fronts[f, 2], fronts[f, 3] - o[c]))
                rim -= FRONT_MARGIN  # narrower than a pixel
                width = max(0.0025, 0.5 * t / (fy * scale))
                if 0 < rim < 4 * width:
                    open_air = 1.0 - 0.45 * lights[GAP] * shut[links[p]] * math.exp(-rim / width)

            lit = lights[AMBIENT] * (1.0 + lights[SKY] * n[1])
            lit += (
                lights[LAMP1 + 3]
                * max(0.0, n[0] * lights[LAMP1] + n[1] * lights[LAMP1 + 1] + n[2] * lights[LAMP1 + 2])
                * (1.0 if not inside else open_air)
            )
            lit += (
                lights[LAMP2 + 3]
                * max(0.0, n[0] * lights[LAMP2] + n[1] * lights[LAMP2 + 1] + n[2] * lights[LAMP2 + 2])
                * (1.0 if not inside else open_air)
            )
            lit *= open_air * lights[EXPOSURE]
            gloss = 0.02 * (1.0 + n[1]) * open_air  # black things still show their faces
            what = int(m[0])
            if m[10] > 0:
                norm = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
                dn = (d[0] * n[0] + d[1] * n[1] + d[2] * n[2]) / norm
                up = d[1] / norm - 2 * dn * n[1]
                shine = 0.0
                for k in range(3):
                    shine += lights[LAMP1 + k] * (d[k] / norm - 2 * dn * n[k])
                gloss += m[10] * open_air * max(0.0, shine) ** 12 * 0.6
                if what == GLASS:
                    gloss += m[8] * (0.25 + 0.45 * max(0.0, up) + 0.6 * (1 + dn) ** 4) * open_air
                elif what == BRUSHED:
                    gloss += 0.14 * up * open_air
            rgb[y, x, 0] = _shoulder((red * lit + gloss) * lights[TINT])
            rgb[y, x, 1] = _shoulder((green * lit + gloss) * lights[TINT + 1])
            rgb[y, x, 2] = _shoulder((blue * lit + gloss) * lights[TINT + 2])
            for k in range(3):
                normal[y, x, k] = n[k]
            link[y, x] = links[p]


@njit(cache=True, nogil=True, fastmath=True)
def _gather(
    ss: int, rgb: np.ndarray, depth: np.ndarray, normal: np.ndarray, link: np.ndarray, rgb1: np.ndarray,
    alpha1: np.ndarray, depth1: np.ndarray, normal1: np.ndarray, link1: np.ndarray,
) -> None:  # fmt: skip
    """Average ss² rays a pixel; geometry is that of the nearest ray of the commonest link."""
    size = len(alpha1)
    share = 1.0 / (ss * ss)
    for y in range(size):
        for x in range(size):
            red, green, blue, covered = 0.0, 0.0, 0.0, 0
            best_votes, best_depth, by, bx = 0, FAR, -1, -1
            for j in range(ss):
                for i in range(ss):
                    sy, sx = y * ss + j, x * ss + i
                    if link[sy, sx] == OUTSIDE:
                        continue
                    covered += 1
                    red, green, blue = red + rgb[sy, sx, 0], green + rgb[sy, sx, 1], blue + rgb[sy, sx, 2]
                    votes = 0
                    for k in range(ss * ss):
                        if link[y * ss + k // ss, x * ss + k % ss] == link[sy, sx]:
                            votes += 1
                    if votes > best_votes or (votes == best_votes and depth[sy, sx] < best_depth):
                        best_votes, best_depth, by, bx = votes, depth[sy, sx], sy, sx
            rgb1[y, x, 0], rgb1[y, x, 1], rgb1[y, x, 2] = red * share, green * share, blue * share
            alpha1[y, x] = covered * share
            if by >= 0:
                depth1[y, x], link1[y, x] = depth[by, bx], link[by, bx]
                for k in range(3):
                    normal1[y, x, k] = normal[by, bx, k]


@njit(cache=True, nogil=True, fastmath=True)
def _trace_views(
    Ts: np.ndarray, lenses: np.ndarray, size: int, ss: int, kind: np.ndarray, links: np.ndarray,
    material: np.ndarray, grain: np.ndarray, seed: np.ndarray, centre: np.ndarray, axes: np.ndarray,
    half: np.ndarray, param: np.ndarray, materials: np.ndarray, T_object_world: np.ndarray, scale: float,
    cavity: np.ndarray, fronts: np.ndarray, shut: np.ndarray, lights: np.ndarray, rgb: np.ndarray,
    alpha: np.ndarray, depth: np.ndarray, normal: np.ndarray, link: np.ndarray,
) -> None:  # fmt: skip
    fine = size * ss
    shown = np.empty((fine, fine), np.int32)
    faces = np.empty((fine, fine), np.int8)
    for v in range(len(Ts)):
        z = np.full((fine, fine), np.float32(FAR))
        shown[:] = -1
        lens = lenses[v] * ss
        _cover(Ts[v], lens, fine, kind, centre, axes, half, param, z, shown, faces)
        if ss == 1:
            _shade(Ts[v], lens, fine, kind, links, material, grain, seed, centre, axes, half, materials,
                   T_object_world, scale, cavity, fronts, shut, lights, z, shown, faces,
                   rgb[v], normal[v], link[v])  # fmt: skip
            for y in range(size):
                for x in range(size):
                    depth[v, y, x] = z[y, x]
                    alpha[v, y, x] = 1.0 if shown[y, x] >= 0 else 0.0
        else:
            rgb1 = np.zeros((fine, fine, 3), np.float32)
            normal1 = np.zeros((fine, fine, 3), np.float32)
            link1 = np.full((fine, fine), np.uint8(OUTSIDE))
            _shade(Ts[v], lens, fine, kind, links, material, grain, seed, centre, axes, half, materials,
                   T_object_world, scale, cavity, fronts, shut, lights, z, shown, faces,
                   rgb1, normal1, link1)  # fmt: skip
            _gather(ss, rgb1, z, normal1, link1, rgb[v], alpha[v], depth[v], normal[v], link[v])


def trace(scene: Scene, amount: float, cameras: Sequence[Camera], size: int, supersample: int = 1) -> Buffers:
    """Draw scene with its moving part at amount from every camera, size² pixels each.

    Cameras of another size are resized. With supersample k, k² rays a pixel: colour and coverage are averaged,
    depth, normal and link are those of the nearest ray of the pixel's commonest link.
    """
    count = len(cameras)
    cameras = [c if c.width == size and c.height == size else c.resized(size, size) for c in cameras]
    Ts = np.stack([c.T_world_camera for c in cameras])
    lenses = np.array([(c.fx, c.fy, c.cx, c.cy) for c in cameras], np.float64)
    poses = scene.poses(amount)
    prims = scene.primitives
    R, t = poses[prims.link, :3, :3], poses[prims.link, :3, 3]
    centre = np.einsum("pij,pj->pi", R, prims.centre) + t
    axes = R @ prims.axes
    now = scene.rest.copy()
    now[scene.moving - 1] = amount
    shut = np.zeros(len(now) + 1)
    shut[1:] = np.clip(1.0 - np.abs(now) / (0.12 * np.maximum(scene.limits[:, 1], 1e-6)), 0.0, 1.0)
    rgb = np.zeros((count, size, size, 3), np.float32)
    alpha = np.zeros((count, size, size), np.float32)
    depth = np.zeros((count, size, size), np.float32)
    normal = np.zeros((count, size, size, 3), np.float32)
    link = np.full((count, size, size), OUTSIDE, np.uint8)
    _trace_views(
        Ts, lenses, size, supersample, prims.kind, prims.link, prims.material, prims.grain, prims.seed, centre, axes,
        prims.half, prims.param, scene.materials, np.linalg.inv(scene.T_world_object), scene.scale, scene.cavity,
        scene.fronts, shut, scene.lights, rgb, alpha, depth, normal, link,
    )  # fmt: skip
    return Buffers(rgb, alpha, depth, normal, link)


def trace_surfaces(scene: Scene, amount: float, cameras: Sequence[Camera], size: int) -> Buffers:
    """Draw what splats are made of: surfaces as the rays through the pixels' centres meet them, and mean colours.

    Colours are averaged over what a pixel shows of the object, not mixed with the empty ground's.
    """
    smooth = trace(scene, amount, cameras, size, supersample=2)
    seen = trace(scene, amount, cameras, size)
    covered = smooth.alpha[..., None]
    return replace(seen, rgb=np.where(covered > 0.3, smooth.rgb / np.maximum(covered, 0.05), seen.rgb))
