"""Evaluation on procedural objects: the protocol's trials, and its tables."""

from dataclasses import replace

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.camera import Camera
from model.evaluation import procedural_protocol as protocol
from model.evaluation import procedural_tables as tables
from model.evaluation.metrics import changed, iou
from model.evaluation.procedural_protocol import Result, Row, Trial
from model.stages.frame import carried
from model.stages.predict import surface_picture
from model.stages.reconstruct import reconstruct
from model.stages.state import Motion, Prediction, State

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def trial() -> Trial:
    made = (protocol.trial(seed) for seed in range(10))
    return next(t for t in made if t is not None)


def test_a_seed_gives_one_trial(trial: Trial) -> None:
    again = protocol.trial(trial.seed)
    assert again is not None
    np.testing.assert_array_equal(again.image, trial.image)
    np.testing.assert_array_equal(again.after, trial.after)
    assert again.drag == trial.drag and again.amount == trial.amount
    for a, b in zip(again.cameras, trial.cameras, strict=True):
        np.testing.assert_array_equal(a.T_world_camera, b.T_world_camera)


def test_a_trial_shows_one_part_move(trial: Trial) -> None:
    size = protocol.PIXELS
    assert trial.image.shape == (size, size, 3) and trial.image.dtype == np.uint8
    assert trial.before.shape == trial.after.shape == (9, size, size, 3) and len(trial.cameras) == 9
    assert trial.part.any() and (trial.mask | ~trial.part).mean() > 0.999
    x, y = trial.drag.start_px
    assert trial.part[int(y), int(x)] and trial.drag.length_px > 0
    where = changed(trial.before[0], trial.after[0])
    assert where.any() and not where[~trial.mask & (trial.after[0].min(2) > 0.99)].any()
    np.testing.assert_allclose(trial.image / 255, trial.before[0], atol=1 / 255)
    assert (trial.image[~trial.mask & (trial.before[0].min(2) > 0.999)] == 255).all()


def test_the_drag_is_the_true_motion_of_the_grabbed_point(trial: Trial) -> None:
    view = protocol.true_views(trial.scene, float(trial.scene.amounts[trial.scene.source]))[0]
    x, y = trial.drag.start_px
    point = view.camera.unproject(np.array([x, y]), float(view.depth[int(y), int(x)]))
    T = trial.motion.transform(trial.amount)
    end, _ = trial.cameras[0].project(T[:3, :3] @ point + T[:3, 3])
    assert np.hypot(*(end - trial.drag.end_px)) < 0.05 * trial.drag.length_px + 1


def test_cameras_stay_where_they_are_when_the_worlds_agree(trial: Trial) -> None:
    for camera in trial.cameras:
        same = carried(camera, trial.cameras[0], trial.cameras[0])
        np.testing.assert_allclose(same.T_world_camera, camera.T_world_camera, atol=1e-9)
        assert (same.fx, same.fy, same.cx, same.cy) == (camera.fx, camera.fy, camera.cx, camera.cy)


def test_carried_cameras_keep_their_view_in_a_turned_and_larger_world() -> None:
    true_input = Camera.orbit(0, 20, 2, 40, 64, 64)
    novel = Camera.orbit(70, 35, 2.5, 40, 64, 64)
    guess = Camera.orbit(0, 50, 4, 40, 64, 64)  # the same picture, taken for twice as far and from higher up
    points = RNG.uniform(-0.3, 0.3, (10, 3))
    T = guess.T_world_camera @ np.diag([2, 2, 2, 1]) @ true_input.T_camera_world
    there = points @ T[:3, :3].T + T[:3, 3]
    for camera in (true_input, novel):
        seen = carried(camera, true_input, guess).project(there)
        np.testing.assert_allclose(seen[0], camera.project(points)[0], atol=1e-9)


def test_the_input_camera_takes_the_lens_that_was_estimated() -> None:
    camera = Camera.orbit(0, 20, 2, 40, 64, 64)
    guess = replace(camera, cx=30.0, fx=80.0)
    moved = carried(camera, camera, guess)
    assert (moved.fx, moved.cx) == (80.0, 30.0)


def test_the_truth_scores_best_and_no_motion_less(trial: Trial) -> None:
    truth, nothing = protocol.score(trial.after, trial), protocol.score(trial.before, trial)
    assert (truth.psnr_input, truth.psnr, truth.changed_input, truth.changed) == (60, 60, 60, 60)
    assert truth.ssim == pytest.approx(1)
    assert nothing.psnr < 40 and nothing.changed_input < nothing.psnr_input < 60


def test_the_true_motion_has_no_error_and_none_has_all_of_it(trial: Trial) -> None:
    source = float(trial.scene.amounts[trial.scene.source])
    gaussians = reconstruct(protocol.true_views(trial.scene, source, 32), carve=False)
    camera = trial.cameras[0]
    state = State(trial.image, trial.mask, camera, camera, gaussians)
    right = Prediction(state, motion=Motion(trial.motion, trial.amount, 0.0, 1.0))
    assert protocol.motion_errors(trial, state, right, camera) == (True, pytest.approx(0, abs=0.01), pytest.approx(0))
    still = Prediction(state, motion=Motion(trial.motion, 0.0, 0.0, 1.0))
    assert protocol.motion_errors(trial, state, still, camera)[2] == pytest.approx(1)
    other: Joint = replace(trial.motion, kind="prismatic" if trial.motion.kind == "revolute" else "revolute")
    assert not protocol.motion_errors(trial, state, replace(right, motion=Motion(other, 0.1, 0, 1)), camera)[0]


def test_oracle_splats_lie_on_the_object(trial: Trial) -> None:
    source = float(trial.scene.amounts[trial.scene.source])
    gaussians = reconstruct(protocol.true_views(trial.scene, source, 128), carve=False)
    drawn = surface_picture(gaussians, trial.cameras[0].resized(64, 64))[..., 3] > 0.5
    assert iou(drawn, trial.mask[::4, ::4]) > 0.85


def result(trial: Trial, better: float) -> Result:
    rows = {name: Row(20.0, 18.0, 0.8, 10.0, 9.0) for name in tables.ORDER}
    rows["B predicted"] = Row(20.0 + better, 19.0, 0.85, 12.0, 12.0)
    pictures = {name: np.zeros((2, 16, 16, 3), np.uint8) for name in (*tables.ORDER, "truth")}
    both = {"A": 0.5, "B": 0.25}
    right, axis = {"A": True, "B": False}, {"A": 2.0, "B": 4.0}
    category = trial.scene.category
    return Result(trial.seed, category, trial.drag, trial.image, rows, both, right, axis, both, pictures)


def test_tables_are_markdown_with_every_row(trial: Trial) -> None:
    results = [result(trial, 1.0), result(trial, 3.0)]
    lines = tables.score_table(results).splitlines()
    assert len(lines) == 2 + len(tables.ORDER)
    assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert lines[2] == "| A no motion | 20.00 | 10.00 | 18.00 | 0.800 | 9.00 |"
    parts = tables.part_table(results).splitlines()
    assert {line.count("|") for line in parts} == {parts[0].count("|")} and len(parts) == 4
    assert parts[2].startswith("| all | 2 | 0.50 / 0.25 | 100 % / 0 % | 2.0° / 4.0° | 50 % / 25 % | +2.0 / +1.0 |")
    assert parts[3].startswith(f"| {trial.scene.category} | 2 |")


def test_scores_that_a_trial_does_not_have_are_left_out(trial: Trial) -> None:
    full = result(trial, 1.0)
    bare = replace(full, rows=full.rows | {"B predicted": Row(20, 19, 0.85, float("nan"), 14)})
    mean = tables.mean_row([full, bare], "B predicted")
    assert (mean.changed_input, mean.changed) == (12, 13)


def test_the_page_shows_the_worst_first(trial: Trial) -> None:
    worse = result(trial, -1.0)
    worse.pictures["B predicted"][:] = 255
    page = tables.page([result(trial, 2.0), worse], size=16)
    assert page.shape == (32, 8 * 16, 3) and page.dtype == np.uint8
    assert (page[:16, 48:64] == 255).all() and (page[16:, 48:64] == 0).all()
