"""The Gaussian database: stored depth becomes Gaussians where LGM would lay them; what is missing is made, once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.errors import FormatError
from model.formats import ply
from model.gaussians import matrix_from_quaternion
from model.network import partrm
from model.network.unet import Shape
from model.partdrag4d import gaussians_database as database
from model.partdrag4d.dataset import DataSet, StateId, open_dataset
from model.partdrag4d.network_view import meeting_point, network_cameras, scale_to_network
from partrm_viewer.dataset import gaussians
from renderer.cpu import CpuRenderer
from tests.model import tiny_data_set as tiny

SIDE = 64
FIRST = StateId.parse("ball_0_0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return tiny.make(tmp_path_factory.mktemp("balls"), states=2)


def plain(data: DataSet) -> DataSet:
    """The same data, seen through their own lens."""
    return DataSet(data.root, {"preset": "plain"})


def test_opaque_gaussians_lie_on_the_surface_and_face_outward(made: DataSet) -> None:
    data = plain(made)
    g = database.analytic(data, FIRST, SIDE)
    assert len(g) == 4 * SIDE * SIDE
    camera = data.camera(FIRST, 0)
    x, y, z = tiny.centre(0)
    local = camera.T_camera_world @ [x, z, -y, 1]  # our axes
    longer = scale_to_network(data, FIRST)
    middle = local[:3] * longer + [0, 0, 2.4]
    solid = g.opacities > 0.9
    away = g.positions[solid] - middle
    distance = np.linalg.norm(away, axis=1)
    assert solid.sum() > 400
    np.testing.assert_allclose(distance, tiny.RADIUS * longer, atol=0.02)
    normals = matrix_from_quaternion(g.rotations[solid])[:, :, 2]
    assert np.median((normals * away).sum(1) / distance) > 0.97


def test_elements_are_in_the_networks_order(made: DataSet) -> None:
    data = plain(made)
    g = database.analytic(data, FIRST, SIDE)
    for view, camera in enumerate(network_cameras(data, FIRST, range(4), SIDE)):
        own = slice(view * SIDE * SIDE, (view + 1) * SIDE * SIDE)
        pixels, _ = camera.project(g.positions[own])
        inside = g.opacities[own] > 0.5
        np.testing.assert_allclose(pixels[inside], camera.pixel_grid().reshape(-1, 2)[inside], atol=1e-3)


@pytest.mark.parametrize("preset", ["plain", "partdrag4d"])
def test_gaussians_look_like_the_pictures_through_the_networks_lens(made: DataSet, preset: str) -> None:
    data = DataSet(made.root, {"preset": preset})
    g = database.analytic(data, FIRST, SIDE)
    for view, camera in zip((0, 2, 4), network_cameras(data, FIRST, (0, 2, 4), 128), strict=True):
        drawn = CpuRenderer().render(g, camera).colour[..., 3] > 0.5
        seen = data.picture(FIRST, view, 128)[..., 3] > 127
        assert (drawn & seen).sum() / (drawn | seen).sum() > (0.8 if view < 4 else 0.7)  # a cell is two pixels wide


def test_empty_cells_are_faint_and_inside_the_networks_world(made: DataSet) -> None:
    g = database.analytic(made, FIRST, SIDE)
    assert (g.opacities < 2e-4).mean() > 0.7
    assert np.abs(g.positions).max() <= 1 and np.isfinite(g.scales).all() and g.scales.min() > 0


def test_cameras_of_the_preset_look_through_partrms_lens(made: DataSet) -> None:
    assert network_cameras(made, FIRST, (0,), 64)[0].fov_y_deg == pytest.approx(49.1)
    assert network_cameras(plain(made), FIRST, (0,), 64)[0].fov_y_deg == pytest.approx(39.598, abs=1e-3)
    cameras = [made.camera(FIRST, k) for k in range(4)]
    x, y, z = tiny.TARGET
    np.testing.assert_allclose(meeting_point(cameras), [x, z, -y], atol=1e-6)


def test_targets_are_read_as_the_network_gives_them(made: DataSet) -> None:
    database.make_one(made, FIRST, lambda d, i: database.analytic(d, i, 16))
    wanted = database.analytic(made, FIRST, 16)
    got = database.read_target(made, FIRST, 4 * 16 * 16)
    assert got.shape == (1024, 14) and got.dtype == np.float32
    np.testing.assert_allclose(got[:, :3], wanted.positions, atol=1e-6)
    np.testing.assert_allclose(got[:, 3], wanted.opacities, atol=1e-4)
    np.testing.assert_allclose(got[:, 7:11], wanted.rotations, atol=1e-5)
    np.testing.assert_allclose(got[:, 11:], wanted.colours, atol=1e-5)


def test_bad_targets_are_named_with_what_makes_them(made: DataSet) -> None:
    other = StateId.parse("ball_0_1")
    with pytest.raises(FormatError, match="no Gaussians of the state ball_0_1") as told:
        database.read_target(made, other, 1024)
    assert "dataset gaussians" in told.value.hint
    path = made.gaussians_path(FIRST)
    whole = path.read_bytes()
    with pytest.raises(FormatError, match=r"1,024 Gaussians where the network gives 16,384"):
        database.read_target(made, FIRST, 16384)
    path.write_bytes(whole[:-100])  # cut short
    assert database.missing(made, [FIRST, other], 1024) == [FIRST, other]
    with pytest.raises(FormatError, match=path.name):
        database.read_target(made, FIRST, 1024)
    path.write_bytes(whole)
    assert database.missing(made, [FIRST, other], 1024) == [other]


def test_the_command_makes_what_is_missing_and_leaves_out_what_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny.make(tmp_path, states=2, views=4)
    tiny.write_state(tmp_path, "ball_0_2", views=4, depth=False)
    assert gaussians.run(tmp_path, "analytic", "small", None) == 2
    told = capsys.readouterr()
    assert "3 states, 0 have" in told.out and "2 made, 1 left out" in told.out
    assert "ball_0_2" in told.err and "--how lgm" in told.err
    assert len(list((tmp_path / "gaussians").iterdir())) == 2
    kept = data.gaussians_path(FIRST).stat().st_mtime_ns
    data.gaussians_path(StateId.parse("ball_0_1")).unlink()
    assert gaussians.run(tmp_path, "analytic", "small", None) == 2
    assert "1 made, 1 left out" in capsys.readouterr().out
    assert data.gaussians_path(FIRST).stat().st_mtime_ns == kept


def test_lgm_makes_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape((32, 32), (False, True), (32, 32), (True, False), layers=1, heads=4, stride=2, size=32)
    monkeypatch.setitem(partrm.PRESETS, "big", shape)
    data = tiny.make(tmp_path, states=1, views=4)
    torch.manual_seed(0)
    lgm = partrm.PartRM("big", "none")
    save_file(lgm.state_dict(), tmp_path / "lgm.safetensors")
    assert gaussians.run(tmp_path, "lgm", "big", tmp_path / "lgm.safetensors") == 0
    g = ply.read(data.gaussians_path(FIRST))
    assert len(g) == 4 * 16 * 16  # none is pruned


def test_data_without_states_are_refused(tmp_path: Path) -> None:
    (tmp_path / "renders").mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps({"preset": "plain"}))
    with pytest.raises(FormatError, match="no states"):
        database.checked_states(open_dataset(tmp_path))
