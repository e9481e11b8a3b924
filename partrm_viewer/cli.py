"""The command line: a verb is a file in verbs/. What it needs is imported when it runs: --help answers at once."""

from __future__ import annotations

import argparse
import sys

from model.errors import Cancelled, PartRMError, out_of_memory
from model.weights import program
from partrm_viewer import arguments
from partrm_viewer.grammar import Parser
from partrm_viewer.verbs import convert, dataset, doctor, evaluate, film, predict, render, train, view, weights

VERBS = (view, predict, render, convert, film, dataset, train, evaluate, weights, doctor)  # in the order of --help

OVERVIEW = """\
Open one photo of a thing with moving parts, see it as 3D Gaussian splats, pull a part, and see the next 3D state.

examples:
  %(prog)s                                   open the window
  %(prog)s view cabinet.png                  open the window on a photo
  %(prog)s predict cabinet.png --drag 310,420,380,455 -o out/state.ply --input-view out/view.png
  %(prog)s render out/state.ply --cameras transforms.json -o out/views
  %(prog)s film out/state.ply -o turn.mp4
  %(prog)s doctor                            what this computer has and what will be used
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, 2 after a failure told on two lines of stderr, 130 after Ctrl-C."""
    words = sys.argv[1:] if argv is None else argv
    try:
        options = parser().parse_args(arguments.join_negative(words) or ["view"])
        code: int = options.run(options)
        return code
    except (KeyboardInterrupt, Cancelled):
        return 130
    except Exception as error:
        told = error if isinstance(error, PartRMError) else out_of_memory(error)
        if told is None:
            raise
        for line in (told.title, told.hint):
            print(" ".join(line.split()), file=sys.stderr)
        return 2


def parser() -> Parser:
    """Build the grammar."""
    top = Parser(program(), description=OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in VERBS:
        module.add(verbs)
    return top
