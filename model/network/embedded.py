"""The three networks that the app ships: Surface (depth from one image), PartNet (the clicked part and its joint), Completion.

All see the object as `model.stages.frame` puts it: a square crop that the object fills, a camera at distance
0.6 / tan(fov / 2) from the world's origin, so that the picture spans 1.2 world units there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network.blocks import UNet

SIZE = 128  # px, side of the input view that Surface and PartNet see
SIDE = 64  # px, side of the views that Completion sees and makes
VIEWS = 4  # azimuth 0 (the input), 90, 180, 270


class SurfaceOutput(NamedTuple):
    depth: Tensor  # (B, 128, 128) depth along the view axis minus the camera's distance, world units
    normal: Tensor  # (B, 3, 128, 128) unit, camera axes
    elevation: Tensor  # (B,) radians, of the camera over the object's ground plane


class Surface(nn.Module):
    """Depth and normals of what the input view sees, and how far from above it looks."""

    def __init__(self) -> None:
        super().__init__()
        channels = (48, 64, 128, 192)
        self.net = UNet(4 * 6, channels, (1, 2, 2, 2), SIZE // 2, attentions=3)
        self.head = nn.Conv2d(channels[0], 4 * 4, 3, padding=1)
        self.elevation = nn.Linear(channels[-1], 1)

    def forward(self, rgb: Tensor, alpha: Tensor, tan_half_fov: Tensor) -> SurfaceOutput:
        """Take (B, 3, 128, 128) colours on black, (B, 128, 128) coverage, (B,) tangents of half the field of view."""
        rays = ray_grid(tan_half_fov, rgb.shape[-1])
        x = torch.cat([rgb * 2 - alpha[:, None], alpha[:, None], rays], 1)
        x, bottom = self.net(F.pixel_unshuffle(x, 2))
        out = F.pixel_shuffle(self.head(x), 2).float()
        normal = out[:, 1:] + normal_towards(rays)
        elevation = self.elevation(bottom.mean((2, 3))).float()[:, 0] * 0.3 + 0.4
        return SurfaceOutput(out[:, 0] * 0.3, F.normalize(normal, dim=1, eps=1e-4), elevation)


class PartOutput(NamedTuple):
    mask: Tensor  # (B, 128, 128) logits of belonging to the clicked part
    kind: Tensor  # (B,) logit of turning (revolute) against sliding (prismatic)
    axis: Tensor  # (B, 3) world direction of the joint, positive amounts open; not normalised
    hinge: Tensor  # (B, 3, 32, 32) from each pixel's surface point to the nearest point of the hinge, world units


class PartNet(nn.Module):
    """The part under a click, and the joint that it probably moves on."""

    def __init__(self) -> None:
        super().__init__()
        channels = (48, 64, 128, 192)
        self.net = UNet(4 * 4 + 11, channels, (1, 2, 2, 2), SIZE // 2, attentions=2)
        self.head = nn.Conv2d(channels[0], 4, 3, padding=1)
        self.hinge = nn.Conv2d(channels[0], 3, 2, stride=2)
        self.pool = nn.Conv2d(channels[0], 64, 1)
        self.joint = nn.Sequential(nn.Linear(channels[-1] + 64, 128), nn.SiLU(), nn.Linear(128, 4))

    def forward(self, rgb: Tensor, alpha: Tensor, points: Tensor, normals: Tensor, click: Tensor) -> PartOutput:
        """Take the 128 px view with the surface it shows, and one click.

        rgb (B, 3, 128, 128) on black, alpha (B, 128, 128), points and normals (B, 3, 64, 64) in world axes,
        click (B, 2) pixel centres (x, y) of the 128 px view.
        """
        near = [click_map(click / 2, SIDE, sigma) for sigma in (1.0, 5.0)]
        small, cover = F.avg_pool2d(rgb, 2), F.avg_pool2d(alpha[:, None], 2)
        like = (small - at(small, click / 2)[:, :, None, None]).abs().mean(1, keepdim=True)
        away = points - at(points, click / 2)[:, :, None, None]
        facing = (normals * at(normals, click / 2)[:, :, None, None]).sum(1, keepdim=True)
        picture = F.pixel_unshuffle(torch.cat([rgb * 2 - alpha[:, None], alpha[:, None]], 1), 2)
        seen = (cover > 0.5).to(rgb.dtype)
        x = torch.cat([picture, *near, like * 4 * seen, away * 2 * seen, facing * seen, normals * seen, points[:, 1:2] * 2 * seen], 1)
        x, bottom = self.net(x)
        logits = self.head(x)
        weight = torch.sigmoid(logits.amax(1, keepdim=True)) + 1e-4
        inside = (self.pool(x) * weight).sum((2, 3)) / weight.sum((2, 3))
        joint = self.joint(torch.cat([bottom.mean((2, 3)), inside], 1)).float()
        mask = F.pixel_shuffle(logits, 2)[:, 0].float()
        return PartOutput(mask, joint[:, 0], joint[:, 1:], self.hinge(x).float())


class CompletionOutput(NamedTuple):
    alpha: Tensor  # (B, V, 64, 64) logits of there being a surface
    depth: Tensor  # (B, V, 64, 64) depth minus the camera's distance, world units
    normal: Tensor  # (B, V, 3, 64, 64) unit, that view's camera axes
    rgb: Tensor  # (B, V, 3, 64, 64) 0..1


class Completion(nn.Module):
    """What four views round the object see, from the points that are known.

    The same network fills the sides that one image does not show and the insides that an opening reveals.
    """

    INPUTS = 13  # front layer: rgb 3, known 1, depth 1, normal 3 · back layer: known 1, depth 1 · uncovered 1 · rays 2

    def __init__(self) -> None:
        super().__init__()
        channels = (80, 128, 192)
        self.net = UNet(4 * self.INPUTS, channels, (2, 2, 2), SIDE // 2, views=VIEWS, attentions=3)
        self.head = nn.Conv2d(channels[0], 4 * 9, 3, padding=1)
        self.query, self.key = nn.Conv2d(channels[0], 32, 1), nn.Conv2d(channels[0], 32, 1)

    def forward(self, known: Tensor) -> CompletionOutput:  # (B, V, INPUTS, 64, 64), see model.stages.reproject
        b = known.shape[0]
        x, _ = self.net(F.pixel_unshuffle(known.flatten(0, 1), 2))
        out = F.pixel_shuffle(self.head(x), 2).float().unflatten(0, (b, VIEWS))  # (B, V, 9, 64, 64)
        copied = self.copy_colours(x.unflatten(0, (b, VIEWS)), known)
        alpha, depth, normal, delta, shade = out[:, :, 0], out[:, :, 1], out[:, :, 2:5], out[:, :, 5:8], out[:, :, 8:9]
        there = known[:, :, 3:4].float()
        rgb = there * known[:, :, :3].float() + (1 - there) * copied * torch.exp(0.5 * torch.tanh(shade)) + 0.3 * delta
        depth = torch.where(there[:, :, 0] > 0.5, known[:, :, 4].float(), 0.0) + depth * 0.3
        towards = normal_towards(known[:, :, 11:13].flatten(0, 1).float()).unflatten(0, (b, VIEWS))
        normal = torch.where(there > 0.5, known[:, :, 5:8].float(), towards) + normal
        return CompletionOutput(alpha, depth, F.normalize(normal, dim=2, eps=1e-4), rgb.clamp(-0.1, 1.1))

    def copy_colours(self, x: Tensor, known: Tensor) -> Tensor:
        """Blend the input view's colours for every pixel of every view, by attention at 32 px; (B, V, 3, 64, 64)."""
        b, v, _, h, w = x.shape
        q = self.query(x.flatten(0, 1)).unflatten(0, (b, v)).permute(0, 1, 3, 4, 2).reshape(b, 1, v * h * w, 32)
        k = self.key(x[:, 0]).flatten(2).transpose(1, 2)[:, None]  # (B, 1, hw, 32)
        there = F.avg_pool2d(known[:, 0, 3:4], 2).flatten(2)  # (B, 1, hw)
        colours = F.avg_pool2d(known[:, 0, :3], 2).flatten(2) / there.clamp(min=0.25)
        bias = torch.where(there > 0.2, 0.0, -1e4)[:, :, None].to(q.dtype)
        a = F.scaled_dot_product_attention(q, k, colours.transpose(1, 2)[:, None].to(q.dtype), attn_mask=bias)
        a = a.reshape(b * v, h, w, 3).permute(0, 3, 1, 2)
        return F.interpolate(a, scale_factor=2, mode="bilinear").unflatten(0, (b, v)).float()


def ray_grid(tan_half_fov: Tensor, size: int) -> Tensor:
    """Give each pixel its ray's slope (x right, y up), (B, 2, size, size)."""
    r = (torch.arange(size, device=tan_half_fov.device, dtype=tan_half_fov.dtype) + 0.5) * 2 / size - 1
    grid = torch.stack([r.expand(size, size), -r[:, None].expand(size, size)])
    return grid[None] * tan_half_fov[:, None, None, None]


def normal_towards(rays: Tensor) -> Tensor:
    """Give the unit direction from each pixel's surface to the camera, camera axes; (B, 2, H, W) -> (B, 3, H, W)."""
    return F.normalize(torch.cat([-rays, torch.ones_like(rays[:, :1])], 1).float(), dim=1)


def click_map(click: Tensor, size: int, sigma: float) -> Tensor:
    """Draw a Gaussian of sigma pixels round each click, (B, 2) pixel coordinates -> (B, 1, size, size)."""
    r = torch.arange(size, device=click.device, dtype=click.dtype) + 0.5
    dx, dy = r[None] - click[:, :1], r[None] - click[:, 1:]
    return torch.exp(-(dx[:, None, None, :] ** 2 + dy[:, None, :, None] ** 2) / (2 * sigma**2))


def at(maps: Tensor, click: Tensor) -> Tensor:
    """Read (B, C, S, S) maps at (B, 2) pixel coordinates (x, y), nearest pixel; (B, C)."""
    i = click.long().clamp(0, maps.shape[-1] - 1)
    return maps[torch.arange(len(maps)), :, i[:, 1], i[:, 0]]


def elevation_matrix(elevation: Tensor) -> Tensor:
    """Give the input camera's axes in the world, (B,) radians -> (B, 3, 3), columns right, up, backward."""
    c, s = torch.cos(elevation), torch.sin(elevation)
    o, i = torch.zeros_like(c), torch.ones_like(c)
    return torch.stack([i, o, o, o, c, s, o, -s, c], -1).reshape(-1, 3, 3)
