"""Films on disk: pictures go in one by one, the ending of the path says what comes out, whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
from PIL import GifImagePlugin, Image

from model.errors import FormatError
from model.progress import Progress, silent

# HDTV's colours, and the file says so: players guess by size otherwise, and large films would change their colours.
BT709 = ["-vf", "scale=out_color_matrix=bt709", "-colorspace", "bt709"]
H264 = ["-crf", "18", "-movflags", "+faststart", *BT709]
CLEAR = 255  # a GIF's palette entry that is seen through
FRAME = re.compile(r"frame[0-9]+\.png")
LARGEST = {".mp4": 16384, ".gif": 65535, ".webp": 16383}  # px a side that the formats, or their encoders, can hold
FASTEST_GIF = 2  # hundredths of a second; browsers slow down what is shown for less


@dataclass(frozen=True)
class Film:
    """What a film is made of: how many pictures of what kind, and how fast they follow."""

    count: int
    size: tuple[int, int]  # width, height in px
    fps: float = 30
    transparent: bool = False


def write_film(path: Path | str, film: Film, pictures: Iterable[np.ndarray], progress: Progress = silent) -> Path:
    """Write pictures, (H, W, 3) uint8 RGB or (H, W, 4) RGBA with straight alpha where transparent; returns the path.

    The ending chooses: .mp4 (H.264, which loses the last row or column of an odd size), .gif (255 colours a picture,
    seen through where alpha is below one half), .webp, and none or a folder that is there for frame0001.png,
    frame0002.png, ... in it. Pictures are taken one at a time, progress is called before each and may raise Cancelled.
    Raises FormatError, before the first picture, for an unknown ending, a size that the format cannot hold, a
    transparent MP4, and a folder with frames that would play on behind the new ones; also where the place cannot be
    written. Nothing is left behind then, and an old film stays as it was.
    """
    path = Path(path)
    ending = ending_of(path)
    if ending == ".mp4" and film.transparent:
        raise FormatError("An MP4 film cannot be transparent.", "Choose .webp, .gif or a folder, or a background.")
    if max(film.size) > LARGEST.get(ending, max(film.size)):
        hint = "Choose a smaller size, or a folder of PNGs."
        raise FormatError(f"A {ending} film is at most {LARGEST[ending]} pixels wide and high.", hint)
    with filling(path, film.count) if ending == "" else replacing(path) as partial:
        WRITERS[ending](partial, film, _counted(pictures, film, progress))
        progress(1.0, "done")  # the last moment to stop
    return path


def ending_of(path: Path) -> str:
    """Return the ending that a film's path chooses, "" for a folder of PNGs. Raises FormatError, naming the known."""
    ending = "" if path.is_dir() else path.suffix.lower()
    if ending not in WRITERS:
        known = ", ".join(filter(None, WRITERS))
        raise FormatError(
            f"{path}: '{path.suffix}' is not a film format", f"Known endings: {known}; none for a folder of PNGs."
        )
    return ending


def png(image: np.ndarray) -> bytes:
    """Encode (H, W, 3 | 4) uint8, RGB(A) with straight alpha, as PNG."""
    code = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    encoded, data = cv2.imencode(".png", cv2.cvtColor(image, code))
    assert encoded
    return data.tobytes()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside path that takes its place at the end, and vanishes on any failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes files private; a picture should have the rights any new file gets.
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def filling(folder: Path, count: int) -> Iterator[Path]:
    """Give a temporary folder whose count frames move into folder at the end; a failure leaves that as it was.

    Raises FormatError where folder has frames that the new ones do not replace.
    """
    names = [_frame(k) for k in range(count)]
    there = (path.name for path in folder.glob("frame*.png") if FRAME.fullmatch(path.name))
    left = sorted(set(there) - set(names))
    if left:
        hint = "Choose another folder, or move the old frames away."
        raise FormatError(f"Cannot write {count} frames into {folder}: {left[0]} would play behind them", hint)
    made = not folder.exists()
    partial = folder / f".frames-{secrets.token_hex(4)}"
    try:
        partial.mkdir(parents=True)
        yield partial
        for name in names:
            (partial / name).replace(folder / name)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if made:
            with suppress(OSError):  # it stays where something is in it
                folder.rmdir()


def _counted(pictures: Iterable[np.ndarray], film: Film, progress: Progress) -> Iterator[np.ndarray]:
    shape = (film.size[1], film.size[0], 4 if film.transparent else 3)
    rest = iter(pictures)
    for k in range(film.count):
        progress(k / film.count, f"frame {k + 1} of {film.count}")
        picture = next(rest)
        assert picture.shape == shape and picture.dtype == np.uint8, (picture.shape, shape, picture.dtype)
        yield picture


def _frame(k: int) -> str:
    return f"frame{k + 1:04d}.png"


def _write_pngs(folder: Path, film: Film, pictures: Iterator[np.ndarray]) -> None:
    for k, picture in enumerate(pictures):
        (folder / _frame(k)).write_bytes(png(picture))


def _write_mp4(path: Path, film: Film, pictures: Iterator[np.ndarray]) -> None:
    width, height = (side // 2 * 2 for side in film.size)  # the encoding halves the colours' resolution
    encoder = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=film.fps, codec="libx264", macro_block_size=2, output_params=H264
    )
    try:
        try:
            encoder.send(None)
        except RuntimeError as error:
            hint = "Install imageio-ffmpeg again, or choose .webp, .gif or a folder."
            raise FormatError("MP4 films need ffmpeg, which is not here.", hint) from error
        for picture in pictures:
            encoder.send(np.ascontiguousarray(picture[:height, :width]))
    finally:
        encoder.close()
    if path.stat().st_size == 0:  # its failures at the end are told nowhere else
        raise OSError("the encoder wrote nothing")


def _write_gif(path: Path, film: Film, pictures: Iterator[np.ndarray]) -> None:
    # Picture by picture: Image.save would keep them all until the last one has come.
    options: dict[str, Any] = {"transparency": CLEAR, "disposal": 2} if film.transparent else {}
    with path.open("wb") as stream:
        for k, picture in enumerate(pictures):
            image = with_palette(picture)
            if k == 0:
                stream.writelines(GifImagePlugin.getheader(image, info={"loop": 0})[0])
            until, since = (round(100 * shown / film.fps) for shown in (k + 1, k))
            delay_ms = 10 * max(FASTEST_GIF, until - since)
            stream.writelines(GifImagePlugin.getdata(image, duration=delay_ms, include_color_table=True, **options))
        stream.write(b";")


def with_palette(picture: np.ndarray) -> Image.Image:
    """Choose the 255 colours that suit a picture, (H, W, 3 | 4) uint8; CLEAR where alpha is below one half."""
    rgb = picture[..., :3]
    seen = picture[..., 3] >= 128 if picture.shape[2] == 4 else np.ones(picture.shape[:2], bool)
    pixels = rgb[seen] if seen.any() else np.zeros((1, 3), np.uint8)  # (n, 3)
    octree = Image.fromarray(pixels[None]).quantize(CLEAR, Image.Quantize.FASTOCTREE)
    chosen = np.array(octree.getpalette("RGB"), np.uint8).reshape(-1, 3)[:CLEAR]
    # The commonest colour stays exact: it is the background, and dithering has nothing to scatter over it.
    nearest = np.array(octree)[0]  # (n,) uint8
    common = int(np.bincount(nearest).argmax())
    chosen[common] = np.median(pixels[nearest == common], axis=0)
    palette = np.resize(chosen, (256, 3))  # filled up by repetition: of equals, the first is taken, never CLEAR
    octree.putpalette(palette.tobytes())
    full = Image.fromarray(np.where(seen[..., None], rgb, chosen[common]))
    indices = np.array(full.quantize(palette=octree, dither=Image.Dither.FLOYDSTEINBERG))  # (H, W) uint8
    indices[~seen] = CLEAR
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    return image


class Reel(Image.Image):
    """Pictures that Pillow asks for one by one, so that a film is never in memory as a whole."""

    def __init__(self, pictures: Iterator[np.ndarray], count: int) -> None:
        super().__init__()
        self.n_frames = count
        self._pictures = pictures

    def seek(self, frame: int) -> None:
        """Go to the next picture; Pillow's writers never go back."""
        picture = Image.fromarray(next(self._pictures))
        self.im, self._mode, self._size = picture.im, picture.mode, picture.size


def _write_webp(path: Path, film: Film, pictures: Iterator[np.ndarray]) -> None:
    first, rest = Image.fromarray(next(pictures)), Reel(pictures, film.count - 1)
    first.save(path, save_all=True, append_images=[rest], duration=1000 / film.fps, loop=0, quality=90, method=4)


def _unwritable(path: Path, error: OSError) -> FormatError:
    return FormatError(
        f"{path} cannot be written ({error.strerror or error}).", "Check the folder, its rights and free space."
    )


WRITERS: dict[str, Callable[[Path, Film, Iterator[np.ndarray]], None]] = {
    ".mp4": _write_mp4,
    ".gif": _write_gif,
    ".webp": _write_webp,
    "": _write_pngs,
}
