"""The measures, on pictures whose score is known, and beside those of the package that the paper used."""

import numpy as np
import pytest
import torch

from model.evaluation.metrics import changed, iou, psnr, ssim

RNG = np.random.default_rng(0)
PICTURE = RNG.random((64, 48, 3))


def test_psnr_of_known_noise() -> None:
    noise = np.where(RNG.random(PICTURE.shape) < 0.5, -0.1, 0.1)
    assert psnr(PICTURE, PICTURE + noise) == pytest.approx(20)
    assert psnr(PICTURE + 0.01, PICTURE) == pytest.approx(40)


def test_psnr_looks_only_where_it_is_asked_to() -> None:
    where = np.zeros((64, 48), bool)
    where[:10] = True
    spoilt = PICTURE.copy()
    spoilt[10:] = 0
    spoilt[:10] += 0.1
    assert psnr(spoilt, PICTURE, where) == pytest.approx(20)
    assert np.isnan(psnr(spoilt, PICTURE, np.zeros((64, 48), bool)))


def test_psnr_of_the_same_picture_is_finite() -> None:
    assert psnr(PICTURE, PICTURE) == 60


def test_ssim_is_one_for_the_same_and_falls_with_noise() -> None:
    noise = RNG.normal(size=PICTURE.shape)
    assert ssim(PICTURE, PICTURE) == pytest.approx(1)
    scores = [ssim(PICTURE, PICTURE + s * noise) for s in (0.02, 0.1, 0.5)]
    assert 1 > scores[0] > scores[1] > scores[2] > 0
    assert ssim(PICTURE, 1 - PICTURE) < 0


def test_ssim_of_flat_pictures_is_that_of_their_brightness() -> None:
    a, b = np.full((32, 32, 3), 0.4), np.full((32, 32, 3), 0.6)
    expected = (2 * 0.24 + 1e-4) / (0.16 + 0.36 + 1e-4)  # the structure's factor is 1
    assert ssim(a, b) == pytest.approx(expected, rel=1e-6)


def test_changed_pixels_differ_in_one_channel_by_enough() -> None:
    after = PICTURE.copy()
    after[3, 4, 1] += 0.06
    after[5, 6] += 0.04
    where = changed(PICTURE, after)
    assert where.shape == (64, 48) and where.sum() == 1 and where[3, 4]


def test_iou_of_known_masks() -> None:
    a, b = np.zeros((2, 10, 10), bool)
    a[:4], b[2:6] = True, True
    assert iou(a, b) == pytest.approx(20 / 60)
    assert iou(a, a) == 1 and iou(a, ~a) == 0
    assert iou(a & ~a, a & ~a) == 1


def test_psnr_of_the_same_picture_is_infinite_where_that_is_asked_for() -> None:
    assert psnr(PICTURE, PICTURE, most=float("inf")) == float("inf")
    assert psnr(PICTURE, PICTURE + 1e-4, most=float("inf")) == pytest.approx(80)


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_ssim_is_that_of_pytorch_msssim(noise: float) -> None:
    package = pytest.importorskip("pytorch_msssim", reason="pytorch_msssim is not installed")
    a = np.repeat(np.repeat(RNG.random((32, 32, 3)), 8, axis=0), 8, axis=1)  # (256, 256, 3), smooth enough to be like
    b = np.clip(a + noise * RNG.normal(size=a.shape), 0, 1)
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].float() for p in (a, b)]
    expected = float(package.ssim(*tensors, data_range=1, size_average=True))
    assert ssim(a, b) == pytest.approx(expected, abs=2e-5)
