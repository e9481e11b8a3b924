"""Download: one file over HTTPS into a part beside its place, going on where an earlier try ended."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlsplit

from model.errors import WeightsError
from model.progress import Progress
from model.published import verify
from model.published.catalogue import gigabytes
from model.published.file import CHECKPOINTS, PART, ending

BLOCK = 1 << 18
TIMEOUT_S = 10.0  # without one byte
TRIES = 4  # in a row that bring nothing
PAUSE_S = 2.0  # between them
GO_ON = "What has come so far is kept: fetch again to go on."
OTHER_WAY = "Download it with a browser, then run: weights import PATH."


@dataclass(frozen=True)
class Remote:
    """One file as its server describes it."""

    url: str
    size: int
    sha256: str | None = None
    blob: str | None = None  # Git's name of a small file, which has no SHA-256
    token: str | None = None


class Tell(Protocol):
    """Called at every block with the bytes that are here and those that just came; may raise Cancelled."""

    def __call__(self, here: int, came: int) -> None: ...


class Broken(WeightsError):
    """The connection failed, not the file: it is worth trying again."""


def part(path: Path) -> Path:
    """Return the place of a file that has not come to its end."""
    return path.with_name(path.name + PART)


def size(path: Path) -> int:
    """Return a file's bytes; 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


def is_whole(remote: Remote, path: Path, progress: Progress) -> bool:
    """Tell whether a file is here, to the last bit."""
    return (
        path.is_file()
        and size(path) == remote.size
        and (remote.sha256 is None or verify.digest(path, progress) == remote.sha256)
        and (remote.blob is None or _blob(path) == remote.blob)
    )


class Part:
    """A file that grows, and its checksum."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self._hash = path, 0, hashlib.sha256()

    def read(self, tell: Tell) -> None:
        """Take what an earlier try has left."""
        with self.path.open("rb") as stream:
            while block := stream.read(verify.BLOCK):
                self._hash.update(block)
                self.size += len(block)
                tell(self.size, 0)

    def clear(self) -> None:
        """Throw away what has come."""
        self.path.unlink(missing_ok=True)
        self.size, self._hash = 0, hashlib.sha256()

    def add(self, stream: BinaryIO, block: bytes) -> None:
        """Write a block. Raises WeightsError where the disk is full, or somebody else writes here too."""
        try:
            if os.fstat(stream.fileno()).st_size != self.size:
                hint = "Wait for it, or stop it, and fetch again."
                raise WeightsError(f"{self.path.stem} is being fetched by another window or program", hint)
            stream.write(block)
            stream.flush()
        except OSError as error:
            raise no_room(self.path, error.strerror or str(error)) from error
        self._hash.update(block)
        self.size += len(block)

    @property
    def sha256(self) -> str:
        """Return the checksum of what is here."""
        return self._hash.hexdigest()


def download(remote: Remote, path: Path, tell: Tell) -> Part:
    """Bring a file to a path, and check its size and checksum.

    A broken connection is taken up again, until TRIES in a row bring nothing. Raises WeightsError, Cancelled; what has
    come stays, unless it is not the file.
    """
    here = Part(path)
    if size(path) <= remote.size and path.is_file():
        here.read(tell)
    else:
        here.clear()
    failures = 0
    while here.size < remote.size or not path.exists():
        before = here.size
        try:
            _stream(remote, here, tell)
        except Broken:
            failures = failures + 1 if here.size <= before else 0
            if failures >= TRIES:
                raise
            _pause(here, tell)
    if remote.sha256 not in (None, here.sha256) or (remote.blob is not None and _blob(path) != remote.blob):
        here.clear()
        raise WeightsError(
            f"What {_host(remote.url)} sent is not what it promised: the checksum of {path.stem} is wrong",
            f"It was thrown away. Fetch again; should this happen twice, something on the way changes it. {OTHER_WAY}",
        )
    return here


def _stream(remote: Remote, here: Part, tell: Tell) -> None:
    """Add what the server sends, until the file is whole. Raises WeightsError, Broken, Cancelled."""
    host, start = _host(remote.url), here.size
    request = urllib.request.Request(remote.url, headers={"Accept-Encoding": "identity", "User-Agent": "partrm-viewer"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    if remote.token:  # not for the server that a redirect leads to
        request.add_unredirected_header("Authorization", f"Bearer {remote.token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_certificates()) as answer:
            if not _goes_on(remote, answer, start):
                here.clear()
            block = answer.read1(BLOCK)
            if here.size == 0:
                _check_beginning(remote, here.path, block)
            with here.path.open("ab") as stream:
                while block:
                    here.add(stream, block[: remote.size - here.size])
                    tell(here.size, len(block))
                    block = answer.read1(BLOCK) if here.size < remote.size else b""
        if here.size < remote.size:
            raise Broken(f"The connection to {host} broke after {gigabytes(here.size)}", GO_ON)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the server's file ends before our part does
            here.clear()
            raise unreachable(remote.url, "it has less than what has come before") from error
        raise refused(remote.url, error.code) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise unreachable(remote.url, getattr(error, "reason", error)) from error


def _goes_on(remote: Remote, answer: Any, start: int) -> bool:
    """Tell whether an answer goes on at `start` (or begins anew); refuses one that is not about this file."""
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise not_the_file(remote.url, "it sends a web page instead of the file")
    goes_on = answer.status == 206
    if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise not_the_file(remote.url, "it sends another part of the file than was asked for")
    length = answer.headers.get("Content-Length", "")
    wanted = remote.size - (start if goes_on else 0)
    if length.isdigit() and int(length) != wanted:
        raise not_the_file(remote.url, f"it offers {int(length):,} bytes instead of {wanted:,}")
    return goes_on or start == 0


def _check_beginning(remote: Remote, path: Path, block: bytes) -> None:
    kind = ending(path)
    if (
        (kind in CHECKPOINTS and not block.startswith(b"PK"))
        or (kind == ".safetensors" and len(block) > 8 and block[8:9] != b"{")
        or block.lstrip()[:1] == b"<"
    ):
        raise not_the_file(remote.url, f"what it sends does not begin as a {kind} file does")


def _pause(here: Part, tell: Tell) -> None:
    end = time.monotonic() + PAUSE_S
    while time.monotonic() < end:
        tell(here.size, 0)
        time.sleep(0.05)


def _certificates() -> ssl.SSLContext:
    try:  # comes with huggingface_hub; Python alone does not see every system's own authorities
        context: ssl.SSLContext = import_module("truststore").SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    except ImportError:
        return ssl.create_default_context()
    return context


def _blob(path: Path) -> str:
    """Return Git's name of a small file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _host(url: str) -> str:
    return urlsplit(url).netloc


def refused(url: str, code: int) -> WeightsError:
    """Build the error for a server that answers, but not with the file."""
    if code in (401, 403):
        hint = "Look at its page in a browser: accept its terms there, log in with `hf auth login`, then fetch again."
        return WeightsError(f"{_host(url)} does not hand out {_name(url)} without a login ({code})", hint)
    if code in (404, 410):
        hint = f"It was moved or taken back. Where you find it elsewhere: {OTHER_WAY[0].lower()}{OTHER_WAY[1:]}"
        return WeightsError(f"{_host(url)} has no {_name(url)} ({code})", hint)
    if code == 407:
        return WeightsError(f"A proxy on the way to {_host(url)} asks for a login (407)", "Set HTTPS_PROXY.")
    if code == 429 or code >= 500:
        return Broken(f"{_host(url)} is too busy ({code})", f"Try again in a while. {GO_ON}")
    return WeightsError(f"{_host(url)} refuses {_name(url)} ({code})", OTHER_WAY)


def unreachable(url: str, reason: object) -> Broken:
    """Build the error for a server that does not answer."""
    if isinstance(reason, TimeoutError) or "timed out" in str(reason):
        return Broken(f"{_host(url)} has not answered for {TIMEOUT_S:.0f} s", GO_ON)
    why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return Broken(f"{_host(url)} cannot be reached ({why})", f"Check the connection, and HTTPS_PROXY if set. {GO_ON}")


def not_the_file(url: str, why: str) -> WeightsError:
    """Build the error for an answer that is something else: the page of a proxy or of a hotel's network."""
    hint = f"A proxy or a login page stands in the way: open {url} in a browser to see it. {OTHER_WAY}"
    return WeightsError(f"{_host(url)} does not send {_name(url)}: {why}", hint)


def no_room(path: Path, why: str) -> WeightsError:
    """Build the error for a disk that does not take the file."""
    return WeightsError(f"{path} cannot be written ({why})", f"Make room, or check that you may write there. {GO_ON}")


def _name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2] or "a list of files"
