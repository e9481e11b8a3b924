"""The protocol: held-out procedural objects, one click, one drag, eight novel views; no motion and oracle beside.

(A) starts from true source views and depth, (B) from one image. One object's rows are drawn by the same renderer, from
splats made the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.evaluation.metrics import changed, iou, psnr, ssim
from model.gaussians import Gaussians
from model.partdrag4d.procedural import make_scene, novel_cameras, part_points
from model.partdrag4d.scene import Scene
from model.partdrag4d.tracer import trace, trace_surfaces
from model.stages.frame import carried, crop_window, view_cameras
from model.stages.multiview import FINE
from model.stages.pipeline import Pipeline
from model.stages.reconstruct import reconstruct
from model.stages.state import Prediction, State, View

Rasterize = Callable[[Gaussians, Camera], np.ndarray]  # -> (H, W, 4) float32 premultiplied
ROWS = ("no motion", "predicted", "oracle")
SHOWN = (0, 2)  # views whose pictures are kept: the input and one novel view
VIEWS = 8
PIXELS = 256


@dataclass(frozen=True, eq=False)
class Trial:
    """One held-out object with one drag, and the true pictures before and after."""

    seed: int
    scene: Scene
    image: np.ndarray  # (256, 256, 3) uint8 on white, the input view before
    mask: np.ndarray  # (256, 256) bool, the object
    part: np.ndarray  # (256, 256) bool, the true part
    drag: Drag  # pixels of image
    motion: Joint
    amount: float
    cameras: tuple[Camera, ...]  # the input camera, then 8 novel ones
    before: np.ndarray  # (9, 256, 256, 3) 0..1 on white
    after: np.ndarray  # (9, 256, 256, 3)


@dataclass(frozen=True)
class Row:
    """What one set of splats scores on one object."""

    psnr_input: float
    psnr: float  # mean over the novel views
    ssim: float
    changed_input: float
    changed: float


@dataclass(frozen=True, eq=False)
class Result:
    """The scores of one trial: settings A and B, each with no motion, the prediction and the oracle."""

    seed: int
    category: str
    drag: Drag
    image: np.ndarray  # (256, 256, 3) uint8, the input view before
    rows: dict[str, Row]  # "A no motion", "A predicted", "A oracle", "B no motion", ...
    part_iou: dict[str, float]  # A, B
    kind_right: dict[str, bool]
    axis_error_deg: dict[str, float]
    flow_error: dict[str, float]  # mean over the part's points, as a part of how far they move
    pictures: dict[str, np.ndarray]  # as rows, and "truth"; (2, 256, 256, 3) uint8, the SHOWN views


def trial(seed: int) -> Trial | None:
    """Make one held-out trial with the drag of median length of ten; None where the part is hardly seen or moves."""
    scene = make_scene(seed, "held-out")
    a, b = float(scene.amounts[scene.source]), float(scene.amounts[scene.target])
    rng = np.random.default_rng(seed)
    camera = scene.camera0.resized(PIXELS, PIXELS)
    cameras = (camera, *novel_cameras(scene.camera0, PIXELS, VIEWS, rng))
    before, after = (trace(scene, x, cameras, PIXELS, supersample=2) for x in (a, b))
    points = part_points(scene, a, b, camera, 10, rng, before)
    if points is None:
        return None
    middle = int(np.argsort(np.linalg.norm(points.end_px - points.start_px, axis=1))[5])
    start, end = points.start_px[middle], points.end_px[middle]
    drag = Drag((float(start[0]), float(start[1])), (float(end[0]), float(end[1])))
    image = (before.on_white[0] * 255).round().clip(0, 255).astype(np.uint8)
    return Trial(
        seed, scene, image, before.alpha[0] > 0.5, before.link[0] == scene.moving, drag,
        scene.joints[scene.moving - 1], b - a, cameras, before.on_white, after.on_white,
    )  # fmt: skip


def true_views(scene: Scene, amount: float, size: int = FINE) -> tuple[View, ...]:
    """Trace the four input views as the reconstruct stage takes them."""
    cameras = view_cameras(scene.camera0, size)
    seen = trace_surfaces(scene, amount, cameras, size)
    return tuple(View(c, seen.rgb[k], seen.depth[k], seen.normal[k]) for k, c in enumerate(cameras))


def evaluate(trial: Trial, pipeline: Pipeline, rasterize: Rasterize) -> Result:
    """Run one trial through both settings."""
    scene = trial.scene
    a, b = float(scene.amounts[scene.source]), float(scene.amounts[scene.target])
    truth = reconstruct(true_views(scene, b), carve=False)
    crop = scene.camera0.resized(PIXELS, PIXELS)
    state_a = State(trial.image, trial.mask, crop, crop, reconstruct(true_views(scene, a), carve=False))
    state_b = pipeline.open(trial.image, trial.mask, fov_deg=crop_fov(trial))
    cameras_b = tuple(carried(c, trial.cameras[0], state_b.camera) for c in trial.cameras)
    rows: dict[str, Row] = {}
    pictures: dict[str, np.ndarray] = {}
    ious, kinds, angles, flows = {}, {}, {}, {}
    oracle = np.stack([on_white(rasterize(truth, c)) for c in trial.cameras])
    for name, state, cameras in (("A", state_a, trial.cameras), ("B", state_b, cameras_b)):
        prediction = pipeline.predict(state, [trial.drag])
        pictures[f"{name} oracle"] = oracle
        for what, gaussians in (("no motion", state.gaussians), ("predicted", prediction.state.gaussians)):
            pictures[f"{name} {what}"] = np.stack([on_white(rasterize(gaussians, c)) for c in cameras])
        rows |= {f"{name} {what}": score(pictures[f"{name} {what}"], trial) for what in ROWS}
        assert prediction.part is not None
        ious[name] = iou(prediction.part.mask, trial.part)
        kinds[name], angles[name], flows[name] = motion_errors(trial, state, prediction, state.camera)
    pictures["truth"] = trial.after
    kept = {name: (p[list(SHOWN)] * 255).round().astype(np.uint8) for name, p in pictures.items()}
    return Result(trial.seed, scene.category, trial.drag, trial.image, rows, ious, kinds, angles, flows, kept)


def crop_fov(trial: Trial) -> float:
    """Return the field of view of the object's crop: the lens is given, as the trial protocol says."""
    side = crop_window(trial.mask)[2]
    tan = np.tan(np.deg2rad(trial.cameras[0].fov_y_deg) / 2)
    return float(2 * np.rad2deg(np.arctan(tan * side / PIXELS)))


def on_white(frame: np.ndarray) -> np.ndarray:
    """Lay a drawn frame (H, W, 4), premultiplied, on white, (H, W, 3)."""
    return np.clip(frame[..., :3] + 1 - frame[..., 3:], 0, 1)


def score(drawn: np.ndarray, trial: Trial) -> Row:
    """Compare nine drawn pictures (input first) with the truth."""
    both = [psnr(d, t) for d, t in zip(drawn, trial.after, strict=True)]
    moved = [changed(p, q) for p, q in zip(trial.before, trial.after, strict=True)]
    parts = [psnr(d, t, m) for d, t, m in zip(drawn, trial.after, moved, strict=True)]
    similar = [ssim(d, t) for d, t in zip(drawn[1:], trial.after[1:], strict=True)]
    return Row(both[0], float(np.mean(both[1:])), float(np.mean(similar)), parts[0], mean_of_known(parts[1:]))


def mean_of_known(scores: list[float]) -> float:
    """Average what is not nan; nan if nothing is known."""
    known = [s for s in scores if not np.isnan(s)]
    return float(np.mean(known)) if known else float("nan")


def motion_errors(trial: Trial, state: State, prediction: Prediction, camera: Camera) -> tuple[bool, float, float]:
    """Compare the predicted motion with the true one, in the input camera's axes."""
    assert prediction.motion is not None
    joint = prediction.motion.joint
    kind = joint.kind == trial.motion.kind
    to_camera = camera.T_world_camera[:3, :3].T
    true_axis = trial.cameras[0].T_world_camera[:3, :3].T @ trial.motion.axis
    angle = float(np.degrees(np.arccos(min(1.0, abs(float((to_camera @ joint.axis) @ true_axis))))))
    scale = np.linalg.norm(camera.position) / np.linalg.norm(trial.cameras[0].position)
    seen = true_views(trial.scene, float(trial.scene.amounts[trial.scene.source]))[0]
    inside = trial.part & (seen.depth > 0)
    points = seen.camera.unproject(seen.camera.pixel_grid()[inside], seen.depth[inside])
    T = trial.motion.transform(trial.amount)
    to = trial.cameras[0].T_camera_world
    true_flow = (points @ T[:3, :3].T + T[:3, 3] - points) @ to[:3, :3].T * scale
    guess = (points @ to[:3, :3].T + to[:3, 3]) * scale @ camera.T_world_camera[:3, :3].T + camera.position
    G = prediction.motion.T
    flow = (guess @ G[:3, :3].T + G[:3, 3] - guess) @ camera.T_world_camera[:3, :3]
    error = np.linalg.norm(flow - true_flow, axis=1).mean() / max(np.linalg.norm(true_flow, axis=1).mean(), 1e-6)
    return kind, angle, float(error)
