"""States and views: PartDrag-4D's names, amounts and cameras; honest cameras that see all of an object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.network.partrm_input import normalised, partdrag4d_cameras
from model.partdrag4d import circle, views
from model.partdrag4d.articulated import ArticulatedObject, Movable, Samples, load, piece
from model.partdrag4d.dataset import SIZE, StateId
from model.partdrag4d.states import all_states, named, parts
from model.partdrag4d.surface import COUNT, moved, sampled, visible
from tests.partrm_viewer.small_objects import write_cabinet


def box(link: int, low: tuple[float, float, float], high: tuple[float, float, float]) -> object:
    trimesh = pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    made = trimesh.creation.box(bounds=[low, high])
    return piece(link, np.eye(4), made.vertices, made.faces, np.full(3, 0.5))


def chest(drawers: int, numbers: tuple[int, ...] = ()) -> ArticulatedObject:
    """Make a body whose drawers slide towards +x, one above another."""
    pieces = [box(0, (-0.5, 0, -0.5), (0.4, 1, 0.5))]
    movables = []
    for k in range(drawers):
        low, high = k / drawers + 0.02, (k + 1) / drawers - 0.02
        pieces.append(box(k + 1, (0.41, low, -0.45), (0.45, high, 0.45)))
        joint = Joint("prismatic", np.array([1.0, 0, 0]), np.zeros(3))
        movables.append(Movable(f"drawer {k}", joint, (0.0, 0.4), 0, number=numbers[k] if numbers else -1))
    return ArticulatedObject("chest", tuple(pieces), tuple(movables))  # type: ignore[arg-type]


@pytest.mark.parametrize(("drawers", "each"), [(1, 6), (2, 12), (3, 24), (4, 24)])
def test_a_part_has_six_states_for_each_way_that_two_others_stand(drawers: int, each: int) -> None:
    states = all_states(chest(drawers), "7120", 0)
    assert len(states) == drawers * each and len({state.id for state in states}) == len(states)
    for state in states:
        assert state.amounts[state.part - 1] == pytest.approx(0.4 * state.id.state / 5)
        others = [a for k, a in enumerate(state.amounts) if k != state.part - 1]
        assert set(others) <= {0.0, 0.4}


def test_a_name_gives_the_state_that_it_was_made_for() -> None:
    made = chest(12)
    states = all_states(made, "7120", 3)
    found, absent = named(made, [state.id for state in states])
    assert not absent
    clear = [(a, b) for a, b in zip(states, found) if len(a.id.others) == 4]
    assert len(clear) > 20 and all(a == b for a, b in clear)
    one, _ = named(made, [StateId.parse("7120_0_0_2010")])  # partrm.md's example: parts 2 and 1 at their low ends
    assert one[0].amounts == (0.0,) * 12
    one, _ = named(made, [StateId.parse("7120_0_2_2111")])
    assert one[0].amounts[:4] == pytest.approx((0.16, 0.4, 0.4, 0.0))


@pytest.mark.parametrize("name", ["7120_5_0", "7120_0_6", "7120_0_0_01", "7120_0_0_13", "7120_0_0_1011", "7120_0_0_7"])
def test_names_that_the_object_cannot_have_are_said(name: str) -> None:
    found, absent = named(chest(3), [StateId.parse(name)])
    assert not found and absent == [StateId.parse(name)]


def test_partnets_own_numbers_name_the_parts() -> None:
    states = all_states(chest(2, (4, 7)), "7120", 0)
    assert {state.id.part for state in states} == {4, 7}
    assert {state.id.others[:1] for state in states if state.id.part == 4} == {"7"}


def test_parts_that_give_no_states_are_told_with_the_reason() -> None:
    made = chest(4)
    a, b, c, d = made.movables
    made = replace(made, movables=(a, replace(b, continuous=True), replace(c, limits=(0.0, 0.0)), d))
    made = replace(made, pieces=tuple(p for p in made.pieces if p.link != 4))
    chosen, left = parts(made)
    assert chosen == [0]
    assert [why.split()[0] for why in left.values()] == ["it", "its", "nothing"]
    assert {state.id.others for state in all_states(made, "7120", 0)} == {""}


def test_the_seed_chooses_the_others() -> None:
    made = chest(8)
    same = [all_states(made, "7120", 0) for _ in range(2)]
    assert same[0] == same[1] != all_states(made, "7120", 1)


def test_the_preset_has_partdrag4ds_cameras() -> None:
    cameras = circle.partdrag4d_cameras(SIZE)
    for ours, known in zip(normalised(cameras), partdrag4d_cameras(SIZE)):
        np.testing.assert_allclose(ours.T_world_camera, known.T_world_camera, atol=1e-4)
    assert cameras[0].fov_y_deg == pytest.approx(39.598, abs=1e-3)
    np.testing.assert_allclose(cameras[0].T_world_camera, cameras[11].T_world_camera, atol=1e-9)
    told = views.camera_told(cameras[0], 1e-4)
    np.testing.assert_allclose(np.array(told["origin"]), [1.8735, 0, 1.5], atol=1e-4)
    assert np.rad2deg(np.arcsin(told["z"][2])) == pytest.approx(45.2, abs=0.1)  # type: ignore[index]


@pytest.mark.parametrize("turned", [0, 90, 180, 270, 33, 240])
def test_the_front_is_turned_towards_camera_0(turned: int) -> None:
    c, s = np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))
    T = np.array([[3 * c, 0, 3 * s, 7], [0, 3, 0, -2], [-3 * s, 0, 3 * c, 1], [0, 0, 0, 1]])
    it = views.subject(chest(2).placed(T), "chest", "X", views.PRESETS["partdrag4d"], 0)
    np.testing.assert_allclose(it.made.movables[0].joint.axis, [1, 0, 0], atol=1e-3)
    points = it.in_file(it.made.points(it.made.rest))
    np.testing.assert_allclose(points.max(0) + points.min(0), 0, atol=1e-9)
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(1)
    assert np.ptp(points[:, 2]) == pytest.approx(np.ptp(it.made.points([0, 0])[:, 1]) / views.SCALE)  # z up


def test_partnets_objects_keep_their_size_and_place() -> None:
    made = chest(2, (0, 1))
    it = views.subject(made, "7120", "X", views.PRESETS["partdrag4d"], 0)
    x, y, z = made.points([0, 0]).T
    np.testing.assert_allclose(it.in_file(it.made.points([0, 0])), np.stack([z, x, y], 1), atol=1e-9)


def test_plain_cameras_see_all_states_and_fill_their_pictures() -> None:
    it = views.subject(chest(3), "chest", "X", views.PRESETS["plain"], 0)
    states = all_states(it.made, "chest", 0)
    cameras = views.cameras(it, states)
    pixels = np.concatenate([c.project(it.made.points(state.amounts))[0] for c in cameras for state in states])
    assert pixels.min() > 0 and pixels.max() < SIZE
    assert max(SIZE - pixels.min(), pixels.max()) > 0.94 * SIZE
    forward = np.array([-c.T_world_camera[:3, 2] for c in cameras])
    azimuth = np.rad2deg(np.unwrap(np.arctan2(-forward[:, 0], -forward[:, 2])))
    np.testing.assert_allclose(np.diff(azimuth), 30)
    np.testing.assert_allclose(np.rad2deg(np.arcsin(-forward[:, 1])), [20, 40] * 6)


def test_surface_points_lie_on_the_surface_by_area_and_move_with_their_links() -> None:
    made = chest(1)
    samples = sampled(made, "chest", 0)
    assert len(samples.points) == COUNT
    body, drawer = (np.concatenate([p.vertices for p in made.pieces if p.link == k]) for k in (0, 1))
    for points, vertices in ((samples.points[samples.links == 0], body), (samples.points[samples.links == 1], drawer)):
        low, high = vertices.min(0), vertices.max(0)
        assert (np.minimum(np.abs(points - low), np.abs(points - high)).min(1) < 1e-9).all()
    area = [2 * (a * b + b * c + c * a) for a, b, c in (np.ptp(body, axis=0), np.ptp(drawer, axis=0))]
    assert np.mean(samples.links == 1) == pytest.approx(area[1] / sum(area), abs=0.02)
    step = moved(samples, made.poses([0.3])) - samples.points
    np.testing.assert_allclose(step[samples.links == 1], np.tile([0.3, 0, 0], (int((samples.links == 1).sum()), 1)))
    assert not step[samples.links == 0].any()
    np.testing.assert_array_equal(samples.points, sampled(made, "chest", 0).points)


def test_an_objects_own_samples_are_kept() -> None:
    own = Samples(np.zeros((5, 3)), np.zeros(5, np.int64))
    assert sampled(replace(chest(1), samples=own), "chest", 0) is own


def test_view_0_sees_the_points_that_nothing_hides() -> None:
    it = views.subject(chest(2), "chest", "X", views.PRESETS["partdrag4d"], 0)
    camera = circle.partdrag4d_cameras(SIZE)[0]
    points = moved(it.samples, it.made.poses([0, 0]))
    seen = visible(points, camera, views.look(views.posed(it.made, [0, 0]), camera, SIZE).depth)
    found = np.zeros(len(points), bool)
    found[seen] = True
    assert found[points[:, 0] > points[:, 0].max() - 1e-6].all()  # the fronts
    assert found[points[:, 0] < points[:, 0].min() + 1e-6].mean() < 0.02  # the back, but for its upper edge
    below = points[:, 1] < points[:, 1].min() + 1e-6
    assert found[below].mean() < 0.02


def test_an_object_from_a_file_goes_all_the_way(tmp_path: Path) -> None:
    made = load(write_cabinet(tmp_path))
    it = views.subject(made, "cabinet", "StorageFurniture", views.PRESETS["plain"], 0)
    assert len(all_states(it.made, "cabinet", 0)) == 24
    np.testing.assert_allclose(it.made.movables[0].joint.axis, [1, 0, 0], atol=1e-9)
