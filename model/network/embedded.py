"""The three networks that the app ships: Surface (depth from one image), PartNet (parts and their joints), Completion.

All see the object as `model.stages.frame` puts it: a square crop that the object fills, a camera at distance
0.6 / tan(fov / 2) from the world's origin, so that the picture spans 1.2 world units there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network.blocks import UNet, attend, unit

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
        self.net = UNet(4 * 6, channels, (1, 2, 2, 2), SIZE // 2, attentions=5)
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
        return SurfaceOutput(out[:, 0] * 0.3, unit(normal, 1), elevation)


class PartOutput(NamedTuple):
    code: Tensor  # (B, 12, 128, 128) pixels of one part have codes that lie near each other
    spread: Tensor  # (B, 128, 128) how far apart the codes of this pixel's part may lie
    movable: Tensor  # (B, 64, 64) logit of belonging to a part that moves
    kind: Tensor  # (B, 64, 64) logit of turning (revolute) against sliding (prismatic)
    axis: Tensor  # (B, 3, 64, 64) world direction of the joint, positive amounts open; not normalised
    hinge: Tensor  # (B, 3, 64, 64) from each pixel's surface point to the nearest point of its hinge, world units


class PartNet(nn.Module):
    """Which pixels belong together as one part, and the joint that each probably moves on.

    It sees no click: one pass serves every click on the image, and training learns from all parts of an image at once.
    """

    CODE = 12

    def __init__(self) -> None:
        super().__init__()
        channels = (48, 64, 128, 192)
        self.net = UNet(4 * 4 + 7, channels, (1, 2, 2, 2), SIZE // 2, attentions=5)
        self.code = nn.Conv2d(channels[0], 4 * (self.CODE + 1), 3, padding=1)
        self.dense = nn.Conv2d(channels[0], 8, 3, padding=1)

    def forward(self, rgb: Tensor, alpha: Tensor, points: Tensor, normals: Tensor) -> PartOutput:
        """Take the 128 px view with the surface it shows.

        rgb (B, 3, 128, 128) on black, alpha (B, 128, 128), points and normals (B, 3, 64, 64) in world axes.
        """
        seen = (F.avg_pool2d(alpha[:, None], 2) > 0.5).to(rgb.dtype)
        picture = F.pixel_unshuffle(torch.cat([rgb * 2 - alpha[:, None], alpha[:, None]], 1), 2)
        x, _ = self.net(torch.cat([picture, normals * seen, points * 2 * seen, seen], 1))
        code = F.pixel_shuffle(self.code(x), 2).float()
        dense = self.dense(x).float()
        return PartOutput(code[:, :-1], code[:, -1], dense[:, 0], dense[:, 1], dense[:, 2:5], dense[:, 5:])


def part_logits(out: PartOutput, clicks: Tensor, pixels: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
    """Compare the pixels' codes with that of a clicked one, as logits of belonging to the same part.

    clicks (B, K, 2) are pixels (column, row); `pixels` chooses rows and columns; returns (B, K, rows, columns).
    """
    b = torch.arange(len(clicks), device=clicks.device)[:, None]
    col, row = clicks[..., 0].long(), clicks[..., 1].long()
    own = out.code[b, :, row, col]  # (B, K, CODE)
    chosen = out.code[:, :, pixels[0], pixels[1]]
    codes = chosen.flatten(2)  # (B, CODE, N)
    far = (own**2).sum(2)[..., None] - 2 * own @ codes + (codes**2).sum(1)[:, None]
    spread = F.softplus(out.spread[b, row, col])[..., None] + 0.1
    return (4 * (1 - far / spread)).clamp(-12, 4).unflatten(2, chosen.shape[2:])


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
        self.net = UNet(4 * self.INPUTS, channels, (2, 2, 2), SIDE // 2, views=VIEWS, attentions=3, wide=1)
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
        return CompletionOutput(alpha, depth, unit(normal, 2), rgb.clamp(-0.1, 1.1))

    def copy_colours(self, x: Tensor, known: Tensor) -> Tensor:
        """Blend the input view's colours for every pixel of every view, by attention at 32 px; (B, V, 3, 64, 64)."""
        b, v, _, h, w = x.shape
        q = self.query(x.flatten(0, 1)).unflatten(0, (b, v)).permute(0, 1, 3, 4, 2).reshape(b, 1, v * h * w, 32)
        k = self.key(x[:, 0]).flatten(2).transpose(1, 2)[:, None]  # (B, 1, hw, 32)
        there = F.avg_pool2d(known[:, 0, 3:4], 2).flatten(2)  # (B, 1, hw)
        colours = F.avg_pool2d(known[:, 0, :3], 2).flatten(2) / there.clamp(min=0.25)
        bias = torch.where(there > 0.2, 0.0, -1e4)[:, :, None].to(q.dtype)
        a = attend(q, k, colours.transpose(1, 2)[:, None].to(q.dtype), bias)
        a = a.reshape(b * v, h, w, 3).permute(0, 3, 1, 2)
        return F.interpolate(a, scale_factor=2, mode="bilinear").unflatten(0, (b, v)).float()


def ray_grid(tan_half_fov: Tensor, size: int) -> Tensor:
    """Give each pixel its ray's slope (x right, y up), (B, 2, size, size)."""
    r = (torch.arange(size, device=tan_half_fov.device, dtype=tan_half_fov.dtype) + 0.5) * 2 / size - 1
    grid = torch.stack([r.expand(size, size), -r[:, None].expand(size, size)])
    return grid[None] * tan_half_fov[:, None, None, None]


def normal_towards(rays: Tensor) -> Tensor:
    """Give the unit direction from each pixel's surface to the camera, camera axes; (B, 2, H, W) -> (B, 3, H, W)."""
    return unit(torch.cat([-rays, torch.ones_like(rays[:, :1])], 1).float(), 1)


def elevation_matrix(elevation: Tensor) -> Tensor:
    """Give the input camera's axes in the world, (B,) radians -> (B, 3, 3), columns right, up, backward."""
    c, s = torch.cos(elevation), torch.sin(elevation)
    o, i = torch.zeros_like(c), torch.ones_like(c)
    return torch.stack([i, o, o, o, c, s, o, -s, c], -1).reshape(-1, 3, 3)
