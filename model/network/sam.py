"""SAM (Kirillov et al. 2023): published checkpoints, read safely into segment_anything's own modules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from model.errors import WeightsError
from model.network.extra import extra
from model.published.catalogue import gigabytes
from model.published.file import load_checkpoint

MAX_BYTES = 4 << 30  # the largest published one has 2.6 GB
LARGEST_SIDE = 1024  # px of the published ones' input
DECODER_HEADS = 8  # the one thing that the tensors do not tell; the same in all published ones
AGAIN = "Download it again: sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth and sam_vit_h_4b8939.pth are read."


def load_sam(path: Path, device: torch.device | str = "cpu") -> Any:
    """Load a SAM checkpoint (vit_b, vit_l, vit_h: told from its tensors) as segment_anything's Sam, ready to be used.

    Raises WeightsError where the file is absent, damaged or another network's, PartRMError without the package.
    """
    tensors = read_checkpoint(path)
    try:
        sam = build_sam(tensors)
    except (LookupError, ValueError, ArithmeticError, RuntimeError, AssertionError) as problem:
        raise _misfit(path) from problem
    wanted = sam.state_dict()
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    wrong = sorted(k for k in wanted.keys() & tensors.keys() if wanted[k].shape != tensors[k].shape)
    for keys, what in ((missing, "lacks"), (extra, "has beyond SAM's"), (wrong, "has in another shape")):
        if keys:
            raise _misfit(path, f"it {what} {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else ""))
    sam.load_state_dict({k: v.float() for k, v in tensors.items()}, assign=True)
    for block in sam.image_encoder.blocks:
        block.attn = Attention(block.attn)
    return sam.eval().requires_grad_(False).to(device)


class Attention(torch.nn.Module):
    """What segment_anything's Attention computes, a head at a time and without its (heads, H·W, H·W) matrices.

    At vit_b's 64 x 64 tokens those take 0.8 GB each; here the peak is a head's bias, 64 MB.
    """

    def __init__(self, like: Any) -> None:
        """Take over the weights of one of segment_anything's."""
        super().__init__()
        self.heads, self.qkv, self.proj = like.num_heads, like.qkv, like.proj
        self.rel_pos_h, self.rel_pos_w = like.rel_pos_h, like.rel_pos_w

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, H, W, C) -> (B, H, W, C)
        b, h, w, c = x.shape
        q, k, v = self.qkv(x).reshape(b, h * w, 3, self.heads, -1).permute(2, 3, 0, 1, 4)  # (heads, B, H·W, c) each
        down, across = self._near(self.rel_pos_h, h).to(q.dtype), self._near(self.rel_pos_w, w).to(q.dtype)
        out = torch.empty(b, h * w, self.heads, c // self.heads, dtype=q.dtype, device=x.device)
        for i in range(self.heads):
            seen = q[i].reshape(b, h, w, -1)
            by_row = torch.einsum("bhwc,hkc->bhwk", seen, down)
            by_column = torch.einsum("bhwc,wkc->bhwk", seen, across)
            bias = (by_row[..., :, None] + by_column[..., None, :]).reshape(b, h * w, h * w)
            out[:, :, i] = F.scaled_dot_product_attention(q[i], k[i], v[i], attn_mask=bias)
        return self.proj(out.view(b, h, w, c))

    @staticmethod
    def _near(table: torch.Tensor, size: int) -> torch.Tensor:
        """Look the difference of every two places up in a (2·size - 1, c) table; (size, size, c)."""
        place = torch.arange(size, device=table.device)
        return table[place[:, None] - place + size - 1]


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Read a .pth file of SAM's tensors, which stay on disk until they are used. Raises WeightsError."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise WeightsError(
            f"{path} is too large ({gigabytes(path.stat().st_size)})", "Check that it holds SAM's weights."
        )
    tensors = load_checkpoint(path)
    if not all(map(_sound, tensors.values())):
        raise _misfit(path)
    return tensors


def build_sam(tensors: Mapping[str, torch.Tensor]) -> Any:
    """Build a Sam of the size that some tensors have, itself without any (on the meta device).

    What is raised where they are not SAM's depends on which one is wrong.
    """
    modeling = extra("segment_anything", "modeling", "SAM")
    grid, dim = tensors["image_encoder.pos_embed"].shape[1::2]
    patch = tensors["image_encoder.patch_embed.proj.weight"].shape[-1]
    names = {k.split(".")[2] for k in tensors if k.startswith("image_encoder.blocks.")}
    # a block's table of relative positions has a row for each difference within its window
    rows = [tensors[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape for i in range(len(names))]
    everywhere = tuple(i for i, (n, _) in enumerate(rows) if n == 2 * grid - 1)
    width = tensors["image_encoder.neck.0.weight"].shape[0]
    if not 0 < grid * patch <= LARGEST_SIDE or width % DECODER_HEADS:
        raise ValueError("no size of SAM")
    with torch.device("meta"):
        encoder = modeling.ImageEncoderViT(
            img_size=grid * patch,
            patch_size=patch,
            embed_dim=dim,
            depth=len(rows),
            num_heads=dim // rows[0][1],
            mlp_ratio=tensors["image_encoder.blocks.0.mlp.lin1.bias"].shape[0] / dim,
            out_chans=width,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=min((n + 1) // 2 for n, _ in rows),
            global_attn_indexes=everywhere,
        )
        prompts = modeling.PromptEncoder(
            embed_dim=width,
            image_embedding_size=(grid, grid),
            input_image_size=(grid * patch, grid * patch),
            mask_in_chans=tensors["prompt_encoder.mask_downscaling.3.bias"].shape[0],
        )
        layers = {k.split(".")[3] for k in tensors if k.startswith("mask_decoder.transformer.layers.")}
        decoder = modeling.MaskDecoder(
            num_multimask_outputs=tensors["mask_decoder.mask_tokens.weight"].shape[0] - 1,
            transformer=modeling.TwoWayTransformer(
                depth=len(layers),
                embedding_dim=width,
                mlp_dim=tensors["mask_decoder.transformer.layers.0.mlp.lin1.bias"].shape[0],
                num_heads=DECODER_HEADS,
            ),
            transformer_dim=width,
            iou_head_depth=3,
            iou_head_hidden_dim=tensors["mask_decoder.iou_prediction_head.layers.0.bias"].shape[0],
        )
    return modeling.Sam(encoder, prompts, decoder)  # its pixel_mean and pixel_std are constants, not weights


def resize_longest_side(side_px: int) -> Any:
    """Return what brings images and clicks to the size that a Sam sees."""
    return extra("segment_anything.utils.transforms", "ResizeLongestSide", "SAM")(side_px)


def _sound(value: torch.Tensor) -> bool:
    """Tell whether a tensor is as large as it claims to be."""
    return value.is_floating_point() and value.is_contiguous() and value.layout is torch.strided


def _misfit(path: Path, why: str = "") -> WeightsError:
    return WeightsError(f"{path} does not hold SAM's weights" + (f": {why}" if why else ""), AGAIN)
