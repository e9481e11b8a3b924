"""Splats from one format into another: what is lost is said, and how much of the picture it costs."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import Cancelled, FormatError
from model.formats import files, sequence
from model.gaussians import Gaussians
from partrm_viewer.convert import compared, convert
from tests.model.splat_files import some

SAME = "Drawn from three sides, the pictures are the same."


def stored(path: Path, gaussians: Gaussians) -> Path:
    files.write(path, gaussians)
    return path


def test_a_lossless_target_draws_the_same_pictures(tmp_path: Path) -> None:
    assert convert([stored(tmp_path / "a.ply", some())], tmp_path / "b.glb") == [SAME]


def test_the_difference_of_the_pictures_is_stated(tmp_path: Path) -> None:
    *lost, difference = convert([stored(tmp_path / "a.ply", some())], tmp_path / "b.splat")
    assert "SH degree 3 dropped: .splat holds one colour a splat." in lost
    assert difference.startswith("Drawn from three sides, the pictures differ: ")


def test_worse_splats_differ_by_fewer_db() -> None:
    g = some(k=1)
    lines = [compared([(g, replace(g, sh=g.sh + np.float32(by)))])[-1] for by in (0.02, 0.2)]
    slight, strong = (float(line.split("differ: ")[1].split()[0]) for line in lines)
    assert 20 < strong < slight - 15


def test_a_scene_of_any_size_is_seen() -> None:
    for size in (1e-4, 1e5):
        g = some(k=1)
        g = replace(g, positions=g.positions * np.float32(size), scales=g.scales * np.float32(size))
        assert "differ" in compared([(g, replace(g, opacities=g.opacities / 2))])[-1]


def test_dropped_splats_are_counted() -> None:
    g = some(9)
    assert "2 of 9 Gaussians dropped." in compared([(g, g.select(np.arange(7)))])


@pytest.mark.parametrize(("degree", "says"), [(1, "cut to 1"), (3, "padded with zeros to 3")])
def test_an_sh_degree_is_given_as_asked(degree: int, says: str, tmp_path: Path) -> None:
    lines = convert([stored(tmp_path / "a.ply", some(k=9))], tmp_path / "b.ply", sh_degree=degree)
    assert files.read(tmp_path / "b.ply").sh_degree == degree
    assert lines[0] == f"SH degree 2 {says}, as asked."
    assert (lines[-1] == SAME or "60 dB" in lines[-1]) == (degree == 3)


@pytest.mark.parametrize(("asked", "version"), [(None, 3), (2, 2), (3, 3)])
def test_spz_is_of_version_3_unless_2_is_asked(asked: int | None, version: int, tmp_path: Path) -> None:
    convert([stored(tmp_path / "a.ply", some())], tmp_path / "b.spz", spz_version=asked)
    assert gzip.decompress((tmp_path / "b.spz").read_bytes())[4] == version


def test_several_files_become_a_numbered_sequence(tmp_path: Path) -> None:
    sources = [stored(tmp_path / name, some(n)) for n, name in ((3, "x.splat"), (5, "a.spz"))]
    told: list[float] = []
    convert(sources, tmp_path / "motion", progress=lambda fraction, what: told.append(fraction))
    assert [len(g) for g in sequence.OnDisk(sequence.files_of([tmp_path / "motion"]))] == [3, 5]
    assert told == sorted(told) and told[-1] == 1
    lines = convert([tmp_path / "motion"], tmp_path / "flat", sh_degree=0)
    assert lines[0] == "SH degree 3 cut to 0, as asked."  # of the second: the first has none
    assert files.read(tmp_path / "flat" / "frame0002.ply").sh_degree == 0


def test_a_sequence_is_not_converted_into_its_own_folder(tmp_path: Path) -> None:
    sequence.write(tmp_path / "motion", [some(3), some(5)])
    with pytest.raises(FormatError, match="motion"):
        convert([tmp_path / "motion"], tmp_path / "motion", sh_degree=0)
    assert files.read(tmp_path / "motion" / "frame0001.ply").sh_degree > 0


@pytest.mark.parametrize(
    ("sources", "target", "spz_version"),
    [(1, "b.xyz", None), (1, "motion", None), (1, "b.ply", 2), (1, "motion", 2), (2, "b.ply", None)],
)
def test_words_that_do_not_fit_are_refused(sources: int, target: str, spz_version: int | None, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=target):
        convert([tmp_path / "absent.ply"] * sources, tmp_path / target, None, spz_version)
    assert list(tmp_path.iterdir()) == []


def test_stopping_leaves_no_half_written_file(tmp_path: Path) -> None:
    source = stored(tmp_path / "a.ply", some())

    def stop(fraction: float, what: str) -> None:
        if "writing" in what.lower():
            raise Cancelled

    for sources, target in (([source], "b.spz"), ([source, source], "motion")):
        with pytest.raises(Cancelled):
            convert(sources, tmp_path / target, progress=stop)
    assert list(tmp_path.iterdir()) == [source]
