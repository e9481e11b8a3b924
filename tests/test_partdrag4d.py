"""From objects to a table: data set, Gaussians, both training stages and evaluation, by the command line, tiny."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from partrm_viewer import cli

pytest.importorskip("accelerate", reason="the extra [training] is not installed")
ROWS = ("no motion", "copy, Drag-First", "warp, NVS-First", "embedded, one image", "PartRM small", "oracle")


def run(*words: object) -> None:
    """Run the command line; it must succeed."""
    assert cli.main([str(word) for word in words]) == 0, words


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_objects_to_a_table(tmp_path: Path) -> None:
    data, runs, out = tmp_path / "data", tmp_path / "runs", tmp_path / "out"
    (tmp_path / "train.txt").write_text("procedural-1_0_0\nprocedural-1_0_5\n")
    (tmp_path / "val.txt").write_text("procedural-8_0_0\nprocedural-8_0_4\n")
    lists = ("--list", tmp_path / "train.txt", "--list", tmp_path / "val.txt")
    run("dataset", "build", "procedural:1", "procedural:8", "-o", data, *lists, "--workers", 1)
    run("dataset", "gaussians", data)
    train = ("train", "--preset", "partrm", "--data", data, "--out", runs, "--batch", 1, "--samples", 4)
    run(*train, "--what", "motion")
    run(*train, "--what", "appearance", "--from", runs / "motion.safetensors", "--views", 1)
    for stage in ("motion", "appearance"):
        lines = (runs / f"{stage}.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["step"] == 4
    methods = ("--method", "embedded", "partrm", "--weights", f"small={runs / 'appearance.safetensors'}")
    run("evaluate", "--data", data, *methods, "--editor", "copy", "warp", "--count", 1, "-o", out)
    with (out / "table.csv").open(newline="") as stream:
        named = {value for row in csv.reader(stream) for value in row}
    assert set(ROWS) <= named
    assert "data:image" in (out / "index.html").read_text()
