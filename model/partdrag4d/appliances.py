"""Appliances: fridges, ovens, microwaves, dishwashers, washing machines and laptops."""

from __future__ import annotations

import math

from model.partdrag4d import textures
from model.partdrag4d.assembly import BOTTOM, LEFT, RIGHT, Assembly, Style, X, Y, Z, door, drawer


def _style(a: Assembly, face: str, grips: tuple[str, ...], thick: float) -> Style:
    rng = a.rng
    body = a.material(textures.casing(rng))
    front = body if rng.random() < 0.65 else a.material(textures.casing(rng))
    grip = (
        front if rng.random() < 0.3 else a.material(textures.metal(rng) if rng.random() < 0.6 else textures.paint(rng))
    )
    v = rng.choice((0.3, 0.9, 0.85, 0.6, 0.15))
    inner = a.material(textures.paint(rng, (v, v, v)))
    return Style(
        body,
        front,
        grip,
        inner,
        a.material(textures.glass(rng)),
        thick,
        rng.uniform(0.004, 0.008),
        face,
        rng.choice(grips),
    )


def _display(a: Assembly, x0: float, x1: float, y0: float, y1: float, z: float, link: int = 0) -> None:
    """Lay a dark or light display with writing on the plane z."""
    rng = a.rng
    v = rng.choice((0.03, 0.08, 0.7))
    ink = rng.choice(((0.1, 0.9, 0.5), (0.9, 0.9, 0.9), (0.3, 0.7, 1.0), (1.0, 0.4, 0.1)))
    m = a.material(textures.pattern(rng, textures.SCREEN, (v, v, v), ink, rng.uniform(25, 60), 0.6))
    a.box(link, m, x0, x1, y0, y1, z - 0.002, z + 0.002)


def _knobs(a: Assembly, m: int, x0: float, x1: float, y: float, z: float, count: int, r: float) -> None:
    for k in range(count):
        x = x0 + (x1 - x0) * (k + 0.5) / count
        a.round(0, m, (x, y, z + r * 0.5), r, r * 0.5, Z)
        a.box(0, m, x - r * 0.15, x + r * 0.15, y - r * 0.9, y + r * 0.9, z + r, z + r * 1.4)


def _rack(a: Assembly, x0: float, x1: float, y: float, z0: float, z1: float, bars: int) -> None:
    m = a.material(textures.metal(a.rng))
    r = 0.004
    for z in (z0, z1):
        a.box(0, m, x0, x1, y - r, y + r, z - r, z + r)
    for k in range(bars):
        x = x0 + (x1 - x0) * (k + 0.5) / bars
        a.box(0, m, x - r, x + r, y - r * 0.7, y + r * 0.7, z0 + r, z1 - r)


def fridge(a: Assembly) -> None:
    """Build a fridge: one door, freezer above or below, side by side, or a freezer drawer."""
    rng = a.rng
    s = _style(a, "slab", ("long", "long", "bar", "square", "rail", "cut", "none"), rng.uniform(0.025, 0.05))
    h, w, d = 1.0, rng.uniform(0.36, 0.62), rng.uniform(0.34, 0.5)
    if rng.random() < 0.15:
        h = rng.uniform(0.5, 0.75)
    foot, wall = rng.uniform(0.012, 0.04), rng.uniform(0.025, 0.045)
    z0, z1 = -d / 2, d / 2
    edge = z1 - s.thick - 0.003
    a.box(0, s.pane, -w / 2 + 0.02, w / 2 - 0.02, 0, foot, z0 + 0.02, edge - 0.02)
    a.shell(0, s.body, (-w / 2, foot, z0), (w / 2, h, edge), wall, Z)
    a.cavity, a.gap_depth = ((-w / 2, foot, z0), (w / 2, h, z1)), s.thick
    g = s.gap / 2
    x0, x1 = -w / 2, w / 2
    kind = rng.choice(("one", "top", "top", "bottom", "bottom", "drawer", "sides", "french"))
    side = rng.choice((LEFT, RIGHT))
    cells: list[tuple[float, float, float, float, str]]
    if kind == "one" or h < 0.8:
        cells = [(x0, x1, foot, h, side)]
    elif kind == "sides":
        cut = w * rng.uniform(-0.1, 0.05)
        cells = [(x0, cut, foot, h, LEFT), (cut, x1, foot, h, RIGHT)]
    else:
        cut = h * (rng.uniform(0.62, 0.75) if kind == "top" else rng.uniform(0.28, 0.45))
        upper, lower = (cut, h), (foot, cut)
        cells = [(x0, x1, *lower, "drawer" if kind in ("drawer", "french") else side)]
        cells += [(x0, 0, *upper, LEFT), (0, x1, *upper, RIGHT)] if kind == "french" else [(x0, x1, *upper, side)]
    for cx0, cx1, cy0, cy1, how in cells:
        rect = (cx0 + g, cx1 - g, cy0 + g, cy1 - g)
        hollow = (max(cx0, x0 + wall), min(cx1, x1 - wall), max(cy0, foot + wall), min(cy1, h - wall))
        if cy1 < h - 1e-6:
            a.box(0, s.inner, x0 + wall, x1 - wall, cy1 - 0.012, cy1 + 0.012, z0 + wall, edge - 0.001, X)
            hollow = (hollow[0], hollow[1], hollow[2], cy1 - 0.014)
        if cx1 < x1 - 1e-6 and kind == "sides":
            a.box(0, s.inner, cx1 - 0.012, cx1 + 0.012, foot + wall, h - wall, z0 + wall, edge - 0.001, Y)
        if how == "drawer":
            drawer(a, s, rect, hollow, z1, edge - z0 - wall)
            continue
        link = door(a, s, rect, z1, how, rng.uniform(75, 130))
        back = z1 - s.thick
        a.box(link, s.inner, rect[0] + 0.03, rect[1] - 0.03, rect[2] + 0.03, rect[3] - 0.03, back - 0.006, back)
        n = int((rect[3] - rect[2]) / 0.17)
        for k in range(n):  # bins in the door, shelves in the body
            y = rect[2] + 0.05 + k * (rect[3] - rect[2] - 0.06) / max(n, 1)
            a.box(link, s.inner, rect[0] + 0.045, rect[1] - 0.045, y, y + 0.045, back - 0.06, back - 0.006)
            if rng.random() < 0.4:
                a.things(link, rect[0] + 0.06, rect[1] - 0.06, y + 0.045, 0.1, back - 0.055, back - 0.01)
        for k in range(1, n + 1):
            y = hollow[2] + k * (hollow[3] - hollow[2]) / (n + 1)
            a.box(0, s.inner, hollow[0], hollow[1], y, y + 0.008, z0 + wall, edge - 0.07, X)
            if rng.random() < 0.5:
                a.things(0, hollow[0] + 0.01, hollow[1] - 0.01, y + 0.008, 0.11, z0 + wall, edge - 0.09)
    if rng.random() < 0.25:
        dx0, dx1, dy0, dy1 = a.parts[-1].front
        x, y = dx0 + 0.25 * (dx1 - dx0), dy0 + rng.uniform(0.55, 0.85) * (dy1 - dy0)
        _display(a, x, x + 0.07, y, y + 0.03, z1, len(a.parts))


def _window_door(
    a: Assembly, s: Style, rect: tuple[float, float, float, float], z: float, hinge: str, high: float
) -> int:
    """Add a door with a framed pane and, for a bottom hinge, a bar across its top."""
    rng = a.rng
    x0, x1, y0, y1 = rect
    axis, pivot = {
        LEFT: ((0.0, -1.0, 0.0), (x0, 0.0, z - s.thick / 2)),
        RIGHT: ((0.0, 1.0, 0.0), (x1, 0.0, z - s.thick / 2)),
        BOTTOM: ((1.0, 0.0, 0.0), (0.0, y0, z - s.thick / 2)),
    }[hinge]
    link = a.part("revolute", axis, pivot, 0.0, math.radians(high), rect)
    w, h = x1 - x0, y1 - y0
    b = min(w, h) * rng.uniform(0.06, 0.2)
    top = b * (rng.uniform(1.2, 2.0) if hinge == BOTTOM else 1.0)
    back = z - s.thick
    front = s.front if rng.random() < 0.75 else s.pane
    a.box(link, front, x0, x1, y0, y0 + b, back, z, X)
    a.box(link, front, x0, x1, y1 - top, y1, back, z, X)
    a.box(link, front, x0, x0 + b, y0 + b, y1 - top, back, z, Y)
    a.box(link, front, x1 - b, x1, y0 + b, y1 - top, back, z, Y)
    sunk = rng.choice((0.0, 0.002, 0.006))
    a.box(link, s.pane, x0 + b, x1 - b, y0 + b, y1 - top, back + 0.002, z - sunk, X)
    if hinge == BOTTOM:
        wide = rng.uniform(0.3, 0.46) * w
        y, out, r = y1 - top * 0.45, 0.022, rng.uniform(0.005, 0.009)
        if rng.random() < 0.7:
            a.round(link, s.handle, (0, y, z + out), r, wide, X)
        else:
            a.box(link, s.handle, -wide, wide, y - r, y + r, z + out - r, z + out + r)
        for sx in (-0.9, 0.9):
            a.box(link, s.handle, sx * wide - r, sx * wide + r, y - r * 0.8, y + r * 0.8, z, z + out)
    elif s.grip != "none":
        e = x1 - b / 2 if hinge == LEFT else x0 + b / 2
        r = 0.008
        a.box(link, s.handle, e - r, e + r, y0 + 0.12 * h, y1 - 0.12 * h, z + 0.014, z + 0.014 + r)
        for y in (y0 + 0.15 * h, y1 - 0.15 * h):
            a.box(link, s.handle, e - r, e + r, y - r, y + r, z, z + 0.014)
    return link


def microwave(a: Assembly) -> None:
    """Build a microwave: a door hinged at the left, controls at the right."""
    rng = a.rng
    s = _style(a, "slab", ("bar", "bar", "none"), rng.uniform(0.02, 0.05))
    w, h, d = 1.0, rng.uniform(0.48, 0.66), rng.uniform(0.5, 0.8)
    z0, z1, wall = -d / 2, d / 2, rng.uniform(0.02, 0.045)
    edge = z1 - s.thick - 0.003
    foot = 0.02
    cut = w / 2 - rng.uniform(0.17, 0.28)
    for sx in (-1, 1):
        for sz in (-1, 1):
            a.round(0, s.pane, (sx * 0.42, foot / 2, sz * d * 0.4), 0.025, foot / 2)
    a.shell(0, s.body, (-w / 2, foot, z0), (w / 2, h, edge), wall, Z)
    a.box(0, s.front, cut + 0.004, w / 2, foot, h, edge, z1, Y)
    a.box(0, s.inner, cut - 0.03, cut, foot + wall, h - wall, z0 + wall, edge - 0.001, Y)
    a.box(0, s.inner, -w / 2 + wall, cut - 0.03, foot + wall, foot + wall + 0.006, z0 + wall, edge - 0.004)
    if rng.random() < 0.7:
        x = (-w / 2 + cut) / 2
        a.round(0, s.pane, (x, foot + wall + 0.014, 0), min(0.25, d * 0.3), 0.008)
        if rng.random() < 0.4:
            a.things(0, x - 0.15, x + 0.2, foot + wall + 0.022, h * 0.5, -0.12, 0.12)
    a.cavity, a.gap_depth = ((-w / 2, foot, z0), (w / 2, h, z1)), s.thick
    px0, px1 = cut + 0.03, w / 2 - 0.025
    _display(a, px0, px1, h - 0.12, h - 0.05, z1)
    if rng.random() < 0.5:
        keys = a.material(textures.paint(rng))
        step = (px1 - px0) / 3
        rows = int((h - 0.2 - foot) / (step * 0.8))
        for i in range(3):
            for j in range(min(rows, 5)):
                x, y = px0 + (i + 0.15) * step, h - 0.16 - (j + 0.8) * step * 0.8
                a.box(0, keys, x, x + 0.7 * step, y, y + 0.5 * step, z1 - 0.001, z1 + 0.005)
    else:
        _knobs(a, s.handle, px0, px1, h * 0.5, z1, 1, 0.04)
        _knobs(a, s.handle, px0, px1, h * 0.27, z1, 1, 0.04)
    g = s.gap / 2
    _window_door(a, s, (-w / 2 + g, cut - g, foot + g, h - g), z1, LEFT, rng.uniform(80, 130))


def oven(a: Assembly) -> None:
    """Build an oven: a bottom-hinged door with a window under a strip of knobs, plates on top, at times a drawer."""
    rng = a.rng
    s = _style(a, "slab", ("bar", "long", "none"), rng.uniform(0.02, 0.045))
    w, h, d = rng.uniform(0.6, 1.0), rng.uniform(0.7, 1.0), rng.uniform(0.5, 0.8)
    if rng.random() < 0.25:
        h = rng.uniform(0.45, 0.65)
    z0, z1, wall = -d / 2, d / 2, rng.uniform(0.03, 0.05)
    edge = z1 - s.thick - 0.003
    foot, strip = rng.uniform(0.015, 0.06), rng.uniform(0.08, 0.15) * h
    a.box(0, s.pane, -w / 2 + 0.02, w / 2 - 0.02, 0, foot, z0 + 0.02, edge - 0.03)
    low = foot + (rng.uniform(0.14, 0.22) * h if rng.random() < 0.5 else 0.0)
    a.shell(0, s.body, (-w / 2, foot, z0), (w / 2, h, edge), wall, Z)
    a.box(0, s.front, -w / 2, w / 2, h - strip, h, edge, z1, X)
    a.box(0, s.inner, -w / 2 + wall, w / 2 - wall, h - strip - wall, h - strip, z0 + wall, edge - 0.002)
    a.cavity, a.gap_depth = ((-w / 2, foot, z0), (w / 2, h, z1)), s.thick
    if rng.random() < 0.5:
        _display(a, -0.1 * w, 0.1 * w, h - 0.75 * strip, h - 0.25 * strip, z1)
    count = rng.choice((2, 4, 5, 6))
    r = min(0.3 * strip, 0.3 * 0.35 * w / count * 2)
    for x0, x1, n in ((-0.48 * w, -0.12 * w, count // 2), (0.12 * w, 0.48 * w, count - count // 2)):
        _knobs(a, s.handle, x0, x1, h - strip / 2, z1, n, min(r, 0.3 * (x1 - x0) / max(n, 1)))
    if rng.random() < 0.75:  # plates
        top = a.material(textures.paint(rng, (0.06, 0.06, 0.07)))
        a.box(0, top, -w / 2 + 0.01, w / 2 - 0.01, h, h + 0.008, z0 + 0.01, z1 - 0.02)
        ring = a.material(textures.paint(rng, (0.25, 0.25, 0.26)))
        for sx in (-0.24, 0.24):
            for sz in (-0.22, 0.22):
                a.round(0, ring, (sx * w, h + 0.011, sz * d), rng.uniform(0.1, 0.16) * min(w, d), 0.003)
        if rng.random() < 0.3:
            a.box(0, s.front, -w / 2, w / 2, h + 0.008, h + 0.15, z0, z0 + 0.04, X)
    g = s.gap / 2
    if low > foot:
        a.box(0, s.inner, -w / 2 + wall, w / 2 - wall, low - 0.01, low + 0.01, z0 + wall, edge - 0.002)
        hollow = (-w / 2 + wall, w / 2 - wall, foot + wall, low - 0.012)
        drawer(a, s, (-w / 2 + g, w / 2 - g, foot + g, low - g), hollow, z1, edge - z0 - wall)
    y0, y1 = low + 0.02, h - strip - wall
    for k in range(rng.choice((1, 2))):
        _rack(a, -w / 2 + wall, w / 2 - wall, y0 + (y1 - y0) * (0.35 + 0.3 * k), z0 + wall, edge - 0.03, 8)
    _window_door(a, s, (-w / 2 + g, w / 2 - g, low + g, h - strip - g), z1, BOTTOM, rng.uniform(70, 95))


def dishwasher(a: Assembly) -> None:
    """Build a dishwasher: one bottom-hinged door over a plinth, baskets inside."""
    rng = a.rng
    s = _style(a, "slab", ("bar", "long", "square", "cut", "rail", "none"), rng.uniform(0.025, 0.045))
    w, h, d = rng.uniform(0.55, 0.85), rng.uniform(0.75, 1.0), rng.uniform(0.5, 0.75)
    z0, z1, wall = -d / 2, d / 2, rng.uniform(0.02, 0.035)
    edge = z1 - s.thick - 0.003
    foot = rng.uniform(0.06, 0.13)
    a.box(
        0,
        s.pane if rng.random() < 0.5 else s.front,
        -w / 2 + 0.004,
        w / 2 - 0.004,
        0,
        foot,
        z0 + 0.02,
        edge - rng.uniform(0.0, 0.05),
    )
    a.shell(0, s.body, (-w / 2, foot, z0), (w / 2, h, edge), wall, Z)
    top = h
    if rng.random() < 0.4:
        top = h - rng.uniform(0.02, 0.05)
        a.box(0, s.body, -w / 2, w / 2, top, h, edge, z1, X)
    a.cavity, a.gap_depth = ((-w / 2, foot, z0), (w / 2, h, z1)), s.thick
    for k in range(2):
        y = foot + wall + (h - foot) * (0.12 + 0.4 * k)
        _rack(a, -w / 2 + wall + 0.01, w / 2 - wall - 0.01, y, z0 + wall, edge - 0.05, 7)
        if rng.random() < 0.5:
            a.things(0, -w / 2 + wall + 0.02, w / 2 - wall - 0.02, y + 0.005, 0.25, z0 + wall, edge - 0.08)
    g = s.gap / 2
    rect = (-w / 2 + g, w / 2 - g, foot + g, top - g)
    link = door(a, s, rect, z1, BOTTOM, rng.uniform(70, 95))
    a.box(
        link,
        s.inner,
        rect[0] + 0.03,
        rect[1] - 0.03,
        rect[2] + 0.03,
        rect[3] - 0.03,
        z1 - s.thick - 0.006,
        z1 - s.thick,
    )
    if rng.random() < 0.6:  # a strip of controls in the door
        strip = a.material(textures.casing(rng))
        hy = rect[3] - rng.uniform(0.07, 0.12)
        if s.grip in ("none", "rail", "cut"):
            a.box(link, strip, rect[0] + 0.001, rect[1] - 0.001, hy, rect[3] - 0.002, z1 - 0.001, z1 + 0.003, X)
            v = rng.choice((0.05, 0.8))
            m = a.material(textures.pattern(rng, textures.SCREEN, (v, v, v), (0.2, 0.8, 0.6), 40.0))
            x = rng.uniform(-0.3, 0.2) * w
            a.box(link, m, x, x + 0.1, hy + 0.02, rect[3] - 0.02, z1, z1 + 0.005)


def washing_machine(a: Assembly) -> None:
    """Build a washing machine: a round door before a drum, a detergent drawer, a dial."""
    rng = a.rng
    s = _style(a, "slab", ("none", "cut"), 0.02)
    w, h, d = rng.uniform(0.65, 0.8), rng.uniform(0.85, 1.0), rng.uniform(0.55, 0.75)
    z0, z1, wall = -d / 2, d / 2, 0.02
    foot, strip = 0.02, rng.uniform(0.12, 0.2)
    plate = 0.03
    face = z1 - plate
    r = rng.uniform(0.2, 0.27)
    cy = foot + (h - strip - foot) * rng.uniform(0.48, 0.54)
    for sx in (-1, 1):
        for sz in (-1, 1):
            a.round(0, s.pane, (sx * w * 0.42, foot / 2, sz * d * 0.42), 0.03, foot / 2)
    a.shell(0, s.body, (-w / 2, foot, z0), (w / 2, h, face), wall, Z)
    half = min(cy - foot, h - strip - cy)  # the plate with the hole is centred on it
    a.box(0, s.body, -w / 2, w / 2, cy - half, cy + half, face, z1, Y, hole=r * 0.8)
    a.box(0, s.body, -w / 2, w / 2, foot, cy - half, face, z1)
    a.box(0, s.body, -w / 2, w / 2, cy + half, h - strip, face, z1)
    tilt = 0.16
    drum = a.material(textures.metal(rng, (0.6, 0.61, 0.63)))
    a.round(0, drum, (0, cy, face - tilt - 0.002), r * 0.95, tilt, Z, inner=r * 0.9)
    a.round(0, drum, (0, cy, face - 2 * tilt), r * 0.89, 0.005, Z)
    a.cavity, a.gap_depth = ((-w / 2, foot, z0), (w / 2, h, z1)), 0.02
    control = s.body if rng.random() < 0.5 else a.material(textures.casing(rng))
    has_drawer = rng.random() < 0.6
    xd = -w / 2 + (rng.uniform(0.2, 0.3) if has_drawer else 0.0)
    a.box(0, control, xd, w / 2, h - strip, h, face, z1, X)
    g = s.gap / 2
    if has_drawer:
        small = Style(
            s.body, control, s.handle, s.inner, s.pane, 0.02, s.gap, "slab", rng.choice(("none", "cut", "rail"))
        )
        drawer(a, small, (-w / 2 + g, xd - g, h - strip + g, h - g), (-w / 2 + wall, xd, h - strip, h - wall), z1, 0.3)
    _knobs(a, s.handle, xd, xd + 0.3 * (w / 2 - xd) + 0.1, h - strip / 2, z1, 1, rng.uniform(0.28, 0.4) * strip)
    _display(a, w / 2 - rng.uniform(0.15, 0.25), w / 2 - 0.05, h - 0.75 * strip, h - 0.25 * strip, z1)
    hinge = rng.choice((LEFT, LEFT, RIGHT))
    out = rng.uniform(0.02, 0.05)
    sign = -1 if hinge == LEFT else 1
    gap = 0.003
    wide = math.radians(rng.uniform(80, 130))
    link = a.part("revolute", (0, sign, 0), (sign * r, cy, z1 + gap + 0.4 * out), 0.0, wide,
                  (-r, r, cy - r, cy + r))  # fmt: skip
    ring = (
        s.front
        if rng.random() < 0.4
        else a.material(textures.metal(rng) if rng.random() < 0.5 else textures.paint(rng))
    )
    pane = rng.uniform(0.6, 0.78) * r
    zc = z1 + gap + out / 2
    a.round(link, ring, (0, cy, zc), r, out / 2, Z, inner=pane)
    a.round(link, s.pane, (0, cy, zc - 0.002), pane, out / 2 - 0.004, Z)
    a.round(link, s.pane, (0, cy, z1 - 0.015), pane * 0.9, 0.02, Z, taper=0.4 * pane)
    if rng.random() < 0.7:
        a.box(link, s.handle, -sign * (r + pane) / 2 - 0.012, -sign * (r + pane) / 2 + 0.012, cy - 0.05, cy + 0.05,
              zc + out / 2, zc + out / 2 + 0.015)  # fmt: skip


def laptop(a: Assembly) -> None:
    """Build a laptop: keys and pad on the base, a lid with a screen; it rests anywhere between shut and wide open."""
    rng = a.rng
    body = a.material(textures.metal(rng) if rng.random() < 0.5 else textures.casing(rng))
    deck = body if rng.random() < 0.6 else a.material(textures.casing(rng))
    w, d = 1.0, rng.uniform(0.6, 0.75)
    base, lid_t = rng.uniform(0.016, 0.05), rng.uniform(0.01, 0.026)
    x, z = w / 2, d / 2
    a.opening = Y
    a.box(0, body, -x, x, 0, base * 0.5, -z, z)
    a.box(0, deck, -x, x, base * 0.5, base, -z, z)
    v = rng.choice((0.06, 0.1, 0.15, 0.75))
    ink = rng.choice((0.02, 0.3)) if v < 0.5 else 0.4
    keys = a.material(textures.pattern(rng, textures.KEYS, (v, v, v), (ink, ink, ink), rng.uniform(14, 20)))
    k0 = rng.uniform(0.04, 0.1) * w
    a.box(0, keys, -x + k0, x - k0, base - 0.001, base + 0.002, -z + 0.09 * d, -z + rng.uniform(0.5, 0.58) * d, X)
    pad = a.material(textures.casing(rng)) if rng.random() < 0.5 else body
    pw, shift = rng.uniform(0.1, 0.18), rng.choice((0.0, 0.0, -0.08))
    a.box(0, pad, shift - pw, shift + pw, base - 0.001, base + 0.0025, z - 0.36 * d, z - 0.07 * d)
    gap = 0.004
    y = base + gap
    low = rng.uniform(5, 25)
    high = rng.uniform(100, 140)
    link = a.part(
        "revolute", (-1, 0, 0), (0, base + gap * 0.5, -z + 0.012), math.radians(low), math.radians(high), (-x, x, -z, z)
    )
    a.box(link, body, -x, x, y, y + lid_t, -z, z)
    b = rng.uniform(0.015, 0.05)
    bezel = a.material(textures.paint(rng, (0.04, 0.04, 0.04))) if rng.random() < 0.75 else body
    a.box(link, bezel, -x + 0.006, x - 0.006, y - 0.002, y, -z + 0.006, z - 0.006)
    if rng.random() < 0.4:
        screen = a.material(textures.glass(rng))
    else:
        kind = rng.choice((textures.SCREEN, textures.SCREEN, textures.SPECKLE))
        colours = textures.any_colour(rng), textures.any_colour(rng)
        screen = a.material(textures.pattern(rng, kind, *colours, rng.uniform(3, 9), rng.uniform(0.3, 1)))
    a.box(link, screen, -x + b, x - b, y - 0.0035, y - 0.002, -z + 1.6 * b, z - b, X)
    if rng.random() < 0.4:
        a.round(link, a.material(textures.paint(rng)), (0, y + lid_t, 0), 0.05, 0.0015)
    for sx in (-0.3, 0.3):
        a.round(0, deck, (sx, base, -z + 0.012), min(0.014, base * 0.6), 0.06, X)
    a.cavity, a.gap_depth = ((-x, 0, -z), (x, base + 0.002, z)), 0.004
