"""Camera files: what goes out comes back, and a wrong one is refused with its place."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.camera import Camera
from model.errors import FormatError
from model.formats import transforms

RASTER = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden" / "raster"


def cameras(*widths: int) -> list[tuple[str, Camera]]:
    return [(f"{i:03d}.png", Camera.orbit(40.0 * i, 20, 2.4, 50, w, 152)) for i, w in enumerate(widths)]


def valid() -> dict[str, Any]:
    frame = {"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}
    return {"w": 20, "h": 10, "fl_x": 30.0, "fl_y": 31.0, "cx": 9.0, "cy": 5.5, "frames": [frame]}


@pytest.mark.parametrize("widths", [(200, 200), (200, 300)])
def test_cameras_round_trip(tmp_path: Path, widths: tuple[int, ...]) -> None:
    before = cameras(*widths)
    transforms.write(tmp_path / "t.json", before)
    after = transforms.read(tmp_path / "t.json")
    for (name_a, a), (name_b, b) in zip(before, after, strict=True):
        assert name_a == name_b and (a.width, a.height) == (b.width, b.height)
        np.testing.assert_allclose([a.fx, a.fy, a.cx, a.cy], [b.fx, b.fy, b.cx, b.cy])
        np.testing.assert_allclose(a.T_world_camera, b.T_world_camera)


def test_shared_lens_stands_at_the_top(tmp_path: Path) -> None:
    transforms.write(tmp_path / "t.json", cameras(200, 300))
    top = json.loads((tmp_path / "t.json").read_text())
    assert top["camera_model"] == "OPENCV" and top["h"] == 152 and "w" not in top
    assert [frame["w"] for frame in top["frames"]] == [200, 300]


def test_camera_angle_serves_for_a_missing_focal_length(tmp_path: Path) -> None:
    values = valid() | {"camera_angle_x": 2 * np.arctan(0.5)}
    for key in ("fl_x", "fl_y", "cx", "cy"):
        del values[key]
    (tmp_path / "t.json").write_text(json.dumps(values))
    camera = transforms.read(tmp_path / "t.json")[0][1]
    np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], [20, 20, 10, 5])


@pytest.mark.skipif(not RASTER.is_dir(), reason="no ../shared/golden/raster beside the checkout")
def test_golden_cameras_are_read() -> None:
    names = [name for name, _ in transforms.read(RASTER / "dev_sh0_transforms.json")]
    assert names == ["000.png", "001.png", "002.png"]


@pytest.mark.parametrize(
    "change",
    [
        {"frames": []},
        {"frames": None},
        {"frames": [3]},
        {"w": 0},
        {"h": 1e6},
        {"fl_x": -1.0},
        {"fl_y": "long"},
        {"cx": float("nan")},
        {"camera_model": "OPENCV_FISHEYE"},
        {"frames": [{"transform_matrix": [[1, 2], [3]]}]},
        {"frames": [{"transform_matrix": np.eye(3).tolist()}]},
        {"frames": [{"transform_matrix": (2 * np.eye(4)).tolist()}]},
        {"frames": [{"transform_matrix": np.diag([1, 1, -1, 1]).tolist()}]},
        {"frames": [{"file_path": 4, "transform_matrix": np.eye(4).tolist()}]},
    ],
)
def test_wrong_camera_files_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "t.json").write_text(json.dumps(valid() | change))
    with pytest.raises(FormatError) as caught:
        transforms.read(tmp_path / "t.json")
    assert "t.json" in caught.value.title and caught.value.hint


def test_no_json_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100_000):
        (tmp_path / "t.json").write_bytes(content)
        with pytest.raises(FormatError):
            transforms.read(tmp_path / "t.json")


leaves = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3)
trees = st.recursive(leaves, lambda t: st.lists(t, max_size=4) | st.dictionaries(st.text(max_size=3), t, max_size=3))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from([*sorted(valid()), "transform_matrix", "file_path", "camera_model", "k1"]), value=trees)
def test_mutated_camera_files_are_read_or_refused(tmp_path: Path, key: str, value: object) -> None:
    values = valid()
    target = values if key in values or key == "camera_model" else values["frames"][0]
    target[key] = value
    (tmp_path / "t.json").write_text(json.dumps(values))
    try:
        read = transforms.read(tmp_path / "t.json")
    except FormatError:
        return
    assert all(np.isfinite(camera.T_world_camera).all() for _, camera in read)
