"""Reading Zero123++ from disk: the published folder, and PartRM's fine-tunes of its U-Net.

Nothing that is read is executed: configurations are JSON, weights safetensors, or pickles without code in them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model import weights
from model.errors import WeightsError
from model.network.euler_ancestral import TRAINED, linear_alphas
from model.network.extra import extra
from model.network.zero123 import TILE, Parts, Zero123
from model.network.zero123_input import GREY, WHITE, Preparation
from model.progress import Progress, silent
from model.published.file import load_checkpoint

READING = "Reading Zero123++"
AGAIN = "Fetch Zero123++ again, the whole folder."
SAFE = ("diffusion_pytorch_model.safetensors", "model.safetensors")  # of diffusers, of transformers
PICKLED = ("diffusion_pytorch_model.bin", "pytorch_model.bin")
MAX_JSON_BYTES = 16 << 20
MAX_SIDE = 4096  # px, of what an encoder is given
PREFIX = "unet.unet."  # of the tensors in a fine-tune: the Lightning module's, the reference attention wrapper's
OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}  # in old VAEs


def load_zero123(
    folder: Path,
    finetuned: Path | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    tile: int = TILE,
    offload: bool | None = None,
    progress: Progress = silent,
) -> Zero123:
    """Read Zero123++ from its folder as published; a fine-tune's Lightning checkpoint replaces the U-Net.

    Vanilla wants grey behind the object, PartRM's fine-tunes white; see Zero123 for tile and offload. progress is
    called before each of the four networks and may raise Cancelled.
    Raises WeightsError where a file is missing, damaged or of another network, PartRMError without the packages.
    """
    index = _json(folder / "model_index.json")
    ramp = index.get("ramping_coefficients")
    if not isinstance(ramp, list) or not all(isinstance(c, (int, float)) and abs(c) < 100 for c in ramp):
        raise WeightsError(f"{folder} is not Zero123++", f"Its model_index.json has no ramping_coefficients. {AGAIN}")
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    known = {"prediction_type": "v_prediction", "beta_schedule": "linear", "num_train_timesteps": TRAINED}
    if other := {name: scheduler.get(name) for name, value in known.items() if scheduler.get(name) != value}:
        raise WeightsError(f"{folder} was trained with another noise schedule ({other})", AGAIN)
    progress(0.0, READING)
    prompt = _prompt(folder)
    if len(ramp) != len(prompt):
        raise WeightsError(f"{folder} is damaged", f"{len(ramp)} ramping_coefficients, {len(prompt)} tokens. {AGAIN}")
    progress(0.2, READING)
    unet = _empty("diffusers", "UNet2DConditionModel", folder / "unet")
    if finetuned is None:
        fill(unet, _tensors(folder / "unet"), dtype, folder / "unet")
    else:
        tuned = {n.removeprefix(PREFIX): t for n, t in load_checkpoint(finetuned).items() if n.startswith(PREFIX)}
        fill(unet, tuned, dtype, finetuned)
    progress(0.6, READING)
    vae = _empty("diffusers", "AutoencoderKL", folder / "vae")
    fill(vae, _renamed(_tensors(folder / "vae")), dtype, folder / "vae")
    progress(0.65, READING)
    vision = _empty("transformers", "CLIPVisionModelWithProjection", folder / "vision_encoder")
    fill(vision, _tensors(folder / "vision_encoder"), dtype, folder / "vision_encoder", "vision_model.")
    parts = Parts(
        unet=unet,
        vae=vae,
        vision=vision,
        prompt=prompt,
        ramp=torch.tensor(ramp, dtype=torch.float32),
        alphas=linear_alphas(_beta(scheduler, "beta_start", folder), _beta(scheduler, "beta_end", folder)),
        for_vision=_preparation(folder / "feature_extractor_clip" / "preprocessor_config.json"),
        for_vae=_preparation(folder / "feature_extractor_vae" / "preprocessor_config.json"),
        background=GREY if finetuned is None else WHITE,
    )
    return Zero123(parts, device, tile, offload)


def _json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise WeightsError(f"{path} is too large for what it should hold", AGAIN)
        made = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"There is no file {path}", AGAIN) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror})", "Check that you may read it.") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is damaged ({error})", AGAIN) from error
    if not isinstance(made, dict):
        raise WeightsError(f"{path} is damaged (no JSON object)", AGAIN)
    return made


def _beta(values: dict[str, Any], name: str, where: Path) -> float:
    value = values.get(name)
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise WeightsError(f"{where} is damaged ({name} is {value})", AGAIN)
    return float(value)


def _preparation(path: Path) -> Preparation:
    """Read an image processor's configuration; mean and std may be one number for all channels."""
    c = _json(path)
    size, crop = c.get("size"), c.get("crop_size")
    side = size.get("shortest_edge") if isinstance(size, dict) else size
    middle = (crop.get("height"), crop.get("width")) if isinstance(crop, dict) else (crop, crop)
    sides = [v for v in (side, *middle) if isinstance(v, int) and 0 < v <= MAX_SIDE]
    colours = [v if isinstance(v, list) else [v] * 3 for v in (c.get("image_mean"), c.get("image_std"))]
    numbers = [v for row in colours for v in row if isinstance(v, (int, float))]
    whole = len(sides) == 3 and max(sides) == side and len(numbers) == 6 and min(numbers[3:]) > 0
    if not whole or c.get("resample") not in range(6):
        raise WeightsError(f"{path} is damaged", AGAIN)
    return Preparation(sides[0], (sides[1], sides[2]), c["resample"], _three(numbers[:3]), _three(numbers[3:]))


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    r, g, b = values
    return float(r), float(g), float(b)


def _prompt(folder: Path) -> Tensor:
    """Return what the text encoder makes of "", (T, C) float32; it is needed for nothing else and let go."""
    place = folder / "text_encoder"
    encoder = _empty("transformers", "CLIPTextModel", place)
    fill(encoder, _tensors(place), torch.float32, place, "text_model.")
    with torch.no_grad():
        hidden: Tensor = encoder(_empty_prompt(folder / "tokenizer", encoder.config))[0][0]
    return hidden


def _empty_prompt(folder: Path, config: Any) -> Tensor:
    """Return the tokens of "", (1, T) int64: begin, end, and padding as special_tokens_map.json names it."""
    vocabulary, special = _json(folder / "vocab.json"), _json(folder / "special_tokens_map.json")
    ids = []
    for name in ("bos_token", "eos_token", "pad_token"):
        token = special.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        number = vocabulary.get(token) if isinstance(token, str) else None
        if not isinstance(number, int) or not 0 <= number < config.vocab_size:
            raise WeightsError(f"{folder} is damaged ({name} is {token})", AGAIN)
        ids.append(number)
    begin, end, padding = ids
    return torch.tensor([[begin, end, *[padding] * (config.max_position_embeddings - 2)]])


def _empty(package: str, kind: str, folder: Path) -> Any:
    """Build a network as its config.json says, without memory for its weights yet."""
    config = _json(folder / "config.json")
    network = extra(package, kind, "Zero123++")
    make = network.from_config if package == "diffusers" else lambda c: network(network.config_class.from_dict(c))
    try:
        with torch.device("meta"):
            return make(config)
    except Exception as error:  # a wrong configuration can fail anywhere in there
        raise WeightsError(f"{folder / 'config.json'} does not describe a {kind} ({error})", AGAIN) from error


def _tensors(folder: Path) -> dict[str, Tensor]:
    """Read a network's weights: safetensors where there are, else a pickle of tensors."""
    for name in SAFE:
        if (folder / name).exists():
            return weights.load(folder / name)
    for name in PICKLED:
        if (folder / name).exists():
            return load_checkpoint(folder / name)
    raise WeightsError(f"There are no weights in {folder}", AGAIN)


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring the names of old VAEs' attention up to date."""
    for old, new in OLD_NAMES.items():
        tensors = {name.replace(old, new): t for name, t in tensors.items()}
    return tensors


def fill(network: Any, tensors: dict[str, Tensor], dtype: torch.dtype, where: Path, prefix: str = "") -> None:
    """Give a network its weights, ready to be used; prefix: what one of file and network may have before its names."""
    expected: dict[str, Tensor] = network.state_dict()
    found = {name: tensors.get(name, tensors.get(prefix + name)) for name in expected}
    if prefix:
        found = {n: tensors.get(n.removeprefix(prefix)) if t is None else t for n, t in found.items()}
    wrong = [n for n, t in found.items() if t is None or t.shape != expected[n].shape or not t.is_floating_point()]
    if wrong:
        hint = f"{len(wrong)} of {len(expected)} tensors are missing or of another size, the first is {wrong[0]}."
        raise WeightsError(f"The weights in {where} do not fit Zero123++", hint)
    network.load_state_dict({name: t.to(dtype) for name, t in found.items() if t is not None}, assign=True)
    for name, buffer in list(network.named_buffers()):
        if buffer.is_meta:  # transformers does not store the positions 0, 1, 2, ...
            assert name.endswith("position_ids"), name
            owner, _, leaf = name.rpartition(".")
            positions = torch.arange(buffer.shape[-1]).expand(buffer.shape)
            network.get_submodule(owner).register_buffer(leaf, positions, persistent=False)
    network.eval().requires_grad_(False)
