"""Film: a turntable, a camera path, a motion."""

from __future__ import annotations

import argparse
from pathlib import Path

from partrm_viewer import arguments
from partrm_viewer.grammar import Verbs, add_renderer, verb
from partrm_viewer.terminal import progress_line

DESCRIPTION = """\
Film splats. One file is turned around once. Several, or a folder of numbered PLY files, are shown one after the other.

OUT's ending chooses: .mp4, .gif or .webp; a folder, without an ending, takes PNGs. Where no camera is given, the film
begins on the side that the window shows first, far enough away to see everything. A transforms.json with one camera
says where to begin instead; one file is filmed along several: one frame each, or smoothly through them in --frames.

examples:
  %(prog)s scan.ply -o turn.mp4
  %(prog)s scan.ply -o swing.webp --turn 60 --frames 48 --size 1280x720 --background transparent
  %(prog)s scan.ply -o flight.mp4 --cameras transforms.json --frames 240 --fps 30
  %(prog)s shut.ply ajar.ply open.ply -o door.gif --fps 2
  %(prog)s states -o motion.mp4 --frames 96 --turn 90      each file in states/ for its share of 96 frames
"""


def add(verbs: Verbs) -> None:
    p = verb(verbs, "film", "film a splat file from all around, or several as a motion", DESCRIPTION)
    p.add_argument("splats", nargs="+", type=Path, metavar="SPLAT", help="a splat file; or several, or their folder")
    p.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help=".mp4, .gif, .webp; a folder for PNGs")
    p.add_argument("--cameras", type=Path, metavar="JSON", help="a transforms.json: where to begin, or a way")
    p.add_argument(
        "--frames", type=arguments.count, metavar="N", help="pictures (default: 72; one a file or camera of several)"
    )
    p.add_argument(
        "--fps", type=arguments.number(0.1, 240), default=24.0, metavar="F", help="pictures a second (default: 24)"
    )
    p.add_argument(
        "--turn",
        type=arguments.number(-1e6, 1e6),
        metavar="DEG",
        help="how far around (default: 360; 0 with several files)",
    )
    p.add_argument(
        "--size", type=arguments.size, metavar="WxH", help="in pixels, or one number (default: 512; the cameras' own)"
    )
    p.add_argument("--background", choices=["white", "black", "transparent"], default="white", help="what lies behind")
    add_renderer(p)
    p.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from partrm_viewer.film import film

    print(
        film(
            options.splats,
            options.out,
            cameras=options.cameras,
            frames=options.frames,
            fps=options.fps,
            turn_deg=options.turn,
            size=options.size,
            background=options.background,
            renderer=options.renderer,
            progress=progress_line(),
        )
    )
    return 0
