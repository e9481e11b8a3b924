"""Segment by SAM: the image is encoded once, then every click is answered by the decoder alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from model.errors import DragError
from model.network.precision import fastest_dtype
from model.network.sam import resize_longest_side
from model.progress import Progress, silent
from model.stages.state import Click, Outline

KEPT = 3  # images whose embeddings are remembered


@dataclass(eq=False)
class Encoded:
    """An image on its way through the encoder; one that was stopped goes on after the last block that was done."""

    image: np.ndarray  # (H, W, 3) uint8
    tokens: torch.Tensor  # (1, G, G, C); in the end the embedding, (1, C, G, G)
    blocks: int = 0  # done
    whole: bool = False


class SamSegmenter:
    """Answer clicks on images; the last three images' embeddings are kept, so that a further click costs the decoder.

    Source: Kirillov et al., "Segment Anything", ICCV 2023; of a click's three masks PartRM takes the smallest.
    """

    def __init__(self, sam: Any, dtype: torch.dtype | None = None) -> None:
        """Take a Sam, ready to be used; dtype is what its encoder computes in, by itself the fastest."""
        self.sam = sam
        self.device: torch.device = sam.pixel_mean.device
        self.dtype = dtype or fastest_dtype(self.device, torch.float16)
        self.resize = resize_longest_side(sam.image_encoder.img_size)
        self._kept: deque[Encoded] = deque(maxlen=KEPT)

    def knows(self, image: np.ndarray) -> bool:
        """Tell whether an image's embedding is at hand."""
        return any(e.whole and _same(e.image, image) for e in self._kept)

    def embed(self, image: np.ndarray, progress: Progress = silent) -> torch.Tensor:
        """Encode an (H, W, 3) uint8 image, (1, C, G, G); what a cancelled call has done is not done again."""
        encoded = next((e for e in self._kept if _same(e.image, image)), None)
        if encoded is None:
            encoded = Encoded(image, self._patches(image))
        else:
            self._kept.remove(encoded)
        self._kept.append(encoded)  # the newest is forgotten last
        if encoded.whole:
            return encoded.tokens
        encoder = self.sam.image_encoder
        with torch.inference_mode(), self._precision():
            for block in encoder.blocks[encoded.blocks :]:
                progress(encoded.blocks / len(encoder.blocks), "Reading the picture")
                encoded.tokens = block(encoded.tokens)
                encoded.blocks += 1
            encoded.tokens = encoder.neck(encoded.tokens.permute(0, 3, 1, 2)).float()
        encoded.whole = True
        return encoded.tokens

    def outlines(
        self,
        image: np.ndarray,  # (H, W, 3) uint8
        clicks: Sequence[Click],
        within: np.ndarray | None = None,  # (H, W) bool, the object, where it is known
        before: Outline | None = None,  # what fewer clicks gave
        progress: Progress = silent,
    ) -> tuple[Outline, ...]:
        """Outline what some clicks mean; returns those that are not empty, the one to take first.

        For one click these are SAM's three, the smallest first, as PartRM takes them. More clicks leave less doubt:
        SAM's answer for such comes first, then the three. Raises DragError where there is nothing under the clicks.
        """
        embedding = self.embed(image, progress)
        h, w = image.shape[:2]
        with torch.inference_mode():
            logits, scores = self._decode(embedding, clicks, (h, w), before)
            size = self.resize.get_preprocess_shape(h, w, self.resize.target_length)
            large = self.sam.postprocess_masks(logits, size, (h, w))[0] > self.sam.mask_threshold
            masks = large.cpu().numpy() & (True if within is None else within)  # (4, H, W)
            small = logits[0].cpu().numpy()  # (4, 4G, 4G)
            sure = scores[0].clamp(0, 1).tolist()
        three = sorted(range(1, len(masks)), key=lambda i: masks[i].sum())
        order = three if len(clicks) == 1 else [0, *three]
        found = tuple(Outline(masks[i], sure[i], small[i].copy()) for i in order if masks[i].any())
        if not found:
            raise DragError("Nothing is outlined there", "Press nearer to the part's middle, or paint the part.")
        return found

    def _patches(self, image: np.ndarray) -> torch.Tensor:
        """Turn an (H, W, 3) uint8 image into the encoder's first tokens, (1, G, G, C)."""
        encoder = self.sam.image_encoder
        pixels = torch.from_numpy(self.resize.apply_image(image)).to(self.device)
        with torch.inference_mode(), self._precision():
            x = self.sam.preprocess(pixels.permute(2, 0, 1)[None].float())
            return encoder.patch_embed(x) + encoder.pos_embed

    def _decode(
        self, embedding: torch.Tensor, clicks: Sequence[Click], size: tuple[int, int], before: Outline | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ask the decoder; logits (1, 4, 4G, 4G) and scores (1, 4), its answer for many clicks first."""
        at = np.floor([c.at_px for c in clicks])  # SAM's coordinates count pixels, and mean their centres
        points = torch.from_numpy(self.resize.apply_coords(at, size)).to(self.device, torch.float32)
        labels = torch.tensor([float(c.adds) for c in clicks], device=self.device)
        masks = None
        if before is not None and before.logits is not None:
            masks = torch.from_numpy(before.logits).to(self.device)[None, None]
        sparse, dense = self.sam.prompt_encoder((points[None], labels[None]), None, masks)
        logits, scores = self.sam.mask_decoder.predict_masks(
            embedding, self.sam.prompt_encoder.get_dense_pe(), sparse, dense
        )
        return logits, scores

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or np.array_equal(a, b)
