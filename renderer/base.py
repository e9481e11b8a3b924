"""What every renderer gives, and which one this computer should use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from model.camera import Camera
from model.errors import RendererError
from model.gaussians import Gaussians

NEAR = 0.01  # world units; nothing nearer is drawn. Our objects are about 1 large and one may go close.
LOW_PASS = 0.3  # px², added to the diagonal of every 2D covariance, as 3DGS does
MOST_REACH = 3.4  # standard deviations: there the most opaque splat has fallen below alpha 1/255
NEAR_3DGS = 0.2  # world units, the near plane of 3DGS's own rasteriser
CUDA_PACKAGES = ("diff_gaussian_rasterization", "gsplat")
CUDA_HINT = "Install gsplat (or build diff-gaussian-rasterization) on a computer with an NVIDIA GPU, or use gl or cpu."


@dataclass(frozen=True, eq=False)
class Frame:
    """A rendered picture without its background."""

    colour: np.ndarray  # (H, W, 4) float32, premultiplied RGBA, 0..1, display space
    depth: np.ndarray  # (H, W) float32, alpha-weighted mean depth along the view axis, 0 where nothing is

    def on(self, background: Sequence[float] = (1.0, 1.0, 1.0)) -> np.ndarray:
        """Lay the picture over one background colour (0..1); (H, W, 3) uint8."""
        rgb = self.colour[..., :3] + (1.0 - self.colour[..., 3:]) * np.asarray(background, np.float32)
        return to_bytes(rgb)

    def rgba8(self) -> np.ndarray:
        """Return the picture with straight (not premultiplied) alpha, (H, W, 4) uint8."""
        alpha = self.colour[..., 3:]
        rgb = self.colour[..., :3] / np.maximum(alpha, 1e-6)
        return to_bytes(np.concatenate([rgb, alpha], axis=-1))


def mean_depth(colour: np.ndarray, weighted: np.ndarray) -> np.ndarray:
    """Divide Σ weight · depth (H, W) by the alpha of colour (H, W, 4); 0 where nothing is."""
    alpha = colour[..., 3]
    return np.where(alpha > 0, weighted / np.maximum(alpha, 1e-6), 0).astype(np.float32)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Round 0..1 to uint8, clipping what lies outside."""
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


class Renderer(Protocol):
    """Draws Gaussians as a camera sees them."""

    name: str

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        """Draw one frame at the camera's size; raises RendererError where the computer cannot."""
        ...


def probe() -> dict[str, str]:
    """Say for each renderer, fastest first, "ok ..." or why this computer cannot run it."""
    return {name: _probe_one(name) for name in _BUILDERS}


def choose(name: str = "auto", near: float = NEAR) -> tuple[Renderer, str]:
    """Return a renderer and the reason for the choice.

    "auto" takes the first of cuda, gl and cpu that runs here, except OpenGL done in software, which cpu outruns.
    A renderer asked for by name that cannot run raises RendererError with the reason. OpenGL without a window binds the
    process to it: a process that will open a window asks for "cpu" or "cuda". near: world units, NEAR_3DGS for exactly
    3DGS's pixels also close to the camera.
    """
    if name not in ("auto", *_BUILDERS):
        raise RendererError(f"There is no renderer called “{name}”.", f"Choose one of auto, {', '.join(_BUILDERS)}.")
    if name != "auto":
        return _BUILDERS[name](near), f"{name}: asked for"
    refused = []
    for candidate, build in _BUILDERS.items():
        try:
            renderer = build(near)
        except RendererError as error:
            refused.append(f"{candidate}: {error.title}")
            continue
        if getattr(renderer, "software", False):
            refused.append(f"{candidate}: done in software here, slower than cpu")
            _close(renderer)
        else:
            return renderer, "; ".join([f"{candidate}: the fastest that runs here", *refused])
    raise RendererError("No renderer runs on this computer.", "; ".join(refused))


def _probe_one(name: str) -> str:
    try:
        renderer = _BUILDERS[name](NEAR)
    except RendererError as error:
        return f"no: {error.title} {error.hint}"
    _close(renderer)
    return f"ok: {getattr(renderer, 'device', name)}"


def _close(renderer: Renderer) -> None:
    if hasattr(renderer, "close"):
        renderer.close()


def _build_cuda(near: float) -> Renderer:
    # Looked for before torch is imported, which takes seconds and would tell most computers the same.
    if not any(find_spec(package) for package in CUDA_PACKAGES):
        raise RendererError(f"Neither {' nor '.join(CUDA_PACKAGES)} is installed.", CUDA_HINT)
    return _build("cuda", "CudaRenderer", near)


def _build(module: str, cls: str, near: float) -> Renderer:
    renderer: Renderer = getattr(import_module(f"renderer.{module}"), cls)(near)
    return renderer


_BUILDERS: dict[str, Callable[[float], Renderer]] = {
    "cuda": _build_cuda,
    "gl": partial(_build, "gl", "GlRenderer"),
    "cpu": partial(_build, "cpu", "CpuRenderer"),
}


def is_software(opengl_device: str) -> bool:
    """Say whether an OpenGL device, as it calls itself, is the processor."""
    words = ("llvmpipe", "softpipe", "swiftshader", "swrast", "gdi generic", "basic render")
    return any(word in opengl_device.lower() for word in words)
