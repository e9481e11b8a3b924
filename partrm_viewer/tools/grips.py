"""Grips: which button with which keys turns, moves and zooms the 3D view, in the manner of the programs people know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Button = Literal["left", "middle", "right"]
Key = Literal["Shift", "Ctrl", "Alt"]
Does = Literal["orbit", "pan", "zoom", "fly"]


@dataclass(frozen=True)
class Grip:
    """A way to hold the mouse, and what pulling it does then."""

    button: Button
    does: Does
    keys: frozenset[Key] = frozenset()


def _grip(button: Button, does: Does, *keys: Key) -> Grip:
    return Grip(button, does, frozenset(keys))


# Zooming with the wheel is the same everywhere. What a preset leaves the left button alone pulls parts.
PRESETS: dict[str, tuple[Grip, ...]] = {
    "ours": (
        _grip("left", "orbit"),
        _grip("left", "pan", "Shift"),
        _grip("middle", "pan"),
        _grip("right", "fly"),
    ),
    "blender": (
        _grip("middle", "orbit"),
        _grip("middle", "pan", "Shift"),
        _grip("middle", "zoom", "Ctrl"),
        _grip("left", "orbit", "Alt"),  # as Blender has it where there is no middle button
        _grip("left", "pan", "Alt", "Shift"),
        _grip("left", "zoom", "Alt", "Ctrl"),
        _grip("right", "fly"),
    ),
    "maya": (
        _grip("left", "orbit", "Alt"),
        _grip("middle", "pan", "Alt"),
        _grip("right", "zoom", "Alt"),
        _grip("right", "fly"),
    ),
    "cad": (
        _grip("middle", "orbit"),
        _grip("middle", "pan", "Ctrl"),
        _grip("middle", "zoom", "Shift"),
        _grip("right", "fly"),
    ),
}


def find(preset: str, button: Button, keys: frozenset[Key]) -> Does | None:
    """Return what a preset does with a button and the keys held with it; None: nothing.

    Keys that mean nothing to the preset with that button are overlooked.
    """
    held = [grip for grip in PRESETS[preset] if grip.button == button and grip.keys <= keys]
    return max(held, key=lambda grip: len(grip.keys)).does if held else None
