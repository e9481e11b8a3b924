"""Bad input through the window: the message explains, and what was open stays."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.app


def huge_png(path: Path, side: int) -> Path:
    """Write the head of a PNG that claims a size, and nothing of its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    return path


def refused(driver: Any, photo: Path, bad: Path) -> tuple[str, str]:
    """Open a photo, then a bad file; returns title and hint of the message, and checks that the photo is still open."""
    driver.open(photo)
    driver.pull_and_wait()
    document = driver.document
    driver.window.open(bad)
    bar = driver.window.parts.messages
    driver.wait(lambda: bar.title != "")
    assert driver.document is document and driver.window.windowTitle().startswith("box.png")
    assert not driver.window.parts.start.isVisible() and bar._copy.isVisible()
    return bar.title, bar.hint


def opened(driver: Any, path: Path) -> np.ndarray:
    """Open a photo that can be read; returns its pixels, (H, W, 4)."""
    driver.window.open(path)
    driver.wait(lambda: driver.document.name == path.name and not driver.window.bench.building)
    image: np.ndarray = driver.document.image
    return image


def test_an_image_of_20000_by_20000_is_refused_with_the_limit(driver: Any, photo: Path, tmp_path: Path) -> None:
    title, hint = refused(driver, photo, huge_png(tmp_path / "huge.png", 20_000))
    assert "too many pixels" in title and "100 megapixels" in hint


def test_a_text_file_called_png_is_refused(driver: Any, photo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.png"
    bad.write_text("milk, eggs")
    title, hint = refused(driver, photo, bad)
    assert "not an image" in title and "PNG" in hint


def test_a_photo_that_was_cut_off_is_refused(driver: Any, photo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "half.png"
    bad.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    title, hint = refused(driver, photo, bad)
    assert "damaged" in title and "again" in hint


def test_a_folder_and_a_file_that_is_gone_are_refused(driver: Any, photo: Path, tmp_path: Path) -> None:
    title, _ = refused(driver, photo, tmp_path)
    assert "not a file" in title
    driver.window.parts.messages.dismiss()
    document = driver.document
    driver.window.open(tmp_path / "gone.jpg")
    driver.wait(lambda: "no file" in driver.window.parts.messages.title)
    assert driver.document is document


def test_one_pixel_is_opened_and_whoever_finds_nothing_in_it_says_so(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "dot.png"
    Image.new("RGBA", (1, 1), (0, 0, 0, 0)).save(path)
    assert opened(driver, path).shape == (1, 1, 4)
    assert driver.window.parts.messages.title == "No object found"
    driver.window.parts.photo.fit()
    driver.window.grab()


def test_a_cmyk_jpeg_is_shown_in_its_colours(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (64, 48), (0, 255, 255, 0)).save(path, quality=95)
    r, g, b, a = opened(driver, path)[24, 32]
    assert r > 180 and g < 90 and b < 90 and a == 255


def test_a_16_bit_png_keeps_its_brightness(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)).save(path)
    grey = opened(driver, path)[..., 0]
    assert grey[0, 0] == 0 and grey[-1, -1] == 255 and abs(int(grey[24, 0]) - 128) < 3


def test_of_an_animated_gif_the_first_frame_is_opened(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "turn.gif"
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert opened(driver, path)[10, 10].tolist() == [255, 0, 0, 255]


def test_a_photo_taken_upright_stands_upright(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    image = Image.new("RGB", (60, 40), "white")
    image.paste("red", (0, 0, 30, 40))  # the left half, which is the top once turned
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90° clockwise
    image.save(path, exif=exif, quality=95)
    pixels = opened(driver, path)
    assert pixels.shape == (60, 40, 4)
    assert pixels[10, 20, 1] < 60 and pixels[50, 20, 1] > 200
