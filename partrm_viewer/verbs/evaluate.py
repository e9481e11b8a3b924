"""Evaluate: the tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, verb
from partrm_viewer.terminal import progress_line

DESCRIPTION = """Score predictions against the truth, in one of three ways.

Procedural objects (no --data, no --cases): the embedded model on objects that its training never saw. Every object gets
one click and one drag, and is looked at from the input view and eight new ones. (A) starts from the true surface, (B)
from one image; no motion and the true splats (oracle) stand beside both.

--data ROOT: PartRM's protocol on a PartDrag-4D style data set. For each object one start state is drawn by --seed; it
is dragged to every other state of its part, and eight views at 256² are compared with the truth. No motion, the oracle
and the paper's figures stand beside. The same command goes on with a run that was stopped.
--editor measures a 2D drag editor both ways round, NVS-First and Drag-First: "copy" and "warp" need no weights, any
other text is a command with {image} {drags} {out} (and {mask}) where its files go.

--cases DIR: single pictures, as 2D drag papers measure. DIR holds one folder a case:
  image.png          the input
  drags.json         {"frames": [[[x0, y0, x1, y1], ...], ...]}: the drags of each frame, from the input to that frame,
                     as parts of the picture's sides, 0..1
  frames/000.png ..  the true frames, of the input's size, as many as drags.json has
  mask.png, part.png where the object and the part are, if that is known
Every frame is predicted from the input as `predict --input-views` draws it, and compared at 256².

examples:
  %(prog)s --count 200 -o out/evaluation
  %(prog)s --data data/pd4d --method embedded partrm --weights partdrag4d --editor copy warp -o out/pd4d
  %(prog)s --data data/pd4d --method partrm --weights both=a.safetensors stage1=b.safetensors --drags 1 5 10
  %(prog)s --data data/pd4d --editor "python dragapart.py {image} {drags} {out}"
  %(prog)s --cases data/cases --method embedded --editor warp
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "evaluate", "score predictions against the truth", DESCRIPTION)
    what = p.add_mutually_exclusive_group()
    what.add_argument("--data", type=Path, metavar="ROOT", help="a data set in PartDrag-4D's layout")
    what.add_argument("--cases", type=Path, metavar="DIR", help="a folder of single-view cases")
    p.add_argument(
        "--method", nargs="+", choices=["embedded", "partrm"], default=["embedded"], help="(default: embedded)"
    )
    p.add_argument("--weights", nargs="+", default=["partdrag4d"], metavar="[NAME=]PATH", help="PartRM's, a row each")
    p.add_argument(
        "--drags", nargs="+", type=int, choices=[1, 5, 10], default=[10], help="PartRM's drags (default: 10)"
    )
    p.add_argument("--views", choices=["true", "zero123"], default="true", help="PartRM's views 1 to 3 (default: true)")
    p.add_argument("--editor", nargs="+", default=[], metavar="EDITOR", help="copy, warp, or a command in quotes")
    p.add_argument("--editor-timeout", type=float, default=600.0, metavar="S", help="a picture (default: 600)")
    p.add_argument("--lpips", type=Path, metavar="FILE", help="torchvision's VGG-16 weights")
    p.add_argument("--pairs", type=Path, metavar="FILE", help="with --data: these pairs, two state ids a line")
    p.add_argument("--split", choices=["val", "train", "all"], default="val", help="with --data (default: val)")
    p.add_argument("--count", type=arguments.count, metavar="N", help="objects (default: 200), or pairs (default: all)")
    p.add_argument(
        "--first", type=int, default=0, metavar="SEED", help="seed of the first procedural object (default: 0)"
    )
    p.add_argument("--stages", action="store_true", help="procedural: put the truth in each stage's place instead")
    p.add_argument("--seed", type=int, default=0, help="of pairs and drags (default: 0)")
    p.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="(default: auto)")
    p.add_argument("-o", "--out", type=Path, default=Path("out/evaluation"), metavar="DIR", help="tables and pictures")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.data is None and options.cases is None:
        from partrm_viewer.evaluation import procedural

        count = options.count or 200
        run = procedural.run_stages if options.stages else procedural.run
        for path in run(count, options.out, options.first, progress_line()):
            print(path)
        return 0
    from partrm_viewer.evaluation import cases as evaluate_cases
    from partrm_viewer.evaluation import dataset as evaluate_dataset
    from partrm_viewer.evaluation.methods import Plan, case_rows, rows_of

    plan = Plan(options.device, options.seed, options.lpips, options.editor_timeout)
    if options.cases is not None:
        rows = case_rows(options.method, options.weights, options.editor)
        text, paths = evaluate_cases.run(options.cases, options.out, rows, plan, progress=progress_line())
    else:
        rows = rows_of(options.method, options.weights, options.editor, options.drags, options.views == "zero123")
        text, paths = evaluate_dataset.run(
            options.data, options.out, rows, plan, options.pairs, options.split, options.count, progress=progress_line()
        )
    print(text)
    for path in paths:
        print(path)
    return 0
