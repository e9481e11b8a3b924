"""PartRM behind the predictor's seam: what it is shown, where its Gaussians end, and how it stops."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model import weights
from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import Cancelled, DragError, WeightsError
from model.gaussians import Gaussians, matrix_from_quaternion
from model.network.embedded import Completion, PartNet, Surface
from model.network.partrm import PartRM
from model.network.partrm_input import partdrag4d_cameras
from model.network.zero123 import Zero123
from model.progress import Progress, silent
from model.stages.frame import FILL, input_camera, reframed, window_of
from model.stages.multiview_zero123 import Sides, SidesDrawer
from model.stages.pipeline import Pipeline, find_sides
from model.stages.predict import EmbeddedPredictor, surface_picture
from model.stages.predict_partrm import (
    FRAMING,
    Framing,
    PartRMPredictor,
    carried,
    framing_of,
    input_pictures,
    load_partrm,
    spread_drags,
)
from model.stages.state import Part, State
from tests.model.two_halves import HIGH, WIDE, WINDOW, two_halves

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def part(of: State) -> Part:
    """The green half."""
    mask = of.mask & (of.camera.pixel_grid()[..., 0] > 70)
    splats = of.camera.project(of.gaussians.positions)[0][:, 0] > 70
    grab = of.camera.unproject(np.array([80.0, 40.0]), float(np.linalg.norm(of.crop.position)))
    joint = Joint("prismatic", np.array([1.0, 0.0, 0.0]), np.zeros(3))
    return Part((80.0, 40.0), mask, splats, grab, 1.0, (joint,), (0.0,))


def predictor() -> PartRMPredictor:
    embedded = EmbeddedPredictor(PartNet().eval(), Completion().eval(), surface_picture)
    return PartRMPredictor(PartRM("small").eval().requires_grad_(False), embedded, surface_picture, size=64)


PULL = Drag((80.0, 40.0), (95.0, 40.0))


def test_predicts_a_state_with_part_and_motion() -> None:
    told: list[float] = []
    before = two_halves()
    prediction = predictor().predict(before, [PULL], part(before), lambda f, what: told.append(f))
    after = prediction.state
    assert 0 < len(after.gaussians) <= 4 * 32 * 32
    assert not after.gaussians.antialiased and after.gaussians.opacities.min() >= 0.005
    assert after.image.shape == (HIGH, WIDE, 3) and after.mask.shape == (HIGH, WIDE)
    assert after.camera is before.camera and after.crop is before.crop
    assert prediction.motion is not None and prediction.motion.amount > 0.05
    assert set(prediction.times_s) == {"part", "motion", "views", "network", "picture"}
    assert told == sorted(told) and told[-1] == 1


def test_finds_the_part_itself_where_none_is_given() -> None:
    prediction = predictor().predict(two_halves(), [PULL])
    assert prediction.part is not None and prediction.part.mask[40, 80]
    assert prediction.times_s["part"] > 0


def test_stops_between_the_networks_blocks() -> None:
    calls = 0

    def stop(fraction: float, what: str) -> None:
        nonlocal calls
        if what == "Predicting":
            calls += 1
            if calls == 3:
                raise Cancelled

    before = two_halves()
    with pytest.raises(Cancelled):
        predictor().predict(before, [PULL], part(before), stop)
    assert calls == 3


def points(positions: np.ndarray) -> Gaussians:
    n = len(positions)
    turned = np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1))
    return Gaussians.from_colours(positions, turned, np.full((n, 3), 0.01), np.ones(n), np.ones((n, 3)))


@pytest.mark.parametrize("fov_deg", [15.0, 35.0, 49.1, 60.0])
def test_gaussians_keep_their_place_in_the_frame(fov_deg: float) -> None:
    source, target = partdrag4d_cameras(512)[0], input_camera(0.4, fov_deg, 200)
    rng = np.random.default_rng(0)
    there = np.concatenate([np.zeros((1, 3)), rng.uniform(-0.9, 0.9, (50, 3))]).astype(np.float32)
    here = carried(points(there), source, target)
    pixels, depth = target.project(here.positions)
    np.testing.assert_allclose(pixels[0], (100, 100), atol=1e-4)
    np.testing.assert_allclose(pixels / 200, source.project(there)[0] / 512, atol=1e-5)
    assert depth.min() > 0 and np.array_equal(np.argsort(depth), np.argsort(source.project(there)[1]))
    # a Gaussian takes up as much of the frame as before
    span = here.scales[:, 0] * target.fx / depth / 200
    np.testing.assert_allclose(span, 0.01 * source.fx / source.project(there)[1] / 512, rtol=1e-4)


def test_a_known_offset_lands_on_the_right_pixel() -> None:
    target = input_camera(0.0, 35.0, 200)
    border = 2.4 * np.tan(np.deg2rad(49.1) / 2)  # of PartRM's frame at its origin
    here = carried(points(np.array([[border / 2, border / 4, 0]])), partdrag4d_cameras()[0], target)
    np.testing.assert_allclose(here.positions[0], (0.3, 0.15, 0), atol=1e-5)
    np.testing.assert_allclose(target.project(here.positions[0])[0], (150, 75), atol=1e-3)


def test_with_equal_lenses_the_way_is_a_similarity() -> None:
    source, target = partdrag4d_cameras()[0], input_camera(0.5, 49.1, 64)
    there = np.random.default_rng(1).uniform(-0.9, 0.9, (20, 3)).astype(np.float32)
    here = carried(points(there), source, target)
    scale = np.linalg.norm(target.position) / 2.4
    R = target.T_world_camera[:3, :3]
    np.testing.assert_allclose(here.positions, scale * there @ R.T, atol=1e-5)
    np.testing.assert_allclose(here.scales, 0.01 * scale, rtol=1e-5)
    np.testing.assert_allclose(matrix_from_quaternion(here.rotations), np.tile(R, (20, 1, 1)), atol=1e-5)


def test_the_way_back_ends_where_it_began() -> None:
    here = two_halves().gaussians
    crop, lens = reframed(input_camera(0.3, 35.0, 64), 0.4, 0.15), partdrag4d_cameras()[0]
    back = carried(carried(here, crop, lens), lens, crop)
    np.testing.assert_allclose(back.positions, here.positions, atol=1e-5)
    np.testing.assert_allclose(back.scales, here.scales, rtol=1e-4)
    np.testing.assert_allclose(np.abs((back.rotations * here.rotations).sum(1)), 1, atol=1e-5)


def test_the_window_is_the_one_the_photo_was_cut_by() -> None:
    before = two_halves()
    np.testing.assert_allclose(window_of(before.camera, before.crop), WINDOW)


def test_pictures_are_the_image_and_the_gaussians_on_white() -> None:
    before = two_halves()
    asked: list[Camera] = []

    def rasterize(gaussians: Gaussians, camera: Camera) -> np.ndarray:
        asked.append(camera)
        return surface_picture(gaussians, camera)

    cameras = partdrag4d_cameras(128)
    pictures = input_pictures(before, cameras, rasterize)
    assert pictures.shape == (4, 128, 128, 3) and pictures.dtype == np.float32
    assert asked == cameras[1:]
    assert (pictures[:, 2, 2] == 1).all()
    np.testing.assert_allclose(pictures[0, 64, 48], (1, 0, 0), atol=0.01)
    np.testing.assert_allclose(pictures[0, 64, 80], (0, 1, 0), atol=0.01)
    # camera 0 would see the same thing at the same place: the pictures belong together
    itself = surface_picture(carried(before.gaussians, before.crop, cameras[0]), cameras[0])
    seen, shown = itself[..., 3] > 0.5, pictures[0].min(2) < 0.5
    assert (seen & shown).sum() / (seen | shown).sum() > 0.9


def test_the_network_sees_the_object_as_large_and_where_it_knows_it() -> None:
    before, made = two_halves(), predictor()  # the square takes half of its crop
    for framing in (Framing(FILL, 0.0), FRAMING):
        made.framing = framing
        framed = made.framed(before)
        camera = partdrag4d_cameras(512)[0]
        white = input_pictures(framed, [camera], surface_picture)[0].min(2)
        rows, columns = np.nonzero(white < 0.5)
        assert np.ptp(columns) / 512 == pytest.approx(0.5 * framing.fill / FILL, abs=0.01)
        assert rows.mean() / 512 == pytest.approx(0.5 - framing.lift, abs=0.01)
        # the Gaussians lie where the picture shows them
        pixels, _ = camera.project(carried(before.gaussians, framed.crop, camera).positions)
        np.testing.assert_allclose(pixels.mean(0), (columns.mean(), rows.mean()), atol=3)
    assert (framing_of("partdrag4d"), framing_of(Path("x/objaverse_hq.safetensors")).lift) == (FRAMING, 0)


def test_drags_are_spread_over_the_part_in_the_512_frame() -> None:
    before = two_halves()
    starts, ends = spread_drags(before, part(before), [PULL, Drag((75.0, 30.0), (75.0, 35.0))])
    assert starts.shape == ends.shape == (20, 2)
    scale = 512 / WINDOW[2]
    left, top, _ = WINDOW
    assert starts[:, 0].min() >= (70 - left) * scale - 3 and starts[:, 1].max() <= (65 - top) * scale + 3
    np.testing.assert_allclose(ends[:10] - starts[:10], [[15 * scale, 0]] * 10, atol=1e-3)
    np.testing.assert_allclose(ends[10:] - starts[10:], [[0, 5 * scale]] * 10, atol=1e-3)


def test_drag_just_beside_the_part_is_moved_onto_it_and_one_without_length_refused() -> None:
    before = two_halves()
    starts, _ = spread_drags(before, part(before), [Drag((69.0, 40.0), (90.0, 40.0))])
    assert starts.shape == (10, 2)
    with pytest.raises(DragError, match="no length"):
        spread_drags(before, part(before), [Drag((80.0, 40.0), (80.0, 40.0))])


def test_part_too_small_for_the_frame_still_moves() -> None:
    before = two_halves()
    empty = np.zeros_like(before.mask)
    tiny = Part((80.5, 40.5), empty, np.zeros(len(before.gaussians), bool), np.zeros(3), 1.0)
    starts, _ = spread_drags(before, tiny, [Drag((80.5, 40.5), (90.5, 40.5))])
    assert torch.equal(starts, starts[:1].expand(10, 2))


def test_released_weights_are_told_by_their_shapes(tmp_path: Path) -> None:
    network = PartRM("small")
    path = tmp_path / "mine.safetensors"
    save_file(network.state_dict(), path)
    loaded = load_partrm(path, CPU)
    assert loaded.preset == "small" and not loaded.training
    torch.testing.assert_close(loaded.conv.weight, network.conv.weight)
    save_file(PartRM("small", "none").state_dict(), path)
    with pytest.raises(WeightsError, match="LGM"):
        load_partrm(path, CPU)
    save_file({"unet.conv_in.weight": torch.zeros(7, 9, 3, 3)}, path)
    with pytest.raises(WeightsError, match="PartRM"):
        load_partrm(path, CPU)


def test_pipeline_predicts_with_weights_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in (("surface", Surface), ("part", PartNet), ("completion", Completion)):
        save_file(kind().state_dict(), tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    path = tmp_path / "partrm.safetensors"
    save_file(PartRM("small").state_dict(), path)
    pipeline = Pipeline(str(path), "cpu")
    assert isinstance(pipeline.predictor, PartRMPredictor)
    pipeline.predictor.size = 64
    before = two_halves()
    found = pipeline.part(before, PULL.start_px)
    assert pipeline.motion(before, found, PULL).joint.kind in ("prismatic", "revolute")
    prediction = pipeline.predict(before, [PULL], found, silent)
    assert prediction.part is found and len(prediction.state.gaussians) > 0
    assert Pipeline(device="cpu").predictor.name == "embedded"


def test_sides_of_a_photo_are_asked_for_once_and_those_of_a_predicted_state_never() -> None:
    asked: list[State] = []

    class Recorded(SidesDrawer):
        def __call__(self, of: State, progress: Progress = silent) -> Sides:
            asked.append(of)
            progress(0.5, "Drawing")
            grey = np.full((3, 512, 512, 3), 0.5, np.float32)
            return Sides(tuple(partdrag4d_cameras()[1:]), grey)

    def never(progress: Progress) -> Zero123:
        raise AssertionError

    with_sides, before = predictor(), two_halves()
    with_sides.sides = Recorded(never)
    found = part(before)
    first = with_sides.predict(before, [PULL], found)
    assert [of.image for of in asked] == [before.image]
    views = with_sides.views(before)
    own = predictor().views(before)
    torch.testing.assert_close(views[:, 0], own[:, 0])  # the photo itself
    torch.testing.assert_close(views[:, 1:, 3:], own[:, 1:, 3:])  # the same rays
    assert views[0, 1, :3].std(dim=(1, 2)).max() < 1e-6 < own[0, 1, :3].std()
    with_sides.predict(before, [Drag(PULL.start_px, (90.0, 45.0))], found)
    with_sides.predict(first.state, [PULL], replace(found, splats=np.ones(len(first.state.gaussians), bool)))
    assert len(asked) == 1


def test_weights_from_which_nothing_comes_are_told() -> None:
    broken, before = predictor(), two_halves()
    with torch.no_grad():
        for parameter in broken.network.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(WeightsError, match="drew nothing"):
        broken.predict(before, [PULL], part(before))


def test_zero123_is_asked_where_it_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    for sides in ("auto", "own"):
        assert find_sides("partdrag4d", CPU, sides) is None
    with pytest.raises(WeightsError) as caught:
        find_sides("partdrag4d", CPU, "zero123")
    assert "zero123plus" in caught.value.title


def test_absent_weights_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    with pytest.raises(WeightsError) as caught:
        Pipeline("partdrag4d", "cpu")
    assert "GasaiYU/PartRM" in caught.value.hint


def test_a_slow_first_forward_is_made_ahead_once_and_may_be_stopped() -> None:
    state, asked = two_halves(), 0
    made = predictor()

    class Counting(torch.nn.Module):
        def __init__(self, inner: PartRM) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *given: object) -> torch.Tensor:
            nonlocal asked
            asked += 1
            return torch.as_tensor(self.inner(*given))

    warm = PartRMPredictor(made.network, made.embedded, surface_picture, size=64, warms_up=True)
    warm.network = Counting(made.network)  # type: ignore[assignment]

    def stop(fraction: float, what: str) -> None:
        if what == "Warming up":
            raise Cancelled

    with pytest.raises(Cancelled):
        warm.prepare(state, stop)
    warm.prepare(state)
    warm.prepare(state)
    assert asked == 2  # the one that was stopped counts for nothing
    made.prepare(state)
    assert made.views(state) is made.views(state)
