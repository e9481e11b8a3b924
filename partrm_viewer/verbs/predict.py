"""Predict: the main job without a window."""

from __future__ import annotations

import argparse
from pathlib import Path

from model.errors import DragError
from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, add_networks, add_renderer, verb
from partrm_viewer.terminal import progress_line

DESCRIPTION = """\
Do the main job without a window: photo in, pulled part out.

IMAGE is a photo, or a .json beside one that names it and a drag: {"image": "cabinet.png", "drag": [x0, y0, x1, y1]}.
Pixels are the image's own: x to the right, y down, from the upper left corner.

examples:
  %(prog)s cabinet.png --drag 310,420,380,455 -o state.ply
  %(prog)s cabinet.png --box 40,20,600,580 --drag 310,420,380,455 -o state.splat --input-view view.png
  %(prog)s cabinet.png --drag 310,420,380,455 -o state.ply --input-views steps --steps 6
  %(prog)s resources/samples/cabinet.json -o state.ply --turntable turn.mp4 --report times.json
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "predict", "photo and drag in, next 3D state out, without a window", DESCRIPTION)
    p.add_argument("image", type=Path, metavar="IMAGE", help="a photo, or a .json that names one and a drag")
    p.add_argument(
        "--drag", action="append", type=arguments.drag, metavar="X0,Y0,X1,Y1", help="pull from, to; may repeat"
    )
    p.add_argument("--mask", type=Path, metavar="PNG", help="where the object is: white, at the image's size")
    p.add_argument(
        "--box", type=arguments.box, metavar="X0,Y0,X1,Y1", help="a box around the object; GrabCut does the rest"
    )
    add_networks(p)
    add_renderer(p)
    p.add_argument("--seed", type=int, default=0, help="seed of whatever is drawn at random (default: 0)")
    p.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="splats; the ending says which kind")
    tilted = "write OUT in the input camera's axes, as PartRM and LGM do; otherwise it stands upright"
    p.add_argument("--no-upright", dest="upright", action="store_false", help=tilted)
    p.add_argument("--input-view", type=Path, metavar="PNG", help="draw the next state from the input camera, on white")
    p.add_argument("--input-views", type=Path, metavar="DIR", help="draw steps 1/K ... K/K of the drag")
    p.add_argument("--steps", type=arguments.count, default=6, metavar="K", help="steps of --input-views (default: 6)")
    p.add_argument(
        "--turntable",
        type=Path,
        metavar="FILM",
        help="draw the next state from all around (.mp4, .gif, .webp; a folder for PNGs)",
    )
    p.add_argument("--report", type=Path, metavar="JSON", help="write times, memory, splats and the motion")
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer import export

    image, stored = export.read_sample(options.image)
    drags = tuple(options.drag or stored)
    if not drags:
        raise DragError("There is no drag.", "Say what to pull where: --drag X0,Y0,X1,Y1 in pixels of the image.")
    job = export.Job(
        image=image,
        drags=drags,
        out=options.out,
        mask=options.mask,
        box=options.box,
        weights=options.weights,
        sides=options.sides,
        device=options.device,
        renderer=options.renderer,
        upright=options.upright,
        seed=options.seed,
        input_view=options.input_view,
        input_views=options.input_views,
        steps=options.steps,
        turntable=options.turntable,
        report=options.report,
    )
    for path in export.predict(job, progress_line()):
        print(path)
    return 0
