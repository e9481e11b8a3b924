"""The protocol on a data set: what is framed, what is true, and that each method's pictures stand where they should."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.camera import Camera
from model.drag import Drag
from model.errors import FormatError
from model.evaluation.baselines import DragFirst, NvsFirst, lgm, part_in, surfaces, with_margin
from model.evaluation.editors import CopyEditor
from model.evaluation.framed import Framed, framed
from model.evaluation.methods import Embedded, PartRMMethod, frame_of, true_state
from model.evaluation.metrics import iou
from model.evaluation.pairs import Pair
from model.evaluation.protocol import INPUTS, Sample, answered, sample_of, score
from model.evaluation.truth import SourcePictures, TrueSplats, normals_of, true_views
from model.gaussians import Gaussians
from model.network.partrm import PartRM
from model.network.partrm_input import FOV_Y_DEG
from model.partdrag4d.dataset import DataSet, open_dataset
from model.partdrag4d.network_view import network_cameras
from model.stages.multiview_zero123 import Sides
from model.stages.pipeline import Pipeline
from model.stages.predict import surface_picture
from model.stages.state import State
from tests.model.procedural_dataset import write_object


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    root = tmp_path_factory.mktemp("data")
    write_object(root, 1, (0, 3))
    return open_dataset(root)


@pytest.fixture(scope="module")
def sample(data: DataSet) -> Sample:
    return sample_of(data, Pair(*data.ids("val")))


@pytest.fixture(scope="module")
def frame(sample: Sample) -> Framed:
    return frame_of(sample)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(rasterize=surface_picture)


def cover(pictures: np.ndarray) -> np.ndarray:
    """Say where pictures on white show something."""
    return np.asarray(pictures.min(axis=-1) < 250 / 255)


def test_a_framed_object_fills_the_frame_as_in_training(frame: Framed) -> None:
    rows, cols = np.flatnonzero(frame.mask.any(1)), np.flatnonzero(frame.mask.any(0))
    size = len(frame.mask)
    longer = max(np.ptp(rows), np.ptp(cols)) + 1
    assert longer == pytest.approx(0.88 * size, abs=4)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(size / 2, abs=3)
    assert (cols[0] + cols[-1]) / 2 == pytest.approx(size / 2, abs=3)


def test_points_stay_under_their_pixels_when_a_view_is_framed(sample: Sample, frame: Framed) -> None:
    points = sample.data.points(sample.pair.source)[::50]
    view, _ = sample.input_cameras[0].project(points)
    seen, _ = frame.camera.project(points)
    carried = np.array([(frame.H @ (*p, 1.0))[:2] / (frame.H @ (*p, 1.0))[2] for p in view])
    np.testing.assert_allclose(carried, seen, atol=1e-6)


def test_the_picture_is_warped_with_its_pixels(sample: Sample, frame: Framed) -> None:
    there = sample.inputs[0, ..., 3] > 127
    assert iou(frame.area(there), frame.mask) > 0.99
    row, col = np.argwhere(there)[len(np.argwhere(there)) // 2]
    x, y = frame.pixel((col + 0.5, row + 0.5))
    near = frame.image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].astype(int)
    assert np.abs(near.mean((0, 1)) - sample.inputs[0, row, col, :3]).max() < 40


def test_the_embedded_world_sees_the_object_as_the_data_set_does(sample: Sample, frame: Framed) -> None:
    points = sample.data.points(sample.pair.source)[::50].astype(np.float64)
    flat = np.zeros((len(points), 3))
    splats = Gaussians.from_colours(
        points, np.tile([1.0, 0, 0, 0], (len(points), 1)), flat + 0.01, flat[:, 0] + 1, flat
    )
    there = frame.gaussians(splats).positions
    cameras = frame.cameras(sample.cameras, frame.eye)
    for ours, camera in zip(cameras, sample.cameras, strict=True):
        np.testing.assert_allclose(ours.project(there)[0], camera.project(points)[0], atol=2e-3)
    way = frame.shift(points[0], points[1], frame.eye)
    np.testing.assert_allclose(way, there[1] - there[0], atol=1e-5)
    assert np.abs(there).max() < 0.8


def test_an_object_in_a_corner_is_turned_to() -> None:
    camera = Camera.orbit(20, 30, 3, 40, 128, 128)
    rgba = np.zeros((128, 128, 4), np.uint8)
    rgba[8:40, 90:120] = (10, 200, 30, 255)
    made = framed(rgba, camera, np.zeros(3), 64)
    assert made.mask[32, 32] and abs(made.mask.mean() - 0.88**2) < 0.1
    assert np.linalg.norm(made.camera.position - camera.position) < 1e-12
    sight = made.middle - camera.position
    np.testing.assert_allclose(np.cross(sight, made.camera.T_world_camera[:3, 2]), 0, atol=1e-9)


def test_normals_of_a_plane_and_a_step() -> None:
    camera = Camera.orbit(30, 20, 2, 40, 32, 32)
    depth = np.full((32, 32), 2.0, np.float32)
    depth[:, 16:] = 1.5
    depth[:4] = 0
    normal = normals_of(camera, depth)
    expected = np.broadcast_to(camera.T_world_camera[:3, 2], (27, 32, 3))
    np.testing.assert_allclose(normal[5:], expected, atol=1e-5)
    assert normal.dtype == np.float32 and np.isfinite(normal).all()


def test_true_splats_lie_where_the_views_show_them(sample: Sample) -> None:
    for state, truth in ((False, sample.before), (True, sample.after)):
        made = TrueSplats("x", state, surface_picture)(sample)
        assert iou(cover(made), cover(truth / 255)) > 0.9


def test_the_oracle_beats_no_motion_where_something_moves(sample: Sample) -> None:
    def moving(of_target: bool) -> float:
        made, _ = answered(TrueSplats("x", of_target, surface_picture), sample)
        return float(np.nanmean(score(made, sample.before, sample.after).moving))

    assert moving(True) > moving(False) + 5


def test_the_source_pictures_are_exact_where_nothing_moves(sample: Sample) -> None:
    made, _ = answered(SourcePictures(), sample)
    np.testing.assert_array_equal(made, sample.before)
    still = score(sample.after, sample.before, sample.after)
    assert set(still.psnr) == {float("inf")} and min(still.ssim) == pytest.approx(1)
    assert still.lpips == still.lpips_published == ()


def test_lpips_is_fed_as_published_and_as_meant(sample: Sample) -> None:
    scores = score(sample.before, sample.before, sample.after, lambda a, b: (float(np.abs(a - b).max()), 7.0))
    assert len(scores.lpips_published) == 8 and max(scores.lpips_published) <= 1 and set(scores.lpips) == {7.0}


def test_without_depth_the_gaussian_database_is_asked(data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataSet, "depth", lambda self, id, view: None)
    sample = sample_of(data, Pair(*data.ids("val")))
    with pytest.raises(FormatError, match="neither depth nor Gaussians"):
        TrueSplats("oracle", True, surface_picture)(sample)
    with pytest.raises(FormatError, match="no depth"):
        true_state(sample, frame_of(sample))


@pytest.mark.parametrize("setting", ["one image", "true views"])
def test_the_embedded_model_draws_what_the_data_sets_cameras_see(
    sample: Sample, pipeline: Pipeline, setting: str
) -> None:
    made, _ = answered(Embedded(pipeline, surface_picture, setting), sample)  # type: ignore[arg-type]
    assert iou(cover(made[0] / 255), cover(sample.after[0] / 255)) > 0.85
    assert iou(cover(made / 255), cover(sample.after / 255)) > (0.8 if setting == "true views" else 0.65)


def test_the_embedded_models_own_splats_unmoved_show_the_source(sample: Sample, pipeline: Pipeline) -> None:
    made, _ = answered(Embedded(pipeline, surface_picture, "one image, no motion"), sample)
    assert iou(cover(made[0] / 255), cover(sample.before[0] / 255)) > 0.9


def stand_in(seen: list[tuple[torch.Tensor, ...]], sample: Sample) -> Callable[..., torch.Tensor]:
    """Return a forward that gives the true splats of the target, in PartRM's frame."""

    def forward(views: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        seen.append((views, starts, ends))
        true = true_views(sample.data, sample.pair.target)
        assert true is not None
        points = np.concatenate([v.camera.unproject(v.camera.pixel_grid(), v.depth)[v.depth > 0] for v in true])
        colours = np.concatenate([v.rgb[v.depth > 0] for v in true])
        source, target = sample.input_cameras[0], network_cameras(sample.data, sample.pair.source, INPUTS, 512)[0]
        scale = np.linalg.norm(target.position) / np.linalg.norm(source.position)
        T = source.T_camera_world
        local = (points @ T[:3, :3].T + T[:3, 3]) * scale
        wide = np.tan(np.deg2rad(FOV_Y_DEG) / 2) / np.tan(np.deg2rad(source.fov_y_deg) / 2)
        local[:, :2] *= wide  # seen at the same place through the other lens
        n = len(local)
        flat = np.tile([0.99, 0.004, 0.004, 0.004, 1, 0, 0, 0], (n, 1))
        rows = np.concatenate([local @ target.T_world_camera[:3, :3].T + target.position, flat, colours], axis=1)
        return torch.from_numpy(rows.astype(np.float32))[None]

    return forward


def test_partrm_gets_four_views_and_ten_drags_and_is_drawn_through_its_own_lens(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, ...]] = []
    network = PartRM("small")
    monkeypatch.setattr(network, "forward", stand_in(seen, sample))
    made, _ = answered(PartRMMethod("PartRM", network, surface_picture), sample)
    views, starts, ends = seen[0]
    assert views.shape[:3] == (1, 4, 9) and starts.shape == ends.shape == (1, 10, 2)
    assert iou(cover(made[0] / 255), cover(sample.after[0] / 255)) > 0.8
    answered(PartRMMethod("PartRM", network, surface_picture, drags=1), sample)
    assert seen[1][1].shape == (1, 1, 2)


def test_both_baselines_end_in_splats_that_the_cameras_see(sample: Sample, pipeline: Pipeline) -> None:
    editor = CopyEditor()
    for method in (
        NvsFirst(editor, pipeline, surface_picture, surfaces(pipeline)),
        DragFirst(editor, pipeline, surface_picture, None),
    ):
        made, _ = answered(method, sample)
        assert iou(cover(made[0] / 255), cover(sample.before[0] / 255)) > 0.85, method.name
        assert iou(cover(made / 255), cover(sample.before / 255)) > 0.6, method.name


def test_lgm_rebuilds_where_its_weights_are(sample: Sample, pipeline: Pipeline) -> None:
    torch.manual_seed(0)
    rebuild = lgm(PartRM("small", "none").eval(), size=64)
    made, _ = answered(DragFirst(CopyEditor(), pipeline, surface_picture, rebuild), sample)
    assert made.shape == sample.after.shape
    cameras = [Camera.orbit(a, 20, 2, 40, 64, 64) for a in (0, 90, 180, 270)]
    splats = rebuild([np.full((64, 64, 3), 255, np.uint8)] * 4, cameras)
    assert np.isfinite(splats.positions).all()


def test_every_side_is_dragged_where_it_sees_the_part(sample: Sample, pipeline: Pipeline) -> None:
    told: list[tuple[Drag, bool]] = []

    class Watched(CopyEditor):
        def __call__(self, image: np.ndarray, drags: object, mask: np.ndarray | None = None) -> np.ndarray:
            assert isinstance(drags, list) and mask is not None and mask.shape == image.shape[:2]
            told.append((drags[0], bool(mask.any())))
            return image

    answered(NvsFirst(Watched(), pipeline, surface_picture, surfaces(pipeline)), sample)
    assert len(told) == 4 and told[0][1]
    first = frame_of(sample).drag(sample.pull.drag)
    margin = told[0][0].start_px[0] - first.start_px[0]
    assert margin == pytest.approx(128) and told[0][0].length_px == pytest.approx(first.length_px, rel=0.4)


def test_a_margin_keeps_the_view(frame: Framed) -> None:
    part = np.zeros_like(frame.mask)
    picture, mask, drag, camera = with_margin(frame.image, part, Drag((1, 2), (3, 400)), frame.camera)
    assert picture.shape == (768, 768, 3) and mask.shape == (768, 768) and drag == Drag((129, 130), (131, 528))
    before, _ = frame.camera.project(np.zeros((1, 3)))
    after, _ = camera.project(np.zeros((1, 3)))
    np.testing.assert_allclose(after, before + 128)


def test_a_side_that_sees_nothing_of_the_part_has_no_mask(sample: Sample, frame: Framed) -> None:
    views = true_views(sample.data, sample.pair.source)
    assert views is not None
    none = np.zeros_like(frame.mask)
    assert not part_in(views[3], views[0], none).any()
    assert part_in(replace(views[0]), views[0], np.ones_like(frame.mask)).any()


def test_a_damaged_view_names_its_file(data: DataSet, tmp_path: Path) -> None:
    source, target = data.ids("val")
    path = data.folder(target) / "003.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(FormatError, match=r"003\.png"):
            sample_of(data, Pair(source, target))
    finally:
        path.write_bytes(whole)


def test_views_1_to_3_may_be_zero123s(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[State] = []

    def sides(state: State) -> Sides:
        asked.append(state)
        return Sides(
            tuple(network_cameras(sample.data, sample.pair.source, INPUTS, 512)[1:]),
            np.full((3, 512, 512, 3), 0.25, np.float32),
        )

    seen: list[tuple[torch.Tensor, ...]] = []
    network = PartRM("small")
    monkeypatch.setattr(network, "forward", stand_in(seen, sample))
    answered(PartRMMethod("PartRM", network, surface_picture, sides=sides), sample)  # type: ignore[arg-type]
    answered(PartRMMethod("PartRM", network, surface_picture), sample)
    (drawn_views, *_), (true, *_) = seen
    assert asked[0].image.shape == (512, 512, 3) and (asked[0].mask == (sample.inputs[0, ..., 3] > 127)).all()
    torch.testing.assert_close(drawn_views[:, 0], true[:, 0])
    torch.testing.assert_close(drawn_views[:, :, 3:], true[:, :, 3:])
    assert drawn_views[:, 1:, :3].std(dim=(-1, -2)).max() < 1e-5 < true[:, 1:, :3].std(dim=(-1, -2)).min()
