"""Convert: one splat format into another."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer.grammar import Verbs, verb
from partrm_viewer.terminal import progress_line

DESCRIPTION = """\
Turn one splat format into another. What the target cannot hold is said, a line each; then what was written is read
again, and both are drawn from three sides: the last line says how much the pictures differ.

Several files, or a folder of numbered PLY files, go into a folder: OUT without an ending. They are frame0001.ply,
frame0002.ply, ... there, which this and other programs play as one motion.

examples:
  %(prog)s scan.ply scan.splat
  %(prog)s scan.spz scan.ply --sh 3          some viewers refuse a PLY without f_rest
  %(prog)s scan.ply scan.spz --spz 2         for programs that do not know version 3 yet
  %(prog)s shut.spz ajar.spz open.spz door   three files of another kind as a motion
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "convert", "turn one splat format into another", DESCRIPTION)
    p.add_argument("sources", nargs="+", type=Path, metavar="IN", help="a splat file; or several, or their folder")
    p.add_argument("target", type=Path, metavar="OUT", help="the ending chooses the format; none for numbered PLYs")
    p.add_argument("--sh", type=int, choices=range(4), help="cut or pad spherical harmonics to this degree")
    p.add_argument("--spz", type=int, choices=[2, 3], help="version of an .spz file (default: 3)")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer.convert import convert

    for line in convert(options.sources, options.target, options.sh, options.spz, progress_line()):
        print(line)
    print(options.target)
    return 0
