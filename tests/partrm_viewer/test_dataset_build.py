"""dataset build: whole states only, the same bytes everywhere, and a report of what is left out."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.errors import Cancelled, FormatError, PartRMError
from model.partdrag4d import build as state_files
from model.partdrag4d.articulated import load
from model.partdrag4d.build import DiskFull, write_state
from model.partdrag4d.dataset import StateId, open_dataset
from model.partdrag4d.propagated import propagate_all
from model.partdrag4d.states import all_states
from model.partdrag4d.views import PRESETS, cameras, subject
from partrm_viewer.cli import main
from partrm_viewer.dataset.build import build
from partrm_viewer.dataset.index import find_sources
from partrm_viewer.dataset.pool import LocalPool, RayPool
from partrm_viewer.dataset.work import STOP, Order, Shard, Source, draw_shard
from tests.partrm_viewer.small_objects import DyingPool, HerePool, write_cabinet, write_when

with_ray = pytest.mark.filterwarnings("default")  # Ray has warnings of its own
pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")


def listed(tmp_path: Path, *names: str) -> list[Path]:
    """Write a list as PartDrag-4D's: paths that end in names."""
    path = tmp_path / "train_filelist.txt"
    path.write_text("".join(f"/data/renders/{name}\n" for name in names) + "# the end\n")
    return [path]


def digest(root: Path) -> dict[str, str]:
    """Return a hash of every file below a folder."""
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_what_is_written_is_what_the_reader_reads(tmp_path: Path) -> None:
    source = write_cabinet(tmp_path)
    lists = listed(tmp_path, "cabinet_0_0_10", "cabinet_0_5_10", "cabinet_0_9", "sofa_0_0", "cabinet_2_0")
    root = tmp_path / "data"
    report = build([str(source)], Order(root), HerePool(), lists)
    data = open_dataset(root)
    shut, wide = StateId.parse("cabinet_0_0_10"), StateId.parse("cabinet_0_5_10")
    assert data.ids("train") == (shut, wide) and data.ids("val") == () and data.category(shut) == "StorageFurniture"
    moving = data.moving(shut, wide)
    assert 0.05 < moving.mean() < 0.5
    step = (data.points(wide) - data.points(shut))[moving]
    np.testing.assert_allclose(step, np.tile(step[0], (len(step), 1)), atol=1e-5)
    assert step[0, 0] > 0.1 and np.abs(step[0, 1:]).max() < 1e-5  # the front stands towards camera 0 at +x
    # What view 0 sees of the points lies on the depth that it has stored, and the drawer where its mask is.
    seen, depth, mask = data.visible(wide), data.depth(wide, 0), data.part_mask(wide)
    assert seen is not None and depth is not None and mask is not None
    row, column, away, inside = data.camera(wide, 0).cells(data.points(wide)[seen])
    assert inside.all() and np.mean(np.abs(depth[row, column] - away) < 0.01) > 0.97
    assert np.mean(mask[row, column] == moving[seen]) > 0.97
    starts, ends = data.true_drags(shut, wide, 10, np.random.default_rng(0))
    assert (ends[:, 1] > starts[:, 1] + 5).all()  # towards the eye is down
    np.testing.assert_array_equal(data.picture(wide, 0), data.picture(wide, 11))  # both ends of the circle
    # Drags are propagated from where the outline is asked for: a seen point of the part.
    asked = []

    def outline(image: np.ndarray, at_px: tuple[float, float]) -> np.ndarray:
        asked.append(mask[int(at_px[1]), int(at_px[0])])
        assert image.shape == (512, 512, 3)
        return mask

    assert propagate_all(data, (wide,), outline) == [] and asked == [True]
    rows = np.load(root / "propagated_drags" / str(wide) / "propagated_indices.npy")
    assert rows.shape == (10, 2) and mask[rows[:, 0], rows[:, 1]].all() and len(np.unique(rows, axis=0)) == 10
    assert {(one.mesh, one.what.partition(" ")[0]) for one in report.left_out} == {
        ("cabinet", "cabinet_0_9"), ("sofa", "1"), ("cabinet", "cabinet_2_0"),
    }  # fmt: skip
    told = json.loads((root / "report.json").read_text())
    assert len(told["left_out"]) == 3 and not (root / ".partial").exists()


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(tmp_path: Path) -> None:
    source, lists = str(write_cabinet(tmp_path)), listed(tmp_path, "cabinet_0_1", "cabinet_1_2")
    undisturbed = build([source], Order(tmp_path / "a"), LocalPool(2), lists)
    report = build([source], Order(tmp_path / "b"), DyingPool(tmp_path / "died"), lists)
    assert (tmp_path / "died").exists() and report.left_out == undisturbed.left_out == ()
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    # Nothing is done twice, and what a user has broken is mended.
    (tmp_path / "b" / "renders" / "cabinet_0_1" / "003.png").unlink()
    again = build([source], Order(tmp_path / "b"), HerePool(), lists)
    assert (again.built, again.kept) == (1, 1)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_a_worker_that_always_dies_is_reported_and_leaves_no_half(tmp_path: Path) -> None:
    lists = listed(tmp_path, "cabinet_0_1")
    report = build([str(write_cabinet(tmp_path))], Order(tmp_path / "a"), DyingPool(tmp_path / "m", True), lists)
    assert [(one.what, one.why) for one in report.left_out] == [("cabinet_0_1", "Its worker died 3 times")]
    assert not list((tmp_path / "a" / "renders").iterdir()) and not (tmp_path / "a" / ".partial").exists()


def test_a_stop_leaves_whole_states_only(tmp_path: Path) -> None:
    def stopping(fraction: float, what: str) -> None:
        if fraction > 0:
            raise Cancelled

    root, lists = tmp_path / "a", listed(tmp_path, "cabinet_0_1", "cabinet_1_2")
    with pytest.raises(Cancelled):
        build([str(write_cabinet(tmp_path))], Order(root), HerePool(), lists, progress=stopping)
    assert [len(list(folder.glob("*.png"))) for folder in (root / "renders").iterdir()] == [25]
    assert (root / "lists" / "train.txt").read_text() == "cabinet_0_1\n" and not (root / ".partial").exists()
    # A worker that is told to stop begins nothing new.
    (root / ".partial").mkdir()
    (root / ".partial" / STOP).touch()
    source = Source(Order(root), str(tmp_path / "cabinet.urdf"), "cabinet")
    assert draw_shard(Shard(source, "StorageFurniture", (StateId("cabinet", 1, 2),))).built == 0


def test_whoever_leaves_early_stops_the_workers_and_waits_for_them(tmp_path: Path) -> None:
    pool = LocalPool(2)
    tasks = [(None, tmp_path / "left"), (tmp_path / "stop", tmp_path / "ended")]
    results = pool.run(write_when, tasks, (tmp_path / "stop").touch)
    assert next(results)[0] == tasks[0]  # the other waits to be stopped
    assert not (tmp_path / "ended").exists()
    results.close()  # type: ignore[attr-defined]
    assert (tmp_path / "ended").exists()
    pool.close()


def test_workers_end_with_the_process_that_they_work_for(tmp_path: Path) -> None:
    lines = (
        "from pathlib import Path",
        "from partrm_viewer.dataset.pool import LocalPool",
        "from tests.partrm_viewer.small_objects import tell_pid_and_sleep",
        f"list(LocalPool(1).run(tell_pid_and_sleep, [Path({str(tmp_path / 'pid')!r})], lambda: None))",
    )
    master = subprocess.Popen([sys.executable, "-c", "\n".join(lines)], cwd=Path(__file__).parents[2])
    try:
        _until((tmp_path / "pid").exists)
    finally:
        master.kill()
        master.wait()
    worker = int((tmp_path / "pid").read_text())
    _until(lambda: _gone(worker))


def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")  # ended, but nobody has asked how
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_full_disk_stops_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = subject(load(write_cabinet(tmp_path)), "cabinet", "X", PRESETS["plain"], 0)
    state = all_states(it.made, "cabinet", 0)[0]
    cams = cameras(it, [state])

    def full(path: Path, pixels: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(state_files, "_write_png", full)
        with pytest.raises(DiskFull, match="full"):
            write_state(tmp_path / "a", it, state, cams)
    assert not (tmp_path / "a" / "renders").exists() and not list((tmp_path / "a" / ".partial").iterdir())


def test_faults_of_objects_are_reported_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_cabinet(tmp_path)
    (tmp_path / "bad.urdf").write_text("<robot>")
    lists = listed(tmp_path, "cabinet_0_0", "bad_0_0")
    words = ["dataset", "build", str(good), str(tmp_path / "bad.urdf"), str(tmp_path / "absent.urdf")]
    words += ["-o", str(tmp_path / "a"), "--list", str(lists[0]), "--workers", "1", "--sam"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "1 states built" in told and "left out: bad: all of it: " in told
    assert "SAM's weights are absent" in told or "propagated drags of" in told
    assert main([*words, "--seed", "1"]) == 2
    assert "another seed" in capsys.readouterr().err


def test_two_objects_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("libero", "robodesk"):
        (tmp_path / folder).mkdir()
        write_cabinet(tmp_path / folder, "micro_wave")
    paths = [str(tmp_path / folder / "micro_wave.urdf") for folder in ("libero", "robodesk")]
    sources, _ = find_sources([*paths, str(write_cabinet(tmp_path))], Order(tmp_path), None)
    assert [source.mesh for source in sources] == ["libero-micro-wave", "robodesk-micro-wave", "cabinet"]
    with pytest.raises(FormatError, match="twice"):
        find_sources([paths[0], paths[0]], Order(tmp_path), None)


def test_a_list_that_names_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("hello\n")
    with pytest.raises(FormatError, match="names no state"):
        build(["a.urdf"], Order(tmp_path / "a"), HerePool(), [tmp_path / "list.txt"])


def test_blender_must_be_named_and_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dataset", "build", str(write_cabinet(tmp_path)), "-o", str(tmp_path / "a"), "--renderer", "blender"]
    assert main(words) == 2 and "--blender" in capsys.readouterr().err
    order = Order(tmp_path / "a", blender="/bin/false")
    report = build([words[2]], order, HerePool(), listed(tmp_path, "cabinet_0_0"))
    assert [(one.what, one.why.partition(":")[0]) for one in report.left_out] == [("cabinet_0_0", "Blender has failed")]


@with_ray
def test_no_cluster_is_said(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra [dataset] is not installed")
    with pytest.raises(PartRMError, match="no Ray cluster"):
        list(RayPool("auto").run(str.upper, ["a"], lambda: None))


@with_ray
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_three_computers_write_the_same_bytes_as_one_process(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="the extra [dataset] is not installed")
    from ray.cluster_utils import Cluster

    paths = [str(write_cabinet(tmp_path, name)) for name in ("one", "two", "three")]
    lists = listed(tmp_path, "one_0_0", "one_1_5", "two_1_3_01", "three_0_4")
    build(paths, Order(tmp_path / "alone"), HerePool(), lists)
    cluster = Cluster()
    try:
        for _ in range(3):
            cluster.add_node(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False)
        report = build(paths, Order(tmp_path / "many"), RayPool(cluster.address), lists)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert report.left_out == () and report.built == 4
    assert digest(tmp_path / "alone") == digest(tmp_path / "many")
