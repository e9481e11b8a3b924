"""dataset inspect: the tree in words, the sheet of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.partdrag4d.inspect import LABEL, PANE
from partrm_viewer import cli
from tests.model import partnet_folder


def test_inspect_tells_links_joints_and_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    folder, out = partnet_folder.write(tmp_path / "7120"), tmp_path / "sheet.png"
    assert cli.main(["dataset", "inspect", str(folder), "-o", str(out)]) == 0
    told = capsys.readouterr().out
    assert "7120  StorageFurniture" in told and "60 faces, 3 joints, 200 surface points" in told
    assert "    1 door_1: revolute about (0.00, -1.00, 0.00), 0.0 deg to 90.0 deg; 24 faces, textures 16x16" in told
    assert "      0 knob_0: continuous about (1.00, 0.00, 0.00), without end" in told  # it hangs on the door
    assert "    2 drawer_2: prismatic along (1.00, 0.00, 0.00), 0 to 0.4" in told
    picture = np.asarray(Image.open(out))
    assert picture.shape == (2 * (PANE + LABEL), 6 * PANE, 3)
    panes = [picture[:PANE, k * PANE : (k + 1) * PANE].astype(int) for k in range(6)]
    rest, door_shut, door_open = panes[0], panes[1], panes[2]
    assert np.abs(rest - door_shut).max() == 0 and (np.abs(rest - door_open).max(2) > 30).mean() > 0.02
    assert all((pane[[0, -1]] == 255).all() and (pane[:, [0, -1]] == 255).all() for pane in panes)  # nothing is cut off


def test_inspect_needs_no_file_for_procedural_objects(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dataset", "inspect", "procedural:15"]) == 0
    assert "procedural_15  StorageFurniture" in capsys.readouterr().out


def test_inspect_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dataset", "inspect", str(tmp_path / "none.urdf")]) == 2
    assert "There is no file" in capsys.readouterr().err
