"""The Gaussian database: for every state, the Gaussians that stage 1 of PartRM's training learns to predict.

The authors' came out of LGM, run on the four input views of each state; ours can, too ("lgm"). Without its weights the
views' own depth is lifted ("analytic"): one Gaussian a cell of the network's output, as LGM would lay them.
Element k = view * S * S + row * S + column; nothing is pruned, so that the network's output compares one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from model.camera import Camera
from model.errors import FormatError, PartRMError
from model.formats import ply
from model.formats.disk import unreadable
from model.gaussians import Gaussians, concatenate, quaternion_from_matrix, quaternion_multiply
from model.partdrag4d.dataset import DataSet, StateId
from model.partdrag4d.network_view import (
    INPUT_VIEWS,
    meeting_point,
    mismatched,
    network_cameras,
    scale_to_network,
)
from model.weights import program

OPAQUE, EMPTY = 0.99, 1e-4  # opacity of a covered cell, of an empty one
WHOLE = 0.99  # coverage of a cell that lies within the outline
FOOTPRINT = 0.5  # standard deviation of a Gaussian in cells, across the line of sight
THIN = 0.25  # the same along the normal
STEEPEST = 2.0  # slopes (tangent) beyond this are edges, not surfaces


def command(data: DataSet) -> str:
    """Return what the user types to make a data set's Gaussian database."""
    return f"{program()} dataset gaussians {data.root}"


def read_target(data: DataSet, id: StateId, count: int) -> np.ndarray:
    """Read a state's Gaussians as the network gives them, (count, 14) float32: xyz, opacity, scale, wxyz, rgb.

    Raises FormatError where they are missing, damaged or of another number: with the command that makes them.
    """
    path = data.gaussians_path(id)
    make = f"Make them: {command(data)} (with the --network that you train)."
    if not path.exists():
        raise FormatError(f"There are no Gaussians of the state {id} ({path})", make)
    g = ply.read(path)
    if len(g) != count:
        raise FormatError(f"{path} holds {len(g):,} Gaussians where the network gives {count:,}", make)
    columns = (g.positions, g.opacities[:, None], g.scales, g.rotations, g.colours)
    return np.concatenate(columns, axis=1, dtype=np.float32)


def analytic(data: DataSet, id: StateId, side: int) -> Gaussians:
    """Lift a state's four input views to Gaussians, side x side each. Raises FormatError without stored depth."""
    cameras = network_cameras(data, id, INPUT_VIEWS, side)
    target = meeting_point(cameras)
    longer = scale_to_network(data, id)
    parts = []
    for view, camera in zip(INPUT_VIEWS, cameras, strict=True):
        depth = data.depth(id, view)
        if depth is None:
            hint = "Only data that `dataset build` made have depth. For others: --how lgm --weights PATH."
            raise FormatError(f"{data.folder(id)} holds no depth of view {view}", hint)
        depth = depth * longer
        if mismatched(data):  # a wider lens shows the same picture of an object that is as much larger about its middle
            wider = data.camera(id, view, side).fy / camera.fy
            middle = float(camera.project(target)[1])
            depth = np.where(depth > 0, middle + wider * (depth - middle), 0)
        parts.append(lifted(data.picture(id, view), depth, camera, float(camera.project(target)[1])))
    return concatenate(parts)


def lifted(picture: np.ndarray, depth: np.ndarray, camera: Camera, empty_depth: float) -> Gaussians:
    """Turn one view into Gaussians, one a pixel of the camera, row by row.

    picture (H, H, 4) uint8, straight alpha; depth (H, H), world units, 0 = nothing; H a multiple of the camera's side.
    Positions from the middle one of a cell's depths, sizes from its footprint and slope, colours averaged, opacity its
    coverage. An empty cell is white and lies at empty_depth with hardly any opacity.
    """
    side, block = camera.width, len(picture) // camera.width
    rgba = picture.astype(np.float32) / 255
    cover = _cells(rgba[..., 3], block).mean(-1)  # (side, side)
    weighted = np.stack([_cells(rgba[..., c] * rgba[..., 3], block).mean(-1) for c in range(3)], axis=-1)
    inside = _cells(depth, block)
    count = (inside > 0).sum(-1)
    ordered = np.sort(np.where(inside > 0, inside, np.inf), axis=-1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    there = (count > 0) & (cover > 0)
    z = np.where(there, middle, empty_depth)
    positions = camera.unproject(camera.pixel_grid(), z)
    cell = z / camera.fx  # width of a cell there, world units
    across, up = (_slope(z, there, axis, STEEPEST * cell) / cell for axis in (1, 0))
    up = -up  # rows go down
    length = np.sqrt(1 + across**2 + up**2)
    # the shortest turn from the line of sight to the normal (across, up, 1): no twist that jumps from cell to cell
    tilt = np.stack([1 + 1 / length, -up / length, across / length, np.zeros_like(z)], axis=-1)
    tilt /= np.linalg.norm(tilt, axis=-1, keepdims=True)
    rotations = quaternion_multiply(quaternion_from_matrix(camera.T_world_camera[:3, :3]), tilt)
    radius, whole = FOOTPRINT * cell, cover > WHOLE  # at outlines nothing is stretched: it would stick out
    wide, high = (radius * np.where(whole, np.sqrt(1 + slope**2), 1) for slope in (across, up))
    scales = np.stack([wide, high, THIN * cell], axis=-1)
    colours = np.where(there[..., None], weighted / np.maximum(cover, 1e-3)[..., None], 1.0).clip(0, 1)
    opacities = np.where(there, np.clip(cover * OPAQUE, EMPTY, OPAQUE), EMPTY)
    n = side * side
    return Gaussians.from_colours(
        positions.reshape(n, 3).clip(-1, 1),  # the network gives no others
        rotations.reshape(n, 4),
        scales.reshape(n, 3),
        opacities.reshape(n),
        colours.reshape(n, 3),
    )


def _cells(image: np.ndarray, block: int) -> np.ndarray:
    """Group (H, H) pixels into cells, (H / block, H / block, block²)."""
    side = len(image) // block
    return image.reshape(side, block, side, block).swapaxes(1, 2).reshape(side, side, block * block)


def _slope(z: np.ndarray, there: np.ndarray, axis: int, limit: np.ndarray) -> np.ndarray:
    """Return how depth grows from cell to cell, (S, S): the smaller of both sides' differences, 0 beyond the limit."""
    step = np.diff(z, axis=axis)
    both = np.logical_and(*(np.take(there, np.arange(len(z) - 1) + k, axis=axis) for k in (0, 1)))
    step = np.where(both, step, np.inf)
    edge = np.full_like(np.take(z, [0], axis=axis), np.inf)
    before, after = np.concatenate([edge, step], axis), np.concatenate([step, edge], axis)
    flatter = np.where(np.abs(before) <= np.abs(after), before, after)
    return np.where(np.abs(flatter) <= limit, flatter, 0.0)


def make_one(data: DataSet, id: StateId, made: Callable[[DataSet, StateId], Gaussians]) -> None:
    """Make and write one state's Gaussians, whole or not at all. Raises FormatError."""
    path = data.gaussians_path(id)
    path.parent.mkdir(parents=True, exist_ok=True)
    ply.write(path, made(data, id))


def missing(data: DataSet, ids: Sequence[StateId], count: int) -> list[StateId]:
    """Return the states without a whole file of that many Gaussians: an interrupted run goes on with these."""
    return [id for id in ids if not _whole(data.gaussians_path(id), count)]


def _whole(path: Path, count: int) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
        body = path.stat().st_size - head.index(b"end_header\n") - len(b"end_header\n")
        return b"element vertex %d\n" % count in head and body == count * 56  # 14 float32
    except (OSError, ValueError):
        return False


def checked_states(data: DataSet) -> tuple[StateId, ...]:
    """Return all states that are on disk; raises FormatError where there are none."""
    ids = data.ids("all")
    if not ids:
        raise unreadable(data.root / "renders", "it holds no states", "`dataset build` makes them.")
    return ids


def lgm(weights_path: Path, device_name: str = "cpu") -> tuple[Callable[[DataSet, StateId], Gaussians], int]:
    """Return what runs LGM on a state's four views, and the side of its maps. Raises WeightsError."""
    import torch

    from model import weights
    from model.network.partrm import PRESETS, from_weights, gaussians_from_output
    from model.network.partrm_input import rays, views_of
    from model.network.precision import fastest_dtype

    device = torch.device(device_name)
    tensors = {n: t for n, t in weights.load(weights_path).items() if not n.startswith(("lpips", "unet.conv_merges"))}
    network = from_weights(tensors, "big", device, fastest_dtype(device))
    size = PRESETS["big"].size

    def run(data: DataSet, id: StateId) -> Gaussians:
        cameras = network_cameras(data, id, INPUT_VIEWS, size)
        rgb = np.stack([on_white(data.picture(id, view)) for view in INPUT_VIEWS])
        views = views_of(torch.from_numpy(rgb).permute(0, 3, 1, 2), [rays(c, size, c.fov_y_deg) for c in cameras])
        nothing = torch.zeros(1, 1, 2, device=device)
        with torch.inference_mode():
            return gaussians_from_output(network(views[None].to(device), nothing, nothing)[0])

    return run, size // 2


def on_white(picture: np.ndarray) -> np.ndarray:
    """Lay an (H, W, 4) uint8 picture with straight alpha on white; (H, W, 3) float32, 0..1."""
    rgba = picture.astype(np.float32) / 255
    return rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]


def make_all(
    data: DataSet,
    ids: Sequence[StateId],
    made: Callable[[DataSet, StateId], Gaussians],
) -> dict[StateId, PartRMError]:
    """Make the Gaussians of states, one after the other; returns those that failed and why."""
    failed = {}
    for id in ids:
        try:
            make_one(data, id, made)
        except PartRMError as error:
            failed[id] = error
    return failed
