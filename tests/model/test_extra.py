"""Packages of the extra: absent, and Triton beside an OpenGL driver that brings an LLVM of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import PartRMError
from model.network.extra import extra, has

DRAWN_THEN_IMPORTED = """
import numpy as np
from model.camera import Camera
from model.gaussians import Gaussians
from model.network.extra import load_triton
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


def test_missing_packages_are_named_with_what_installs_them() -> None:
    assert not has("torch", "no_such_package") and has("torch")
    with pytest.raises(PartRMError) as caught:
        extra("no_such_package", "Network", "SAM")
    assert "no_such_package" in caught.value.title and "partrm-viewer[full]" in caught.value.hint
