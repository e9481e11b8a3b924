"""Projects: what is saved is read again, whole; damaged, newer and hostile files are told and leave all as it was."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import FormatError
from model.stages.again import hold
from model.stages.state import Click, Motion, Outline, Part
from partrm_viewer import project
from partrm_viewer.document import Document, Snapshot, Step, arrays, new_key
from partrm_viewer.project import Project, Viewpoint
from partrm_viewer.tools.navigate import View
from tests.model.two_halves import two_halves


def a_project() -> Project:
    """Make a photo with two states, a selected part and a view."""
    state = two_halves()
    rgba = np.dstack([state.image, np.full(state.mask.shape, 255, np.uint8)])
    joint = Joint("revolute", np.array([0.0, 1, 0]), np.zeros(3))
    motion = Motion(joint, 0.5, 1.5, 0.9)
    next_state = replace(state, gaussians=state.gaussians.moved(motion.T), predicted=True)
    drag = Drag((60.0, 40.0), (70.0, 45.5))
    outline = Outline(state.mask, 0.9, np.zeros((8, 8), np.float32))
    splats = np.arange(len(state.gaussians)) % 2 == 0
    part = Part(
        (60.0, 40.0), state.mask, splats, np.zeros(3), 0.9, (joint,), (0.25,), (Click((60.0, 40.0)),), (outline,)
    )
    document = Document("Küche.png", Path("/photos/Küche.png"), rgba, rest=state, key=1)
    document = document.with_snapshot(Snapshot("Photo", state.gaussians, state, key=new_key()))
    step = Step(drag, hold(part, state, state), motion, "Pull 1")
    photo = document.snapshots[0].key
    document = document.with_snapshot(
        Snapshot("Pull 1", next_state.gaussians, next_state, (step, replace(step, on=False)), 0.25, photo)
    )
    camera = Camera.orbit(20, 10, 2, 40, 300, 200)
    return Project(replace(document.showing(0), part=part), View(camera, np.array([0.0, 0.1, 0.2])))


def assert_same(a: Any, b: Any) -> None:
    """Compare two values to the last bit; keys are new after reading."""
    a, b = (v.item() if isinstance(v, np.generic) else v for v in (a, b))
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif is_dataclass(a):
        for field in fields(a):
            if field.name not in ("key", "parent"):
                assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "kitchen.partrm"
    project.write(path, a_project())
    return path


def test_what_is_saved_is_read_to_the_last_bit(saved: Path) -> None:
    assert_same(project.read(saved), a_project())
    assert [p.name for p in saved.parent.iterdir()] == ["kitchen.partrm"]


def test_what_was_shared_is_saved_once_and_shared_again(saved: Path) -> None:
    document = project.read(saved).document
    assert document.shown is not None and document.shown.state is not None
    assert document.shown.gaussians is document.shown.state.gaussians
    assert document.snapshots[1].state is not None
    assert document.snapshots[1].state.mask is document.shown.state.mask
    assert document.snapshots[1].state.camera is document.shown.state.camera
    distinct = {id(array) for array in arrays(a_project())}
    with zipfile.ZipFile(saved) as archive:
        assert len(archive.namelist()) - 1 <= len(distinct)


def test_keys_are_new_so_that_nothing_old_finds_its_way_in(saved: Path) -> None:
    first, second = project.read(saved).document, project.read(saved).document
    assert first.key != second.key
    assert {s.key for s in first.snapshots}.isdisjoint(s.key for s in second.snapshots)


def test_a_splat_file_without_a_photo_is_a_project_too(tmp_path: Path) -> None:
    made = Project(Document("a.ply", None).with_snapshot(Snapshot("a", two_halves().gaussians)))
    project.write(tmp_path / "a.partrm", made)
    assert_same(project.read(tmp_path / "a.partrm"), made)


def test_progress_can_stop_a_save_and_the_old_file_stays(saved: Path) -> None:
    before = saved.read_bytes()

    def stop(fraction: float, what: str) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.write(saved, a_project(), stop)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def changed(saved: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Write the file again with another document.json."""
    with zipfile.ZipFile(saved) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(content["document.json"])
    edit(told)
    content["document.json"] = json.dumps(told).encode()
    other = saved.with_name("changed.partrm")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return other


def object_with(told: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the first object that has a field."""
    return next(o for o in told["objects"] if field in o)


def test_a_newer_projects_file_is_refused_with_what_to_do(saved: Path) -> None:
    newer = changed(saved, lambda told: told.update(format=project.FORMAT + 1))
    with pytest.raises(FormatError, match="newer version") as caught:
        project.read(newer)
    assert "newest version" in caught.value.hint


def test_a_file_of_the_first_version_opens_with_its_branches() -> None:
    document = project.read(Path(__file__).parent / "goldens" / "project_1.partrm").document
    assert [s.name for s in document.snapshots] == ["Photo", "Pull 1", "Pull 2", "Ajar"]
    photo, first, second, ajar = document.snapshots
    assert [photo.parent, first.parent, second.parent, ajar.parent] == [0, photo.key, first.key, photo.key]
    assert [len(s.steps) for s in document.snapshots] == [0, 1, 2, 1]
    assert second.steps[0] is first.steps[0] and second.motion is not None and second.motion.amount == 0.5
    assert first.drags == (Drag((60.0, 40.0), (70.0, 45.5)),) and document.rest is photo.state
    assert document.part is not None and document.name == "Küche.png"


def test_a_file_of_the_first_version_is_saved_as_one_of_today(tmp_path: Path) -> None:
    old = project.read(Path(__file__).parent / "goldens" / "project_1.partrm")
    assert old.viewpoints == () and old.view is not None and not old.view.orthographic
    project.write(tmp_path / "a.partrm", old)
    assert_same(project.read(tmp_path / "a.partrm"), old)


def test_branches_and_steps_are_the_same_after_reading(saved: Path) -> None:
    document = project.read(saved).document
    photo, pulled = document.snapshots
    assert pulled.parent == photo.key and photo.parent == 0 and document.rest is photo.state
    assert [step.on for step in pulled.steps] == [True, False]
    assert pulled.steps[0].held is pulled.steps[1].held


def test_a_field_that_has_a_default_may_be_missing(saved: Path) -> None:
    older = changed(saved, lambda told: object_with(told, "by_hand").pop("by_hand"))
    assert project.read(older).document.part is not None


WRONG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no objects": lambda t: t.pop("objects"),
    "no format": lambda t: t.pop("format"),
    "not the type": lambda t: object_with(t, "fx").update(fx="wide"),
    "a bool for a number": lambda t: object_with(t, "fx").update(fx=True),
    "no such kind": lambda t: object_with(t, "kind").update(kind="screw"),
    "an unknown field": lambda t: object_with(t, "fx").update(run="rm"),
    "a missing field": lambda t: object_with(t, "fx").pop("fx"),
    "no such array": lambda t: object_with(t, "sh").update(sh={"array": 10**9}),
    "an array of another shape": lambda t: object_with(t, "sh").update(sh=object_with(t, "scales")["scales"]),
    "a number below zero": lambda t: object_with(t, "sh").update(sh={"array": -1}),
    "a circle": lambda t: object_with(t, "gaussians").update(gaussians={"object": len(t["objects"]) - 1}),
    "another object": lambda t: object_with(t, "gaussians").update(camera=object_with(t, "gaussians")["gaussians"]),
    "a state made from one that is not there": lambda t: object_with(t, "parent").update(parent=77),
    "a state made from itself": lambda t: [o.update(parent=o["key"]) for o in t["objects"] if "steps" in o],
    "two states of one key": lambda t: [o.update(key=5, parent=0) for o in t["objects"] if "steps" in o],
    "a part that is not in the photo": lambda t: object_with(t, "corner_px").update(corner_px=[-3, 0]),
    "a part larger than the photo": lambda t: object_with(t, "corner_px").update(corner_px=[9999, 0]),
    "a part without its photo": lambda t: object_with(t, "rest").update(rest=None),
    "a state that is not there": lambda t: object_with(t, "snapshots").update(active=7),
    "a photo of another size": lambda t: object_with(t, "fx").update(width=9999, height=1),
    "a drag of three": lambda t: object_with(t, "end_px").update(end_px=[1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused(saved: Path, what: str) -> None:
    def edit(told: dict[str, Any]) -> None:
        WRONG[what](told)

    with pytest.raises(FormatError, match="Cannot read"):
        project.read(changed(saved, edit))


def test_names_that_climb_out_of_the_zip_are_never_followed(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("../../outside.npy", b"x")
        archive.writestr("/etc/outside", b"x")
    project.read(saved)
    assert not list(saved.parent.parent.glob("outside*"))
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_code_in_an_array_does_not_run(saved: Path) -> None:
    import io

    stream = io.BytesIO()
    np.save(stream, np.array([print, "x"], object), allow_pickle=True)
    with zipfile.ZipFile(saved) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(saved, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, stream.getvalue() if name.endswith(".npy") else data)
    with pytest.raises(FormatError, match="not as large as it claims"):
        project.read(saved)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.partrm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("document.json", "{}")
        for k in range(200):
            info = zipfile.ZipInfo(f"arrays/{k:04d}.npy")
            archive.writestr(info, b"")
            info.file_size = project.MAX_BYTES
    with pytest.raises(FormatError, match="larger than any project"):
        project.read(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"\x89PNG\r\n"])
def test_what_is_no_project_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.partrm"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="Cannot read"):
        project.read(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_flipped_and_missing_bytes_never_crash_the_reader(saved: Path, at: float, value: int, cut: bool) -> None:
    data = bytearray(saved.read_bytes())
    place = int(at * len(data))
    damaged = bytes(data[:place]) if cut else bytes(data[:place]) + bytes([value]) + bytes(data[place + 1 :])
    path = saved.with_name("damaged.partrm")
    path.write_bytes(damaged)
    with contextlib.suppress(FormatError):
        project.read(path)


def test_viewpoints_come_back_and_share_what_they_shared(tmp_path: Path) -> None:
    made = a_project()
    assert made.document.shown is not None and made.document.shown.state is not None
    flat = View(Camera.orbit(9, 9, 2, 30, 64, 64), np.ones(3), orthographic=True)
    points = (Viewpoint("Front", View(made.document.shown.state.camera, np.zeros(3))), Viewpoint("Flat", flat))
    project.write(tmp_path / "a.partrm", replace(made, viewpoints=points))
    read = project.read(tmp_path / "a.partrm")
    assert_same(read.viewpoints, points)
    state = read.document.snapshots[0].state
    assert state is not None and read.viewpoints[0].view.camera is state.camera


def test_times_and_what_moved_are_saved(tmp_path: Path) -> None:
    made = a_project()
    photo, pull = made.document.snapshots
    moved = np.arange(len(photo.gaussians)) % 3 == 0
    pull = replace(pull, times_s=(("part", 0.25), ("completion", 0.5)), moved=moved)
    made = replace(made, document=replace(made.document, snapshots=(photo, pull)))
    project.write(tmp_path / "a.partrm", made)
    assert_same(project.read(tmp_path / "a.partrm"), made)
