"""Zero123++: the public pipeline's numbers, step by step; how it is stopped, moved, and read from disk."""

import itertools
import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from model.errors import Cancelled, WeightsError
from model.network.euler_ancestral import Schedule, ancestral, linear_alphas, noised
from model.network.zero123 import LATENT_SCALE, LATENT_SHIFT, Condition, Noise, Parts, Zero123, seeded, tiles
from model.network.zero123_input import GREY, WHITE, composited
from model.network.zero123_load import load_zero123
from partrm_viewer.bench_released import measure, random_zero123

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
GOLDEN = SHARED / "zero123_tiny"
MODEL = GOLDEN / "model"
FINETUNED = GOLDEN / "finetuned.ckpt"
TILE, STEPS = 64, 4
golden = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/golden beside the checkout")
pytestmark = golden


def rgba() -> np.ndarray:
    return np.asarray(Image.open(GOLDEN / "input_rgba.png"))


def close(ours: torch.Tensor, theirs: np.ndarray, tolerance: float) -> None:
    assert ours.shape == theirs.shape
    assert float((ours.cpu() - torch.from_numpy(theirs)).abs().max()) < tolerance


def replayed(guided: bool = True) -> Noise:
    """Give the noise that the public pipeline drew, in its order."""
    draws = np.load(GOLDEN / "draws.npz")
    negative = [draws["vae_noise_neg"]] if guided else []
    reference = draws["ref_noise"] if guided else draws["ref_noise"][:, 1:]
    steps = itertools.chain.from_iterable(zip(reference, draws["ancestral_noise"], strict=True))
    arrays = iter([draws["vae_noise_cond"], *negative, draws["init_noise"], *steps])

    def noise(shape: tuple[int, ...]) -> torch.Tensor:
        drawn = next(arrays)
        assert drawn.shape == shape
        return torch.from_numpy(drawn)

    return noise


@pytest.fixture(scope="module")
def vanilla() -> Parts:
    return load_zero123(MODEL).parts


@pytest.fixture(scope="module")
def finetuned() -> Parts:
    return load_zero123(MODEL, FINETUNED).parts


def test_backgrounds_are_laid_under_as_pillow_does() -> None:
    for name, level in (("grey", GREY), ("white", WHITE)):
        assert np.array_equal(composited(rgba(), level), np.asarray(Image.open(GOLDEN / f"composited_{name}.png")))
    opaque = rgba()[..., :3]
    assert composited(opaque, GREY) is opaque


@pytest.mark.parametrize(("name", "level"), [("grey", GREY), ("white", WHITE)])
def test_encoders_get_the_public_pipelines_pixels(vanilla: Parts, name: str, level: int) -> None:
    expected, rgb = np.load(GOLDEN / f"run_a_{name}.npz"), composited(rgba(), level)
    for prepare, kind in ((vanilla.for_vae, "vae"), (vanilla.for_vision, "clip")):
        pixels = expected[f"pixel_values_{kind}_u8"]
        assert np.array_equal(prepare.cut(rgb).transpose(2, 0, 1), pixels[0])
        close(prepare.undone(prepare(rgb)) * 255, pixels.astype(np.float32), 1e-3)


def test_long_pictures_lose_their_ends(vanilla: Parts) -> None:
    wide = np.zeros((100, 201, 3), np.uint8)
    wide[:, 60:140] = 255
    cut = vanilla.for_vae.cut(wide)
    assert cut.shape == (512, 512, 3)
    assert cut[:, 70:-70].min() == 255 and cut[:, :40].max() == 0


def test_empty_prompt_is_padded_as_the_tokenizer_does(vanilla: Parts) -> None:
    close(vanilla.prompt, np.load(GOLDEN / "run_a_grey.npz")["text_embeds_empty"][0], 1e-5)


@pytest.mark.parametrize("steps", [4, 28, 36, 75])
def test_steps_pass_the_public_schedulers_levels(vanilla: Parts, steps: int) -> None:
    expected = np.load(GOLDEN / "schedules.npz")
    close(vanilla.alphas, expected["alphas_cumprod"], 1e-6)
    schedule = Schedule.trailing(vanilla.alphas, steps)
    assert np.array_equal(schedule.timesteps, expected[f"timesteps_{steps}"])
    np.testing.assert_allclose(schedule.sigmas, expected[f"sigmas_{steps}"], rtol=1e-5)
    both = np.array([ancestral(s, lower) for s, lower in itertools.pairwise(schedule.sigmas.tolist())])
    np.testing.assert_allclose(both[:, 0], expected[f"sigma_up_{steps}"], rtol=1e-4)
    np.testing.assert_allclose(both[:, 1], expected[f"sigma_down_{steps}"], rtol=1e-4)


def test_any_number_of_steps_ends_without_noise() -> None:
    alphas = linear_alphas(0.00085, 0.012)
    for steps in (1, 2, 3, 7, 30, 333, 999, 1000):
        schedule = Schedule.trailing(alphas, steps)
        assert schedule.timesteps[0] == 999 and schedule.timesteps[-1] >= 0 and len(schedule.sigmas) == steps + 1
        assert (np.diff(schedule.timesteps) < 0).all() and schedule.sigmas[-1] == 0


@pytest.mark.parametrize("run", ["run_a_grey", "run_a_white", "run_b_white"])
def test_draws_what_the_public_pipeline_draws(vanilla: Parts, finetuned: Parts, run: str) -> None:
    expected = np.load(GOLDEN / f"{run}.npz")
    parts = {"run_a_grey": vanilla, "run_a_white": replace(vanilla, background=WHITE), "run_b_white": finetuned}[run]
    network, noise = Zero123(parts, tile=TILE), replayed()
    condition = network.condition(rgba(), noise)
    # run_b's file leaves these out: they are run_a's on white
    close(
        condition.latents,
        (expected if "cond_lat" in expected else np.load(GOLDEN / "run_a_white.npz"))["cond_lat"],
        1e-4,
    )
    close(condition.hidden, expected["encoder_hidden_states"], 1e-5)
    latents = torch.empty(0)
    for k, (v, x) in enumerate(network.denoise(condition, noise, STEPS)):
        if k == 0:
            close_references(network, expected)
        close(v, expected["noise_pred"][k], 5e-5 if k == 0 else 2e-4)
        close(x, expected["latents_steps"][k], 5e-4)
        latents = x
    latents = network.unscaled(latents)
    close(latents, expected["final_latents"], 5e-4)
    sheet = network.decode(latents)
    close(2 * sheet - 1, expected["image_prepost"], 2e-4)
    if run == "run_a_grey":
        picture = np.asarray(Image.open(GOLDEN / "out_a_grey.png"))
        ours = tiles(sheet[0].clamp(0, 1).permute(1, 2, 0).numpy())
        for i, tile in enumerate(ours):
            row, column = divmod(i, 2)
            theirs = picture[TILE * row : TILE * (row + 1), TILE * column : TILE * (column + 1)]
            assert np.abs(np.round(tile * 255) - theirs).max() <= 1


def close_references(network: Zero123, expected: np.lib.npyio.NpzFile) -> None:
    """Compare what the layers keep with keys and values of what the public pipeline's layers kept."""
    kept = {name: r.kept for name, r in network.references.items()}
    stored = {name.removeprefix("ref_step0/"): expected[name] for name in expected if name.startswith("ref_step0/")}
    assert stored.keys() in (kept.keys(), set())  # run_a on white stores none
    for name, tokens in stored.items():
        attention = network.parts.unet.get_submodule(name.removesuffix(".processor"))
        both = kept[name]
        assert both is not None
        with torch.no_grad():
            for ours, layer in zip(both, (attention.to_k, attention.to_v), strict=True):
                close(ours.transpose(1, 2).flatten(2)[:, ::64], layer(torch.from_numpy(tokens)).numpy(), 1e-4)


def test_without_guidance_only_the_condition_is_computed(vanilla: Parts) -> None:
    expected = np.load(GOLDEN / "run_a_grey.npz")
    network, noise = Zero123(vanilla, tile=TILE), replayed(guided=False)
    condition = network.condition(rgba(), noise, guided=False)
    drawn = list(network.denoise(condition, noise, STEPS, guidance=1.0))
    close(torch.stack([v for v, _ in drawn]), expected["g1_noise_pred"], 2e-4)
    close(network.unscaled(drawn[-1][1]), expected["g1_final_latents"], 5e-4)


def test_reference_is_as_noisy_as_the_step(vanilla: Parts) -> None:
    expected, draws = np.load(GOLDEN / "run_a_grey.npz"), np.load(GOLDEN / "draws.npz")
    sigma = float(Schedule.trailing(vanilla.alphas, STEPS).sigmas[0])
    noisy = noised(torch.from_numpy(expected["cond_lat"]), sigma, torch.from_numpy(draws["ref_noise"][0]))
    close(noisy[:, :, ::4, ::4], expected["noisy_cond_lat_step0_s4"], 1e-5)


def test_sheets_are_encoded_and_noised_as_in_training(vanilla: Parts) -> None:
    expected = {name: torch.from_numpy(a) for name, a in np.load(GOLDEN / "train_math_b.npz").items()}
    mean, deviation = Zero123(vanilla, tile=TILE).encode((expected["target_images_u8"] / 255 - 0.5) / 0.8)
    latents = (mean + deviation * expected["posterior_noise"]) * vanilla.vae.config.scaling_factor
    latents = (latents - LATENT_SHIFT) * LATENT_SCALE
    close(latents, expected["target_latents"].numpy(), 1e-4)
    kept = float(vanilla.alphas[expected["t"]])
    sigma = ((1 - kept) / kept) ** 0.5
    close(noised(latents, sigma, expected["noise"]), expected["latents_noisy"].numpy(), 1e-4)
    v = kept**0.5 * expected["noise"] - (1 - kept) ** 0.5 * latents
    close(v, expected["v_target"].numpy(), 1e-4)


def quick(parts: Parts) -> Zero123:
    """The network, but with its condition small: self-attention over 256 tokens, not 4,096."""
    return Zero123(replace(parts, for_vae=replace(parts.for_vae, side=128, crop=(128, 128))), tile=TILE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_seed_gives_the_same_picture(dtype: torch.dtype) -> None:
    network = quick(load_zero123(MODEL, FINETUNED, dtype=dtype).parts)
    first, again, other = (network.draw(rgba(), seeded(s), steps=1, guidance=1.0) for s in (3, 3, 4))
    assert first.shape == (6, TILE, TILE, 3) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1 and first.std() > 0.01
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("at", ["Looking", "Encoding", "step 1", "step 2", "Developing"])
def test_stops_between_two_blocks_and_can_draw_again(finetuned: Parts, at: str) -> None:
    network = quick(finetuned)
    told: list[tuple[float, str]] = []

    def progress(fraction: float, what: str) -> None:
        told.append((fraction, what))
        if at in what and sum(at in w for _, w in told) == 2:  # in the midst of it
            raise Cancelled

    with pytest.raises(Cancelled):
        network.draw(rgba(), seeded(0), steps=2, guidance=1.0, progress=progress)
    assert at in told[-1][1]
    assert all(r.kept is None for r in network.references.values())
    networks = (finetuned.unet, finetuned.vae, finetuned.vision)
    assert not any(m._forward_pre_hooks for network in networks for m in network.modules())
    condition = Condition(torch.zeros(1, 4, 8, 8), torch.zeros(1, 77, 32))
    assert len(list(network.denoise(condition, seeded(0), 1, 1.0))) == 1


def test_progress_rises_and_checks_often_within_a_step(finetuned: Parts) -> None:
    told: list[tuple[float, str]] = []
    network = quick(finetuned)
    network.draw(rgba(), seeded(0), 1, 1.0, lambda f, what: told.append((f, what)))
    fractions = [f for f, _ in told]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    assert sum("step 1 of 1" in what for _, what in told) >= 2 * 10  # two passes over ten and more blocks


def test_networks_leave_the_device_when_their_work_is_done(vanilla: Parts) -> None:
    network = Zero123(vanilla, "meta", TILE, offload=True)  # the device that keeps nothing stands for a GPU
    weight = vanilla.vae.decoder.conv_in.weight.clone()
    with pytest.raises(RuntimeError), network._resident(vanilla.vae):
        assert all(p.is_meta for p in vanilla.vae.parameters())
        raise RuntimeError
    assert torch.equal(vanilla.vae.decoder.conv_in.weight, weight)
    assert not any(p.is_meta or p.requires_grad for p in vanilla.vae.parameters())


@pytest.mark.gpu
@pytest.mark.parametrize("offload", [False, True])
def test_gpu_gives_the_same_numbers(offload: bool) -> None:
    expected = np.load(GOLDEN / "run_b_white.npz")
    network, noise = load_zero123(MODEL, FINETUNED, "cuda", tile=TILE, offload=offload), replayed()
    *_, (v, latents) = network.denoise(network.condition(rgba(), noise), noise, STEPS)
    close(v, expected["noise_pred"][-1], 2e-3)
    close(network.unscaled(latents), expected["final_latents"], 5e-3)
    there = {p.device.type for p in network.parts.unet.parameters()}
    assert there == ({"cpu"} if offload else {"cuda"})


@pytest.mark.gpu
def test_gpu_draws_in_half_precision() -> None:
    network = load_zero123(MODEL, FINETUNED, "cuda", torch.float16, TILE)
    single = load_zero123(MODEL, FINETUNED, "cuda", torch.float32, TILE)
    both = [n.draw(rgba(), replayed(), STEPS) for n in (network, single)]
    assert np.sqrt(np.mean((both[0] - both[1]) ** 2)) < 0.01


def test_full_size_is_stable_diffusion_2s_and_draws_640_by_960() -> None:
    network = random_zero123(torch.device("meta"), torch.float16, None)  # shapes without numbers
    networks = (network.parts.unet, network.parts.vae, network.parts.vision)
    assert [sum(p.numel() for p in n.parameters()) for n in networks] == [865_910_724, 83_653_863, 632_076_800]
    assert len(network.references) == 16
    condition = network.condition(rgba(), seeded(0))
    assert condition.latents.shape == (2, 4, 64, 64) and condition.hidden.shape == (2, 77, 1024)
    ((v, latents),) = network.denoise(condition, seeded(0), 1)
    assert v.shape == (2, 4, 120, 80)
    assert network.decode(latents).shape == (1, 3, 960, 640)


def test_bench_times_every_stage(finetuned: Parts) -> None:
    times = measure(quick(finetuned), steps=2)
    assert times["image_s"] > times["encode_s"] + times["decode_s"] + times["step_s"] > 0


def test_reading_can_be_stopped() -> None:
    told: list[float] = []

    def progress(fraction: float, what: str) -> None:
        told.append(fraction)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_zero123(MODEL, FINETUNED, progress=progress)
    assert told == sorted(told)


# Reading ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model's folder that a test may damage."""
    shutil.copytree(MODEL, tmp_path / "model", copy_function=shutil.copyfile)
    for path in (tmp_path / "model").rglob("*"):
        path.chmod(0o755)
    return tmp_path / "model"


def refused(folder: Path, finetuned: Path | None = None) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        load_zero123(folder, finetuned)
    assert caught.value.title and caught.value.hint
    return caught.value


FILES = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    *(f"tokenizer/{name}.json" for name in ("vocab", "special_tokens_map")),
    *(f"feature_extractor_{name}/preprocessor_config.json" for name in ("clip", "vae")),
    *(f"{name}/config.json" for name in ("unet", "vae", "vision_encoder", "text_encoder")),
    *(f"{name}/diffusion_pytorch_model.safetensors" for name in ("unet", "vae")),
    *(f"{name}/model.safetensors" for name in ("vision_encoder", "text_encoder")),
]


@pytest.mark.parametrize("name", FILES)
def test_missing_and_truncated_files_are_named(folder: Path, name: str) -> None:
    path = folder / name
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - 20])
    assert path.parent.name in str(refused(folder))
    path.unlink()
    assert path.parent.name in refused(folder).title


@pytest.mark.parametrize("name", ["unet", "vae"])
def test_mis_shaped_and_missing_tensors_are_named(folder: Path, name: str) -> None:
    path = folder / name / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    key = max(tensors, key=lambda k: tensors[k].numel())
    save_file({**tensors, key: tensors[key][:-1].contiguous()}, path)
    assert key in refused(folder).hint
    save_file({k: t for k, t in tensors.items() if k != key}, path)
    assert key in refused(folder).hint


Change = Callable[[dict[str, Any]], object]


def changed(path: Path, change: Change) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model_index.json", lambda c: c.pop("ramping_coefficients")),
        ("model_index.json", lambda c: c["ramping_coefficients"].pop()),
        ("model_index.json", lambda c: c.update(ramping_coefficients=[float("nan")] * 77)),
        ("scheduler/scheduler_config.json", lambda c: c.update(prediction_type="epsilon")),
        ("scheduler/scheduler_config.json", lambda c: c.update(beta_end="large")),
        ("unet/config.json", lambda c: c.update(block_out_channels=[16, 64])),
        ("unet/config.json", lambda c: c.update(down_block_types=["NoSuchBlock"] * 2)),
        ("text_encoder/config.json", lambda c: c.update(hidden_size="wide")),
        ("tokenizer/special_tokens_map.json", lambda c: c.update(pad_token="no such token")),
        ("feature_extractor_vae/preprocessor_config.json", lambda c: c.update(image_std=0)),
        ("feature_extractor_vae/preprocessor_config.json", lambda c: c.update(size={"shortest_edge": 10**9})),
    ],
)
def test_folders_that_say_something_else_are_refused(
    folder: Path,
    name: str,
    change: Change,
) -> None:
    changed(folder / name, change)
    refused(folder)


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b"[" * 100_000])
def test_json_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "unet" / "config.json").write_bytes(content)
    assert "unet" in refused(folder).title


class Code:
    """A pickle that would leave a file behind if it were run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_code_in_pickles_does_not_run(folder: Path, tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"unet.unet.conv_in.weight": Code(mark)}}, path)
    assert "not opened" in refused(folder, path).title
    path.write_bytes(pickle.dumps({"state_dict": Code(mark)}))
    refused(folder, path)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"quant_conv.bias": Code(mark)}, folder / "vae" / "diffusion_pytorch_model.bin")
    assert "not opened" in refused(folder).title
    assert not mark.exists()


def test_damaged_finetunes_are_refused(tmp_path: Path) -> None:
    state = torch.load(FINETUNED, weights_only=True)["state_dict"]
    key = "unet.unet.mid_block.resnets.0.conv1.weight"
    path = tmp_path / "a.ckpt"
    contents: tuple[object, ...] = (
        {"state_dict": {k: t for k, t in state.items() if k != key}},
        {"state_dict": {**state, key: state[key][:1].clone()}},
        {"state_dict": {}},
        {"epoch": 3},
        [1, 2],
    )
    for content in contents:
        torch.save(content, path)
        assert "a.ckpt" in refused(MODEL, path).title
    path.write_bytes(FINETUNED.read_bytes()[:-1000])
    assert "a.ckpt" in refused(MODEL, path).title
    assert "absent.ckpt" in refused(MODEL, tmp_path / "absent.ckpt").title


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    checkpoint = torch.load(FINETUNED, weights_only=True)
    checkpoint["state_dict"]["unet.unet.conv_in.bias"].fill_(torch.nan)
    torch.save(checkpoint, tmp_path / "a.ckpt")
    network = quick(load_zero123(MODEL, tmp_path / "a.ckpt").parts)
    with pytest.raises(WeightsError, match="drew nothing"):
        network.draw(rgba(), seeded(0), 1, 1.0)


def test_finetune_needs_no_weights_of_the_unet_it_replaces(folder: Path, finetuned: Parts) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    parts = load_zero123(folder, FINETUNED).parts
    assert torch.equal(parts.unet.conv_in.weight, finetuned.unet.conv_in.weight) and parts.background == WHITE


def test_pickled_tensors_with_old_names_give_the_same_vae(folder: Path, vanilla: Parts) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for name, t in load_file(path).items():
        for new, before in names.items():
            name = name.replace(f".{new}.", f".{before}.")
        old[name] = t
    torch.save(old, path.with_suffix(".bin"))
    path.unlink()
    ours = load_zero123(folder).parts.vae.state_dict()
    assert all(torch.equal(t, ours[name]) for name, t in vanilla.vae.state_dict().items())
