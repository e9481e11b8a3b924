"""The shelf, and that many predictions need little memory."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.state import Part, Prediction, State
from partrm_viewer import shelf as shelves
from partrm_viewer.document import arrays, open_image
from partrm_viewer.session import Session
from partrm_viewer.shelf import Shelf, on_shelf
from tests.model.two_halves import two_halves

GIB = 1 << 30


def same(a: State, b: State) -> bool:
    pairs = zip(arrays(a), arrays(b), strict=True)
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in pairs)


def test_a_state_on_the_shelf_is_the_same_and_leaves_no_file_behind(tmp_path: Path) -> None:
    state = two_halves()
    lying = Shelf(tmp_path).put(state)
    assert same(state, lying) and lying.camera is state.camera
    assert on_shelf(lying.image) and on_shelf(lying.gaussians.sh[1:]) and not on_shelf(state.image)
    assert not list(tmp_path.iterdir())
    assert lying.image.flags.writeable  # torch warns of arrays that are not


def test_a_full_disk_leaves_the_state_in_memory(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    state = two_halves()
    assert Shelf().put(state) is state and "No space left" in caplog.text


def test_the_shelf_has_an_end_and_gets_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST", 2)
    shelf, state = Shelf(tmp_path), two_halves()
    lying = [shelf.put(state) for _ in range(3)]
    assert [on_shelf(s.image) for s in lying] == [True, True, False]
    del lying[0]
    gc.collect()
    assert on_shelf(shelf.put(state).image)


def realistic(n: int, side: int) -> State:
    """Make a state as large as a photo's: n splats, side x side px."""
    small, rng = two_halves(), np.random.default_rng(0)
    one = np.ones(n, np.float32)
    splats = Gaussians.from_colours(
        rng.random((n, 3)), np.tile([1.0, 0, 0, 0], (n, 1)), np.ones((n, 3)), one, np.ones((n, 3))
    )
    camera = small.camera.resized(side, side)
    return State(np.zeros((side, side, 3), np.uint8), np.ones((side, side), bool), camera, small.crop, splats)


def resident() -> int:
    """Return the memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is in use")
def test_200_predictions_can_be_undone_and_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    n, side = 65_536, 960
    rest = realistic(n, side)
    session, shelf = Session(), Shelf(tmp_path)
    session.open(open_image(Path("a.png"), np.zeros((side, side, 4), np.uint8)))
    session.add_rest(session.document.key, rest)
    before, grown, took = resident(), list[int](), list[float]()
    box = np.zeros((side, side), bool)
    box[300:600, 300:600] = True
    for k in range(200):
        part = Part((400.0, 400.0), box, np.arange(n) % 7 == 0, np.zeros(3), 0.9)
        shown = session.document.shown
        assert shown is not None
        moved = replace(rest, gaussians=rest.gaussians.moved(np.eye(4)), image=rest.image + 0, mask=rest.mask & True)
        moved = replace(moved, gaussians=replace(moved.gaussians, sh=moved.gaussians.sh + 0))
        state = shelf.put(moved)
        start = time.thread_time()
        assert session.add_prediction(shown.key, Drag((1.0, 1.0), (2.0, float(k))), Prediction(state, part), 0.1)
        took.append(time.thread_time() - start)
        del moved, state
        grown.append(resident() - before)
    assert max(grown) < GIB
    assert np.median(took[-20:]) < 0.1  # the window waits for it
    assert session._history.n_bytes < GIB
    for _ in range(200):
        assert session.undo_text == "pull"
        session.undo()
    assert session.undo_text is None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is in use")
def test_pulling_and_undoing_again_and_again_keeps_memory_flat(tmp_path: Path) -> None:
    rest = realistic(65_536, 512)
    session, shelf = Session(), Shelf(tmp_path)
    session.open(open_image(Path("a.png"), np.zeros((512, 512, 4), np.uint8)))
    session.add_rest(session.document.key, rest)
    key, grown = session.document.snapshots[0].key, []
    for k in range(300):
        state = shelf.put(replace(rest, gaussians=rest.gaussians.moved(np.eye(4)), image=rest.image + 0))
        assert session.add_prediction(key, Drag((1.0, 1.0), (2.0, float(k))), Prediction(state), 0.1)
        session.undo()
        grown.append(resident())
    assert max(grown[-50:]) - max(grown[20:70]) < 32 << 20
