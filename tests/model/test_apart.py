"""Triton beside an OpenGL driver that brings an LLVM of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DRAWN_THEN_IMPORTED = """
import numpy as np
from model.camera import Camera
from model.gaussians import Gaussians
from model.network.apart import load_triton
from renderer.gl import GlRenderer

one = np.ones((1, 3))
splat = Gaussians.from_colours(0 * one, np.array([[1.0, 0, 0, 0]]), 0.1 * one, np.ones(1), one)
GlRenderer().render(splat, Camera.orbit(0, 0, 3, 40, 8, 8))  # Mesa's LLVM compiles its shaders
load_triton()
import torchvision  # the first thing that SAM's package imports, and Triton with it
print("alive")
"""


@pytest.mark.gl
@pytest.mark.slow  # a process that imports torch and torchvision
def test_networks_load_after_the_first_frame() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", DRAWN_THEN_IMPORTED], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip().endswith("alive"), done.stderr[-2000:]
