"""Soup: all triangles of an object in one place, with texture pyramids, made once for many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from model.partdrag4d.articulated import ArticulatedObject


@dataclass(frozen=True, eq=False)
class Soup:
    """All triangles of an object in one place, made once for many pictures."""

    vertices: np.ndarray  # (V, 3) float64, world at the zero pose
    carried: np.ndarray  # (V,) int64, the link of each vertex
    faces: np.ndarray  # (F, 3) int64
    links: np.ndarray  # (F,) uint8
    normals: np.ndarray  # (F, 3, 3) float32
    colours: np.ndarray  # (F, 3) float32
    uv: np.ndarray  # (F, 3, 2) float32
    textures: np.ndarray  # (F,) int64, row of `levels`
    levels: np.ndarray  # (T, L, 3) int64, first texel, width and height of each level of the pyramids
    texels: np.ndarray  # (N, 3) uint8


@lru_cache(maxsize=2)
def soup(made: ArticulatedObject) -> Soup:
    """Put an object's triangles together."""
    firsts = np.cumsum([0, *(len(p.vertices) for p in made.pieces)])
    kinds: dict[bytes, int] = {}
    pyramids: list[list[np.ndarray]] = []
    textures = []
    for part in made.pieces:
        key = part.texture.tobytes() + bytes(str(part.texture.shape), "ascii")
        if key not in kinds:
            kinds[key] = len(pyramids)
            pyramids.append(_pyramid(part.texture))
        textures.append(np.full(len(part.faces), kinds[key]))
    levels = np.zeros((len(pyramids), max(map(len, pyramids)), 3), np.int64)
    first = 0
    for t, pyramid in enumerate(pyramids):
        for k in range(levels.shape[1]):
            if k < len(pyramid):
                levels[t, k] = first, pyramid[k].shape[1], pyramid[k].shape[0]
                first += pyramid[k].shape[0] * pyramid[k].shape[1]
            else:
                levels[t, k] = levels[t, k - 1]
    return Soup(
        np.concatenate([p.vertices for p in made.pieces]),
        np.concatenate([np.full(len(p.vertices), p.link) for p in made.pieces]),
        np.concatenate([p.faces + first for p, first in zip(made.pieces, firsts[:-1])]),
        np.concatenate([np.full(len(p.faces), p.link, np.uint8) for p in made.pieces]),
        np.concatenate([p.normals for p in made.pieces]).astype(np.float32),
        np.concatenate([p.colours for p in made.pieces]).astype(np.float32),
        np.concatenate([p.uv for p in made.pieces]).astype(np.float32),
        np.concatenate(textures),
        levels,
        np.concatenate([level.reshape(-1, 3) for pyramid in pyramids for level in pyramid]),
    )


def with_textures(soup: Soup, textures: Sequence[np.ndarray]) -> Soup:
    """Put textures (H, W, 3) uint8 behind a soup's own, as the last rows of its levels: faces can be given them."""
    pyramids = [_pyramid(texture) for texture in textures]
    wide = max(soup.levels.shape[1], *map(len, pyramids))
    own = np.concatenate([soup.levels, np.repeat(soup.levels[:, -1:], wide - soup.levels.shape[1], axis=1)], axis=1)
    more = np.zeros((len(pyramids), wide, 3), np.int64)
    first = len(soup.texels)
    for t, pyramid in enumerate(pyramids):
        for k in range(wide):
            if k < len(pyramid):
                more[t, k] = first, pyramid[k].shape[1], pyramid[k].shape[0]
                first += pyramid[k].shape[0] * pyramid[k].shape[1]
            else:
                more[t, k] = more[t, k - 1]
    texels = np.concatenate([soup.texels, *(level.reshape(-1, 3) for pyramid in pyramids for level in pyramid)])
    return replace(soup, levels=np.concatenate([own, more]), texels=texels)


def _pyramid(texture: np.ndarray) -> list[np.ndarray]:
    """Halve a texture (H, W, 3) uint8 until it is one pixel."""
    import cv2

    levels = [np.ascontiguousarray(texture)]
    while max(levels[-1].shape[:2]) > 1:
        h, w = levels[-1].shape[:2]
        smaller = cv2.resize(levels[-1], (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller).reshape(max(1, h // 2), max(1, w // 2), 3))
    return levels


@dataclass(frozen=True, eq=False)
class Posed:
    """A soup with its joints at some amounts: what all cameras of a state share."""

    soup: Soup
    vertices: np.ndarray  # (V, 3) float64, world
    normals: np.ndarray  # (F, 3, 3) float32, world


def posed(made: ArticulatedObject, amounts: Sequence[float] | np.ndarray) -> Posed:
    """Move an object's joints to these amounts."""
    all_of_it = soup(made)
    poses = made.poses(amounts)
    moved, normals = all_of_it.vertices.copy(), all_of_it.normals.copy()
    for link, T in enumerate(poses):
        if np.array_equal(T, np.eye(4)):
            continue
        mine = all_of_it.carried == link
        moved[mine] = moved[mine] @ T[:3, :3].T + T[:3, 3]
        faces = all_of_it.links == link
        normals[faces] = (normals[faces] @ T[:3, :3].T).astype(np.float32)
    return Posed(all_of_it, moved, normals)
