"""View: the window."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from model.errors import PartRMError
from partrm_viewer.grammar import Verbs, add_networks, add_renderer, verb


def add(verbs: Verbs) -> None:
    p = verb(verbs, "view", "open the window (also with no words at all)")
    p.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an image or a splat file")
    add_networks(p)
    add_renderer(p)
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise PartRMError(
            "There is no display to open a window on.",
            "The verb predict does the main job without one; see its --help.",
        )
    from partrm_viewer.app import run

    return run(options.file, options.weights, options.device, options.renderer, options.sides)
