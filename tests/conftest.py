"""What every test gets: a settings folder of its own, a reason where it is skipped, a check that it leaves nothing."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.model.hub import Hub

settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")

# Before anything reads them: no test may see or write the user's own settings.
HOME = tempfile.TemporaryDirectory(prefix="partrm-tests-", ignore_cleanup_errors=True)
for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
    os.environ[name] = str(Path(HOME.name) / name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the gpu tier, with the reason, where PyTorch finds no CUDA device."""
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fail a test whose threads or visible windows outlive it."""
    before = set(threading.enumerate())
    yield
    for thread in threading.enumerate():
        if thread not in before and not thread.daemon:
            thread.join(timeout=5)
            assert not thread.is_alive(), f"{thread.name} outlives the test"
    widgets = sys.modules.get("PySide6.QtWidgets")
    application = widgets.QApplication.instance() if widgets else None
    if application is not None:
        visible = [w for w in application.topLevelWidgets() if w.isVisible()]
        assert not visible, f"windows outlive the test: {visible}"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve a small catalogue of weights on this computer, with an empty folder to fetch them to."""
    from tests.model.hub import tiny_world  # late: few tests need torch

    with tiny_world(tmp_path, monkeypatch) as made:
        yield made
