"""Weights: what others have published; list, fetch, import, verify."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from partrm_viewer.grammar import Verbs, verb
from partrm_viewer.terminal import progress_line, say

DESCRIPTION = """\
The networks that others have published, PartRM's own among them. None comes with the app, and none is fetched unless
you ask for it: size and licence are said first. docs/weights.md leads from nothing to the released PartRM.

examples:
  %(prog)s list
  %(prog)s fetch partdrag4d                      asks first; --yes does not
  %(prog)s import ~/Downloads                    takes what it knows from a file or any folder
  %(prog)s import model.safetensors --as partdrag4d
  %(prog)s verify                                reads all that is here to the end

A fetch can be stopped (Ctrl-C) and goes on where it stopped. HF_ENDPOINT names another server for the hub's files,
SAM_ENDPOINT one for SAM's.
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "weights", "the networks that others have published: list, fetch, import, verify", DESCRIPTION)
    does = p.add_subparsers(title="what to do", metavar="list|fetch|import|verify", required=True)
    q = does.add_parser("list", help="what there is, how large, whether it is here, under which licence")
    q.set_defaults(run=_list)
    q = does.add_parser("fetch", help="download, after size and licence were shown and you agreed")
    q.add_argument("names", nargs="+", metavar="NAME", help="as `list` names them")
    q.add_argument("--yes", action="store_true", help="you agree: do not ask")
    q.set_defaults(run=_fetch)
    q = does.add_parser("import", help="take from a file or folder on this computer")
    q.add_argument("path", type=Path, metavar="PATH", help="a weight file, or a folder in which some lie")
    q.add_argument("--as", dest="name", metavar="NAME", help="which they are, where that cannot be told")
    q.set_defaults(run=_import)
    q = does.add_parser("verify", help="read them to the end and compare")
    q.add_argument("names", nargs="*", metavar="NAME", help="(default: all that are here)")
    q.set_defaults(run=_verify)


def _list(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    print(weights.table())
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    ask = None if options.yes else weights.ask_on_terminal
    try:
        for line in weights.fetch(options.names, ask, progress_line()):
            say(line)
    except KeyboardInterrupt:
        print("\nStopped. What has come is kept: the same line again goes on there.", file=sys.stderr)
        raise
    return 0


def _import(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    for line in weights.take(options.path, options.name, progress_line()):
        say(line)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    code = 0
    for whole, line in weights.verify(options.names, progress_line()):
        say(line, sys.stdout if whole else sys.stderr)
        code = code if whole else 2
    return code
