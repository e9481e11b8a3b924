"""Numbered PLY files as the frames of one motion: name + digits + .ply, as SuperSplat and Brush play them."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from model.errors import FormatError
from model.formats import files, ply
from model.gaussians import Gaussians
from model.progress import Progress, silent

FRAME = re.compile(r"(.*?)([0-9]+)((?:\.compressed)?\.ply)", re.DOTALL)  # SuperSplat's isPlySequence


class OnDisk(Sequence[Gaussians]):
    """Gaussians that are read when they are asked for: a long sequence would not fit into memory."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], Gaussians] = files.read) -> None:
        self._paths = paths
        self._read = lru_cache(maxsize=1)(read)  # who shows a file for a while reads it once

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: Any) -> Any:  # an index gives Gaussians, a slice another sequence: nobody asks for one
        return self._read(self._paths[index])


def files_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files named; a folder stands for the numbered PLY files in it, in their order. Raises FormatError."""
    return tuple(file for path in paths for file in (_only(path) if os.path.isdir(path) else (path,)))


def _only(folder: Path) -> tuple[Path, ...]:
    """Return the one sequence that a folder holds."""
    found = sorted(folder.glob("*.ply"))
    if not found:
        raise FormatError(f"{folder} holds no PLY files.", "Name a folder of numbered PLY files, or the files.")
    frames = frames_of(found[0])
    if len(frames) < len(found):
        title = f"{folder} holds PLY files of more than one name: {found[0].name}, {found[-1].name}."
        raise FormatError(title, "Name the files that are meant.")
    return frames


def frames_of(path: Path) -> tuple[Path, ...]:
    """Return the files of the sequence that a file belongs to, in numerical order; the file itself where it is alone.

    The others stand in the same folder and differ only in their digits.
    """
    match = FRAME.fullmatch(path.name)
    if match is None:
        return (path,)
    frames = _frames(path.parent, match[1], match[3])
    return frames if path in frames else (path,)


def _frames(folder: Path, stem: str, ending: str) -> tuple[Path, ...]:
    """Return a folder's frames of one name, in numerical order; none where the folder cannot be read."""
    found = []
    try:
        for path in folder.iterdir():
            match = FRAME.fullmatch(path.name)
            if match and (match[1], match[3]) == (stem, ending) and path.is_file():
                found.append((int(match[2]), path.name, path))
    except (OSError, ValueError):  # ValueError: a name with a zero byte in it
        return ()
    return tuple(path for _, _, path in sorted(found))


def write(
    folder: Path, sets: Sequence[Gaussians], stem: str = "frame", progress: Progress = silent
) -> tuple[Path, ...]:
    """Write frame0001.ply, frame0002.ply, ... into a folder; returns their paths.

    The folder is made where it is absent. All are written beside the old ones before the first takes an old one's
    place. progress is called before each and may raise Cancelled: the old ones then stay. Raises FormatError where
    there is nothing to write, a file cannot be written, or the folder has frames of this name that the new ones do not
    replace: they would play on behind them.
    """
    names = [f"{stem}{number:04d}.ply" for number in range(1, len(sets) + 1)]
    if not names:
        raise FormatError(f"Cannot write frames into {folder}: there are none", "Give at least one set of Gaussians.")
    match = FRAME.fullmatch(names[0])
    left = [p.name for p in _frames(folder, match[1], match[3]) if p.name not in names] if match else []
    if left:
        hint = "Choose another folder, or move the old frames away."
        raise FormatError(f"Cannot write {len(names)} frames into {folder}: {left[0]} would play behind them", hint)
    neighbour = folder / f".{stem}.{secrets.token_hex(4)}"
    ours = not folder.exists()
    try:
        neighbour.mkdir(parents=True)
        for i, (name, gaussians) in enumerate(zip(names, sets, strict=True)):
            progress(i / len(names), f"Writing {name}")
            ply.write(neighbour / name, gaussians)
        progress(1.0, "Done")  # the last moment to stop
        for name in names:
            (neighbour / name).replace(folder / name)
        ours = False
    except OSError as error:
        hint = "Check that you may write to the folder and that the disk has room."
        raise FormatError(f"Cannot write frames into {folder}: {error.strerror or error}", hint) from error
    finally:
        shutil.rmtree(neighbour, ignore_errors=True)
        if ours:  # nothing came of it
            with suppress(OSError):
                folder.rmdir()
    return tuple(folder / name for name in names)
