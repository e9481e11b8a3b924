"""The instant preview: joints that a part's box allows, and the amount that a drag asks for."""

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag, Sight, seen_drag
from model.errors import DragError
from model.stages import rigid
from model.stages.state import Part

CAMERA = Camera.orbit(0, 20, 2.0, 35, 256, 256)


def panel() -> tuple[np.ndarray, np.ndarray]:
    """A door front in the plane z = 0.2, 0.4 wide and 0.6 high."""
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, 30), np.linspace(-0.3, 0.3, 40))
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 0.2)], 1)
    return points, np.tile([0.0, 0.0, 1.0], (len(points), 1))


def part(guess: Joint, turns: float, grab: np.ndarray) -> Part:
    points, normals = panel()
    joints, costs = rigid.likely_joints(points, normals, np.eye(3), guess, turns)
    empty = np.zeros((256, 256), bool)
    return Part((0.0, 0.0), empty, np.zeros(0, bool), grab, 1.0, joints, costs)


def test_drawer_slides_by_what_the_drag_asks() -> None:
    truth = Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3))
    grab = np.array([0.0, 0.1, 0.2])
    end = CAMERA.project(grab + 0.3 * truth.axis)[0]
    drag = Drag(tuple(CAMERA.project(grab)[0]), tuple(end))
    guess = Joint("revolute", np.array([0.05, 0.08, 1.0]) / np.linalg.norm([0.05, 0.08, 1.0]), np.zeros(3))
    found = rigid.motion(part(guess, 0.1, grab), grab[None], CAMERA, [drag], 256)
    assert found.joint.kind == "prismatic"
    assert found.joint.axis @ truth.axis > 0.999
    assert found.amount == pytest.approx(0.3, abs=0.01)


def test_door_turns_about_the_edge_that_the_network_means() -> None:
    truth = Joint("revolute", np.array([0.0, -1, 0]), np.array([-0.2, 0, 0.2]))
    grab = np.array([0.18, 0.0, 0.2])
    end = CAMERA.project(truth.path(grab, np.array([0.8]))[0])[0]
    drag = Drag(tuple(CAMERA.project(grab)[0]), tuple(end))
    guess = Joint("revolute", np.array([0.1, -1, 0.05]) / np.linalg.norm([0.1, -1, 0.05]), np.array([-0.17, 0, 0.18]))
    found = rigid.motion(part(guess, 0.9, grab), grab[None], CAMERA, [drag], 256)
    assert found.joint.kind == "revolute"
    assert abs(found.joint.pivot[0] + 0.2) < 0.01
    assert np.allclose(found.T, truth.transform(0.8), atol=0.03)


def test_a_hinge_lies_between_the_boxs_edge_and_the_networks() -> None:
    points, normals = panel()  # its thickness behind the front is not to be seen
    guess = Joint("revolute", np.array([0.0, -1, 0]), np.array([-0.18, 0, 0.16]))
    joints, _ = rigid.likely_joints(points, normals, np.eye(3), guess, 0.9)
    pivots = np.array([j.pivot for j in joints[:-1] if j.kind == "revolute" and abs(j.axis[1]) > 0.9])
    nearest = pivots[np.argmin(np.linalg.norm((pivots - guess.pivot)[:, [0, 2]], axis=1))]
    assert nearest[0] == pytest.approx(-0.2 + 0.2 * 0.02, abs=0.01)
    assert nearest[2] == pytest.approx(0.2 - rigid.EDGE - 0.7 * (0.04 - rigid.EDGE), abs=1e-3)


def test_drag_decides_between_joints_that_look_alike() -> None:
    grab = np.array([0.18, 0.0, 0.2])
    slide = Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3))
    end = CAMERA.project(grab + 0.4 * slide.axis)[0]
    drag = Drag(tuple(CAMERA.project(grab)[0]), tuple(end))
    undecided = Joint("revolute", np.array([0.0, -0.28, 0.96]), np.array([-0.2, 0, 0.2]))
    found = rigid.motion(part(undecided, 0.5, grab), grab[None], CAMERA, [drag], 256)
    assert found.joint.kind == "prismatic" and found.miss_px < 2


def test_zero_length_drag_is_refused() -> None:
    guess = Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3))
    with pytest.raises(DragError, match="no length"):
        rigid.motion(part(guess, 0.1, np.zeros(3)), np.zeros((1, 3)), CAMERA, [Drag((5.0, 5.0), (5.0, 5.0))], 256)


def test_box_of_a_level_lid_follows_its_edges() -> None:
    a = np.deg2rad(30)
    x, z = np.meshgrid(np.linspace(-0.3, 0.3, 40), np.linspace(-0.1, 0.1, 20))
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    points = np.stack([x.ravel(), np.full(x.size, 0.1), z.ravel()], 1) @ turn.T
    axes = rigid.box_axes(points, np.tile([0.0, 1.0, 0.0], (len(points), 1)))
    low, high = rigid.extent(points, axes)
    assert np.allclose(np.abs(np.linalg.det(axes)), 1)
    assert sorted(np.round(high - low, 1)) == [0.0, 0.2, 0.6]


def test_object_stands_along_what_most_faces_agree_on() -> None:
    a = np.deg2rad(20)
    faces = np.array([[np.sin(a), 0, np.cos(a)], [np.cos(a), 0, -np.sin(a)], [0, 1, 0]]).repeat(20, 0)
    stray = np.array([[1.0, 0, 0]]).repeat(3, 0)
    axes = rigid.upright_axes(np.concatenate([faces, stray]))
    assert np.abs(axes.T @ faces[0]).max() > 0.999


def drawer() -> tuple[Part, np.ndarray]:
    grab = np.array([0.0, 0.1, 0.2])
    guess = Joint("revolute", np.array([0.05, 0.08, 1.0]) / np.linalg.norm([0.05, 0.08, 1.0]), np.zeros(3))
    return part(guess, 0.1, grab), grab


def looked_at(camera: Camera, grab: np.ndarray, end: np.ndarray) -> Sight:
    """Pull a point so that a camera sees it at another, as a pointer does."""
    _, depth = camera.project(grab)
    target = camera.unproject(camera.project(end)[0], depth)
    return Sight(tuple(grab.tolist()), tuple(target.tolist()), camera)


def test_a_pull_in_3d_from_the_input_view_is_the_pull_in_2d() -> None:
    held, grab = drawer()
    for camera in (CAMERA, CAMERA.fitted(700, 500)):  # the same place, more pixels
        drag = seen_drag(CAMERA, looked_at(camera, grab, grab + np.array([0.03, 0.02, 0.3])))
        flat = rigid.motion(held, grab[None], CAMERA, [Drag(drag.start_px, drag.end_px)], 256)
        deep = rigid.motion(held, grab[None], CAMERA, [drag], 256)
        assert deep.joint.kind == flat.joint.kind
        assert deep.amount == pytest.approx(flat.amount, abs=1e-6) and deep.miss_px == pytest.approx(flat.miss_px)
        assert np.allclose(deep.T, flat.T, atol=1e-6)


@pytest.mark.parametrize("azimuth", [60, 120, 160, 200, 300])
def test_a_drawer_pulled_from_any_side_comes_out_by_the_right_amount(azimuth: float) -> None:
    held, grab = drawer()
    camera = Camera.orbit(azimuth, 30, 2.5, 35, 640, 480)
    drag = seen_drag(CAMERA, looked_at(camera, grab, grab + np.array([0.0, 0.0, 0.3])))
    found = rigid.motion(held, grab[None], CAMERA, [drag], 256)
    assert found.joint.kind == "prismatic" and found.joint.axis[2] > 0.99
    assert found.amount == pytest.approx(0.3, abs=0.015)


def test_a_pull_that_the_input_view_does_not_see_still_has_a_length() -> None:
    held, _ = drawer()
    photo, grab = Camera.orbit(0, 0, 2.0, 35, 256, 256), np.array([0.0, 0.0, 0.2])
    camera = Camera.orbit(70, 20, 2.5, 35, 640, 480)
    drag = seen_drag(photo, looked_at(camera, grab, grab + np.array([0.0, 0.0, 0.2])))  # straight at the photo's camera
    aside = Drag(drag.start_px, drag.start_px, drag.sight)
    assert rigid.motion(held, grab[None], photo, [aside], 256).amount == pytest.approx(0.2, abs=0.015)


def test_a_drag_that_begins_elsewhere_on_the_part_goes_the_same_way() -> None:
    _, grab = drawer()
    sight = looked_at(Camera.orbit(150, 30, 2.5, 35, 640, 480), grab, grab + np.array([0.0, 0.0, 0.3]))
    there = CAMERA.project(grab + np.array([0.1, -0.1, 0.0]))[0]
    drag = seen_drag(CAMERA, sight, (float(there[0]), float(there[1])))
    plain = seen_drag(CAMERA, sight)
    assert drag.start_px == pytest.approx(tuple(there))
    moved, wanted = np.subtract(drag.end_px, drag.start_px), np.subtract(plain.end_px, plain.start_px)
    assert moved @ wanted / np.linalg.norm(moved) / np.linalg.norm(wanted) > 0.97


@pytest.mark.parametrize("turn_deg", [-15, 15])
@pytest.mark.parametrize("azimuth", [60, 120, -60])
def test_a_hand_that_pulls_a_drawer_a_little_askew_from_the_side_still_slides_it(
    azimuth: float, turn_deg: float
) -> None:
    held, grab = drawer()
    camera = Camera.orbit(azimuth, 30, 2.5, 35, 640, 480)
    a, b = camera.project(np.stack([grab, grab + np.array([0.0, 0.0, 0.3])]))[0]
    t = np.deg2rad(turn_deg)
    end = a + np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ (b - a)
    target = camera.unproject(end, camera.project(grab)[1])
    drag = seen_drag(CAMERA, Sight(tuple(grab.tolist()), tuple(target.tolist()), camera))
    found = rigid.motion(held, grab[None], CAMERA, [drag], 256)
    assert found.joint.kind == "prismatic" and found.amount == pytest.approx(0.3, abs=0.04)
