"""Importing: found by name, size or tensors, verified, then linked or copied whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from model import weights
from model.errors import Cancelled, WeightsError
from model.published import adopt, verify
from tests.model.hub import Hub


@pytest.fixture
def downloads(hub: Hub, tmp_path: Path) -> Path:
    """Return a folder in which everything lies, as a browser and the hub's own cache would leave it."""
    folder = tmp_path / "downloads"
    for name, content in hub.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "holiday.jpg").write_bytes(b"not weights")
    (folder / "other.safetensors").write_bytes(save({"x": torch.zeros(3)}))
    (folder / "broken.safetensors").write_bytes(b"no")
    return folder


def take(path: Path, name: str | None = None) -> list[str]:
    found = adopt.search(path, name)
    for one in found:
        assert adopt.adopt(one) == weights.place(one.entry)
    return sorted(one.entry.name for one in found)


def refusal(path: Path, name: str | None = None) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        take(path, name)
    assert caught.value.hint
    return caught.value


def test_a_folder_is_searched_for_everything_known(downloads: Path) -> None:
    assert take(downloads) == ["many", "one", "sam_b", "tuned"]
    for entry in ("many", "one", "sam_b", "tuned"):
        assert verify.check(weights.known(entry))
    assert os.path.samefile(downloads / "sam/sam_b.pth", weights.find("sam_b"))  # a link costs no room
    assert (weights.find("many") / "tokenizer" / "special_tokens_map.json").is_file()


def test_links_of_the_hubs_cache_are_followed(downloads: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / "one.safetensors"
    snapshot.parent.mkdir()
    snapshot.symlink_to(downloads / "they/one/in/one.safetensors")
    assert take(snapshot.parent) == ["one"]
    assert not weights.find("one").is_symlink()


def test_another_disk_is_copied_from_and_can_be_cancelled(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    def stop(fraction: float, what: str) -> None:
        if what.startswith("Copying"):
            raise Cancelled

    monkeypatch.setattr(os, "link", no_links)
    (found,) = adopt.search(downloads / "sam" / "sam_b.pth")
    with pytest.raises(Cancelled):
        adopt.adopt(found, stop)
    assert not list(weights.folder().iterdir())
    assert take(downloads / "sam") == ["sam_b"]
    assert not os.path.samefile(downloads / "sam/sam_b.pth", weights.find("sam_b"))
    monkeypatch.setattr(adopt, "SPARE_BYTES", 1 << 60)
    assert "no room" in refusal(downloads / "sam").title


def test_a_file_of_another_name_is_told_by_its_size_or_tensors(downloads: Path) -> None:
    (downloads / "sam" / "sam_b.pth").rename(downloads / "sam" / "model(1).pth")
    assert take(downloads / "sam") == ["sam_b"]
    (downloads / "they/one/in/tuned.ckpt").rename(downloads / "holiday.ckpt")
    assert "both have the same tensors" in refusal(downloads / "holiday.ckpt").title
    assert take(downloads / "holiday.ckpt", "tuned") == ["tuned"]


def test_what_cannot_be_told_is_asked_for(downloads: Path, tmp_path: Path) -> None:
    folder = tmp_path / "alike"
    folder.mkdir()
    (downloads / "they/one/in/one.safetensors").rename(folder / "model.safetensors")
    for path in (folder, folder / "model.safetensors"):
        assert "--as" in refusal(path).hint
    assert take(folder / "model.safetensors", "one") == ["one"]


def test_what_is_not_whole_is_not_taken(downloads: Path, tmp_path: Path) -> None:
    sam = downloads / "sam" / "sam_b.pth"
    content = bytearray(sam.read_bytes())
    content[100_000] ^= 1
    sam.write_bytes(content)
    assert "checksum" in refusal(downloads / "sam").title
    sam.write_bytes(content[:-9])
    assert "checksum" in refusal(sam).title
    (downloads / "we/many/unet/config.json").write_bytes(b"<html>")
    assert "no JSON" in refusal(downloads / "we").title
    (downloads / "we/many/unet/config.json").unlink()
    assert "is missing" in refusal(downloads / "we/many", "many").title
    assert not weights.place(weights.known("sam_b")).exists()


def test_a_good_file_is_not_lost_to_a_bad_one(downloads: Path) -> None:
    take(downloads / "they" / "one" / "in" / "one.safetensors")
    bad = downloads / "bad.safetensors"
    bad.write_bytes(save({"core.weight": torch.zeros(4)}))
    assert "not made for 'one'" in refusal(bad, "one").title
    assert verify.check(weights.known("one"))


def test_nothing_to_import_is_told(downloads: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "absent", downloads / "holiday.jpg", downloads / "other.safetensors"):
        refusal(path)
    assert "no in/one.safetensors" in refusal(empty, "one").title
    assert "is one file" in refusal(downloads / "holiday.jpg", "many").title
    assert "no weights 'nonsense'" in refusal(empty, "nonsense").title


def test_half_a_fetch_goes_where_the_whole_is_imported(downloads: Path) -> None:
    part = weights.folder() / "sam_b.pth.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    assert take(downloads / "sam") == ["sam_b"] and not part.exists()


def test_what_lies_there_already_stays(downloads: Path) -> None:
    take(downloads / "sam")
    assert take(weights.folder()) == ["sam_b"]
