"""SAM: its files, its answers (against segment_anything's own), what is computed once, and how it stops."""

from __future__ import annotations

import builtins
import contextlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor  # type: ignore[import-untyped]
from segment_anything.modeling.image_encoder import Attention as TheirAttention  # type: ignore[import-untyped]

from model.errors import Cancelled, DragError, WeightsError
from model.network import sam as network
from model.network.sam import Attention, load_sam
from model.stages.segment_sam import KEPT, SamSegmenter
from model.stages.state import Click
from tests.model.tiny_sam import save_tiny_sam, tiny_sam

H, W = 45, 60
AT = Click((25.3, 20.7))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sam(tmp_path_factory.mktemp("sam") / "tiny.pth")


@pytest.fixture
def segmenter(path: Path) -> SamSegmenter:
    return SamSegmenter(load_sam(path), torch.float32)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (H, W, 3), dtype=np.uint8)


def theirs(*clicks: Click, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ask segment_anything's own predictor; masks (K, H, W) and scores (K,)."""
    predictor = SamPredictor(tiny_sam())
    predictor.set_image(picture())
    at = np.floor([c.at_px for c in clicks])
    masks, scores, _ = predictor.predict(at, np.array([c.adds for c in clicks]), **more)
    return masks, scores


def test_one_click_gives_the_public_predictors_three_masks_smallest_first(segmenter: SamSegmenter) -> None:
    masks, scores = theirs(AT)
    order = np.argsort(masks.sum((1, 2)), kind="stable")
    found = segmenter.outlines(picture(), [AT])
    assert len(found) == 3 and found[0].mask.shape == (H, W)
    for outline, k in zip(found, order, strict=True):
        assert np.array_equal(outline.mask, masks[k])
        assert outline.score == pytest.approx(float(np.clip(scores[k], 0, 1)), abs=1e-5)


def test_more_clicks_go_on_from_the_outline_before(segmenter: SamSegmenter) -> None:
    first = segmenter.outlines(picture(), [AT])[0]
    assert first.logits is not None
    clicks = (AT, Click((5.0, 40.0), adds=False))
    masks, _ = theirs(*clicks, mask_input=first.logits[None], multimask_output=False)
    found = segmenter.outlines(picture(), clicks, before=first)
    assert np.array_equal(found[0].mask, masks[0])
    areas = [o.mask.sum() for o in found[1:]]
    assert areas == sorted(areas)
    both_wanted = segmenter.outlines(picture(), (AT, Click((5.0, 40.0))), before=first)
    assert not np.array_equal(both_wanted[0].mask, found[0].mask)


@pytest.mark.parametrize(("size", "heads"), [(3, 3), (8, 2)])
def test_attention_is_what_segment_anything_computes(size: int, heads: int) -> None:
    torch.manual_seed(0)
    slow = TheirAttention(24, heads, use_rel_pos=True, input_size=(size, size)).eval().requires_grad_(False)
    for table in (slow.rel_pos_h, slow.rel_pos_w):
        torch.nn.init.normal_(table)
    x = torch.randn(4, size, size, 24)
    torch.testing.assert_close(Attention(slow)(x), slow(x))


def test_what_the_encoder_computes_in_agrees_with_float32(path: Path, segmenter: SamSegmenter) -> None:
    rough = SamSegmenter(load_sam(path), torch.bfloat16).embed(picture())
    exact = segmenter.embed(picture())
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.03 * exact.norm()


def test_an_image_is_read_once_and_the_last_three_are_kept(segmenter: SamSegmenter) -> None:
    blocks = 0

    def count(fraction: float, what: str) -> None:
        nonlocal blocks
        blocks += 1

    for seed in (0, 0, 1, 2, 0):
        segmenter.embed(picture(seed), count)  # the same picture, though another array
    assert blocks == 3 * 4
    segmenter.embed(picture(3), count)  # the one that was asked for longest ago goes: 1
    assert [segmenter.knows(picture(k)) for k in range(4)] == [True, False, True, True] and KEPT == 3
    segmenter.outlines(picture(0), [AT], progress=count)
    assert blocks == 4 * 4


def test_stops_within_one_block_and_goes_on_from_there(segmenter: SamSegmenter, path: Path) -> None:
    told: list[float] = []

    def stop(fraction: float, what: str) -> None:
        told.append(fraction)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.embed(picture(), stop)
    assert told == [0, 0.25, 0.5] and not segmenter.knows(picture())
    whole = segmenter.embed(picture(), lambda f, _: told.append(f))
    assert told[3:] == [0.5, 0.75]
    torch.testing.assert_close(whole, SamSegmenter(load_sam(path), torch.float32).embed(picture()))


def test_outlines_stay_within_the_object(segmenter: SamSegmenter) -> None:
    within = np.zeros((H, W), bool)
    within[10:30, 10:40] = True
    for outline in segmenter.outlines(picture(), [AT], within):
        assert not (outline.mask & ~within).any()


def test_nothing_outlined_is_explained(segmenter: SamSegmenter) -> None:
    with pytest.raises(DragError) as caught:
        segmenter.outlines(picture(), [AT], np.zeros((H, W), bool))
    assert "paint" in caught.value.hint
    segmenter.outlines(picture(), [AT])  # and it goes on


@pytest.mark.parametrize("size", [(1, 1), (300, 7), (64, 64)])
def test_pictures_of_any_shape(segmenter: SamSegmenter, size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    with contextlib.suppress(DragError):  # random weights may outline nothing
        assert segmenter.outlines(image, [Click((0.5, 0.5))])[0].mask.shape == size
    assert segmenter.knows(image)


def tensors() -> dict[str, torch.Tensor]:
    return dict(tiny_sam().state_dict())


def without(d: dict[str, torch.Tensor]) -> None:
    del d["mask_decoder.iou_token.weight"]


def beyond(d: dict[str, torch.Tensor]) -> None:
    d["mask_decoder.hf_token.weight"] = torch.zeros(1, 16)  # as HQ-SAM, a relative, has it


def reshaped(d: dict[str, torch.Tensor]) -> None:
    d["image_encoder.neck.1.weight"] = torch.zeros(17)


def no_size(d: dict[str, torch.Tensor]) -> None:
    d["image_encoder.pos_embed"] = torch.zeros(1, 0, 0, 24)


def flat(d: dict[str, torch.Tensor]) -> None:
    d["image_encoder.blocks.0.attn.rel_pos_h"] = torch.zeros(5)


def other_network(d: dict[str, torch.Tensor]) -> None:
    d.clear()
    d["unet.conv_in.weight"] = torch.zeros(3, 3)


def larger_than_it_is(d: dict[str, torch.Tensor]) -> None:
    d["image_encoder.pos_embed"] = torch.zeros(1, 1, 1, 1).expand(1, 60000, 60000, 24)


def whole_numbers(d: dict[str, torch.Tensor]) -> None:
    d["image_encoder.pos_embed"] = torch.zeros(1, 8, 8, 24, dtype=torch.int64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without, "lacks mask_decoder.iou_token.weight"),
        (beyond, "beyond SAM's mask_decoder.hf_token.weight"),
        (reshaped, "another shape image_encoder.neck.1.weight"),
        (no_size, ""),
        (flat, ""),
        (other_network, ""),
        (larger_than_it_is, ""),
        (whole_numbers, ""),
    ],
)
def test_other_tensors_are_refused(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None], words: str
) -> None:
    changed = tensors()
    change(changed)
    torch.save(changed, tmp_path / "x.pth")
    refusal(tmp_path / "x.pth", "does not hold SAM's weights", words)


def refusal(path: Path, *words: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load_sam(path)
    assert path.name in caught.value.title and caught.value.hint
    for word in words:
        assert word in caught.value.title


def test_damaged_files_are_refused(tmp_path: Path, path: Path) -> None:
    good = path.read_bytes()
    for name, content in {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "tail": good[1000:],
        "page": b"<html>please log in</html>",
        "pickle": pickle.dumps([1, 2]),
    }.items():
        file = tmp_path / f"{name}.pth"
        file.write_bytes(content)
        refusal(file)
    refusal(tmp_path / "absent.pth")
    refusal(tmp_path)


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return builtins.exec, ("import pathlib; pathlib.Path('ran').touch()",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**tensors(), "x": Code()}, "code.pth", _use_new_zipfile_serialization=zipped)
    refusal(Path("code.pth"))
    assert not Path("ran").exists()


def test_too_large_a_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_BYTES", 1000)
    refusal(path, "too large")


def test_half_precision_files_are_read(tmp_path: Path) -> None:
    torch.save({k: v.half() for k, v in tensors().items()}, tmp_path / "half.pth")
    sam = load_sam(tmp_path / "half.pth")
    assert {t.dtype for t in sam.parameters()} == {torch.float32}
