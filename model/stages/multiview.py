"""Multiview: from one image to what four cameras round the object see."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from model.camera import Camera
from model.network.embedded import SIDE, SIZE, Completion, CompletionOutput, Surface
from model.progress import Progress, silent
from model.stages.frame import FOV_DEG, input_camera, view_cameras
from model.stages.reproject import reproject, surface_points
from model.stages.state import View

FINE = 256  # px, side of the input view's own splats
STEP = 0.08  # world units: a larger depth difference across 3 pixels is an edge, not a slope


def cut(
    image: np.ndarray, mask: np.ndarray, window: tuple[float, float, float], size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the square window out of an image and its mask at a size in pixels; what lies outside is empty.

    image (H, W, 3) uint8 and mask (H, W) bool give colours (size, size, 3), premultiplied, and coverage (size, size),
    both float32.
    """
    left, top, side = window
    scale = size / side
    cover = mask.astype(np.float32)
    both = np.concatenate([image.astype(np.float32) / 255 * cover[..., None], cover[..., None]], axis=2)
    if scale < 0.5:  # bring the image near the wanted size by averaging, so that nothing is skipped
        h, w = max(1, round(image.shape[0] * scale * 2)), max(1, round(image.shape[1] * scale * 2))
        sx, sy = w / image.shape[1], h / image.shape[0]
        both = cv2.resize(both, (w, h), interpolation=cv2.INTER_AREA)
    else:
        sx = sy = 1.0
    n = 2 * size  # then two samples a pixel, averaged
    step = side / n
    A = np.array([[step * sx, 0, (left + step / 2) * sx - 0.5], [0, step * sy, (top + step / 2) * sy - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    both = cv2.warpAffine(both, A, (n, n), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0))
    both = cv2.resize(both, (size, size), interpolation=cv2.INTER_AREA)
    return both[..., :3], both[..., 3]


def multiview(
    image: np.ndarray,  # (H, W, 3) uint8
    mask: np.ndarray,  # (H, W) bool, the object
    window: tuple[float, float, float],
    surface: Surface,
    completion: Completion,
    fov_deg: float = FOV_DEG,
    progress: Progress = silent,
) -> tuple[View, ...]:
    """Estimate the surface that the image shows, then what the three other sides look like."""
    progress(0.0, "Estimating depth")
    first = seen_surface(image, mask, window, surface, fov_deg)
    progress(0.5, "Imagining the other sides")
    return first, *other_sides(first, completion)


def seen_surface(
    image: np.ndarray, mask: np.ndarray, window: tuple[float, float, float], surface: Surface, fov_deg: float
) -> View:
    """Estimate depth and normals of the input view, at FINE pixels."""
    rgb, alpha = cut(image, mask, window, SIZE)
    tan = float(np.tan(np.deg2rad(fov_deg) / 2))
    device = next(surface.parameters()).device
    with torch.inference_mode():
        out = surface(
            torch.from_numpy(rgb.transpose(2, 0, 1))[None].to(device),
            torch.from_numpy(alpha)[None].to(device),
            torch.tensor([tan], device=device),
        )
    elevation = level(out.normal[0].cpu().numpy()[:, alpha > 0.5].T, float(out.elevation[0]))
    camera = input_camera(elevation, fov_deg, FINE)
    offset = sharp_upsample(out.depth[0].cpu().numpy(), alpha > 0.5, FINE)
    normal = F.interpolate(out.normal, size=(FINE, FINE), mode="bilinear")[0].cpu().numpy().transpose(1, 2, 0)
    normal = normal / np.linalg.norm(normal, axis=2, keepdims=True) @ camera.T_world_camera[:3, :3].T
    rgb, alpha = cut(image, mask, window, FINE)
    depth = np.where(alpha > 0.5, offset + np.linalg.norm(camera.position), 0)
    straight = rgb / np.maximum(alpha, 0.05)[..., None]
    return View(camera, straight.astype(np.float32), depth.astype(np.float32), normal.astype(np.float32))


def level(normals: np.ndarray, guess_rad: float) -> float:
    """Better the camera's elevation, (N, 3) camera-axes normals: furniture stands upright, its faces level or vertical.

    Halves the network's error on held-out objects (median 3.1 to 1.6 degrees).
    """
    tried = guess_rad + np.deg2rad(np.linspace(-24, 24, 97))
    tried = tried[(tried > -0.05) & (tried < 1.4)]
    if len(tried) == 0:
        return guess_rad
    up = np.stack([np.zeros_like(tried), np.cos(tried), np.sin(tried)])  # (3, K) in camera axes
    angle = np.degrees(np.arcsin(np.clip(np.abs(normals[::5] @ up), 0, 1)))  # above the horizontal
    askew = np.minimum(np.minimum(angle, 90 - angle) / 20, 1)
    cost = 5 * (askew**2).mean(0) + (np.degrees(tried - guess_rad) / 8) ** 2
    return float(tried[np.argmin(cost)])


def sharp_upsample(depth: np.ndarray, there: np.ndarray, size: int) -> np.ndarray:
    """Enlarge a depth map smoothly on surfaces and abruptly at edges; (S, S) -> (size, size).

    Pixels without a surface first take the depth of their neighbours, so that outlines stay on the object.
    """
    grown, known = depth.copy(), there.copy()
    kernel = np.ones((3, 3), np.float32)
    for _ in range(3):
        total = cv2.filter2D(grown * known, -1, kernel, borderType=cv2.BORDER_CONSTANT)
        count = cv2.filter2D(known.astype(np.float32), -1, kernel, borderType=cv2.BORDER_CONSTANT)
        new = ~known & (count > 0.5)
        grown[new] = total[new] / count[new]
        known |= new
    smooth = cv2.resize(grown, (size, size), interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(grown, (size, size), interpolation=cv2.INTER_NEAREST)
    spread = cv2.dilate(grown, kernel) - cv2.erode(grown, kernel)
    edge = cv2.resize(spread, (size, size), interpolation=cv2.INTER_NEAREST) > STEP
    return np.where(edge, nearest, smooth)


def other_sides(first: View, completion: Completion) -> tuple[View, ...]:
    """Imagine the three views that the image does not show."""
    cameras = view_cameras(first.camera, SIDE)
    return complete(seen_in_views(first, cameras), cameras, completion)[1:]


def seen_in_views(first: View, cameras: tuple[Camera, ...]) -> np.ndarray:
    """Draw the surface that one view shows into others as the completion network wants it, (V, 13, S, S)."""
    there = first.depth > 0
    points, radii = surface_points(first.camera, first.depth, there)
    return reproject(points, first.normal[there], first.rgb[there], radii, cameras)[0]


def complete(maps: np.ndarray, cameras: tuple[Camera, ...], completion: Completion) -> tuple[View, ...]:
    """Run the completion network on (V, 13, S, S) reprojected points; returns every view filled."""
    device = next(completion.parameters()).device
    with torch.inference_mode():
        out = completion(torch.from_numpy(maps)[None].to(device))
    out = CompletionOutput(*(t[0].cpu() for t in out))
    views = []
    for k, camera in enumerate(cameras):
        depth = np.where(out.alpha[k].numpy() > 0, out.depth[k].numpy() + np.linalg.norm(camera.position), 0)
        normal = out.normal[k].numpy().transpose(1, 2, 0) @ camera.T_world_camera[:3, :3].T
        rgb = out.rgb[k].numpy().transpose(1, 2, 0).clip(0, 1)
        views.append(View(camera, rgb.astype(np.float32), depth.astype(np.float32), normal.astype(np.float32)))
    return tuple(views)
