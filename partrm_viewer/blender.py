"""Blender draws a state: it runs in its own interpreter, with files between us."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.camera import Camera
from model.partdrag4d.states import State
from model.partdrag4d.views import Subject


class Blender:
    """A Painter that runs blender_script.py under a Python that has bpy."""

    def __init__(self, python: str) -> None:
        self.python = python

    def __call__(self, subject: Subject, state: State, cameras: Sequence[Camera]) -> list[np.ndarray]:
        raise NotImplementedError
