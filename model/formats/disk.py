"""How files are opened and replaced: every failure becomes one FormatError with file, place and hint."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from model.errors import FormatError

DAMAGED = "The file is damaged or incomplete: export or download it again."


def unreadable(path: Path, what: str, hint: str = DAMAGED) -> FormatError:
    """Build the error for a file that cannot be read; what says where and why."""
    return FormatError(f"Cannot read {path}: {what}", hint)


def open_file(path: Path) -> tuple[BinaryIO, int]:
    """Open a file for reading; returns it and its size in bytes.

    Raises FormatError where there is no such file, it is a folder or empty, or it may not be read.
    """
    try:
        if not path.exists():
            raise unreadable(path, "there is no such file", "Check the name and the folder.")
        if not path.is_file():
            raise unreadable(path, "it is not a file", "Give the path of one file, not of a folder.")
        size = path.stat().st_size
        if size == 0:
            raise unreadable(path, "the file is empty")
        return path.open("rb"), size
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte in it
        reason = getattr(error, "strerror", None) or str(error)
        raise unreadable(path, reason, "Check that you may read this file.") from error


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file as a whole or not at all: into a neighbour first, then renamed over the old one.

    Raises FormatError where the folder is absent, may not be written, or the disk is full.
    """
    neighbour = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with neighbour.open("xb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(neighbour, path)
        finally:
            neighbour.unlink(missing_ok=True)
    except OSError as error:
        hint = "Check that the folder exists, that you may write to it, and that the disk has room."
        raise FormatError(f"Cannot write {path}: {error.strerror or error}", hint) from error
