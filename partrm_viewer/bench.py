"""Bench: how fast this computer draws, sorts, reads and writes splats; `make bench` prints the tables.

Every row is measured in a process of its own, so that its peak memory is its own too. Compare rows of one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from model.camera import Camera
from model.formats import files
from model.gaussians import Gaussians, quaternion_from_matrix
from partrm_viewer.export import peak_memory_bytes
from renderer.base import probe
from renderer.capture import turned

COUNTS = (16_384, 65_536, 262_144, 1_048_576)
SIZES = ((512, 512), (1920, 1080))
FRAMES = 12
MOST_S = 8.0  # spent on the frames of one row
STORED = 1_000_000  # Gaussians of SH degree 3 in the files


def object_splats(count: int, degree: int = 0, seed: int = 0) -> Gaussians:
    """Make flat splats all over a box of about one unit with an open drawer, as large as they lie apart."""
    rng = np.random.default_rng(seed)
    boxes = np.array([[-0.3, -0.5, -0.25, 0.3, 0.5, 0.25], [-0.25, -0.1, 0.25, 0.25, 0.15, 0.6]])
    low, high = boxes[:, :3], boxes[:, 3:]
    sides = high - low
    areas = np.stack([sides[:, 1] * sides[:, 2], sides[:, 0] * sides[:, 2], sides[:, 0] * sides[:, 1]], 1)  # (2, 3)
    share = np.repeat(areas.ravel(), 2) / (2 * areas.sum())
    face = rng.choice(12, count, p=share)  # box, axis, which of two
    box, axis, end = face // 6, face // 2 % 3, face % 2
    points = low[box] + rng.random((count, 3)) * sides[box]
    rows = np.arange(count)
    points[rows, axis] = np.where(end == 1, high[box, axis], low[box, axis])
    radius = 0.7 * np.sqrt(2 * areas.sum() / count)
    scales = np.full((count, 3), radius) * rng.uniform(0.7, 1.3, (count, 1))
    scales[rows, axis] *= 0.1
    rotations = np.tile(quaternion_from_matrix(np.eye(3)), (count, 1))
    sh = 0.1 * rng.standard_normal((count, (degree + 1) ** 2, 3))
    sh[:, 0] = np.sin(9 * points) * 1.2
    opacities = rng.uniform(0.8, 0.99, count)
    p, s, o, c = (np.ascontiguousarray(a, np.float32) for a in (points, scales, opacities, sh))
    return Gaussians(p, rotations, s, o, c)


def views(width: int, height: int) -> list[Camera]:
    """Return cameras that turn round the object by 3 degrees each: every frame is sorted anew."""
    camera = Camera.orbit(30, 20, 2.2, 40, 512, 512).fitted(width, height)
    return [turned(camera, 3.0 * k, np.zeros(3)) for k in range(FRAMES + 1)]


def median_ms(draw: Callable[[Camera], object], cameras: list[Camera]) -> float:
    """Time a frame for each camera, the first not counted."""
    times = []
    began = time.perf_counter()
    for camera in cameras:
        start = time.perf_counter()
        draw(camera)
        times.append(time.perf_counter() - start)
        if time.perf_counter() - began > MOST_S and len(times) > 3:
            break
    return 1000 * float(np.median(times[1:]))


def draw_row(name: str, count: int, width: int, height: int) -> dict[str, float]:
    """Measure one renderer at one number of Gaussians and picture size: milliseconds and MB."""
    from renderer.sort import depth_order, view_depth

    gaussians = object_splats(count)
    cameras = views(width, height)

    def sort(camera: Camera) -> object:
        return depth_order(view_depth(gaussians.positions, camera.T_camera_world[2]))

    row = {"sort ms": median_ms(sort, cameras)}
    before = peak_mb()
    if name == "gl":
        draw = gl_window(gaussians, width, height)
    else:
        from renderer.base import choose

        renderer, _ = choose(name)
        renderer.render(object_splats(64), cameras[0])  # compiled, or the device opened

        def draw(camera: Camera) -> object:
            return renderer.render(gaussians, camera)

    start = time.perf_counter()
    draw(cameras[0])
    first = 1000 * (time.perf_counter() - start)
    row["frame ms"] = median_ms(draw, cameras)
    row["upload ms"] = max(0.0, first - row["frame ms"])
    row["memory MB"] = peak_mb() - before
    return row


def gl_window(gaussians: Gaussians, width: int, height: int) -> Callable[[Camera], object]:
    """Return what draws one frame as the window does: into 8 bits, nothing read back."""
    from vispy import gloo

    from renderer.gl import GlRenderer

    renderer = GlRenderer()
    target = gloo.FrameBuffer(gloo.Texture2D((height, width, 4), format="rgba", internalformat="rgba8"))

    def draw(camera: Camera) -> None:
        renderer.make_current()
        renderer.layer.set_gaussians(gaussians)
        with target:
            gloo.set_viewport(0, 0, camera.width, camera.height)
            renderer.layer.draw(camera, background=(1.0, 1.0, 1.0))
            gloo.gl.glFinish()

    return draw


def file_row(ending: str) -> dict[str, float]:
    """Measure writing and reading one format: seconds, MB of the file, MB of memory that reading took."""
    gaussians = object_splats(STORED, degree=3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"splats{ending}"
        start = time.perf_counter()
        files.write(path, gaussians)
        row = {"save s": time.perf_counter() - start, "file MB": path.stat().st_size / 1e6}
        done = json.loads(_child("--read", str(path)))
    return row | done


def read_row(path: Path) -> dict[str, float]:
    """Measure reading one file, in a process that has held nothing else."""
    before = peak_mb()
    start = time.perf_counter()
    files.read(path)
    return {"load s": time.perf_counter() - start, "load memory MB": peak_mb() - before}


def peak_mb() -> float:
    """Return the most memory that this process has had, MB; 0 where the system does not tell."""
    return (peak_memory_bytes() or 0) / 1e6


def computer() -> str:
    """Name the processor, cores and memory."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def _child(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "partrm_viewer.bench", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it ended early")
    return done.stdout.strip().splitlines()[-1]


def _print_row(cells: list[str], words: tuple[str, ...], columns: tuple[str, ...]) -> None:
    try:
        values = json.loads(_child(*words))
        cells = cells + [f"{values[c]:.3g}" if values[c] < 1000 else f"{values[c]:.0f}" for c in columns]
    except RuntimeError as error:
        cells = [*cells, f"failed: {error}"[:80], *[""] * (len(columns) - 1)]
    print("| " + " | ".join(cells) + " |", flush=True)


def _print_head(columns: tuple[str, ...]) -> None:
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)


def print_tables() -> None:
    """Measure everything and print it as Markdown."""
    print(computer())
    states = probe()
    for name, state in states.items():
        print(f"- {name}: {state}")
    columns = ("frame ms", "sort ms", "upload ms", "memory MB")
    _print_head(("renderer", "picture", "Gaussians", *columns))
    for name in (name for name, state in states.items() if state.startswith("ok")):
        for width, height in SIZES:
            for count in COUNTS:
                words = ("--draw", name, str(count), str(width), str(height))
                _print_row([name, f"{width}×{height}", f"{count:,}"], words, columns)
    stored = ("save s", "load s", "file MB", "load memory MB")
    _print_head((f"{STORED:,} Gaussians, SH degree 3", *stored))
    for known in files.FORMATS:
        if known.write:
            _print_row([known.ending], ("--file", known.ending), stored)


def main() -> None:
    """Print the tables, or one row of them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m partrm_viewer.bench", description=__doc__)
    parser.add_argument("--draw", nargs=4, metavar=("RENDERER", "COUNT", "WIDTH", "HEIGHT"), help="one row")
    parser.add_argument("--file", metavar="ENDING", help="one row: write a file of this ending, and read it")
    parser.add_argument("--read", metavar="FILE", type=Path, help="one row: read a file")
    options = parser.parse_args()
    if options.draw:
        name, *numbers = options.draw
        print(json.dumps(draw_row(name, *(int(n) for n in numbers))))
    elif options.file:
        print(json.dumps(file_row(options.file)))
    elif options.read:
        print(json.dumps(read_row(options.read)))
    else:
        print_tables()


if __name__ == "__main__":
    main()
