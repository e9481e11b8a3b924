"""Films: what goes in comes out of every format, and nothing half done stays behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from model.errors import Cancelled, FormatError
from renderer.film import Film, with_palette, write_film

ENDINGS = [".mp4", ".gif", ".webp", ""]
SIZE = (33, 24)  # width, height


def ball(k: int, transparent: bool = False) -> np.ndarray:
    """Draw a soft orange disc that moves to the right with k, on white or on nothing."""
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    alpha = np.clip(7.5 - np.hypot(x - 8 - 4 * k, y - 12), 0, 1)[..., None]
    colour = np.broadcast_to(np.array([230.0, 140.0, 20.0]), (*alpha.shape[:2], 3))
    if transparent:
        return np.concatenate([colour * (alpha > 0), 255 * alpha], axis=-1).round().astype(np.uint8)
    return (alpha * colour + (1 - alpha) * 255).round().astype(np.uint8)


def balls(count: int, transparent: bool = False) -> Iterator[np.ndarray]:
    return (ball(k, transparent) for k in range(count))


def read(path: Path) -> list[np.ndarray]:
    """Read a film back: (H, W, 3) of an MP4, else (H, W, 4), uint8."""
    if path.is_dir():
        return [np.array(Image.open(p).convert("RGBA")) for p in sorted(path.iterdir())]
    if path.suffix == ".mp4":
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
        raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
        width, height = (side // 2 * 2 for side in SIZE)
        return list(np.frombuffer(raw.stdout, np.uint8).reshape(-1, height, width, 3))
    with Image.open(path) as film:
        return [np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(film)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_film_comes_back(tmp_path: Path, ending: str) -> None:
    told: list[float] = []
    path = write_film(tmp_path / f"film{ending}", Film(5, SIZE), balls(5), lambda f, what: told.append(f))
    frames = read(path)
    assert len(frames) == 5 and [p.name for p in tmp_path.iterdir()] == [path.name]
    for k, frame in enumerate(frames):
        height, width = frame.shape[:2]
        assert (width, height) == (SIZE if ending != ".mp4" else (32, 24))
        error = np.abs(frame[..., :3].astype(int) - ball(k)[:height, :width])
        assert error.mean() < 5 and error[0, 0].max() <= (8 if ending in (".mp4", ".webp") else 0)
    assert told == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize("ending", [".gif", ".webp", ""])
def test_transparent_films_keep_their_alpha(tmp_path: Path, ending: str) -> None:
    frames = read(write_film(tmp_path / f"film{ending}", Film(4, SIZE, transparent=True), balls(4, True)))
    assert len(frames) == 4
    for k, frame in enumerate(frames):
        alpha = ball(k, True)[..., 3]
        expected = np.where(alpha < 128, 0, 255) if ending == ".gif" else alpha
        assert (frame[..., 3] == expected).all()
        assert np.abs(frame[expected == 255][:, :3].astype(int) - [230, 140, 20]).max() < 25


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_films(tmp_path: Path, ending: str, count: int) -> None:
    assert len(read(write_film(tmp_path / f"film{ending}", Film(count, SIZE), balls(count)))) == count


@pytest.mark.parametrize(("ending", "unit_ms"), [(".gif", 10), (".webp", 1)])
def test_frames_that_last_no_whole_unit_do_not_change_the_length(tmp_path: Path, ending: str, unit_ms: int) -> None:
    with Image.open(write_film(tmp_path / f"film{ending}", Film(7, SIZE, fps=30), balls(7))) as film:
        assert film.info["loop"] == 0
        total_ms = 0
        for frame in ImageSequence.Iterator(film):
            frame.load()
            total_ms += frame.info["duration"]
    assert abs(total_ms - 7000 / 30) <= unit_ms / 2 + 0.5


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_a_state_that_stays_is_shown_as_long_as_asked(tmp_path: Path, ending: str) -> None:
    path = write_film(tmp_path / f"film{ending}", Film(3, SIZE, fps=10), [ball(0), ball(0), ball(1)])
    with Image.open(path) as film:
        total_ms = 0
        for frame in ImageSequence.Iterator(film):
            frame.load()
            total_ms += frame.info["duration"]
    assert total_ms == 300


@pytest.mark.parametrize("ending", ENDINGS)
def test_pictures_are_taken_one_at_a_time(tmp_path: Path, ending: str) -> None:
    log: list[str] = []

    def pictures() -> Iterator[np.ndarray]:
        for k in range(3):
            log.append("drawn")
            yield ball(k)

    write_film(tmp_path / f"film{ending}", Film(3, SIZE), pictures(), lambda f, what: log.append("told"))
    assert log == ["told", "drawn"] * 3 + ["told"]


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("ending", ENDINGS)
def test_cancelling_leaves_what_was_there(tmp_path: Path, ending: str, at: float) -> None:
    path = tmp_path / f"film{ending}"
    write_film(path, Film(2, SIZE), balls(2))
    before = [p.read_bytes() for p in sorted(tmp_path.rglob("*.*"))]

    def stop(fraction: float, what: str) -> None:
        if fraction >= at:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_film(path, Film(4, SIZE), (255 - ball(k) for k in range(4)), stop)
    with pytest.raises(Cancelled):
        write_film(tmp_path / f"other{ending}", Film(4, SIZE), balls(4), stop)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert [p.read_bytes() for p in sorted(tmp_path.rglob("*.*"))] == before


@pytest.mark.parametrize("name", ["film.mov", "film.png", "film.MP5"])
def test_unknown_endings_name_the_known_ones_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError) as told:
        write_film(tmp_path / name, Film(2, SIZE), _never())
    assert Path(name).suffix in told.value.title
    assert all(ending in told.value.hint for ending in (".mp4", ".gif", ".webp", "folder"))


def test_endings_may_be_written_large(tmp_path: Path) -> None:
    with Image.open(write_film(tmp_path / "film.GIF", Film(1, SIZE), balls(1))) as film:
        assert film.format == "GIF"


def test_mp4_has_no_alpha_and_says_so_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as told:
        write_film(tmp_path / "film.mp4", Film(2, SIZE, transparent=True), _never())
    assert ".webp" in told.value.hint and not list(tmp_path.iterdir())


def test_frames_go_into_a_folder_that_is_there_and_replace_the_old(tmp_path: Path) -> None:
    folder = tmp_path / "take.2"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    write_film(folder, Film(3, SIZE), balls(3))
    write_film(folder, Film(3, SIZE), (ball(3 - k) for k in range(3)))
    assert sorted(p.name for p in folder.iterdir()) == [*(f"frame000{k}.png" for k in (1, 2, 3)), "notes.txt"]
    assert (np.array(Image.open(folder / "frame0001.png")) == ball(3)).all()


def test_frames_that_would_play_on_are_refused_before_any_work(tmp_path: Path) -> None:
    write_film(tmp_path, Film(3, SIZE), balls(3))
    with pytest.raises(FormatError, match="frame0003"):
        write_film(tmp_path, Film(2, SIZE), _never())
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, ending: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FormatError, match="film"):
        write_film(tmp_path / "file" / f"film{ending}", Film(1, SIZE), _never())
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_cannot_be_a_folder_of_frames(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"mine")
    with pytest.raises(FormatError, match="film"):
        write_film(tmp_path / "film", Film(1, SIZE), _never())
    assert (tmp_path / "film").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("ending", "size"), [(".mp4", (16386, 2)), (".mp4", (1, 64)), (".webp", (2, 16384)), (".gif", (65536, 2))]
)
def test_sizes_a_format_cannot_hold_are_told(tmp_path: Path, ending: str, size: tuple[int, int]) -> None:
    with pytest.raises(FormatError, match="film"):
        write_film(tmp_path / f"film{ending}", Film(1, size), iter([np.zeros((size[1], size[0], 3), np.uint8)]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "size"), [(".mp4", (16384, 2)), (".webp", (2, 16383)), (".gif", (65535, 2))])
def test_the_largest_sizes_are_held(tmp_path: Path, ending: str, size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    assert write_film(tmp_path / f"film{ending}", Film(2, size), [picture, picture + 99]).stat().st_size > 100


def test_absent_ffmpeg_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> str:
        raise RuntimeError("no ffmpeg")

    monkeypatch.setattr("imageio_ffmpeg._io.get_ffmpeg_exe", absent)
    with pytest.raises(FormatError) as told:
        write_film(tmp_path / "film.mp4", Film(1, SIZE), _never())
    assert "imageio-ffmpeg" in told.value.hint and not list(tmp_path.iterdir())


def test_palettes_keep_the_background_and_few_colours_exactly() -> None:
    few = np.full((20, 20, 3), (251, 252, 250), np.uint8)
    few[5:9, 5:9] = 0
    assert (np.array(with_palette(few).convert("RGB")) == few).all()
    ramp = np.full((64, 256, 3), 255, np.uint8)
    ramp[40:] = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 90)], axis=-1)
    image = np.array(with_palette(ramp).convert("RGB"))
    assert (image[:40] == 255).all()  # dithering does not spill
    assert np.abs(image[40:].astype(float).mean(axis=0) - ramp[40:].mean(axis=0)).mean() < 3


def test_opaque_pixels_are_never_seen_through_nor_hidden_ones_shown() -> None:
    for colour in ((0, 0, 0), (255, 255, 255), (120, 3, 200)):
        picture = np.zeros((6, 6, 4), np.uint8)
        picture[2:4, 2:4] = (*colour, 255)
        indices = np.array(with_palette(picture))
        assert ((indices != 255) == (picture[..., 3] == 255)).all()
    assert (np.array(with_palette(np.zeros((3, 3, 4), np.uint8))) == 255).all()


def _never() -> Iterator[np.ndarray]:
    raise AssertionError("no picture should be asked for")
    yield
