"""The nouns: Gaussians, Camera, Drag, Joint."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.gaussians import (
    Gaussians,
    concatenate,
    matrix_from_quaternion,
    quaternion_from_matrix,
    quaternion_multiply,
)


def some(n: int = 20, k: int = 4, seed: int = 0) -> Gaussians:
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((n, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    f32 = [rng.standard_normal((n, 3)), q, rng.uniform(0.01, 0.1, (n, 3)), rng.uniform(0, 1, n)]
    positions, rotations, scales, opacities = (a.astype(np.float32) for a in f32)
    return Gaussians(positions, rotations, scales, opacities, rng.standard_normal((n, k, 3)).astype(np.float32))


def rotation(seed: int) -> np.ndarray:
    return matrix_from_quaternion(some(1, 1, seed).rotations[0].astype(np.float64))


def test_gaussians_refuse_wrong_shapes_and_types() -> None:
    g = some()
    with pytest.raises(AssertionError):
        Gaussians(g.positions[:-1], g.rotations, g.scales, g.opacities, g.sh)
    with pytest.raises(AssertionError):
        Gaussians(g.positions.astype(np.float64), g.rotations, g.scales, g.opacities, g.sh)
    with pytest.raises(AssertionError):
        Gaussians(g.positions, g.rotations, g.scales, g.opacities, g.sh[:, :2])


def test_colours_survive_from_colours() -> None:
    g = some(k=1)
    colours = np.random.default_rng(1).uniform(0, 1, (20, 3))
    built = Gaussians.from_colours(g.positions, g.rotations, g.scales, g.opacities, colours)
    np.testing.assert_allclose(built.colours, colours, atol=1e-6)
    assert built.sh_degree == 0


def test_a_box_leaves_strays_out() -> None:
    g = some(1000)
    g.positions[:5] = 1e5
    low, high = g.box()
    assert low.shape == high.shape == (3,) and (low < high).all() and (np.abs(high) < 10).all()


def test_an_sh_degree_is_cut_or_padded_with_zeros() -> None:
    g = some(3, 4)
    assert [g.with_sh_degree(d).sh_degree for d in range(4)] == [0, 1, 2, 3]
    padded = g.with_sh_degree(3)
    assert not padded.sh[:, 4:].any()
    np.testing.assert_array_equal(padded.with_sh_degree(1).sh, g.sh)


def test_concatenate_pads_lower_degrees_and_select_undoes_it() -> None:
    a, b = some(5, 1), some(7, 9, 1)
    both = concatenate([a, b])
    assert len(both) == 12 and both.sh_degree == 2 and not both.sh[:5, 1:].any()
    np.testing.assert_array_equal(both.select(np.arange(5, 12)).sh, b.sh)


def test_moving_turns_covariances_with_positions() -> None:
    g = some()
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation(3), (0.1, -0.2, 0.3)
    moved = g.moved(T)

    def covariance(x: Gaussians) -> np.ndarray:
        M = matrix_from_quaternion(x.rotations) * x.scales[:, None]
        return M @ M.transpose(0, 2, 1)

    np.testing.assert_allclose(covariance(moved), T[:3, :3] @ covariance(g) @ T[:3, :3].T, atol=1e-6)
    np.testing.assert_allclose(moved.positions, g.positions @ T[:3, :3].T + T[:3, 3], atol=1e-6)


def test_moving_a_part_leaves_the_rest() -> None:
    g = some()
    part = np.arange(20) < 6
    T = np.eye(4)
    T[:3, 3] = 1
    moved = g.moved(T, part)
    np.testing.assert_array_equal(moved.positions[~part], g.positions[~part])
    np.testing.assert_allclose(moved.positions[part], g.positions[part] + 1, rtol=1e-6)


@given(st.integers(0, 10_000))
def test_quaternions_and_matrices_agree(seed: int) -> None:
    A, B = rotation(seed), rotation(seed + 1)
    q = quaternion_multiply(quaternion_from_matrix(A), quaternion_from_matrix(B))
    np.testing.assert_allclose(matrix_from_quaternion(q), A @ B, atol=1e-5)


def test_half_turns_have_quaternions() -> None:
    for D in (np.diag([1, -1, -1]), np.diag([-1, 1, -1]), np.diag([-1, -1, 1])):
        np.testing.assert_allclose(matrix_from_quaternion(quaternion_from_matrix(D)), D, atol=1e-6)


def test_orbit_camera_looks_at_its_target() -> None:
    camera = Camera.orbit(35, 20, 2.4, 50, 200, 100, target=(0.1, 0.2, 0.3))
    pixel, depth = camera.project(np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(pixel, [100, 50], atol=1e-9)
    np.testing.assert_allclose(depth, 2.4)
    assert camera.position[1] > 0.2  # from above
    above, _ = camera.project(np.array([0.1, 0.3, 0.3]))
    assert above[1] < 50  # y goes down in the picture


def test_azimuth_zero_is_in_front_and_ninety_is_to_the_right() -> None:
    np.testing.assert_allclose(Camera.orbit(0, 0, 2, 50, 8, 8).position, [0, 0, 2], atol=1e-12)
    np.testing.assert_allclose(Camera.orbit(90, 0, 2, 50, 8, 8).position, [2, 0, 0], atol=1e-12)


def test_unproject_undoes_project() -> None:
    camera = Camera.orbit(200, -30, 3, 40, 64, 48)
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    np.testing.assert_allclose(camera.unproject(*camera.project(points)), points, atol=1e-9)


def test_resized_and_cropped_cameras_see_the_same_place() -> None:
    camera = Camera.orbit(10, 20, 2, 50, 200, 100)
    point = np.array([0.2, 0.1, 0.0])
    pixel, _ = camera.project(point)
    np.testing.assert_allclose(camera.resized(100, 200).project(point)[0], pixel * (0.5, 2))
    np.testing.assert_allclose(camera.cropped(30, -10, 50, 50).project(point)[0], pixel - (30, -10))


def test_field_of_view_is_kept() -> None:
    np.testing.assert_allclose(Camera.orbit(0, 0, 2, 49.1, 64, 48).fov_y_deg, 49.1)


@pytest.mark.parametrize("kind", ["prismatic", "revolute"])
def test_joint_path_is_its_transform_and_solve_finds_the_amount(kind: str) -> None:
    axis = np.array([0.6, 0.8, 0.0]) if kind == "prismatic" else np.array([0.0, 1.0, 0.0])
    joint = Joint("prismatic" if kind == "prismatic" else "revolute", axis, np.array([-0.3, 0.0, 0.1]))
    grab = np.array([0.2, 0.1, 0.4])
    for amount in (-0.4, 0.0, 0.7):
        T = joint.transform(amount)
        np.testing.assert_allclose(joint.path(grab, np.array([amount]))[0], T[:3, :3] @ grab + T[:3, 3], atol=1e-12)
    camera = Camera.orbit(20, 25, 2.4, 50, 512, 512)
    end, _ = camera.project(joint.path(grab, np.array([0.37]))[0])
    amount, miss = joint.solve(grab, camera, (end[0], end[1]), (-1, 1))
    assert abs(amount - 0.37) < 1e-2 and miss < 0.5


def test_solve_stays_within_the_limits() -> None:
    joint = Joint("prismatic", np.array([1.0, 0, 0]), np.zeros(3))
    camera = Camera.orbit(0, 0, 2.4, 50, 512, 512)
    assert joint.solve(np.zeros(3), camera, (5000, 256), (0, 0.5))[0] == 0.5


def test_drag_length() -> None:
    assert Drag((1, 2), (4, 6)).length_px == 5


def test_the_nouns_import_no_torch() -> None:
    code = (
        "import sys, model.gaussians, model.camera, model.drag, model.formats.files; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_camera_says_which_pixel_a_point_falls_in_and_which_points_it_misses() -> None:
    camera = Camera.orbit(20, 10, 2.0, 40, 64, 48)
    at = camera.unproject(np.array([[10.5, 7.2], [63.9, 47.9], [70.5, 5.5]]), np.array([2.0, 1.5, 2.0]))
    row, col, depth, inside = camera.cells(at)
    assert row.tolist() == [7, 47, 5] and col.tolist() == [10, 63, 63] and inside.tolist() == [True, True, False]
    np.testing.assert_allclose(depth, [2.0, 1.5, 2.0])
