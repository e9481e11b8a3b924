"""Weight files from outside: what is in them is listed and read without running anything that they hold."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import WeightsError

if TYPE_CHECKING:  # PyTorch takes seconds to import; a list of what is there needs none
    import torch

MAX_BYTES = 16 << 30  # several times the largest file the program knows
MAX_HEADER = 32 << 20  # of a safetensors file, and the pickle of a checkpoint: both are read whole
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
CHECKPOINTS = (".ckpt", ".pth", ".pt", ".bin")
PART = ".part"  # added to the name of a file that has come only in part
AGAIN = "Download or copy the file again."
Listing = dict[str, tuple[str, tuple[int, ...]]]  # tensor name -> dtype as safetensors writes it, shape


def ending(path: Path) -> str:
    """Return the ending that tells what kind of file it is or, for a part, will be."""
    return Path(path.name.removesuffix(PART)).suffix.lower()


def damaged(path: Path, why: str, hint: str = AGAIN) -> WeightsError:
    """Build the error for a file that is not what its name says."""
    return WeightsError(f"{path} is damaged ({why})", hint)


def unreadable(path: Path, error: OSError) -> WeightsError:
    """Build the error for a file that the system does not hand out."""
    return WeightsError(f"{path} cannot be read ({error.strerror or error})", "Check that you may read it.")


def outline(path: Path, hint: str = AGAIN) -> Listing | None:
    """Look at a file's header and end, not at its numbers; None for a checkpoint, whose list `listing` reads.

    Raises WeightsError where it is absent, cut short, too large or of another kind.
    """
    try:
        if not path.is_file():
            raise WeightsError(f"There is no weight file {path}", hint)
        if path.stat().st_size > MAX_BYTES:
            size = path.stat().st_size / 2**30
            raise WeightsError(f"{path} is too large ({size:.1f} GB)", "Check that it holds weights for this program.")
        if ending(path) == ".safetensors":
            return _safetensors_header(path, hint)
        if ending(path) in CHECKPOINTS:
            _check_zip(path, hint)
            return None
    except OSError as error:
        raise unreadable(path, error) from error
    raise WeightsError(f"{path} is no weight file", f"Known are .safetensors, {', '.join(CHECKPOINTS)}.")


def listing(path: Path) -> Listing:
    """List the tensors of a file without taking memory for them. Raises WeightsError."""
    found = outline(path)
    if found is not None:
        return found
    import torch

    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}
    return {
        name: (names.get(tensor.dtype, str(tensor.dtype).removeprefix("torch.")), tuple(tensor.shape))
        for name, tensor in load_checkpoint(path).items()
    }


def load_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a .ckpt, .pth or .pt file: all of them, or those under `state_dict` where it has that.

    The file is mapped, not copied: a tensor costs memory when it is used. A pickle that names anything but tensors and
    plain values is refused before it can run it. Raises WeightsError.
    """
    outline(path)
    import torch

    try:
        whole: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted is None:
            raise damaged(path, "its table of contents makes no sense") from error
        raise WeightsError(
            f"{path} wants to run '{wanted[1]}' when it is opened, so it was not opened",
            "A file of weights holds numbers only. Do not open this one with other programs either, unless you know "
            "who made it; get the file from its authors.",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # the readers under torch.load meet damage with many kinds of exception
        raise damaged(path, str(error).partition("\n")[0]) from error
    tensors = whole.get("state_dict", whole) if isinstance(whole, dict) else {}
    kept = {name: t for name, t in tensors.items() if isinstance(t, torch.Tensor)} if isinstance(tensors, dict) else {}
    if not kept:
        raise WeightsError(f"{path} holds no weights", AGAIN)
    return kept


def _safetensors_header(path: Path, hint: str) -> Listing:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise damaged(path, f"it holds {size:,} bytes, its header claims {length:,}", hint)
        if length > MAX_HEADER:
            raise damaged(path, f"a header of {length:,} bytes", hint)
        try:
            header = json.loads(stream.read(length))
            found, end = _tensors(header)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise damaged(path, "its header makes no sense", hint) from error
    if 8 + length + end != size:
        raise damaged(path, f"it holds {size:,} bytes where {8 + length + end:,} are needed", hint)
    if not found:
        raise WeightsError(f"{path} holds no weights", hint)
    return found


def _tensors(header: dict[str, Any]) -> tuple[Listing, int]:
    """Return the tensors of a header and where the last one ends; ValueError where they do not fill the file."""
    found: Listing = {}
    spans = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        count = 1
        for side in shape:
            if type(side) is not int or side < 0:
                raise ValueError(f"{name} has the shape {shape}")
            count *= side
        if dtype in BITS and end - start != count * BITS[dtype] // 8:
            raise ValueError(f"{name} is not as long as its shape says")
        spans.append((start, end))
        found[name] = (str(dtype), shape)
    at = 0
    for start, end in sorted(spans):
        if start != at:
            raise ValueError("tensors overlap, or leave a gap")
        at = end
    return found, at


def _check_zip(path: Path, hint: str) -> None:
    """Check that a checkpoint is a whole archive as PyTorch writes it, with nothing packed in it that unpacks large."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:  # the second: a packing unknown to zipfile
        raise damaged(path, "it is cut short, or not what PyTorch writes", hint) from error
    table = [member for member in members if member.filename.endswith("/data.pkl")]
    if not table or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise damaged(path, "it is not an archive as PyTorch writes it", hint)
    if table[0].file_size > MAX_HEADER:
        raise damaged(path, f"a table of contents of {table[0].file_size:,} bytes", hint)
