""".splat: 32 bytes a Gaussian, no header; one colour each, 8 bits for colour, opacity and rotation (antimatter15)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.formats.cleaning import check_count, cleaned
from model.formats.disk import open_file, unreadable, write_atomically
from model.gaussians import SH_C0, Gaussians

RECORD = np.dtype([("position", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rotation", "u1", 4)])
assert RECORD.itemsize == 32


def read(path: Path) -> Gaussians:
    """Read a .splat file. Raises FormatError."""
    stream, size = open_file(path)
    with stream:
        if size % RECORD.itemsize:
            raise unreadable(path, f"{size:,} bytes are not a whole number of 32-byte Gaussians")
        check_count(path, size // RECORD.itemsize, size // RECORD.itemsize)
        try:
            data = np.fromfile(stream, RECORD, size // RECORD.itemsize)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from error
    rgba = data["rgba"].astype(np.float32) / 255
    sh = ((rgba[:, :3] - 0.5) / SH_C0)[:, None]
    rotations = (data["rotation"].astype(np.float32) - 128) / 128
    return cleaned(path, data["position"], rotations, data["scale"], rgba[:, 3], sh)


def write(path: Path, gaussians: Gaussians) -> list[str]:
    """Write a .splat file in the order given; returns what it could not hold. Raises FormatError."""
    data = np.zeros(len(gaussians), RECORD)
    data["position"], data["scale"] = gaussians.positions, gaussians.scales
    rgba = np.concatenate([gaussians.colours, gaussians.opacities[:, None]], axis=1)
    data["rgba"] = np.round(rgba * 255)
    data["rotation"] = np.clip(np.round(gaussians.rotations * 128 + 128), 0, 255)
    write_atomically(path, lambda stream: stream.write(data.tobytes()))
    report = ["Colour, opacity and rotation rounded to 8 bits: .splat holds no more."]
    shades = gaussians.sh[:, 0] * SH_C0 + 0.5
    if clamped := int((np.abs(shades - 0.5) > 0.5 + 0.5 / 255).any(axis=1).sum()):
        report.append(f"Colours beyond black or white clamped, in {clamped:,} Gaussians.")
    if gaussians.sh_degree:
        report.append(f"SH degree {gaussians.sh_degree} dropped: .splat holds one colour a splat.")
    if gaussians.antialiased:
        report.append("The antialiased flag dropped: .splat has no place for it.")
    return report
