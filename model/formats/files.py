"""Which splat formats there are; a file's ending chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.errors import FormatError
from model.formats import ply, splat
from model.gaussians import Gaussians


@dataclass(frozen=True)
class Format:
    """One splat format: how it is named, read and written."""

    name: str
    ending: str  # lower case, with the dot
    read: Callable[[Path], Gaussians]
    write: Callable[[Path, Gaussians], list[str]]  # returns what the format cannot hold


FORMATS = (
    Format("3D Gaussian PLY", ".ply", ply.read, ply.write),
    Format("splat", ".splat", splat.read, splat.write),
)


def format_of(path: Path) -> Format:
    """Return the format that a file's ending names. Raises FormatError, naming the known ones."""
    for known in FORMATS:
        if path.name.lower().endswith(known.ending):
            return known
    endings = ", ".join(known.ending for known in FORMATS)
    raise FormatError(f"{path}: '{path.suffix}' is not a splat format", f"Known endings: {endings}.")


def read(path: Path | str) -> Gaussians:
    """Read a splat file of any known format. Raises FormatError."""
    return format_of(Path(path)).read(Path(path))


def write(path: Path | str, gaussians: Gaussians) -> list[str]:
    """Write a splat file; returns one line for each thing that its format cannot hold. Raises FormatError."""
    return format_of(Path(path)).write(Path(path), gaussians)
