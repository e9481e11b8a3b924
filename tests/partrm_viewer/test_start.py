"""What the window may import before it is on screen."""

from __future__ import annotations

import subprocess
import sys


def test_the_window_opens_without_torch() -> None:
    code = "import sys, partrm_viewer.app; print([m for m in ('torch', 'cv2', 'PIL') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
