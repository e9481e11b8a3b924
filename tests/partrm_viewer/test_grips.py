"""Which button turns, moves and zooms."""

from __future__ import annotations

import pytest

from partrm_viewer.tools.grips import PRESETS, Button, Does, Key, find


@pytest.mark.parametrize(
    ("preset", "button", "keys", "does"),
    [
        ("ours", "left", (), "orbit"),
        ("ours", "left", ("Shift",), "pan"),
        ("ours", "middle", (), "pan"),
        ("ours", "left", ("Ctrl",), "orbit"),
        ("blender", "middle", (), "orbit"),
        ("blender", "middle", ("Shift",), "pan"),
        ("blender", "middle", ("Ctrl",), "zoom"),
        ("blender", "left", ("Alt", "Shift"), "pan"),
        ("blender", "left", (), None),
        ("maya", "left", ("Alt",), "orbit"),
        ("maya", "right", ("Alt",), "zoom"),
        ("maya", "left", (), None),
        ("cad", "middle", ("Shift",), "zoom"),
        ("cad", "middle", ("Ctrl",), "pan"),
    ],
)
def test_each_preset_does_as_its_program(preset: str, button: Button, keys: tuple[Key, ...], does: Does | None) -> None:
    assert find(preset, button, frozenset(keys)) == does


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_turns_moves_and_flies_and_is_never_in_doubt(preset: str) -> None:
    grips = PRESETS[preset]
    assert {"orbit", "pan", "fly"} <= {grip.does for grip in grips}
    assert len({(grip.button, grip.keys) for grip in grips}) == len(grips)
