"""Methods: the networks under test, each as pictures of the eight scored views."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from model.errors import FormatError
from model.evaluation.framed import Framed, framed
from model.evaluation.protocol import INPUTS, PIXELS, SCORED, Rasterize, Sample, drawn, on_white
from model.evaluation.truth import true_views
from model.gaussians import Gaussians
from model.network.partrm import PRESETS, PartRM, gaussians_from_output
from model.network.partrm_input import rays, views_of
from model.partdrag4d.dataset import SIZE
from model.partdrag4d.network_view import network_cameras
from model.stages.multiview_zero123 import SidesDrawer
from model.stages.pipeline import Pipeline
from model.stages.propagate import SPREAD
from model.stages.reconstruct import reconstruct
from model.stages.state import State

Setting = Literal["one image", "one image, no motion", "true views"]
_NONE = np.zeros((0, 3), np.float32)
NO_SPLATS = Gaussians(_NONE, np.zeros((0, 4), np.float32), _NONE, _NONE[:, 0], np.zeros((0, 1, 3), np.float32))


class Embedded:
    """The model that the app ships; gets one drag, and one image or the splats of the true views.

    From one image it is told the object's outline, the lens, and how far away the object is (the data set's world has
    a size, one image has none). The part is the one that it finds itself. "No motion" draws the splats that it made
    of the image as they are: what the prediction is worth over the same splats.
    """

    def __init__(self, pipeline: Pipeline, rasterize: Rasterize, setting: Setting) -> None:
        self.name = f"embedded, {setting}"
        self.pipeline, self.rasterize, self.setting = pipeline, rasterize, setting

    def __call__(self, sample: Sample) -> np.ndarray:
        view = frame_of(sample)
        state = true_state(sample, view) if self.setting == "true views" else opened(self.pipeline, view)
        shown = state
        if self.setting != "one image, no motion":
            shown = self.pipeline.predict(state, [view.drag(sample.pull.drag)]).state
        return drawn(self.rasterize, shown.gaussians, view.cameras(sample.cameras, state.camera))


def frame_of(sample: Sample) -> Framed:
    """Frame the input view of a sample."""
    return framed(sample.inputs[0], sample.input_cameras[0], sample.centre)


def opened(pipeline: Pipeline, view: Framed) -> State:
    """Let the pipeline open a framed picture; it is told outline and lens."""
    return pipeline.open(view.image, view.mask, fov_deg=view.camera.fov_y_deg)


def true_state(sample: Sample, view: Framed) -> State:
    """Make the state that a perfect reconstruction of the source would be. Raises FormatError without depth."""
    views = true_views(sample.data, sample.pair.source)
    if views is None:
        raise FormatError(f"{sample.pair.source} has no depth", "`dataset build` writes it; published data has none.")
    splats = view.gaussians(reconstruct(views, carve=False))
    small = view.eye.resized(PIXELS, PIXELS)
    return State(view.image, view.mask, view.eye, small, splats)


class PartRMMethod:
    """PartRM: four views of the source and `drags` pulls, as in the paper's evaluation.

    The views are the data set's own, or Zero123++'s of the first. All the views are drawn from the cameras and through
    the lens that PartRM was trained with (see model.partdrag4d.network_view).
    """

    def __init__(
        self,
        name: str,
        network: PartRM,
        rasterize: Rasterize,
        drags: int = SPREAD,
        sides: SidesDrawer | None = None,
    ) -> None:
        self.name, self.network, self.rasterize = name, network, rasterize
        self.drags, self.sides, self.size = drags, sides, PRESETS[network.preset].size

    def __call__(self, sample: Sample) -> np.ndarray:
        pictures, cameras = (
            on_white(sample.inputs).astype(np.float32) / 255,
            network_cameras(sample.data, sample.pair.source, INPUTS, SIZE),
        )
        if self.sides is not None:
            camera = sample.input_cameras[0]
            mask = sample.inputs[0, ..., 3] > 127
            shown = State(on_white(sample.inputs[0]), mask, camera, camera, NO_SPLATS)
            three = self.sides(shown).three()
            pictures, cameras = np.concatenate([pictures[:1], three.pictures]), [cameras[0], *three.cameras]
        device = next(self.network.parameters()).device
        rgb = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
        views = views_of(rgb, [rays(c, self.size, c.fov_y_deg) for c in cameras])[None]
        starts, ends = (torch.from_numpy(p)[None].to(device) for p in sample.pull.spread(self.drags))
        with torch.inference_mode():
            out = self.network(views, starts, ends)
        return drawn(
            self.rasterize,
            gaussians_from_output(out[0]),
            tuple(network_cameras(sample.data, sample.pair.source, SCORED, PIXELS)),
        )
