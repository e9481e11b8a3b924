"""A data set on disk: names, splits, views, cameras, points and drags are read as PartDrag-4D lays them out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import FormatError
from model.formats.ply import write_points
from model.network.partrm_input import normalised, partdrag4d_cameras
from model.partdrag4d.dataset import OFFSET, SCALE, SIZE, DataSet, StateId, open_dataset

POINTS = np.array([[0.0, 0, 0], [0.2, 0.1, 0.3], [-0.3, 0.4, -0.2], [0.5, -0.4, 0.1]])  # Blender's axes
MOVED = np.array([1, 3])


def write_state(root: Path, name: str, shift: float = 0.0, category: str = "Laptop") -> None:
    """Write a state with views 0 to 3 as the published folders hold them; points 1 and 3 stand `shift` along x."""
    id = StateId.parse(name)
    folder = root / "renders" / name
    motion = root / "objects" / category / id.mesh / "motion"
    for made in (folder, motion, root / "lists"):
        made.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    picture[:, : SIZE // 2] = (200, 100, 50, 255)
    target = np.array([-0.00168855, -0.00711931, -0.38998815])
    for k, azimuth in enumerate(np.linspace(0, 2 * np.pi, 12)[:4]):
        Image.fromarray(picture).save(folder / f"{k:03d}.png")
        origin = np.array([1.8735 * np.cos(azimuth), 1.8735 * np.sin(azimuth), 1.5])
        z = (origin - target) / np.linalg.norm(origin - target)
        x = np.cross([0.0, 0, 1], z)
        x /= np.linalg.norm(x)
        axes = {"origin": origin.tolist(), "x": x.tolist(), "y": np.cross(z, x).tolist(), "z": z.tolist()}
        (folder / f"{k:03d}_camera.json").write_text(json.dumps(axes))
    points = POINTS.copy()
    points[MOVED, 0] += shift
    write_points(motion / f"{id.rest}.ply", points)


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    """Make two groups: three states of 7120's part 0, two with another part elsewhere."""
    for state in range(3):
        write_state(tmp_path, f"7120_0_{state}", 0.1 * state)
    for state in range(2):
        write_state(tmp_path, f"7120_0_{state}_2010", 0.1 * state)
    (tmp_path / "lists" / "train.txt").write_text("data/rendered/7120_0_0\n/a/7120_0_1/\n# the end\n7120_0_2\n")
    (tmp_path / "lists" / "val.txt").write_text("7120_0_0_2010\n7120_0_1_2010\n7120_0_2_2010\n")
    return open_dataset(tmp_path)


@pytest.mark.parametrize("name", ["7120_0_3", "7120_0_0_2010", "calvin-table-A_11_5_01"])
def test_a_name_is_read_and_written_alike(name: str) -> None:
    assert str(StateId.parse(f"some/where/{name}/")) == name


def test_what_names_no_state_is_refused() -> None:
    for text in ("", "7120", "7120_0", "a/b/c", "7120_x_1"):
        with pytest.raises(FormatError, match="names no state"):
            StateId.parse(text)


def test_states_of_a_group_differ_in_the_state_alone() -> None:
    first = StateId.parse("7120_0_0_2010")
    assert first.group == StateId.parse("7120_0_5_2010").group != StateId.parse("7120_0_0").group
    assert first.with_state(4) == StateId.parse("7120_0_4_2010")


def test_published_lists_are_read_with_paths_and_comments(data: DataSet) -> None:
    assert [str(id) for id in data.ids("train")] == ["7120_0_0", "7120_0_1", "7120_0_2"]


def test_a_list_may_name_more_than_is_there(data: DataSet) -> None:
    assert len(data.listed("val")) == 3
    assert len(data.ids("val")) == 2


def test_a_missing_list_is_named(data: DataSet) -> None:
    (data.root / "lists" / "val.txt").unlink()
    with pytest.raises(FormatError, match=r"val\.txt"):
        data.ids("val")


def test_pairs_go_both_ways_within_a_group(data: DataSet) -> None:
    assert len(data.pairs("train")) == 3 * 2
    assert len(data.pairs("all")) == 3 * 2 + 2
    assert all(a.group == b.group and a != b for a, b in data.pairs("all"))


def test_category_is_the_folder_that_holds_the_object(data: DataSet) -> None:
    assert data.category(StateId.parse("7120_0_0")) == "Laptop"
    with pytest.raises(FormatError, match="no object 99"):
        data.category(StateId.parse("99_0_0"))


def test_cameras_are_those_that_the_released_weights_know(data: DataSet) -> None:
    cameras = [data.camera(StateId.parse("7120_0_0"), k) for k in range(4)]
    assert cameras[0].fov_y_deg == pytest.approx(39.598, abs=1e-3)
    for ours, known in zip(normalised(cameras), partdrag4d_cameras(), strict=True):
        np.testing.assert_allclose(ours.T_world_camera, known.T_world_camera, atol=1e-5)


def test_a_smaller_picture_keeps_its_colours_at_the_border(data: DataSet) -> None:
    small = data.picture(StateId.parse("7120_0_0"), 0, 3)
    assert small[0, 0].tolist() == [200, 100, 50, 255]
    np.testing.assert_allclose(small[0, 1, :3], (200, 100, 50), atol=2)  # half covered: the colour of what is there
    assert 120 < small[0, 1, 3] < 136


def test_drags_are_where_partdrag4d_projects_them(data: DataSet) -> None:
    a, b = StateId.parse("7120_0_0"), StateId.parse("7120_0_2")
    starts, ends = data.true_drags(a, b, 2, np.random.default_rng(0))
    world = POINTS[MOVED] * SCALE + OFFSET
    told = json.loads((data.folder(a) / "000_camera.json").read_text())
    local = (world - told["origin"]) @ np.stack([told["x"], told["y"], told["z"]], axis=1)
    expected = 256 * (1 + 50 / 18 * np.stack([local[:, 0], -local[:, 1]], 1) / -local[:, 2:]) + 0.5
    order = np.argsort(starts[:, 0])
    np.testing.assert_allclose(starts[order], expected[np.argsort(expected[:, 0])], atol=1e-3)
    assert not np.allclose(starts, ends)


def test_visible_points_are_dragged_first(data: DataSet) -> None:
    a, b = StateId.parse("7120_0_0"), StateId.parse("7120_0_2")
    folder = data.root / "objects/Laptop/7120/motion"
    both, _ = data.true_drags(a, b, 2, np.random.default_rng(0))
    for name in ("0_0_cam0_visible.npy", "0_0_visible.npy"):  # both spellings
        np.save(folder / name, np.array([0, 3]))
        starts, _ = data.true_drags(a, b, 5, np.random.default_rng(0))
        assert len(starts) == 5
        assert len(np.unique(starts, axis=0)) == 1
        assert min(np.abs(both - starts[0]).max(1)) < 1e-5
        (folder / name).unlink()


def test_drags_stay_in_the_picture_and_are_seeded(data: DataSet) -> None:
    a, b = StateId.parse("7120_0_0"), StateId.parse("7120_0_1")
    first, again = (data.true_drags(a, b, 8, np.random.default_rng(3), jitter_px=400.0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.min(first) >= 0
    assert np.max(first) <= SIZE - 1


def test_nothing_moves_between_a_state_and_itself(data: DataSet) -> None:
    a = StateId.parse("7120_0_1")
    with pytest.raises(FormatError, match="Nothing moves"):
        data.true_drags(a, a, 1, np.random.default_rng(0))


def test_what_is_not_stored_is_none(data: DataSet) -> None:
    a = StateId.parse("7120_0_1")
    assert data.depth(a, 0) is None
    assert data.part_mask(a) is None
    assert data.visible(a) is None


def test_depth_is_in_world_units(data: DataSet) -> None:
    a = StateId.parse("7120_0_0")
    Image.fromarray(np.full((SIZE, SIZE), 50000, np.uint16)).save(data.folder(a) / "000_depth.png")
    path = data.folder(a) / "000_camera.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"depth_scale": 1e-4}))
    depth = data.depth(a, 0)
    assert depth is not None
    np.testing.assert_allclose(depth, 5.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("000_camera.json", b"{", "000_camera.json"),
        ("000_camera.json", b"[1]", "no named values"),
        ("000_camera.json", b'{"x": [1, 2], "y": 1}', "its x"),
        ("000_camera.json", b'{"x": [1, NaN, 2]}', "its x"),
        ("000.png", b"not a picture", "000.png"),
    ],
)
def test_damaged_files_are_named(data: DataSet, name: str, content: bytes, said: str) -> None:
    a = StateId.parse("7120_0_0")
    (data.folder(a) / name).write_bytes(content)
    with pytest.raises(FormatError, match=re.escape(said)):
        data.camera(a, 0)
        data.picture(a, 0)


def test_a_picture_of_another_size_is_refused_before_it_is_decoded(data: DataSet) -> None:
    a = StateId.parse("7120_0_0")
    Image.new("L", (9000, 9000)).save(data.folder(a) / "000.png")
    with pytest.raises(FormatError, match="9000×9000"):
        data.picture(a, 0)


def test_a_folder_without_views_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no data set"):
        open_dataset(tmp_path)
