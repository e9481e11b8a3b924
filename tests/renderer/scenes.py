"""Scenes the renderer's tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.camera import Camera
from model.formats import ply
from model.gaussians import Gaussians

GOLDEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden" / "raster"
GOLDEN_SETS = ["dev_sh0", "dev_sh3"]
CAMERA = Camera.orbit(25, 15, 2.2, 45, 120, 90)


def random_splats(count: int, degree: int = 0, seed: int = 0) -> Gaussians:
    """Make splats of all shapes within the unit cube."""
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((count, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    sh = rng.uniform(-1, 1, (count, (degree + 1) ** 2, 3)) * np.linspace(1.5, 0.3, (degree + 1) ** 2)[:, None]
    positions, rotations, scales, opacities, harmonics = (
        np.ascontiguousarray(a, dtype=np.float32)
        for a in (
            rng.uniform(-0.5, 0.5, (count, 3)),
            q,
            np.exp(rng.uniform(np.log(0.01), np.log(0.15), (count, 3))),
            rng.uniform(0.05, 1.0, count),
            sh,
        )
    )
    return Gaussians(positions, rotations, scales, opacities, harmonics)


def golden_cases(name: str) -> Iterator[tuple[Gaussians, Camera, np.ndarray]]:
    """Yield Gaussians, camera and exact picture (H, W, 3) uint8; skip where the golden folder is absent."""
    if not GOLDEN.is_dir():
        pytest.skip("the golden pictures (../shared/golden/raster) are not here")
    gaussians = ply.read(GOLDEN / f"{name}.ply")
    told = json.loads((GOLDEN / f"{name}_transforms.json").read_text())
    for frame in told["frames"]:
        lens = [told[key] for key in ("fl_x", "fl_y", "cx", "cy", "w", "h")]
        picture = cv2.imread(str(GOLDEN / f"{name}_{frame['file_path']}"))
        assert picture is not None, f"{name}_{frame['file_path']} is missing"
        yield gaussians, Camera(np.array(frame["transform_matrix"]), *lens), picture[..., ::-1]


def psnr(image: np.ndarray, expected: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures in dB."""
    error = np.mean((image.astype(np.float64) - expected) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
