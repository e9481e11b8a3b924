"""The verb weights: size and licence before anything is fetched, a clear refusal, lines that can be read."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from model import weights
from model.published import catalogue
from partrm_viewer import cli, doctor
from partrm_viewer import weights as words
from tests.model.hub import Hub

Output = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    """Somebody who types an answer."""

    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(text))


def here() -> list[str]:
    return [entry.name for entry in catalogue.CATALOGUE if weights.status(entry).state == "present"]


def test_the_real_list_says_size_licence_and_place_of_everything(capsys: Output) -> None:
    assert cli.main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for entry in catalogue.CATALOGUE:
        (line,) = [line for line in said.splitlines() if line.startswith(entry.name + " ")]
        for what in (entry.size_text, entry.licence.short, entry.what, entry.place, " no "):
            assert what in line
    assert "all rights stay theirs" in " ".join(said.split()) and str(weights.folder()) in said
    assert max(len(line) for line in said.splitlines()) <= 150


def test_the_list_tells_what_is_here_half_here_and_damaged(hub: Hub, capsys: Output) -> None:
    assert cli.main(["weights", "fetch", "one", "sam_b", "--yes"]) == 0
    weights.place(weights.known("one")).write_bytes(b"short")
    weights.folder().joinpath("tuned.ckpt.part").write_bytes(bytes(2000))
    rows = {entry.name: words.row(entry, weights.status(entry))[2] for entry in catalogue.CATALOGUE}
    assert rows == {"one": "DAMAGED", "tuned": "2.00 kB of it", "many": "no", "sam_b": "yes"}
    assert "one is damaged" in words.table() and "tuned is incomplete" in words.table()
    assert words.summary().startswith("sam_b; incomplete: tuned; damaged: one.")


def test_fetch_tells_size_and_licence_and_asks(hub: Hub, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "n\n")
    assert cli.main(["weights", "fetch", "one"]) == 0
    said = capsys.readouterr()
    assert "240 kB" in said.out and "none stated" in said.out and "they/one" in said.out and "[y/N]" in said.err
    assert here() == [] and not any("resolve" in path for path, _, _ in hub.asked)
    answer(monkeypatch, "yes\n")
    assert cli.main(["weights", "fetch", "one", "many"]) == 0
    assert here() == ["one"]  # the second question had no answer
    assert str(weights.find("one")) in capsys.readouterr().out


def test_fetch_refuses_where_nobody_can_be_asked(hub: Hub, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert cli.main(["weights", "fetch", "one"]) == 2
    assert "--yes" in capsys.readouterr().err and here() == []


def test_fetching_twice_fetches_once(hub: Hub, capsys: Output) -> None:
    for _ in range(2):
        assert cli.main(["weights", "fetch", "many", "many", "--yes"]) == 0
    assert "here already" in capsys.readouterr().out
    assert len({path for path, _, _ in hub.asked if path.startswith("cdn")}) == 5


def test_what_is_half_here_is_told_before_the_rest_is_fetched(hub: Hub, capsys: Output) -> None:
    hub.cuts = [100_000, 0, 0, 0, 0]
    assert cli.main(["weights", "fetch", "one", "--yes"]) == 2
    assert cli.main(["weights", "fetch", "one", "--yes"]) == 0
    assert "140 kB still to come" in capsys.readouterr().out


def test_unknown_names_fetch_nothing(hub: Hub, capsys: Output) -> None:
    assert cli.main(["weights", "fetch", "one", "nonsense", "--yes"]) == 2
    assert "Known are one, tuned" in capsys.readouterr().err and here() == []


def test_import_and_verify(hub: Hub, capsys: Output, tmp_path: Path) -> None:
    assert cli.main(["weights", "verify"]) == 0
    assert "nothing to verify" in capsys.readouterr().out
    path = tmp_path / "model.safetensors"
    path.write_bytes(hub.files["they/one/in/one.safetensors"])
    assert cli.main(["weights", "import", str(path)]) == 2  # one or tuned?
    assert cli.main(["weights", "import", str(path), "--as", "one"]) == 0
    assert cli.main(["weights", "verify"]) == 0
    assert "one: whole (2 tensors in float32, unchanged since it came here)" in capsys.readouterr().out
    weights.find("one").unlink()
    assert cli.main(["weights", "verify", "one", "many"]) == 2
    assert "not on this computer" in capsys.readouterr().err


def test_one_bad_file_does_not_keep_the_others_out(hub: Hub, capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    sam = bytearray(hub.files["sam/sam_b.pth"])
    sam[100_000] ^= 1
    for name, content in (("sam_b.pth", bytes(sam)), ("tuned.ckpt", hub.files["they/one/in/tuned.ckpt"])):
        (tmp_path / "old" / name).write_bytes(content)
    assert cli.main(["weights", "import", str(tmp_path / "old")]) == 2
    said = capsys.readouterr()
    assert "tuned: " in said.out and "sam_b.pth is not as published" in said.err and here() == ["tuned"]


def test_the_doctor_tells_in_one_line_which_are_here(hub: Hub) -> None:
    assert cli.main(["weights", "fetch", "sam_b", "--yes"]) == 0
    rows = dict(doctor.weights())
    assert rows["released"].startswith("sam_b. More:")


def test_predict_without_the_file_says_how_to_get_it(capsys: Output, tmp_path: Path) -> None:
    sample = Path(__file__).resolve().parents[2] / "resources" / "samples" / "cabinet.json"
    assert cli.main(["predict", str(sample), "--weights", "partdrag4d", "-o", str(tmp_path / "a.ply")]) == 2
    title, hint = capsys.readouterr().err.strip().splitlines()
    assert "'partdrag4d' are not on this computer" in title
    for said in ("1.76 GB", "GasaiYU/PartRM", "none stated", "weights fetch partdrag4d", "--weights embedded"):
        assert said in hint
