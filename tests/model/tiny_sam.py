"""A SAM small enough for tests: segment_anything's own parts with random weights, in a file like the published ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from segment_anything.modeling import (  # type: ignore[import-untyped]
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)

SIDE, PATCH, WIDTH = 64, 8, 16  # px, px, channels


def tiny_sam(seed: int = 0) -> Any:
    """Make one with two windowed blocks and two that see everything, 8 x 8 tokens."""
    torch.manual_seed(seed)
    grid = SIDE // PATCH
    sam = Sam(
        ImageEncoderViT(
            img_size=SIDE,
            patch_size=PATCH,
            embed_dim=24,
            depth=4,
            num_heads=3,
            mlp_ratio=2,
            out_chans=WIDTH,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=3,  # does not divide 8: the windows are padded, as in the published ones
            global_attn_indexes=(1, 3),
        ),
        PromptEncoder(
            embed_dim=WIDTH, image_embedding_size=(grid, grid), input_image_size=(SIDE, SIDE), mask_in_chans=8
        ),
        MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, mlp_dim=32, num_heads=8),
            transformer_dim=WIDTH,
            iou_head_depth=3,
            iou_head_hidden_dim=24,
        ),
    )
    for name, weights in sam.named_parameters():  # zero as they are made: nobody would notice if they were forgotten
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(weights, std=0.3)
    return sam.eval().requires_grad_(False)


def save_tiny_sam(path: Path, seed: int = 0) -> Path:
    """Write its checkpoint."""
    torch.save(tiny_sam(seed).state_dict(), path)
    return path
