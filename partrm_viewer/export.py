"""Everything that leaves the program: predicted states, pictures, turntables and the report of a job. No Qt."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from model.camera import Camera
from model.drag import Drag
from model.errors import DragError, FormatError, ImageError
from model.formats import files, transforms
from model.formats.disk import write_atomically
from model.gaussians import Gaussians
from model.progress import Progress, silent
from model.stages.frame import elevation_deg, photo_axes
from renderer import capture, film
from renderer.base import Renderer, choose

if TYPE_CHECKING:
    from model.stages.pipeline import Pipeline, SidesBy
    from model.stages.state import Motion, Prediction

TURNTABLE_FRAMES, TURNTABLE_FPS, TURNTABLE_SIZE_PX, TURNTABLE_FOV_DEG = 72, 24, 512, 30.0
SHORTEST_DRAG_PX = 0.5
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr")
BACKGROUNDS = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "transparent": None}


@dataclass(frozen=True)
class Job:
    """What one run of the main job reads and leaves behind; pixels are the image's own."""

    image: Path
    drags: tuple[Drag, ...]
    out: Path
    mask: Path | None = None
    box: tuple[float, float, float, float] | None = None
    weights: str = "embedded"
    sides: SidesBy = "auto"
    device: str = "auto"
    renderer: str = "auto"
    upright: bool = True
    seed: int = 0
    input_view: Path | None = None
    input_views: Path | None = None
    steps: int = 6
    turntable: Path | None = None
    report: Path | None = None


@dataclass
class Clock:
    """Seconds spent in each stage, in the order of the first visit."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def read_sample(path: Path) -> tuple[Path, tuple[Drag, ...]]:
    """Return the image and the drags stored with it; a photo has none.

    A sample is JSON: {"image": name beside it, "drag": [x0, y0, x1, y1]}. Raises FormatError.
    """
    if path.suffix.lower() != ".json":
        return path, ()
    try:
        sample = json.loads(path.read_text("utf-8"))
        x0, y0, x1, y1 = (float(v) for v in sample["drag"])
        return path.parent / sample["image"], (Drag((x0, y0), (x1, y1)),)
    except OSError as error:
        raise FormatError(f"Cannot read {path}: {error.strerror}", "Check the name and the folder.") from error
    except (ValueError, TypeError, KeyError) as error:
        hint = 'It should say {"image": "photo.png", "drag": [x0, y0, x1, y1]}.'
        raise FormatError(f"{path} is not a sample", hint) from error


def predict(job: Job, progress: Progress = silent) -> list[Path]:
    """Do the main job: image and drags in, the next state and whatever pictures were asked for out.

    Returns the paths written, pictures after splats. Raises PartRMError.
    """
    began = time.perf_counter()
    files.writer_of(job.out)  # an unknown ending is said before the work
    if job.turntable:
        film.ending_of(job.turntable)
    clock = Clock()
    with clock.stage("start"):
        import torch

        from model.stages.load import load_image
        from partrm_viewer.engine import pipeline as build

        torch.manual_seed(job.seed)
        renderer, reason = choose(job.renderer)
        pipeline = build(job.weights, job.device, renderer, sam="auto", sides=job.sides)
    with clock.stage("load"):
        image = load_image(job.image)
        check_drags(job.drags, image.shape[1], image.shape[0])
        mask = read_mask(job.mask, image.shape[:2]) if job.mask else None
    with clock.stage("open"):
        rest = pipeline.open(image, mask=mask, box=job.box, progress=progress)
    with clock.stage("predict"):
        prediction = pipeline.predict(rest, list(job.drags), progress=progress)
    with clock.stage("write"):
        made = prediction.state.gaussians
        lost = files.write(make_room(job.out), made if job.upright else made.moved(photo_axes(rest.crop)))
    notes = [*rest.notes, *prediction.notes]
    for line in (*lost, *notes):
        print(line, file=sys.stderr)
    written = [job.out]
    with clock.stage("draw"):
        if job.input_view:
            written.append(capture.write_png(job.input_view, input_view(rest, prediction, renderer)))
        if job.input_views:
            for k, picture in enumerate(step_views(pipeline, prediction, rest, job, renderer, progress)):
                written.append(capture.write_png(job.input_views / f"{k:03d}.png", picture))
    if job.turntable:
        with clock.stage("turntable"):
            splats, frames, fps = prediction.state.gaussians, TURNTABLE_FRAMES, TURNTABLE_FPS
            camera = from_outside(splats, prediction.state.camera)
            turned = capture.turntable(renderer, splats, camera, job.turntable, frames, fps=fps, progress=progress)
            written.append(turned)
    if job.report:
        figures = {
            "image": {"path": str(job.image), "width": image.shape[1], "height": image.shape[0]},
            "drags": [[*drag.start_px, *drag.end_px] for drag in job.drags],
            "splats": len(prediction.state.gaussians),
            "upright": job.upright,
            "elevation_deg": elevation_deg(rest.crop),
            "motion": describe(prediction.motion),
            "notes": notes,
            "seconds": clock.seconds,
            "stage_seconds": pipeline.times_s | prediction.times_s,
            "total_seconds": time.perf_counter() - began,
            "peak_memory_bytes": peak_memory_bytes(),
            "weights": job.weights,
            "device": str(pipeline.device),
            "renderer": renderer.name,
            "renderer_reason": reason,
        }
        written.append(write_json(job.report, figures))
    progress(1.0, "done")
    return written


def check_drags(drags: Sequence[Drag], width: int, height: int) -> None:
    """Refuse, before any work, a drag that leaves the image or has no length. Raises DragError."""
    for drag in drags:
        if not all(0 <= x < width and 0 <= y < height for x, y in (drag.start_px, drag.end_px)):
            hint = f"It is {width} x {height} pixels; x goes to the right, y down, from the upper left corner."
            raise DragError("The drag leaves the image.", hint)
        if drag.length_px < SHORTEST_DRAG_PX:
            raise DragError("The drag has no length.", "Say where the grabbed point should go: --drag X0,Y0,X1,Y1")


def input_view(rest: Any, prediction: Prediction, renderer: Renderer) -> np.ndarray:
    """Draw a predicted state from the input camera at the image's size on white; (H, W, 3) uint8.

    Where nothing has moved it shows the photo: see model.stages.picture.
    """
    from model.stages.picture import picture_after

    def rasterize(gaussians: Gaussians, camera: Camera) -> np.ndarray:
        straight = capture.still(renderer, gaussians, camera, background=None).astype(np.float32) / 255
        return np.concatenate([straight[..., :3] * straight[..., 3:], straight[..., 3:]], axis=2)

    return picture_after(rest, prediction.state.gaussians, prediction.state.camera, rasterize)[0]


def step_views(
    pipeline: Pipeline, prediction: Prediction, rest: Any, job: Job, renderer: Renderer, progress: Progress
) -> Iterator[np.ndarray]:
    """Draw steps 1/K ... K/K of the drags from the input camera; each (H, W, 3) uint8."""
    parts = [k / job.steps for k in range(1, job.steps + 1)]
    steps = [[Drag(d.start_px, lerp(d.start_px, d.end_px, t)) for d in job.drags] for t in parts]
    yield from views_after(pipeline, rest, steps, prediction.part, renderer, progress)


def views_after(
    pipeline: Pipeline,
    rest: Any,
    steps: Sequence[Sequence[Drag]],
    part: Any,
    renderer: Renderer,
    progress: Progress = silent,
) -> Iterator[np.ndarray]:
    """Draw what the drags of each step make of a state, from the input camera; each (H, W, 3) uint8."""
    for k, drags in enumerate(steps):
        progress(k / len(steps), f"step {k + 1} of {len(steps)}")
        yield input_view(rest, pipeline.predict(rest, drags, part=part), renderer)


def lerp(a: tuple[float, float], b: tuple[float, float], t: float) -> tuple[float, float]:
    """Go from a to b by t, 0..1; exactly b at 1."""
    return (a[0] * (1 - t) + b[0] * t, a[1] * (1 - t) + b[1] * t)


def render(splat: Path, cameras: Path, folder: Path, background: str = "white", renderer: str = "auto") -> list[Path]:
    """Draw a splat file from every camera of a transforms.json into a folder; returns the pictures' paths."""
    named = [(picture_name(name), camera) for name, camera in transforms.read(cameras)]
    if len({name for name, _ in named}) < len(named):
        raise FormatError(f"{cameras} names one picture twice", "Give every frame a file_path of its own.")
    gaussians = files.read(splat)
    draws, _ = choose(renderer)
    written = []
    for name, camera in named:
        picture = capture.still(draws, gaussians, camera, background=BACKGROUNDS[background])
        written.append(capture.write_png(folder / name, picture))
    return written


def picture_name(file_path: str) -> Path:
    """Turn a frame's file_path into a relative path that ends in .png and stays inside its folder."""
    parts = [p for p in PurePosixPath(file_path.replace("\\", "/")).parts if p not in ("/", "..") and ":" not in p]
    path = Path(*parts) if parts else Path("frame")
    return path.with_suffix(".png") if path.suffix.lower() in PICTURES else path.with_name(path.name + ".png")


def from_outside(gaussians: Gaussians, camera: Camera) -> Camera:
    """Return a camera on the input camera's side that sees all splats, also when it is carried around them."""
    low, high = gaussians.box()  # a few stray splats must not set the distance
    rim = 2 * float(np.median(gaussians.scales.max(axis=1)))  # the box is one of centres
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2 + rim or 1.0
    x, y, z = camera.position - centre
    azimuth_deg, elevation_deg = np.rad2deg([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))])
    distance = radius / np.sin(np.deg2rad(TURNTABLE_FOV_DEG / 2))
    target = (float(centre[0]), float(centre[1]), float(centre[2]))
    size = TURNTABLE_SIZE_PX
    return Camera.orbit(float(azimuth_deg), float(elevation_deg), distance, TURNTABLE_FOV_DEG, size, size, target)


def read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read where the object is, (H, W) bool: alpha where the picture has any, else what is white. Raises ImageError."""
    from model.stages.load import load_image

    rgba = load_image(path)
    mask = (rgba[..., 3] if rgba[..., 3].min() < 255 else rgba[..., :3].mean(axis=-1)) > 127
    if mask.shape != tuple(shape):
        (h, w), (rows, columns) = shape, mask.shape
        title = f"The mask is {columns} x {rows} pixels, the image {w} x {h}."
        raise ImageError(title, "Give a mask of the image's size.")
    return mask


def write_json(path: Path, value: object) -> Path:
    """Write JSON, whole or not at all; returns the path. Raises FormatError."""
    text = json.dumps(value, indent=2) + "\n"
    write_atomically(make_room(path), lambda stream: stream.write(text.encode()))
    return path


def make_room(path: Path) -> Path:
    """Make the folder that a file is to lie in; returns the file's path. Raises FormatError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"Cannot make the folder {path.parent}: {error.strerror}", "Choose another place.") from error
    return path


def describe(motion: Motion | None) -> dict[str, Any] | None:
    """Return a motion in plain numbers; None where the predictor knows none."""
    if motion is None:
        return None
    return {
        "kind": motion.joint.kind,
        "amount": float(motion.amount),
        "unit": "world" if motion.joint.kind == "prismatic" else "rad",
        "axis": [float(v) for v in motion.joint.axis],
        "pivot": [float(v) for v in motion.joint.pivot],
        "miss_px": float(motion.miss_px),
        "confidence": float(motion.confidence),
    }


def peak_memory_bytes() -> int | None:
    """Return the most memory this process ever held; None where the system does not tell (Windows)."""
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":  # getrusage counts there what the parent held before this program began
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
