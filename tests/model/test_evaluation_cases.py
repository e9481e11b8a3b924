"""Single-view cases: read as they are specified, and what is wrong with them told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.errors import PartRMError
from model.evaluation.cases import PIXELS, folders, read_case, write_case, write_cases
from model.partdrag4d.dataset import open_dataset
from tests.model.procedural_dataset import write_object


def write(folder: Path, frames: object = None, count: int = 2, size: tuple[int, int] = (40, 30)) -> Path:
    """Write a case of flat pictures, size (width, height)."""
    (folder / "frames").mkdir(parents=True)
    w, h = size
    picture = np.full((h, w, 3), 200, np.uint8)
    cv2.imwrite(str(folder / "image.png"), picture)
    for k in range(count):
        cv2.imwrite(str(folder / "frames" / f"{k:03d}.png"), picture - 10 * k)
    told = [[[0.5, 0.5, 0.75, 1.0]], [0.5, 0.5, 0.25, 0.0]] if frames is None else frames
    (folder / "drags.json").write_text(json.dumps({"frames": told}))
    return folder


def test_a_case_is_read_in_pixels(tmp_path: Path) -> None:
    case = read_case(write(tmp_path / "a"))
    assert case.image.shape == (30, 40, 3) and case.frames.shape == (2, PIXELS, PIXELS, 3)
    (first,), (second,) = case.drags
    assert first.start_px == (20, 15) and first.end_px == (30, pytest.approx(30, abs=2e-3))
    assert second.end_px == (10, 0) and case.mask is None and case.part is None
    assert (case.frames[1] == 190).all() and (case.small == 200).all()


def test_masks_and_alpha_tell_where_the_object_is(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 5:9] = 255
    cv2.imwrite(str(folder / "part.png"), mask)
    cv2.imwrite(str(folder / "image.png"), np.dstack([np.full((30, 40, 3), 50, np.uint8), np.roll(mask, 3, 1)]))
    case = read_case(folder)
    assert case.part is not None and case.mask is not None
    assert case.part.sum() == case.mask.sum() == 16 and not (case.part == case.mask).all()
    assert (case.image[~case.mask] == 255).all()


def spoil(folder: Path, how: str) -> None:
    """Make one thing of a whole case wrong."""
    if how == "no frames":
        for file in (folder / "frames").iterdir():
            file.unlink()
    elif how == "frame of another size":
        cv2.imwrite(str(folder / "frames" / "001.png"), np.zeros((30, 41, 3), np.uint8))
    elif how == "damaged frame":
        data = (folder / "frames" / "001.png").read_bytes()
        (folder / "frames" / "001.png").write_bytes(data[: len(data) // 2])
    elif how == "damaged picture":
        (folder / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    elif how == "no picture":
        (folder / "image.png").unlink()
    elif how == "mask of another size":
        cv2.imwrite(str(folder / "mask.png"), np.zeros((3, 3), np.uint8))
    else:
        (folder / "drags.json").write_text(how)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no frames", "has no frames"),
        ("frame of another size", r"001\.png is 41 x 30 pixels, the input 40 x 30"),
        ("damaged frame", r"001\.png"),
        ("damaged picture", r"image\.png"),
        ("no picture", r"image\.png"),
        ("mask of another size", r"mask\.png"),
        ('{"frames": [[[0.5, 0.5, 1.2, 0.5]], [[0, 0, 1, 1]]]}', "frame 0 has a drag outside 0..1"),
        ('{"frames": [[[0.5, 0.5, NaN, 0.5]], [[0, 0, 1, 1]]]}', "outside 0..1"),
        ('{"frames": [[[0.5, 0.5, 0.5]], [[0, 0, 1, 1]]]}', "frame 0 is not a list"),
        ('{"frames": [[], [[0, 0, 1, 1]]]}', "frame 0 has no drag"),
        ('{"frames": [[[0, 0, 1, 1]]]}', "2 frames and drags for 1"),
        ('{"frames": "none"}', "frames"),
        ("[1, 2]", "frames"),
        ("{", r"drags\.json"),
    ],
)
def test_what_is_wrong_with_a_case_is_told(tmp_path: Path, how: str, said: str) -> None:
    folder = write(tmp_path / "a")
    spoil(folder, how)
    with pytest.raises(PartRMError, match=said):
        read_case(folder)


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PartRMError, match="holds no case"):
        folders(tmp_path)
    with pytest.raises(PartRMError, match="not a folder"):
        folders(tmp_path / "absent")


def test_a_data_sets_states_become_a_case(tmp_path: Path) -> None:
    source, middle, last = write_object(tmp_path / "data", 1, (0, 3, 5), views=1)
    data = open_dataset(tmp_path / "data")
    write_case(tmp_path / "cases" / "a", data, source, [middle, last])
    case = read_case(tmp_path / "cases" / "a")
    assert len(case.frames) == 2 and case.category == data.category(source) and case.group == source.mesh
    assert case.drags[0][0].start_px == pytest.approx(case.drags[1][0].start_px)
    assert case.drags[1][0].length_px > case.drags[0][0].length_px > 1
    x, y = case.drags[0][0].start_px
    assert case.part is not None and case.part[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].any()
    assert np.abs(case.frames[0].astype(int) - case.small).max() > 50


def test_the_pairs_of_a_data_set_become_cases_whose_frames_lead_to_the_target(tmp_path: Path) -> None:
    write_object(tmp_path / "data", 1, (0, 1, 2, 5), views=1)
    written, left_out = write_cases(tmp_path / "data", tmp_path / "cases", "all", None, 0)
    assert written == 3 and not left_out and len(folders(tmp_path / "cases")) == 3
    for folder in folders(tmp_path / "cases"):
        first, last = (int(name.rsplit("_", 1)[1]) for name in folder.name.split("__"))
        between = [n for n in (0, 1, 2, 5) if min(first, last) < n < max(first, last)]
        case = read_case(folder)
        lengths = [drags[0].length_px for drags in case.drags]
        assert len(case.frames) == len(between) + 1 and lengths == sorted(lengths)
