"""Fetch: bring published weights to this computer, file by file, to be stopped and gone on with at any byte.

What is in a repository, with sizes and checksums, huggingface_hub tells. The bytes come over plain HTTPS, from the hub
as from SAM's server: `hf_hub_download` cannot be stopped between two blocks, and tells its progress to a terminal only.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from model import weights
from model.errors import WeightsError
from model.progress import Progress, silent
from model.published import download, verify
from model.published.catalogue import SAM_SERVER, File, Weights, gigabytes
from model.published.download import Remote

SPARE_BYTES = 256 << 20  # what must stay free on the disk
KINDS = (".json", ".txt", ".safetensors")  # of the files that are taken from a repository of many


@dataclass(frozen=True)
class Plan:
    """What a fetch will bring: the files that are not here yet, or not whole."""

    entry: Weights
    files: tuple[tuple[Remote, Path], ...]  # what, and where it will lie

    @property
    def size(self) -> int:
        """Return the bytes of the files."""
        return sum(remote.size for remote, _ in self.files)

    @property
    def todo(self) -> int:
        """Return the bytes that have not come yet."""
        return sum(max(remote.size - download.size(download.part(path)), 0) for remote, path in self.files)


def plan(entry: Weights, progress: Progress = silent) -> Plan:
    """Ask the server what there is, and read what is here; nothing is fetched.

    HF_ENDPOINT and SAM_ENDPOINT name other servers. Raises WeightsError, Cancelled.
    """
    progress(0.0, f"Asking {entry.origin}")
    if entry.repository is None:
        server = os.environ.get("SAM_ENDPOINT", SAM_SERVER).rstrip("/")
        remotes = {f.path: Remote(f"{server}/{f.path}", f.size or 0, f.sha256) for f in entry.files}
    else:
        remotes = _on_hub(entry, entry.repository)
    at = weights.place(entry)
    files = [(remote, at / name if entry.folder else at) for name, remote in remotes.items()]
    todo = [
        (remote, path)
        for number, (remote, path) in enumerate(files)
        if not download.is_whole(remote, path, verify.share(progress, number, len(files)))
    ]
    return Plan(entry, tuple(todo))


def fetch(wanted: Plan, progress: Progress = silent) -> Path:
    """Bring the files of a plan; returns the place of the weights. Each appears under its name whole and checked.

    progress is called at every block. After Cancelled, or a WeightsError, what has come is kept as NAME.part and the
    next fetch goes on from there, unless it is not the file.
    """
    at = weights.place(wanted.entry)
    try:
        at.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(at.parent).free
        if free < wanted.todo + SPARE_BYTES:
            need = f"{gigabytes(wanted.todo)} are still to come, {gigabytes(free)} are free"
            raise download.no_room(at, need)
        tell = _Teller(wanted, progress)
        for remote, path in wanted.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = download.download(remote, download.part(path), tell)
            verify.check_content(wanted.entry, part.path)
            os.replace(part.path, path)
            verify.record(path, part.sha256)
            tell.before += remote.size
    except OSError as error:
        raise download.no_room(at, error.strerror or str(error)) from error
    return at


class _Teller:
    """Tells how far a plan is, how fast it goes and how long it will take."""

    def __init__(self, wanted: Plan, progress: Progress) -> None:
        self.name, self.size, self.progress = wanted.entry.name, wanted.size, progress
        self.before = 0  # bytes of the files that are done
        self.since: float | None = None
        self.came = 0

    def __call__(self, here: int, came: int) -> None:
        now = time.monotonic()
        if came and self.since is None:
            self.since = now
        self.came += came
        done = self.before + here
        what = f"{self.name}: {gigabytes(done)} of {gigabytes(self.size)}"
        if self.since is not None and now - self.since > 1:
            rate = self.came / (now - self.since)
            what += f", {gigabytes(round(rate))}/s, {_duration((self.size - done) / rate)} left"
        self.progress(min(done / max(self.size, 1), 1.0), what)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else "hours"


def _on_hub(entry: Weights, repository: str) -> dict[str, Remote]:
    """Ask the hub for the files of an entry, by their path in the repository."""
    try:
        from huggingface_hub import HfApi, get_token, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        hint = "Run: pip install 'partrm-viewer[full]'"
        raise WeightsError(f"'{entry.name}' needs the package huggingface_hub to be fetched", hint) from error
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        info = HfApi(endpoint=endpoint).model_info(repository, files_metadata=True, timeout=download.TIMEOUT_S)
        there = {sibling.rfilename: sibling for sibling in info.siblings or []}
    except HfHubHTTPError as error:
        raise download.refused(f"{endpoint}/{repository}", error.response.status_code) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise download.not_the_file(endpoint, "it answers with something that is no list of files") from error
    except Exception as error:  # the package has changed its HTTP client twice: any failure is one to get an answer
        raise download.unreachable(endpoint, error) from error
    token = get_token()
    remotes = {}
    for file in _chosen(entry, there):
        found = there.get(file.path)
        if found is None or not isinstance(found.size, int):
            raise download.refused(f"{endpoint}/{repository}/{file.path}", 404)
        sha256 = found.lfs.sha256 if found.lfs is not None else None
        if file.sha256 not in (None, sha256):
            title = f"{file.path} in {repository} is no longer the file that this program knows"
            raise WeightsError(title, f"Its checksum was {file.sha256}. {download.OTHER_WAY}")
        url = hf_hub_url(repository, file.path, revision=info.sha, endpoint=endpoint)
        blob = found.blob_id if sha256 is None else None
        remotes[file.path] = Remote(url, found.size, sha256, blob, token)
    return remotes


def _chosen(entry: Weights, there: dict[str, Any]) -> list[File]:
    """Return the files of an entry and, in the folders of one that has folders, what else lies there of known kinds."""
    if not entry.folder:
        return list(entry.files)
    folders = {PurePosixPath(file.path).parent for file in entry.files} - {PurePosixPath(".")}
    listed = {file.path for file in entry.files}
    more = [
        File(name)
        for name in there
        if (path := PurePosixPath(name)).parent in folders
        and path.suffix in KINDS
        and len(path.suffixes) == 1  # no half-precision doubles, model.fp16.safetensors
        and name not in listed
        and not {"\\", ":"} & set(name)  # a path on some systems
    ]
    return [*entry.files, *sorted(more, key=lambda file: file.path)]
