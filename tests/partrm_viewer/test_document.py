"""Document, history and session, without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model.camera import Camera
from model.drag import Drag
from model.gaussians import Gaussians
from model.stages.state import Outline, Part, Prediction, State
from partrm_viewer.document import Document, open_image, open_splats
from partrm_viewer.history import History
from partrm_viewer.session import Session

DRAG = Drag((1.0, 2.0), (3.0, 4.0))


def splats(n: int = 10) -> Gaussians:
    one = np.ones(n, np.float32)
    return Gaussians.from_colours(
        np.zeros((n, 3)), np.tile([1.0, 0, 0, 0], (n, 1)), np.ones((n, 3)), one, np.ones((n, 3))
    )


def state(n: int = 10) -> State:
    camera = Camera.orbit(0, 0, 3, 40, 8, 6)
    return State(np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), bool), camera, camera, splats(n))


def part() -> Part:
    return Part((1.0, 2.0), np.ones((6, 8), bool), np.ones(10, bool), np.zeros(3), 0.9)


def opened() -> Session:
    session = Session()
    session.open(open_image(Path("a.png"), np.zeros((6, 8, 4), np.uint8)))
    assert session.add_rest(session.document.key, state())
    return session


def pull(session: Session) -> None:
    shown = session.document.shown
    assert shown is not None
    assert session.add_prediction(shown.key, DRAG, Prediction(state()), 0.1)


def test_undo_goes_back_to_the_state_before_the_pull() -> None:
    session = opened()
    session.select(session.document.snapshots[0].key, part())
    before = session.document
    pull(session)
    assert session.document.active == 1 and session.undo_text == "pull"
    session.undo()
    assert session.document is before and session.document.part is not None
    session.redo()
    assert session.document.active == 1 and session.redo_text is None


def test_first_photo_cannot_be_undone() -> None:
    session = opened()
    session.undo()
    assert session.document.shown is not None and session.undo_text is None


def test_selecting_and_showing_are_no_undo_steps() -> None:
    session = opened()
    pull(session)
    session.show(0)
    session.select(session.document.snapshots[0].key, part())
    assert session.undo_text == "pull"


def test_late_results_are_dropped() -> None:
    session = opened()
    key, shown = session.document.key, session.document.shown
    assert shown is not None
    session.open(open_splats(Path("b.ply"), splats()))
    document = session.document
    assert not session.add_rest(key, state())
    assert not session.select(shown.key, part())
    assert not session.add_prediction(shown.key, DRAG, Prediction(state()), 0.1)
    assert session.document is document


def test_prediction_of_a_renamed_state_is_kept() -> None:
    session = opened()
    shown = session.document.shown
    assert shown is not None
    session.rename(0, "  Closed\n door ")
    assert session.document.snapshots[0].name == "Closed door"
    assert session.add_prediction(shown.key, DRAG, Prediction(state()), 0.1)


def test_drags_add_up_along_the_branch() -> None:
    session = opened()
    pull(session)
    pull(session)
    session.show(0)
    pull(session)
    assert [len(s.drags) for s in session.document.snapshots] == [0, 1, 2, 1]
    assert [s.name for s in session.document.snapshots] == ["Photo", "Pull 1", "Pull 2", "Pull 3"]


def test_listeners_hear_old_and_new_once() -> None:
    session = opened()
    heard: list[tuple[Document, Document]] = []
    session.on_change(lambda old, new: heard.append((old, new)))
    old = session.document
    pull(session)
    session.rename(1, session.document.snapshots[1].name)  # no change, nobody is told
    assert heard == [(old, session.document)]


def test_removing_keeps_the_shown_state() -> None:
    session = opened()
    pull(session)
    pull(session)
    shown = session.document.shown
    session.remove(0)
    assert session.document.shown is shown
    session.remove(1)
    session.remove(0)
    assert len(session.document.snapshots) == 1


def parents(session: Session) -> list[str]:
    """Name what each state was made from."""
    found = [session.document.find(s.parent) for s in session.document.snapshots]
    return ["" if at is None else session.document.snapshots[at].name for at in found]


def branched() -> Session:
    """Pull twice in a row, and once more from the photo; the second pull is shown."""
    session = opened()
    pull(session)
    pull(session)
    session.show(0)
    pull(session)
    session.show(2)
    return session


def test_every_state_names_the_one_that_it_was_pulled_from() -> None:
    session = branched()
    assert parents(session) == ["", "Photo", "Pull 1", "Photo"]
    before, after = session.document.before, session.document.after
    assert before is session.document.snapshots[1] and after is None
    session.show(0)
    assert session.document.before is None and session.document.after is session.document.snapshots[3]


def test_what_was_made_from_a_removed_state_hangs_on_to_the_one_before() -> None:
    session = branched()
    kept = session.document.snapshots[2].gaussians
    session.remove(1)
    assert [s.name for s in session.document.snapshots] == ["Photo", "Pull 2", "Pull 3"]
    assert parents(session) == ["", "Photo", "Photo"]
    assert session.document.shown is not None and session.document.shown.gaussians is kept
    assert len(session.document.shown.steps) == 2  # how it came about is not forgotten
    session.undo()
    assert parents(session) == ["", "Photo", "Pull 1", "Photo"]


def test_removing_the_shown_state_shows_the_one_before_it() -> None:
    session = branched()
    session.remove(2)
    assert session.document.shown is session.document.snapshots[1]
    session.show(0)
    session.remove(0)
    assert session.document.shown is session.document.snapshots[0] and parents(session) == ["", ""]
    assert session.document.rest is not None  # steps can still be done again


def test_names_of_pulls_are_not_used_twice() -> None:
    session = branched()
    session.rename(3, "Ajar")
    session.remove(1)
    pull(session)
    assert session.document.snapshots[-1].name == "Pull 4"


def test_a_step_keeps_its_part_where_the_predictor_tells_it() -> None:
    session = opened()
    key = session.document.snapshots[0].key
    session.add_prediction(key, DRAG, Prediction(state(), part()), 0.1)
    (step,) = session.document.snapshots[1].steps
    assert step.held is not None and step.held.mask.shape == (6, 8) and step.held.splats.sum() == 10
    assert step.name == "Pull 1" and step.on


def test_bytes_are_counted_also_of_arrays_that_a_tensor_owns() -> None:
    outline = Outline(np.ones((6, 8), bool), 1.0, torch.zeros(100).numpy())
    session = opened()
    before = History(session.document).n_bytes
    assert session.refine(session.document.snapshots[0].key, replace(part(), outlines=(outline,)), "paint")
    assert History(session.document).n_bytes >= before + 400


def test_refining_is_a_step_and_belongs_to_the_shown_state() -> None:
    session = opened()
    key = session.document.snapshots[0].key
    session.select(key, part())
    first, second = session.document.part, part()
    assert session.refine(key, second, "paint") and session.undo_text == "paint"
    session.undo()
    assert session.document.part is first
    session.redo()
    assert session.document.part is second
    pull(session)
    assert not session.refine(key, part(), "paint")
    session.undo()
    assert session.document.part is second


def test_undo_is_capped_by_bytes_and_shared_arrays_count_once() -> None:
    document = open_splats(Path("a.ply"), splats(1000))
    one = History(document).n_bytes
    history = History(document, cap_bytes=3 * one)
    for i in range(20):
        history.push(replace(history.present, name=str(i)), "rename")
    assert history.n_bytes == one  # all of them share the splats
    for i in range(20):
        history.push(open_splats(Path(f"{i}.ply"), splats(1000)), "open")
    assert history.n_bytes <= 3 * one
    for _ in range(30):
        history.undo()
    assert history.undo_text is None and history.present.name == "17.ply"


def test_steps_that_cost_nothing_stay_where_the_states_alone_are_over_the_cap() -> None:
    session = Session(cap_bytes=1)
    session.open(open_image(Path("a.png"), np.zeros((6, 8, 4), np.uint8)))
    session.add_rest(session.document.key, state())
    for _ in range(5):
        pull(session)
    for _ in range(5):
        assert session.undo_text == "pull"
        session.undo()
    assert len(session.document.snapshots) == 1


def test_a_single_document_over_the_cap_stays() -> None:
    history = History(open_splats(Path("a.ply"), splats()), cap_bytes=1)
    history.push(open_splats(Path("b.ply"), splats()), "open")
    assert history.present.name == "b.ply"
