"""Words: texts in another language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from partrm_viewer import words


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    words.choose("en")


def test_a_text_that_a_language_lacks_stays_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xx.json").write_text(json.dumps({"Open": "nepO"}))
    monkeypatch.setattr(words, "LANGUAGES", tmp_path)
    words.choose("xx")
    assert (words.tr("Open"), words.tr("Close")) == ("nepO", "Close")
    words.choose("en")
    assert words.tr("Open") == "Open"
