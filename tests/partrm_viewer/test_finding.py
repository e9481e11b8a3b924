"""Finding a line by some words or letters of it."""

from __future__ import annotations

from partrm_viewer.actions import ACTIONS, keys, needs, plain
from partrm_viewer.finding import find

LINES = ("Save project", "Save project as…", "Export state…", "Save screenshot…", "Open")


def found(query: str) -> list[str]:
    return find(query, LINES, lambda line: (line, ""))


def test_words_fit_in_any_order() -> None:
    assert found("project save") == ["Save project", "Save project as…"]
    assert found("") == list(LINES)
    assert found("save nothing") == []


def test_beginnings_of_words_go_before_letters_within_and_scattered_ones_come_last() -> None:
    assert find("st", ("Rest", "State", "Set it"), lambda line: (line, "")) == ["State", "Rest", "Set it"]
    assert found("scrsht") == ["Save screenshot…"]


def test_the_name_counts_more_than_the_description() -> None:
    things = (("Open", "like play"), ("Play", ""))
    assert find("play", things, lambda thing: thing) == [("Play", ""), ("Open", "like play")]


def test_every_action_is_found_by_its_own_name_and_says_what_it_needs() -> None:
    for action in ACTIONS:
        best = find(plain(action.text), ACTIONS, lambda a: (plain(a.text), a.tip))
        assert action in best[:3], action.name
        assert needs(action) and "&" not in plain(action.menu)
    assert keys(next(a for a in ACTIONS if a.name == "save")) == "Ctrl+S"
