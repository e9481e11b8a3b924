"""Verify: read weights to the end and compare them with what is published and with the network that will use them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from model import weights
from model.errors import WeightsError
from model.formats.disk import write_atomically
from model.progress import Progress, silent
from model.published import catalogue
from model.published.catalogue import Weights, gigabytes
from model.published.file import AGAIN, MAX_HEADER, PART, Listing, damaged, ending, listing, unreadable

BLOCK = 4 << 20
SUMS = "SHA256SUMS"  # in the weights' folder, as `sha256sum -c` reads it
DRAGS = ("unet.drag_position_net.", "unet.conv_merges.")  # what PartRM adds to LGM
OPTIONAL = ("lpips", "unet.alpha")  # a loss that belongs to no network; a number that the released code never uses
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}


def check(entry: Weights, progress: Progress = silent) -> str:
    """Read all files of an entry; returns what was found in one sentence. Raises WeightsError, Cancelled."""
    now = weights.status(entry)
    if now.state != "present":
        raise weights.missing(entry, now)
    recorded, found, known = _recorded(), "", True
    for number, (file, path) in enumerate(zip(entry.files, weights.file_places(entry).values())):
        expected = file.sha256 or recorded.get(path.relative_to(weights.folder()).as_posix())
        check_sum(path, digest(path, share(progress, number, len(entry.files))), expected)
        known = known and expected is not None
        found = check_content(entry, path) or found
    sums = "checksum as published" if entry.files[0].sha256 else "unchanged since it came here"
    return f"{found}, {sums if known else 'no checksum is known'}"


def check_sum(path: Path, found: str, expected: str | None) -> None:
    """Compare checksums. Raises WeightsError."""
    if expected is not None and found != expected:
        title = f"{path} is not as published (its checksum is {found[:12]}… instead of {expected[:12]}…)"
        raise WeightsError(title, f"It is damaged, or another version. {AGAIN}")


def check_content(entry: Weights, path: Path) -> str:
    """Compare the tensors of one file with its network's; returns what was found, for files with tensors.

    Raises WeightsError where some are missing or of another shape, or the file belongs to another entry.
    """
    if ending(path) == ".json":
        try:
            if path.stat().st_size > MAX_HEADER:
                raise damaged(path, f"{path.stat().st_size:,} bytes for a few words")
            json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise damaged(path, "it is no JSON") from error
        except OSError as error:
            raise unreadable(path, error) from error
    if ending(path) in (".json", ".txt"):
        return ""
    found, wanted = listing(path), expected_tensors(entry, path)
    shown = path.with_name(path.name.removesuffix(PART))
    wrong = [name for name, shape in wanted.items() if name not in found or found[name][1] != shape]
    if wrong:
        raise WeightsError(f"{shown} was not made for '{entry.name}'", _difference(found, wanted, wrong))
    if entry.kind == "lgm" and any(name.startswith(DRAGS) for name in found):
        raise WeightsError(f"{shown} was not made for '{entry.name}'", f"It knows drags:{_looks_like(found)} {AGAIN}")
    dtypes = {dtype for dtype, _ in found.values() if dtype in DTYPES}
    if entry.dtype is not None and dtypes != {entry.dtype}:
        raise WeightsError(
            f"{shown} holds {_names(dtypes)} where '{entry.name}' is {DTYPES[entry.dtype]}",
            "LGM is published in both; give each file the name of its kind.",
        )
    unused = [name for name in found if name not in wanted and not name.startswith(OPTIONAL)]
    more = f", {len(unused)} of them unused" if unused and entry.kind in ("partrm", "lgm") else ""
    return f"{len(found)} tensors in {_names(dtypes)}{more}"


def expected_tensors(entry: Weights, path: Path) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes that a file must have: all of PartRM's and LGM's, the landmarks of the others."""
    if entry.kind == "pipeline" and path.parent.name != "unet":
        return {}
    if entry.kind not in ("partrm", "lgm"):
        return dict(entry.landmarks)
    import torch

    from model.network.partrm import PartRM

    with torch.device("meta"):
        tensors = PartRM("big").state_dict()
    drags = () if entry.kind == "partrm" else DRAGS
    return {n: tuple(t.shape) for n, t in tensors.items() if not n.startswith((*OPTIONAL, *drags))}


def recognise(path: Path) -> list[Weights]:
    """Return the entries whose landmarks a file has: none, one, or several of one shape. Raises WeightsError."""
    return _alike(listing(path))


def digest(path: Path, progress: Progress = silent) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits; asks at each block whether to go on. Raises WeightsError."""
    sha256, done = hashlib.sha256(), 0
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                progress(done / size, f"Checking {path.name}: {gigabytes(done)} of {gigabytes(size)}")
                sha256.update(block)
                done += len(block)
    except OSError as error:
        raise unreadable(path, error) from error
    return sha256.hexdigest()


def share(progress: Progress, number: int, of: int) -> Progress:
    """Return a progress for one of several pieces of work of about the same length."""
    return lambda fraction, what: progress((number + fraction) / of, what)


def record(path: Path, sha256: str) -> None:
    """Note the checksum of a file in the weights' folder that was found right, for later checks."""
    sums = _recorded() | {path.relative_to(weights.folder()).as_posix(): sha256}
    text = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    write_atomically(weights.folder() / SUMS, lambda stream: stream.write(text.encode()))


def _recorded() -> dict[str, str]:
    try:
        lines = (weights.folder() / SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {name: value for value, _, name in (line.partition("  ") for line in lines) if len(value) == 64}


def _difference(found: Listing, wanted: dict[str, tuple[int, ...]], wrong: list[str]) -> str:
    first = wrong[0]
    have = f"is {list(found[first][1])} instead of {list(wanted[first])}" if first in found else "is missing"
    return f"{len(wrong)} of {len(wanted)} tensors do not fit; {first} {have}.{_looks_like(found)} {AGAIN}"


def _looks_like(found: Listing) -> str:
    names = " or ".join(entry.name for entry in _alike(found))
    return f" It looks like {names}." if names else ""


def _alike(found: Listing) -> list[Weights]:
    dtypes = {dtype for dtype, _ in found.values()}
    fits = [e for e in catalogue.CATALOGUE if _fits(e, found) and (e.dtype is None or dtypes == {e.dtype})]
    return [e for e in fits if e.kind == "partrm"] or fits  # LGM's landmarks are a part of PartRM's


def _fits(entry: Weights, found: Listing) -> bool:
    return not entry.folder and all(found.get(name, ("", ()))[1] == shape for name, shape in entry.landmarks)


def _names(dtypes: set[str]) -> str:
    return " and ".join(sorted(DTYPES.get(dtype, dtype) for dtype in dtypes)) or "no known kind of number"
