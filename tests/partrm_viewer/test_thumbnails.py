"""Thumbnails: small pictures of files, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from partrm_viewer import thumbnails
from partrm_viewer.thumbnails import look


@pytest.mark.parametrize(("mode", "ending"), [("RGB", "jpg"), ("CMYK", "jpg"), ("P", "gif"), ("I;16", "png")])
def test_a_picture_of_any_kind_is_made_small(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"photo.{ending}"
    Image.new(mode, (1600, 800)).save(path)
    seen = look(path)
    assert seen.picture is not None and seen.fault == ""
    assert seen.picture.shape == (256, 512, 4)


def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(path)
    seen = look(path)
    assert look(path, seen) is seen
    path.unlink()
    assert "Not there" in look(path, seen).fault


def test_what_would_take_long_has_no_picture_and_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MAX_PIXELS", 100)
    path = tmp_path / "photo.png"
    Image.new("RGB", (20, 20)).save(path)
    seen = look(path)
    assert seen.picture is None and seen.fault == ""


@pytest.mark.parametrize("name", ["text.png", "project.partrm"])
def test_a_file_that_cannot_be_opened_says_why_without_its_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("hello")
    seen = look(path)
    assert seen.picture is None and seen.fault and str(tmp_path) not in seen.fault
