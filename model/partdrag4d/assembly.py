"""Assembly: an object being put together, and the pieces all furniture shares (panels, handles, drawers, doors).

Object units: the object is about 1 large, stands upright along y, and its front faces +z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from model.partdrag4d import textures
from model.partdrag4d.scene import BOX, ROUND
from model.partdrag4d.textures import Row

Vector = tuple[float, float, float]
X, Y, Z = 0, 1, 2
LEFT, RIGHT, TOP, BOTTOM = "left", "right", "top", "bottom"

# Rotations whose second column is where the local y axis of a round primitive points: y, x, z.
UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
ALONG_X = ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
ALONG_Z = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True)
class Part:
    """A movable part in object units: how it moves, how far, and the rectangle it shuts (x0, x1, y0, y1)."""

    kind: Literal["prismatic", "revolute"]
    axis: Vector
    pivot: Vector
    low: float
    high: float
    front: tuple[float, float, float, float]


@dataclass(frozen=True)
class Style:
    """What the fronts of one object share: materials (by number), thickness, gap, face and handle."""

    body: int
    front: int
    handle: int
    inner: int
    pane: int
    thick: float
    gap: float
    face: str
    grip: str


class Assembly:
    """Collect primitives, parts and materials; link 0 is the body."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.rows: list[Row] = []
        self.parts: list[Part] = []
        self.ints: list[tuple[int, int, int, int, int]] = []  # kind, link, material, grain, turn
        self.floats: list[tuple[float, ...]] = []  # centre xyz, half xyz, param a, b
        self.turns: list[tuple[Vector, Vector, Vector]] = [UPRIGHT, ALONG_X, ALONG_Z]
        self.opening = Z
        self.cavity: tuple[Vector, Vector] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self.gap_depth = 0.02
        self.round_wall = (0.0, 0.0)  # radius of a round body at y = 0, growth a unit of y

    def material(self, row: Row) -> int:
        """Add a material and return its number."""
        self.rows.append(row)
        return len(self.rows) - 1

    def part(
        self, kind: Literal["prismatic", "revolute"], axis: Vector, pivot: Vector, low: float, high: float,
        front: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    ) -> int:  # fmt: skip
        """Add a movable part and return its link."""
        self.parts.append(Part(kind, axis, pivot, low, high, front))
        return len(self.parts)

    def box(
        self, link: int, material: int, x0: float, x1: float, y0: float, y1: float, z0: float, z1: float,
        grain: int = -1, hole: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a box between corners; wood grows along its longest side unless told."""
        hx, hy, hz = (x1 - x0) / 2, (y1 - y0) / 2, (z1 - z0) / 2
        if hx <= 0 or hy <= 0 or hz <= 0:
            return
        if grain < 0:
            grain = X if hx >= hy and hx >= hz else (Y if hy >= hz else Z)
        self.ints.append((BOX, link, material, grain, 0))
        self.floats.append(((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2, hx, hy, hz, hole, 0.0))

    def round(
        self, link: int, material: int, centre: Vector, radius: float, half: float, along: int = Y,
        inner: float = 0.0, taper: float = 0.0, turn: tuple[Vector, Vector, Vector] | None = None,
    ) -> None:  # fmt: skip
        """Add a cylinder, tube or cone of half height along an axis (or a rotation's second column)."""
        index = (1, 0, 2)[along]
        if turn is not None:
            index = len(self.turns)
            self.turns.append(turn)
        self.ints.append((ROUND, link, material, 1, index))
        self.floats.append((*centre, radius, half, radius, inner, taper))

    def rod(self, link: int, material: int, start: Vector, end: Vector, radius: float, tip: float = -1.0) -> None:
        """Add a round bar from start (radius) to end (tip, same where negative)."""
        d = tuple(e - s for s, e in zip(start, end, strict=True))
        length = math.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
        y = (d[0] / length, d[1] / length, d[2] / length)
        k = (0.0, 0.0, 1.0) if abs(y[2]) < 0.9 else (1.0, 0.0, 0.0)
        x = (y[1] * k[2] - y[2] * k[1], y[2] * k[0] - y[0] * k[2], y[0] * k[1] - y[1] * k[0])
        n = math.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2)
        x = (x[0] / n, x[1] / n, x[2] / n)
        z = (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])
        turn = ((x[0], y[0], z[0]), (x[1], y[1], z[1]), (x[2], y[2], z[2]))
        tip = radius if tip < 0 else tip
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
        self.round(link, material, middle, (radius + tip) / 2, length / 2, taper=(tip - radius) / length, turn=turn)

    def shell(self, link: int, material: int, lo: Vector, hi: Vector, wall: float, opening: int) -> None:
        """Add a hollow box, open along +opening; its walls do not overlap."""
        (x0, y0, z0), (x1, y1, z1) = lo, hi
        t = wall
        if opening == Z:
            self.box(link, material, x0, x1, y0, y0 + t, z0, z1)
            self.box(link, material, x0, x1, y1 - t, y1, z0, z1)
            self.box(link, material, x0, x0 + t, y0 + t, y1 - t, z0, z1, Y)
            self.box(link, material, x1 - t, x1, y0 + t, y1 - t, z0, z1, Y)
            self.box(link, material, x0 + t, x1 - t, y0 + t, y1 - t, z0, z0 + t * 0.6)
        else:
            self.box(link, material, x0, x1, y0, y1, z0, z0 + t)
            self.box(link, material, x0, x1, y0, y1, z1 - t, z1)
            self.box(link, material, x0, x0 + t, y0, y1, z0 + t, z1 - t)
            self.box(link, material, x1 - t, x1, y0, y1, z0 + t, z1 - t)
            self.box(link, material, x0 + t, x1 - t, y0, y0 + t, z0 + t, z1 - t)

    def things(self, link: int, x0: float, x1: float, y: float, height: float, z0: float, z1: float) -> None:
        """Stand a few boxes and jars on a floor at y."""
        rng = self.rng
        at = x0 + (x1 - x0) * rng.uniform(0.02, 0.3)
        for _ in range(rng.randint(1, 4)):
            w = (x1 - x0) * rng.uniform(0.08, 0.3)
            if at + w > x1:
                return
            h, depth = height * rng.uniform(0.3, 0.85), min((z1 - z0) * 0.7, w * rng.uniform(0.6, 2.0))
            m = self.material(textures.paint(rng))
            z = z0 + (z1 - z0 - depth) * rng.uniform(0.2, 0.9)
            if rng.random() < 0.4:
                r = min(w, depth) / 2
                self.round(link, m, (at + w / 2, y + h / 2, z + r), r, h / 2)
            else:
                self.box(link, m, at, at + w, y, y + h, z, z + depth)
            at += w * rng.uniform(1.02, 1.6)


def panel(a: Assembly, link: int, s: Style, x0: float, x1: float, y0: float, y1: float, z0: float, z1: float) -> None:
    """Add a front: a slab, or a frame round a sunk panel, a raised one, a pane or cane."""
    w, h = x1 - x0, y1 - y0
    rail = min(0.22 * min(w, h), 0.07)
    grain = X if w > 0.8 * h else Y
    if s.face == "slab" or min(w, h) < 0.09:
        a.box(link, s.front, x0, x1, y0, y1, z0, z1, grain)
        return
    sunk = z1 - 0.35 * (z1 - z0)
    middle = {"shaker": s.front, "pane": s.pane, "insert": s.pane, "raised": s.front}[s.face]
    a.box(link, s.front, x0, x1, y0, y0 + rail, z0, z1, X)
    a.box(link, s.front, x0, x1, y1 - rail, y1, z0, z1, X)
    a.box(link, s.front, x0, x0 + rail, y0 + rail, y1 - rail, z0, z1, Y)
    a.box(link, s.front, x1 - rail, x1, y0 + rail, y1 - rail, z0, z1, Y)
    a.box(link, middle, x0 + rail, x1 - rail, y0 + rail, y1 - rail, z0 + 0.1 * (z1 - z0), sunk, grain)
    if s.face == "raised":
        r = rail * 1.5
        a.box(link, s.front, x0 + r, x1 - r, y0 + r, y1 - r, sunk, z1 + 0.1 * (z1 - z0), grain)


def handle(a: Assembly, link: int, s: Style, x0: float, x1: float, y0: float, y1: float, z: float, side: str) -> None:
    """Add a grip on the front plane z, near the side that opens (middle for a drawer: side = "")."""
    w, h = x1 - x0, y1 - y0
    m, grip = s.handle, s.grip
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    inset = min(0.05, 0.14 * min(w, h) + 0.012)
    upright = side in (LEFT, RIGHT)
    if side == LEFT:
        cx = x0 + inset
    elif side == RIGHT:
        cx = x1 - inset
    elif side == TOP:
        cy = y1 - inset
    elif side == BOTTOM:
        cy = y0 + inset
    if upright:  # a low cupboard is gripped above its middle, a high one below
        cy += h * (0.25 if y0 < 0.4 else -0.25) if grip in ("knob", "block") else 0.0
    small = min(0.018, 0.12 * min(w, h) + 0.004)
    long = (h if upright else w) * {"long": 0.42, "bar": 0.2}.get(grip, 0.12)
    if grip in ("bar", "long", "square"):
        r, out = 0.35 * small + 0.002, 1.6 * small + 0.004
        if grip == "square":
            lx, ly = (r * 1.2, long) if upright else (long, r * 1.2)
            a.box(link, m, cx - lx, cx + lx, cy - ly, cy + ly, z + out - r, z + out + r)
        else:
            a.round(link, m, (cx, cy, z + out), r, long, Y if upright else X)
        for sign in (-0.85, 0.85):
            px, py = (cx, cy + sign * long) if upright else (cx + sign * long, cy)
            a.round(link, m, (px, py, z + out / 2), r * 0.8, out / 2, Z)
    elif grip == "knob":
        a.round(link, m, (cx, cy, z + small * 0.5), small * 0.4, small * 0.5, Z)
        a.round(link, m, (cx, cy, z + small * 1.3), small * 0.75, small * 0.4, Z)
    elif grip == "block":
        a.box(link, m, cx - small, cx + small, cy - small * 0.8, cy + small * 0.8, z, z + small * 1.3)
    elif grip == "tab":  # a bent sheet over the edge
        t, long, out = 0.004, min(0.05, 0.2 * w), small * 1.3
        if upright:
            e = x0 if side == LEFT else x1 - t
            a.box(link, m, e, e + t, cy - long, cy + long, z, z + out)
        else:
            e = (y0 + t if side == BOTTOM else y1) - t
            a.box(link, m, cx - long, cx + long, e, e + t, z, z + out)
            a.box(link, m, cx - long, cx + long, e - 0.6 * out, e, z + out - t, z + out)
    elif grip == "rail":  # a lip along the whole edge
        t, out = 0.01, small
        if upright:
            e = x0 if side == LEFT else x1 - t
            a.box(link, m, e, e + t, y0, y1, z, z + out)
        else:
            e = y0 if side == BOTTOM else y1 - t
            a.box(link, m, x0, x1, e, e + t, z, z + out)
    elif grip == "cut":  # a dark opening cut into the front
        lx, ly = (small * 0.5, 0.06 * h + small) if upright else (min(0.08, 0.2 * w), small * 0.5)
        cx = min(x1 - lx - 0.01, max(x0 + lx + 0.01, cx))
        cy = cy if upright or side else y1 - inset * 0.8
        a.box(link, s.pane if s.face == "slab" else m, cx - lx, cx + lx, cy - ly, cy + ly, z - 0.002, z + 0.0007)
    elif grip == "cup":
        a.round(link, m, (cx, cy + small * 0.2, z + small * 0.5), small * 0.5, min(0.05, 0.18 * w), Y if upright else X)
        a.box(link, m, cx - small, cx + small, cy + small * 0.5, cy + small, z, z + small * 0.9)


def drawer(
    a: Assembly, s: Style, rect: tuple[float, float, float, float], hollow: tuple[float, float, float, float],
    z: float, depth: float,
) -> int:  # fmt: skip
    """Add a drawer whose front fills rect with its face at z, and whose box fits the hollow (x0, x1, y0, y1)."""
    rng = a.rng
    x0, x1, y0, y1 = rect
    back = z - s.thick
    length = depth * rng.uniform(0.86, 0.96)
    link = a.part("prismatic", (0, 0, 1), (0, 0, 0), 0.0, length * rng.uniform(0.5, 0.92), rect)
    panel(a, link, s, x0, x1, y0, y1, back, z)
    handle(
        a,
        link,
        s,
        x0,
        x1,
        y0,
        y1,
        z,
        rng.choice((TOP, "")) if s.grip in ("cut", "rail") else (TOP if s.grip == "tab" else ""),
    )
    play, t = 0.008, min(0.012, 0.06 * (x1 - x0))
    hx0, hx1 = max(hollow[0] + play, x0 + 0.002), min(hollow[1] - play, x1 - 0.002)
    hy0 = max(hollow[2] + play, y0 + 0.002)
    hy1 = hy0 + (min(hollow[3], y1) - hy0) * rng.uniform(0.45, 0.88)
    m = s.inner
    a.box(link, m, hx0, hx0 + t, hy0, hy1, back - length, back)
    a.box(link, m, hx1 - t, hx1, hy0, hy1, back - length, back)
    a.box(link, m, hx0 + t, hx1 - t, hy0, hy1, back - length, back - length + t)
    a.box(link, m, hx0 + t, hx1 - t, hy0 + 0.003, hy0 + 0.003 + t * 0.7, back - length + t, back)
    if rng.random() < 0.25:
        a.things(link, hx0 + t, hx1 - t, hy0 + t, (hy1 - hy0) * 0.9, back - length + 2 * t, back)
    return link


def door(
    a: Assembly, s: Style, rect: tuple[float, float, float, float], z: float, hinge: str, high_deg: float,
    grip: bool = True,
) -> int:  # fmt: skip
    """Add a door whose front fills rect with its face at z; it turns outward about its hinge side."""
    x0, x1, y0, y1 = rect
    pz = z - s.thick * a.rng.choice((0.5, 0.5, 1.0))
    axis, pivot = {
        LEFT: ((0.0, -1.0, 0.0), (x0, 0.0, pz)),
        RIGHT: ((0.0, 1.0, 0.0), (x1, 0.0, pz)),
        BOTTOM: ((1.0, 0.0, 0.0), (0.0, y0, pz)),
        TOP: ((-1.0, 0.0, 0.0), (0.0, y1, pz)),
    }[hinge]
    link = a.part("revolute", axis, pivot, 0.0, math.radians(high_deg), rect)
    panel(a, link, s, x0, x1, y0, y1, z - s.thick, z)
    if grip:
        handle(a, link, s, x0, x1, y0, y1, z, {LEFT: RIGHT, RIGHT: LEFT, TOP: BOTTOM, BOTTOM: TOP}[hinge])
    return link


def feet(a: Assembly, m: int, w: float, d: float, height: float, kind: str) -> None:
    """Stand a body of footprint ±w/2, ±d/2 on legs of a height, or on a plinth."""
    rng = a.rng
    x, z = w / 2, d / 2
    if kind == "plinth":
        e = min(0.03, 0.08 * d)
        a.box(0, m, -x + e, x - e, 0, height, -z + e, z - e)
    elif kind == "sled":
        r = rng.uniform(0.006, 0.012)
        for sx in (-x + 3 * r, x - 3 * r):
            a.box(0, m, sx - r, sx + r, 0, 2 * r, -z + 2 * r, z - 2 * r)
            for sz in (-z + 3 * r, z - 3 * r):
                a.box(0, m, sx - r, sx + r, 2 * r, height, sz - r, sz + r)
    else:
        r = rng.uniform(0.012, 0.028)
        splay = rng.choice((0.0, 0.25)) * height if kind == "round" else 0.0
        e = r * rng.uniform(1.1, 2.5) + splay * 0.8
        for sx in (-1, 1):
            for sz in (-1, 1):
                px, pz = sx * (x - e), sz * (z - e)
                if kind == "round":
                    a.rod(
                        0, m, (px, height, pz), (px + sx * splay, 0.0, pz + sz * splay), r, r * rng.choice((0.55, 1.0))
                    )
                else:
                    a.box(0, m, px - r, px + r, 0, height, pz - r, pz + r, Y)
