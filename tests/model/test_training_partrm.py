"""Training PartRM: samples, losses, a run that stops and goes on exactly, several processes, and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from model import weights
from model.camera import Camera
from model.errors import FormatError, PartRMError, WeightsError
from model.network import partrm
from model.network.partrm import PartRM
from model.network.unet import Shape
from model.partdrag4d import gaussians_database as database
from model.partdrag4d.dataset import DataSet, StateId
from model.stages.predict_partrm import load_partrm
from model.training import checkpoint, loop, partrm_pictures
from model.training.augment import distorted, jittered
from model.training.losses import appearance_loss, edge_loss, lpips_loss, motion_loss
from model.training.numbered import Numbers, batches
from model.training.pairs import Pairs
from model.training.partrm import PartRMPlan, run
from model.training.recipe import Recipe
from renderer.autograd import rasterize
from tests.model import tiny_data_set as tiny

ROOT = Path(__file__).resolve().parents[2]
TINY = Shape((32, 32), (False, True), (32, 32), (True, False), layers=1, heads=4, stride=2, size=32)
RECIPE = Recipe(batch=2, precision="no", drags=4, rendered_views=2, rendered_size=32)
Run = Callable[..., Path]


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(partrm.PRESETS, "tiny", TINY)
    monkeypatch.setattr(partrm_pictures, "SIZE", 32)


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Forget the one state that Accelerate keeps a process."""
    AcceleratorState = import_module("accelerate.state").AcceleratorState
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Three states of a ball, with their Gaussians."""
    made = tiny.make(tmp_path_factory.mktemp("balls"))
    for id in made.ids("all"):
        database.make_one(made, id, partial(database.analytic, side=TINY.size // 2))
    return made


@pytest.fixture
def trained(data: DataSet, tmp_path: Path) -> Run:
    """Run a plan in this process, quietly."""

    def go(out: str = "run", said: list[str] | None = None, of: DataSet = data, **changes: Any) -> Path:
        plan = replace(
            PartRMPlan(what="motion", network="tiny", samples=12, out=tmp_path / out, recipe=RECIPE, workers=0),
            **changes,
        )
        return run(plan, of, rasterize, say=(said if said is not None else []).append)

    return go


def pairs(data: DataSet, what: str = "motion", **changes: Any) -> Pairs:
    return Pairs(data, what, "tiny", replace(RECIPE, **changes))  # type: ignore[arg-type]


def test_defaults_are_partrms() -> None:
    r = Recipe()
    assert (r.learning_rate, r.weight_decay, r.betas, r.warm_up_steps) == (5e-4, 0.05, (0.9, 0.95), 3000)
    assert (r.batch, r.clip_norm, r.precision, r.drags) == (8, 1.0, "bf16", 10)
    assert (r.jitter_px, r.jitter_chance, r.rendered_views, r.rendered_size) == (5.0, 0.5, 12, 256)


def test_a_sample_is_made_of_its_number(data: DataSet) -> None:
    some, others = pairs(data), pairs(data)
    for number in (9, 0, 3):  # whatever came before
        one, again = some[number], others[number]
        assert isinstance(one, dict) and isinstance(again, dict)
        assert all(torch.equal(one[name], again[name]) for name in one)
    assert isinstance(one, dict)
    shapes = {name: tuple(t.shape) for name, t in one.items()}
    assert shapes == {"views": (4, 9, 32, 32), "starts": (4, 2), "ends": (4, 2), "target": (1024, 14)}
    assert all(t.isfinite().all() for t in one.values())


def test_an_epoch_meets_every_pair_once_in_another_order(data: DataSet) -> None:
    some = pairs(data, jitter_chance=0, distortion_chance=0, camera_jitter_chance=0)
    assert len(some) == 6
    marks = [float(some[number]["target"].sum() + 7 * some[number]["views"].sum()) for number in range(12)]  # type: ignore[index]
    assert sorted(marks[:6]) == pytest.approx(sorted(marks[6:]), rel=1e-4)
    assert len({round(m, 1) for m in marks[:6]}) == 6 and marks[:6] != marks[6:]


def test_processes_share_the_numbers_without_meeting() -> None:
    assert sorted(n for rank in range(3) for n in Numbers(6, 18, rank, 3)) == list(range(6, 18))
    assert len(Numbers(6, 18, 1, 3)) == 4


def test_pictures_of_the_target_come_with_their_cameras(data: DataSet) -> None:
    made = pairs(data, "appearance", rendered_views=3)[0]
    assert isinstance(made, dict)
    assert made["pictures"].shape == (3, 4, 32, 32) and made["poses"].shape == (3, 4, 4)
    assert float(made["lens"]) == pytest.approx(49.1)


def test_only_views_beside_the_first_are_augmented(data: DataSet) -> None:
    some = pairs(data)
    source, target = some.pairs[0]
    still = some.sample(source, target)["views"]
    changed = torch.stack([some.sample(source, target, np.random.default_rng(k))["views"] for k in range(8)])
    assert torch.equal(changed[:, 0], still[0].expand(8, -1, -1, -1))
    differs = (changed[:, 1:] != still[1:]).flatten(3).any(-1).any(1)  # (8, 9)
    assert 0 < differs[:, 0].sum() < 8 and 0 < differs[:, 6].sum() < 8  # colours of some, rays of some


def test_jitter_turns_a_camera_round_the_origin() -> None:
    camera, rng = Camera.orbit(30, 20, 2.4, 49.1, 32, 32), np.random.default_rng(0)
    for _ in range(20):
        moved = jittered(camera, 0.1, rng)
        assert np.linalg.norm(moved.position) == pytest.approx(2.4)
        turn = moved.T_world_camera[:3, :3] @ camera.T_world_camera[:3, :3].T
        assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) <= np.hypot(18, 9) + 1e-6
    np.testing.assert_allclose(jittered(camera, 0.0, rng).T_world_camera, camera.T_world_camera)


def test_distortion_moves_pixels_but_keeps_colours() -> None:
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    torch.testing.assert_close(distorted(image, 0.0, (8, 16), rng), image, atol=1e-4, rtol=0)
    moved = distorted(image, 0.5, (8, 16), rng)
    assert moved.shape == image.shape and not torch.allclose(moved, image, atol=0.05)
    torch.testing.assert_close(distorted(torch.ones(3, 16, 16), 0.5, (8, 16), rng), torch.ones(3, 16, 16))


def test_losses_are_nothing_for_the_truth(data: DataSet) -> None:
    target = torch.from_numpy(database.read_target(data, data.ids("all")[0], 1024))[None]
    assert float(motion_loss(target, {"target": target}, RECIPE)["gaussians"]) == 0
    picture = torch.rand(2, 3, 32, 32)
    assert float(edge_loss(picture, picture)) == 0 and float(edge_loss(picture, 1 - picture)) > 0.1


def test_the_databases_gaussians_look_right_and_can_be_bettered(data: DataSet) -> None:
    """The truth of stage 1 scores well in stage 2, and gradients flow from pictures to every channel."""
    some = pairs(data, "appearance", rendered_size=64)
    source, target = some.pairs[0]
    batch = {name: t[None] for name, t in some.sample(source, target).items()}
    made = torch.from_numpy(database.read_target(data, target, 1024))[None].requires_grad_()
    terms = appearance_loss(made, batch, RECIPE, rasterize, edge_loss)
    assert set(terms) == {"rgb", "alpha", "perceptual"}
    wrong = torch.from_numpy(database.read_target(data, source, 1024))[None]
    others = appearance_loss(wrong, batch, RECIPE, rasterize, edge_loss)
    torch.stack(list(terms.values())).sum().backward()
    assert float(terms["alpha"].detach()) < 0.85 * float(others["alpha"])
    assert made.grad is not None and bool(made.grad.isfinite().all()) and bool((made.grad.abs().sum((0, 1)) > 0).all())


def test_lpips_gets_the_truth_first_from_minus_one_to_one() -> None:
    seen: list[torch.Tensor] = []

    def network(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.extend((a, b))
        return (a - b).square().mean((1, 2, 3), keepdim=True)

    truth, guess = torch.zeros(2, 3, 64, 64), torch.ones(2, 3, 64, 64)
    assert float(lpips_loss(network)(truth, guess)) == 4
    assert seen[0].shape == (2, 3, 256, 256) and float(seen[0].max()) == -1 and float(seen[1].min()) == 1


@pytest.mark.parametrize("what", ["motion", "appearance"])
def test_a_run_leaves_weights_a_log_and_pictures(what: str, trained: Run, tmp_path: Path) -> None:
    said: list[str] = []
    path = trained(what, said, what=what, samples=24)
    with safe_open(path, "pt") as file:
        assert file.metadata()["network"] == "tiny" and file.metadata()["samples"] == "24"
    assert weights.load(path).keys() == PartRM("tiny").state_dict().keys()
    lines = [json.loads(line) for line in (tmp_path / what / f"{what}.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 12] and all(
        np.isfinite(list(line.values())).all() for line in lines
    )
    picture = cv2.imread(str(tmp_path / what / "pictures" / f"{what}_000012.png"))
    assert picture is not None and picture.shape == (4 * 32, (7 if what == "motion" else 5) * 32, 3)
    assert list((tmp_path / what / "log" / what).glob("events.*"))
    assert any("waiting for data" in line for line in said)
    assert what == "motion" or any("third loss edges" in line for line in said)


def test_loss_falls(trained: Run, tmp_path: Path) -> None:
    trained(samples=48, recipe=replace(RECIPE, learning_rate=3e-3))
    lines = (tmp_path / "run" / "motion.jsonl").read_text().splitlines()
    first, *_, last = (json.loads(line)["gaussians"] for line in lines)
    assert last < 0.5 * first


@pytest.mark.parametrize("what", ["motion", "appearance"])
def test_three_steps_and_three_more_are_six(what: str, trained: Run, tmp_path: Path) -> None:
    trained("straight", what=what)
    trained("broken", what=what, most_steps=3)
    trained("broken", what=what)
    straight, broken = (torch.load(tmp_path / out / f"{what}.pt", weights_only=True) for out in ("straight", "broken"))
    for kind in ("net", "ema"):
        for name, t in straight[kind].items():
            assert torch.equal(t, broken[kind][name]), name
    assert straight["schedule"]["_last_lr"] == broken["schedule"]["_last_lr"]
    assert straight["step"] == broken["step"] == 6 and broken["seconds"] > 0


def test_lines_logged_after_the_checkpoint_are_not_there_twice(trained: Run, tmp_path: Path) -> None:
    trained(samples=60, most_steps=10)
    log = tmp_path / "run" / "motion.jsonl"
    log.write_text(log.read_text() + json.dumps({"step": 20}) + "\n")  # it was killed before the next checkpoint
    trained(samples=60, most_steps=10)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [10, 20]


def test_a_checkpoint_of_another_run_is_refused(trained: Run, tmp_path: Path) -> None:
    trained(most_steps=2)
    with pytest.raises(WeightsError, match="was made with seed 0, not 1"):
        trained(seed=1)
    with pytest.raises(WeightsError, match="was made with network 'tiny', not 'small'"):
        trained(network="small")
    with pytest.raises(WeightsError, match="steps 6, not 20"):
        trained(samples=40)
    path = tmp_path / "run" / "motion.pt"
    path.rename(path.with_name("appearance.pt"))
    with pytest.raises(WeightsError, match="was made with what 'motion', not 'appearance'"):
        trained(what="appearance")
    path.with_name("appearance.pt").write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="cannot be read"):
        trained(what="appearance")


def test_a_finished_run_says_so(trained: Run) -> None:
    trained()
    with pytest.raises(WeightsError, match="finished its 6 steps"):
        trained()


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(most_steps=2)
    before = (tmp_path / "run" / "motion.pt").read_bytes()
    monkeypatch.setattr("model.training.partrm.motion_loss", lambda made, *_: {"gaussians": made.sum() * float("nan")})
    with pytest.raises(PartRMError, match="no number any more at step 3") as told:
        trained()
    assert "motion.pt" in told.value.hint
    assert (tmp_path / "run" / "motion.pt").read_bytes() == before


def test_a_full_disk_keeps_the_last_checkpoint(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(most_steps=2)
    before = (tmp_path / "run" / "motion.pt").read_bytes()

    def full(state: Any, stream: Any) -> None:
        stream.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(FormatError, match="No space left on device"):
        trained()
    assert (tmp_path / "run" / "motion.pt").read_bytes() == before
    assert not [p for p in (tmp_path / "run").iterdir() if p.name.startswith(".")]


def test_missing_gaussians_are_named_before_anything_begins(trained: Run, data: DataSet) -> None:
    path = data.gaussians_path(StateId.parse("ball_0_1"))
    aside = path.rename(path.with_suffix(".aside"))
    try:
        with pytest.raises(FormatError, match=r"1 of 3 states have no whole set of 1,024 Gaussians.*ball_0_1") as told:
            trained()
        assert f"dataset gaussians {data.root}" in told.value.hint
    finally:
        aside.rename(path)


def test_a_list_may_name_what_is_not_there(trained: Run, data: DataSet) -> None:
    path = data.root / "lists" / "train.txt"
    listed = path.read_text()
    try:
        path.write_text(listed + "ball_0_7\n")
        said: list[str] = []
        trained(said=said, most_steps=1)
        assert any("left out: 1 states" in line and "ball_0_7" in line for line in said)
        path.write_text("ball_0_7\nball_0_8\n")
        with pytest.raises(FormatError, match="no pair of states to train with"):
            trained("other")
    finally:
        path.write_text(listed)


def test_a_broken_picture_is_named_even_by_another_process(data: DataSet) -> None:
    some = pairs(data)
    path = data.folder(StateId.parse("ball_0_0")) / "001.png"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:100])
        with pytest.raises(FormatError, match=r"ball_0_0/001\.png"):
            list(batches(some, Numbers(0, 6, 0, 1), 2, workers=0))
        import pickle

        error = (
            some[0]
            if isinstance(some[0], PartRMError)
            else next(s for s in map(some.__getitem__, range(6)) if isinstance(s, PartRMError))
        )
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.title, again.hint) == (type(error), error.title, error.hint)
    finally:
        path.write_bytes(whole)


def test_too_few_samples_are_refused(trained: Run) -> None:
    with pytest.raises(PartRMError, match="less than 4 steps"):
        trained(samples=3)


def test_training_goes_on_from_lgm_and_from_stage_one(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    lgm = PartRM("tiny", "none").state_dict()
    save_file(lgm, tmp_path / "lgm.safetensors")
    still = replace(RECIPE, learning_rate=1e-12)
    first = weights.load(trained(start_from=tmp_path / "lgm.safetensors", recipe=still))
    for name, t in lgm.items():
        torch.testing.assert_close(first[name], t, atol=1e-6, rtol=1e-4)
    second = weights.load(
        trained("two", what="appearance", start_from=tmp_path / "run" / "motion.safetensors", recipe=still)
    )
    for name, t in first.items():
        torch.testing.assert_close(second[name], t, atol=1e-6, rtol=1e-4)
    monkeypatch.setitem(partrm.PRESETS, "wide", replace(TINY, down=(64, 64), up=(64, 64)))
    with pytest.raises(WeightsError, match="was not made for PartRM 'wide'"):
        trained("three", network="wide", start_from=tmp_path / "lgm.safetensors")


def test_exported_weights_predict(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(partrm.PRESETS, "small", TINY)
    network = load_partrm(trained(network="small", most_steps=2), torch.device("cpu"))
    assert network.preset == "small" and network.unet.drag_merge == "replace"


def test_averages_follow_slowly() -> None:
    net = torch.nn.Linear(2, 2)
    ema = {name: torch.zeros_like(t) for name, t in net.state_dict().items()}
    loop.average(ema, net, 0.9)
    torch.testing.assert_close(ema["weight"], 0.1 * net.weight.detach())


WORKER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.model import test_training_partrm as t
from model.network import partrm
from model.partdrag4d.dataset import open_dataset
from model.training.partrm import PartRMPlan, run
partrm.PRESETS["tiny"] = t.TINY
recipe = replace(t.RECIPE, batch=int(sys.argv[4]))
plan = PartRMPlan(
    what="motion", network="tiny", samples=16, out=Path(sys.argv[3]), recipe=recipe, workers=0, most_steps=1
)
run(plan, open_dataset(Path(sys.argv[2])), t.rasterize, say=lambda line: None)
"""


def test_two_processes_have_the_gradient_of_one(data: DataSet, tmp_path: Path) -> None:
    """Each with half the batch, over gloo; AdamW's first moment after one step is the clipped gradient."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def start(out: str, batch: int, **more: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", WORKER, str(ROOT), str(data.root), str(tmp_path / out), str(batch)]
        clean = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        return subprocess.Popen(words, env=clean | {"OMP_NUM_THREADS": "1"} | more)

    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    running = [start("two", 2, RANK=str(k), LOCAL_RANK=str(k), **shared) for k in range(2)] + [start("one", 4)]
    assert [process.wait(100) for process in running] == [0, 0, 0]
    one, two = (torch.load(tmp_path / out / "motion.pt", weights_only=True) for out in ("one", "two"))
    assert one["samples a step"] == two["samples a step"] == 4
    moments = [{k: s["exp_avg"] for k, s in saved["optimiser"]["state"].items()} for saved in (one, two)]
    assert moments[0].keys() == moments[1].keys() and len(moments[0]) > 20
    largest = max(float(m.abs().max()) for m in moments[0].values())
    for name, moment in moments[0].items():
        torch.testing.assert_close(moments[1][name], moment, atol=1e-5 * largest, rtol=1e-4)
