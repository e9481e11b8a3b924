"""Weights: which there are, where they lie, whether they are whole, and reading them without running what is inside."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model.errors import WeightsError
from model.published import catalogue
from model.published.catalogue import Weights, gigabytes
from model.published.file import AGAIN, PART, damaged, outline, unreadable

if TYPE_CHECKING:  # PyTorch takes seconds to import; a list of what is there needs none
    import torch

EMBEDDED = ("surface", "part", "completion")
BUNDLED = Path(__file__).resolve().parent.parent / "resources" / "weights"


@dataclass(frozen=True)
class Status:
    """Whether weights are on this computer. `present` means that every file is there with a sound header and end."""

    state: Literal["present", "incomplete", "damaged", "absent"]
    here: int = 0  # bytes on this computer
    detail: str = ""  # what is missing or wrong


def data_folder() -> Path:
    """Return the folder for what belongs to the user and is not a setting; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "partrm_viewer"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partrm_viewer"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "partrm_viewer"


def folder() -> Path:
    """Return the folder of fetched and imported weights; it need not exist."""
    return data_folder() / "weights"


def place(known: Weights) -> Path:
    """Return where weights of the catalogue lie or would lie: a file, or a folder for those of several files."""
    return folder() / known.place


def file_places(known: Weights) -> dict[str, Path]:
    """Return the place of each file, by its path in the repository."""
    at = place(known)
    return {file.path: at / file.path if known.folder else at for file in known.files}


def embedded(name: str) -> Path:
    """Return the place of bundled weights: "surface", "part" or "completion". Whether the file is there, load tells."""
    assert name in EMBEDDED, name
    return BUNDLED / f"{name}.safetensors"


def program() -> str:
    """Return how the program was called, for lines that the user can copy."""
    return "partrm-viewer" if Path(sys.argv[0]).stem == "partrm-viewer" else "python main.py"


def known(name: str) -> Weights:
    """Return the entry of the catalogue. Raises WeightsError for any other name."""
    for entry in catalogue.CATALOGUE:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in catalogue.CATALOGUE)
    raise WeightsError(f"There are no weights '{name}'", f"Known are {names}.")


def status(entry: Weights) -> Status:
    """Look whether weights are here and whole, by names, sizes and headers; `verify` reads them to the end."""
    try:
        return _status(entry)
    except OSError as error:  # a folder that may not be looked into
        return Status("damaged", 0, f"{place(entry)} cannot be read: {error.strerror or error}")


def _status(entry: Weights) -> Status:
    here, missing, wrong = 0, [], ""
    sizes = {file.path: file.size for file in entry.files}
    for name, path in file_places(entry).items():
        part = path.with_name(path.name + PART)
        if path.is_file():
            here += path.stat().st_size
            wrong = wrong or _fault(path, sizes[name])
        else:
            missing.append(name)
            here += part.stat().st_size if part.is_file() else 0
    if wrong:
        return Status("damaged", here, wrong)
    if not missing:
        return Status("present", here)
    if not here:
        return Status("absent")
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    detail = f"{', '.join(missing[:3])}{more} missing" if entry.folder else f"{gigabytes(here)} have come"
    return Status("incomplete", here, detail)


def _fault(path: Path, size: int | None) -> str:
    """Say what is wrong with a file at first sight; nothing where nothing is."""
    found = path.stat().st_size
    if found == 0 or (size is not None and found != size):
        return f"{path.name} holds {found:,} bytes" + (f" where {size:,} are published" if size else "")
    if path.suffix in (".json", ".txt"):
        return ""
    try:
        outline(path)
    except WeightsError as error:
        return error.title
    return ""


def find(name_or_path: str | Path) -> Path:
    """Find weights by their name in the catalogue, or by the path of a file; a folder for those of several files.

    Raises WeightsError: where they are absent or not whole, with what is missing, how large it is, where it comes
    from, under which licence, and how to get it.
    """
    for entry in catalogue.CATALOGUE:
        if str(name_or_path) == entry.name:
            now = status(entry)
            if now.state == "present":
                return place(entry)
            raise missing(entry, now)
    with suppress(OSError, RuntimeError):  # no name that a file could have, no such user
        path = Path(name_or_path).expanduser()
        if path.is_file():
            return path
    names = ", ".join(("embedded", *(entry.name for entry in catalogue.CATALOGUE if entry.kind == "partrm")))
    raise WeightsError(f"There are no weights '{name_or_path}'", f"Give one of {names}, or the path of a file.")


def missing(entry: Weights, now: Status) -> WeightsError:
    """Build the error for weights that are needed and not there, or not whole."""
    which = entry.origin + ("" if entry.folder else f"/{entry.files[0].path}")
    what = {
        "absent": f"The weights '{entry.name}' are not on this computer",
        "incomplete": f"The weights '{entry.name}' are not complete ({gigabytes(now.here)} of {entry.size_text} here)",
        "damaged": f"The weights '{entry.name}' are damaged ({now.detail})",
    }[now.state]
    instead = " Or go on without them: --weights embedded." if entry.kind == "partrm" else ""
    return WeightsError(
        what,
        f"Needed is {which}, size: {entry.size_text}, licence: {entry.licence.short}. {entry.licence.plain} "
        f"Fetch it: {program()} weights fetch {entry.name} (or Weights… in the window). "
        f"If you have it already: {program()} weights import PATH.{instead}",
    )


def load(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file into CPU tensors; the size is checked first and nothing in it is executed.

    Raises WeightsError where the file is absent, damaged, too large or of another kind.
    """
    if path.suffix.lower() != ".safetensors":
        hint = "Only .safetensors files are read: other kinds can run programs when they are opened."
        raise WeightsError(f"{path} is not a safetensors file", hint)
    bundled = BUNDLED in path.resolve().parents
    again = f"Install again, or run: git checkout -- {path}" if bundled else AGAIN
    outline(path, again)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, ValueError, OverflowError) as error:
        raise damaged(path, str(error), again) from error
    except OSError as error:
        raise unreadable(path, error) from error
