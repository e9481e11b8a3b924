"""Dataset: articulated objects become states, views, drags and Gaussians."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer.grammar import Verbs, verb

DESCRIPTION = """\
Make data sets as PartDrag-4D: articulated objects (PartNet-Mobility, URDF, MJCF, procedural) become states, each with
twelve views, surface points and drags. docs/partdrag4d.md leads from nothing to a table.
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "dataset", "articulated objects into states, views, drags and Gaussians", DESCRIPTION)
    does = p.add_subparsers(title="what to do", metavar="inspect|build|gaussians", required=True)
    q = does.add_parser("inspect", help="print an object's parts and joints, draw it with each at its limits")
    q.add_argument("file", metavar="FILE", help="a .urdf or .xml file, a PartNet-Mobility folder, procedural:SEED")
    q.add_argument("-o", "--out", type=Path, metavar="PNG", help="draw it at rest and with each joint at its limits")
    q.add_argument("--up", choices=["auto", "y", "z"], default="auto", help="the file's own upward axis")
    q.set_defaults(run=_inspect)
    q = does.add_parser("build", help="make a data set")
    q.add_argument("-o", "--out", type=Path, required=True, metavar="ROOT", help="the data set's folder")
    q = does.add_parser("gaussians", help="make a data set's Gaussian database")
    q.add_argument("root", type=Path, metavar="ROOT", help="a data set")
    q.add_argument(
        "--how", choices=["analytic", "lgm"], default="analytic", help="lift stored depth (default), or run LGM"
    )
    q.add_argument("--network", choices=["small", "big"], default="small", help="for which PartRM (default: small)")
    q.add_argument("--weights", type=Path, metavar="FILE", help="LGM's, for --how lgm")
    q.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where LGM runs")
    q.set_defaults(run=_gaussians)


def _gaussians(options: argparse.Namespace) -> int:
    from partrm_viewer import dataset_gaussians

    o = options
    return dataset_gaussians.run(o.root, o.how, o.network, o.weights, o.device)


def _inspect(options: argparse.Namespace) -> int:
    from partrm_viewer.dataset_inspect import inspect

    print(inspect(options.file, options.out, options.up))
    if options.out is not None:
        print(options.out)
    return 0
