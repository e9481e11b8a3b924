"""Catalogue: the weights that others have published and the app can use; the program brings none of them.

Only what is published stands here. Sizes and checksums that nobody has written down are None: the server tells them
before anything is fetched, and what it tells is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["partrm", "lgm", "zero123", "pipeline", "sam"]
Landmark = tuple[str, tuple[int, ...]]  # a tensor's name and shape, by which a network is told from another


@dataclass(frozen=True)
class Licence:
    """What may be done with a file: its usual name, and the same in plain words."""

    short: str
    plain: str


@dataclass(frozen=True)
class File:
    """One published file."""

    path: str  # in its repository
    size: int | None = None  # bytes
    sha256: str | None = None


@dataclass(frozen=True)
class Weights:
    """Weights under one name: a file, or a folder of files."""

    name: str
    what: str
    kind: Kind
    repository: str | None  # on the Hugging Face hub; None: on SAM's own server
    files: tuple[File, ...]
    place: str  # the name of the file or folder on this computer
    licence: Licence
    landmarks: tuple[Landmark, ...] = ()
    dtype: str | None = None  # where two entries differ by nothing else
    estimate: int | None = None  # bytes, reckoned from the network where the size is not published

    @property
    def folder(self) -> bool:
        """Tell whether this is a folder of several files."""
        return len(self.files) > 1

    @property
    def size(self) -> int | None:
        """Return the bytes of all files, or None where that is not published."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def size_text(self) -> str:
        """Say how large it is, as far as that is known."""
        if self.size is not None:
            return gigabytes(self.size)
        return f"about {gigabytes(self.estimate)}" if self.estimate is not None else "unknown"

    @property
    def origin(self) -> str:
        """Say where it comes from."""
        return f"huggingface.co/{self.repository}" if self.repository else SAM_SERVER.removeprefix("https://")


def gigabytes(size: int) -> str:
    """Write a number of bytes with three digits: 830 MB, 1.76 GB, 2.00 kB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:#.3g}".rstrip(".") + f" {name}"
    return f"{size} bytes"


SAM_SERVER = "https://dl.fbaipublicfiles.com/segment_anything"
PARTRM, LGM, ZERO123 = "GasaiYU/PartRM", "ashawkey/LGM", "sudo-ai/zero123plus-v1.2"

NONE = Licence(
    "none stated", "Its authors state no licence, so all rights stay theirs: you fetch it and use it knowingly."
)
NONE_ON_NC = Licence(
    "none stated",
    "Its authors state no licence, so all rights stay theirs, and it is made from Zero123++, whose weights are for "
    "non-commercial use only: you fetch it and use it knowingly.",
)
MIT = Licence("MIT", "Free for any use, also commercial; its notice must stay with copies.")
NC = Licence("CC BY-NC 4.0", "Not for commercial use; name its authors.")
APACHE = Licence("Apache-2.0", "Free for any use, also commercial; its notice must stay with copies.")

BIG = 440_746_529  # numbers in PartRM "big"
LGM_LANDMARKS: tuple[Landmark, ...] = (
    ("unet.conv_in.weight", (64, 9, 3, 3)),
    ("unet.up_blocks.4.nets.2.conv1.weight", (128, 192, 3, 3)),
    ("conv.weight", (14, 14, 1, 1)),
)
PARTRM_LANDMARKS = (*LGM_LANDMARKS, ("unet.conv_merges.5.weight", (1024, 2048, 3, 3)))
UNET_LANDMARKS: tuple[Landmark, ...] = (  # Stable Diffusion 2's
    ("conv_in.weight", (320, 4, 3, 3)),
    ("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", (1280, 1024)),
    ("conv_out.weight", (4, 320, 3, 3)),
)


def _partrm(name: str, what: str) -> Weights:
    file = File(f"pretrained/{name}.safetensors")
    return Weights(
        name, what, "partrm", PARTRM, (file,), f"{name}.safetensors", NONE, PARTRM_LANDMARKS, estimate=4 * BIG
    )


def _tuned(name: str, what: str) -> Weights:
    file = File(f"pretrained/{name}_zero123.ckpt")
    marks = tuple((f"unet.unet.{tensor}", shape) for tensor, shape in UNET_LANDMARKS)
    return Weights(f"zero123_{name}", what, "zero123", PARTRM, (file,), f"{name}_zero123.ckpt", NONE_ON_NC, marks)


def _lgm(name: str, what: str, dtype: str, file: File) -> Weights:
    return Weights(f"lgm_{name}", what, "lgm", LGM, (file,), f"lgm_{name}.safetensors", MIT, LGM_LANDMARKS, dtype)


def _sam(name: str, what: str, width: int, depth: int, file: File) -> Weights:
    marks = (
        ("image_encoder.pos_embed", (1, 64, 64, width)),
        (f"image_encoder.blocks.{depth - 1}.norm1.weight", (width,)),
    )
    return Weights(f"sam_{name}", what, "sam", None, (file,), file.path, APACHE, marks)


CATALOGUE: tuple[Weights, ...] = (
    _partrm("partdrag4d", "PartRM for furniture and appliances"),
    _partrm("objaverse_hq", "PartRM for animated things of many kinds"),
    _tuned("partdrag4d", "the other three views for partdrag4d"),
    _tuned("objaverse_hq", "the other three views for objaverse_hq"),
    Weights(
        "zero123plus",
        "Zero123++ v1.2, which the two above stand on",
        "pipeline",
        ZERO123,
        tuple(
            File(path)
            for path in (
                "model_index.json",
                "scheduler/scheduler_config.json",
                "feature_extractor_clip/preprocessor_config.json",
                "feature_extractor_vae/preprocessor_config.json",
                "tokenizer/vocab.json",
                "tokenizer/merges.txt",
                "tokenizer/special_tokens_map.json",
                "text_encoder/config.json",
                "text_encoder/model.safetensors",
                "vision_encoder/config.json",
                "vision_encoder/model.safetensors",
                "vae/config.json",
                "vae/diffusion_pytorch_model.safetensors",
                "unet/config.json",
                "unet/diffusion_pytorch_model.safetensors",
            )
        ),
        "zero123plus-v1.2",
        NC,
        UNET_LANDMARKS,
    ),
    _lgm(
        "fixrot",
        "LGM: the resting state, and a start for training",
        "F32",
        File(
            "model_fixrot.safetensors",
            1_660_212_248,
            "186631d0736c4dd933676be5a47d492d4354f796e18526d174535b1ae96f1335",
        ),
    ),
    _lgm(
        "fp16_fixrot",
        "the same in half the size",
        "F16",
        File(
            "model_fp16_fixrot.safetensors",
            830_126_160,
            "744d6324656342c64f871308e73db97f0eb51858d94329b30090e986a6d050ab",
        ),
    ),
    _sam(
        "vit_b",
        "SAM, small: a clean part under the click",
        768,
        12,
        File("sam_vit_b_01ec64.pth", 375_042_383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"),
    ),
    _sam(
        "vit_l",
        "SAM, middle",
        1024,
        24,
        File("sam_vit_l_0b3195.pth", 1_249_524_607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"),
    ),
    _sam(
        "vit_h",
        "SAM, large: what PartRM was used with",
        1280,
        32,
        File("sam_vit_h_4b8939.pth", 2_564_550_879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"),
    ),
)
