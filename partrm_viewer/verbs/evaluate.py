"""Evaluate: the tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, verb
from partrm_viewer.terminal import progress_line

DESCRIPTION = """Score the embedded model on procedural objects that its training never saw.

Every object gets one click and one drag, and is looked at from the input view and eight new ones. (A) starts from the
true surface, (B) from one image; no motion and the true splats (oracle) stand beside both.

example:
  %(prog)s --count 200 -o out/evaluation
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "evaluate", "score the embedded model on held-out objects", DESCRIPTION)
    p.add_argument("--count", type=arguments.count, default=200, metavar="N", help="objects (default: 200)")
    p.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first object (default: 0)")
    p.add_argument("-o", "--out", type=Path, default=Path("out/evaluation"), metavar="DIR", help="tables and pictures")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer import evaluate

    for path in evaluate.run(options.count, options.out, options.first, progress_line()):
        print(path)
    return 0
