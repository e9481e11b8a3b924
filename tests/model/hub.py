"""A small server on loopback that answers as the hub and as SAM's server do, with every fault on request."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from model import weights
from model.progress import Progress, silent
from model.published import catalogue, download, fetch
from model.published.catalogue import APACHE, NC, NONE, File, Weights

REVISION = "0123456789abcdef0123456789abcdef01234567"
PAGE = b"<!DOCTYPE html><html><body>Please log in to the hotel's network</body></html>"


@dataclass
class Hub:
    """What the server holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)  # "owner/name/path" or "sam/path"
    url: str = ""
    status: int = 200  # of every answer
    page: bool = False  # a proxy's page instead of files
    page_for_list: bool = False
    cuts: list[int] = field(default_factory=list)  # bytes after which the next connections break
    ranges: bool = True
    told_size: int | None = None  # in the list
    told_sha256: str | None = None
    hold: threading.Event = field(default_factory=threading.Event)  # cleared: send nothing
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # path, range, authorization

    def list_of(self, repository: str) -> bytes:
        siblings = []
        for name, content in self.files.items():
            if not name.startswith(repository + "/"):
                continue
            path, size = name.removeprefix(repository + "/"), len(content)
            entry: dict[str, object] = {"rfilename": path, "size": self.told_size or size, "blobId": blob(content)}
            if Path(path).suffix in (".safetensors", ".ckpt", ".bin"):
                sha256 = self.told_sha256 or hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 130}
            siblings.append(entry)
        return json.dumps({"id": repository, "sha": REVISION, "siblings": siblings}).encode()


def blob(content: bytes) -> str:
    """Return Git's name of a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """Make the class that answers for a hub."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].lstrip("/")
            hub.asked.append((path, self.headers.get("Range", ""), self.headers.get("Authorization", "")))
            hub.hold.wait(10)
            if hub.status != 200:
                self.send_error(hub.status)
            elif path.startswith("api/models/"):
                page = hub.page_for_list
                self.answer(
                    PAGE if page else hub.list_of(path.removeprefix("api/models/")), "text/html" if page else ""
                )
            elif hub.page:
                self.answer(PAGE, "text/html")
            elif f"/resolve/{REVISION}/" in path:  # as the hub does for large files
                self.send_response(302)
                port = self.headers["Host"].rpartition(":")[2]
                self.send_header("Location", f"http://localhost:{port}/cdn/" + path.replace(f"resolve/{REVISION}/", ""))
                self.end_headers()
            else:
                self.file(hub.files.get(path.removeprefix("cdn/")))

        def answer(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def file(self, content: bytes | None) -> None:
            if content is None:
                self.send_error(404)
                return
            start, total = 0, len(content)
            if hub.ranges and self.headers.get("Range"):
                start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                if start >= total:
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(total - start))
            self.end_headers()
            end = start + hub.cuts.pop(0) if hub.cuts else total
            with suppress(ConnectionError):  # whoever asked has heard enough
                self.wfile.write(content[start:end])

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Answer on a free port of loopback until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(hub))
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.hold.set()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


MARKS = (("core.weight", (3, 5)),)
TENSORS = {"core.weight": torch.arange(15.0).reshape(3, 5), "bulk": torch.arange(60_000.0)}


def checkpoint(path: Path, content: object) -> bytes:
    """Return what torch.save writes."""
    torch.save(content, path)
    return path.read_bytes()


def tiny_catalogue(folder: Path) -> tuple[tuple[Weights, ...], dict[str, bytes]]:
    """Return entries of every kind of place in small, and the files of their servers."""
    tensors = save(TENSORS)
    lightning = checkpoint(folder / "lightning", {"state_dict": TENSORS, "epoch": 3})
    sam = checkpoint(folder / "sam", TENSORS)
    sam_file = File("sam_b.pth", len(sam), hashlib.sha256(sam).hexdigest())
    folder_files = ("model_index.json", "unet/config.json", "unet/net.safetensors", "tokenizer/merges.txt")
    entries = (
        Weights("one", "a file", "zero123", "they/one", (File("in/one.safetensors"),), "one.safetensors", NONE, MARKS),
        Weights("tuned", "a checkpoint", "zero123", "they/one", (File("in/tuned.ckpt"),), "tuned.ckpt", NONE, MARKS),
        Weights("many", "a folder", "pipeline", "we/many", tuple(map(File, folder_files)), "many-v1", NC, MARKS),
        Weights("sam_b", "from a server", "sam", None, (sam_file,), "sam_b.pth", APACHE, MARKS),
    )
    files = {
        "they/one/in/one.safetensors": tensors,
        "they/one/in/tuned.ckpt": lightning,
        "we/many/model_index.json": b'{"unet": 1}',
        "we/many/unet/config.json": b"{}",
        "we/many/unet/net.safetensors": tensors,
        "we/many/unet/net.fp16.safetensors": tensors,
        "we/many/unet/net.bin": b"a pickle",
        "we/many/tokenizer/merges.txt": b"#version: 0.2\n",
        "we/many/tokenizer/special_tokens_map.json": b"{}",
        "we/many/README.md": b"hello",
        "sam/sam_b.pth": sam,
    }
    return entries, files


@contextmanager
def tiny_world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Put the small catalogue, its server and an empty weights' folder in the place of the real ones."""
    entries, files = tiny_catalogue(folder)
    monkeypatch.setattr(catalogue, "CATALOGUE", entries)
    monkeypatch.setattr(weights, "data_folder", lambda: folder / "data")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serve(Hub(files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("SAM_ENDPOINT", f"{hub.url}/sam")
        yield hub


def bring(name: str, progress: Progress = silent) -> Path:
    """Plan and fetch."""
    return fetch.fetch(fetch.plan(weights.known(name)), progress)


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)
