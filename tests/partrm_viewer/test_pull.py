"""Pulls made in the 3D view: what is held, where it should go, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.camera import Camera
from model.stages.state import Motion
from partrm_viewer import project
from partrm_viewer.document import Document, Snapshot, Step
from partrm_viewer.project import Project
from partrm_viewer.tools.pull import Gesture, Grip
from tests.model.two_halves import two_halves

BEHIND = Camera.orbit(170, 20, 2.5, 35, 640, 480)
POINT = np.array([0.1, 0.05, -0.1])


def gesture(camera: Camera = BEHIND) -> Gesture:
    state = two_halves()
    x, y = state.camera.project(POINT)[0].tolist()
    return Gesture(Snapshot("Photo", state.gaussians, state), state, (x, y), Grip(POINT, camera))


def pointer(camera: Camera, point: np.ndarray) -> tuple[float, float]:
    x, y = camera.project(point)[0].tolist()
    return x, y


def test_the_pointer_moves_on_the_plane_that_faces_the_camera() -> None:
    grip = Grip(POINT, BEHIND)
    target = grip.target((100.0, 300.0))
    assert pointer(BEHIND, target) == pytest.approx((100.0, 300.0))
    assert (target - POINT) @ BEHIND.T_world_camera[:3, 2] == pytest.approx(0.0, abs=1e-9)


def test_a_pointer_that_has_not_moved_pulls_nothing() -> None:
    drag = gesture().drag_to(pointer(BEHIND, POINT))
    assert drag.length_px == pytest.approx(0.0, abs=1e-6)


def test_the_joint_tells_how_deep_a_pull_goes() -> None:
    pull = gesture()
    motion = Motion(Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3)), 0.3, 0.0, 1.0)
    drag = pull.drag_to(pointer(BEHIND, POINT + motion.T[:3, 3]))
    settled = pull.along(drag, motion)
    assert settled.end_px == pytest.approx(pointer(pull.state.camera, POINT + motion.T[:3, 3]))
    assert settled.sight == drag.sight and settled.start_px == drag.start_px
    assert pull.along(drag, None) is drag


def test_who_pulled_is_saved_with_a_drag(tmp_path: Path) -> None:
    pull = gesture()
    drag = pull.drag_to((100.0, 300.0))
    document = Document("a.png").with_snapshot(pull.source)
    moved = Snapshot("Pull 1", pull.state.gaussians, pull.state, (Step(drag),), notes=("Pulled too far",))
    project.write(tmp_path / "a.partrm", Project(document.with_snapshot(moved)))
    read = project.read(tmp_path / "a.partrm").document.shown
    assert read is not None and read.drags == (drag,) and read.notes == ("Pulled too far",)
    sight = read.drags[0].sight
    assert sight is not None and np.array_equal(sight.camera.T_world_camera, BEHIND.T_world_camera)
    assert read.drags != (replace(drag, sight=None),)
