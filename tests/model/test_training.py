"""Training the embedded networks: the data, the optimiser, and a run that stops, goes on and is exported."""

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from model import weights
from model.errors import WeightsError
from model.network.embedded import SIDE, SIZE, PartNet, Surface, SurfaceOutput
from model.partdrag4d.procedural import make_scene
from model.stages.pipeline import load_network
from model.training import data, embedded
from model.training.muon import Muon, orthogonal

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(16, 16), (24, 60), (60, 24)])
def test_orthogonal_keeps_directions_and_levels_singular_values(shape: tuple[int, int]) -> None:
    g = torch.randn(*shape, generator=torch.Generator().manual_seed(0)) + torch.ones(shape)
    U, S, Vh = torch.linalg.svd(g, full_matrices=False)
    made = orthogonal(g)
    inside = U.T @ made @ Vh.T  # diagonal: the same singular directions
    values = inside.diagonal()
    torch.testing.assert_close(inside, torch.diag(values), atol=1e-3, rtol=0)
    assert values.min() > 0 and values.max() < 1.3
    assert values[0.02 * S.norm() < S].min() > 0.6


def test_muon_walks_downhill() -> None:
    target = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    kernel = torch.nn.Parameter(torch.zeros_like(target))
    muon = Muon([kernel], lr=0.05)
    before = float((kernel - target).square().sum().detach())
    for _ in range(60):
        muon.zero_grad()
        (kernel - target).square().sum().backward()
        muon.step()
    assert float((kernel - target).square().sum().detach()) < 0.3 * before


def test_processes_that_share_muons_steps_take_the_same_ones_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    kernels = [torch.randn(6, 4, 3, 3), torch.randn(5, 8), torch.randn(7, 3)]
    grads = [torch.randn_like(k) for k in kernels]

    def stepped(rank: int, ranks: int) -> list[torch.Tensor]:
        params = [torch.nn.Parameter(k.clone()) for k in kernels]
        for p, g in zip(params, grads, strict=True):
            p.grad = g.clone()
        Muon(params, lr=0.1, rank=rank, ranks=ranks).step()
        return [p.detach() for p in params]

    told: list[torch.Tensor] = []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: told.append(flat.clone()))
    stepped(0, 2), stepped(1, 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.copy_(told[0] + told[1]))
    for one, shared in zip(stepped(0, 1), stepped(0, 2), strict=True):
        torch.testing.assert_close(one, shared)


def test_step_length_warms_up_holds_and_falls_to_zero() -> None:
    lengths = [embedded.step_length(seen, 20_000) for seen in range(0, 20_001, 500)]
    assert lengths[0] == pytest.approx(0.02) and lengths[1] == pytest.approx(0.27)
    assert all(length == 1 for length in lengths[4:25])
    falling = lengths[30:]
    assert falling == sorted(falling, reverse=True) and lengths[-1] == 0
    assert lengths[32] == pytest.approx(0.5)
    assert embedded.step_length(30_000, 20_000) == 0


def first_examples(stage: str, count: int) -> list[tuple[int, data.Example]]:
    found = []
    for seed in range(20):
        example = data.EXAMPLES[stage](seed)
        if example is not None:
            found.append((seed, example))
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("stage", ["surface", "part", "completion"])
def test_a_seed_gives_one_example_and_another_seed_another(stage: str) -> None:
    (seed, first), (_, second) = first_examples(stage, 2)
    again = data.EXAMPLES[stage](seed)
    assert again is not None and again.keys() == first.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
        assert np.isfinite(array).all()
    assert not np.array_equal(first["depth"], second["depth"])


def test_part_examples_click_on_parts_and_point_to_their_hinges() -> None:
    for seed, example in first_examples("part", 6):
        scene = make_scene(seed)
        link, clicks = example["link"], example["clicks"]
        assert clicks.shape == (data.CLICKS, 2) and len(example["clicked"]) == data.CLICKS
        assert (link[clicks[:, 1], clicks[:, 0]] == example["clicked"]).all()
        small = link[::2, ::2]
        movable = example["weight"] > 0
        assert movable.any() and ((small > 0) & (small < 255))[movable].all()
        for k in np.unique(small[movable]):
            joint, own = scene.joints[k - 1], movable & (small == k)
            assert (example["kind"][own] == (joint.kind == "revolute")).all()
            np.testing.assert_allclose(example["axis"][:, own].T, np.tile(joint.axis, (own.sum(), 1)), atol=1e-5)
            away = example["hinge"][:, own].T
            np.testing.assert_allclose(away @ joint.axis, 0, atol=1e-4)
            assert joint.kind == "revolute" or not away.any()


def test_completion_examples_know_the_first_view_and_not_all_of_the_others() -> None:
    examples = first_examples("completion", 4)
    assert {seed % 4 >= 2 for seed, _ in examples} == {False, True}  # one image; a part that has moved
    for seed, example in examples:
        known, there = example["known"][:, 3] > 0.5, example["there"]
        assert example["known"].shape == (4, 13, SIDE, SIDE) and example["rgb"].shape == (4, 3, SIDE, SIDE)
        moved = seed % 4 >= 2
        assert example["known"][:, 10].any() == moved  # where the part was
        if not moved:
            assert (known & there)[0].sum() > 0.9 * there[0].sum()
            assert (known & there)[2].sum() < 0.3 * there[2].sum()  # the back
        np.testing.assert_allclose(np.linalg.norm(example["normal"], axis=1)[there], 1, atol=1e-3)


@pytest.mark.parametrize("wrong_by", [0.0, 0.1])
def test_completion_examples_show_the_image_as_surface_estimates_it(wrong_by: float) -> None:
    """Known points lie on the true surfaces however wrong the elevation: the truth is seen from where they are."""
    scene = make_scene(0)
    truth = data.view0(scene, scene.amounts[scene.source])
    truth["normal"][2, ~truth["there"]] = 1

    class Wrong(Surface):
        def forward(self, rgb: torch.Tensor, alpha: torch.Tensor, tan_half_fov: torch.Tensor) -> SurfaceOutput:
            depth, normal = (torch.from_numpy(truth[k])[None] for k in ("depth", "normal"))
            return SurfaceOutput(depth, normal, torch.tensor([truth["elevation"] + wrong_by]))

    example = data.completion_example(0, surface=Wrong())
    assert example is not None
    both = (example["known"][:, 3] > 0.5) & example["there"]
    assert both[0].sum() > 0.95 * example["there"][0].sum() and both[1:].any()
    assert np.median(np.abs(example["known"][:, 4] - example["depth"])[both]) < 0.005


def test_collate_stacks_numbers_and_pictures() -> None:
    one: data.Example = {"a": np.zeros((3, 2), np.float32), "b": np.array(4, np.float32), "c": np.array([True])}
    batch = data.collate([one, one | {"b": np.array(5, np.float32)}])
    assert batch["a"].shape == (2, 3, 2) and batch["a"].dtype == torch.float32
    assert batch["b"].tolist() == [4, 5] and batch["c"].dtype == torch.bool


def test_batches_are_the_same_again_and_stop_their_thread() -> None:
    makers = [data.batches(data.surface_example, 2, 0) for _ in range(2)]
    first, second = (next(m) for m in makers)
    assert torch.equal(first["rgb"], second["rgb"])
    for maker in makers:
        maker.close()  # type: ignore[attr-defined]  # a generator
    assert not any(t.name == "data" for t in threading.enumerate())


def test_processes_share_the_seeds_without_meeting() -> None:
    taken = []
    for rank in range(2):
        maker = data.batches(lambda seed: {"seed": np.array(seed)}, 3, 6, rank, 2)
        taken.append(torch.cat([next(maker)["seed"], next(maker)["seed"]]).tolist())
        maker.close()  # type: ignore[attr-defined]
    assert taken[0] == [data.FIRST_SEED + 24 + 2 * k for k in range(6)]
    assert taken[1] == [s + 1 for s in taken[0]]


def test_a_failing_example_stops_the_loop() -> None:
    def fail(seed: int) -> data.Example:
        raise ValueError(f"seed {seed}")

    with pytest.raises(ValueError, match="seed 1000000"):
        next(data.batches(fail, 2, 0))


def test_varied_colours_stay_colours_and_the_ground_stays_black() -> None:
    rgb, alpha = torch.full((2, 4, 3, 8, 8), 0.5), torch.ones(2, 4, 1, 8, 8)
    alpha[..., :4] = 0
    made = data.vary_colours(rgb * alpha, alpha, torch.Generator().manual_seed(0))
    assert made.shape == rgb.shape and made.min() >= 0 and made.max() <= 1
    assert (made[..., :4] == 0).all() and not torch.allclose(made[0, ..., 4:], made[1, ..., 4:], atol=0.01)


def test_lifted_maps_are_the_surface() -> None:
    depth = torch.zeros(1, SIZE, SIZE)
    normal = torch.zeros(1, 3, SIZE, SIZE)
    normal[:, 2] = 1
    R = embedded.elevation_matrix(torch.tensor([0.0]))
    points, normals = embedded.world_maps(depth, normal, torch.tensor([0.5]), R)
    assert points.shape == normals.shape == (1, 3, SIDE, SIDE)
    torch.testing.assert_close(points[0, 2], torch.zeros(SIDE, SIDE))  # the plane through the origin
    assert float(points[0, 0].max()) == pytest.approx(0.6, abs=0.02)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of all three stages after two steps each."""
    out = tmp_path_factory.mktemp("runs")
    for stage in ("surface", "part", "completion"):
        embedded.run(stage, 4, out, batch=2, say=lambda line: None)
    return out


@pytest.mark.parametrize("stage", ["surface", "part", "completion"])
def test_run_leaves_a_checkpoint_a_log_and_weights(
    stage: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = torch.load(trained / f"{stage}.pt", weights_only=True)
    assert saved["seen"] == 4 and saved["steps"] == 2 and saved["spent_s"] > 0
    line = json.loads((trained / f"{stage}.jsonl").read_text())
    assert line["samples"] == 4 and all(np.isfinite(value) for value in line.values())
    picture = cv2.imread(str(trained / f"{stage}.png"))
    side, columns = (SIDE, 6) if stage == "completion" else (SIZE, 5)
    assert picture is not None and picture.shape == (6 * side, columns * side, 3) and picture.std() > 10
    path = embedded.export(stage, trained, tmp_path)
    with safe_open(path, "pt") as file:
        assert file.metadata()["samples"] == "4"
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    network = load_network(embedded.NETWORKS[stage], stage, CPU)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, saved["ema"][name].half().float())


@pytest.mark.parametrize("stage", ["part", "completion"])
def test_stages_that_build_on_surface_ask_for_it(stage: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="surface"):
        embedded.run(stage, 2, tmp_path, batch=2)


def test_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    said: list[str] = []
    embedded.run("surface", 6, tmp_path, minutes=0, batch=2, say=said.append)  # time is up after one step
    first = torch.load(tmp_path / "surface.pt", weights_only=True)
    assert first["seen"] == 2
    embedded.run("surface", 6, tmp_path, batch=2, say=said.append)
    last = torch.load(tmp_path / "surface.pt", weights_only=True)
    assert last["seen"] == 6 and last["steps"] == 3 and last["spent_s"] > first["spent_s"]
    assert len((tmp_path / "surface.jsonl").read_text().splitlines()) == len(said) == 2
    assert any(not torch.equal(v, first["net"][k]) for k, v in last["net"].items())
    assert all(torch.isfinite(v).all() for v in last["ema"].values())
    assert not list(tmp_path.glob("*.tmp"))


def test_run_goes_on_from_exported_weights(trained: Path, tmp_path: Path) -> None:
    embedded.export("surface", trained, tmp_path)
    given = weights.load(tmp_path / "surface.safetensors")
    seen = torch.load(trained / "surface.pt", weights_only=True)["seen"]
    with pytest.raises(WeightsError, match="samples already"):
        embedded.run("surface", seen, tmp_path, batch=2, start_from=tmp_path, say=lambda line: None)
    embedded.run("surface", seen + 2, tmp_path, batch=2, start_from=tmp_path, say=lambda line: None)
    saved = torch.load(tmp_path / "surface.pt", weights_only=True)
    assert saved["seen"] == seen + 2
    name = "net.encoders.1.0.conv1.weight"  # one step away at most
    assert (saved["net"][name] - given[name].float()).abs().max() < 0.02


def test_surface_losses_are_nothing_for_the_truth() -> None:
    """No term keeps a perfect Surface away from the truth."""
    examples = [e for _, e in first_examples("surface", 2)]
    batch = data.collate(examples)

    class Perfect(torch.nn.Module):
        def forward(self, rgb: torch.Tensor, alpha: torch.Tensor, tan: torch.Tensor) -> SurfaceOutput:
            return SurfaceOutput(batch["depth"], batch["normal"], batch["elevation"])

    terms = embedded.surface_loss(Perfect(), batch, torch.Generator().manual_seed(0))
    assert set(terms) == {"depth", "slope1", "slope4", "normal", "elevation"}
    assert all(abs(float(t)) < 1e-3 for t in terms.values())


def test_muon_and_adam_share_the_parameters(trained: Path) -> None:
    saved = torch.load(trained / "part.pt", weights_only=True)
    counts = [len(saved[name]["param_groups"][0]["params"]) for name in ("muon", "adam")]
    assert sum(counts) == len(list(PartNet().parameters())) and min(counts) > 10
