"""Films of splat files: around one, along a way, or through the frames of a motion. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.errors import FormatError
from model.formats import files, sequence, transforms
from model.gaussians import concatenate
from model.progress import Progress, silent
from partrm_viewer.export import BACKGROUNDS, TURNTABLE_FPS, TURNTABLE_FRAMES, from_outside
from partrm_viewer.tools.navigate import home
from renderer import capture
from renderer.base import choose
from renderer.film import ending_of


def film(
    splats: Sequence[Path],
    out: Path,
    cameras: Path | None = None,
    frames: int | None = None,
    fps: float = TURNTABLE_FPS,
    turn_deg: float | None = None,
    size: capture.Size | None = None,
    background: str = "white",
    renderer: str = "auto",
    progress: Progress = silent,
) -> Path:
    """Film splat files, or a folder of numbered PLY files; returns the path.

    One file is turned around, several are shown one after the other; one file is filmed along the cameras of a
    transforms.json, or turned from its only one. frames: None is a turntable's usual number, or one a file or camera.
    turn_deg: how far the camera goes around, None is once for one file and not at all for several. Raises FormatError,
    RendererError, Cancelled from progress: none of them leaves a film behind.
    """
    ending_of(out)  # an unknown ending is said before a long read
    paths = sequence.files_of(splats)
    keys = [camera for _, camera in transforms.read(cameras)] if cameras else []
    if len(keys) > 1 and (len(paths) > 1 or turn_deg is not None):
        title = f"{cameras} has {len(keys)} cameras: only one file is filmed along them, without a turn."
        raise FormatError(title, "Keep one frame in it, or leave the others away.")
    draws, _ = choose(renderer)
    behind = BACKGROUNDS[background]
    progress(0.0, f"reading {paths[0].name}")
    if len(keys) > 1:
        splat = files.read(paths[0])
        return capture.camera_path(draws, splat, keys, out, frames, size, behind, fps, progress)
    alone = len(paths) == 1
    count = frames or (TURNTABLE_FRAMES if alone else len(paths))
    shares = np.arange(count) * len(paths) // count  # each file's share of the frames; fewer: from first to last
    picked = shares if count >= len(paths) else np.linspace(0, len(paths) - 1, count).round().astype(int)
    shown = sequence.OnDisk([paths[k] for k in picked])
    whole = shown[0] if alone else concatenate([shown[0], shown[-1]])  # the ends of a motion reach farthest
    camera = keys[0] if keys else from_outside(whole, home(whole, None).camera)
    turn = turn_deg if turn_deg is not None else 360.0 if alone else 0.0
    target = np.mean(whole.box(), axis=0)
    return capture.state_sequence(draws, shown, camera, out, turn, target, size, behind, fps, progress)
