"""What is copied of an error, and the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import PartRMError
from partrm_viewer import details, logs


def _fail() -> PartRMError:
    try:
        try:
            raise ZeroDivisionError("of a number")
        except ZeroDivisionError as error:
            raise PartRMError("It failed", "Try again") from error
    except PartRMError as error:
        return error


def test_details_have_the_error_where_it_came_from_and_versions(tmp_path: Path) -> None:
    text = details.report("It failed", "Try again", details.trace(_fail()), {"Renderer": "CPU"}, "last line\n")
    for part in (
        "It failed",
        "Try again",
        "ZeroDivisionError: of a number",
        "_fail",
        "numpy: ",
        "Python: ",
        "last line",
    ):
        assert part in text
    assert "Renderer: CPU" in text


def test_details_name_no_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "anna"
    monkeypatch.setattr(Path, "home", lambda: home)
    photos = Path("/data/secret lab")
    text = details.report(f"{photos / 'a.png'} is damaged", "", f"{home}/x.py {details.PROGRAM}/y.py", {}, "", [photos])
    assert "anna" not in text and "secret lab" not in text and str(details.PROGRAM) not in text
    assert "…/a.png is damaged" in text and "~/x.py PROGRAM/y.py" in text


def test_an_error_that_was_never_raised_came_from_nowhere() -> None:
    assert details.trace(PartRMError("a", "b")) == ""


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(logs, "folder", lambda: tmp_path / "state")
    root, level = logging.getLogger(), logging.getLogger("partrm_viewer").level
    before = list(root.handlers)
    yield tmp_path / "state"
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    for name in ("model", "renderer", "partrm_viewer"):
        logging.getLogger(name).setLevel(level)


def test_the_log_never_grows_without_bound(log_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    logs.begin()
    for number in range(300):
        logging.getLogger("partrm_viewer.test").warning("line %d, which says something of some length", number)
    files = list(log_folder.iterdir())
    assert len(files) == 1 + logs.N_OLD and all(file.stat().st_size <= 2000 for file in files)
    assert "line 299" in logs.last(3) and logs.last(3).count("\n") == 3


def test_what_nobody_has_caught_is_in_the_log(log_folder: Path) -> None:
    logs.begin()
    error = _fail()
    logs.failed(type(error), error, error.__traceback__)
    assert "ZeroDivisionError" in logs.last(50)


def test_a_log_that_cannot_be_written_stops_nothing(log_folder: Path) -> None:
    log_folder.write_text("in the way")
    assert logs.begin() is None and logs.last(9) == ""
