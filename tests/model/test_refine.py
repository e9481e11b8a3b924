"""The part under a click, refined: by SAM's outlines, by more clicks, by paint; with SAM and without."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from model.drag import Drag
from model.errors import Cancelled, DragError, WeightsError
from model.network.embedded import Completion, PartNet
from model.network.sam import load_sam
from model.progress import silent
from model.stages.pipeline import Pipeline, find_sam, load_network
from model.stages.predict import by_part, surface_picture
from model.stages.refine import PartFinder
from model.stages.segment_sam import SamSegmenter
from model.stages.state import Click, Part, State
from tests.model.tiny_sam import save_tiny_sam
from tests.model.two_halves import HIGH, WIDE, two_halves

AT, BESIDE = (80.5, 40.5), (50.5, 20.5)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sam(tmp_path_factory.mktemp("sam") / "tiny.pth")


@pytest.fixture(scope="module")
def state() -> State:
    return two_halves()


@cache
def networks() -> tuple[PartNet, Completion]:
    """The bundled ones: what they find is a part."""
    cpu = torch.device("cpu")
    return load_network(PartNet, "part", cpu), load_network(Completion, "completion", cpu)


def finder(sam: Path | None = None) -> PartFinder:
    load = None if sam is None else lambda: SamSegmenter(load_sam(sam), torch.float32)
    return PartFinder(*networks(), surface_picture, load)


@pytest.fixture(params=["embedded", "sam"])
def found(request: pytest.FixtureRequest, path: Path, state: State) -> tuple[PartFinder, Part]:
    """A finder of either kind, and the part that it finds."""
    made = finder(path if request.param == "sam" else None)
    return made, made.part(state, AT)


def area(x0: int, x1: int, y0: int = 0, y1: int = HIGH) -> np.ndarray:
    made = np.zeros((HIGH, WIDE), bool)
    made[y0:y1, x0:x1] = True
    return made


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_sam_outlines_the_part_and_the_smallest_is_taken(path: Path, state: State) -> None:
    part = finder(path).part(state, AT)
    areas = [outline.mask.sum() for outline in part.outlines]
    assert part.mask is part.outlines[0].mask and areas[0] == min(areas) and len(areas) >= 2
    assert not (part.mask & ~state.mask).any() and part.score == part.outlines[0].score
    assert part.joints and part.clicks == (Click(AT),) and not part.by_hand


def test_splats_and_grab_follow_the_mask(state: State) -> None:
    green = finder().painted(state, None, area(70, 140), True)
    assert np.array_equal(green.mask, state.mask & area(70, 140))
    col, row = state.camera.project(state.gaussians.positions)[0].astype(int).T
    assert iou(green.splats, state.mask[row, col] & (col >= 70)) > 0.9
    at = state.camera.project(green.grab)[0]
    assert np.hypot(*(at - green.click_px)) < 1 and green.mask[int(green.click_px[1]), int(green.click_px[0])]
    assert green.by_hand and green.joints


def test_painting_what_a_part_is_already_changes_nothing(found: tuple[PartFinder, Part], state: State) -> None:
    network, part = found
    again = network.painted(state, part, part.mask, True)
    assert np.array_equal(again.mask, part.mask) and iou(again.splats, part.splats) > 0.9
    assert np.allclose(again.grab, part.grab) and again.clicks == part.clicks


def test_paint_and_erase_are_clipped_to_the_object(found: tuple[PartFinder, Part], state: State) -> None:
    network, part = found
    more = network.painted(state, part, area(0, 60), True)
    assert np.array_equal(more.mask, part.mask | (state.mask & area(0, 60)))
    less = network.painted(state, more, area(0, 60), False)
    assert np.array_equal(less.mask, more.mask & ~area(0, 60))
    assert not less.splats[state.camera.project(state.gaussians.positions)[0][:, 0] < 58].any()


def test_erasing_under_the_click_moves_the_grab_onto_what_is_left(state: State) -> None:
    network = finder()
    part = network.painted(state, None, area(70, 95), True)
    less = network.painted(state, part, area(70, 90), False)
    x, y = less.click_px
    assert less.mask[int(y), int(x)] and x == 90.5


def test_nothing_left_and_nothing_hit_are_explained(found: tuple[PartFinder, Part], state: State) -> None:
    network, part = found
    with pytest.raises(DragError, match="left of the part") as caught:
        network.painted(state, part, np.ones((HIGH, WIDE), bool), False)
    assert caught.value.hint
    with pytest.raises(DragError, match="no object under the brush"):
        network.painted(state, None, area(0, 20), True)


def test_a_part_smaller_than_a_pixel_of_the_crop_can_be_painted(state: State) -> None:
    part = finder().painted(state, None, area(80, 81, 40, 41), True)
    assert part.mask.sum() == 1 and part.joints


def test_clicks_add_and_take_away_without_sam(state: State) -> None:
    network = finder()
    part = network.painted(state, None, area(70, 95), True)
    more = network.clicked(state, part, Click(BESIDE), 4.0)
    assert more.mask[20, 50] and 40 < (more.mask & ~part.mask).sum() < 60  # a disc
    less = network.clicked(state, more, Click(BESIDE, adds=False), 4.0)
    assert np.array_equal(less.mask, part.mask)


def test_clicks_are_prompts_with_sam(path: Path, state: State) -> None:
    network = finder(path)
    part = network.part(state, AT)
    click = Click(BESIDE, adds=False)
    changed = network.clicked(state, part, click, 4.0)
    segmenter = SamSegmenter(load_sam(path), torch.float32)
    expected = segmenter.outlines(state.image, (Click(AT), click), state.mask, part.outlines[0])
    assert np.array_equal(changed.mask, expected[0].mask) and changed.mask is changed.outlines[0].mask
    assert changed.clicks == (Click(AT), click) and changed.by_hand and changed.score == changed.outlines[0].score


def test_what_was_painted_survives_a_prompt(path: Path, state: State) -> None:
    network = finder(path)
    part = network.painted(state, network.part(state, AT), area(45, 50), True)
    more = network.clicked(state, part, Click((60.5, 30.5)), 2.0)
    assert not (part.mask & ~more.mask).any() and more.mask[30, 60]
    less = network.clicked(state, part, Click((47.5, 30.5), adds=False), 2.0)
    assert not (less.mask & ~part.mask).any() and not less.mask[30, 47]


def test_a_painted_part_is_grown_by_a_first_prompt_and_shrunk_by_a_disc(path: Path, state: State) -> None:
    network = finder(path)
    part = network.painted(state, None, area(45, 60), True)
    more = network.clicked(state, part, Click(AT), 2.0)
    assert len(more.clicks) == 1 and more.mask[40, 80] and not (part.mask & ~more.mask).any()
    less = network.clicked(state, part, Click((50.5, 30.5), adds=False), 2.0)
    assert not less.clicks and 8 < (part.mask & ~less.mask).sum() < 25
    with pytest.raises(DragError, match="left of the part"):
        network.clicked(state, more, Click(AT, adds=False), 200.0)


def test_outlines_come_round(found: tuple[PartFinder, Part], state: State) -> None:
    network, part = found
    seen, changed = [part.mask], part
    for _ in range(4):
        try:
            changed = network.another(state, changed)
        except DragError as error:
            assert "paint" in error.hint.lower()
            return
        assert changed.by_hand and changed.click_px[0] > 0
        if changed.mask is seen[0]:
            break
        seen.append(changed.mask)
    assert len(seen) == len(changed.outlines) > 1
    assert len({m.tobytes() for m in seen}) == len(seen)


def test_another_outline_of_a_painted_part_is_the_networks_own(found: tuple[PartFinder, Part], state: State) -> None:
    network, part = found
    painted = network.painted(state, part, area(45, 60), True)
    back = network.another(state, painted)
    assert iou(back.mask, part.mask) > 0.99


def test_grabbing_elsewhere_keeps_the_part(found: tuple[PartFinder, Part], state: State) -> None:
    network, _ = found
    part = network.painted(state, None, area(70, 95), True)
    held = network.grabbed(state, part, (90.0, 60.0))
    assert held.mask is part.mask and held.splats is part.splats and held.by_hand
    assert np.hypot(*(state.camera.project(held.grab)[0] - (90.0, 60.0))) < 1


def test_sam_that_cannot_be_loaded_is_told_once_and_done_without(tmp_path: Path, state: State) -> None:
    (tmp_path / "bad.pth").write_bytes(b"bad")
    network = finder(tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=r"bad\.pth"):
        network.prepare(state)
    assert network.part(state, AT).mask[40, 80]


def test_preparing_is_stopped_within_a_block_and_goes_on(path: Path, state: State) -> None:
    network = finder(path)
    told: list[str] = []

    def stop(fraction: float, what: str) -> None:
        told.append(what)
        if len(told) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        network.prepare(state, stop)
    network.prepare(state, lambda f, what: told.append(what))
    assert told == ["Reading the picture"] * 5  # four blocks, the stopped one twice
    network.part(state, AT, lambda f, what: told.append(what))
    assert len(told) == 5


def test_the_refined_mask_is_what_predict_uses(state: State) -> None:
    network = finder()
    part = network.painted(state, None, area(70, 95), True)
    drag = Drag((90.5, 60.5), (99.5, 60.5))  # on the part, beside its click
    assert by_part(state, [drag], part, network, {}, silent) == [(part, [drag])]


def test_pipeline_predicts_with_the_part_that_sam_outlines(path: Path, state: State) -> None:
    pipeline, told = Pipeline(device="cpu", sam=path), list[str]()
    prediction = pipeline.predict(state, [Drag(AT, (90.5, 40.5))], progress=lambda f, what: told.append(what))
    assert told.count("Reading the picture") == 4
    part = pipeline.part(state, AT)
    assert prediction.part is not None and np.array_equal(prediction.part.mask, part.mask) and len(part.outlines) > 1
    moved = prediction.state.gaussians.positions[: len(part.splats)] != state.gaussians.positions
    assert np.array_equal(moved.any(1), part.splats)
    assert pipeline.painted(state, part, area(45, 50), True).outlines is part.outlines


def test_absent_sam_is_no_sam() -> None:
    assert find_sam(torch.device("cpu")) is None
