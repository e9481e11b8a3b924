"""Adopt: take weights that lie elsewhere on this computer into the app's folder, once they have been verified."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model import weights
from model.errors import WeightsError
from model.progress import Progress, silent
from model.published import catalogue, verify
from model.published.catalogue import Weights, gigabytes
from model.published.fetch import SPARE_BYTES
from model.published.file import CHECKPOINTS, PART, ending

MAX_LOOKED_AT = 200_000  # files of a folder that is searched
WHICH = "Say which they are: weights import PATH --as NAME"


@dataclass(frozen=True)
class Found:
    """Weights of the catalogue, somewhere: a file, or the folder that holds the files."""

    entry: Weights
    path: Path


def search(path: Path, name: str | None = None, progress: Progress = silent) -> list[Found]:
    """Find weights of the catalogue in a file or under a folder, by names, sizes and tensors.

    `name` says what they are, where that cannot be told. Raises WeightsError where nothing is found, Cancelled.
    """
    path = path.expanduser()
    if not path.exists():
        raise WeightsError(f"There is no file or folder {path}", "Check the name.")
    if name is not None:
        return [_as(weights.known(name), path)]
    if path.is_file():
        return [Found(_told(path), path)]
    found: dict[str, Found] = {}
    alike: list[str] = []
    for place in _walk(path, progress):
        for entry in catalogue.CATALOGUE:
            if _is(entry, place):
                found.setdefault(entry.name, Found(entry, place))
                break
        else:
            fits = _by_tensors(place)
            if len(fits) == 1:
                found.setdefault(fits[0].name, Found(fits[0], place))
            elif fits:
                alike.append(f"{place} ({' or '.join(entry.name for entry in fits)})")
    if not found and alike:
        raise WeightsError(f"{alike[0]} cannot be told by its tensors", f"{WHICH}.")
    if not found:
        raise WeightsError(
            f"No weights that this program knows are under {path}",
            f"They are known by the names of their files. Where a file has another name, give its own path. {WHICH}",
        )
    return list(found.values())


def adopt(found: Found, progress: Progress = silent) -> Path:
    """Verify weights and put them into the app's folder, by a hard link where it can be; returns their place.

    What lay there before is replaced only by what is whole. Raises WeightsError, Cancelled.
    """
    entry, target = found.entry, weights.place(found.entry)
    if target.exists() and found.path.resolve() == target.resolve():
        return target
    pairs = [(found.path / f.path if entry.folder else found.path, f) for f in entry.files]
    for number, (source, file) in enumerate(pairs):
        if not source.is_file():
            raise WeightsError(f"{found.path} is not whole: {file.path} is missing", "Copy or download it again.")
        tell = verify.share(progress, number, len(pairs))
        sha256 = verify.digest(source, verify.share(tell, 0, 2))
        verify.check_sum(source, sha256, file.sha256)
        verify.check_content(entry, source)
        place = target / file.path if entry.folder else target
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _put(source.resolve(), place, verify.share(tell, 1, 2))
        except OSError as error:
            hint = "Make room on the disk, or check that you may read the one and write the other."
            raise WeightsError(f"{source} cannot be put into {place.parent} ({error.strerror})", hint) from error
        place.with_name(place.name + PART).unlink(missing_ok=True)  # of a fetch that is no longer needed
        verify.record(place, sha256)
    if entry.folder:
        _put_rest(found.path, target, entry)
    return target


def _put(source: Path, place: Path, progress: Progress) -> None:
    """Link or copy a file under a name of its own, then rename it."""
    neighbour = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.link(source, neighbour)
        except OSError:  # on another disk, or one without links
            _copy(source, neighbour, progress)
        os.replace(neighbour, place)
    finally:
        neighbour.unlink(missing_ok=True)


def _copy(source: Path, target: Path, progress: Progress) -> None:
    size, done = source.stat().st_size, 0
    if shutil.disk_usage(target.parent).free < size + SPARE_BYTES:
        raise WeightsError(f"There is no room for {source.name} ({gigabytes(size)})", "Make room on the disk.")
    with source.open("rb") as reading, target.open("xb") as writing:
        while block := reading.read(verify.BLOCK):
            progress(done / size, f"Copying {source.name}: {gigabytes(done)} of {gigabytes(size)}")
            writing.write(block)
            done += len(block)
        writing.flush()
        os.fsync(writing.fileno())


def _put_rest(source: Path, target: Path, entry: Weights) -> None:
    """Copy the small files that lie beside the known ones."""
    listed = {Path(file.path) for file in entry.files}
    for folder in {path.parent for path in listed} - {Path()}:
        for path in (source / folder).glob("*"):
            if path.suffix in (".json", ".txt") and folder / path.name not in listed:
                shutil.copyfile(path, target / folder / path.name)


def _as(entry: Weights, path: Path) -> Found:
    """Take a path for an entry: itself, or the one place under it that has the entry's file name."""
    if path.is_file() != entry.folder:
        return Found(entry, path)
    if entry.folder:
        raise WeightsError(f"'{entry.name}' is a folder of files, {path} is one file", "Give the folder.")
    inside = [place for place in _walk(path, silent) if _is(entry, place)]
    if not inside:
        raise WeightsError(f"There is no {entry.files[0].path} under {path}", "Give the path of the file itself.")
    return Found(entry, inside[0])


def _walk(root: Path, progress: Progress) -> Iterator[Path]:
    """Yield every file and folder under a folder, and the folder itself; links to folders are not followed."""
    looked = 0
    for folder, names, files in os.walk(root):
        names.sort()
        yield Path(folder)
        for file in sorted(files):
            yield Path(folder) / file
        looked += len(files)
        progress(0.0, f"Looking for weights: {looked:,} files")
        if looked > MAX_LOOKED_AT:
            raise WeightsError(f"{root} holds too many files to search", "Give the folder that the weights lie in.")


def _is(entry: Weights, path: Path) -> bool:
    """Tell by its name, or its exact size, whether a path is an entry's."""
    if entry.folder:
        return all((path / file.path).is_file() for file in entry.files)
    file = entry.files[0]
    named = path.name in (Path(file.path).name, entry.place)
    kind = Path(file.path).suffix == path.suffix
    return path.is_file() and (named or (kind and path.stat().st_size == file.size))


def _by_tensors(path: Path) -> list[Weights]:
    """Return what a safetensors file of any name may be; a checkpoint would have to be opened for that."""
    try:
        return verify.recognise(path) if path.suffix == ".safetensors" and path.is_file() else []
    except WeightsError:  # someone else's file, and damaged
        return []


def _told(path: Path) -> Weights:
    """Tell what one file is: by its name, else by its size and its tensors. Raises WeightsError."""
    for entry in catalogue.CATALOGUE:
        if _is(entry, path):
            return entry
    if ending(path) not in (".safetensors", *CHECKPOINTS):
        raise WeightsError(f"{path} is no weight file", f"Known are .safetensors, {', '.join(CHECKPOINTS)}.")
    fits = verify.recognise(path)
    if len(fits) == 1:
        return fits[0]
    names = " or ".join(entry.name for entry in fits)
    if fits:
        raise WeightsError(f"{path} holds {names}: both have the same tensors", f"{WHICH}.")
    raise WeightsError(f"{path} holds tensors of no network that this program knows", "Was it made for another one?")
