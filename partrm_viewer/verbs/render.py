"""Render: a splat file from given cameras."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer.grammar import Verbs, add_renderer, verb

DESCRIPTION = """\
Draw a splat file from every camera of a transforms.json; one PNG a camera, named as in the file.

example:
  %(prog)s state.ply --cameras transforms.json -o views --background transparent
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "render", "draw a splat file from given cameras", DESCRIPTION)
    p.add_argument("splat", type=Path, metavar="SPLAT", help="a splat file")
    p.add_argument("--cameras", type=Path, required=True, metavar="JSON", help="a transforms.json")
    p.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the folder of the pictures")
    p.add_argument("--background", choices=["white", "black", "transparent"], default="white", help="what lies behind")
    add_renderer(p)
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer import export

    for path in export.render(options.splat, options.cameras, options.out, options.background, options.renderer):
        print(path)
    return 0
