"""The pictures of docs/tour.md: the script takes them all, and the page shows them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from partrm_viewer import tour

pytestmark = pytest.mark.app
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_tour_script_takes_the_pictures_that_the_page_shows(qapp: QApplication, fake: Any, tmp_path: Path) -> None:
    tour.take(tmp_path / "deep", lambda: fake)
    taken = sorted((tmp_path / "deep").iterdir())
    assert [f"tour/{path.name}" for path in taken] == re.findall(r"\]\((tour/.+?)\)", (DOCS / "tour.md").read_text())
    for path in taken:
        image = QImage(str(path))
        assert (image.width(), image.height()) == tour.SIZE
        assert (DOCS / "tour" / path.name).stat().st_size < 250_000
    assert fake.calls.count("open") == 2 and fake.calls.count("predict") == 5
