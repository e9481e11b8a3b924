"""Weights: which there are, where they lie, and reading them without running what is inside."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from model.errors import WeightsError

EMBEDDED = ("surface", "part", "completion")
BUNDLED = Path(__file__).resolve().parent.parent / "resources" / "weights"
MAX_BYTES = 8 << 30  # several times the largest network the program knows


@dataclass(frozen=True)
class Weights:
    """Weights that others have published; the program does not bring them."""

    name: str
    repository: str  # on Hugging Face
    file: str  # in the repository
    licence: str
    what: str


PARTRM_LICENCE = "none stated by its authors: you fetch and use them knowingly"
CATALOGUE = (
    Weights(
        "partdrag4d",
        "GasaiYU/PartRM",
        "pretrained/partdrag4d.safetensors",
        PARTRM_LICENCE,
        "PartRM trained on PartDrag-4D: furniture and appliances",
    ),
    Weights(
        "objaverse_hq",
        "GasaiYU/PartRM",
        "pretrained/objaverse_hq.safetensors",
        PARTRM_LICENCE,
        "PartRM trained on Objaverse-Animation-HQ: animated objects of many kinds",
    ),
)


def data_folder() -> Path:
    """Return the folder for what belongs to the user and is not a setting; it need not exist."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "partrm_viewer"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "partrm_viewer"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "partrm_viewer"


def embedded(name: str) -> Path:
    """Return the place of bundled weights: "surface", "part" or "completion". Whether the file is there, load tells."""
    assert name in EMBEDDED, name
    return BUNDLED / f"{name}.safetensors"


def find(name_or_path: str | Path) -> Path:
    """Find PartRM weights by their name in the catalogue, or by the path of a file.

    Raises WeightsError, with where they were looked for.
    """
    for known in CATALOGUE:
        if str(name_or_path) == known.name:
            place = data_folder() / "weights" / Path(known.file).name
            if place.is_file():
                return place
            hint = (
                f"Download {known.file} from the Hugging Face repository {known.repository} to {place}. "
                f"Licence: {known.licence}."
            )
            raise WeightsError(f"The weights '{known.name}' are not on this computer", hint)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    names = ", ".join(("embedded", *(known.name for known in CATALOGUE)))
    raise WeightsError(f"There are no weights '{name_or_path}'", f"Give one of {names}, or the path of a file.")


def load(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file into CPU tensors; the size is checked first and nothing in it is executed.

    Raises WeightsError where the file is absent, damaged, too large or of another kind.
    """
    bundled = BUNDLED in path.resolve().parents
    again = f"Install again, or run: git checkout -- {path}" if bundled else "Download the file again."
    if path.suffix.lower() != ".safetensors":
        hint = "Only .safetensors files are read: other kinds can run programs when they are opened."
        raise WeightsError(f"{path} is not a safetensors file", hint)
    try:
        if not path.is_file():
            raise WeightsError(f"There is no weight file {path}", again)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path} is too large ({size / 2**30:.1f} GB)", "Check that it holds PartRM's weights.")
        with path.open("rb") as stream:
            header = int.from_bytes(stream.read(8), "little")
        if size < 8 or header > size - 8:
            raise WeightsError(f"{path} is damaged (it holds {size:,} bytes, its header claims {header:,})", again)
        tensors = load_file(path)
    except (SafetensorError, ValueError, OverflowError) as error:
        raise WeightsError(f"{path} is damaged ({error})", again) from error
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror or error})", "Check that you may read it."
        ) from error
    if not tensors:
        raise WeightsError(f"{path} holds no weights", again)
    return tensors
