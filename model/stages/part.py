"""Part: which pixels and which Gaussians belong to the part under a click, and how it probably moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from model.articulation.joint import Joint
from model.camera import Camera
from model.gaussians import Gaussians, matrix_from_quaternion
from model.network.blocks import unit
from model.network.embedded import SIZE, PartNet, PartOutput, part_logits
from model.stages.frame import window_of
from model.stages.multiview import cut
from model.stages.part_mask import EDGES, cut_out, enlarge, follow_edges, nearest_object_pixel, under_click
from model.stages.reproject import STEEP, reproject
from model.stages.rigid import box_axes, extent, likely_joints, upright_axes, within
from model.stages.state import Part, State

SAME = 0.03  # world units: a Gaussian at most this far behind what the input view shows is part of what it shows
NEAR = 0.06  # world units: how far a plane is followed from its point
BESIDE = 2  # px of SIZE: how far beside a click its part is asked for too
LIKELY = 1.0  # logit above which a pixel there counts as the same part
DECIDED = 2.0  # how much a pixel's mean logit counts against its neighbours'
SURE = 0.0  # logit above which a pixel belongs to the part
THIN, THICKEST = 0.02, 0.15  # world units: how thick a part behind its front is taken to be, and is at most
MARGIN = (0.01, 0.015)  # world units: room beside a part's front, and before and behind it
FREE = 0.015  # the same beside a part whose back is seen: nothing else is near


class Seen(NamedTuple):
    """What the input view shows of a state's Gaussians, at SIZE pixels."""

    depth: np.ndarray  # (S, S) along the view axis, 0 where nothing
    normal: np.ndarray  # (S, S, 3) world
    rgb: np.ndarray  # (S, S, 3)
    owner: np.ndarray  # (S, S) int32, the Gaussian seen, or -1


def look(gaussians: Gaussians, crop: Camera, size: int = SIZE) -> Seen:
    """See the Gaussians' surface in the input view, at size pixels."""
    camera = crop.resized(size, size)
    maps, owner = draw(gaussians, camera)
    depth = np.where(maps[3] > 0.5, maps[4] + np.float32(np.linalg.norm(crop.position)), 0)
    normal = maps[5:8].transpose(1, 2, 0) @ crop.T_world_camera[:3, :3].T
    return Seen(depth, normal, maps[:3].transpose(1, 2, 0), owner)


def draw(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Draw the Gaussians as surface points into a square view: (13, S, S) maps and the (S, S) Gaussian seen, or -1."""
    normals = facing_normals(gaussians, camera)
    maps, owner = reproject(gaussians.positions, normals, gaussians.colours, gaussians.scales.max(1), (camera,))
    return maps[0], owner[0]


def plane_depth(camera: Camera, pixels: np.ndarray, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Find how deep the lines of sight through (..., 2) pixels meet planes through (..., 3) points; (...) world units.

    Never further than NEAR from the point's own depth, and just that where a plane is seen almost from its edge.
    """
    sight = camera.unproject(pixels, 1.0) - camera.position
    slope = (sight * normals).sum(-1)
    own = camera.project(points)[1]
    steep = np.abs(slope) < STEEP
    depth = ((points - camera.position) * normals).sum(-1) / np.where(steep, 1.0, slope)
    return np.asarray(np.where(steep, own, np.clip(depth, own - NEAR, own + NEAR)))


def disc_normals(gaussians: Gaussians) -> np.ndarray:
    """Return the direction of each Gaussian's shortest axis, (N, 3)."""
    R = matrix_from_quaternion(gaussians.rotations)
    shortest = np.argmin(gaussians.scales, axis=1)
    return np.take_along_axis(R, shortest[:, None, None], axis=2)[..., 0]


def facing_normals(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """Return the normals turned towards a camera, for sets whose normals have no outside."""
    n = disc_normals(gaussians)
    away = (n * (camera.position - gaussians.positions)).sum(1) < 0
    return np.where(away[:, None], -n, n)


@dataclass(frozen=True, eq=False)
class Parts:
    """What PartNet says of a whole state; every click is answered from it."""

    out: PartOutput  # batch of one, on the CPU
    seen: Seen
    points: np.ndarray  # (S, S, 3) world
    normals: np.ndarray  # (S, S, 3) world
    rgb: np.ndarray  # (S, S, 3) the picture, premultiplied
    there: np.ndarray  # (S, S) bool, where there is a surface


def read_parts(state: State, net: PartNet) -> Parts:
    """Run PartNet on what the input view shows of a state."""
    seen = look(state.gaussians, state.crop)
    rgb, alpha = cut(state.image, state.mask, window_of(state.camera, state.crop), SIZE)
    points, normals, there = filled_surface(seen, state.crop, alpha > 0.5)
    device = next(net.parameters()).device
    maps = [torch.from_numpy(a.transpose(2, 0, 1).astype(np.float32))[None] for a in (rgb, points[::2, ::2], normals)]
    small_normals = unit(F.avg_pool2d(maps[2], 2), 1)
    with torch.inference_mode():
        inputs = (maps[0], torch.from_numpy(alpha)[None], maps[1], small_normals)
        out = net(*(t.to(device) for t in inputs))
    return Parts(PartOutput(*(t.cpu() for t in out)), seen, points, normals, rgb, there)


def find_part(state: State, parts: Parts, click_px: tuple[float, float], strict: float = 0.0) -> Part:
    """Find the part under a click in the image; raises DragError where there is no object.

    strict is a logit: more of it takes only what belongs to the click more surely, less takes more.
    """
    click = nearest_object_pixel(state.mask, click_px)
    left, top, side = window_of(state.camera, state.crop)
    in_crop = np.clip((np.array(click) - (left, top)) * SIZE / side, 0.5, SIZE - 0.5)
    logits = follow_edges(clicked_logits(parts, in_crop), parts.rgb) - strict
    small = under_click((logits > SURE) & parts.there, in_crop)
    score = float(1 / (1 + np.exp(-logits[small].mean())))
    fine = cut_out(state, logits, small, in_crop)
    mask = enlarge(fine, state)
    mask[int(click[1]), int(click[0])] = True
    return part_of(state, parts, click, small, fine, mask, score)


def part_of(
    state: State,
    parts: Parts,
    click: tuple[float, float],  # image pixels, on the part
    small: np.ndarray,  # (SIZE, SIZE) bool, the part in the crop; not empty
    fine: np.ndarray,  # (EDGES, EDGES) bool, the same
    mask: np.ndarray,  # (H, W) bool, the same in the image
    score: float,
) -> Part:
    """Make the part that a mask means: its Gaussians, the grabbed point, and how it may move."""
    points, normals = parts.points[small], parts.normals[small]
    upright = upright_axes(parts.normals[parts.there])
    joints, costs = likely_joints(points, normals, upright, *guessed_joint(parts, small))
    splats = part_splats(state.gaussians, state.crop, parts.seen, fine, points, normals)
    left, top, side = window_of(state.camera, state.crop)
    in_crop = np.clip((np.array(click) - (left, top)) * SIZE / side, 0.5, SIZE - 0.5)
    at = int(in_crop[1]), int(in_crop[0])
    camera = state.crop.resized(SIZE, SIZE)
    grab = camera.unproject(in_crop, plane_depth(camera, in_crop, parts.points[at], parts.normals[at]))
    return Part(click, mask, splats, grab, score, joints, costs)


def clicked_logits(parts: Parts, click: np.ndarray) -> np.ndarray:
    """Give each pixel's logit of belonging to the part under a click, (S, S).

    A pixel at a border says little of its part. Those beside the click that count as its own are asked too, and the
    more decided they are, the more they count; gains 1 point of IoU.
    """
    x, y = click.astype(int)
    rows, cols = slice(max(0, y - BESIDE), y + BESIDE + 1), slice(max(0, x - BESIDE), x + BESIDE + 1)
    own = part_logits(parts.out, torch.tensor([[[x, y]]]), (rows, cols))[0, 0].numpy()
    near = (own > LIKELY) & parts.there[rows, cols]
    near[y - rows.start, x - cols.start] = True
    asked = np.argwhere(near)[:, ::-1] + (cols.start, rows.start)
    logits = part_logits(parts.out, torch.from_numpy(asked)[None])[0].numpy()
    decided = np.abs(logits[:, parts.there]).mean(1)
    weights = np.exp(DECIDED * (decided - decided.max()))
    return np.asarray(np.tensordot(weights / weights.sum(), logits, 1))


def guessed_joint(parts: Parts, mask: np.ndarray) -> tuple[Joint, float]:
    """Average what the pixels of a (S, S) mask say of their joint; returns it and how likely it turns (0..1)."""
    small = mask[::2, ::2]
    small = small if small.any() else cv2.dilate(mask.astype(np.uint8), np.ones((2, 2)))[::2, ::2] > 0
    axis = parts.out.axis[0].numpy()[:, small].mean(1).astype(np.float64)
    axis /= max(float(np.linalg.norm(axis)), 1e-6)
    pivot = (parts.out.hinge[0].numpy()[:, small] + parts.points[::2, ::2][small].T).mean(1)
    turns = float(1 / (1 + np.exp(-parts.out.kind[0].numpy()[small].mean())))
    return Joint("revolute", axis, pivot.astype(np.float64)), turns


def filled_surface(seen: Seen, crop: Camera, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every object pixel of the input view a surface point; small holes take their neighbours'.

    Returns points and normals (S, S, 3), world, and where there is a surface (S, S).
    """
    depth, normal = seen.depth.copy(), seen.normal.astype(np.float32)
    for _ in range(4):
        hole = inside & (depth == 0)
        if not hole.any():
            break
        known = (depth > 0).astype(np.float32)
        count = cv2.blur(known, (3, 3), borderType=cv2.BORDER_CONSTANT)
        fill = hole & (count > 0)
        mean = cv2.blur(depth, (3, 3), borderType=cv2.BORDER_CONSTANT) / np.maximum(count, 1e-6)
        mean_normal = cv2.blur(normal * known[..., None], (3, 3), borderType=cv2.BORDER_CONSTANT)
        depth[fill] = mean[fill]
        normal[fill] = mean_normal[fill] / np.maximum(np.linalg.norm(mean_normal[fill], axis=-1, keepdims=True), 1e-6)
    camera = crop.resized(*depth.shape[::-1])
    there = inside & (depth > 0)
    middle = float(np.linalg.norm(crop.position))
    points = camera.unproject(camera.pixel_grid(), np.where(there, depth, middle))
    return points, normal, there


def part_splats(
    gaussians: Gaussians,
    crop: Camera,
    seen: Seen,
    mask: np.ndarray,  # (EDGES, EDGES) bool
    points: np.ndarray,  # (M, 3) the part's visible surface
    normals: np.ndarray,  # (M, 3)
) -> np.ndarray:
    """Carry the part's mask over to the Gaussians, (N,) bool.

    What the input view shows follows the mask; what it hides belongs to the part if it lies in the part's box.
    """
    fine_row, fine_col, depth, inside = crop.resized(EDGES, EDGES).cells(gaussians.positions)
    row, col = fine_row * SIZE // EDGES, fine_col * SIZE // EDGES
    # a pixel of a slanted surface spans depths: its neighbours' farthest one bounds them
    farthest = cv2.dilate(seen.depth, np.ones((3, 3), np.uint8))[row, col]
    shown = inside & (seen.depth[row, col] > 0) & (depth < farthest + SAME)
    axes = box_axes(points, normals)
    low, high = extent(points, axes)
    p, backs = gaussians.positions @ axes, disc_normals(gaussians) @ axes[:, 2] < -0.8
    thick = thickness(p, backs, low, high)
    beside, before = (MARGIN[0] if thick is None else FREE), MARGIN[1]
    low[2] = min(low[2], high[2] - (thick or THIN))
    room = np.array([beside, beside, before])
    boxed = within(p, low, high, room)
    return np.asarray(np.where(shown, mask[fine_row, fine_col], boxed))


def thickness(p: np.ndarray, backs: np.ndarray, low: np.ndarray, high: np.ndarray) -> float | None:
    """Measure how thick a part is behind its visible front, world units.

    p (N, 3) are Gaussians in the part's box axes, backs (N,) those that face the other way. A lid or an open door shows
    its back to another view; a shut one shows none: then None.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    inside = (np.abs(p - middle)[:, :2] < 0.9 * half[:2]).all(1)
    behind = high[2] - p[inside & backs, 2]
    behind = behind[(behind > 0.002) & (behind < THICKEST)]
    if len(behind) <= 0.1 * inside.sum():
        return None
    return float(np.percentile(behind, 95))
