"""Train: the networks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from model.errors import PartRMError
from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, verb

DESCRIPTION = """\
Train networks. --preset embedded: those that the app ships (--stage), on procedural objects made on the fly; needs no
data and no GPU. Surface comes first: the other two learn on surfaces as it estimates them. --preset partrm (--what):
PartRM's two stages, motion then appearance, and the fine-tune of Zero123++ that draws its views; on a data set, --data.
Stop it at any time; --resume goes on where it stopped, with the same schedule. `accelerate launch main.py train ...`
trains on several GPUs.

examples:
  %(prog)s --preset embedded --stage surface --samples 1000000 --out runs/embedded
  %(prog)s --preset embedded --stage part --samples 500000 --minutes 30 --resume
  %(prog)s --preset partrm --what motion --data DATA --samples 100000 --out runs/partrm
  %(prog)s --preset partrm --what appearance --data DATA --from runs/partrm/motion.safetensors --samples 20000
  %(prog)s --preset partrm --what multiview --data DATA --zero123 FOLDER --samples 10000
"""
STAGES = ["surface", "part", "completion"]


def add(verbs: Verbs) -> None:
    p = verb(verbs, "train", "train the networks", DESCRIPTION)
    p.add_argument("--preset", choices=["embedded", "partrm"], default="embedded", help="which networks")
    p.add_argument("--stage", choices=STAGES, help="embedded: which of them")
    p.add_argument("--what", choices=["motion", "appearance", "multiview"], help="partrm: stage 1, stage 2, Zero123++")
    p.add_argument(
        "--samples", type=arguments.count, required=True, metavar="N", help="length of the schedule, in samples seen"
    )
    p.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="stop then, ready for --resume")
    p.add_argument("--batch", type=arguments.count, help="samples a step and process (default: 8; multiview: 1)")
    p.add_argument("--seed", type=int, default=0, help="seed of the data and the weights (default: 0)")
    p.add_argument("--out", type=Path, metavar="DIR", help="(default: runs/embedded or runs/partrm)")
    p.add_argument("--resume", action="store_true", help="go on from what lies in --out")
    where = "embedded: go on from weights exported in that folder; partrm: begin with that file's, PartRM's or LGM's"
    p.add_argument("--from", dest="start_from", type=Path, metavar="PATH", help=where)
    what = "embedded: URDF and MJCF files, PartNet-Mobility folders, to learn from beside procedural objects"
    p.add_argument("--objects", type=Path, nargs="+", default=(), metavar="OBJECT", help=what)
    p.add_argument("--export", type=Path, metavar="DIR", help="write the weights there, as the app loads them")
    q = p.add_argument_group("PartRM")
    q.add_argument("--data", type=Path, metavar="ROOT", help="the data set (`dataset build`, then `dataset gaussians`)")
    q.add_argument("--network", choices=["small", "big"], default="small", help="big: the released one, for GPUs")
    q.add_argument("--lpips", type=Path, metavar="FILE", help="VGG-16's weights, for stage 2 (vgg16-397923af.pth)")
    q.add_argument("--zero123", type=Path, metavar="FOLDER", help="Zero123++ v1.2, for --what multiview")
    q.add_argument("--learning-rate", type=float, metavar="R", help="(default: 5e-4; multiview: 1e-5)")
    q.add_argument("--views", type=arguments.count, default=12, metavar="V", help="drawn of a target in stage 2 (12)")
    q.add_argument("--precision", choices=["bf16", "no"], default="bf16", help="of the products (default: bf16)")
    q.add_argument("--workers", type=int, metavar="N", help="processes that make data (default: 1, on a GPU 4)")
    q.add_argument("--pictures", type=arguments.count, default=500, metavar="N", help="steps between pictures (500)")
    q.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where it trains")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    name = options.stage if options.preset == "embedded" else options.what
    if name is None:
        wanted = "--stage surface" if options.preset == "embedded" else "--what motion"
        raise PartRMError(f"Which network of '{options.preset}' is to be trained?", f"Choose one, such as {wanted}.")
    options.out = options.out or Path("runs") / options.preset
    checkpoint = options.out / f"{name}.pt"
    if checkpoint.exists() and not options.resume:
        raise PartRMError(f"{checkpoint} is there already.", "Add --resume to go on from it, or choose another --out.")
    if options.preset == "partrm":
        return _partrm(options)
    from model.training import embedded

    minutes, batch, seed = options.minutes, options.batch or 8, options.seed
    embedded.run(options.stage, options.samples, options.out, minutes, batch, seed, options.start_from, options.objects)
    if options.export:
        options.export.mkdir(parents=True, exist_ok=True)
        print(embedded.export(options.stage, options.out, options.export))
    return 0


def _partrm(o: argparse.Namespace) -> int:
    if o.data is None:
        raise PartRMError("PartRM needs a data set", "Give --data ROOT; `dataset build` makes one.")
    if o.views > 12:
        raise PartRMError(f"A state has 12 views, not {o.views}", "Give --views 1 to 12.")
    from partrm_viewer import train_partrm

    device = train_partrm.device_named(o.device)
    workers = o.workers if o.workers is not None else 4 if device == "cuda" else 1
    rate = {} if o.learning_rate is None else {"learning_rate": o.learning_rate}
    if o.what == "multiview":
        path = train_partrm.finetune(o, device, workers, rate)
    else:
        path = train_partrm.train(o, device, workers, rate)
    if os.environ.get("RANK", "0") != "0":  # of several processes one writes and speaks
        return 0
    if o.export:
        o.export.mkdir(parents=True, exist_ok=True)
        path = path.replace(o.export / path.name)
    print(path)
    return 0
