"""The gallery: what the embedded model does on photos and meshes it was not trained on."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from model.camera import Camera
from model.drag import Drag
from model.errors import PartRMError
from model.evaluation.metrics import changed, iou, psnr
from model.gaussians import Gaussians
from model.partdrag4d.articulated import load
from model.partdrag4d.raster import draw, fitted
from model.partdrag4d.states import carried
from model.stages.frame import FILL, distance
from model.stages.pipeline import Pipeline
from model.stages.state import State
from renderer.base import to_bytes
from renderer.cpu import CpuRenderer
from renderer.overlay import ORANGE, draw_drag, lay

SIZE = 512  # px, side of the pictures that are compared
PANE = 256  # px, side of the pictures that are shown
MARGIN = 0.68  # of the frame's side, the object's longer side: what opens must stay in the picture
SIDES_DEG = (-55.0, 50.0)  # how far the two other views stand to the side of the input view
WIDER = 0.7  # of the crop's focal length: the other views show more
MARKS = ("<!-- cases -->", "<!-- /cases -->")


@dataclass(frozen=True)
class MeshCase:
    """One joint of one mesh object, pulled once; amounts are shares of the joint's farther limit."""

    name: str
    path: str  # below articulated/
    joint: str
    before: float
    after: float
    yaw_deg: float
    elevation_deg: float = 22.0
    fov_deg: float = 35.0  # of the object's crop; the model is not told
    up: Literal["y", "z"] = "z"


@dataclass(frozen=True)
class PhotoCase:
    """One photograph, pulled once; pixels are the photo's own."""

    name: str
    path: str  # below images/
    drag: Drag
    after: str = ""  # the photograph of the true next state, where there is one
    outline: tuple[tuple[int, int], ...] = ()  # round the object where the photo has no transparency
    box: tuple[float, float, float, float] | None = None


HABITAT, CALVIN, LIBERO = "habitat-sim", "calvin_env", "libero"
SEKTION = "isaacgym_sektion/sektion_cabinet_model/urdf/sektion_cabinet.urdf"
MESHES = (
    MeshCase("fridge_door", f"{HABITAT}/fridge/fridge.urdf", "top_door_hinge", 0, 0.4, 245, 20, 30, "y"),
    MeshCase(
        "counter_drawer", f"{HABITAT}/kitchen_counter/kitchen_counter.urdf", "left_slide_top", 0, 0.8, 300, 25, 40, "y"
    ),
    MeshCase("sliding_doors", f"{HABITAT}/cabinet/cabinet.urdf", "left_slide", 0, 0.6, 240, 18, 35, "y"),
    MeshCase("table_a_drawer", f"{CALVIN}/calvin_table_A/urdf/calvin_table_A.urdf", "base__drawer", 0, 0.8, 30, 25),
    MeshCase("table_d_slide", f"{CALVIN}/calvin_table_D/urdf/calvin_table_D.urdf", "base__slide", 0, 0.8, -20, 30),
    MeshCase("sektion_drawer", SEKTION, "drawer_top_joint", 0, 0.6, 305, 28, 40),
    MeshCase("sektion_door", SEKTION, "door_left_joint", 0, 0.6, 240, 20, 30),
    MeshCase("sektion_closing", SEKTION, "drawer_bottom_joint", 0.7, 0.1, 300, 25, 35),
    MeshCase("white_cabinet", f"{LIBERO}/white_cabinet.xml", "top_level", 0, 0.6, 30, 30),
    MeshCase("wooden_cabinet", f"{LIBERO}/wooden_cabinet.xml", "middle_level", 0, 0.7, -35, 20, 30),
    MeshCase("microwave", f"{LIBERO}/microwave.xml", "microjoint", 0, 0.45, -28, 18, 35),
    MeshCase("short_fridge", f"{LIBERO}/short_fridge.xml", "fridge_door_joint_0", 0, 0.35, 28, 18, 30),
    MeshCase("dishwasher", "bigym/dishwasher/dishwasher.xml", "door_hinge", 0, 0.75, 30, 25, 35),
    MeshCase("desk_drawer", "robodesk/desk_noarm.xml", "drawer_joint", 0, 0.6, -30, 25, 40),
)
NIGHTSTAND = (
    (123, 48), (227, 17), (402, 52), (377, 192), (355, 212), (357, 304), (351, 308), (343, 303), (335, 221),
    (295, 257), (289, 377), (276, 377), (275, 253), (230, 235), (229, 249), (220, 249), (219, 229), (176, 206),
    (154, 301), (143, 300), (156, 198), (137, 188), (134, 120), (123, 52),
)  # fmt: skip
PULL = Drag((202.0, 160.0), (130.0, 202.0))
PHOTOS = (
    PhotoCase("nightstand", "freeart3d/cabinet/00.png", PULL, "freeart3d/cabinet/05_pure.png", NIGHTSTAND),
    PhotoCase("nightstand_on_rug", "freeart3d/cabinet/00_seg.png", PULL, "freeart3d/cabinet/05_seg.png"),
    PhotoCase("nightstand_closing", "freeart3d/cabinet/05_pure.png", Drag(PULL.end_px, PULL.start_px)),
    PhotoCase("singapo", "singapo/demo_input.png", Drag((1243.0, 824.0), (1480.0, 885.0))),
)


@dataclass(frozen=True, eq=False)
class Trial:
    """A case ready to be run."""

    name: str
    rgba: np.ndarray  # (H, W, 4) uint8
    drag: Drag
    mask: np.ndarray | None = None  # (H, W) bool, the object where the picture does not say
    after: np.ndarray | None = None  # (SIZE, SIZE, 3) float32, the truth on white
    part: np.ndarray | None = None  # (H, W) bool, the true part
    sides: tuple[np.ndarray, ...] = ()  # (SIZE, SIZE, 3) float32, the truth from the sides
    kind: str = ""
    amount: float = float("nan")
    elevation_deg: float = float("nan")
    depth: np.ndarray | None = None  # (H, W) float32 relative to the object's middle, 0 = nothing


def mesh_trial(case: MeshCase, data: Path) -> Trial:
    """Draw a mesh case before and after; the drag is a visible point of the moving part, followed."""
    made = load(data / "articulated" / case.path, case.up)
    link = made.link(case.joint)
    tan = np.tan(np.deg2rad(case.fov_deg) / 2)
    fov = 2 * np.rad2deg(np.arctan(tan * FILL / MARGIN))
    camera = Camera.orbit(0, case.elevation_deg, distance(tan), fov, SIZE, SIZE)

    def amounts(share: float, of: tuple[tuple[float, float], ...]) -> np.ndarray:
        pose = np.zeros(len(of))
        low, high = of[link - 1]
        pose[link - 1] = share * (high if abs(high) >= abs(low) else low)
        return pose

    made = fitted(made, amounts(case.before, tuple(m.limits for m in made.movables)), camera, case.yaw_deg, MARGIN)
    limits = tuple(m.limits for m in made.movables)
    a, b = amounts(case.before, limits), amounts(case.after, limits)
    before, after = draw(made, a, camera, SIZE), draw(made, b, camera, SIZE)
    part = np.isin(before.link, carried(made, link))
    inner = cv2.erode(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    ys, xs = np.nonzero(inner if inner.any() else part)
    if len(ys) == 0:
        raise PartRMError(f"{case.name}: the part cannot be seen", "Turn the object in the table of cases.")
    T = made.poses(b)[link] @ np.linalg.inv(made.poses(a)[link])
    starts = np.stack([xs + 0.5, ys + 0.5], 1)
    world = camera.unproject(starts, before.depth[ys, xs])
    ends, _ = camera.project(world @ T[:3, :3].T + T[:3, 3])
    length = np.hypot(*(ends - starts).T)
    # A hand takes hold where the part goes far: the middle of what moves between the 60th and the 85th percentile.
    far = np.flatnonzero((length >= np.percentile(length, 60)) & (length <= np.percentile(length, 85)))
    pick = far[np.argmin(np.linalg.norm(starts[far] - starts[far].mean(0), axis=1))]
    drag = Drag((float(starts[pick][0]), float(starts[pick][1])), (float(ends[pick][0]), float(ends[pick][1])))
    crop = Camera.orbit(0, case.elevation_deg, distance(tan), case.fov_deg, SIZE, SIZE)
    sides = tuple(draw(made, b, aside(crop, s), SIZE).on_white for s in SIDES_DEG)
    depth = np.where(before.depth > 0, before.depth - distance(tan), 0).astype(np.float32)
    moved = float(b[link - 1] - a[link - 1])
    kind = made.movables[link - 1].joint.kind
    return Trial(
        case.name, before.rgba, drag, None, after.on_white, part, sides, kind, moved, case.elevation_deg, depth
    )


def photo_trial(case: PhotoCase, data: Path) -> Trial:
    """Read a photo case."""
    rgba = np.asarray(Image.open(data / "images" / case.path).convert("RGBA"))
    mask = None
    if case.outline:
        drawn = np.zeros(rgba.shape[:2], np.uint8)
        cv2.fillPoly(drawn, [np.array(case.outline, np.int32)], (1,))
        mask = drawn > 0
    after = None
    if case.after:
        image = Image.open(data / "images" / case.after).convert("RGBA").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        seen = np.asarray(image, np.float32) / 255
        after = seen[..., :3] * seen[..., 3:] + 1 - seen[..., 3:]
    return Trial(case.name, rgba, case.drag, mask, after)


def aside(camera: Camera, azimuth_deg: float) -> Camera:
    """Return the camera carried round the world's y axis, seeing a little more."""
    c, s = np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))
    turn = np.array([[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]])
    return replace(camera, T_world_camera=turn @ camera.T_world_camera, fx=camera.fx * WIDER, fy=camera.fy * WIDER)


def run(trial: Trial, pipeline: Pipeline) -> tuple[np.ndarray, list[str]]:
    """Run one trial; returns its strip of pictures (h, w, 3) uint8 and its row of the table."""
    start = time.perf_counter()
    state = pipeline.open(trial.rgba, trial.mask)
    prediction = pipeline.predict(state, [trial.drag])
    seconds = time.perf_counter() - start
    part, motion = prediction.part, prediction.motion
    assert part is not None and motion is not None
    camera = state.camera.resized(SIZE, SIZE)
    shown, still = picture(prediction.state.gaussians, camera), picture(state.gaussians, camera)
    panes = [("input and drag", pulled(state, trial.drag))]
    panes += [("true after", to_bytes(trial.after))] if trial.after is not None else []
    panes += [("predicted", to_bytes(shown)), ("part found", tinted(state, part.mask))]
    crop = state.crop.resized(SIZE, SIZE)
    panes += [
        (f"predicted {s:+.0f} deg", to_bytes(picture(prediction.state.gaussians, aside(crop, s)))) for s in SIDES_DEG
    ]
    panes += [(f"true {s:+.0f} deg", to_bytes(seen)) for s, seen in zip(SIDES_DEG, trial.sides)]
    white = on_white(state, SIZE)
    moved = still_db = moved_db = still_changed = "–"
    if trial.after is not None:
        where = changed(white, trial.after)
        moved, still_db = f"{psnr(shown, trial.after):.1f}", f"{psnr(still, trial.after):.1f}"
        moved_db, still_changed = f"{psnr(shown, trial.after, where):.1f}", f"{psnr(still, trial.after, where):.1f}"
    return strip(panes), [
        trial.name.replace("_", " "), f"{psnr(still, white):.1f}",
        f"{moved} ({still_db})", f"{moved_db} ({still_changed})",
        f"{iou(part.mask, trial.part):.2f}" if trial.part is not None else "–",
        measured(motion.joint.kind, motion.amount), measured(trial.kind, trial.amount) if trial.kind else "–",
        *elevation_and_depth(trial, state), f"{seconds:.1f}",
    ]  # fmt: skip


def measured(kind: str, amount: float) -> str:
    """Write a motion; slides are in hundredths of the crop's side."""
    return f"turns {abs(np.rad2deg(amount)):.0f}°" if kind == "revolute" else f"slides {abs(amount) / 1.2 * 100:.0f}"


def elevation_and_depth(trial: Trial, state: State) -> tuple[str, str]:
    """Return the camera's elevation (true one behind) and the median depth error in hundredths of the crop's side."""
    found = np.rad2deg(np.arcsin(np.clip(state.crop.T_world_camera[1, 2], -1, 1)))
    if trial.depth is None:
        return f"{found:.0f}°", "–"
    seen = CpuRenderer().render(state.gaussians, state.camera)
    both = (trial.depth != 0) & (seen.colour[..., 3] > 0.8)
    error = seen.depth[both] - np.linalg.norm(state.crop.position) - trial.depth[both]
    return f"{found:.0f}° ({trial.elevation_deg:.0f}°)", f"{np.median(np.abs(error)) / 1.2 * 100:.1f}"


def picture(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """Draw Gaussians on white, (H, W, 3) float32."""
    colour = CpuRenderer().render(gaussians, camera).colour
    return np.clip(colour[..., :3] + 1 - colour[..., 3:], 0, 1)


def on_white(state: State, size: int) -> np.ndarray:
    """Return the state's image at a size, (size, size, 3) float32."""
    return cv2.resize(state.image, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def pulled(state: State, drag: Drag) -> np.ndarray:
    """Draw the drag over the input, (SIZE, SIZE, 3) uint8."""
    h, w = state.mask.shape
    scale = (SIZE / w, SIZE / h)
    ends = [tuple(v * s for v, s in zip(p, scale)) for p in (drag.start_px, drag.end_px)]
    return draw_drag(to_bytes(on_white(state, SIZE)), ends[0], ends[1])


def tinted(state: State, mask: np.ndarray) -> np.ndarray:
    """Lay the part's mask over the input, (SIZE, SIZE, 3) uint8."""
    cover = cv2.resize(mask.astype(np.uint8) * 255, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return lay(to_bytes(on_white(state, SIZE)), cover, ORANGE, 0.6)


def strip(panes: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """Put pictures side by side, each under its name."""
    columns = []
    for name, image in panes:
        head = np.full((18, PANE, 3), 255, np.uint8)
        cv2.putText(head, name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 60, 60), 1, cv2.LINE_AA)
        columns.append(np.concatenate([head, cv2.resize(image, (PANE, PANE), interpolation=cv2.INTER_AREA)]))
    return np.concatenate(columns, axis=1)


COLUMNS = (
    "case",
    "input redrawn",
    "after the drag (no motion)",
    "where it changed",
    "part IoU",
    "motion found",
    "true motion",
    "elevation (true)",
    "depth error",
    "s",
)


def write_page(page: Path, rows: list[list[str]], pictures: list[Path]) -> None:
    """Renew what stands between the marks of the page; everything else is kept."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]
    for row, path in zip(rows, pictures):
        lines += [f"**{row[0]}**", "", f"![{row[0]}]({path.relative_to(page.parent).as_posix()})", ""]
    text = page.read_text() if page.is_file() else f"{MARKS[0]}\n{MARKS[1]}\n"
    if text.count(MARKS[0]) != 1 or text.count(MARKS[1]) != 1:
        raise PartRMError(f"{page} has lost its marks", f"It needs one line {MARKS[0]} and one line {MARKS[1]}.")
    head, rest = text.split(MARKS[0])
    page.write_text(f"{head}{MARKS[0]}\n" + "\n".join(lines) + f"{MARKS[1]}{rest.split(MARKS[1])[1]}")


def main(argv: list[str] | None = None) -> int:
    """Make the pictures and the page beside their folder; cases whose data are absent are an error."""
    parser = argparse.ArgumentParser(prog="python -m partrm_viewer.gallery", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with articulated/ and images/")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/pictures"), help="folder of the pictures")
    parser.add_argument("--only", nargs="*", help="names of cases; the page is left alone")
    options = parser.parse_args(argv)
    try:
        pipeline = Pipeline()
        rows, pictures = [], []
        for case in (*PHOTOS, *MESHES):
            if options.only and case.name not in options.only:
                continue
            trial = photo_trial(case, options.data) if isinstance(case, PhotoCase) else mesh_trial(case, options.data)
            image, row = run(trial, pipeline)
            path = options.output / f"foreign_{case.name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, quality=85, optimize=True)
            print(" | ".join(row), flush=True)
            rows.append(row)
            pictures.append(path)
        if not options.only:
            write_page(options.output.parent / "foreign.md", rows, pictures)
    except PartRMError as problem:
        print(f"{problem.title}\n{problem.hint}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
