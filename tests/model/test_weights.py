"""Weight files: found by name or path, read safely, refused with a hint."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from model import weights
from model.errors import WeightsError
from model.published.catalogue import CATALOGUE, Weights


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.arange(6.0).reshape(2, 3)}, tmp_path / "a.safetensors")
    assert torch.equal(weights.load(tmp_path / "a.safetensors")["a"], torch.arange(6.0).reshape(2, 3))


def refusal(path: Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    assert path.name in caught.value.title and caught.value.hint
    return caught.value


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(100)}, tmp_path / "good.safetensors")
    good = (tmp_path / "good.safetensors").read_bytes()
    for name, content in {"a": b"", "b": b"abc", "c": good[:-50], "d": b"\xff" * 8 + good, "e": good + b"x"}.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        refusal(path)
    refusal(tmp_path / "absent.safetensors")
    assert "git checkout" in refusal(weights.BUNDLED / "absent.safetensors").hint


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.ckpt")
    assert "run programs" in refusal(tmp_path / "a.ckpt").hint


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200), st.binary(min_size=1, max_size=9))
def test_mutated_files_are_read_or_refused(tmp_path: Path, place: int, new: bytes) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    raw = bytearray(len(header).to_bytes(8, "little") + header + bytes(24))
    raw[place : place + len(new)] = new
    path = tmp_path / "a.safetensors"
    path.write_bytes(bytes(raw))
    try:
        assert weights.load(path)
    except WeightsError as error:
        assert error.hint


def test_published_weights_are_looked_for_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    with pytest.raises(WeightsError) as caught:
        weights.find("partdrag4d")
    for said in ("pretrained/partdrag4d.safetensors", "1.76 GB", "GasaiYU/PartRM", "none stated", "--weights embedded"):
        assert said in caught.value.hint
    assert "weights fetch partdrag4d" in caught.value.hint
    place = tmp_path / "weights" / "partdrag4d.safetensors"
    place.parent.mkdir()
    save_file({"a": torch.zeros(1)}, place)
    assert weights.find("partdrag4d") == place
    assert weights.find(place) == place


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_entry_says_what_a_user_must_know(
    entry: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    assert entry.what and entry.licence.plain and entry.landmarks and entry.files
    assert weights.status(entry).state == "absent"
    with pytest.raises(WeightsError) as caught:
        weights.find(entry.name)
    assert entry.origin in caught.value.hint and ("embedded" in caught.value.hint) == (entry.kind == "partrm")
    assert all(file.sha256 is None or len(file.sha256) == 64 for file in entry.files)


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    now = weights.status(weights.known("partdrag4d"))
    assert now.state == "damaged" and "Permission denied" in now.detail


def test_no_two_entries_share_a_place() -> None:
    assert len({entry.place for entry in CATALOGUE}) == len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(WeightsError) as caught:
        weights.find("nonsense")
    assert "objaverse_hq" in caught.value.hint and "embedded" in caught.value.hint


def test_embedded_weights_have_their_places() -> None:
    assert [weights.embedded(name).name for name in weights.EMBEDDED] == [f"{n}.safetensors" for n in weights.EMBEDDED]


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x.safetensors", "x" * 5000])
def test_names_that_no_file_can_have_are_refused_like_others(name: str) -> None:
    with pytest.raises(WeightsError, match="There are no weights"):
        weights.find(name)
