"""evaluate: the verb from end to end on a data set and on cases; bad input is told and the rest goes on."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.errors import PartRMError
from model.evaluation.cases import write_case
from model.evaluation.pairs import fixed_pairs
from model.partdrag4d.dataset import open_dataset
from model.progress import silent
from partrm_viewer import cli
from partrm_viewer.evaluation import cases as evaluate_cases
from partrm_viewer.evaluation import dataset as evaluate_dataset
from partrm_viewer.evaluation.methods import Plan, Row, case_rows, rows_of
from tests.model.procedural_dataset import write_object

PLAIN = (Row("no motion, pictures", "pictures"), Row("no motion", "no motion"), Row("oracle", "oracle"))
FILES = {"table.txt", "table.csv", "each.csv", "results.json", "index.html"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "tiny"
    for seed in (1, 2):
        write_object(root, seed, (0, 3))
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """Give a copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "tiny"))


def run(root: Path, out: Path, rows: tuple[Row, ...] = PLAIN, **more: object) -> str:
    return evaluate_dataset.run(root, out, rows, Plan("cpu"), workers=1, **more)[0]  # type: ignore[arg-type]


def told(out: Path) -> dict[str, list[dict[str, object]]]:
    read: dict[str, list[dict[str, object]]] = json.loads((out / "results.json").read_text())
    return read


@pytest.mark.slow
def test_the_verb_prints_every_row_and_leaves_tables_and_a_page(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["evaluate", "--data", str(made), "--count", "1", "--editor", "warp", "--device", "cpu", "-o", str(out)]
    assert cli.main(words) == 0
    printed = capfd.readouterr().out
    assert {p.name for p in out.iterdir()} == FILES | {"pairs", "pairs.txt"}
    editors = ("warp, NVS-First", "warp, Drag-First")
    embedded = ("embedded, no motion", "embedded, one image", "embedded, true views")
    rows = ("no motion, pictures", "no motion", *editors, *embedded, "oracle")
    for k, row in enumerate(rows, 1):
        assert re.search(rf"^ {k} {row} +1 +\d\d\.\d\d +0\.\d{{4}} +- +-", printed, re.MULTILINE), row
    assert "the input view alone" in printed
    assert "LPIPS: weights absent" in printed and "published, Table 1" in printed
    assert max(len(line) for line in (out / "table.txt").read_text().splitlines()) <= 100
    page = (out / "index.html").read_text()
    assert page.count("<img") == 6 + 6 * (len(rows) - 1) and "http" not in page
    assert len((out / "pairs.txt").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, real, asked = tmp_path / "out", evaluate_dataset.answered, []

    def counted(method: object, sample: object) -> object:
        asked.append(getattr(method, "name", ""))
        if len(asked) == 4:  # in the second pair
            raise KeyboardInterrupt
        return real(method, sample)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluate_dataset, "answered", counted)
    with pytest.raises(KeyboardInterrupt):
        run(made, out)
    assert len(told(out)["pairs"]) == 1 and "goes on" in (out / "table.txt").read_text()
    first = told(out)["pairs"][0]
    run(made, out)
    assert len(asked) == 3 + 1 + 3 and told(out)["pairs"][0] == first
    run(made, out)
    assert len(asked) == 7  # all was there
    run(made, out, (*PLAIN, Row("again", "oracle")))
    assert asked[7:] == ["again", "again"] and len(told(out)["pairs"][0]["scores"]) == 4  # type: ignore[arg-type]


def test_another_seed_uses_nothing_of_an_earlier_run(made: Path, tmp_path: Path) -> None:
    data = open_dataset(made)
    pair = fixed_pairs(data.ids("val"))[0]
    prints = [evaluate_dataset.Task(made, tmp_path, pair, Plan("cpu", seed), PLAIN).prints(data) for seed in (0, 1)]
    assert all(prints[0][row.name] != prints[1][row.name] for row in PLAIN)
    assert len(set(prints[0].values())) == len(PLAIN)


def test_a_picture_that_was_made_anew_is_evaluated_anew(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path / "out", PLAIN[:2])
    data = open_dataset(root)
    pair = fixed_pairs(data.ids("val"))[0]
    black = np.zeros((512, 512, 4), np.uint8)
    black[..., 3] = 255
    cv2.imwrite(str(data.folder(pair.target) / "000.png"), black)
    before = told(tmp_path / "out")
    run(root, tmp_path / "out", PLAIN[:2])
    after = told(tmp_path / "out")
    changed = [a["name"] for a, b in zip(after["pairs"], before["pairs"], strict=True) if a != b]
    assert changed == [pair.name]


@pytest.mark.slow
def test_processes_give_what_one_gives(made: Path, tmp_path: Path) -> None:
    one = run(made, tmp_path / "one")
    said: list[str] = []
    rows, plan = PLAIN, Plan("cpu")
    two, _ = evaluate_dataset.run(
        made, tmp_path / "two", rows, plan, workers=2, progress=lambda fraction, what: said.append(what)
    )

    def without_times(text: str) -> list[str]:
        return [line[:93] for line in text.splitlines()]

    assert without_times(one) == without_times(two)
    assert re.fullmatch(r"1 of 2 pairs, \d+ (s|min) left", said[0])


def test_a_list_that_names_what_is_not_there_is_told_and_the_rest_goes_on(root: Path, tmp_path: Path) -> None:
    pair = fixed_pairs(open_dataset(root).ids("val"))[0]
    listed = tmp_path / "list.txt"
    listed.write_text(f"{pair.source} {pair.target}\n99_0_0 99_0_1\nnonsense here\n")
    text = run(root, tmp_path / "out", listed=listed)
    assert "left out (2)" in text and "99_0_0 and 99_0_1 not in the data set" in text and "list.txt:3" in text
    assert len(told(tmp_path / "out")["pairs"]) == 1
    listed.write_text("99_0_0 99_0_1\n")
    with pytest.raises(PartRMError, match="none of the pairs"):
        run(root, tmp_path / "out", listed=listed)


def test_a_damaged_picture_costs_its_pair_alone(root: Path, tmp_path: Path) -> None:
    pairs = fixed_pairs(open_dataset(root).ids("val"))
    (root / "renders" / str(pairs[0].target) / "002.png").write_bytes(b"no picture")
    (root / "renders" / str(pairs[0].source) / "001_camera.json").unlink()
    text = run(root, tmp_path / "out")
    assert len(told(tmp_path / "out")["pairs"]) == 1 and "left out (1)" in text and pairs[0].name in text


def test_an_editor_that_fails_leaves_its_rows_empty(made: Path, tmp_path: Path) -> None:
    script = tmp_path / "bad.py"
    script.write_text("import sys; sys.exit('no weights here')")
    command = f"{sys.executable} {script} {{image}} {{drags}} {{out}}"
    rows = rows_of([], [], [command], [10])
    assert [row.name for row in rows][2:4] == ["bad, NVS-First", "bad, Drag-First"]
    text = run(made, tmp_path / "out", rows, count=1)
    assert re.search(r"bad, NVS-First +0 +- +- ", text) and "no weights here" in text
    assert "no weights here" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "holds no data set"),
        (["--data", "DATA", "--method", "partrm", "--weights", "absent.safetensors"], "There are no weights"),
        (["--data", "DATA", "--method", "partrm"], "not on this computer"),
        (["--data", "DATA", "--method", "partrm", "--weights", "x=a", "x=b"], "Two rows would be called"),
        (["--data", "DATA", "--editor", "nothing.py"], "lacks {image} and {drags} and {out}"),
        (["--data", "DATA", "--split", "train"], "train.txt"),
        (["--data", "DATA", "--lpips", "absent.pth"], "absent.pth"),
        (["--cases", "nowhere"], "not a folder"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_two_lines(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    words = [str(made) if word == "DATA" else word for word in words]
    assert cli.main(["evaluate", *words, "-o", str(tmp_path / "out")]) == 2
    error = capfd.readouterr().err
    assert said in error and len(error.splitlines()) == 2 and "Traceback" not in error


def test_an_ablation_is_a_row_of_its_own() -> None:
    rows = rows_of(["embedded", "partrm"], ["both=a.safetensors", "runs/stage1.safetensors"], [], [1, 5, 10])
    names = [row.name for row in rows if row.kind == "partrm"]
    assert names == [f"PartRM {w}, {n}" for w in ("both", "stage1") for n in ("1 drag", "5 drags", "10 drags")]
    assert [row.name for row in rows_of(["partrm"], ["a.safetensors"], [], [10])][2] == "PartRM a"


@pytest.fixture
def cases(made: Path, tmp_path: Path) -> Path:
    data = open_dataset(made)
    for pair in fixed_pairs(data.ids("val")):
        write_case(tmp_path / "cases" / pair.source.mesh, data, pair.source, [pair.target])
    return tmp_path / "cases"


def test_cases_are_scored_by_frame_and_at_their_last(cases: Path, tmp_path: Path) -> None:
    spoilt = cases / "spoilt"
    shutil.copytree(cases / "p1", spoilt)
    (spoilt / "frames" / "000.png").unlink()
    still = cases / "still"
    shutil.copytree(cases / "p1", still)
    (still / "drags.json").write_text(json.dumps({"frames": [[0.5, 0.5, 0.5, 0.5]]}))
    rows = case_rows(["embedded"], [], ["warp", "copy"])
    text, written = evaluate_cases.run(cases, tmp_path / "out", rows, Plan("cpu"), 1, silent)
    assert {p.name for p in written} == FILES
    assert "3 cases, 3 frames" in text and "spoilt: not evaluated" in text.replace(
        "not evaluated: spoilt", "spoilt: not evaluated"
    )
    assert "the last frames alone" in text and "published, Table" not in text
    by_row = {str(m["method"]): m["psnr"] for m in told(tmp_path / "out")["summary"] if m["category"] == "all"}
    assert list(by_row) == ["no motion", "warp", "copy", "embedded"]
    assert by_row["copy"] == by_row["no motion"]
    records = {str(r["name"]): r["scores"] for r in told(tmp_path / "out")["cases"]}
    assert np.allclose(records["still"]["embedded"]["psnr"], records["still"]["no motion"]["psnr"])  # type: ignore[index]


def test_where_no_case_can_be_read_the_first_reason_is_told(cases: Path, tmp_path: Path) -> None:
    for folder in cases.iterdir():
        cv2.imwrite(str(folder / "frames" / "000.png"), np.zeros((9, 9, 3), np.uint8))
    rows = case_rows([], [], ["copy"])
    with pytest.raises(PartRMError, match="9 x 9 pixels"):
        evaluate_cases.run(cases, tmp_path / "out", rows, Plan("cpu"), 1)
