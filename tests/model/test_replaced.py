"""Replaced: true stages are true, and the more of them there are, the nearer the truth is."""

from __future__ import annotations

import numpy as np
import pytest

from model.camera import Camera
from model.evaluation import replaced
from model.evaluation.procedural_protocol import Trial, trial
from model.gaussians import Gaussians
from model.stages.pipeline import Pipeline
from renderer.cpu import CpuRenderer


def draw(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    return np.asarray(CpuRenderer().render(gaussians, camera).colour)


@pytest.fixture(scope="module")
def made() -> Trial:
    found = next(t for t in map(trial, range(20)) if t is not None and t.scene.category == "washing machine")
    return found


def test_the_true_motion_is_carried_into_any_input_cameras_world(made: Trial) -> None:
    """The part ends where it should in the picture, whatever the world's tilt and size are taken to be."""
    true = made.cameras[0]
    other = Camera.orbit(0, 50, 1.7 * float(np.linalg.norm(true.position)), true.fov_y_deg, true.width, true.height)
    moved = replaced.true_motion(made, other)
    T = made.motion.transform(made.amount)
    local = np.random.default_rng(0).uniform(-0.2, 0.2, (20, 3)) - [0, 0, float(np.linalg.norm(true.position))]
    points = local @ true.T_world_camera[:3, :3].T + true.position
    expected = true.project(points @ T[:3, :3].T + T[:3, 3])[0]
    there = 1.7 * local @ other.T_world_camera[:3, :3].T + other.position
    np.testing.assert_allclose(other.project(there @ moved.T[:3, :3].T + moved.T[:3, 3])[0], expected, atol=1e-6)


@pytest.mark.slow
def test_the_more_is_true_the_nearer_the_truth(made: Trial) -> None:
    costs = replaced.costs(made, Pipeline(rasterize=draw), draw)
    assert list(costs) == [name for name, *_ in replaced.CASES]
    novel = {name: cost.predicted.psnr for name, cost in costs.items()}
    assert novel["true surface, mask and motion"] > novel["one image"] + 1
    assert novel["true depth, mask and motion"] > novel["one image"]
    assert costs["one image"].still == costs["true motion"].still
    assert replaced.table([costs]).count("\n") == len(replaced.CASES) + 1
