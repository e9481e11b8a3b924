"""Refine: the part under a click, and what becomes of it when the user adds to it, takes from it, or has doubts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from model.errors import DragError
from model.network.embedded import SIZE, Completion, PartNet
from model.progress import Progress, silent
from model.stages.atlas import Atlas
from model.stages.frame import window_of
from model.stages.multiview import cut
from model.stages.part import Parts, find_part, part_of, read_parts
from model.stages.part_mask import EDGES, nearest_object_pixel
from model.stages.predict import EmbeddedPredictor, Rasterize, surface_at
from model.stages.segment_sam import SamSegmenter
from model.stages.state import Click, Outline, Part, State
from model.stages.survey import survey

STRICTER, LAXER = 2.0, -2.0  # logits: the embedded network's other outlines
ALIKE = 0.95  # IoU above which two outlines are one
NOTHING_LEFT = DragError("Nothing would be left of the part", "Paint what belongs to it before you erase the rest.")


class PartFinder(EmbeddedPredictor):
    """The embedded predictor, with the part's pixels from SAM where there is one.

    What a part's pixels mean (its Gaussians, its joint) is the embedded network's answer always.
    """

    def __init__(
        self,
        part_net: PartNet,
        completion: Completion,
        rasterize: Rasterize,
        load_sam: Callable[[], SamSegmenter] | None = None,
    ) -> None:
        """Take the networks; load_sam is called when SAM is first needed."""
        super().__init__(part_net, completion, rasterize)
        self._load_sam = load_sam
        self._sam: SamSegmenter | None = None

    def prepare(self, state: State, progress: Progress = silent) -> None:
        """Do now what the first click on a state needs; a second call costs nothing, nor does a stopped one lose much.

        Raises WeightsError where SAM cannot be loaded; from then on the embedded network does without it.
        """
        self._parts(state)
        self.read(state.image, progress)

    def read(self, image: np.ndarray, progress: Progress = silent) -> None:
        """Let SAM, where there is one, encode an (H, W, 3) uint8 image."""
        sam = self._segmenter()
        if sam is not None:
            sam.embed(image, progress)

    def atlas(self, state: State, progress: Progress = silent) -> Atlas:
        """Find all parts of a state that move, as the embedded network sees them; may be stopped."""
        parts = self._parts(state)
        return survey(state, parts, lambda at_px: find_part(state, parts, at_px), progress)

    def part(self, state: State, click_px: tuple[float, float], progress: Progress = silent) -> Part:
        """Find the part under a click; raises DragError on the background."""
        sam = self._segmenter()
        if sam is None:
            return super().part(state, click_px)
        first = Click(nearest_object_pixel(state.mask, click_px))
        outlines = sam.outlines(state.image, [first], state.mask, progress=progress)
        found = self._outlined(state, outlines[0], first.at_px)
        return replace(found, clicks=(first,), outlines=outlines)

    def clicked(self, state: State, part: Part, click: Click, radius_px: float, progress: Progress = silent) -> Part:
        """Add the place under one more click to a part, or take it away.

        SAM hears of all clicks so far. What was painted stays: a click then adds or takes no more than SAM's answer
        changes. Without SAM, a disc of radius_px (image pixels) is painted. Raises DragError where nothing is left.
        """
        disc = _disc(state.mask.shape, click.at_px, radius_px) & state.mask
        sam = self._segmenter()
        if sam is None or not (part.clicks or click.adds):  # SAM must be told of something that belongs to it
            return self.painted(state, part, disc, click.adds)
        clicks = (*part.clicks, click)
        chosen = _chosen(part)
        outlines = sam.outlines(state.image, clicks, state.mask, chosen, progress)
        if chosen is not None:
            changed = self._outlined(state, outlines[0], part.click_px)
        else:
            if click.adds:
                mask = part.mask | outlines[0].mask | disc
            else:
                before = sam.outlines(state.image, part.clicks, state.mask)[0].mask
                mask = part.mask & ~(before & ~outlines[0].mask) & ~disc
                if not mask.any():
                    raise NOTHING_LEFT
            changed = self._outlined(state, Outline(mask, part.score), part.click_px)
        return replace(changed, clicks=clicks, outlines=outlines, by_hand=True)

    def painted(self, state: State, part: Part | None, area: np.ndarray, adds: bool) -> Part:
        """Add the pixels of an area (H, W) bool to a part, or take them away; no part begins a new one.

        Raises DragError where nothing is left of it, or the area is not on the object.
        """
        mask = np.zeros_like(state.mask) if part is None else part.mask
        mask = mask | (area & state.mask) if adds else mask & ~area
        if not mask.any():
            if adds:
                raise DragError("There is no object under the brush", "Paint on the object.")
            raise NOTHING_LEFT
        click = part.click_px if part is not None else _middle(area & state.mask)
        changed = self._outlined(state, Outline(mask, 1.0), click)
        if part is not None:
            changed = replace(changed, clicks=part.clicks, outlines=part.outlines)
        return replace(changed, by_hand=True)

    def another(self, state: State, part: Part) -> Part:
        """Take the next of a part's outlines, after the last the first; raises DragError where there is one only."""
        outlines = part.outlines or tuple(self._guesses(state, part))
        at = next((k for k, o in enumerate(outlines) if o.mask is part.mask), -1)
        if len(outlines) < 2 and at >= 0:
            raise DragError("There is no other outline here", "Paint what is missing, or erase what is too much.")
        changed = self._outlined(state, outlines[(at + 1) % len(outlines)], part.click_px)
        return replace(changed, clicks=part.clicks, outlines=outlines, by_hand=True)

    def grabbed(self, state: State, part: Part, at_px: tuple[float, float]) -> Part:
        """Hold a part somewhere else; nothing else of it changes."""
        return replace(part, click_px=at_px, grab=surface_at(state, part, at_px))

    def _segmenter(self) -> SamSegmenter | None:
        if self._load_sam is not None:
            load, self._load_sam = self._load_sam, None  # what failed once is told once
            self._sam = load()
        return self._sam

    def _parts(self, state: State) -> Parts:
        if self._read is None or self._read[0] is not state:
            self._read = (state, read_parts(state, self.part_net))
        return self._read[1]

    def _outlined(self, state: State, outline: Outline, click_px: tuple[float, float]) -> Part:
        """Make the part that an outline means, held at the click, or where the outline is nearest to it."""
        click = click_px
        if not outline.mask[int(click[1]), int(click[0])]:
            there = np.argwhere(outline.mask)[:, ::-1] + 0.5
            click = tuple(there[np.argmin(((there - click) ** 2).sum(1))].tolist())
        parts = self._parts(state)
        window = window_of(state.camera, state.crop)
        cover = _cover(state.image, outline.mask, window)
        small = (cv2.resize(cover, (SIZE, SIZE), interpolation=cv2.INTER_AREA) > 0.5) & parts.there
        if not small.any():  # a part too small to be seen in the crop
            col, row = np.clip((np.array(click) - window[:2]) * SIZE / window[2], 0, SIZE - 1).astype(int)
            small[row, col] = True
        return part_of(state, parts, click, small, cover > 0.5, outline.mask, outline.score)

    def _guesses(self, state: State, part: Part) -> Iterator[Outline]:
        """Yield the embedded network's outlines for a part's click: its own, a smaller and a larger one."""
        kept: list[np.ndarray] = []
        for strict in (0.0, STRICTER, LAXER):
            found = find_part(state, self._parts(state), part.click_px, strict)
            if all((found.mask & m).sum() < ALIKE * (found.mask | m).sum() for m in kept):
                kept.append(found.mask)
                same = not part.by_hand and strict == 0.0
                yield Outline(part.mask if same else found.mask, found.score)


def _chosen(part: Part) -> Outline | None:
    """Return the outline that a part's mask is, or None where it was painted."""
    return next((o for o in part.outlines if o.mask is part.mask), None)


def _cover(image: np.ndarray, mask: np.ndarray, window: tuple[float, float, float]) -> np.ndarray:
    """Say how much of each pixel of the crop a mask (H, W) bool covers, (EDGES, EDGES); large photos are thinned."""
    left, top, side = window
    k = (max(1, int(side / EDGES / 2)) - 1) | 1  # odd: the middle one of every k pixels
    thin = np.s_[k // 2 :: k, k // 2 :: k]
    return cut(image[thin], mask[thin], (left / k, top / k, side / k), EDGES)[1]


def _disc(shape: tuple[int, ...], at_px: tuple[float, float], radius_px: float) -> np.ndarray:
    """Fill a disc, (H, W) bool; at least the pixel in its middle."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    disc = (x + 0.5 - at_px[0]) ** 2 + (y + 0.5 - at_px[1]) ** 2 <= radius_px**2
    return np.asarray(disc | ((x == int(at_px[0])) & (y == int(at_px[1]))))


def _middle(area: np.ndarray) -> tuple[float, float]:
    """Return the pixel centre of an area (H, W) bool that is nearest to its middle."""
    there = np.argwhere(area)[:, ::-1] + 0.5
    x, y = there[np.argmin(((there - there.mean(0)) ** 2).sum(1))].tolist()
    return x, y
