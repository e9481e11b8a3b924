"""Reach: which files an object may read, and how large they may be. What it names is somebody else's word."""

from __future__ import annotations

import io
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np
from PIL import Image

from model.errors import FormatError

MAX_XML = 32 << 20  # bytes
MAX_MESH = 256 << 20  # bytes of one file
MAX_PIXELS = 8192 * 8192  # of one texture: a quarter of a gigabyte while it is decoded
SMALLER = "Textures of at most 8192 x 8192 pixels are read: make it smaller."


@dataclass(frozen=True)
class Reach:
    """The tree of folders in which the files that an object names must lie."""

    name: str  # of the object, for errors
    root: Path  # resolved
    pictures: dict[Path, np.ndarray] = field(default_factory=dict, compare=False)  # read already: parts share them

    @staticmethod
    def of(path: Path) -> Reach:
        """Let the object's file name what lies in the folder above its own, and below: textures often lie beside."""
        folder = path.resolve().parent
        above = folder.parent
        return Reach(path.name, folder if above == above.parent else above)

    def find(self, named: str, *folders: Path, most: int = MAX_MESH) -> Path:
        """Return the first of the folders' files of this name; raises FormatError where there is none to be read."""
        if not named or "\0" in named:
            raise FormatError(f"{self.name} names a file without a name", "Correct the file.")
        named = named.replace("\\", "/")
        places = [(folder / named).absolute() for folder in folders]  # an absolute name stays as it is
        found = next((p for p in places if p.exists()), places[0])
        if not found.resolve().is_relative_to(self.root):  # links are followed
            raise FormatError(
                f"{self.name} names a file outside of its folders: {named}", f"Its files must lie below {self.root}."
            )
        if not found.exists():
            raise FormatError(f"{self.name} names a file that is not there: {named}", f"Looked in {places[0].parent}.")
        if not found.is_file():
            raise FormatError(f"{self.name} names {named}, which is not a file", "A folder lies in its place.")
        if found.stat().st_size > most:
            raise FormatError(
                f"{self.name}: {named} is larger than {most >> 20} MB", "Simplify the mesh or shrink the picture."
            )
        return found

    def check_image(self, named: str, data: Path | bytes) -> None:
        """Read a picture's size from its header alone; raises FormatError for no picture and for a huge one."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as image:
                    width, height = image.size
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise FormatError(f"{self.name}: the texture {named} is too large", SMALLER) from None
        except (OSError, ValueError, SyntaxError) as problem:
            raise FormatError(f"{self.name}: the texture {named} is no picture", "Export it again.") from problem
        self.check_pixels(named, width, height)

    def check_pixels(self, named: str, width: int, height: int) -> None:
        """Raise FormatError for a texture of too many pixels."""
        if width * height > MAX_PIXELS:
            raise FormatError(f"{self.name}: the texture {named} has {width} x {height} pixels", SMALLER)


def read_xml(path: Path) -> ET.Element:
    """Read an XML file; raises FormatError for what is not XML, is huge, or declares entities of its own."""
    if not path.is_file():
        raise FormatError(f"{path.name} is not a file", "Give the path of one file, not of a folder.")
    if path.stat().st_size > MAX_XML:
        raise FormatError(f"{path.name} is larger than {MAX_XML >> 20} MB", "That is no description of an object.")
    data = path.read_bytes()

    def refuse(*_: object) -> None:
        raise FormatError(
            f"{path.name} declares XML entities", "They can fill the memory and name other files: write them out."
        )

    scan = expat.ParserCreate()
    scan.EntityDeclHandler = refuse
    try:
        scan.Parse(data, True)
        return ET.fromstring(data)
    except (expat.ExpatError, ET.ParseError, ValueError, LookupError) as problem:
        raise FormatError(f"{path.name} is not XML ({problem})", "Check that it is a URDF or MJCF file.") from problem
