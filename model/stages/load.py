"""Load: an image file becomes pixels, in the user's own coordinates."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from model.errors import ImageError

MAX_PIXELS = 100_000_000
# Only formats that Pillow decodes by itself (EPS, for one, would start Ghostscript).
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "TGA", "JPEG2000", "ICO")
HINT = "PNG, JPEG, WebP, AVIF, BMP, GIF and TIFF images can be opened; save other kinds as PNG or JPEG first."

_warnings_are_shared = threading.Lock()  # by all threads: two that change the filters would undo each other's
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit lies a little lower; one limit is enough


def load_image(path: Path | str) -> np.ndarray:
    """Read an image file as (H, W, 4) uint8 RGBA at its full size, turned as its EXIF data says.

    The size is checked before anything is decoded; of an animation the first frame is taken.
    Raises ImageError.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"There is no file {path}", "Check the name and the folder.")
    if not path.is_file():
        raise ImageError(f"{path} is not a file", "Give the path of one image.")
    with _opened(path) as image:
        return _rgba(ImageOps.exif_transpose(image))


def load_small(
    path: Path, max_side_px: int, max_pixels: int = MAX_PIXELS, stream: IO[bytes] | None = None
) -> np.ndarray | None:
    """Read an image file, or one inside a file, as a small picture for a list of files: (H, W, 4) uint8 RGBA.

    None where it has more than max_pixels, for those take long to decode. Raises ImageError.
    """
    with _opened(path, stream) as image:
        if image.width * image.height > max_pixels:
            return None
        image.draft("RGB", (max_side_px, max_side_px))  # a JPEG is decoded at an eighth of its size, if that is enough
        whole = ImageOps.exif_transpose(image)
        if whole.mode == "P" or whole.mode.startswith("I") or whole.mode == "F":  # colours that cannot be averaged
            whole = Image.fromarray(_rgba(whole))
        whole.thumbnail((max_side_px, max_side_px))
        return _rgba(whole)


@contextmanager
def _opened(path: Path, stream: IO[bytes] | None = None) -> Iterator[Image.Image]:
    """Open an image whose size can be trusted, and turn what its decoder meets into ImageErrors."""
    Image.init()
    try:
        with _warnings_are_shared, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd but readable metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream or path, formats=[f for f in FORMATS if f in Image.OPEN]) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        hint = f"Images of up to {MAX_PIXELS // 1_000_000} megapixels can be opened: make it smaller first."
        raise ImageError(f"{path} has too many pixels", hint) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image", HINT) from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read", "Check that you may read this file.") from error
    except MemoryError as error:
        raise ImageError(f"{path} does not fit into memory", "Make it smaller first.") from error
    except Exception as error:  # decoders meet damaged files with many kinds of exception
        raise ImageError(f"{path} is damaged ({error})", "Save or download it again.") from error


def _rgba(image: Image.Image) -> np.ndarray:
    """Turn any Pillow mode into (H, W, 4) uint8."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 or 32 bits a grey value
        grey = np.asarray(image).astype(np.float32)
        top = float(np.nan_to_num(grey).max(initial=0))
        scale = 255.0 if top <= 1 and image.mode == "F" else 1.0 if top <= 255 and image.mode != "I;16" else 255 / 65535
        grey8 = np.clip(np.nan_to_num(grey * scale), 0, 255).round().astype(np.uint8)
        return np.dstack([grey8, grey8, grey8, np.full_like(grey8, 255)])
    if image.mode not in ("RGB", "RGBA", "LA", "PA", "P", "L", "1"):
        image = image.convert("RGB")  # CMYK, YCbCr, Lab, HSV
    return np.array(image.convert("RGBA"))
