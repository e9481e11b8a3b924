"""PartNet-Mobility folders: the same object as their own URDF, numbered and ordered as PartDrag-4D counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import FormatError
from model.partdrag4d.articulated import load
from model.partdrag4d.partnet import read_categories
from tests.model import partnet_folder
from tests.model.partnet_folder import BODY, DOOR, DRAWER, KNOB, parts

pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")

HALF_TURN = np.diag([-1.0, 1, -1, 1])  # about y: the data set's URDF faces -x, PartDrag-4D's world +x


def test_joints_keep_their_numbers_and_run_from_a_to_b(tmp_path: Path) -> None:
    made = load(partnet_folder.write(tmp_path / "7120"))
    assert made.name == "7120" and made.category == "StorageFurniture"
    door, drawer, knob = made.movables  # parents first
    assert [m.number for m in made.movables] == [DOOR, DRAWER, KNOB]
    assert [m.parent for m in made.movables] == [0, 0, 1]
    assert door.limits == pytest.approx((0, np.pi / 2))  # a = 0, b = -90 degrees about the axis turned round
    np.testing.assert_allclose(door.joint.axis, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(door.joint.pivot, [0.2, 0, 0.5], atol=1e-12)  # (x, y, z) is (z, y, -x) in our world
    assert drawer.limits == pytest.approx((0, 0.4))  # the file's direction is two long
    np.testing.assert_allclose(drawer.joint.axis, [1, 0, 0], atol=1e-12)  # the front looks along +x
    assert knob.continuous and knob.joint.kind == "revolute" and not door.continuous


def test_folder_and_its_own_urdf_are_one_object_in_every_pose(tmp_path: Path) -> None:
    folder = partnet_folder.write(tmp_path / "7120")
    made, same = load(folder), load(folder / "mobility.urdf").placed(HALF_TURN)
    assert [m.name for m in same.movables] == ["joint_1", "joint_2", "joint_0"]
    for door, drawer, knob in ((0, 0, 0), (1.2, 0.3, 0), (0.5, 0.4, 1.0)):
        one = made.points([door, drawer, knob])
        other = same.points([-door, drawer, knob])
        np.testing.assert_allclose(_sorted(one), _sorted(other), atol=1e-9)


def _sorted(points: np.ndarray) -> np.ndarray:
    points = np.round(points, 7) + 0.0
    return points[np.lexsort(points.T)]


def test_surface_points_belong_to_their_links(tmp_path: Path) -> None:
    folder = partnet_folder.write(tmp_path / "7120")
    made = load(folder)
    assert made.samples is not None and made.samples.points.shape == (200, 3)
    labels = np.loadtxt(folder / "point_sample" / "label-10000.txt")
    np.testing.assert_array_equal(made.samples.links[labels == 5], 1)  # the handle moves with the door
    np.testing.assert_array_equal(made.samples.links[labels == 6], 3)
    assert set(made.samples.links[np.isin(labels, [1, 99])]) == {0}
    for link in range(4):  # they lie on what their link shows
        shown = np.concatenate([p.vertices for p in made.pieces if p.link == link])
        own = made.samples.points[made.samples.links == link]
        assert len(own) and (own >= shown.min(0) - 1e-6).all() and (own <= shown.max(0) + 1e-6).all()
    assert load(partnet_folder.write(tmp_path / "bare", points=0)).samples is None


def test_textures_come_with_every_part(tmp_path: Path) -> None:
    made = load(partnet_folder.write(tmp_path / "7120"))
    assert len(made.pieces) == 5
    assert all(p.texture.shape == (16, 16, 3) for p in made.pieces)


def test_category_is_listed_where_the_object_does_not_say_it(tmp_path: Path) -> None:
    folder = partnet_folder.write(tmp_path / "7120")
    (folder / "meta.json").unlink()
    assert load(folder).category == ""
    listed = tmp_path / "partdrag4d.csv"
    listed.write_text("category,id\nOven,7120\nLaptop,9918\n")
    assert load(folder).category == "Oven"
    assert read_categories(listed)["9918"] == "Laptop"
    listed.write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="list of categories"):
        read_categories(listed)


def _joint(number: int, **told: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(listed: list[dict[str, Any]]) -> None:
        listed[number]["jointData"] |= told

    return change


def _entry(number: int, **told: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(listed: list[dict[str, Any]]) -> None:
        listed[number] |= told

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_joint(DOOR, limit={"a": 0, "b": None, "noLimit": False}), "no limits"),
        (_joint(DRAWER, limit={"a": None, "b": None, "noLimit": True}), "no limits"),
        (_joint(DOOR, axis={"origin": [0, 0, 0], "direction": [0, 0, 0]}), "without a length"),
        (_joint(DOOR, axis={"origin": [0, 0, 0], "direction": [None, None, None]}), "no axis"),
        (_joint(DOOR, axis={"origin": [0, None, 0], "direction": [0, 1, 0]}), "no axis"),
        (_entry(DOOR, jointData={}), "no axis"),
        (_entry(DOOR, joint="planar"), "of the kind 'planar'"),
        (_entry(DOOR, parent=KNOB), "cycle"),
        (_entry(DOOR, parent=77), "not there: 77"),
        (_entry(DOOR, id=BODY), "twice"),
        (_entry(DOOR, parts=[{"id": 55}]), "no part 55"),
        (_joint(DOOR, axis={"origin": [0, 0, float("nan")], "direction": [0, 1, 0]}), "not finite"),
    ],
)
def test_what_is_wrong_with_a_joint_is_said(tmp_path: Path, change: Callable[..., None], match: str) -> None:
    listed = parts()
    change(listed)
    with pytest.raises(FormatError, match=match) as told:
        load(partnet_folder.write(tmp_path / "7120", listed, points=0))
    assert "7120" in told.value.title


def test_what_is_wrong_with_its_files_is_said(tmp_path: Path) -> None:
    folder = partnet_folder.write(tmp_path / "7120")

    def fails(match: str) -> None:
        with pytest.raises(FormatError, match=match) as told:
            load(folder)
        assert "7120" in told.value.title

    pts = folder / "point_sample" / "pts-10000.txt"
    kept = pts.read_text()
    pts.write_text(kept[: len(kept) // 2].rsplit("\n", 1)[0])
    fails("surface points, 200 labels")
    pts.write_text("one two three\n")
    fails("points are damaged")
    pts.write_text(kept)
    mesh = folder / "textured_objs" / "new-0.obj"
    mesh.rename(mesh.with_suffix(".away"))
    fails("not there: new-0.obj")
    mesh.mkdir()
    fails("not a file")
    mesh.rmdir()
    mesh.with_suffix(".away").rename(mesh)
    (folder / "result.json").write_text(json.dumps([{"name": "no id"}]))
    fails("no tree of parts")
    (folder / "result.json").write_text("[")
    fails("result.json is damaged")
    (folder / "mobility_v2.json").write_text("{}")
    fails("no list of parts")
    (folder / "mobility_v2.json").unlink()
    fails("not there: mobility_v2.json")
