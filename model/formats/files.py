"""Which splat formats there are; a file's ending chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.errors import FormatError
from model.formats import gltf, ksplat, ply, sog, splat, spz
from model.gaussians import Gaussians

Read = Callable[[Path], Gaussians]
Write = Callable[[Path, Gaussians], list[str]]  # returns what the format cannot hold


@dataclass(frozen=True)
class Format:
    """One splat format: how it is named, read and written."""

    name: str
    ending: str  # lower case, with the dot
    read: Read
    write: Write | None  # None: other programs write it


FORMATS = (
    Format("3D Gaussian PLY", ".ply", ply.read, ply.write),
    Format("splat", ".splat", splat.read, splat.write),
    Format("SPZ", ".spz", spz.read, spz.write),
    Format("SOG", ".sog", sog.read, sog.write),
    Format("binary glTF", ".glb", gltf.read, gltf.write),
    Format("glTF", ".gltf", gltf.read, None),
    Format("ksplat", ".ksplat", ksplat.read, None),
)


def format_of(path: Path) -> Format:
    """Return the format that a file's ending names. Raises FormatError, naming the known ones."""
    return _chosen(path, FORMATS, "is not a splat format")


def writer_of(path: Path) -> Write:
    """Return what writes a file of this ending. Raises FormatError where it is unknown or read only."""
    known = _chosen(path, tuple(known for known in FORMATS if known.write), "cannot be written")
    assert known.write is not None
    return known.write


def _chosen(path: Path, formats: tuple[Format, ...], otherwise: str) -> Format:
    for known in formats:
        if path.name.lower().endswith(known.ending):
            return known
    endings = ", ".join(known.ending for known in formats)
    raise FormatError(f"{path}: '{path.suffix}' {otherwise}", f"Known endings: {endings}.")


def read(path: Path | str) -> Gaussians:
    """Read a splat file of any known format. Raises FormatError."""
    return format_of(Path(path)).read(Path(path))


def write(path: Path | str, gaussians: Gaussians) -> list[str]:
    """Write a splat file; returns one line for each thing that its format cannot hold. Raises FormatError."""
    return writer_of(Path(path))(Path(path), gaussians)
