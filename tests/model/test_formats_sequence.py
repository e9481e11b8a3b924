"""Numbered PLY files: found in order, written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import Cancelled, FormatError
from model.formats import ply, sequence
from model.gaussians import Gaussians


def states(*counts: int) -> list[Gaussians]:
    """Make sets of so many Gaussians each, so that a set is known by its length."""
    zeros = [np.zeros((n, 3)) for n in counts]
    return [Gaussians.from_colours(z, z[:, [0, 0, 0, 0]] + [1, 0, 0, 0], z + 1, z[:, 0] + 0.5, z) for z in zeros]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_frames_are_found_in_numerical_order(tmp_path: Path) -> None:
    touch(tmp_path, "step10.ply", "step9.ply", "step1.ply", "step100.ply")
    names = [p.name for p in sequence.frames_of(tmp_path / "step10.ply")]
    assert names == ["step1.ply", "step9.ply", "step10.ply", "step100.ply"]


def test_only_files_of_the_same_name_and_kind_belong_together(tmp_path: Path) -> None:
    touch(tmp_path, "a1.ply", "a2.ply", "b3.ply", "a4.splat", "a5.ply.bak", "a.ply", "aa6.ply", "a7.compressed.ply")
    (tmp_path / "a8.ply").mkdir()
    assert [p.name for p in sequence.frames_of(tmp_path / "a2.ply")] == ["a1.ply", "a2.ply"]
    assert sequence.frames_of(tmp_path / "a7.compressed.ply") == (tmp_path / "a7.compressed.ply",)


def test_digits_alone_are_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "2.ply", "10.ply", "x1.ply")
    assert [p.name for p in sequence.frames_of(tmp_path / "2.ply")] == ["2.ply", "10.ply"]


@pytest.mark.parametrize("name", ["scan.ply", "scan.splat", "frame²³.ply", "only1.ply", "absent/a1.ply", "absent2.ply"])
def test_a_file_without_a_sequence_is_alone(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "scan.ply", "only1.ply", "other1.ply", "absent1.ply")
    assert sequence.frames_of(tmp_path / name) == (tmp_path / name,)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=20) | st.from_regex(r"[^0-9]{0,9}[0-9]+\.ply", fullmatch=True))
def test_any_name_is_the_first_of_its_own_sequence_or_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert sequence.frames_of(path) == (path,)


def test_a_folder_stands_for_its_sequence(tmp_path: Path) -> None:
    touch(tmp_path, "a10.ply", "a9.ply", "note.txt")
    names = [p.name for p in sequence.files_of([tmp_path, tmp_path / "b.splat"])]
    assert names == ["a9.ply", "a10.ply", "b.splat"]
    touch(tmp_path, "b1.ply")
    with pytest.raises(FormatError, match=r"a10\.ply, b1\.ply"):
        sequence.files_of([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="holds no PLY"):
        sequence.files_of([tmp_path / "empty"])


def test_states_on_disk_are_read_once_while_they_are_shown() -> None:
    asked: list[Path] = []
    g = states(1, 2)

    def read(path: Path) -> Gaussians:
        asked.append(path)
        return g[int(path.name)]

    shown = sequence.OnDisk([Path("0"), Path("0"), Path("1"), Path("1")], read)
    assert [len(gaussians) for gaussians in shown] == [1, 1, 2, 2]
    assert asked == [Path("0"), Path("1")]


def test_written_frames_are_a_sequence(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    folder = tmp_path / "new" / "motion"
    paths = sequence.write(folder, states(3, 1, 2), progress=lambda f, what: told.append((f, what)))
    assert [p.name for p in paths] == ["frame0001.ply", "frame0002.ply", "frame0003.ply"]
    assert sequence.frames_of(paths[1]) == paths and len(content(folder)) == 3
    assert [len(ply.read(path)) for path in paths] == [3, 1, 2]
    assert told[0] == (0.0, "Writing frame0001.ply") and told[-1][0] == 1.0 and len(told) == 4


def test_a_new_sequence_takes_the_old_ones_place(tmp_path: Path) -> None:
    touch(tmp_path, "other7.ply", "frame.txt")
    sequence.write(tmp_path, states(1, 1), stem="pull 2 ")
    paths = sequence.write(tmp_path, states(4, 5, 6), stem="pull 2 ")
    assert [len(ply.read(path)) for path in paths] == [4, 5, 6]
    assert len(content(tmp_path)) == 5


def test_a_longer_old_sequence_is_not_mixed_with_a_new_one(tmp_path: Path) -> None:
    sequence.write(tmp_path, states(1, 1, 1))
    before = content(tmp_path)
    with pytest.raises(FormatError, match=r"frame0003\.ply would play behind"):
        sequence.write(tmp_path, states(2, 2))
    assert content(tmp_path) == before


def test_stop_and_failure_leave_the_old_sequence_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence.write(tmp_path, states(1, 1, 1))
    before = content(tmp_path)

    def stop(fraction: float, what: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        sequence.write(tmp_path, states(2, 2, 2), progress=stop)
    assert content(tmp_path) == before

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FormatError, match="No space left"):
        sequence.write(tmp_path, states(2, 2, 2))
    assert content(tmp_path) == before


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="there are none"):
        sequence.write(tmp_path, [])
    (tmp_path / "file").touch()
    with pytest.raises(FormatError, match="Cannot write"):
        sequence.write(tmp_path / "file", states(1))
    (tmp_path / "frame0001.ply").mkdir()
    with pytest.raises(FormatError, match="Cannot write"):
        sequence.write(tmp_path, states(1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "frame0001.ply"]
