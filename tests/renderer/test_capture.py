"""Pictures of every size and films of every kind of camera, as a renderer draws them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from model.camera import Camera
from model.errors import Cancelled, FormatError
from model.gaussians import Gaussians
from renderer import capture
from renderer.base import Frame
from renderer.capture import (
    between,
    camera_path,
    state_sequence,
    still,
    turned,
    turntable,
    write_png,
)
from renderer.cpu import CpuRenderer
from tests.renderer.scenes import CAMERA, random_splats

KEYS = [Camera.orbit(azimuth, elevation, 2.2, 45, 64, 48) for azimuth, elevation in ((0, 0), (40, 10), (90, 50))]


class Idle:
    """Draws nothing, and remembers the cameras."""

    name = "idle"

    def __init__(self) -> None:
        self.cameras: list[Camera] = []

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        self.cameras.append(camera)
        return Frame(np.zeros((camera.height, camera.width, 4), np.float32), np.zeros((camera.height, camera.width)))


def frames_in(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path)) for path in sorted(folder.iterdir())]


def test_a_turntable_has_its_frames_and_begins_at_the_camera(tmp_path: Path) -> None:
    gaussians = random_splats(50)
    told: list[float] = []
    path = turntable(
        CpuRenderer(), gaussians, CAMERA, tmp_path / "t.mp4", 7, 64, progress=lambda f, what: told.append(f)
    )
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, 64, 64, 3)
    assert len(pictures) == 7
    first = still(CpuRenderer(), gaussians, CAMERA, (64, 64))
    assert np.abs(pictures[0].astype(int) - first).mean() < 6  # what the film's compression costs
    assert told == sorted(told) and told[-1] == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["t.mp4"]


def test_cancelling_a_film_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t.mp4"
    path.write_bytes(b"old")

    def stop(fraction: float, what: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        turntable(CpuRenderer(), random_splats(5), CAMERA, path, 10, 32, progress=stop)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("background", [(0.2, 0.4, 0.6), None])
def test_frames_are_the_pixels_of_stills(tmp_path: Path, background: tuple[float, ...] | None) -> None:
    gaussians, size = random_splats(40), (50, 31)
    path = turntable(CpuRenderer(), gaussians, CAMERA, tmp_path / "turn", 3, size, background)
    for k, frame in enumerate(frames_in(path)):
        view = turned(CAMERA, 120 * k, np.mean(gaussians.box(), axis=0))
        assert (frame == still(CpuRenderer(), gaussians, view, size, background)).all()


def test_a_transparent_mp4_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    renderer = Idle()
    with pytest.raises(FormatError, match="transparent"):
        turntable(renderer, random_splats(5), CAMERA, tmp_path / "t.mp4", 3, 32, background=None)
    assert not renderer.cameras


def test_a_path_passes_through_its_key_cameras_and_is_smooth(tmp_path: Path) -> None:
    keys = [KEYS[0], replace(KEYS[1], fx=90.0, fy=80.0, cx=30.0), KEYS[2]]
    renderer = Idle()
    camera_path(renderer, random_splats(3), keys, tmp_path / "way", 81)
    way = renderer.cameras
    assert len(way) == 81 and len(frames_in(tmp_path / "way")) == 81
    for camera, key in zip(way[::40], keys):
        assert np.allclose(camera.T_world_camera, key.T_world_camera, atol=1e-9)
        assert np.allclose([camera.fx, camera.fy, camera.cx, camera.cy], [key.fx, key.fy, key.cx, key.cy])
    assert way[20].fx == pytest.approx((keys[0].fx + 90) / 2)
    steps = np.diff([camera.position for camera in way], axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.1 * np.abs(steps).max()  # no jerk at the middle key
    for camera in way:
        R = camera.T_world_camera[:3, :3]
        assert np.allclose(R @ R.T, np.eye(3)) and np.linalg.det(R) > 0


def test_between_two_cameras_the_way_is_straight_and_turns_evenly() -> None:
    ends = [Camera.orbit(0, 0, 2, 45, 64, 48), Camera.orbit(80, 0, 3, 45, 64, 48)]
    for t in (0.0, 0.25, 0.5, 1.0):
        camera = between(ends, t)
        assert np.allclose(camera.position, (1 - t) * ends[0].position + t * ends[1].position)
        assert np.allclose(camera.T_world_camera[:3, :3], Camera.orbit(80 * t, 0, 2, 45, 64, 48).T_world_camera[:3, :3])


def test_without_a_number_of_frames_exactly_the_cameras_are_filmed(tmp_path: Path) -> None:
    renderer = Idle()
    camera_path(renderer, random_splats(3), KEYS, tmp_path / "way")
    assert all(np.array_equal(a.T_world_camera, b.T_world_camera) for a, b in zip(renderer.cameras, KEYS, strict=True))
    assert (renderer.cameras[0].width, renderer.cameras[0].height) == (64, 48)


def test_key_cameras_of_other_sizes_take_the_films(tmp_path: Path) -> None:
    renderer = Idle()
    camera_path(renderer, random_splats(3), [KEYS[0], CAMERA], tmp_path / "way", 3, (40, 40))
    assert {(camera.width, camera.height) for camera in renderer.cameras} == {(40, 40)}


def test_one_key_camera_stays_where_it_is(tmp_path: Path) -> None:
    renderer = Idle()
    camera_path(renderer, random_splats(3), [CAMERA], tmp_path / "way", 4)
    assert all(np.allclose(camera.T_world_camera, CAMERA.T_world_camera) for camera in renderer.cameras)


def test_states_are_filmed_in_turn(tmp_path: Path) -> None:
    states = [random_splats(20, seed=seed) for seed in range(3)]
    path = state_sequence(CpuRenderer(), states, CAMERA, tmp_path / "states")
    for frame, state in zip(frames_in(path), states, strict=True):
        assert (frame == still(CpuRenderer(), state, CAMERA)).all()


def test_the_camera_may_turn_while_states_pass(tmp_path: Path) -> None:
    states, renderer = [random_splats(20, seed=seed) for seed in range(4)], Idle()
    state_sequence(renderer, states, CAMERA, tmp_path / "states", turn_deg=360, size=32)
    target = np.mean(states[0].box(), axis=0)
    for k, camera in enumerate(renderer.cameras):
        assert np.allclose(camera.T_world_camera, turned(CAMERA, 90 * k, target).T_world_camera)


def test_a_film_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="camera"):
        camera_path(Idle(), random_splats(3), [], tmp_path / "way")
    with pytest.raises(FormatError, match="state"):
        state_sequence(Idle(), [], CAMERA, tmp_path / "states")
    assert not list(tmp_path.iterdir())


def test_a_png_comes_back_as_it_was_with_its_alpha(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    read = cv2.imread(str(write_png(tmp_path / "new" / "p.png", image)), cv2.IMREAD_UNCHANGED)
    assert read is not None and (cv2.cvtColor(read, cv2.COLOR_BGRA2RGBA) == image).all()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FormatError) as told:
        write_png(tmp_path / "file" / "p.png", np.zeros((2, 2, 3), np.uint8))
    assert "p.png" in told.value.title


def test_stills_of_any_size_show_the_same_view() -> None:
    gaussians = random_splats(50)
    assert still(CpuRenderer(), gaussians, CAMERA, (300, 100)).shape == (100, 300, 3)
    assert still(CpuRenderer(), gaussians, CAMERA, background=None).shape == (CAMERA.height, CAMERA.width, 4)
    wide = CAMERA.fitted(3 * CAMERA.width, CAMERA.height)
    a, _ = CAMERA.project(np.array([0.1, 0.2, 0.3]))
    b, _ = wide.project(np.array([0.1, 0.2, 0.3]))
    assert np.allclose(b - a, [CAMERA.width, 0])


@pytest.mark.parametrize("background", [(1.0, 1.0, 1.0), None])
def test_large_stills_are_drawn_in_parts_without_seams(
    monkeypatch: pytest.MonkeyPatch, background: tuple[float, ...] | None
) -> None:
    gaussians, size = random_splats(400), (1000, 600)
    whole = still(CpuRenderer(), gaussians, CAMERA, size, background)
    monkeypatch.setattr(capture, "TILE", 512)
    parts = still(CpuRenderer(), gaussians, CAMERA, size, background)
    if background is None:  # colours of what is all but invisible are not worth comparing
        assert np.abs(parts[..., 3].astype(int) - whole[..., 3]).max() <= 1
        parts, whole = parts[parts[..., 3] > 32], whole[parts[..., 3] > 32]
    assert np.abs(parts.astype(int) - whole).max() <= 1


def test_parts_are_as_large_as_the_limit_and_small_stills_are_one() -> None:
    renderer = Idle()
    assert still(renderer, random_splats(3), CAMERA, (4097, 4)).shape == (4, 4097, 3)
    assert [camera.width for camera in renderer.cameras] == [capture.TILE, capture.TILE]
    still(renderer, random_splats(3), CAMERA, (4096, 4))
    assert len(renderer.cameras) == 3


def test_a_full_turn_comes_back() -> None:
    target = np.array([0.1, 0.0, -0.2])
    back = turned(CAMERA, 360, target)
    assert np.allclose(back.T_world_camera, CAMERA.T_world_camera)
    half = turned(CAMERA, 180, target)
    assert np.allclose((half.position + CAMERA.position) / 2 * [1, 0, 1], target * [1, 0, 1])
