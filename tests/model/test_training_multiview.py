"""The fine-tune of Zero123++: PartRM's arithmetic, a loss that falls, a checkpoint as PartRM's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.errors import FormatError, WeightsError
from model.network.zero123 import Zero123
from model.network.zero123_load import load_zero123
from model.partdrag4d.dataset import DataSet
from model.published.file import load_checkpoint
from model.training import multiview
from model.training.multiview import MultiviewPlan, Recipe, Sheets
from tests.model import tiny_data_set as tiny

GOLDEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden" / "zero123_tiny"
TILE = 64
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden beside the checkout")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return tiny.make(tmp_path_factory.mktemp("balls"), states=2, views=7, depth=False)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    AcceleratorState = import_module("accelerate.state").AcceleratorState
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the condition small: self-attention over 256 tokens, not 4,096."""

    def load(*words: Any, **more: Any) -> Zero123:
        parts = load_zero123(*words, **more).parts
        return Zero123(replace(parts, for_vae=replace(parts.for_vae, side=128, crop=(128, 128))), tile=TILE)

    monkeypatch.setattr(multiview, "load_zero123", load)


def plan(out: Path, **changes: Any) -> MultiviewPlan:
    recipe = Recipe(learning_rate=2e-3, precision="no")
    return replace(
        MultiviewPlan(folder=GOLDEN / "model", samples=12, out=out, recipe=recipe, workers=0, tile=TILE), **changes
    )


def test_a_sheet_holds_views_one_to_six_row_by_row(data: DataSet) -> None:
    sheets = Sheets(data, Recipe(), 0, TILE)
    made, again = sheets[3], Sheets(data, Recipe(), 0, TILE)[3]
    assert all(torch.equal(made[name], again[name]) for name in made)
    assert made["sheet"].shape == (3, 3 * TILE, 2 * TILE) and made["condition"].shape == (512, 512, 3)
    id = sheets.ids[int(np.random.default_rng((0, 1)).permutation(2)[1])]
    third = data.picture(id, 3, TILE)  # second row, first column
    tile = made["sheet"][:, TILE : 2 * TILE, :TILE].permute(1, 2, 0).numpy()
    inside = third[..., 3] == 255
    assert np.abs(tile[inside].astype(int) - third[inside][:, :3]).mean() < 8
    assert (tile[0, 0] == 255).all()  # white behind


def test_conditions_are_of_every_size(data: DataSet) -> None:
    sheets = Sheets(data, Recipe(), 0, TILE)
    sharp = [float(sheets[2 * k]["condition"].float().diff(dim=0).abs().max()) for k in range(6)]
    assert len(set(sharp)) > 2


def test_data_without_training_states_are_refused(data: DataSet) -> None:
    path = data.root / "lists" / "train.txt"
    listed = path.read_text()
    try:
        path.write_text("nobody_0_0\n")
        with pytest.raises(FormatError, match="no state to train with"):
            Sheets(data, Recipe(), 0, TILE)
    finally:
        path.write_text(listed)


@golden
def test_noise_and_target_are_the_published_modules() -> None:
    expected = {name: torch.from_numpy(a) for name, a in np.load(GOLDEN / "train_math_b.npz").items()}
    kept = load_zero123(GOLDEN / "model").parts.alphas[expected["t"]].view(-1, 1, 1, 1)
    clean, noise = expected["target_latents"], expected["noise"]
    torch.testing.assert_close(multiview.noisy(clean, noise, kept), expected["latents_noisy"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(multiview.v_target(clean, noise, kept), expected["v_target"], atol=1e-5, rtol=1e-5)


@golden
def test_tables_are_the_published_checkpoints() -> None:
    published = load_checkpoint(GOLDEN / "finetuned.ckpt")
    made = multiview.schedule_buffers(load_zero123(GOLDEN / "model").parts.alphas)
    assert {name for name in published if not name.startswith("unet.")} == made.keys()
    for name, t in made.items():
        assert t.shape == published[name].shape and t.dtype == published[name].dtype
        torch.testing.assert_close(t, published[name], atol=1e-4, rtol=2e-3)


@golden
def test_loss_falls_on_one_sample_and_the_checkpoint_is_taken(
    data: DataSet, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Sheets.__getitem__
    monkeypatch.setattr(Sheets, "__getitem__", lambda self, number: make(self, 0))
    path = multiview.run(plan(tmp_path, samples=40), data, say=lambda line: None)
    losses = [json.loads(line)["v"] for line in (tmp_path / "multiview.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0]
    tuned = load_checkpoint(path)
    assert tuned.keys() == load_checkpoint(GOLDEN / "finetuned.ckpt").keys()
    network = load_zero123(GOLDEN / "model", path, tile=TILE)
    assert network.parts.background == 255
    before = load_zero123(GOLDEN / "model").parts.unet.state_dict()
    assert any(not torch.equal(t, before[name]) for name, t in network.parts.unet.state_dict().items())


@golden
def test_a_fine_tune_goes_on_exactly(data: DataSet, tmp_path: Path, quick: None) -> None:
    say = lambda line: None  # noqa: E731
    whole = multiview.run(plan(tmp_path / "whole", samples=6), data, say)
    multiview.run(plan(tmp_path / "broken", samples=6, most_steps=3), data, say)
    broken = multiview.run(plan(tmp_path / "broken", samples=6), data, say)
    one, two = load_checkpoint(whole), load_checkpoint(broken)
    assert all(torch.equal(t, two[name]) for name, t in one.items())
    with pytest.raises(WeightsError, match="finished its 6 steps"):
        multiview.run(plan(tmp_path / "broken", samples=6), data, say)
