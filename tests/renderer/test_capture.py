"""Pictures and films on disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from model.errors import Cancelled, FormatError
from renderer.capture import framed, still, turned, turntable, write_png
from renderer.cpu import CpuRenderer
from tests.renderer.scenes import CAMERA, random_splats


def test_a_turntable_has_its_frames_and_begins_at_the_camera(tmp_path: Path) -> None:
    gaussians = random_splats(50)
    told: list[float] = []
    path = turntable(
        CpuRenderer(), gaussians, CAMERA, tmp_path / "t.mp4", 7, 65, progress=lambda f, what: told.append(f)
    )
    decode = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    raw = subprocess.run(decode, capture_output=True, check=True).stdout
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
    wide = framed(CAMERA, 3 * CAMERA.width, CAMERA.height)
    a, _ = CAMERA.project(np.array([0.1, 0.2, 0.3]))
    b, _ = wide.project(np.array([0.1, 0.2, 0.3]))
    assert np.allclose(b - a, [CAMERA.width, 0])


def test_a_full_turn_comes_back() -> None:
    target = np.array([0.1, 0.0, -0.2])
    back = turned(CAMERA, 360, target)
    assert np.allclose(back.T_world_camera, CAMERA.T_world_camera)
    half = turned(CAMERA, 180, target)
    assert np.allclose((half.position + CAMERA.position) / 2 * [1, 0, 1], target * [1, 0, 1])
