"""Verifying: every byte is read, every tensor compared, and nothing in a file is run."""

from __future__ import annotations

import json
import pickle
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from model import weights
from model.errors import Cancelled, WeightsError
from model.network.partrm import PartRM
from model.published import catalogue, verify
from model.published.file import listing, load_checkpoint
from tests.model.hub import TENSORS, Bomb, Hub, bring, checkpoint


def refusal(name: str) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        verify.check(weights.known(name))
    assert caught.value.hint
    return caught.value


def flip(path: Path, at: int) -> None:
    """Change one byte."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_one_changed_byte_is_found(hub: Hub) -> None:
    for name in ("one", "tuned", "sam_b"):
        flip(bring(name), 100_000)
        assert "checksum" in refusal(name).title


def test_a_short_file_is_damaged_at_first_sight(hub: Hub) -> None:
    for name in ("one", "tuned", "sam_b"):
        path = bring(name)
        path.write_bytes(path.read_bytes()[:-7])
        assert weights.status(weights.known(name)).state == "damaged"
        with pytest.raises(WeightsError) as caught:
            weights.find(name)
        assert "damaged" in caught.value.title and f"weights fetch {name}" in caught.value.hint


def test_a_folder_with_a_missing_file_is_incomplete(hub: Hub) -> None:
    (bring("many") / "unet" / "config.json").unlink()
    now = weights.status(weights.known("many"))
    assert now.state == "incomplete" and "unet/config.json" in now.detail
    assert "not complete" in refusal("many").title


def test_verifying_can_be_cancelled(hub: Hub) -> None:
    bring("one")

    def stop(fraction: float, what: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        verify.check(weights.known("one"), stop)


def hollow(path: Path, tensors: dict[str, tuple[int, ...]], dtype: str = "F32") -> Path:
    """Write a safetensors file of any size whose numbers are a hole in the file."""
    header, at = {}, 0
    for name, shape in tensors.items():
        size = torch.Size(shape).numel() * (4 if dtype == "F32" else 2)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + at)
    return path


@pytest.fixture(scope="module")
def partrm() -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the released network."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in PartRM("big").state_dict().items()}


def test_the_released_files_shapes_are_known(tmp_path: Path, partrm: dict[str, tuple[int, ...]]) -> None:
    entry = weights.known("partdrag4d")
    path = hollow(tmp_path / "a.safetensors", partrm)
    assert abs(path.stat().st_size - (entry.estimate or 0)) < 100_000
    assert verify.check_content(entry, path) == "425 tensors in float32"
    assert {e.name for e in verify.recognise(path)} == {"partdrag4d", "objaverse_hq"}
    without = {name: shape for name, shape in partrm.items() if name != "unet.alpha"} | {"lpips.x": (3,)}
    assert "425 tensors in float16" in verify.check_content(entry, hollow(tmp_path / "b.safetensors", without, "F16"))


def test_missing_and_misshapen_tensors_are_named(tmp_path: Path, partrm: dict[str, tuple[int, ...]]) -> None:
    entry, path = weights.known("partdrag4d"), tmp_path / "a.safetensors"
    for tensors, said in (
        ({n: s for n, s in partrm.items() if n != "conv.bias"}, "1 of 424 tensors do not fit; conv.bias is missing"),
        (partrm | {"conv.bias": (15,)}, "conv.bias is [15] instead of [14]"),
    ):
        with pytest.raises(WeightsError) as caught:
            verify.check_content(entry, hollow(path, tensors))
        assert said in caught.value.hint


def test_lgm_is_told_from_partrm_and_half_from_single(tmp_path: Path, partrm: dict[str, tuple[int, ...]]) -> None:
    lgm = {n: s for n, s in partrm.items() if not n.startswith(("unet.alpha", "unet.drag_", "unet.conv_merges"))}
    path = hollow(tmp_path / "a.safetensors", lgm)
    assert len(lgm) == 376 and [e.name for e in verify.recognise(path)] == ["lgm_fixrot"]
    half = hollow(tmp_path / "b.safetensors", lgm, "F16")
    assert [e.name for e in verify.recognise(half)] == ["lgm_fp16_fixrot"]
    assert verify.check_content(weights.known("lgm_fixrot"), path)
    with pytest.raises(WeightsError) as caught:
        verify.check_content(weights.known("lgm_fixrot"), half)
    assert "float16" in caught.value.title
    with pytest.raises(WeightsError) as caught:
        verify.check_content(weights.known("partdrag4d"), path)
    assert "looks like lgm_fixrot" in caught.value.hint
    whole = hollow(tmp_path / "c.safetensors", partrm)
    with pytest.raises(WeightsError) as caught:
        verify.check_content(weights.known("lgm_fixrot"), whole)
    assert "looks like partdrag4d or objaverse_hq" in caught.value.hint
    more = hollow(tmp_path / "d.safetensors", partrm | {"ema.step": (1,)})
    assert "426 tensors in float32, 1 of them unused" in verify.check_content(weights.known("partdrag4d"), more)


@pytest.mark.slow  # imports both packages and builds the large networks, without numbers
def test_the_other_networks_landmarks_are_those_of_their_packages() -> None:
    sam = import_module("segment_anything").sam_model_registry
    for size in ("b", "l", "h"):
        with torch.device("meta"):
            tensors = sam[f"vit_{size}"]().state_dict()
        fits = [e.name for e in catalogue.CATALOGUE if e.kind == "sam" and has(tensors, e.landmarks)]
        assert fits == [f"sam_vit_{size}"]
    heads = [5, 10, 20, 20]
    with torch.device("meta"):  # as Stable Diffusion 2 is built
        unet = import_module("diffusers").UNet2DConditionModel(
            cross_attention_dim=1024, attention_head_dim=heads, use_linear_projection=True
        )
    assert has(unet.state_dict(), catalogue.UNET_LANDMARKS)


def has(tensors: dict[str, torch.Tensor], landmarks: tuple[catalogue.Landmark, ...]) -> bool:
    return all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in landmarks)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "it ran", tmp_path / "evil.ckpt"
    checkpoint(path, {"state_dict": {**TENSORS, "x": Bomb(mark)}})
    for read in (load_checkpoint, listing):
        with pytest.raises(WeightsError) as caught:
            read(path)
        assert "wants to run" in caught.value.title and not mark.exists()
    path.write_bytes(pickle.dumps(Bomb(mark)))  # not even an archive
    with pytest.raises(WeightsError):
        load_checkpoint(path)
    assert not mark.exists()


def test_checkpoints_of_other_kinds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    whole = checkpoint(path, {"state_dict": TENSORS})
    assert load_checkpoint(path).keys() == TENSORS.keys()
    contents: list[bytes] = [b"", b"PK", whole[:-30], whole[: len(whole) // 2], b"<html>" * 99]
    empty: tuple[object, ...] = ([1, 2], {"a": 1}, {"state_dict": {}})
    contents += [checkpoint(path, content) for content in empty]
    for broken in contents:
        path.write_bytes(broken)
        with pytest.raises(WeightsError):
            load_checkpoint(path)


def test_packed_archives_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(50 << 20))
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert "as PyTorch writes it" in caught.value.title


def test_headers_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    good: dict[str, object] = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    entries: tuple[object, ...] = (
        good | {"shape": [1 << 40]},
        good | {"shape": [-2, -3]},
        good | {"data_offsets": [0, 20]},
        good | {"data_offsets": [8, 32]},
        good | {"shape": "x"},
        {},
        [],
        7,
    )
    for entry in entries:
        text = json.dumps({"a": entry}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(24))
        with pytest.raises(WeightsError):
            listing(path)
    path.write_bytes(save({"a": torch.zeros(2)}))
    assert listing(path) == {"a": ("F32", (2,))}


def test_half_precision_is_read_where_single_is_usual(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3, dtype=torch.float16)}, tmp_path / "a.safetensors")
    assert listing(tmp_path / "a.safetensors") == {"a": ("F16", (3,))}
