"""Procedural objects: deterministic, upright in the frame, opening the right way, traced where their surfaces are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from model.camera import Camera
from model.partdrag4d.procedural import (
    CATEGORIES,
    Scene,
    distance,
    make_scene,
    novel_cameras,
    part_points,
)
from model.partdrag4d.scene import BOX, OUTSIDE
from model.partdrag4d.tracer import trace
from model.stages.frame import view_cameras

SEEDS = range(24)


@pytest.fixture(scope="module")
def one_of_each() -> dict[str, Scene]:
    scenes: dict[str, Scene] = {}
    for seed in range(400):
        scene = make_scene(seed)
        scenes.setdefault(scene.category, scene)
        if len(scenes) == len(CATEGORIES):
            break
    return scenes


def _bytes(value: object) -> bytes:
    if dataclasses.is_dataclass(value):
        return b"".join(_bytes(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, tuple):
        return b"".join(_bytes(v) for v in value)
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()


def _inside(scene: Scene, amount: float, points: np.ndarray) -> np.ndarray:
    """Say which (N, 3) world points lie in some primitive: the slow readable twin of the tracer."""
    poses, prims = scene.poses(amount), scene.primitives
    result = np.zeros(len(points), bool)
    for p in range(len(prims.kind)):
        T = poses[prims.link[p]]
        q = (points - (T[:3, :3] @ prims.centre[p] + T[:3, 3])) @ (T[:3, :3] @ prims.axes[p])
        half, (a, b) = prims.half[p], prims.param[p]
        if prims.kind[p] == BOX:
            within = (np.abs(q) <= half).all(axis=1) & (np.hypot(q[:, 0], q[:, 1]) >= a)
        else:
            rho, grow = np.hypot(q[:, 0], q[:, 2]), b * q[:, 1]
            within = (np.abs(q[:, 1]) <= half[1]) & (rho <= half[0] + grow) & ((a <= 0) | (rho >= a + grow))
        result |= within
    return result


def test_same_seed_gives_same_bytes_and_splits_differ() -> None:
    scenes = make_scene(5), make_scene(5)
    assert _bytes(scenes[0]) == _bytes(scenes[1])
    first, again = (trace(s, float(s.amounts[s.target]), view_cameras(s.camera0, 64), 64) for s in scenes)
    assert _bytes(first) == _bytes(again)
    assert _bytes(make_scene(5)) != _bytes(make_scene(5, "held-out"))
    assert _bytes(make_scene(5)) != _bytes(make_scene(6))


def test_every_category_occurs(one_of_each: dict[str, Scene]) -> None:
    assert set(one_of_each) == set(CATEGORIES)


def test_start_state_is_centred_and_fills_the_frame() -> None:
    size = 200
    for seed in SEEDS:
        scene = make_scene(seed)
        alpha = trace(scene, float(scene.amounts[scene.source]), [scene.camera0], size).alpha[0]
        ys, xs = np.nonzero(alpha)
        box = np.array([xs.min(), xs.max() + 1, ys.min(), ys.max() + 1]) / size
        assert 0.82 <= max(box[1] - box[0], box[3] - box[2]) <= 0.935, seed
        assert abs(box[0] + box[1] - 1) < 0.04 and abs(box[2] + box[3] - 1) < 0.04, seed
        assert np.linalg.norm(scene.camera0.position) == pytest.approx(distance(scene.camera0.fov_y_deg))


def test_view_cameras_are_quarter_turns() -> None:
    camera0 = Camera.orbit(0, 31, distance(40), 40, 128, 128)
    for k, camera in enumerate(view_cameras(camera0, 64)):
        expected = Camera.orbit(90 * k, 31, distance(40), 40, 64, 64)
        np.testing.assert_allclose(camera.T_world_camera, expected.T_world_camera, atol=1e-12)
        assert camera.fx == pytest.approx(expected.fx) and camera.width == 64


def test_novel_cameras_look_at_the_origin_from_further_away() -> None:
    camera0 = make_scene(1).camera0
    for camera in novel_cameras(camera0, 64, 8, np.random.default_rng(1)):
        pixel, depth = camera.project(np.zeros(3))
        np.testing.assert_allclose(pixel, 32, atol=1e-9)
        assert depth == pytest.approx(1.25 * distance(camera0.fov_y_deg))


def test_depth_is_where_a_walk_along_the_ray_enters_the_object(one_of_each: dict[str, Scene]) -> None:
    rng = np.random.default_rng(0)
    step = 4e-4
    for scene in one_of_each.values():
        amount = float(scene.amounts[-1])
        camera = scene.camera0.resized(96, 96)
        b = trace(scene, amount, [camera], 96)
        ys, xs = np.nonzero(b.alpha[0])
        for k in rng.integers(len(xs), size=12):
            pixel, depth = np.array([xs[k] + 0.5, ys[k] + 0.5]), float(b.depth[0, ys[k], xs[k]])
            before = camera.unproject(pixel[None], np.arange(depth - 1.0, depth - step, step))
            after = camera.unproject(pixel[None], np.linspace(depth + 1e-5, depth + 3e-4, 8))
            assert _inside(scene, amount, before).sum() <= 1, scene.category  # a corner grazed at most
            assert _inside(scene, amount, after).any(), scene.category


def test_normals_are_unit_and_face_the_camera(one_of_each: dict[str, Scene]) -> None:
    for scene in one_of_each.values():
        b = trace(scene, float(scene.amounts[2]), [scene.camera0], 64)
        seen = b.link[0] != OUTSIDE
        n = b.normal[0][seen]
        np.testing.assert_allclose(np.linalg.norm(n, axis=1), 1, atol=1e-4)
        camera = scene.camera0.resized(64, 64)
        ray = camera.unproject(camera.pixel_grid(), b.depth[0])[seen] - camera.position
        assert ((n * ray).sum(axis=1) < 1e-4).all()


def test_parts_open_outward(one_of_each: dict[str, Scene]) -> None:
    for scene in [make_scene(seed) for seed in SEEDS] + list(one_of_each.values()):
        prims, low = scene.primitives, scene.limits[scene.moving - 1, 0]
        mine = prims.link == scene.moving
        T = scene.joints[scene.moving - 1].transform(float(low + 0.3 * (scene.limits[scene.moving - 1, 1] - low)))
        R = scene.T_world_object[:3, :3] / scene.scale
        weight = prims.half[mine].prod(axis=1)[:, None]
        moved = (
            ((prims.centre[mine] @ T[:3, :3].T + T[:3, 3] - prims.centre[mine]) * weight).sum(0) / weight.sum()
        ) @ R
        up_or_out = 1 if scene.category in ("laptop", "trash can", "box") else 2
        assert moved[up_or_out] > 0, scene.category


def test_drag_follows_the_joint_and_ends_on_the_moved_part() -> None:
    found = 0
    for seed in SEEDS:
        scene = make_scene(seed)
        i, j = float(scene.amounts[scene.source]), float(scene.amounts[scene.target])
        b = trace(scene, i, [scene.camera0], 128, supersample=2)
        points = part_points(scene, i, j, scene.camera0, 10, np.random.default_rng(seed), b)
        if points is None:
            continue
        found += 1
        T = scene.joints[scene.moving - 1].transform(j - i)
        np.testing.assert_allclose(points.start_world @ T[:3, :3].T + T[:3, 3], points.end_world, atol=1e-9)
        np.testing.assert_allclose(scene.camera0.project(points.end_world)[0], points.end_px, atol=1e-6)
        after = trace(scene, j, [scene.camera0], 512)
        px = np.floor(points.end_px * 4).astype(int)
        depth = scene.camera0.project(points.end_world)[1]
        seen = ((px >= 5) & (px < 507)).all(axis=1)
        for (x, y), z in zip(px[seen], depth[seen], strict=True):  # nothing behind shows through the moved point
            near = after.depth[0, y - 5 : y + 6, x - 5 : x + 6]  # a ray of view 0 may hit beside its pixel's centre
            assert near[near > 0].size and near[near > 0].min() < z + 0.03
    assert found > 15


def test_supersampling_gives_premultiplied_colour_and_soft_coverage() -> None:
    scene = make_scene(3)
    b = trace(scene, float(scene.amounts[0]), [scene.camera0], 64, supersample=2)
    assert set(np.unique(b.alpha)) <= {0, 0.25, 0.5, 0.75, 1} and (b.alpha == 0.5).any()
    assert (b.rgb <= b.alpha[..., None] + 1e-6).all()
    assert ((b.link == OUTSIDE) == (b.alpha == 0)).all() and ((b.depth > 0) == (b.alpha > 0)).all()


def test_only_the_moving_part_moves() -> None:
    scene = make_scene(11)
    closed, opened = (scene.poses(float(scene.amounts[k])) for k in (0, 5))
    for link in range(len(scene.joints) + 1):
        assert np.allclose(closed[link], opened[link]) == (link != scene.moving)


def test_a_scene_goes_from_one_state_to_another() -> None:
    for seed in range(20):
        scene = make_scene(seed)
        assert scene.source != scene.target and {scene.source, scene.target} <= set(range(6))
