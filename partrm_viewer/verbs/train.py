"""Train: the networks."""

from __future__ import annotations

import argparse
from pathlib import Path

from model.errors import PartRMError
from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, verb

DESCRIPTION = """\
Train the networks that the app ships, on procedural objects made on the fly. Needs no data and no GPU.
Stop it at any time; --resume goes on where it stopped, with the same schedule. Surface comes first: the other two
learn on surfaces as it estimates them.

examples:
  %(prog)s --preset embedded --stage surface --samples 1000000 --out runs/embedded
  %(prog)s --preset embedded --stage part --samples 500000 --minutes 30 --resume
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "train", "train the networks that the app ships", DESCRIPTION)
    p.add_argument("--preset", choices=["embedded"], default="embedded", help="which networks")
    p.add_argument("--stage", choices=["surface", "part", "completion"], required=True, help="which of them")
    p.add_argument(
        "--samples", type=arguments.count, required=True, metavar="N", help="length of the schedule, in samples seen"
    )
    p.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="stop then, ready for --resume")
    p.add_argument("--batch", type=arguments.count, default=8, help="samples a step (default: 8)")
    p.add_argument("--seed", type=int, default=0, help="seed of the objects and the weights (default: 0)")
    p.add_argument("--out", type=Path, default=Path("runs/embedded"), metavar="DIR", help="(default: runs/embedded)")
    p.add_argument("--resume", action="store_true", help="go on from what lies in --out")
    p.add_argument("--from", dest="start_from", type=Path, metavar="DIR", help="go on from weights exported there")
    p.add_argument("--export", type=Path, metavar="DIR", help="write the weights there, as the app loads them")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    checkpoint = options.out / f"{options.stage}.pt"
    if checkpoint.exists() and not options.resume:
        raise PartRMError(f"{checkpoint} is there already.", "Add --resume to go on from it, or choose another --out.")
    from model.training import embedded

    minutes, batch, seed = options.minutes, options.batch, options.seed
    embedded.run(options.stage, options.samples, options.out, minutes, batch, seed, options.start_from)
    if options.export:
        options.export.mkdir(parents=True, exist_ok=True)
        print(embedded.export(options.stage, options.out, options.export))
    return 0
