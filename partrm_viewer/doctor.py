"""What this computer has, which renderer and device will be used, and why."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from model.errors import RendererError, WeightsError

PACKAGES = [
    "torch",
    "numpy",
    "numba",
    "PySide6-Essentials",
    "pyqtgraph",
    "vispy",
    "PyOpenGL",
    "safetensors",
    "opencv-python-headless",
    "pillow",
    "imageio-ffmpeg",
]
OPTIONAL = [
    "huggingface-hub",
    "torchvision",
    "diffusers",
    "transformers",
    "segment-anything",
    "gsplat",
    "diff-gaussian-rasterization",
]

Row = tuple[str, str]


def text() -> str:
    """Return the whole examination, a line a finding."""
    lines = []
    for title, look in SECTIONS.items():
        try:
            rows = list(look())
        except ImportError as error:  # a broken package is a finding too
            rows = [("cannot look", str(error))]
        wide = max(len(name) for name, _ in rows)
        lines += [title, *(f"  {name:<{wide}}  {finding}" for name, finding in rows), ""]
    return "\n".join(lines[:-1])


def computer() -> Iterator[Row]:
    """Find the system, Python and display."""
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} logical cores"
    yield "python", f"{platform.python_version()} ({sys.executable})"
    if sys.platform.startswith("linux"):
        display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
        yield "display", display or "none: the window cannot open here; predict, render and convert work without one"


def packages() -> Iterator[Row]:
    """Find the versions of what is installed."""
    for name in PACKAGES:
        yield name, installed(name) or "MISSING: pip install -e ."
    for name in OPTIONAL:
        yield name, installed(name) or "not installed (optional)"


def installed(name: str) -> str | None:
    """Return a package's version, or None where it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def networks() -> Iterator[Row]:
    """Find where the networks will run, in which arithmetic, and with which weights."""
    import torch

    if torch.cuda.is_available():
        name, memory = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
        yield "device", f"cuda: {name}, {memory / 2**30:.0f} GiB"
    else:
        why = "this PyTorch is built without CUDA" if torch.version.cuda is None else "no CUDA device was found"
        yield "device", f"cpu, {torch.get_num_threads()} threads: {why}"
    yield "bf16", bf16()
    yield from weights()


def weights() -> Iterator[Row]:
    """Find which weights are here, and whether they are whole."""
    from model import weights as files
    from partrm_viewer.weights import summary

    for name in files.EMBEDDED:
        path = files.embedded(name)
        try:
            tensors = files.load(path)
            yield f"embedded {name}", f"whole: {len(tensors)} tensors, {path.stat().st_size / 1e6:.1f} MB"
        except WeightsError as error:
            yield f"embedded {name}", f"MISSING OR DAMAGED: {error.title}. {error.hint}"
    yield "released", summary()


def bf16() -> str:
    """Say whether the processor multiplies in bf16, which is what makes a prediction fast without a GPU."""
    import torch

    can = torch.cpu.get_capabilities()
    if can.get("amx_bf16"):
        return "yes, matrix units (AMX): fast"
    if can.get("avx512_bf16"):
        return "yes, vector units (AVX-512)"
    return "no: predictions run in float32 and take several times as long"


def pictures() -> Iterator[Row]:
    """Find the renderers, the one that will be used, and the video encoder."""
    from renderer.base import choose, probe

    yield from probe().items()
    try:
        renderer, reason = choose("auto")
        yield "used", f"{renderer.name} ({reason})"
    except RendererError as error:
        yield "used", f"none: {error.title}"
    import imageio_ffmpeg

    try:
        yield "ffmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()} ({imageio_ffmpeg.get_ffmpeg_exe()})"
    except RuntimeError as error:
        yield "ffmpeg", f"MISSING, no turntable videos: {error}"


SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "Computer": computer,
    "Packages": packages,
    "Networks": networks,
    "Pictures": pictures,
}
