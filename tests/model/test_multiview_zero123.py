"""Zero123++ as a stage: what it is shown, and which views PartRM gets of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import weights
from model.camera import Camera
from model.errors import Cancelled, ImageError, WeightsError
from model.gaussians import Gaussians
from model.network.drag_embedding import FRAME
from model.network.partrm_input import RADIUS, partdrag4d_cameras, prepare_views
from model.network.zero123 import Noise, Zero123
from model.network.zero123_input import GREY, WHITE, composited
from model.network.zero123_load import load_zero123
from model.progress import Progress, silent
from model.stages.frame import FOV_DEG, crop_window, input_camera, photo_camera
from model.stages.multiview_zero123 import (
    AZIMUTHS_DEG,
    ELEVATIONS_DEG,
    SidesDrawer,
    draw_sides,
    enlarged,
    on_white,
    open_sides,
    vanilla_cameras,
    whitened,
)
from model.stages.state import State
from model.weights import Status

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
GOLDEN = SHARED / "zero123_tiny"
golden = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/golden beside the checkout")
ELEVATION_DEG = 25.0


def photo() -> tuple[np.ndarray, np.ndarray]:
    """A red box, right of the middle of a green wall."""
    image = np.full((120, 160, 3), (0, 200, 0), np.uint8)
    mask = np.zeros((120, 160), bool)
    mask[30:90, 90:150] = True
    image[mask] = (200, 0, 0)
    return image, mask


def state() -> State:
    image, mask = photo()
    crop = input_camera(np.deg2rad(ELEVATION_DEG), FOV_DEG, 64)
    three = np.zeros((0, 3), np.float32)
    nothing = Gaussians.from_colours(three, np.zeros((0, 4), np.float32), three, np.zeros(0, np.float32), three)
    return State(image, mask, photo_camera(crop, crop_window(mask), 160, 120), crop, nothing)


@pytest.fixture(scope="module")
def tiny() -> Zero123:
    """The fine-tune, with a small condition: quick."""
    parts = load_zero123(GOLDEN / "model", GOLDEN / "finetuned.ckpt").parts
    return Zero123(replace(parts, for_vae=replace(parts.for_vae, side=128, crop=(128, 128))), tile=64)


class Recorded(Zero123):
    """A network that draws the same tiles whatever it is shown, and remembers what that was."""

    def __init__(self, network: Zero123, background: int, tiles: np.ndarray) -> None:
        super().__init__(replace(network.parts, background=background), tile=network.tile)
        self.tiles, self.shown = tiles, list[np.ndarray]()

    def draw(
        self, picture: np.ndarray, noise: Noise, steps: int = 1, guidance: float = 4, progress: Progress = silent
    ) -> np.ndarray:
        self.shown.append(composited(picture, self.parts.background))
        return self.tiles


def numbered(background: float) -> np.ndarray:
    """Six tiles, each with a square as bright as its number."""
    tiles = np.full((6, 64, 64, 3), background, np.float32)
    for k, tile in enumerate(tiles):
        tile[20:50, 16:48] = (0.1 * k, 0.0, 0.9)
    return tiles


@golden
def test_network_is_shown_the_object_alone(tiny: Zero123) -> None:
    image, mask = photo()
    for background in (GREY, WHITE):
        network = Recorded(tiny, background, numbered(1.0))
        draw_sides(image, mask, crop_window(mask), network, ELEVATION_DEG)
        (shown,) = network.shown
        assert shown.shape == (FRAME, FRAME, 3)
        ys, xs = np.nonzero((shown != background).any(axis=2))
        assert abs(ys.mean() - FRAME / 2) < 2 and abs(xs.mean() - FRAME / 2) < 2  # in the middle, nearly as large
        assert 0.8 * FRAME < np.ptp(xs) < 0.95 * FRAME
        assert (np.median(shown[ys, xs], axis=0) == (200, 0, 0)).all()
        assert (shown[..., 1] <= background).all()  # nothing of the green wall


@golden
def test_finetunes_first_tiles_are_partrms_views(tiny: Zero123) -> None:
    image, mask = photo()
    sides = draw_sides(image, mask, crop_window(mask), Recorded(tiny, WHITE, numbered(0.98)), ELEVATION_DEG)
    assert sides.pictures.shape == (3, FRAME, FRAME, 3) and sides.three().cameras == sides.cameras
    for k, (camera, expected) in enumerate(zip(sides.cameras, partdrag4d_cameras()[1:], strict=True)):
        assert np.array_equal(camera.T_world_camera, expected.T_world_camera)
        assert abs(sides.pictures[k, 280, 256, 0] - 0.1 * k) < 0.01
    assert (sides.pictures[:, :40] == 1).all()  # nearly white became white
    four = torch.from_numpy(np.concatenate([sides.pictures[:1], sides.pictures]))  # the first stands for the image
    assert prepare_views(four, [partdrag4d_cameras()[0], *sides.cameras]).shape == (1, 4, 9, 256, 256)


@golden
def test_vanilla_has_six_views_with_poses_of_their_own(tiny: Zero123) -> None:
    image, mask = photo()
    sides = draw_sides(image, mask, crop_window(mask), Recorded(tiny, GREY, numbered(GREY / 255)), ELEVATION_DEG)
    assert len(sides.cameras) == 6 and sides.pictures.shape == (6, FRAME, FRAME, 3)
    for k, picture in enumerate(sides.pictures):
        assert abs(picture[280, 256, 0] - 0.1 * k) < 0.01
        assert (picture[:100] == 1).all() and (picture[-50:] == 1).all()  # grey became white
    three = sides.three()
    assert [sides.cameras.index(c) for c in three.cameras] == [0, 1, 5]
    assert np.array_equal(three.pictures[2], sides.pictures[5])


def test_vanilla_cameras_stand_where_the_tiles_were_drawn() -> None:
    inputs = Camera.orbit(0, ELEVATION_DEG, RADIUS, 40, 64, 64)
    up = inputs.T_world_camera[:3, :3].T @ [0, 1, 0]  # the true vertical, in the frame of camera 0
    front = np.array([0, 0, 1]) - up[2] * up
    front /= np.linalg.norm(front)
    right = np.cross(up, front)
    for camera, azimuth, elevation in zip(vanilla_cameras(ELEVATION_DEG), AZIMUTHS_DEG, ELEVATIONS_DEG, strict=True):
        p = camera.position
        assert np.linalg.norm(p) == pytest.approx(RADIUS)
        assert np.degrees(np.arcsin(p @ up / RADIUS)) == pytest.approx(elevation)
        assert np.degrees(np.arctan2(p @ right, p @ front)) % 360 == pytest.approx(azimuth)
        np.testing.assert_allclose(camera.T_world_camera[:3, 2], p / RADIUS, atol=1e-9)  # looks at the origin
    assert vanilla_cameras(20)[0].position[0] > 0  # 30 degrees is to the camera's right


def test_tiles_are_stored_and_whitened_as_partrm_does() -> None:
    tile = np.zeros((64, 64, 3), np.float32)
    tile[:32] = 245 / 255
    tile[32:] = (1.0, 1.0, 244.4 / 255)
    picture = enlarged(tile)
    assert (
        picture.shape == (FRAME, FRAME, 3) and set(picture[0, 0]) == {245} and tuple(picture[-1, 0]) == (255, 255, 244)
    )
    white = whitened(picture)
    assert (white[:250] == 1).all() and (white[-250:, :, 2] < 1).all()


def test_a_side_with_nothing_to_see_is_white() -> None:
    assert (on_white(np.full((64, 64, 3), GREY, np.uint8)) == 1).all()


@golden
def test_draws_with_progress_and_the_same_for_the_same_seed(tiny: Zero123) -> None:
    image, mask = photo()
    told: list[float] = []

    def draw(seed: int) -> np.ndarray:
        return draw_sides(
            image, mask, crop_window(mask), tiny, ELEVATION_DEG, 1, seed, lambda f, what: told.append(f)
        ).pictures

    first = draw(5)
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1
    assert np.array_equal(first, draw(5)) and not np.array_equal(first, draw(6))


@golden
def test_images_without_an_object_are_refused(tiny: Zero123) -> None:
    image, mask = photo()
    with pytest.raises(ImageError):
        draw_sides(image, np.zeros_like(mask), crop_window(mask), tiny, ELEVATION_DEG)
    draw_sides(image, np.ones_like(mask), crop_window(np.ones_like(mask)), Recorded(tiny, WHITE, numbered(1)), 0.0)


@golden
def test_the_network_is_opened_once_and_not_before_it_is_needed(tiny: Zero123) -> None:
    opened: list[Recorded] = []

    def open_network(progress: Progress) -> Zero123:
        progress(1.0, "Reading")
        opened.append(Recorded(tiny, WHITE, numbered(1.0)))
        return opened[0]

    sides, told = SidesDrawer(open_network), list[float]()
    assert not opened
    sides(state(), lambda f, what: told.append(f))
    sides(state())
    assert told == [0.3] and len(opened) == 1 and len(opened[0].shown) == 2


@golden
def test_a_cancelled_drawing_can_be_begun_again(tiny: Zero123) -> None:
    def stop(fraction: float, what: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    sides, seen = SidesDrawer(lambda progress: tiny, steps=1), state()
    with pytest.raises(Cancelled):
        sides(seen, stop)
    assert sides(seen).pictures.shape == (3, FRAME, FRAME, 3)


@golden
def test_the_finetune_of_partrms_name_is_read_where_it_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "data_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="zero123plus"):
        open_sides("partdrag4d", torch.device("cpu"))
    for name in ("zero123plus", "zero123_partdrag4d"):
        place = weights.place(weights.known(name))
        place.parent.mkdir(parents=True, exist_ok=True)
        if name == "zero123plus":
            shutil.copytree(GOLDEN / "model", place)
        else:
            shutil.copy(GOLDEN / "finetuned.ckpt", place)
        for path in weights.file_places(weights.known(name)).values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()  # what the tiny model does without
    monkeypatch.setattr(
        weights, "status", lambda entry: Status("present" if weights.place(entry).exists() else "absent")
    )
    tuned = open_sides("partdrag4d", torch.device("cpu")).opened(silent)
    vanilla = open_sides("objaverse_hq", torch.device("cpu")).opened(silent)
    assert tuned.parts.background == WHITE and vanilla.parts.background == GREY
