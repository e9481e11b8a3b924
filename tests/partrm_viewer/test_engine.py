"""The engine: which predictor is in use."""

from __future__ import annotations

from typing import Any

import pytest

from model.errors import Cancelled
from model.progress import silent
from partrm_viewer.engine import Engine


def test_a_predictor_whose_loading_was_cancelled_is_not_used() -> None:
    first, second = (type("Predictor", (), {})() for _ in range(2))
    engine = Engine(lambda: first)
    engine.predictor(silent)
    stopped = False

    def make() -> Any:
        nonlocal stopped
        stopped = True  # while it cannot be interrupted
        return second

    def progress(fraction: float, what: str) -> None:
        if stopped:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.change(make, progress)
    assert engine.predictor(silent) is first
    engine.change(lambda: second, silent)
    assert engine.predictor(silent) is second
