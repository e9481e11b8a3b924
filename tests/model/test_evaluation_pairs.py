"""Pairs and drags of an evaluation: the same on every computer, and what a list may get wrong."""

import random
from pathlib import Path

import numpy as np
import pytest

from model.drag import Drag
from model.errors import DragError, FormatError
from model.evaluation.drags import Pull, pull_of
from model.evaluation.pairs import Pair, are_published, by_turns, fixed_pairs, read_pairs, write_pairs
from model.partdrag4d.dataset import HALF_PIXEL, SIZE, StateId, open_dataset
from tests.model.procedural_dataset import write_object

# What seed 0 draws for the objects of PartDrag-4D's validation list: published here, so that no version changes it.
STARTS = {
    "10584": 0, "10626": 5, "10867": 1, "11622": 1, "12092": 4, "12231": 3, "12252": 0, "12477": 0, "12590": 1,
    "25308": 1, "32174": 0, "41510": 4, "49132": 2, "49133": 0, "49140": 0, "49182": 5, "49188": 0, "7130": 4,
    "7221": 1, "7290": 5, "9918": 3, "9987": 1,
}  # fmt: skip


def states(mesh: str, part: int = 0, others: str = "") -> list[StateId]:
    return [StateId(mesh, part, k, others) for k in range(6)]


def test_seed_0_starts_every_published_object_where_it_always_did() -> None:
    pairs = fixed_pairs([s for mesh in STARTS for s in states(mesh)])
    assert {p.source.mesh: p.source.state for p in pairs} == STARTS
    assert len(pairs) == 5 * len(STARTS)


def test_an_objects_groups_share_its_start_state_and_pairs_stay_in_a_group() -> None:
    ids = [*states("7290"), *states("7290", 1, "00"), *states("7290", 1, "01")]
    pairs = fixed_pairs(ids)
    assert len(pairs) == 15 and {p.source.state for p in pairs} == {5}
    assert all(p.source.group == p.target.group and p.source != p.target for p in pairs)


def test_the_lists_order_changes_nothing_and_the_seed_does() -> None:
    ids = [s for k in range(20) for s in states(f"m{k}")]
    mixed = random.Random(1).sample(ids, len(ids))
    assert fixed_pairs(mixed, 3) == fixed_pairs(ids, 3) != fixed_pairs(ids, 4)


def test_a_group_without_the_start_state_gives_no_pair() -> None:
    ids = [*states("7290"), *states("7290", 2)[:5]]  # 7290 starts at 5
    assert {p.source.part for p in fixed_pairs(ids)} == {0}


def test_the_first_pairs_show_many_objects() -> None:
    pairs = fixed_pairs([s for mesh in "abcd" for s in states(mesh)])
    turns = by_turns(pairs)
    assert {p.source.mesh for p in turns[:4]} == {p.source.mesh for p in turns[4:8]} == set("abcd")
    assert by_turns(pairs[::-1]) == turns != by_turns(pairs, 1) and sorted(turns) == list(pairs)


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    pairs = fixed_pairs(states("7120"))
    write_pairs(tmp_path / "pairs.txt", pairs, "five")
    assert read_pairs(tmp_path / "pairs.txt") == (pairs, ())
    assert not are_published(pairs)


def test_a_list_may_have_paths_and_comments_and_tells_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(
        "# head\n/a/b/7120_0_0 /a/b/7120_0_3/\n\n7120_0_0\n7120_0_0 7120_1_1\nx y # no\n7120_0_1 7120_0_1\n"
    )
    pairs, wrong = read_pairs(path)
    assert pairs == (Pair(StateId("7120", 0, 0), StateId("7120", 0, 3)),)
    assert [line.split(":")[1] for line in wrong] == ["4", "5", "6", "7"]


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe\x00", b"a b\n"])
def test_a_list_without_a_pair_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        read_pairs(path)
    with pytest.raises(FormatError, match="Cannot read"):
        read_pairs(tmp_path / "absent.txt")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    write_object(made, 1, (0, 3), views=1)
    return made


def test_a_pull_follows_a_point_of_the_part(root: Path) -> None:
    data = open_dataset(root)
    source, target = data.ids("val")
    pull = pull_of(data, Pair(source, target))
    camera = data.camera(source, 0)
    np.testing.assert_allclose(camera.project(pull.before)[0], pull.drag.start_px, atol=1e-3)
    np.testing.assert_allclose(camera.project(pull.after)[0], pull.drag.end_px, atol=1e-3)
    row, col = (int(v) for v in reversed(pull.drag.start_px))
    assert pull.part_by == "true part mask" and pull.part[row - 2 : row + 3, col - 2 : col + 3].any()
    again = pull_of(open_dataset(root), Pair(source, target))
    assert again.drag == pull.drag != pull_of(data, Pair(source, target), seed=5).drag


def test_sam_outlines_the_part_where_it_is_given(root: Path) -> None:
    data = open_dataset(root)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[5:9, 5:9] = True
    pull = pull_of(data, Pair(*data.ids("val")), outline=lambda image, at_px: mask)
    assert pull.part_by == "SAM" and pull.part is mask


def test_without_a_mask_the_parts_visible_points_are_its_pixels(root: Path, tmp_path: Path) -> None:
    data = open_dataset(root)
    source, target = data.ids("val")
    mask = root / "renders" / str(source) / "000_part.png"
    mask.rename(tmp_path / "part.png")
    try:
        pull = pull_of(data, Pair(source, target))
    finally:
        (tmp_path / "part.png").rename(mask)
    true = data.part_mask(source)
    assert true is not None
    assert pull.part_by == "surface points" and 10 < pull.part.sum() < true.sum()


def test_where_nothing_moves_there_is_no_drag(root: Path) -> None:
    data = open_dataset(root)
    source = data.ids("val")[0]
    with pytest.raises(DragError, match="moves"):
        pull_of(data, Pair(source, source))


def pull(start: tuple[float, float], end: tuple[float, float]) -> Pull:
    part = np.zeros((SIZE, SIZE), bool)
    part[100:140, 200:260] = True
    return Pull(Drag(start, end), np.zeros(3), np.zeros(3), part, "true part mask")


def test_one_drag_is_the_users_own_and_ten_are_spread_over_the_part() -> None:
    made = pull((220.0, 120.0), (240.0, 90.0))
    starts, ends = made.spread(1)
    np.testing.assert_allclose(starts, [[220 + HALF_PIXEL, 120 + HALF_PIXEL]])
    np.testing.assert_allclose(ends - starts, [[20, -30]])
    for count in (5, 10):
        starts, ends = made.spread(count)
        assert starts.shape == ends.shape == (count, 2)
        cols, rows = starts.astype(int).T
        assert made.part[rows, cols].all() and len(np.unique(starts, axis=0)) == count
        np.testing.assert_allclose(ends - starts, np.tile([20, -30], (count, 1)), atol=1e-4)


def test_drags_that_leave_the_picture_end_at_its_border() -> None:
    _, ends = pull((220.0, 120.0), (511.0, 120.0)).spread(10)
    assert ends.max() <= SIZE - 1
