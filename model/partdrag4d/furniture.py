"""Furniture of wood and paint: cabinets, tables, bins and boxes."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from model.partdrag4d import textures
from model.partdrag4d.assembly import BOTTOM, LEFT, RIGHT, TOP, Assembly, Style, X, Y, Z, door, drawer, feet, handle

Rect = tuple[float, float, float, float]  # x0, x1, y0, y1
GRIPS = ("bar", "bar", "long", "square", "knob", "knob", "block", "tab", "tab", "rail", "cut", "cup", "none")


def style(a: Assembly) -> Style:
    """Draw materials and the manner of fronts; often the fronts are made of the body's own material."""
    rng = a.rng
    body = a.material(textures.finish(rng))
    front = body
    if rng.random() < 0.38:
        front = a.material(textures.finish(rng))
    grip = a.material(textures.metal(rng) if rng.random() < 0.6 else textures.paint(rng))
    if rng.random() < 0.2:
        grip = front
    inner = (
        body
        if rng.random() < 0.35
        else a.material(
            textures.wood(rng, (0.86, 0.74, 0.56)) if rng.random() < 0.6 else textures.paint(rng, (0.85, 0.85, 0.84))
        )
    )
    face = rng.choices(("slab", "shaker", "raised", "pane", "insert"), (58, 22, 6, 6, 8))[0]
    base = rng.choice(textures.WOODS)
    if face == "insert":
        kind = rng.choice((textures.CANE, textures.SLATS))
        dark = (base[0] * 0.45, base[1] * 0.42, base[2] * 0.4)
        pane = a.material(textures.pattern(rng, kind, base, dark, rng.uniform(25, 70), rng.uniform(0.5, 1)))
    else:
        pane = a.material(textures.glass(rng))
    return Style(body, front, grip, inner, pane, rng.uniform(0.012, 0.026), rng.uniform(0.003, 0.009), face,
                 rng.choice(GRIPS))  # fmt: skip


def _split(rng: Random, low: float, high: float, n: int, even: float) -> list[float]:
    """Cut low..high into n pieces: equal, growing, or uneven; returns n + 1 borders."""
    if rng.random() < even:
        shares = [1.0] * n
    elif rng.random() < 0.5:
        grow = rng.uniform(1.15, 1.7)
        shares = [grow**k for k in range(n)]
    else:
        shares = [rng.uniform(0.6, 1.8) for _ in range(n)]
    total, at, borders = sum(shares), low, [low]
    for share in shares:
        at += (high - low) * share / total
        borders.append(at)
    borders[-1] = high
    return borders


def _cells(rng: Random, rect: Rect, shape: str) -> list[tuple[Rect, str]]:
    """Lay out a front: rectangles (of centre lines of the dividers) and what fills each."""
    x0, x1, y0, y1 = rect
    w, h = x1 - x0, y1 - y0
    if shape == "stack":
        ys = _split(rng, y0, y1, max(1, min(6, round(h / w * rng.uniform(1.5, 3.5)))), 0.55)
        ys = [y0 + y1 - y for y in reversed(ys)] if rng.random() < 0.8 else ys
        return [((x0, x1, ys[k], ys[k + 1]), "drawer") for k in range(len(ys) - 1)]
    if shape == "grid":
        cols = max(1, min(4, round(w / h * rng.uniform(1.0, 2.2))))
        rows = rng.randint(2, 5 if h > 0.6 else 4)
        xs, ys = _split(rng, x0, x1, cols, 0.8), _split(rng, y0, y1, rows, 0.6)
        return [((xs[i], xs[i + 1], ys[j], ys[j + 1]), "drawer") for i in range(cols) for j in range(rows)]
    if shape == "doors":
        n = max(1, min(4, round(w / h * rng.uniform(1.2, 2.4))))
        xs = _split(rng, x0, x1, n, 0.9)
        return [((xs[i], xs[i + 1], y0, y1), _hinge(rng, i, n)) for i in range(n)]
    if shape == "flaps":
        n = max(1, min(4, round(h / w * rng.uniform(1.5, 3.0))))
        ys = _split(rng, y0, y1, n, 0.8)
        kind = rng.choice((TOP, BOTTOM))
        return [((x0, x1, ys[k], ys[k + 1]), kind) for k in range(n)]
    if shape == "over":  # one kind above another
        cut = y0 + h * rng.uniform(0.5, 0.8)
        lower = rng.choice(("doors", "doors", "stack", "open"))
        upper = rng.choice(("row", "row", "open", "flaps", "doors"))
        if lower == "open":
            upper = "row"
        return _cells(rng, (x0, x1, cut, y1), upper) + _cells(rng, (x0, x1, y0, cut), lower)
    if shape == "beside":
        cut = x0 + w * rng.uniform(0.3, 0.7)
        kinds = rng.sample(("doors", "stack", "stack", "open", "grid"), 2)
        if "open" in kinds and "stack" not in kinds:
            kinds[0 if kinds[0] != "open" else 1] = "stack"
        return _cells(rng, (x0, cut, y0, y1), kinds[0]) + _cells(rng, (cut, x1, y0, y1), kinds[1])
    if shape == "row":
        n = max(1, min(4, round(w / h * rng.uniform(0.3, 0.6))))
        xs = _split(rng, x0, x1, n, 0.9)
        return [((xs[k], xs[k + 1], y0, y1), "drawer") for k in range(n)]
    if shape == "night":  # an open shelf over a drawer, or under it
        cut = y0 + h * rng.uniform(0.4, 0.6)
        top, low = ("open", "row") if rng.random() < 0.75 else ("row", "open")
        return _cells(rng, (x0, x1, cut, y1), top) + _cells(rng, (x0, x1, y0, cut), low)
    return [(rect, "open")]


def _hinge(rng: Random, i: int, n: int) -> str:
    if n == 1:
        return rng.choice((LEFT, RIGHT))
    return (LEFT if i % 2 == 0 else RIGHT) if i < n - 1 or n % 2 == 0 else rng.choice((LEFT, RIGHT))


def fill(a: Assembly, s: Style, outer: Rect, z0: float, z1: float, wall: float, shape: str, overlay: bool) -> None:
    """Fill a carcass (outer rectangle, back plane z0, face plane z1 of its fronts) with drawers, doors and shelves."""
    rng = a.rng
    x0, x1, y0, y1 = outer
    edge = z1 - s.thick - 0.002 if overlay else z1  # where the walls' front edges are
    rail = rng.choice((wall, wall, 0.6 * wall))
    back = z0 + wall
    shelves_rail = overlay and rng.random() < 0.4  # no dividers between stacked drawers
    for (cx0, cx1, cy0, cy1), kind in _cells(rng, outer, shape):
        hx0, hx1 = cx0 + (wall if cx0 <= x0 + 1e-6 else rail / 2), cx1 - (wall if cx1 >= x1 - 1e-6 else rail / 2)
        hy0, hy1 = cy0 + (wall if cy0 <= y0 + 1e-6 else rail / 2), cy1 - (wall if cy1 >= y1 - 1e-6 else rail / 2)
        if cx1 < x1 - 1e-6:  # a divider to the right and above, its front set back where another cell meets it
            a.box(0, s.body, hx1, hx1 + rail, cy0 + wall if cy0 <= y0 + 1e-6 else hy0 - rail,
                  hy1, back, edge - 0.0006, Y)  # fmt: skip
        if cy1 < y1 - 1e-6 and not (shelves_rail and kind == "drawer"):
            a.box(0, s.body, hx0, hx1, hy1, hy1 + rail, back, edge - 0.0003, X)
        if kind == "open":
            shelves = rng.choice((0, 0, 1, 2)) if hy1 - hy0 > 0.25 else 0
            _shelves(a, s, (hx0, hx1, hy0, hy1), back, edge, rail, shelves)
            continue
        g = s.gap
        on, within = (cx0 + g / 2, cx1 - g / 2, cy0 + g / 2, cy1 - g / 2), (hx0 + g, hx1 - g, hy0 + g, hy1 - g)
        rect = on if overlay else within
        if kind == "drawer":
            drawer(a, s, rect, (hx0, hx1, hy0, hy1), z1, z1 - s.thick - back)
            continue
        door(a, s, rect, z1, kind, rng.uniform(60, 135) if kind in (LEFT, RIGHT) else rng.uniform(60, 95))
        tall = hy1 - hy0
        _shelves(
            a, s, (hx0, hx1, hy0, hy1), back, z1 - s.thick - 0.02, rail, min(4, int(tall / rng.uniform(0.15, 0.4)))
        )


def _shelves(a: Assembly, s: Style, hollow: Rect, z0: float, z1: float, thick: float, count: int) -> None:
    x0, x1, y0, y1 = hollow
    step = (y1 - y0) / (count + 1)
    z1 -= a.rng.uniform(0.0, 0.15) * (z1 - z0)
    for k in range(count + 1):
        y = y0 + k * step
        if k > 0:
            a.box(0, s.inner, x0, x1, y, y + 0.7 * thick, z0, z1, X)
        if a.rng.random() < 0.3:
            a.things(0, x0, x1, y + (0.7 * thick if k else 0.0), step - thick, z0, z1)


def cabinet(a: Assembly) -> None:
    """Build a cabinet, dresser, wardrobe, sideboard, filing cabinet or nightstand."""
    rng = a.rng
    s = style(a)
    kind = rng.choices(("dresser", "chest", "wardrobe", "night", "file", "board", "wall"), (20, 20, 12, 18, 10, 14, 6))[
        0
    ]
    w, h, d = {
        "dresser": (1.0, rng.uniform(0.5, 0.8), rng.uniform(0.32, 0.5)),
        "chest": (rng.uniform(0.55, 0.9), rng.uniform(0.75, 1.0), rng.uniform(0.35, 0.55)),
        "wardrobe": (rng.uniform(0.4, 0.75), 1.0, rng.uniform(0.3, 0.5)),
        "night": (rng.uniform(0.6, 0.9), rng.uniform(0.65, 1.0), rng.uniform(0.5, 0.75)),
        "file": (rng.uniform(0.45, 0.75), rng.uniform(0.7, 1.0), rng.uniform(0.55, 0.9)),
        "board": (1.0, rng.uniform(0.3, 0.55), rng.uniform(0.25, 0.42)),
        "wall": (rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.7), rng.uniform(0.25, 0.4)),
    }[kind]
    shapes = {
        "dresser": ("grid", "grid", "over", "beside", "doors"), "chest": ("stack", "stack", "grid", "over", "doors"),
        "wardrobe": ("doors", "over", "over", "flaps", "stack"), "night": ("night", "stack", "stack", "over", "row"),
        "file": ("stack",), "board": ("doors", "beside", "grid", "row", "over"), "wall": ("doors", "flaps", "beside"),
    }[kind]  # fmt: skip
    wall = rng.uniform(0.014, 0.032)
    overlay = rng.random() < 0.5
    base = rng.choice(("none", "none", "plinth", "square", "round", "round", "sled")) if kind != "wall" else "none"
    if kind == "night" and base == "none" and rng.random() < 0.5:
        base = "round"
    leg = 0.0
    if base != "none":
        leg = (
            rng.uniform(0.03, 0.09)
            if base == "plinth"
            else rng.uniform(0.05, 0.32 if kind in ("night", "board") else 0.18)
        )
        own = (
            s.body
            if rng.random() < 0.5
            else a.material(textures.metal(rng) if rng.random() < 0.4 else textures.finish(rng))
        )
        feet(a, own, w, d, leg, base)
    top = rng.choice((0.0, 0.0, rng.uniform(0.015, 0.04)))
    y1 = max(h, leg + 0.25)
    z0, z1 = -d / 2, d / 2
    edge = z1 - s.thick - 0.002 if overlay else z1
    a.shell(0, s.body, (-w / 2, leg, z0), (w / 2, y1, edge), wall, Z)
    if top:
        over = rng.uniform(0.005, 0.03)
        m = s.body if rng.random() < 0.5 else a.material(textures.finish(rng))
        a.box(0, m, -w / 2 - over, w / 2 + over, y1, y1 + top, z0, z1 + over, X)
    if rng.random() < 0.12:
        a.things(0, -w / 2, w / 2, y1 + top, 0.25, z0, z1)
    a.cavity = ((-w / 2, leg, z0), (w / 2, y1, z1))
    a.gap_depth = s.thick
    fill(a, s, (-w / 2, w / 2, leg, y1), z0, z1, wall, rng.choice(shapes), overlay)


def counter(a: Assembly) -> None:
    """Build a kitchen counter: long and low, with a worktop of its own."""
    rng = a.rng
    s = style(a)
    w, h, d = 1.0, rng.uniform(0.18, 0.4), rng.uniform(0.2, 0.36)
    wall, overlay = rng.uniform(0.008, 0.02), rng.random() < 0.7
    z0, z1, x = -d / 2, d / 2, w / 2
    leg = rng.choice((0.0, rng.uniform(0.02, 0.05)))
    if leg:
        feet(a, a.material(textures.finish(rng)), w, d, leg, "plinth")
    a.shell(0, s.body, (-x, leg, z0), (x, h, z1 - s.thick - 0.002 if overlay else z1), wall, Z)
    over = rng.uniform(0.0, 0.025)
    top = a.material(textures.finish(rng))
    a.box(0, top, -x - over, x + over, h, h + rng.uniform(0.01, 0.03), z0, z1 + over, X)
    if rng.random() < 0.3:
        a.things(0, -x, x, h + 0.03, 0.2, z0, z1)
    a.cavity = ((-x, leg, z0), (x, h, z1))
    a.gap_depth = s.thick
    fill(a, s, (-x, x, leg, h), z0, z1, wall, rng.choice(("doors", "beside", "grid", "row", "over")), overlay)


def room_door(a: Assembly) -> None:
    """Build one or two leaves of a room's door, or shutters, with or without the frame that they hang in."""
    rng = a.rng
    s = replace(style(a), thick=rng.uniform(0.015, 0.05), gap=rng.uniform(0.002, 0.012))
    count, h, w = rng.choice((1, 1, 2)), rng.uniform(0.7, 1.0), rng.uniform(0.28, 0.6)
    x = w * count / 2
    if rng.random() < 0.5:
        post, deep = rng.uniform(0.02, 0.07), rng.uniform(0.03, 0.1)
        m = s.body if rng.random() < 0.5 else a.material(textures.finish(rng))
        for side in (-x - post, x):
            a.box(0, m, side, side + post, 0, h + post, -deep / 2, deep / 2, Y)
        a.box(0, m, -x, x, h, h + post, -deep / 2, deep / 2, X)
    else:  # only what it hangs on
        for side in (-x, x)[: max(count, rng.randint(1, 2))]:
            a.rod(0, s.handle, (side, 0.0, -s.thick / 2), (side, h, -s.thick / 2), 0.004)
    for k in range(count):
        hinge = rng.choice((LEFT, RIGHT)) if count == 1 else (LEFT, RIGHT)[k]
        x0 = -x + k * w
        door(a, s, (x0 + s.gap, x0 + w - s.gap, 0.0, h - s.gap), s.thick / 2, hinge, rng.uniform(70, 165))
        if rng.random() < 0.4:  # it opens both ways
            a.parts[-1] = replace(a.parts[-1], low=-a.parts[-1].high)


def table(a: Assembly) -> None:
    """Build a desk or table with drawers under its top, or in pedestals."""
    rng = a.rng
    s = style(a)
    w, d, h = 1.0, rng.uniform(0.4, 0.7), rng.uniform(0.5, 0.8)
    t = rng.uniform(0.015, 0.045)
    over = rng.uniform(0.0, 0.04)
    a.box(
        0, s.body if rng.random() < 0.6 else a.material(textures.finish(rng)), -w / 2, w / 2, h, h + t, -d / 2, d / 2, X
    )
    x, z = w / 2 - over, d / 2 - over * 0.7
    wall = rng.uniform(0.014, 0.025)
    overlay = rng.random() < 0.5
    edge = z - s.thick - 0.002 if overlay else z
    a.gap_depth = s.thick
    if rng.random() < 0.5:  # an apron with a row of drawers
        low = h - rng.uniform(0.09, 0.2)
        if rng.random() < 0.6:
            feet(
                a,
                s.body if rng.random() < 0.6 else s.handle,
                2 * x,
                2 * z - 0.01,
                low,
                rng.choice(("square", "round", "sled")),
            )
        else:
            a.box(0, s.body, -x, -x + wall, 0, low, -z, edge, Y)
            a.box(0, s.body, x - wall, x, 0, low, -z, edge, Y)
        a.shell(0, s.body, (-x, low, -z), (x, h, edge), wall, Z)
        a.cavity = ((-x, low, -z), (x, h, z))
        fill(a, s, (-x, x, low, h), -z, z, wall, "row", overlay)
        return
    wide = rng.uniform(0.22, 0.36)
    sides = rng.choice(((-1,), (1,), (-1, 1)))
    foot = rng.choice((0.0, rng.uniform(0.02, 0.06)))
    for side in sides:
        x0, x1 = (-x, -x + wide) if side < 0 else (x - wide, x)
        a.shell(0, s.body, (x0, foot, -z), (x1, h, edge), wall, Z)
        if foot:
            a.box(0, s.handle, x0 + 0.02, x1 - 0.02, 0, foot, -z + 0.02, edge - 0.02)
        fill(a, s, (x0, x1, foot, h), -z, z, wall, rng.choice(("stack", "stack", "doors", "over")), overlay)
    if len(sides) == 1:
        e = -sides[0] * (x - 0.03)
        if rng.random() < 0.5:
            a.box(0, s.body, e - 0.015, e + 0.015, 0, h, -z, edge, Y)
        else:
            for sz in (-z + 0.03, edge - 0.03):
                a.box(0, s.handle, e - 0.015, e + 0.015, 0, h, sz - 0.015, sz + 0.015, Y)
    a.cavity = ((-x, 0.0, -z), (x, h, z))


def trash_can(a: Assembly) -> None:
    """Build a bin, round or square, whose lid is hinged at the back."""
    rng = a.rng
    body = a.material(textures.casing(rng) if rng.random() < 0.7 else textures.paint(rng))
    lid = body if rng.random() < 0.4 else a.material(textures.paint(rng))
    dark = a.material(textures.paint(rng, (0.12, 0.12, 0.12)))
    h = rng.uniform(0.6, 0.95)
    high = math.radians(rng.uniform(60, 110))
    t = rng.uniform(0.015, 0.05)
    a.opening, a.gap_depth = Y, 0.012
    gap = 0.004
    if rng.random() < 0.5:
        r = rng.uniform(0.2, 0.36)
        taper = rng.choice((0.0, 0.0, rng.uniform(0.02, 0.12)))
        mid = r - taper * h / 2
        a.round(0, body, (0, h / 2, 0), mid, h / 2, inner=mid - 0.012, taper=taper)
        a.round(0, dark, (0, 0.02, 0), mid - taper * h / 2 - 0.006, 0.018)
        if rng.random() < 0.6:
            a.round(0, dark, (0, 0.018, 0), mid - taper * h / 2 + 0.008, 0.018, inner=0.01)
        a.cavity = ((-r, 0, -r), (r, h + t, r))
        a.round_wall = (mid - taper * h / 2, taper)
        a.box(0, dark, -0.12 * r, 0.12 * r, h - 0.06, h + gap * 0.7, -r - 0.012, -r + 0.004)
        link = a.part("revolute", (-1, 0, 0), (0, h + gap, -r), 0.0, high, (-r, r, -r, r))
        over = rng.uniform(0.0, 0.015)
        a.round(link, lid, (0, h + gap + t / 2, 0), r + over, t / 2)
        if rng.random() < 0.4:
            a.round(link, lid, (0, h + gap + t + 0.008, 0), r * 0.8, 0.008, taper=-0.5)
        x, z = r * 0.5, r
    else:
        x, z = rng.uniform(0.16, 0.36), rng.uniform(0.18, 0.36)
        a.shell(0, body, (-x, 0.0, -z), (x, h, z), 0.014, Y)
        if rng.random() < 0.4:
            a.box(0, dark, -x - 0.006, x + 0.006, 0.002, 0.04, -z - 0.006, z + 0.006)
        a.cavity = ((-x, 0, -z), (x, h + t, z))
        over = rng.uniform(0.0, 0.015)
        a.box(0, dark, -x, x, h, h + gap * 0.8, -z, -z + 0.01)
        link = a.part("revolute", (-1, 0, 0), (0, h + gap, -z), 0.0, high, (-x, x, -z, z))
        a.box(link, lid, -x - over, x + over, h + gap, h + gap + t, -z, z + over, X)
        if rng.random() < 0.3:
            a.box(link, dark, -x * 0.6, x * 0.6, h + gap + t, h + gap + t + 0.01, -z * 0.6, z * 0.6)
    if rng.random() < 0.5:
        a.box(0, dark, -0.06, 0.06, 0.012, 0.03, z * 0.9, z + 0.06)
    if rng.random() < 0.4:
        a.box(link, dark, -x * 0.3, x * 0.3, h + gap + 0.2 * t, h + gap + 0.8 * t, z * 0.98, z + 0.035)
    if rng.random() < 0.35:
        a.box(0, a.material(textures.pattern(rng, textures.STRIPES, textures.any_colour(rng), textures.any_colour(rng),
              rng.uniform(4, 20))), -x * 0.5, x * 0.5, h * 0.45, h * 0.7, z - 0.01, z + 0.003)  # fmt: skip


def lidded_box(a: Assembly) -> None:
    """Build a chest, carton or case with one lid or two flaps."""
    rng = a.rng
    s = style(a)
    x, z, h = rng.uniform(0.3, 0.5), rng.uniform(0.2, 0.45), rng.uniform(0.15, 0.6)
    carton = rng.random() < 0.3
    if carton:
        row = (textures.PLAIN, 0.72, 0.56, 0.38, 0.6, 0.45, 0.3, 20.0, 0.05, 1.0, 0.0, rng.randrange(999))
        s = Style(a.material(row), len(a.rows) - 1, s.handle, s.inner, s.pane, 0.008, s.gap, "slab", "none")
    wall = 0.008 if carton else rng.uniform(0.012, 0.03)
    a.opening, a.gap_depth = Y, 0.012
    foot = rng.choice((0.0, 0.0, 0.05))
    if foot:
        feet(a, s.handle, 2 * x, 2 * z, foot, rng.choice(("square", "plinth")))
    a.shell(0, s.body, (-x, foot, -z), (x, h, z), wall, Y)
    a.cavity = ((-x, foot, -z), (x, h + 0.02, z))
    if rng.random() < 0.5:
        a.things(0, -x + wall, x - wall, foot + wall, (h - foot) * 0.9, -z + wall, z - wall)
    gap = 0.003
    if carton or rng.random() < 0.2:
        high = math.radians(rng.uniform(90, 200) if carton else rng.uniform(80, 130))
        for sign in (-1, 1):
            link = a.part(
                "revolute",
                (0, 0, -sign),
                (sign * x, h + gap, 0),
                0.0,
                high,
                (min(0, sign * x), max(0, sign * x), -z, z),
            )
            x0, x1 = sorted((sign * 0.002, sign * x))
            a.box(link, s.front, x0, x1, h + gap, h + gap + wall, -z, z)
        return
    t = rng.choice((rng.uniform(0.015, 0.04), rng.uniform(0.05, 0.14)))
    over = rng.choice((0.0, 0.012))
    a.box(0, s.handle, -0.9 * x, 0.9 * x, h, h + gap * 0.8, -z, -z + 0.01)
    link = a.part("revolute", (-1, 0, 0), (0, h + gap, -z), 0.0, math.radians(rng.uniform(65, 115)), (-x, x, -z, z))
    if t > 0.05:  # a hollow lid
        a.box(link, s.front, -x, x, h + gap + t - wall, h + gap + t, -z, z, X)
        a.box(link, s.front, -x, x, h + gap, h + gap + t - wall, z - wall, z, X)
        a.box(link, s.front, -x, x, h + gap, h + gap + t - wall, -z, -z + wall, X)
        for x0 in (-x, x - wall):
            a.box(link, s.front, x0, x0 + wall, h + gap, h + gap + t - wall, -z + wall, z - wall, Z)
    else:
        a.box(link, s.front, -x - over, x + over, h + gap, h + gap + t, -z, z + over, X)
    if rng.random() < 0.6:
        y = h + gap + t * 0.5
        w = rng.uniform(0.03, 0.08)
        a.box(link, s.handle, -w, w, y - min(0.04, t), y, z + over, z + over + 0.012)
    if rng.random() < 0.4:
        for sx in (-0.6, 0.6):
            a.box(0, s.handle, sx * x - 0.02, sx * x + 0.02, foot, h - 0.002, z, z + 0.004)
    if rng.random() < 0.3:
        handle(a, 0, s, -x, x, foot, h, z, "")
