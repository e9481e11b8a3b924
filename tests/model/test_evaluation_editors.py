"""Drag editors: the two that are built in, and commands that work, fail, hang, or give something else."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from model.drag import Drag
from model.evaluation.editors import CopyEditor, EditorError, ExternalEditor, WarpEditor, editor, rigid_2d

RIGHT = Drag((30.0, 30.0), (50.0, 30.0))


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Draw a red part before a grey wall; its picture and mask."""
    image = np.full((96, 128, 3), 180, np.uint8)
    mask = np.zeros((96, 128), bool)
    mask[20:40, 20:40] = True
    image[mask] = (200, 20, 20)
    return image, mask


def test_copy_changes_nothing() -> None:
    image, mask = scene()
    np.testing.assert_array_equal(CopyEditor()(image, [RIGHT], mask), image)


def test_warp_moves_the_part_and_fills_what_it_leaves() -> None:
    image, mask = scene()
    made = WarpEditor()(image, [RIGHT], mask)
    assert made.dtype == np.uint8 and made.shape == image.shape
    np.testing.assert_array_equal(made[22:38, 42:58], image[22:38, 22:38])
    assert np.abs(made[22:38, 21:36].astype(int) - 180).max() <= 3
    far = np.s_[60:, :]
    np.testing.assert_array_equal(made[far], image[far])


def test_warp_turns_a_part_that_is_pulled_at_two_ends() -> None:
    a, b = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[5.0, 5.0], [5.0, 15.0]])
    T = rigid_2d(a, b)
    np.testing.assert_allclose(a @ T[:, :2].T + T[:, 2], b, atol=1e-9)
    np.testing.assert_allclose(T[:, :2] @ T[:, :2].T, np.eye(2), atol=1e-9)
    assert np.linalg.det(T[:, :2]) == pytest.approx(1)


def test_warp_without_a_mask_moves_nothing() -> None:
    image, mask = scene()
    for none in (None, np.zeros_like(mask)):
        np.testing.assert_array_equal(WarpEditor()(image, [RIGHT], none), image)


def command(tmp_path: Path, body: str, extra: str = "") -> str:
    script = tmp_path / "edit.py"
    script.write_text("import json, sys, time\nimage, drags, out = sys.argv[1:4]\n" + body)
    return f'"{sys.executable}" "{script}" {{image}} {{drags}} {{out}} {extra}'


def test_a_command_gets_picture_drags_and_mask_and_gives_a_picture(tmp_path: Path) -> None:
    body = """
import cv2
told = json.load(open(drags))
x0, y0, x1, y1 = told["drags_px"][0]
assert told["width"] == 128 and told["drags"] == [[x0 / 128, y0 / 96, x1 / 128, y1 / 96]], told
picture, mask = cv2.imread(image), cv2.imread(sys.argv[4], cv2.IMREAD_GRAYSCALE)
picture[mask > 0] = (0, 255, 0)
cv2.imwrite(out, picture)
"""
    image, mask = scene()
    made = editor(command(tmp_path, body, "{mask}"))
    assert made.name == "edit"
    result = made(image, [RIGHT], mask)
    assert (result[mask] == (0, 255, 0)).all()
    np.testing.assert_array_equal(result[~mask], image[~mask])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('the weights are missing')", "the weights are missing"),
        ("raise SystemExit(3)", "exit code 3"),
        ("", "wrote nothing"),
        ("open(out, 'w').close()", "wrote nothing"),
        ("open(out, 'w').write('no picture')", "no picture"),
        ("import cv2, numpy; cv2.imwrite(out, numpy.zeros((5, 7, 3), 'u1'))", "wrote 7 x 5 pixels"),
    ],
)
def test_a_command_that_gives_no_picture_is_told_with_its_words(tmp_path: Path, body: str, said: str) -> None:
    image, mask = scene()
    with pytest.raises(EditorError, match=said):
        ExternalEditor(command(tmp_path, body))(image, [RIGHT], mask)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "late"
    body = f"""
import subprocess
child = "import time; time.sleep(2); open({str(mark)!r}, 'w')"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""
    with pytest.raises(EditorError, match="longer than"):
        ExternalEditor(command(tmp_path, body), timeout_s=1.0)(*scene()[:1], [RIGHT])
    time.sleep(2)
    assert not mark.exists()


@pytest.mark.parametrize("text", ["dragapart.py {image} {out}", "", "a 'b {image} {drags} {out}"])
def test_a_command_that_cannot_work_is_refused_at_once(text: str) -> None:
    with pytest.raises(EditorError):
        editor(text)


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(EditorError, match="cannot be started"):
        editor("no-such-editor {image} {drags} {out}")(*scene()[:1], [RIGHT])
