"""Images in, object masks out: files of every kind, plain and busy backgrounds, boxes, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from model.errors import Cancelled, ImageError
from model.stages import load
from model.stages.load import load_image
from model.stages.segment import object_mask

IMAGES = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "images"
real = pytest.mark.skipif(not IMAGES.is_dir(), reason="no ../shared/data/images beside the checkout")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def scene(colour: tuple[int, int, int], floor: tuple[int, int, int] = (248, 248, 250)) -> tuple[np.ndarray, np.ndarray]:
    """Draw a box of one colour on a plain ground; returns (300, 400, 4) and its true mask."""
    rng = np.random.default_rng(0)
    truth = np.zeros((300, 400), np.uint8)
    cv2.fillConvexPoly(truth, np.array([[120, 60], [240, 40], [310, 80], [300, 230], [230, 260], [130, 220]]), 1)
    shading = np.linspace(0.85, 1, 400)[None, :, None]
    rgb = np.where(truth[..., None] > 0, np.array(colour) * shading, np.array(floor))
    rgb = np.clip(rgb + rng.normal(0, 1.0, rgb.shape), 0, 255).astype(np.uint8)
    return np.dstack([rgb, np.full((300, 400), 255, np.uint8)]), truth > 0


@pytest.mark.parametrize("colour", [(200, 150, 90), (60, 60, 62), (170, 172, 175), (20, 40, 120), (225, 222, 215)])
def test_plain_background_gives_the_object_of_any_colour(colour: tuple[int, int, int]) -> None:
    rgba, truth = scene(colour)
    assert iou(object_mask(rgba), truth) > 0.97


def test_gradient_in_the_background_is_followed() -> None:
    rgba, truth = scene((200, 150, 90))
    fall = np.linspace(1, 0.75, 300)[:, None, None] * np.linspace(0.9, 1, 400)[None, :, None]
    rgba[..., :3] = np.where(truth[..., None], rgba[..., :3], rgba[..., :3] * fall)
    assert iou(object_mask(rgba), truth) > 0.97


def test_soft_and_hard_shadow_do_not_belong_to_the_object() -> None:
    rgba, truth = scene((200, 150, 90))
    below = np.zeros((300, 400), np.float32)
    cv2.ellipse(below, (225, 245), (150, 25), 0, 0, 360, 1, -1)
    soft = 1 - 0.15 * cv2.GaussianBlur(below, (0, 0), 12)
    hard = np.roll(truth, 9, axis=0) & ~truth & (np.arange(300)[:, None] > 200)
    ground = rgba[..., :3] * soft[..., None]
    ground[hard] = 120
    rgba[..., :3] = np.where(truth[..., None], rgba[..., :3], ground)
    mask = object_mask(rgba)
    assert iou(mask, truth) > 0.96
    assert mask[hard].mean() < 0.15


def test_object_that_touches_the_border_is_whole() -> None:
    rgba, truth = scene((200, 150, 90))
    assert iou(object_mask(rgba[:, 125:].copy()), truth[:, 125:]) > 0.96


def test_transparency_is_the_mask() -> None:
    rgba, truth = scene((200, 150, 90))
    rgba[..., 3] = np.where(truth, 255, 0)
    np.testing.assert_array_equal(object_mask(rgba), truth)


def test_box_chooses_one_of_two_objects() -> None:
    rgba, truth = scene((200, 150, 90))
    both = np.hstack([rgba, rgba[:, :, :]])
    mask = object_mask(both, (405, 5, 795, 295))
    assert iou(mask[:, 400:], truth) > 0.97 and not mask[:, :400].any()


def test_busy_background_is_split_inside_a_box() -> None:
    rgba, truth = scene((210, 120, 40))
    rng = np.random.default_rng(1)
    busy = cv2.resize(rng.integers(0, 120, (30, 40, 3), dtype=np.uint8), (400, 300), interpolation=cv2.INTER_CUBIC)
    rgba[..., :3] = np.where(truth[..., None], rgba[..., :3], busy)
    assert iou(object_mask(rgba, (100, 25, 330, 280)), truth) > 0.9
    np.testing.assert_array_equal(object_mask(rgba), object_mask(rgba))


def test_no_object_is_told_with_a_hint() -> None:
    empty = np.full((100, 120, 4), 255, np.uint8)
    with pytest.raises(ImageError, match="No object found") as caught:
        object_mask(empty)
    assert "box" in caught.value.hint
    with pytest.raises(ImageError, match="transparent"):
        object_mask(np.zeros((100, 120, 4), np.uint8))
    with pytest.raises(ImageError, match="too small"):
        object_mask(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(ImageError, match="box is too small"):
        object_mask(empty, (500, 500, 600, 600))


def test_segmenting_can_be_cancelled() -> None:
    def stop(fraction: float, what: str) -> None:
        if fraction > 0.1:
            raise Cancelled

    with pytest.raises(Cancelled):
        object_mask(scene((200, 150, 90))[0], progress=stop)


@real
def test_cabinet_on_white_is_whole_and_without_its_shadow() -> None:
    mask = object_mask(load_image(IMAGES / "singapo" / "demo_input.png"))
    wood = [(400, 400), (370, 1460), (980, 1600), (1515, 1480), (1530, 375), (900, 310), (1240, 820), (1265, 455)]
    shadow = [(980, 1640), (700, 1588), (1300, 1570), (500, 1535), (960, 1700), (1700, 1500)]
    assert all(mask[y, x] for x, y in wood)
    assert not any(mask[y, x] for x, y in shadow)
    assert 0.38 < mask.mean() < 0.41


@real
def test_nightstand_in_a_room_is_found() -> None:
    folder = IMAGES / "freeart3d" / "cabinet"
    truth = load_image(folder / "05_pure.png")[..., 3] > 127
    rgba = load_image(folder / "05.png")
    ys, xs = np.nonzero(truth)
    assert iou(object_mask(rgba, (xs.min() - 6, ys.min() - 6, xs.max() + 6, ys.max() + 6)), truth) > 0.8


def test_every_pixel_format_is_loaded_alike(tmp_path: Path) -> None:
    rgba, _ = scene((200, 150, 90))
    image = Image.fromarray(rgba).convert("RGB")
    for name, mode in {
        "a.png": "RGB",
        "b.png": "RGBA",
        "c.png": "P",
        "d.tiff": "CMYK",
        "e.png": "L",
        "f.gif": "P",
    }.items():
        image.convert(mode).save(tmp_path / name)
        loaded = load_image(tmp_path / name)
        assert loaded.shape == (300, 400, 4) and loaded.dtype == np.uint8 and (loaded[..., 3] == 255).all()
        grey = loaded[..., :3].mean(axis=-1) - rgba[..., :3].mean(axis=-1)
        assert np.abs(grey).mean() < 12, name


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png")
    assert loaded[0, 0, 0] == 0 and loaded[-1, -1, 0] == 255
    np.testing.assert_allclose(loaded[..., 0], grey / 257, atol=1)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.save(tmp_path / "a.jpg", exif=exif)
    assert load_image(tmp_path / "a.jpg").shape == (40, 20, 4)


def test_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif")[0, 0, 0] == 255


def test_transparent_palette_keeps_its_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((3, 3), 1)
    image.save(tmp_path / "a.png", transparency=0)
    loaded = load_image(tmp_path / "a.png")
    assert loaded[0, 0, 3] == 0 and loaded[3, 3, 3] == 255


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(scene((200, 150, 90))[0]).save(good)
    contents = {
        "a.png": b"",
        "b.png": b"hello",
        "c.png": good.read_bytes()[:2000],
        "d.ps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / name)
        assert name in caught.value.title and caught.value.hint
    for path in (tmp_path, tmp_path / "absent.png"):
        with pytest.raises(ImageError):
            load_image(path)


def test_huge_image_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for side in (40, 60):  # a little and far above
        Image.new("RGB", (side, side)).save(tmp_path / "a.png")
        with pytest.raises(ImageError, match="too many pixels"):
            load_image(tmp_path / "a.png")
    assert load.MAX_PIXELS == 100_000_000


def test_grey_legs_under_a_coloured_top_are_no_shadow() -> None:
    truth = np.zeros((300, 400), np.uint8)
    truth[100:130, 60:340] = 1
    legs = np.zeros_like(truth)
    for x in (70, 320):
        cv2.line(legs, (x, 130), (x - 10, 240), 1, 7)
    rgb = np.full((300, 400, 3), 248, np.uint8)
    rgb[legs > 0] = (150, 152, 155)
    rgb[truth > 0] = (150, 80, 40)
    mask = object_mask(np.dstack([rgb, np.full((300, 400), 255, np.uint8)]))
    assert iou(mask, (truth | legs) > 0) > 0.95


def test_pale_object_on_a_pale_ground_is_whole_with_jpeg_noise() -> None:
    rgba, truth = scene((232, 232, 234))
    rgba[..., :3] = np.where(truth[..., None], (232, 232, 234), (250, 250, 250))
    jpeg = cv2.imencode(".jpg", rgba[..., :3], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    rgba[..., :3] = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert iou(object_mask(rgba), truth) > 0.96
