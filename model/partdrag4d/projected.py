"""Textures on shapes that have no texture coordinates, laid on as MuJoCo draws them: through a plane or a cube."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BENT = 1.3  # a triangle whose distances from the cube's centre differ more is cut: its texture is not linear
ROUNDS = 3  # of cutting
MAX_CUT = 100_000  # triangles of one shape
# Of each side of a cube map (+x, -x, +y, -y, +z, -z), as OpenGL has them: the axis, then s and t as (axis, sign).
SIDES = (
    (0, 1, (2, -1), (1, -1)), (0, -1, (2, 1), (1, -1)),
    (1, 1, (0, 1), (2, 1)), (1, -1, (0, 1), (2, -1)),
    (2, 1, (0, 1), (1, -1)), (2, -1, (0, -1), (1, -1)),
)  # fmt: skip


def on_plane(corners: np.ndarray, size: np.ndarray, repeat: np.ndarray, uniform: bool) -> np.ndarray:
    """Lay a texture along the shape's local z; (F, 3, 3) corners give (F, 3, 2).

    It repeats `repeat` times over the shape's width and height (half of which are `size`), or over two units of length.
    """
    span = np.ones(2) if uniform else np.maximum(size[:2], 1e-9)
    return 0.5 * corners[..., :2] / span * repeat * (1, -1) - 0.5


def on_cube(
    corners: np.ndarray, stretch: np.ndarray, texture: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Cut triangles (F, 3, 3) where the sides of a cube around the shape's origin meet.

    texture: one picture for all sides (W, W, 3) or six below one another (6 W, W, 3). Yields of each picture corners
    (G, 3, 3), uv (G, 3, 2) and the picture; `stretch` (3,) scales the shape before the cube is laid round it.
    """
    for normal in ((1, -1, 0), (1, 1, 0), (1, 0, -1), (1, 0, 1), (0, 1, -1), (0, 1, 1)):
        corners = _cut(corners, np.array(normal) * stretch)
    for _ in range(ROUNDS):
        far = np.abs(corners * stretch).max(2)
        bent = far.max(1) > BENT * np.maximum(far.min(1), 1e-9)
        if not bent.any() or len(corners) + 3 * bent.sum() > MAX_CUT:
            break
        a, b, c = corners[bent].transpose(1, 0, 2)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        quarters = [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        corners = np.concatenate([corners[~bent], *quarters])
    corners = corners[np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).any(1)]
    scaled = corners * stretch
    middle = scaled.mean(1)
    axis = np.abs(middle).argmax(1)
    positive = np.take_along_axis(middle, axis[:, None], 1)[:, 0] >= 0
    side = 2 * axis + ~positive
    uv = np.zeros((len(corners), 3, 2))
    for k, (along, _, s, t) in enumerate(SIDES):
        p = scaled[side == k]
        major = np.maximum(np.abs(p[..., along]), 1e-9)
        uv[side == k] = np.stack([(p[..., i] * sign / major + 1) / 2 for i, sign in (s, t)], -1)
    width = texture.shape[1]
    edge = 0.5 / width  # half a texel: the other side of the picture does not shine through
    uv = np.clip(uv, edge, 1 - edge)
    if texture.shape[0] != 6 * width:
        yield corners, uv, texture
        return
    for k in np.unique(side):
        yield corners[side == k], uv[side == k], texture[k * width : (k + 1) * width]


def _cut(corners: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Cut triangles (F, 3, 3) along the plane through the origin with this normal (3,)."""
    d = corners @ normal
    d[np.abs(d) < 1e-9 * max(float(np.abs(d).max(initial=0)), 1e-300)] = 0
    crossing = (d.max(1) > 0) & (d.min(1) < 0)
    if not crossing.any():
        return corners
    p, d = corners[crossing], d[crossing]
    signs = np.sign(d)
    # The corner that stands alone comes first; where one lies on the plane, either of the others does.
    alone = np.where(np.abs(signs.sum(1)) == 1, (signs != np.sign(signs.sum(1))[:, None]).argmax(1), 0)
    on_it = (signs == 0).any(1)
    alone[on_it] = (signs[on_it] > 0).argmax(1)
    order = (alone[:, None] + np.arange(3)) % 3
    p, d = np.take_along_axis(p, order[..., None], 1), np.take_along_axis(d, order, 1)
    (a, b, c), (da, db, dc) = p.transpose(1, 0, 2), d.T

    def between(q: np.ndarray, dq: np.ndarray) -> np.ndarray:
        """Return where the edge from a to q meets the plane; q itself where both are on one side of it."""
        apart = da * dq < 0
        share = np.where(apart, da / np.where(apart, da - dq, 1), 1.0)
        return np.asarray(a + share[:, None] * (q - a))

    ab, ac = between(b, db), between(c, dc)
    return np.concatenate(
        [corners[~crossing], np.stack([a, ab, ac], 1), np.stack([ab, b, c], 1), np.stack([ab, c, ac], 1)]
    )
