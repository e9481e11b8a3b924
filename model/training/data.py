"""Batches for the embedded networks, made on the fly from procedural objects and meshes while the network trains."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from random import Random

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.camera import Camera
from model.network.blocks import unit
from model.network.embedded import SIDE, SIZE, Surface, ray_grid
from model.partdrag4d import tracer
from model.partdrag4d.mesh_scene import MeshScene, Stock, look_at, make_mesh_scene
from model.partdrag4d.procedural import make_scene
from model.partdrag4d.scene import Buffers, Scene
from model.stages.frame import HALF_FRAME, carried, view_cameras
from model.stages.multiview import FINE, seen_in_views, seen_surface
from model.stages.reproject import reproject, surface_points
from model.stages.state import View

Example = dict[str, np.ndarray]
Batch = dict[str, Tensor]
CLICKS = 8  # on the parts of one image
FIRST_SEED = 1_000_000  # training counts up from here; seeds below are for looking at
MESHES = 0.4  # of the samples, where there are meshes
AnyScene = Scene | MeshScene


def any_scene(seed: int, of: Sequence[Stock]) -> AnyScene:
    """Make the scene of a seed: procedural, or of a mesh where there are any."""
    mesh = bool(of) and Random(f"kind/{seed}").random() < MESHES
    return make_mesh_scene(seed, of) if mesh else make_scene(seed)


def trace(scene: AnyScene, amount: float, cameras: Sequence[Camera], size: int, supersample: int = 1) -> Buffers:
    """See a scene of either kind."""
    if isinstance(scene, MeshScene):
        return look_at(scene, amount, cameras, size)
    return tracer.trace(scene, amount, cameras, size, supersample)


def trace_surfaces(scene: AnyScene, amount: float, cameras: Sequence[Camera], size: int) -> Buffers:
    """See the surfaces of a scene of either kind."""
    if isinstance(scene, MeshScene):
        return look_at(scene, amount, cameras, size)
    return tracer.trace_surfaces(scene, amount, cameras, size)


def view0(scene: AnyScene, amount: float) -> Example:
    """Trace the input view as the networks see it: rgb on black, coverage, depth offset, camera-axes normals."""
    camera = (scene.camera0.resized(SIZE, SIZE),)
    smooth = trace(scene, amount, camera, SIZE, supersample=2)
    seen = trace(scene, amount, camera, SIZE)  # its rays go through the pixels' centres
    R = scene.camera0.T_world_camera[:3, :3]
    d = np.linalg.norm(scene.camera0.position)
    there = seen.depth[0] > 0
    return {
        "rgb": smooth.rgb[0].transpose(2, 0, 1),
        "alpha": smooth.alpha[0],
        "there": there,
        "depth": np.where(there, seen.depth[0] - d, 0).astype(np.float32),
        "normal": (seen.normal[0] @ R).transpose(2, 0, 1).astype(np.float32),
        "link": seen.link[0],
        "elevation": np.float32(np.arcsin(R[1, 2])),
        "tan_half_fov": np.float32(0.5 * scene.camera0.height / scene.camera0.fy),
    }


def spoilt(example: Example, seed: int) -> Example:
    """Return an example as a photograph would show it: out of focus, a rim of what lay behind, JPEG; or as it is."""
    rng = np.random.default_rng([seed, 1])
    rgb, alpha = example["rgb"].transpose(1, 2, 0), example["alpha"]
    if rng.random() < 0.25:
        sigma = rng.uniform(0.3, 1.0)
        rgb, alpha = cv2.GaussianBlur(rgb, (0, 0), sigma), cv2.GaussianBlur(alpha, (0, 0), sigma)
    if rng.random() < 0.25:
        kernel = np.ones((3, 3), np.uint8) if rng.random() < 0.5 else np.ones((1, 3), np.uint8)
        grown = cv2.dilate(alpha, kernel)
        rgb, alpha = rgb + (grown - alpha)[..., None] * rng.random(3, np.float32), grown
    if rng.random() < 0.25:
        shown = ((rgb + 1 - alpha[..., None]) * 255).clip(0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32) / 255
        rgb = (decoded - 1 + alpha[..., None]).clip(0, alpha[..., None])
    return example | {"rgb": np.ascontiguousarray(rgb.transpose(2, 0, 1)), "alpha": alpha}


def surface_example(seed: int, of: Sequence[Stock] = ()) -> Example | None:
    """Make what Surface learns from: one view of an object in any of its states."""
    scene = any_scene(seed, of)
    example = spoilt(view0(scene, scene.amounts[scene.source]), seed)
    del example["link"]
    return example


def part_example(seed: int, of: Sequence[Stock] = ()) -> Example | None:
    """Make what PartNet learns from: one view, clicks on its parts, and every pixel's joint."""
    scene = any_scene(seed, of)
    example = spoilt(view0(scene, scene.amounts[scene.source]), seed)
    link = example["link"]
    rng = np.random.default_rng(seed)
    areas = np.bincount(link[link < 255], minlength=len(scene.joints) + 1)
    parts = np.flatnonzero(areas[1:] >= 12) + 1
    if len(parts) == 0:
        return None
    # each part in turn, the body now and then
    chosen = np.concatenate([np.resize(rng.permutation(parts), CLICKS - 1), [0 if areas[0] > 12 else parts[0]]])
    clicks = np.array([rng.choice(np.argwhere(link == k))[::-1] for k in chosen])
    camera = scene.camera0.resized(SIDE, SIDE)
    small = link[::2, ::2]
    there = small < 255
    d = np.linalg.norm(scene.camera0.position)
    corner = camera.pixel_grid() - 0.25  # the first of each 2 x 2 pixels stands for them
    points = camera.unproject(corner, np.where(there, example["depth"][::2, ::2] + d, 1))
    kind, weight = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    axis, hinge = np.zeros((SIDE, SIDE, 3), np.float32), np.zeros((SIDE, SIDE, 3), np.float32)
    for k in parts:
        joint, own = scene.joints[k - 1], small == k
        kind[own] = joint.kind == "revolute"
        weight[own] = areas[k] ** -0.5  # a small drawer counts for more than its pixels
        axis[own] = joint.axis
        if joint.kind == "revolute":
            r = points[own] - joint.pivot
            hinge[own] = (r @ joint.axis)[:, None] * joint.axis - r
    return example | {
        "clicks": clicks,
        "clicked": chosen.astype(np.uint8),
        "kind": kind,
        "axis": axis.transpose(2, 0, 1),
        "hinge": hinge.transpose(2, 0, 1),
        "weight": weight,
    }


def completion_example(seed: int, of: Sequence[Stock] = (), surface: Surface | None = None) -> Example | None:
    """Make what Completion learns from: known points drawn into four views, and what is really there.

    Every other example shows one image's surface, as `surface` estimates it where one is given; the rest, four views
    of a state whose part has moved to another.
    """
    scene = any_scene(seed, of)
    cameras = view_cameras(scene.camera0, SIDE)
    a, b = scene.amounts[scene.source], scene.amounts[scene.target]
    moved = seed % 4 >= 2  # not the lowest bit: processes share the seeds by it
    if moved:
        source = trace_surfaces(scene, a, cameras, SIDE)
        target = trace_surfaces(scene, b, cameras, SIDE)
        known, uncovered = moved_points(scene, source, a, b)
        maps, _ = reproject(*known, cameras, uncovered)
    else:
        first = estimated_view(scene, a, surface) if surface else true_view(scene, a)
        estimated = view_cameras(first.camera, SIDE)
        maps = seen_in_views(first, estimated)
        cameras = tuple(carried(c, first.camera, scene.camera0) for c in estimated)  # the same places in the truth
        target = trace_surfaces(scene, a, cameras, SIDE)
    rotations = np.stack([c.T_world_camera[:3, :3] for c in cameras])
    d = np.linalg.norm(scene.camera0.position)
    there = target.depth > 0
    return {
        "known": maps,
        "there": there,
        "depth": np.where(there, target.depth - d, 0).astype(np.float32),
        "normal": np.einsum("vhwi,vij->vjhw", target.normal, rotations).astype(np.float32),
        "rgb": target.rgb.transpose(0, 3, 1, 2),
    }


def true_view(scene: AnyScene, amount: float) -> View:
    """Trace the input view's surface."""
    camera = scene.camera0.resized(FINE, FINE)
    seen = trace_surfaces(scene, amount, (camera,), FINE)
    return View(camera, seen.rgb[0], seen.depth[0], seen.normal[0])


def estimated_view(scene: AnyScene, amount: float, surface: Surface) -> View:
    """Estimate the input view's surface from its picture, as the app does: Completion meets no other."""
    seen = trace(scene, amount, (scene.camera0.resized(FINE, FINE),), FINE)
    window = (0.0, 0.0, float(FINE))
    return seen_surface(
        (seen.on_white[0] * 255).astype(np.uint8), seen.alpha[0] > 0.5, window, surface, scene.camera0.fov_y_deg
    )


Points = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # points, normals, rgb (N, 3), radii (N,)


def lift(buffers: Buffers, cameras: tuple) -> Points:
    """Turn traced views into surface points."""
    found = []
    for k, camera in enumerate(cameras):
        there = buffers.depth[k] > 0
        points, radii = surface_points(camera, buffers.depth[k], there)
        found.append((points, buffers.normal[k][there], buffers.rgb[k][there], radii))
    points, normals, rgb, radii = (np.concatenate(a) for a in zip(*found, strict=True))
    return points, normals, rgb, radii


def moved_points(scene: AnyScene, source: Buffers, a: float, b: float) -> tuple[Points, np.ndarray]:
    """Move the part's points from amount a to b; also says where, in each view, the part was."""
    cameras = view_cameras(scene.camera0, source.depth.shape[-1])
    points, normals, rgb, radii = lift(source, cameras)
    part = np.concatenate([source.link[k][source.depth[k] > 0] == scene.moving for k in range(len(cameras))])
    T = scene.joints[scene.moving - 1].transform(b - a)
    points, normals = points.copy(), normals.astype(np.float64)
    points[part] = points[part] @ T[:3, :3].T + T[:3, 3]
    normals[part] = normals[part] @ T[:3, :3].T
    return (points, normals, rgb, radii), (source.link == scene.moving).astype(np.float32)


Maker = Callable[[int], Example | None]  # of a seed
EXAMPLES: dict[str, Callable[..., Example | None]] = {
    "surface": surface_example,
    "part": part_example,
    "completion": completion_example,
}


def batches(make: Maker, batch: int, first: int, rank: int = 0, ranks: int = 1, ahead: int = 4) -> Iterator[Batch]:
    """Yield batches for ever; a thread stays a few ahead.

    Seeds count up from `first` (samples already seen); each of several processes takes its own.
    """
    made: queue.Queue[Batch | BaseException] = queue.Queue(ahead)
    stop = threading.Event()

    def work() -> None:
        seed = FIRST_SEED + 2 * first * ranks + rank  # twice: some seeds give nothing to learn from
        try:
            while not stop.is_set():
                found: list[Example] = []
                while len(found) < batch:
                    example = make(seed)
                    seed += ranks
                    if example is not None:
                        found.append(example)
                put(collate(found))
        except BaseException as problem:  # handed to the training loop, which raises it
            put(problem)

    def put(item: Batch | BaseException) -> None:
        while not stop.is_set():
            try:
                return made.put(item, timeout=0.2)
            except queue.Full:
                continue

    thread = threading.Thread(target=work, name="data", daemon=True)
    thread.start()
    try:
        while True:
            item = made.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def collate(examples: list[Example]) -> Batch:
    """Stack examples into one batch of tensors."""
    return {k: torch.from_numpy(np.stack([np.asarray(e[k]) for e in examples])) for k in examples[0]}


def vary_colours(rgb: Tensor, alpha: Tensor, generator: torch.Generator) -> Tensor:
    """Change exposure, contrast, tint, strength of colour and noise as cameras do.

    rgb (B, ..., 3, H, W) is premultiplied, alpha (B, ..., 1, H, W).
    """
    b = rgb.shape[0]
    shape = (b, *(1,) * (rgb.ndim - 1))

    def draw(low: float, high: float, shape: tuple[int, ...] = shape) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    straight = (rgb / alpha.clamp(min=0.05)).clamp(1e-4, 1)
    tint = draw(0.9, 1.1, (b, *(1,) * (rgb.ndim - 4), 3, 1, 1))
    grey = straight.mean(-3, keepdim=True)
    straight = (grey + (straight - grey) * draw(0.6, 1.3)).clamp(1e-4, 1)
    straight = straight ** draw(0.7, 1.45) * draw(0.7, 1.2) * tint
    noise = torch.randn(rgb.shape, generator=generator) * draw(0, 0.02)
    return (straight + noise).clamp(0, 1) * alpha


def world_maps(depth: Tensor, normal: Tensor, tan_half_fov: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
    """Lift the 128 px view to world points and normals at 64 px, (B, 3, 64, 64) each; R (B, 3, 3) camera-to-world."""
    depth, normal = depth[:, ::2, ::2], unit(F.avg_pool2d(normal, 2), 1)
    distance = HALF_FRAME / tan_half_fov[:, None, None]
    z = depth + distance
    rays = ray_grid(tan_half_fov, SIDE)
    camera = torch.cat([rays * z[:, None], -depth[:, None]], 1)
    return torch.einsum("bij,bjhw->bihw", R, camera), torch.einsum("bij,bjhw->bihw", R, normal)
