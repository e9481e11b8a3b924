"""`train --preset partrm`: its words become a plan; what cannot be done is said before anything begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.errors import FormatError, PartRMError, WeightsError
from model.training import multiview, partrm
from partrm_viewer import cli, train_partrm
from partrm_viewer.train_partrm import NO_LPIPS


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert cli.main([str(w) for w in words]) == 2
    return capsys.readouterr().err


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that looks like a data set."""
    (tmp_path / "data" / "renders").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What would have been run."""
    plans: list[Any] = []

    def run(plan: Any, *rest: Any) -> Path:
        plans.append((plan, rest))
        plan.out.mkdir(parents=True, exist_ok=True)
        path: Path = plan.out / "made.safetensors"
        path.write_bytes(b"weights")
        return path

    monkeypatch.setattr(train_partrm, "run", run)
    monkeypatch.setattr(multiview, "run", run)
    yield plans


def test_words_become_a_plan(
    root: Path, tmp_path: Path, planned: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "--preset", "partrm", "--what", "motion", "--data", root, "--samples", 100, "--device", "cpu")
    assert cli.main([str(w) for w in (*words, "--out", tmp_path / "out", "--batch", 4, "--learning-rate", "1e-3")]) == 0
    (plan, _), *_ = planned
    assert isinstance(plan, partrm.PartRMPlan)
    assert (plan.what, plan.network, plan.samples, plan.workers) == ("motion", "small", 100, 1)
    assert (plan.recipe.batch, plan.recipe.learning_rate, plan.recipe.weight_decay) == (4, 1e-3, 0.05)
    assert "made.safetensors" in capsys.readouterr().out


def test_stage_two_without_lpips_says_what_stands_in(
    root: Path, tmp_path: Path, planned: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "--preset", "partrm", "--what", "appearance", "--data", root, "--samples", 9, "--device", "cpu")
    assert cli.main([str(w) for w in (*words, "--out", tmp_path, "--export", tmp_path / "weights")]) == 0
    assert NO_LPIPS in capsys.readouterr().out
    assert planned[0][0].perceptual == "edges" and planned[0][0].recipe.batch == 8
    assert (tmp_path / "weights" / "made.safetensors").exists()
    assert "vgg16" in refused(capsys, *words, "--out", tmp_path / "b", "--lpips", tmp_path / "no.pth")


def test_multiview_wants_zero123(
    root: Path, tmp_path: Path, planned: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "--preset", "partrm", "--what", "multiview", "--data", root, "--samples", 9, "--device", "cpu")
    assert "--zero123" in refused(capsys, *words, "--out", tmp_path)
    assert cli.main([str(w) for w in (*words, "--out", tmp_path, "--zero123", tmp_path / "z")]) == 0
    plan = planned[0][0]
    assert isinstance(plan, multiview.MultiviewPlan) and plan.recipe.batch == 1 and plan.recipe.learning_rate == 1e-5


def test_what_is_missing_is_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("train", "--preset", "partrm", "--samples", 9, "--out", tmp_path, "--device", "cpu")
    assert "--what motion" in refused(capsys, *words)
    assert "--stage surface" in refused(capsys, "train", "--samples", 9, "--out", tmp_path)
    assert "--data" in refused(capsys, *words, "--what", "motion")
    assert "no data set" in refused(capsys, *words, "--what", "motion", "--data", tmp_path / "nowhere")
    assert "12 views" in refused(capsys, *words, "--what", "appearance", "--data", root, "--views", 13)
    (tmp_path / "motion.pt").write_bytes(b"")
    assert "--resume" in refused(capsys, *words, "--what", "motion", "--data", root)


def test_errors_keep_their_words_on_the_way_between_processes() -> None:
    import pickle

    for kind in (PartRMError, FormatError, WeightsError):
        error = pickle.loads(pickle.dumps(kind("title", "hint")))
        assert type(error) is kind and (error.title, error.hint) == ("title", "hint")
