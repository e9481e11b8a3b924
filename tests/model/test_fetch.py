"""Fetching: whole or not at all, gone on with after every kind of break, and never the wrong file."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from model import weights
from model.errors import Cancelled, WeightsError
from model.published import download, fetch, verify
from tests.model.hub import TENSORS, Bomb, Hub, bring, checkpoint


def parts() -> list[Path]:
    return sorted(weights.folder().rglob("*.part")) if weights.folder().is_dir() else []


def refusal(name: str) -> WeightsError:
    """Fetch in vain; nothing may lie under the final name."""
    with pytest.raises(WeightsError) as caught:
        bring(name)
    assert caught.value.hint and not any(p.exists() for p in weights.file_places(weights.known(name)).values())
    return caught.value


@pytest.mark.parametrize("name", ["one", "tuned", "sam_b"])
def test_a_fetched_file_is_whole_and_stays_so(hub: Hub, name: str) -> None:
    told = []
    path = bring(name, lambda fraction, what: told.append((fraction, what)))
    assert path == weights.find(name) and path.read_bytes() in hub.files.values() and not parts()
    assert told[-1][0] == 1.0 and name in told[-1][1] and [f for f, _ in told] == sorted(f for f, _ in told)
    assert "tensors in float32" in verify.check(weights.known(name))
    assert fetch.plan(weights.known(name)).files == ()


def test_of_a_folder_everything_useful_comes_and_nothing_else(hub: Hub) -> None:
    place = bring("many")
    come = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    listed = {file.path for file in weights.known("many").files}
    assert come == listed | {"tokenizer/special_tokens_map.json"} and place == weights.find("many")
    verify.check(weights.known("many"))


def test_a_broken_connection_is_taken_up_again(hub: Hub) -> None:
    hub.cuts = [100_000, 50_000]
    assert bring("one").read_bytes() == hub.files["they/one/in/one.safetensors"]
    assert [r for path, r, _ in hub.asked if path.startswith("cdn")] == ["", "bytes=100000-", "bytes=150000-"]


def test_what_came_before_a_lasting_break_is_kept_and_gone_on_with(hub: Hub) -> None:
    hub.cuts = [100_000, 0, 0, 0, 0]
    error = refusal("one")
    assert "broke" in error.title and "kept" in error.hint
    assert [path.stat().st_size for path in parts()] == [100_000]
    assert weights.status(weights.known("one")).state == "incomplete"
    plan = fetch.plan(weights.known("one"))
    assert plan.todo == plan.size - 100_000
    hub.asked.clear()
    assert bring("one").is_file() and not parts()
    assert hub.asked[-1][1] == "bytes=100000-"


def test_cancel_answers_at_the_next_block_and_keeps_what_came(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BLOCK", 10_000)

    def stop(fraction: float, what: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        bring("one", stop)
    (part,) = parts()
    size = len(hub.files["they/one/in/one.safetensors"])
    assert size / 2 < part.stat().st_size <= size / 2 + 10_000 and not weights.place(weights.known("one")).exists()
    assert bring("one").stat().st_size == size


def test_a_server_without_ranges_begins_anew(hub: Hub) -> None:
    hub.cuts, hub.ranges = [100_000], False
    assert bring("one").read_bytes() == hub.files["they/one/in/one.safetensors"]


def test_two_fetches_at_once_do_not_mix(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BLOCK", 10_000)
    others: list[Path] = []

    def other(fraction: float, what: str) -> None:
        if fraction > 0.5 and not others:
            others.append(bring("one"))  # goes on where the first one is, and ends

    with pytest.raises(WeightsError) as caught:
        bring("one", other)
    assert "another window" in caught.value.title and verify.check(weights.known("one"))


def test_a_page_instead_of_the_file_is_refused(hub: Hub) -> None:
    hub.page = True
    for name in ("one", "sam_b"):
        error = refusal(name)
        assert "web page" in error.title and "proxy" in error.hint and not parts()
    hub.page_for_list = True
    assert "no list of files" in refusal("one").title


def test_a_page_without_a_name_is_told_by_its_first_bytes(hub: Hub) -> None:
    size = len(hub.files["sam/sam_b.pth"])
    hub.files["sam/sam_b.pth"] = b"<html>".ljust(size)
    assert "does not begin" in refusal("sam_b").title and not parts()


def test_a_page_does_not_spoil_what_has_come(hub: Hub) -> None:
    hub.cuts = [100_000, 0, 0, 0, 0]
    refusal("one")
    hub.page = True
    refusal("one")
    assert [path.stat().st_size for path in parts()] == [100_000]


def test_a_file_of_another_size_or_checksum_is_refused(hub: Hub) -> None:
    hub.files["sam/sam_b.pth"] += b"more"
    assert "bytes instead of" in refusal("sam_b").title
    hub.told_sha256 = "0" * 64
    assert "checksum" in refusal("one").title and not parts()
    hub.told_sha256, hub.told_size = None, 5
    assert "bytes instead of" in refusal("one").title


def test_small_files_are_checked_by_their_git_name(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.model.hub.blob", lambda content: "0" * 40)
    assert "checksum" in refusal("many").title


def test_a_replaced_file_with_a_known_checksum_is_not_even_begun(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.known("one")
    known = entry.__class__(
        **{**vars(entry), "files": (entry.files[0].__class__("in/one.safetensors", None, "f" * 64),)}
    )
    with pytest.raises(WeightsError) as caught:
        fetch.plan(known)
    assert "no longer" in caught.value.title


@pytest.mark.parametrize(("status", "said"), [(401, "login"), (403, "login"), (404, "has no"), (503, "busy")])
def test_a_refusing_server_is_understood(hub: Hub, status: int, said: str) -> None:
    for name in ("one", "sam_b"):
        hub.status = status
        error = refusal(name)
        assert said in error.title and str(status) in error.title


def test_a_file_that_was_taken_back_is_told(hub: Hub) -> None:
    del hub.files["they/one/in/one.safetensors"]
    assert "has no one.safetensors" in refusal("one").title


def test_a_silent_server_is_waited_for_only_so_long(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    hub.hold.clear()
    for name in ("sam_b", "one"):
        assert "has not answered" in refusal(name).title
    assert len([path for path, _, _ in hub.asked if path == "sam/sam_b.pth"]) == download.TRIES


def test_no_server_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("SAM_ENDPOINT", "http://127.0.0.1:9")
    for name in ("one", "sam_b"):
        assert "cannot be reached" in refusal(name).title


def test_the_token_is_not_told_to_the_server_behind_a_redirect(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    bring("one")
    told = {path.partition("/")[0]: authorization for path, _, authorization in hub.asked}
    assert told == {"api": "Bearer hf_secret", "they": "Bearer hf_secret", "cdn": ""}


def test_a_full_disk_is_told_before_anything_comes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SPARE_BYTES", 1 << 60)
    error = refusal("one")
    assert "are free" in error.title and not parts()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_disk_that_fills_up_is_told(tmp_path: Path) -> None:
    with open("/dev/full", "ab", buffering=0) as stream, pytest.raises(WeightsError) as caught:
        download.Part(tmp_path / "one.safetensors.part").add(stream, b"block")
    assert "No space left" in caught.value.title and "kept" in caught.value.hint


def test_a_checkpoint_with_code_in_it_never_gets_its_name(hub: Hub, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    evil = {"state_dict": TENSORS, "hook": Bomb(mark)}
    hub.files["they/one/in/tuned.ckpt"] = checkpoint(tmp_path / "evil", evil)
    assert "wants to run" in refusal("tuned").title and not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()  # so the mark would have told


def test_tensors_of_another_network_never_get_the_name(hub: Hub) -> None:
    hub.files["they/one/in/one.safetensors"] = save({"core.weight": torch.zeros(3, 6)})
    error = refusal("one")
    assert "not made for 'one'" in error.title and "[3, 6] instead of [3, 5]" in error.hint


def test_a_damaged_file_is_fetched_again_and_only_that(hub: Hub) -> None:
    place = bring("many")
    net = place / "unet" / "net.safetensors"
    content = net.read_bytes()
    net.write_bytes(content[:-1] + b"!")
    hub.asked.clear()
    bring("many")
    assert net.read_bytes() == content and len([path for path, _, _ in hub.asked if path.startswith("cdn")]) == 1


def test_without_the_hubs_package_the_line_to_install_it_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'partrm-viewer[full]'" in refusal("one").hint
    assert bring("sam_b").is_file()
