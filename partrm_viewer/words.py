"""Words: every text that a user reads goes through `tr`, so that another language is one file."""

from __future__ import annotations

import json
from pathlib import Path

LANGUAGES = Path(__file__).resolve().parent.parent / "resources" / "words"
_chosen: dict[str, str] = {}


def tr(text: str) -> str:
    """Return a text in the chosen language; what a language lacks stays English.

    `text` is a literal, so that all texts can be listed. Values are put in afterwards:
    tr("Opening {name}").format(name=name).
    """
    return _chosen.get(text, text)


def choose(language: str) -> None:
    """Use resources/words/LANGUAGE.json (English text -> theirs) from now on; the program is written in "en"."""
    _chosen.clear()
    if language != "en":
        _chosen.update(json.loads((LANGUAGES / f"{language}.json").read_text("utf-8")))


def languages() -> tuple[str, ...]:
    """Return the languages that there are, English first."""
    return ("en", *sorted(path.stem for path in LANGUAGES.glob("*.json")))
