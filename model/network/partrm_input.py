"""What PartRM sees: four pictures on white, each pixel with the ray it looks along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.camera import Camera
from model.partdrag4d import circle

SIZE = 256  # px, side of a view in the network
RADIUS = 2.4  # world units, from camera 0 to the origin
FOV_Y_DEG = 49.1  # of the rays; PartDrag-4D was rendered at 39.6 degrees and the network trained with the difference
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet


def partdrag4d_cameras(size: int = 512) -> list[Camera]:
    """Return the four views that the released weights know, normalised as they were in training.

    They stand at azimuths of 0, 32.73, 65.45 and 98.18 degrees; the world is tilted with camera 0.
    """
    return normalised(circle.partdrag4d_cameras(size, FOV_Y_DEG)[:4])


def normalised(cameras: Sequence[Camera], radius: float = RADIUS) -> list[Camera]:
    """Move cameras into the frame of the first, which then stands at (0, 0, radius) and looks along -z.

    Distances are scaled so that the first keeps its distance to the world's origin, as radius (LGM, PartRM).
    """
    poses = [c.T_world_camera.copy() for c in cameras]
    scale = radius / float(np.linalg.norm(poses[0][:3, 3]))
    for pose in poses:
        pose[:3, 3] *= scale
    forward = np.eye(4)
    forward[2, 3] = radius
    T = forward @ np.linalg.inv(poses[0])
    return [replace(c, T_world_camera=T @ pose) for c, pose in zip(cameras, poses, strict=True)]


def rays(camera: Camera, size: int = SIZE, fov_y_deg: float = FOV_Y_DEG) -> Tensor:
    """Return the Plücker rays of a size x size picture, (6, size, size) float32: moment o x d, unit direction d.

    The camera gives the pose; the lens is PartRM's own (see FOV_Y_DEG).
    """
    lens = Camera.orbit(0, 0, 1, fov_y_deg, size, size)
    points = replace(lens, T_world_camera=camera.T_world_camera).unproject(lens.pixel_grid(), 1.0)
    direction = points - camera.position
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    moment = np.cross(np.broadcast_to(camera.position, direction.shape), direction)
    return torch.from_numpy(np.concatenate([moment, direction], axis=-1).astype(np.float32)).permute(2, 0, 1)


def prepare_views(images: Tensor, cameras: Sequence[Camera], size: int = SIZE) -> Tensor:
    """Build the network's input (1, V, 9, size, size) on the images' device.

    images (V, S, S, 3) float, 0..1, on white; cameras: V, normalised. Colours are averaged over each pixel (from 512
    to 256 that is what PartRM's bilinear reduction gives) and normalised with ImageNet's mean.
    """
    return views_of(images.float().permute(0, 3, 1, 2), [rays(camera, size) for camera in cameras])[None]


def views_of(rgb: Tensor, lines: Sequence[Tensor]) -> Tensor:
    """Join pictures (V, 3, H, W), 0..1 on white, with their V rays (6, S, S); (V, 9, S, S)."""
    size = lines[0].shape[-1]
    mode = "area" if rgb.shape[-1] > size else "bilinear"
    rgb = F.interpolate(rgb, (size, size), mode=mode, align_corners=None if mode == "area" else False)
    mean, std = (torch.tensor(v, device=rgb.device).view(3, 1, 1) for v in (MEAN, STD))
    return torch.cat([(rgb - mean) / std, torch.stack(list(lines)).to(rgb.device)], dim=1)
