"""Blender draws a state: it runs in its own interpreter (bpy and we want different NumPys), with files between us."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model.camera import Camera
from model.errors import RendererError
from model.partdrag4d.dataset import SIZE, Y_UP
from model.partdrag4d.soup import posed
from model.partdrag4d.states import State
from model.partdrag4d.views import Subject

SCRIPT = Path(__file__).with_name("blender_script.py")
ENGINE, SAMPLES = "BLENDER_EEVEE", 16  # the factory's engine, as PartDrag-4D; it needs OpenGL 4.3 (Mesa's will do)


class Blender:
    """A Painter that runs Blender under a Python that has bpy."""

    def __init__(self, python: str, engine: str = ENGINE, samples: int = SAMPLES) -> None:
        self.python, self.engine, self.samples = python, engine, samples

    def __call__(self, subject: Subject, state: State, cameras: Sequence[Camera]) -> list[np.ndarray]:
        """Draw one state, (SIZE, SIZE, 4) uint8 a camera. Raises RendererError."""
        with tempfile.TemporaryDirectory(prefix="partrm-blender-") as name:
            folder = Path(name)
            _write_scene(folder / "scene.npz", subject, state, cameras)
            words = [self.python, str(SCRIPT), name, self.engine, str(self.samples)]
            hint = "It needs a Python with bpy (pip install bpy), and Blender's system libraries."
            alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            try:
                ran = subprocess.run(words, capture_output=True, text=True, errors="replace", env=alone)
            except OSError as error:
                raise RendererError(f"Cannot run {self.python}: {error.strerror or error}", hint) from error
            if ran.returncode != 0 or not (folder / "times.json").exists():
                last = (ran.stderr.strip() or ran.stdout.strip() or "it said nothing").splitlines()[-1]
                raise RendererError(f"Blender has failed: {last[:200]}", hint)
            return [np.array(Image.open(folder / f"{k:03d}.png").convert("RGBA")) for k in range(len(cameras))]


def _write_scene(path: Path, subject: Subject, state: State, cameras: Sequence[Camera]) -> None:
    """Write what blender_script.py reads, turned into Blender's world."""
    shapes = posed(subject.made, state.amounts)
    soup = shapes.soup
    poses = np.stack([camera.T_world_camera for camera in cameras])
    poses[:, :3] = Y_UP.T @ poses[:, :3]
    pictures: dict[str, Any] = {}
    for t, (first, width, height) in enumerate(soup.levels[:, 0]):
        pictures[f"texture_{t}"] = soup.texels[first : first + width * height].reshape(height, width, 3)
    np.savez(
        path, vertices=shapes.vertices @ Y_UP, faces=soup.faces, normals=shapes.normals @ Y_UP, colours=soup.colours,
        uv=soup.uv, textures=soup.textures, cameras=poses, fov_deg=cameras[0].fov_y_deg, size=SIZE, **pictures,
    )  # fmt: skip
