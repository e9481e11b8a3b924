"""Dataset inspect: an object's tree in words and its sheet of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PIL import Image

from model.formats.disk import write_atomically
from model.partdrag4d.articulated import load
from model.partdrag4d.inspect import sheet, tree


def inspect(source: str, out: Path | None, up: Literal["auto", "y", "z"] = "auto") -> str:
    """Describe the object of a file, a folder or `procedural:SEED`, and draw it where `out` is given.

    Raises FormatError for an object that cannot be read, PartRMError where a package is missing.
    """
    made = load(source, up)
    if out is not None:
        picture = Image.fromarray(sheet(made))
        write_atomically(out, lambda stream: picture.save(stream, "PNG"))
    return tree(made)
