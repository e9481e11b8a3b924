"""Dataset: articulated objects become states, views, drags and Gaussians."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, verb

DESCRIPTION = """\
Make data sets as PartDrag-4D: articulated objects (PartNet-Mobility, URDF, MJCF, procedural) become states, each with
twelve views, surface points and drags. docs/partdrag4d.md leads from nothing to a table.
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "dataset", "articulated objects into states, views, drags and Gaussians", DESCRIPTION)
    does = p.add_subparsers(title="what to do", metavar="inspect|build|gaussians|cases", required=True)
    q = does.add_parser("inspect", help="print an object's parts and joints, draw it with each at its limits")
    q.add_argument("file", metavar="FILE", help="a .urdf or .xml file, a PartNet-Mobility folder, procedural:SEED")
    q.add_argument("-o", "--out", type=Path, metavar="PNG", help="draw it at rest and with each joint at its limits")
    q.add_argument("--up", choices=["auto", "y", "z"], default="auto", help="the file's own upward axis")
    q.set_defaults(run=_inspect)
    _add_build(does)
    q = does.add_parser("gaussians", help="make a data set's Gaussian database")
    q.add_argument("root", type=Path, metavar="ROOT", help="a data set")
    q.add_argument(
        "--how", choices=["analytic", "lgm"], default="analytic", help="lift stored depth (default), or run LGM"
    )
    q.add_argument("--network", choices=["small", "big"], default="small", help="for which PartRM (default: small)")
    q.add_argument("--weights", type=Path, metavar="FILE", help="LGM's, for --how lgm")
    q.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where LGM runs")
    q.set_defaults(run=_gaussians)
    q = does.add_parser("cases", help="make single pictures with drags and true frames, for `evaluate --cases`")
    q.add_argument("root", type=Path, metavar="ROOT", help="a data set")
    q.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="gets a folder for each case")
    q.add_argument("--split", choices=["val", "train", "all"], default="val", help="(default: val)")
    q.add_argument("--count", type=arguments.count, metavar="N", help="cases, by turns of their objects (default: all)")
    q.add_argument("--seed", type=int, default=0, metavar="N", help="of start states and drags (default: 0)")
    q.set_defaults(run=_cases)


def _gaussians(options: argparse.Namespace) -> int:
    from partrm_viewer.dataset import gaussians
    from partrm_viewer.terminal import progress_line

    o = options
    return gaussians.run(o.root, o.how, o.network, o.weights, o.device, progress_line())


def _cases(options: argparse.Namespace) -> int:
    from model.evaluation.cases import write_cases
    from partrm_viewer.terminal import progress_line

    o = options
    written, left_out = write_cases(o.root, o.out, o.split, o.count, o.seed, progress_line())
    for line in left_out:
        print(f"left out: {line}")
    print(f"{written} cases in {o.out}")
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from partrm_viewer.dataset.inspect import inspect

    print(inspect(options.file, options.out, options.up))
    if options.out is not None:
        print(options.out)
    return 0


BUILD = """\
Make a data set in PartDrag-4D's layout: each movable part in six states, with up to two others at their ends, and of
each state twelve views, surface points and which of them view 0 sees. What is whole already is kept: run the same
command again after a stop.

examples:
  %(prog)s partnet-mobility-v0-dataset/*/ -o data --list train_filelist.txt --list val_filelist.txt
  %(prog)s cabinet.urdf microwave.xml procedural:7 -o data --preset plain --workers 8
  %(prog)s objects/*.urdf -o /shared/data --ray auto
"""


def _add_build(does: Verbs) -> None:
    p = verb(does, "build", "make a data set", BUILD)
    p.add_argument("objects", nargs="+", metavar="OBJECT", help="URDF, MJCF, PartNet-Mobility folder, procedural:SEED")
    p.add_argument("-o", "--out", type=Path, required=True, metavar="ROOT", help="the data set's folder")
    what = "partdrag4d: PartDrag-4D's cameras with their oddities (default); plain: cameras fitted to each object"
    p.add_argument("--preset", choices=["partdrag4d", "plain"], default="partdrag4d", help=what)
    what = "build only the states that FILE names; a file named val... is the validation list"
    p.add_argument("--list", type=Path, action="append", default=[], metavar="FILE", dest="lists", help=what)
    p.add_argument("--seed", type=int, default=0, metavar="N", help="chooses other parts, points and the split")
    what = "of the objects, for validation where no list is given (default: 0.1)"
    p.add_argument("--val", type=arguments.number(0, 1), default=0.1, metavar="SHARE", help=what)
    p.add_argument("--workers", type=arguments.count, default=0, metavar="N", help="processes (default: one a core)")
    what = "work on a Ray cluster: its address, or auto for the one that this computer belongs to"
    p.add_argument("--ray", metavar="ADDRESS", help=what)
    what = "raster: our own (default); blender: a Python that has bpy, named by --blender"
    p.add_argument("--renderer", choices=["raster", "blender"], default="raster", help=what)
    p.add_argument("--blender", metavar="PYTHON", help="the Python to run Blender with")
    p.add_argument("--sam", action="store_true", help="add propagated drags, where SAM's weights are on this computer")
    p.set_defaults(run=_build)


def _build(options: argparse.Namespace) -> int:
    from model.errors import PartRMError
    from partrm_viewer.dataset import build as building
    from partrm_viewer.dataset.pool import LocalPool, RayPool
    from partrm_viewer.terminal import progress_line

    if options.renderer == "blender" and not options.blender:
        raise PartRMError(
            "Which Python has Blender?", "Name it: --blender PYTHON (docs/scale.md tells how to make one)."
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what ends jobs on clusters ends us as Ctrl-C does
    root = options.out.resolve()
    order = building.Order(root, options.preset, options.seed, options.blender or "")
    pool = RayPool(options.ray) if options.ray else LocalPool(options.workers)
    report = building.build(options.objects, order, pool, options.lists, options.val, progress_line(), options.sam)
    print(building.summary(report))
    return 0
