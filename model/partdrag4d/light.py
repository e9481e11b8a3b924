"""Lights for drawn meshes: a studio for the eye, and the one of PartDrag-4D's Blender script."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# (8,): kind, then what the kind needs; arrays, because compiled code reads them.
TOWARDS = np.array([0.35, 0.8, 0.5]) / np.linalg.norm([0.35, 0.8, 0.5])
STUDIO = np.array([0, 0.55, 0.06, 0.38, *TOWARDS, 0])  # ambient, more from above, a lamp far away and towards it
# PartDrag-4D: a white world that nothing hides (EEVEE) and a lamp of 10 W at Blender's (5, 5, 5), which hardly counts.
BLENDER = np.array([1, 10 / (4 * np.pi**2), 5, 5, -5, 0, 0, 0])

# What Blender 5.0's EEVEE draws of grey planes under the white world, view transform "Filmic" (the factory's in 3.5,
# which rendered PartDrag-4D); each channel goes its own way. Scene-linear value -> display value of 255.
FILMIC = np.array([
    [0, 0], [0.02, 40], [0.05, 69], [0.1, 98], [0.2, 132], [0.3, 153], [0.4, 166], [0.5, 176],
    [0.6, 185], [0.7, 191], [0.8, 197], [0.9, 201], [1.0, 206], [1.2, 212],
])  # fmt: skip
STEPS = 1024
_ROOTS = np.linspace(0, np.sqrt(1.2), STEPS + 1)
TONE = np.interp(_ROOTS, np.sqrt(FILMIC[:, 0]), FILMIC[:, 1] / 255)  # (STEPS + 1,), over the value's root
_SHOWN = np.linspace(0, 1, STEPS + 1)
LINEAR = np.where(_SHOWN <= 0.04045, _SHOWN / 12.92, ((_SHOWN + 0.055) / 1.055) ** 2.4)  # (STEPS + 1,), sRGB undone
# What the default material (Principled, roughness 0.5) mirrors of the white world: measured on tilted planes.
MIRRORED, GRAZING = 0.037, 0.164


@njit(cache=True, nogil=True)
def lit(
    light: np.ndarray, texture: np.ndarray, colour: np.ndarray, p: np.ndarray, n: np.ndarray, eye: np.ndarray,
    tone: np.ndarray, linear: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the display colour (3,), 0..1, of a point p whose normal n faces the eye; texture (3,) is of 255."""
    if light[0] == 0:
        strength = light[1] + light[2] * n[1]
        strength += light[3] * max(0.0, n[0] * light[4] + n[1] * light[5] + n[2] * light[6])
        for d in range(3):
            out[d] = min(1.0, texture[d] / 255.0 * colour[d] * strength)
        return
    x, y, z = light[2] - p[0], light[3] - p[1], light[4] - p[2]
    square = x * x + y * y + z * z
    lamp = light[1] / square * max(0.0, (x * n[0] + y * n[1] + z * n[2]) / math.sqrt(square))
    x, y, z = eye[0] - p[0], eye[1] - p[1], eye[2] - p[2]
    grazing = 1.0 - min(1.0, max(0.0, (x * n[0] + y * n[1] + z * n[2]) / math.sqrt(x * x + y * y + z * z)))
    mirrored = MIRRORED + GRAZING * grazing**3
    for d in range(3):
        # Blender takes a material's colour as it is (scene-linear) and a texture's as sRGB.
        own = colour[d] * _looked_up(linear, texture[d] / 255.0)
        seen = own * (1.0 + lamp) + (1.0 - own) * mirrored
        out[d] = _looked_up(tone, math.sqrt(min(seen, 1.2) / 1.2))


@njit(cache=True, nogil=True)
def _looked_up(table: np.ndarray, share: float) -> float:
    """Read a table (K + 1,) over 0..1 between its entries."""
    at = min(max(share, 0.0), 1.0) * (len(table) - 1)
    i = min(int(at), len(table) - 2)
    return float(table[i] + (at - i) * (table[i + 1] - table[i]))
