"""Pipeline: the picture as one object that keeps its networks and does nothing twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch

from model import weights as catalogue
from model.drag import Drag
from model.errors import WeightsError
from model.network.embedded import Completion, PartNet, Surface
from model.network.extra import has
from model.network.partrm import PRESETS
from model.network.sam import load_sam
from model.progress import Progress, silent
from model.stages import doubts
from model.stages.again import Held, carried, found
from model.stages.atlas import Atlas
from model.stages.frame import FOV_DEG, crop_window, photo_camera
from model.stages.multiview import multiview
from model.stages.multiview_zero123 import SidesDrawer, open_sides
from model.stages.part_mask import nearest_object_pixel
from model.stages.predict import Predictor, Rasterize, pull, surface_picture
from model.stages.predict_partrm import PartRMPredictor, framing_of, load_partrm
from model.stages.propagate import spread_of
from model.stages.reconstruct import reconstruct
from model.stages.refine import PartFinder
from model.stages.segment import object_mask
from model.stages.segment_sam import SamSegmenter
from model.stages.state import Click, Motion, Part, Prediction, State

SidesBy = Literal["auto", "zero123", "own"]
T = TypeVar("T", bound=torch.nn.Module)


class Pipeline:
    """Image -> rest state -> part -> motion -> next state."""

    def __init__(
        self,
        weights: str = "embedded",
        device: str = "auto",
        rasterize: Rasterize = surface_picture,
        sam: Path | Literal["auto"] | None = None,
        sides: SidesBy = "auto",
    ) -> None:
        """Load the networks; raises WeightsError. `rasterize` draws predicted states for the image panel.

        weights: "embedded", or PartRM's by their name in the catalogue or the path of a file. sam: SAM's checkpoint,
        or "auto" for the one on this computer, loaded when it is first needed; without one the embedded network finds
        the parts. sides: who draws PartRM's views 1 to 3 of a photo, Zero123++ or the state's own Gaussians; "auto"
        asks Zero123++ where it is on this computer and a GPU does in seconds what takes tens of minutes without one.
        """
        self.device = choose_device(device)
        partrm = None if weights == "embedded" else load_partrm(weights, self.device)
        self.surface = load_network(Surface, "surface", self.device)
        self.completion = load_network(Completion, "completion", self.device)
        part_net = load_network(PartNet, "part", self.device)
        checkpoint = find_sam(self.device) if sam == "auto" else sam
        load = None if checkpoint is None else partial(_segmenter, checkpoint, self.device)
        self.finder = PartFinder(part_net, self.completion, rasterize, load)
        self.predictor: Predictor = self.finder
        if partrm is not None:
            drawn = find_sides(weights, self.device, sides)
            self.predictor = PartRMPredictor(
                partrm,
                self.finder,
                rasterize,
                size=PRESETS[partrm.preset].size,
                spread=spread_of(weights),
                framing=framing_of(weights),
                sides=drawn,
                warms_up=self.device.type == "cuda",
            )
        self.times_s: dict[str, float] = {}  # of the last open

    def open(
        self,
        image: np.ndarray,  # (H, W, 3 or 4) uint8
        mask: np.ndarray | None = None,  # (H, W) bool, the object, where it is known
        box: tuple[float, float, float, float] | None = None,  # round the object, x0, y0, x1, y1 px
        fov_deg: float = FOV_DEG,  # of the object's crop
        progress: Progress = silent,
    ) -> State:
        """Turn a photo into a state at rest; raises ImageError where no object is found."""
        start = time.perf_counter()
        progress(0.0, "Finding the object")
        if mask is None:
            mask = object_mask(image, box, lambda f, what: progress(0.3 * f, what))
        segmented = time.perf_counter()
        window = crop_window(mask)
        rgb = np.ascontiguousarray(image[..., :3])
        views = multiview(
            rgb, mask, window, self.surface, self.completion, fov_deg, lambda f, what: progress(0.3 + 0.6 * f, what)
        )
        seen = time.perf_counter()
        progress(0.9, "Laying splats")
        gaussians = reconstruct(views)
        h, w = mask.shape
        white = np.where(mask[..., None], rgb, 255).astype(np.uint8)
        camera = photo_camera(views[0].camera, window, w, h)
        self.times_s = {
            "segment": segmented - start,
            "multiview": seen - segmented,
            "reconstruct": time.perf_counter() - seen,
        }
        progress(1.0, "Done")
        return State(white, mask, camera, views[0].camera, gaussians, notes=doubts.of_object(mask, views))

    def prepare(self, state: State, progress: Progress = silent) -> None:
        """Do now what the first click and pull on a state need; may be stopped, and goes on when it is called again."""
        self.finder.prepare(state, progress)
        if isinstance(self.predictor, PartRMPredictor):
            self.predictor.prepare(state, progress)

    def atlas(self, state: State, progress: Progress = silent) -> Atlas:
        """Find all parts of a state that move; may be stopped."""
        return self.finder.atlas(state, progress)

    def part(self, state: State, click_px: tuple[float, float], progress: Progress = silent) -> Part:
        """Find the part under a click; raises DragError on the background."""
        progress(0.0, "Finding the part")
        return self.finder.part(state, click_px, progress)

    def clicked(self, state: State, part: Part, click: Click, radius_px: float, progress: Progress = silent) -> Part:
        """Add the place under one more click to a part, or take it away; raises DragError where nothing is left."""
        return self.finder.clicked(state, part, click, radius_px, progress)

    def painted(
        self, state: State, part: Part | None, area: np.ndarray, adds: bool, progress: Progress = silent
    ) -> Part:
        """Add an area (H, W) bool to a part, or take it away; raises DragError where nothing is left."""
        progress(0.0, "Outlining the part")
        return self.finder.painted(state, part, area, adds)

    def another(self, state: State, part: Part, progress: Progress = silent) -> Part:
        """Take the next of a part's outlines; raises DragError where there is one only."""
        progress(0.0, "Outlining the part")
        return self.finder.another(state, part)

    def grabbed(self, state: State, part: Part, at_px: tuple[float, float]) -> Part:
        """Hold a part somewhere else; nothing else of it changes."""
        return self.finder.grabbed(state, part, at_px)

    def motion(self, state: State, part: Part, drag: Drag) -> Motion:
        """Read the part's motion from a drag: the rigid preview. NumPy only, a few milliseconds, any thread."""
        return pull(state, part, [drag])

    def predict(
        self, state: State, drags: Sequence[Drag], part: Part | None = None, progress: Progress = silent
    ) -> Prediction:
        """Predict the state after the drags; raises DragError."""
        for drag in drags:
            nearest_object_pixel(state.mask, drag.start_px)
        if part is None:
            self.finder.read(state.image, progress)  # here it can be stopped
        return self.predictor.predict(state, drags, part, progress)

    def again(
        self,
        rest: State,  # the photo's own
        state: State,
        drag: Drag,
        held: Held | None,
        motion: Motion | None,
        progress: Progress = silent,
    ) -> Prediction:
        """Do a pull once more, in another state of the same photo; raises DragError where its part is not there.

        The embedded predictor moves the part that was held as it is told to. PartRM, and all where the part cannot be
        known by its Gaussians, follow the drag.
        """
        progress(0.0, "Finding the part")
        known = None if held is None else found(held, state, rest)
        if known is None:
            return self.predict(state, [drag], None, progress)
        part, T = known
        if motion is None or self.predictor is not self.finder:
            return self.predict(state, [drag], part, progress)
        return self.finder.follow(state, part, carried(motion, T), progress)


def find_sam(device: torch.device) -> Path | None:
    """Find a SAM checkpoint on this computer: on a GPU the best, else the fastest; None where there is none to use."""
    if not has("segment_anything"):
        return None
    names = ("sam_vit_b", "sam_vit_l", "sam_vit_h")
    for name in names if device.type == "cpu" else reversed(names):
        try:
            return catalogue.find(name)
        except WeightsError:
            continue
    return None


def find_sides(weights: str, device: torch.device, sides: SidesBy) -> SidesDrawer | None:
    """Choose what draws PartRM's views 1 to 3, see Pipeline; raises WeightsError where "zero123" is not here."""
    if sides == "own" or (sides == "auto" and (device.type == "cpu" or not has("diffusers", "transformers"))):
        return None
    try:
        return open_sides(weights, device)
    except WeightsError:
        if sides == "zero123":
            raise
        return None


def choose_device(name: str) -> torch.device:
    """Turn auto, cpu or cuda into a device; auto takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise WeightsError("There is no CUDA device", "Use --device cpu, or --device auto to take what there is.")
    return torch.device(name)


def _segmenter(path: Path, device: torch.device) -> SamSegmenter:
    return SamSegmenter(load_sam(path, device))


def load_network(kind: type[T], name: str, device: torch.device) -> T:
    """Load one of the bundled networks, in float32, ready to be used."""
    net = kind()
    tensors = catalogue.load(catalogue.embedded(name))
    try:
        net.load_state_dict({k: v.float() for k, v in tensors.items()})
    except RuntimeError as problem:
        raise WeightsError(
            f"The weights '{name}' do not fit this version", "Reinstall, or restore resources/weights."
        ) from problem
    return net.eval().requires_grad_(False).to(device)
