"""The verb film: around one file, along cameras, through the files of a motion."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from model.camera import Camera
from model.errors import Cancelled
from model.formats import files, sequence, transforms
from model.gaussians import Gaussians
from partrm_viewer import cli
from partrm_viewer.film import film


def row(*xs: float) -> Gaussians:
    """Make red splats at these x."""
    n = len(xs)
    positions = np.array([[x, 0, 0] for x in xs])
    colours = np.tile([1.0, 0, 0], (n, 1))
    return Gaussians.from_colours(
        positions, np.tile([1.0, 0, 0, 0], (n, 1)), np.full((n, 3), 0.03), np.full(n, 0.95), colours
    )


def filmed(tmp_path: Path, *words: object) -> list[np.ndarray]:
    """Film into a folder through the command line; returns the frames, (H, W, 3 | 4) uint8."""
    out = tmp_path / "frames"
    assert cli.main([str(w) for w in ("film", *words, "-o", out, "--renderer", "cpu")]) == 0
    return [np.asarray(Image.open(path)) for path in sorted(out.iterdir())]


def red(picture: np.ndarray) -> np.ndarray:
    return np.flatnonzero((picture[..., 0].astype(int) - picture[..., 1] > 100).any(axis=0))  # columns


@pytest.fixture
def bar(tmp_path: Path) -> Path:
    """Put a bar along x on disk."""
    files.write(tmp_path / "bar.ply", row(*np.linspace(-0.5, 0.5, 21)))
    return tmp_path / "bar.ply"


@pytest.fixture
def motion(tmp_path: Path) -> Path:
    """Put a sequence on disk: a bar that grows to the right."""
    sequence.write(tmp_path / "motion", [row(*np.linspace(0, 0.1 * k, 11)) for k in (1, 4, 7)])
    return tmp_path / "motion"


def test_one_file_is_turned_around_once(bar: Path, tmp_path: Path) -> None:
    frames = filmed(tmp_path, bar, "--frames", 8, "--size", 64)
    widths = [np.ptp(red(f)) for f in frames]
    assert len(frames) == 8 and frames[0].shape == (64, 64, 3)
    np.testing.assert_allclose(widths[:4], widths[4:], atol=8)  # half a turn shows the bar from its other side
    assert max(widths) > 2 * min(widths)
    assert all(red(f).min() > 0 and red(f).max() < 63 for f in frames)  # all of it, all the way


def test_a_film_is_a_video(bar: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "turn.mp4"
    words = ["film", str(bar), "-o", str(out), "--frames", "5", "--size", "48x32", "--fps", "10", "--renderer", "cpu"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.split() == [str(out)]
    assert imageio_ffmpeg.count_frames_and_secs(str(out)) == (5, pytest.approx(0.5, abs=0.01))


def test_a_folder_is_shown_frame_by_frame_without_a_turn(motion: Path, tmp_path: Path) -> None:
    frames = filmed(tmp_path, motion, "--size", "64x48", "--background", "transparent")
    ends = [red(f).max() for f in frames]
    starts = [red(f).min() for f in frames]
    assert [f.shape for f in frames] == [(48, 64, 4)] * 3 and frames[0][0, 0, 3] == 0
    assert ends == sorted(ends) and ends[2] > ends[0] and max(starts) - min(starts) <= 1


def test_frames_are_shared_out_among_files(motion: Path, tmp_path: Path) -> None:
    frames = filmed(tmp_path, *sorted(motion.iterdir()), "--frames", 6, "--size", 32)
    same = [bool((a == b).all()) for a, b in pairwise(frames)]
    assert same == [True, False, True, False, True]


def test_a_sequence_that_is_turned_stays_in_the_picture(motion: Path, tmp_path: Path) -> None:
    still = filmed(tmp_path / "still", motion, "--size", 64)
    turned = filmed(tmp_path / "turned", motion, "--size", 64, "--turn", 270)
    assert all(red(f).min() > 0 and red(f).max() < 63 for f in turned)
    assert (still[0] == turned[0]).all() and (still[-1] != turned[-1]).any()


def test_fewer_frames_than_files_still_show_the_first_and_the_last(motion: Path, tmp_path: Path) -> None:
    every = filmed(tmp_path / "every", motion, "--size", 32)
    two = filmed(tmp_path / "two", motion, "--size", 32, "--frames", 2)
    assert len(two) == 2 and (two[0] == every[0]).all() and (two[1] == every[-1]).all()


def test_one_camera_says_where_to_begin(bar: Path, tmp_path: Path) -> None:
    transforms.write(tmp_path / "t.json", [("a", Camera.orbit(90, 0, 3, 40, 40, 20))])
    frames = filmed(tmp_path, bar, "--cameras", tmp_path / "t.json", "--frames", 4)
    widths = [np.ptp(red(f)) for f in frames]
    assert frames[0].shape == (20, 40, 3)
    assert widths[1] > 2 * widths[0]  # it begins at the bar's end


@pytest.mark.parametrize(("words", "count"), [((), 2), (("--frames", 5), 5)])
def test_several_cameras_are_a_way(words: tuple[object, ...], count: int, bar: Path, tmp_path: Path) -> None:
    transforms.write(tmp_path / "t.json", [(str(a), Camera.orbit(a, 0, 3, 40, 40, 20)) for a in (0, 90)])
    widths = [np.ptp(red(f)) for f in filmed(tmp_path, bar, "--cameras", tmp_path / "t.json", *words)]
    assert len(widths) == count and widths[0] > 2 * widths[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("absent.ply", "-o", "turn.mp4"),
        ("bar.ply", "-o", "turn.avi"),
        ("bar.ply", "-o", "turn.mp4", "--background", "transparent"),
        ("bar.ply", "-o", "turn.mp4", "--size", "0x4"),
        ("bar.ply", "-o", "turn.mp4", "--size", "wide"),
        ("bar.ply", "-o", "turn.mp4", "--fps", "nan"),
        ("bar.ply", "-o", "turn.mp4", "--turn", "right"),
        ("bar.ply", "-o", "turn.mp4", "--cameras", "two.json", "--turn", "90"),
        ("motion", "-o", "turn.mp4", "--cameras", "two.json"),
        ("empty", "-o", "turn.mp4"),
        (".", "-o", "turn.mp4", "--frames", "1"),
    ],
    ids=" ".join,
)
def test_wrong_words_leave_nothing_behind(
    words: tuple[str, ...], bar: Path, motion: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bar.parent)
    Path("empty").mkdir()
    files.write("other.ply", row(0))
    transforms.write(Path("two.json"), [(name, Camera.orbit(0, 0, 3, 40, 8, 8)) for name in "ab"])
    before = sorted(Path().rglob("*"))
    assert cli.main(["film", *words, "--renderer", "cpu"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("out", ["turn.mp4", "turn.gif", "turn.webp", "frames"])
def test_stopping_leaves_nothing_behind(out: str, bar: Path) -> None:
    def stop(fraction: float, what: str) -> None:
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        film([bar], bar.parent / out, frames=4, size=16, renderer="cpu", progress=stop)
    assert list(bar.parent.iterdir()) == [bar]
