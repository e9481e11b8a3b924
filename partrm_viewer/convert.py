"""One splat format into another, and how much of the picture that costs. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from model.errors import FormatError
from model.evaluation.metrics import psnr
from model.formats import files, sequence, spz
from model.gaussians import Gaussians
from model.progress import Progress, silent
from partrm_viewer.tools.navigate import home
from renderer import capture
from renderer.base import choose

SIDES_DEG = (0.0, 120.0, 240.0)  # around what is drawn
LARGEST_DB = 60.0  # what psnr is capped at


def convert(
    sources: Sequence[Path],
    target: Path,
    sh_degree: int | None = None,
    spz_version: int | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Write splats in the format that target's ending chooses; a folder takes several as numbered PLY files.

    sources: files, or a folder of numbered PLY files. sh_degree: 0..3, cut or padded to that. spz_version: 3, or 2 for
    programs that know no newer one. Returns what was lost, a line each; the last one tells how much the pictures
    differ, before and after. Raises FormatError, before anything is read where the words do not fit together.
    """
    several = len(sources) > 1 or sources[0].is_dir()
    folder = several and (target.is_dir() or not target.suffix)
    if spz_version and (folder or target.suffix.lower() != ".spz"):
        raise FormatError(f"{target} is not an .spz file: --spz does not fit.", "Leave it away, or write an .spz file.")
    if folder:
        return _convert_sequence(sequence.files_of(sources), target, sh_degree, progress)
    write = partial(spz.write, version=spz_version) if spz_version else files.writer_of(target)
    paths = sequence.files_of(sources)
    if len(paths) > 1:
        hint = "Name a folder, without an ending: it takes numbered PLY files."
        raise FormatError(f"{len(paths)} files do not go into {target}.", hint)
    progress(0.0, f"reading {paths[0].name}")
    source = files.read(paths[0])
    progress(0.3, f"writing {target.name}")
    lines = _reshaped(source, sh_degree) + write(target, _at_degree(source, sh_degree))
    progress(0.6, f"reading {target.name}")
    result = files.read(target)  # what other programs will find there
    progress(0.8, "drawing both")
    lines += compared([(source, result)])
    progress(1.0, "done")
    return lines


def _convert_sequence(paths: Sequence[Path], folder: Path, sh_degree: int | None, progress: Progress) -> list[str]:
    """Write numbered PLY files into a folder: the first half of progress, comparing them is the second."""
    if any(path.resolve().parent == folder.resolve() for path in paths):
        raise FormatError(f"{folder} holds files that are to be converted.", "Choose another folder.")
    lines: list[str] = []

    def read(path: Path) -> Gaussians:
        gaussians = files.read(path)
        lines.extend(line for line in _reshaped(gaussians, sh_degree) if line not in lines)
        return _at_degree(gaussians, sh_degree)

    def pairs() -> Iterable[tuple[Gaussians, Gaussians]]:
        for k, (path, frame) in enumerate(zip(paths, written)):
            progress(0.5 + 0.5 * k / len(paths), f"comparing {frame.name}")
            yield files.read(path), files.read(frame)

    states = sequence.OnDisk(paths, read)
    written = sequence.write(folder, states, progress=lambda fraction, what: progress(fraction / 2, what))
    lines += compared(pairs())
    progress(1.0, "done")
    return lines


def _at_degree(gaussians: Gaussians, sh_degree: int | None) -> Gaussians:
    return gaussians if sh_degree is None else gaussians.with_sh_degree(sh_degree)


def _reshaped(gaussians: Gaussians, sh_degree: int | None) -> list[str]:
    if sh_degree is None or sh_degree == gaussians.sh_degree:
        return []
    how = "cut to" if sh_degree < gaussians.sh_degree else "padded with zeros to"
    return [f"SH degree {gaussians.sh_degree} {how} {sh_degree}, as asked."]


def compared(pairs: Iterable[tuple[Gaussians, Gaussians]]) -> list[str]:
    """Say what became of pairs of Gaussians, before and after: how many are gone, and how the pictures differ.

    Drawn on white at 512 x 512 px, framed as the window opens a splat file; PSNR where either picture is not white.
    """
    dropped, total, worst_db, most = 0, 0, LARGEST_DB, 0
    for before, after in pairs:
        total, dropped = total + len(before), dropped + len(before) - len(after)
        view = home(before, None)
        renderer, _ = choose("cpu", near=view.distance / 100)  # a small scene is not cut away
        for angle_deg in SIDES_DEG:
            camera = capture.turned(view.camera, angle_deg, view.target)
            a, b = (capture.still(renderer, gaussians, camera) for gaussians in (before, after))
            if (a != b).any():
                most = max(most, int(np.abs(a.astype(np.int16) - b).max()))
                worst_db = min(worst_db, psnr(a / 255, b / 255, (np.minimum(a, b) < 255).any(axis=2)))
    lines = [f"{dropped:,} of {total:,} Gaussians dropped."] if dropped else []
    if most == 0:
        return [*lines, "Drawn from three sides, the pictures are the same."]
    psnr_db = f"{worst_db:.1f} dB PSNR at worst" if worst_db < LARGEST_DB else f"{LARGEST_DB:.0f} dB PSNR or more"
    return [*lines, f"Drawn from three sides, the pictures differ: {psnr_db}, no colour by more than {most} of 255."]
