"""Every verb of the command line; what a verb needs is imported when it runs, so that --help answers at once."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from model.errors import Cancelled, DragError, PartRMError, out_of_memory
from model.weights import program
from partrm_viewer import arguments

if TYPE_CHECKING:
    from model.progress import Progress

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

PREDICT = """\
Do the main job without a window: photo in, pulled part out.

IMAGE is a photo, or a .json beside one that names it and a drag: {"image": "cabinet.png", "drag": [x0, y0, x1, y1]}.
Pixels are the image's own: x to the right, y down, from the upper left corner.

examples:
  %(prog)s cabinet.png --drag 310,420,380,455 -o state.ply
  %(prog)s cabinet.png --box 40,20,600,580 --drag 310,420,380,455 -o state.splat --input-view view.png
  %(prog)s cabinet.png --drag 310,420,380,455 -o state.ply --input-views steps --steps 6
  %(prog)s resources/samples/cabinet.json -o state.ply --turntable turn.mp4 --report times.json
"""

RENDER = """\
Draw a splat file from every camera of a transforms.json; one PNG a camera, named as in the file.

example:
  %(prog)s state.ply --cameras transforms.json -o views --background transparent
"""

CONVERT = """\
Turn one splat format into another. What the target cannot hold is said, a line each; then what was written is read
again, and both are drawn from three sides: the last line says how much the pictures differ.

Several files, or a folder of numbered PLY files, go into a folder: OUT without an ending. They are frame0001.ply,
frame0002.ply, ... there, which this and other programs play as one motion.

examples:
  %(prog)s scan.ply scan.splat
  %(prog)s scan.spz scan.ply --sh 3          some viewers refuse a PLY without f_rest
  %(prog)s scan.ply scan.spz --spz 2         for programs that do not know version 3 yet
  %(prog)s shut.spz ajar.spz open.spz door   three files of another kind as a motion
"""

FILM = """\
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

TRAIN = """\
Train the networks that the app ships, on procedural objects made on the fly. Needs no data and no GPU.
Stop it at any time; --resume goes on where it stopped, with the same schedule. Surface comes first: the other two
learn on surfaces as it estimates them.

examples:
  %(prog)s --preset embedded --stage surface --samples 1000000 --out runs/embedded
  %(prog)s --preset embedded --stage part --samples 500000 --minutes 30 --resume
"""

WEIGHTS = """\
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

EVALUATE = """Score the embedded model on procedural objects that its training never saw.

Every object gets one click and one drag, and is looked at from the input view and eight new ones. (A) starts from the
true surface, (B) from one image; no motion and the true splats (oracle) stand beside both.

example:
  %(prog)s --count 200 -o out/evaluation
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the words like every other failure: a title and a hint."""

    def error(self, message: str) -> NoReturn:
        raise PartRMError(message[:1].upper() + message[1:], f"Try: {self.prog} --help")


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
    """Build the grammar; a verb is one block here and one function below."""
    top = Parser(program(), description=OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(name: str, summary: str, description: str = "") -> Parser:
        text = description or summary[:1].upper() + summary[1:] + "."
        raw = argparse.RawDescriptionHelpFormatter
        return verbs.add_parser(name, help=summary, description=text, formatter_class=raw)

    def add_networks(p: Parser) -> None:
        known = "embedded (default), partdrag4d, objaverse_hq or a path"
        p.add_argument("--weights", default="embedded", metavar="NAME", help=known)
        p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the networks run")
        what = "who draws PartRM's other three views: Zero123++, the state's own splats (default: Zero123++ on a GPU)"
        p.add_argument("--sides", choices=["auto", "zero123", "own"], default="auto", help=what)

    def add_renderer(p: Parser) -> None:
        p.add_argument(
            "--renderer", choices=["auto", "gl", "cpu", "cuda"], default="auto", help="what draws the splats"
        )

    p = verb("view", "open the window (also with no words at all)")
    p.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an image or a splat file")
    add_networks(p)
    add_renderer(p)
    p.set_defaults(run=_view)

    p = verb("predict", "photo and drag in, next 3D state out, without a window", PREDICT)
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
    p.set_defaults(run=_predict)

    p = verb("render", "draw a splat file from given cameras", RENDER)
    p.add_argument("splat", type=Path, metavar="SPLAT", help="a splat file")
    p.add_argument("--cameras", type=Path, required=True, metavar="JSON", help="a transforms.json")
    p.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the folder of the pictures")
    p.add_argument("--background", choices=["white", "black", "transparent"], default="white", help="what lies behind")
    add_renderer(p)
    p.set_defaults(run=_render)

    p = verb("convert", "turn one splat format into another", CONVERT)
    p.add_argument("sources", nargs="+", type=Path, metavar="IN", help="a splat file; or several, or their folder")
    p.add_argument("target", type=Path, metavar="OUT", help="the ending chooses the format; none for numbered PLYs")
    p.add_argument("--sh", type=int, choices=range(4), help="cut or pad spherical harmonics to this degree")
    p.add_argument("--spz", type=int, choices=[2, 3], help="version of an .spz file (default: 3)")
    p.set_defaults(run=_convert)

    p = verb("film", "film a splat file from all around, or several as a motion", FILM)
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
    p.set_defaults(run=_film)

    p = verb("train", "train the networks that the app ships", TRAIN)
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
    p.set_defaults(run=_train)

    p = verb("evaluate", "score the embedded model on held-out objects", EVALUATE)
    p.add_argument("--count", type=arguments.count, default=200, metavar="N", help="objects (default: 200)")
    p.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first object (default: 0)")
    p.add_argument("-o", "--out", type=Path, default=Path("out/evaluation"), metavar="DIR", help="tables and pictures")
    p.set_defaults(run=_evaluate)

    p = verb("weights", "the networks that others have published: list, fetch, import, verify", WEIGHTS)
    does = p.add_subparsers(title="what to do", metavar="list|fetch|import|verify", required=True)
    q = does.add_parser("list", help="what there is, how large, whether it is here, under which licence")
    q.set_defaults(run=_weights_list)
    q = does.add_parser("fetch", help="download, after size and licence were shown and you agreed")
    q.add_argument("names", nargs="+", metavar="NAME", help="as `list` names them")
    q.add_argument("--yes", action="store_true", help="you agree: do not ask")
    q.set_defaults(run=_weights_fetch)
    q = does.add_parser("import", help="take from a file or folder on this computer")
    q.add_argument("path", type=Path, metavar="PATH", help="a weight file, or a folder in which some lie")
    q.add_argument("--as", dest="name", metavar="NAME", help="which they are, where that cannot be told")
    q.set_defaults(run=_weights_import)
    q = does.add_parser("verify", help="read them to the end and compare")
    q.add_argument("names", nargs="*", metavar="NAME", help="(default: all that are here)")
    q.set_defaults(run=_weights_verify)

    p = verb("doctor", "say what this computer has, which renderer and device will be used, and why")
    p.set_defaults(run=_doctor)
    return top


def _view(options: argparse.Namespace) -> int:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise PartRMError(
            "There is no display to open a window on.",
            "The verb predict does the main job without one; see its --help.",
        )
    from partrm_viewer.app import run

    return run(options.file, options.weights, options.device, options.renderer, options.sides)


def _predict(options: argparse.Namespace) -> int:
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


def _render(options: argparse.Namespace) -> int:
    from partrm_viewer import export

    for path in export.render(options.splat, options.cameras, options.out, options.background, options.renderer):
        print(path)
    return 0


def _convert(options: argparse.Namespace) -> int:
    from partrm_viewer.convert import convert

    for line in convert(options.sources, options.target, options.sh, options.spz, progress_line()):
        print(line)
    print(options.target)
    return 0


def _film(options: argparse.Namespace) -> int:
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


def _train(options: argparse.Namespace) -> int:
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


def _evaluate(options: argparse.Namespace) -> int:
    from partrm_viewer import evaluate

    for path in evaluate.run(options.count, options.out, options.first, progress_line()):
        print(path)
    return 0


def _weights_list(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    print(weights.table())
    return 0


def _weights_fetch(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    ask = None if options.yes else weights.ask_on_terminal
    try:
        for line in weights.fetch(options.names, ask, progress_line()):
            say(line)
    except KeyboardInterrupt:
        print("\nStopped. What has come is kept: the same line again goes on there.", file=sys.stderr)
        raise
    return 0


def _weights_import(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    for line in weights.take(options.path, options.name, progress_line()):
        say(line)
    return 0


def _weights_verify(options: argparse.Namespace) -> int:
    from partrm_viewer import weights

    code = 0
    for whole, line in weights.verify(options.names, progress_line()):
        say(line, sys.stdout if whole else sys.stderr)
        code = code if whole else 2
    return code


def _doctor(options: argparse.Namespace) -> int:
    from partrm_viewer import doctor

    print(doctor.text())
    return 0


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line in the place of the progress line, where there is one."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    print(line, file=stream, flush=True)


def progress_line() -> Progress:
    """Return a Progress that rewrites one line of stderr where that is a terminal, and is silent elsewhere."""
    from model.progress import silent

    if not sys.stderr.isatty():
        return silent
    shown = 0.0

    def show(fraction: float, what: str) -> None:
        nonlocal shown
        if fraction >= 1.0 or time.monotonic() - shown > 0.05:
            shown = time.monotonic()
            print(f"\r\x1b[K{fraction:4.0%} {what}", end="" if fraction < 1.0 else "\n", file=sys.stderr, flush=True)

    return show
