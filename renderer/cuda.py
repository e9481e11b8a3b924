"""Render on an NVIDIA GPU with diff-gaussian-rasterization or gsplat, whichever imports."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np
import torch

from model.camera import Camera
from model.errors import RendererError
from model.gaussians import SH_C0, Gaussians
from renderer.base import CUDA_HINT, CUDA_PACKAGES, NEAR, NEAR_3DGS, Frame

_NONE = np.zeros((0, 3))
PLAIN = Gaussians.from_colours(_NONE, np.zeros((0, 4)), _NONE, np.zeros(0), _NONE)  # each of one colour from all sides


def why_not() -> str:
    """Say why this computer cannot render with CUDA; empty where it can."""
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device."
    return "" if _package() is not None else f"Neither {' nor '.join(CUDA_PACKAGES)} can be imported."


def _package() -> ModuleType | None:
    for name in CUDA_PACKAGES:
        try:
            return import_module(name)
        except (ImportError, OSError):  # OSError: a compiled part that does not fit this driver
            continue
    return None


class CudaRenderer:
    """The CUDA rasterisers behind the common protocol; the Gaussians stay on the GPU while they are the same object."""

    name = "cuda"

    def __init__(self, near: float = NEAR, device: str = "cuda", package: ModuleType | None = None) -> None:
        package = package or _package()
        if package is None or (device == "cuda" and not torch.cuda.is_available()):
            raise RendererError(f"CUDA cannot be used: {why_not()}", CUDA_HINT)
        self._device = torch.device(device)
        self._package = package
        self._near = near
        self.device = f"{torch.cuda.get_device_name() if device == 'cuda' else device} ({package.__name__})"
        is_gsplat = hasattr(package, "rasterization")
        self._draw: Callable[[Gaussians, Camera], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
        self._draw = self._gsplat if is_gsplat else self._inria
        self._gaussians: Gaussians | None = None
        self._tensors: dict[str, torch.Tensor] = {}

    def render(self, gaussians: Gaussians, camera: Camera) -> Frame:
        """Draw one frame at the camera's size; RendererError where the GPU's memory does not suffice."""
        try:
            if gaussians is not self._gaussians:
                names = ("positions", "rotations", "scales", "opacities", "sh")
                self._tensors = {n: torch.tensor(getattr(gaussians, n), device=self._device) for n in names}
                self._gaussians = gaussians
            with torch.no_grad():
                rgb, alpha, weighted = self._draw(gaussians, camera)
                depth = torch.where(alpha > 0, weighted / alpha.clamp_min(1e-6), 0)
                colour = torch.cat([rgb, alpha[..., None]], dim=-1)
                return Frame(colour.float().cpu().numpy(), depth.float().cpu().numpy())
        except torch.cuda.OutOfMemoryError as error:
            raise RendererError(
                "The GPU's memory is full.", "Close other programs, or choose a smaller picture."
            ) from error

    def rasterize(
        self,
        means: torch.Tensor,  # (N, 3) float32, world units
        quats: torch.Tensor,  # (N, 4) float32, wxyz
        scales: torch.Tensor,  # (N, 3) float32, world units
        opacities: torch.Tensor,  # (N,) float32, 0..1
        colours: torch.Tensor,  # (N, 3) float32, display space
        camera: Camera,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Render one camera's picture with gradients: on a GPU what renderer.autograd.rasterize is on a processor."""
        names = ("positions", "rotations", "scales", "opacities", "sh")
        given = (means, quats, scales, opacities, ((colours - 0.5) / SH_C0)[:, None])
        self._tensors, self._gaussians = dict(zip(names, given, strict=True)), None
        return self._draw(PLAIN, camera)

    def _gsplat(self, gaussians: Gaussians, camera: Camera) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        t = self._tensors
        K = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
        image, alpha, _ = self._package.rasterization(
            t["positions"],
            t["rotations"],
            t["scales"],
            t["opacities"],
            t["sh"],
            self._tensor(_view(camera))[None],
            self._tensor(K)[None],
            camera.width,
            camera.height,
            near_plane=self._near,
            sh_degree=gaussians.sh_degree,
            render_mode="RGB+D",
            rasterize_mode="antialiased" if gaussians.antialiased else "classic",
        )
        return image[0, ..., :3], alpha[0, ..., 0], image[0, ..., 3]

    def _inria(self, gaussians: Gaussians, camera: Camera) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        t = self._tensors
        w, h = camera.width, camera.height
        # This package culls before 0.2 whatever one says: it is handed a world so large that this is our near plane.
        grown = NEAR_3DGS / self._near
        view = _view(camera)
        view[:3, 3] *= grown
        lens = np.zeros((4, 4))
        lens[0, [0, 2]] = 2 * camera.fx / w, 2 * camera.cx / w - 1
        lens[1, [1, 2]] = 2 * camera.fy / h, 2 * camera.cy / h - 1
        lens[2, [2, 3]] = 1.0, -NEAR_3DGS
        lens[3, 2] = 1.0
        told = {
            "image_height": h,
            "image_width": w,
            "tanfovx": 0.5 * w / camera.fx,
            "tanfovy": 0.5 * h / camera.fy,
            "bg": torch.zeros(3, device=self._device),
            "scale_modifier": 1.0,
            "viewmatrix": self._tensor(view.T),
            "projmatrix": self._tensor((lens @ view).T),
            "sh_degree": gaussians.sh_degree,
            "campos": self._tensor(camera.position * grown),
            "prefiltered": False,
            "debug": False,
            "antialiasing": False,
        }
        settings = self._package.GaussianRasterizationSettings
        rasterizer = self._package.GaussianRasterizer(settings(**{name: told[name] for name in settings._fields}))
        positions = t["positions"] * grown
        common = {
            "means3D": positions,
            "means2D": torch.zeros_like(positions),
            "opacities": self._opacities(gaussians, camera)[:, None],
            "scales": t["scales"] * grown,
            "rotations": t["rotations"],
        }
        image, *others = rasterizer(shs=t["sh"], **common)
        if len(others) == 3:  # radii, depth, alpha: the variant LGM and PartRM were made with
            _, weighted, alpha = others
            return image.permute(1, 2, 0), alpha[0], weighted[0] / grown
        # The original gives no alpha and no such depth: a second picture, coloured by depth and by one.
        z = positions @ self._tensor(view[2, :3]) + float(view[2, 3])
        second = rasterizer(colors_precomp=torch.stack([z, torch.ones_like(z), torch.zeros_like(z)], dim=1), **common)[
            0
        ]
        return image.permute(1, 2, 0), second[1], second[0] / grown

    def _opacities(self, gaussians: Gaussians, camera: Camera) -> torch.Tensor:
        """Compensate the low-pass in the opacities where the Gaussians ask for it; the package's own switch differs."""
        if not gaussians.antialiased:
            return self._tensors["opacities"]
        from renderer.cpu import tile
        from renderer.kernels import OPACITY

        g = gaussians
        records = tile(g.positions, g.rotations, g.scales, g.opacities, g.colours, camera, True).records
        return self._tensor(records[:, OPACITY])

    def _tensor(self, array: np.ndarray | list) -> torch.Tensor:
        return torch.tensor(np.asarray(array, np.float32), device=self._device)


def _view(camera: Camera) -> np.ndarray:
    """Return world to camera with y down and z forward, (4, 4)."""
    return np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world
