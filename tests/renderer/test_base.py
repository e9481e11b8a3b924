"""Frames, and the choice of a renderer."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from model.errors import RendererError
from renderer import base
from renderer.base import Frame, choose


def test_a_frame_lies_over_a_background_and_keeps_straight_alpha() -> None:
    colour = np.zeros((1, 2, 4), np.float32)
    colour[0, 0] = [0.5, 0.25, 0.0, 0.5]
    frame = Frame(colour, np.zeros((1, 2), np.float32))
    assert frame.on((1, 1, 1)).tolist() == [[[255, 191, 128], [255, 255, 255]]]
    assert frame.rgba8().tolist() == [[[255, 128, 0, 128], [0, 0, 0, 0]]]


def test_an_unknown_renderer_names_the_known_ones() -> None:
    with pytest.raises(RendererError) as refused:
        choose("vulkan")
    assert "cuda, gl, cpu" in refused.value.hint


def test_auto_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(near: float) -> base.Renderer:
        raise RendererError("No such device.", "Buy one.")

    monkeypatch.setitem(base._BUILDERS, "cuda", refuse)
    monkeypatch.setitem(base._BUILDERS, "gl", refuse)
    renderer, reason = choose()
    assert renderer.name == "cpu" and "cuda: No such device." in reason
    assert base.probe()["gl"] == "no: No such device. Buy one."
    assert base.probe()["cpu"].startswith("ok")
    with pytest.raises(RendererError):
        choose("cuda")


def test_importing_the_protocol_is_light() -> None:
    told = "import sys, renderer.base; print(sorted({'torch', 'numba', 'vispy', 'cv2'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
