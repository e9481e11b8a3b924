"""Which splat lies under a pixel, and where in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians, matrix_from_quaternion
from renderer.base import LOW_PASS, MOST_REACH, NEAR

FAINTEST = 0.1  # alpha below which a pixel shows nothing that could be grabbed


@dataclass(frozen=True, eq=False)
class Pick:
    """What a pixel shows: the splat at the median of what is seen along its ray."""

    splat: int  # index into the Gaussians
    point: np.ndarray  # (3,) float64, world units, on the pixel's ray
    depth: float  # world units, along the view axis
    alpha: float  # how much of the pixel is covered


def pick(gaussians: Gaussians, camera: Camera, pixel: tuple[float, float]) -> Pick | None:
    """Find the splat and the 3D point at a pixel (x, y), or None where (nearly) nothing is drawn.

    The point lies where the splats in front take half of what the pixel shows: the alpha-weighted median depth, which
    unlike the mean is on a surface even where one shines through another.
    """
    g = gaussians
    view = (np.diag([1.0, -1.0, -1.0]) @ camera.T_camera_world[:3]).astype(np.float32)
    x, y, z = view[:, :3] @ g.positions.T + view[:, 3:]
    f, c = (camera.fx, camera.fy), (camera.cx, camera.cy)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u, v = f[0] * x / z + c[0] - pixel[0], f[1] * y / z + c[1] - pixel[1]
        # The slope lengthens the far-off.
        slope = np.sqrt(1.0 + (x * x + y * y) / (z * z))
        reach = MOST_REACH * (max(f) * g.scales.max(axis=1, initial=0.0) * slope / z + LOW_PASS**0.5)
        near = np.flatnonzero((z > NEAR) & (u * u + v * v < reach * reach))
    if not len(near):
        return None
    near = near[np.argsort(z[near], kind="stable")]
    alpha = alphas_at(g, near, view, np.stack([x, y, z], 1)[near], np.stack([u, v], 1)[near], f)
    seen = np.concatenate([[1.0], np.cumprod(1.0 - alpha)])
    weight = alpha * seen[:-1]
    total = float(weight.sum())
    if total < FAINTEST:
        return None
    middle = int(np.searchsorted(np.cumsum(weight), 0.5 * total))
    splat = int(near[middle])
    depth = float(z[splat])
    return Pick(splat, camera.unproject(np.asarray(pixel), depth), depth, total)


def alphas_at(
    g: Gaussians,
    index: np.ndarray,  # (M,) which splats
    view: np.ndarray,  # (3, 4) world to camera, y down, z forward
    seen: np.ndarray,  # (M, 3) their centres in the camera's frame
    offset: np.ndarray,  # (M, 2) from the pixel to their centres, px
    f: tuple[float, float],  # px
) -> np.ndarray:
    """Return the splats' alphas at a pixel, (M,) float64, 0 below 1/255 (the renderers' formula)."""
    slope = seen[:, :2] / seen[:, 2:]
    rows = (view[None, :2, :3] - slope[:, :, None] * view[2, :3]) * (np.asarray(f) / seen[:, 2:])[:, :, None]
    axes = matrix_from_quaternion(g.rotations[index]) * g.scales[index][:, None, :]
    M = rows @ axes  # (M, 2, 3)
    plain = M @ M.transpose(0, 2, 1)
    xx, xy, yy = plain[:, 0, 0] + LOW_PASS, plain[:, 0, 1], plain[:, 1, 1] + LOW_PASS
    det = xx * yy - xy * xy
    du, dv = offset.T.astype(np.float64)
    power = -0.5 * (yy * du * du - 2 * xy * du * dv + xx * dv * dv) / det
    opacity = g.opacities[index].astype(np.float64)
    if g.antialiased:
        opacity = opacity * np.sqrt(np.maximum(((xx - LOW_PASS) * (yy - LOW_PASS) - xy * xy) / det, 0.0))
    alpha = np.minimum(opacity * np.exp(power), 0.99)
    return np.where(alpha < 1 / 255, 0.0, alpha)
