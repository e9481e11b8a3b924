"""Settings survive, and nothing in their file keeps the window from opening."""

from __future__ import annotations

from pathlib import Path

import pytest

from partrm_viewer import settings
from partrm_viewer.settings import Settings


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    wanted = Settings(
        "dark",
        "black",
        True,
        False,
        "once",
        4.0,
        "abc",
        (3, 4),
        "/x",
        ("/a", "/b"),
        navigation="maya",
        compare="halves",
    )
    settings.save(path, wanted)
    assert settings.load(path) == wanted
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]  # no temporary file is left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"theme": 3}',
        '{"theme": "pink"}',
        '{"split": ["a"]}',
        '{"recent": "x"}',
        '{"new": 1}',
        '{"ground": "yes"}',
        '{"navigation": "by ear"}',
        '{"compare": "smell"}',
        '{"device": "tpu"}',
        '{"renderer": 1}',
        '{"threads": -1}',
        '{"threads": true}',
        '{"scale": 1000}',
        '{"copy_every_s": 86400}',
        '{"network": null}',
    ],
)
def test_a_damaged_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    assert settings.load(path) == Settings()


def test_one_bad_value_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark", "scale": "large", "pace": 4, "device": "cpu"}')
    assert settings.load(path) == Settings(theme="dark", pace=4.0, device="cpu")


def test_recent_files_are_few_and_unique(tmp_path: Path) -> None:
    value = Settings()
    for i in range(20):
        value = value.with_recent(tmp_path / f"{i % 10}.png")
    assert len(value.recent) == settings.N_RECENT and len(set(value.recent)) == settings.N_RECENT
    assert value.recent[0].endswith("9.png") and value.folder == str(tmp_path.resolve())
