"""Procedural materials: a row of twelve numbers each, and the colour it has at a point of a part.

Row: kind, colour a (3), colour b (3), scale, strength, plank width, gloss, seed. Lengths are in object units (the
object is about 1 large); points are local to the primitive, so that the pattern moves with it.
"""

from __future__ import annotations

import math
from random import Random

import numpy as np
from numba import njit

PLAIN, WOOD, BRUSHED, GLASS, SCREEN, KEYS, STRIPES, CANE, SPECKLE, SLATS = range(10)
Row = tuple[float, ...]
Colour = tuple[float, float, float]

WOODS: tuple[Colour, ...] = (
    (0.86, 0.70, 0.50), (0.80, 0.62, 0.42), (0.72, 0.52, 0.33), (0.60, 0.40, 0.25), (0.45, 0.29, 0.18),
    (0.33, 0.21, 0.14), (0.55, 0.28, 0.16), (0.90, 0.80, 0.64), (0.62, 0.57, 0.50), (0.22, 0.17, 0.14),
    (0.82, 0.76, 0.68), (0.70, 0.45, 0.24), (0.92, 0.86, 0.76),
)  # fmt: skip


def _jitter(rng: Random, colour: Colour, by: float) -> Colour:
    shift = rng.uniform(-by, by)
    r, g, b = (min(1.0, max(0.01, c + shift + rng.uniform(-by, by) * 0.35)) for c in colour)
    return r, g, b


def _hsv(h: float, s: float, v: float) -> Colour:
    f = [abs((h * 6 + k) % 6 - 3) - 1 for k in (0, 4, 2)]
    r, g, b = (v * (1 - s + s * min(1.0, max(0.0, x))) for x in f)
    return r, g, b


def any_colour(rng: Random) -> Colour:
    """Draw a paint: white, black, grey, muted or saturated."""
    roll = rng.random()
    if roll < 0.30:
        return _jitter(rng, (0.9, 0.9, 0.88), 0.08)
    if roll < 0.42:
        return _jitter(rng, (0.12, 0.12, 0.13), 0.07)
    if roll < 0.62:
        v = rng.uniform(0.2, 0.8)
        return _jitter(rng, (v, v, v), 0.05)
    if roll < 0.85:
        return _hsv(rng.random(), rng.uniform(0.1, 0.45), rng.uniform(0.3, 0.95))
    return _hsv(rng.random(), rng.uniform(0.5, 1.0), rng.uniform(0.3, 0.95))


def wood(rng: Random, base: Colour | None = None) -> Row:
    """Draw a wood: planks of differing tone with grain."""
    a = _jitter(rng, base or rng.choice(WOODS), 0.07)
    dark = rng.uniform(0.45, 0.85)
    b = (a[0] * dark, a[1] * dark * rng.uniform(0.88, 1.0), a[2] * dark * rng.uniform(0.8, 1.0))
    plank = rng.choice((9.0, rng.uniform(0.06, 0.25), rng.uniform(0.1, 0.35)))
    strength = rng.choice((rng.uniform(0.1, 0.4), rng.uniform(0.4, 1.0)))
    return (WOOD, *a, *b, rng.uniform(0.6, 1.8), strength, plank, rng.uniform(0, 0.12), rng.randrange(9999))


def paint(rng: Random, colour: Colour | None = None) -> Row:
    """Draw a paint or plastic with faint unevenness."""
    a = colour or any_colour(rng)
    return (PLAIN, *a, *a, rng.uniform(2, 30), rng.choice((0.0, 0.02, 0.06)), 1.0, rng.choice((0.0, 0.1, 0.3)),
            rng.randrange(9999))  # fmt: skip


STEELS: tuple[Colour, ...] = ((0.72, 0.73, 0.74), (0.55, 0.56, 0.58), (0.2, 0.2, 0.21))
BRASS: Colour = (0.75, 0.62, 0.38)


def metal(rng: Random, colour: Colour | None = None) -> Row:
    """Draw a brushed metal: steel, black steel, brass."""
    a = _jitter(rng, colour or rng.choice((*STEELS, BRASS)), 0.06)
    return (
        BRUSHED,
        *a,
        *a,
        rng.uniform(0.8, 2.0),
        rng.uniform(0.05, 0.2),
        1.0,
        rng.uniform(0.2, 0.5),
        rng.randrange(9999),
    )


def glass(rng: Random) -> Row:
    """Draw a dark pane that mirrors a bright sky faintly."""
    v = rng.uniform(0.02, 0.14)
    return (GLASS, v, v, v * 1.1, 0.6, 0.65, 0.7, 1.0, rng.uniform(0.1, 0.5), 1.0, 0.4, rng.randrange(9999))


def pattern(rng: Random, kind: int, a: Colour, b: Colour, scale: float, strength: float = 1.0) -> Row:
    """Make a patterned material of one of the kinds above; scale is in repeats per object unit."""
    return (kind, *a, *b, scale, strength, 1.0, 0.05, rng.randrange(9999))


def finish(rng: Random) -> Row:
    """Draw what a piece of furniture is made of: natural wood most often."""
    roll = rng.random()
    if roll < 0.58:
        return wood(rng)
    if roll < 0.94:
        return paint(rng)
    return (
        metal(rng) if roll < 0.97 else pattern(rng, SPECKLE, any_colour(rng), any_colour(rng), rng.uniform(20, 60), 0.4)
    )


def casing(rng: Random) -> Row:
    """Draw what an appliance is made of: white, steel, black, now and then a colour."""
    roll = rng.random()
    if roll < 0.4:
        return paint(rng, _jitter(rng, (0.9, 0.9, 0.9), 0.07))
    if roll < 0.7:
        return metal(rng, rng.choice(STEELS))
    return paint(rng, _jitter(rng, (0.12, 0.12, 0.13), 0.08)) if roll < 0.82 else paint(rng)


def tile(rng: Random, size: int) -> np.ndarray:
    """Draw a material as a texture for meshes, one object unit wide; (size, size, 3) uint8."""
    row = np.array(finish(rng) if rng.random() < 0.8 else paint(rng, (1.0, 1.0, 1.0)))
    picture = np.empty((size, size, 3))
    for y in range(size):
        for x in range(size):
            picture[y, x] = albedo(row, x / size, y / size, False, 0, 1 / size)
    return np.asarray((picture * 255).clip(0, 255).astype(np.uint8))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _hash(x: int, y: int, seed: int) -> float:
    h = (
        np.uint32(x) * np.uint32(374761393)
        + np.uint32(y) * np.uint32(668265263)
        + np.uint32(seed) * np.uint32(2246822519)
    )
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    h = h ^ (h >> np.uint32(16))
    return np.float64(h & np.uint32(0xFFFFFF)) * (1.0 / 16777216.0)


@njit(cache=True, nogil=True, fastmath=True)
def _noise(x: float, y: float, seed: int) -> float:
    fx, fy = math.floor(x), math.floor(y)
    ix, iy = int(fx), int(fy)
    u, v = x - fx, y - fy
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = _hash(ix, iy, seed), _hash(ix + 1, iy, seed)
    c, d = _hash(ix, iy + 1, seed), _hash(ix + 1, iy + 1, seed)
    return a + (b - a) * u + (c - a) * v + (a - b - c + d) * u * v - 0.5


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _seen(frequency: float, footprint: float) -> float:
    """Fade a pattern out where a pixel is wider than a third of its period."""
    return min(1.0, max(0.0, 1.6 - 3.2 * frequency * footprint))


@njit(cache=True, nogil=True, fastmath=True)
def albedo(
    m: np.ndarray, u: float, v: float, end_grain: bool, seed: int, footprint: float
) -> tuple[float, float, float]:
    """Give the colour of material row m at (u along the grain, v across), object units."""
    kind = int(m[0])
    t = 0.0  # how far from colour a to colour b
    gain = 1.0
    seed = seed + int(m[11])
    if kind == PLAIN:
        if m[8] > 0:
            gain = 1.0 + m[8] * _noise(u * m[7], v * m[7], seed)
    elif kind == WOOD:
        k = m[7]
        plank = math.floor(v / m[9] + 0.37)
        p = int(plank)
        tone = _hash(p, 7, seed) - 0.5
        if m[9] > 5:
            tone *= 0.3
        shift = 13.7 * _hash(p, 3, seed)
        stretch = 6.0 if end_grain else 1.0
        w = v * k + 0.15 * _noise(u * k * 1.7 + shift, v * k * 5, seed)
        broad = _noise(u * k * 1.2 * stretch + shift, w * 9, seed + 1)
        t = 0.30 + 0.5 * broad
        f = 26.0 * k
        seen = _seen(f, footprint)
        if seen > 0:
            t += seen * 0.13 * math.sin(6.2832 * (w * 26 + 1.5 * broad))
        f = 70.0 * k
        seen = _seen(f, footprint)
        if seen > 0:
            t += seen * 0.55 * _noise(u * k * 5 * stretch + shift, v * f, seed + 2)
        t = min(1.0, max(0.0, m[8] * t + 0.9 * tone * m[8]))
        gain = 1.0 + 0.24 * tone
        if m[9] < 5 and int(m[11]) % 5 < 2:  # some planks are seen apart by their joints, most by their tone alone
            edge = abs(v / m[9] + 0.37 - plank - 0.5)
            if edge > 0.5 - 0.003 / m[9]:
                gain *= 1 - 0.25 * _seen(120.0, footprint)
    elif kind == BRUSHED:
        gain = 1.0 + m[8] * (
            0.7 * _noise(u * 1.5, v * 4 + 9.1, seed) + _seen(90.0, footprint) * _noise(u * 3, v * 90 * m[7], seed)
        )
    elif kind == SCREEN:  # a picture of blocks and lines of writing
        iu, iv = math.floor(u * m[7]), math.floor(v * m[7])
        t = _hash(int(iu), int(iv), seed) ** 2 * m[8]
        if _hash(int(iu), int(iv), seed + 5) > 0.6 and (v * m[7] * 5) % 1.0 > 0.5:
            t = 1.0 - t
    elif kind == KEYS:
        fu, fv = (u * m[7]) % 1.0, (v * m[7]) % 1.0
        if fu < 0.16 or fv < 0.16:
            t = _seen(m[7], footprint)
        t += 0.3 * (1 - _seen(m[7], footprint))
    elif kind == STRIPES:
        if (v * m[7]) % 1.0 > 0.5:
            t = m[8]
    elif kind == CANE:
        fu, fv = (u * m[7]) % 1.0 - 0.5, (v * m[7]) % 1.0 - 0.5
        seen = _seen(m[7], footprint)
        t = 0.35 * (1 - seen)
        if fu * fu + fv * fv < 0.09:
            t += seen * m[8]
        elif abs(fu) < 0.06 or abs(fv) < 0.06:
            gain = 1 - 0.15 * seen
    elif kind == SPECKLE:
        t = m[8] * max(
            0.0, 0.3 + _seen(m[7], footprint) * _noise(u * m[7], v * m[7], seed) + 0.6 * _noise(u * 4, v * 4, seed)
        )
    elif kind == SLATS:
        f = (v * m[7]) % 1.0
        seen = _seen(m[7], footprint)
        t = m[8] * (seen * (1.0 if f < 0.2 else 0.1 * f) + (1 - seen) * 0.25)
    return (
        gain * (m[1] + t * (m[4] - m[1])),
        gain * (m[2] + t * (m[5] - m[2])),
        gain * (m[3] + t * (m[6] - m[3])),
    )
