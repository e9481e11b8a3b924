"""One pull becomes many: where they start, where they end, and which pulls are refused."""

import time

import numpy as np
import pytest
import torch

from model.errors import DragError
from model.stages.propagate import lottery, onto_part, propagate, spread_of


def part() -> torch.Tensor:
    mask = torch.zeros(60, 80, dtype=torch.bool)
    mask[20:30, 40:60] = True
    return mask


def one(x0: float, y0: float, x1: float, y1: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[x0, y0]]), torch.tensor([[x1, y1]])


def test_starts_lie_in_the_part_and_differ() -> None:
    starts, ends = propagate(*one(45, 25, 50, 20), part(), n=10)
    assert starts.shape == ends.shape == (10, 2)
    assert len({tuple(s.tolist()) for s in starts}) == 10
    assert part()[starts[:, 1].long(), starts[:, 0].long()].all()


def test_each_gets_the_users_displacement() -> None:
    starts, ends = propagate(*one(45, 25, 50, 20), part())
    torch.testing.assert_close(ends - starts, torch.tensor([[5.0, -5.0]]).expand(10, 2))


def test_ends_are_clamped_to_the_image() -> None:
    _, ends = propagate(*one(45, 25, 500, -300), part())
    assert (ends[:, 0] == 79).all() and (ends[:, 1] == 0).all()


def test_same_seed_same_draw() -> None:
    a, b, c = (propagate(*one(45, 25, 50, 20), part(), seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_part_smaller_than_n_is_drawn_with_repetition() -> None:
    mask = torch.zeros(60, 80, dtype=torch.bool)
    mask[10, 10:13] = True
    starts, _ = propagate(*one(11, 10, 20, 20), mask, n=10)
    assert len({tuple(s.tolist()) for s in starts}) == 3 and len(starts) == 10


def test_two_drags_take_n_each() -> None:
    starts = torch.tensor([[45.0, 25.0], [50.0, 22.0]])
    new_starts, ends = propagate(starts, starts + torch.tensor([[3.0, 0.0], [0.0, 4.0]]), part(), n=5)
    assert len(new_starts) == 10
    torch.testing.assert_close((ends - new_starts)[5:], torch.tensor([[0.0, 4.0]]).expand(5, 2))


@pytest.mark.parametrize(
    "drag", [(45, 25, 45, 25), (5, 5, 20, 20), (-4, 25, 20, 20), (900, 25, 20, 20), (45, 25, float("nan"), 3)]
)
def test_wrong_drags_are_refused(drag: tuple[float, float, float, float]) -> None:
    with pytest.raises(DragError) as caught:
        propagate(*one(*drag), part())
    assert caught.value.hint


def test_no_drag_is_refused() -> None:
    with pytest.raises(DragError):
        propagate(torch.zeros(0, 2), torch.zeros(0, 2), part())


def slowly(
    starts: np.ndarray, ends: np.ndarray, mask: np.ndarray, n: int, seed: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The same a drag and a pixel at a time: draw lots, take the highest first, start over when all are used."""
    height, width = mask.shape
    pixels = [(x + 0.5, y + 0.5) for y in range(height) for x in range(width) if mask[y, x]]
    lots = [lot(k, seed) for k in range(len(pixels))]
    by_lot = sorted(range(len(pixels)), key=lambda k: -lots[k])[: n * len(starts)]
    new_starts, new_ends = [], []
    for d in range(len(starts)):
        dx, dy = ends[d] - starts[d]
        for k in range(n):
            x, y = pixels[by_lot[(d * n + k) % len(by_lot)]]
            new_starts.append((x, y))
            new_ends.append((min(max(x + dx, 0), width - 1), min(max(y + dy, 0), height - 1)))
    return new_starts, new_ends


def lot(k: int, seed: int) -> int:
    """SplitMix64 with Python's numbers, read as signed."""
    whole = (1 << 64) - 1
    z = (k + 1 + (seed << 32)) * 0x9E3779B97F4A7C15 & whole
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & whole
    z = (z ^ z >> 27) * 0x94D049BB133111EB & whole
    z ^= z >> 31
    return z - (1 << 64) if z >> 63 else z


@pytest.mark.parametrize(("drags", "n", "seed"), [(1, 10, 0), (3, 5, 7), (40, 10, 1)])
def test_equals_the_slow_version(drags: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = rng.uniform((40, 20), (60, 30), (drags, 2)).astype(np.float32)
    ends = starts + rng.uniform(-50, 50, (drags, 2)).astype(np.float32)
    fast = propagate(torch.from_numpy(starts), torch.from_numpy(ends), part(), n, seed)
    slow = slowly(starts, ends, part().numpy(), n, seed)
    for got, wanted in zip(fast, slow, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-4)


def test_draws_are_spread_evenly() -> None:
    mask = torch.ones(20, 20, dtype=torch.bool)
    count = torch.zeros(20, 20)
    for seed in range(400):
        starts, _ = propagate(*one(3, 3, 9, 9), mask, 10, seed)
        x, y = starts.long().unbind(1)
        count[y, x] += 1
    assert count.sum() == 4000 and count.min() >= 1 and count.max() <= 30  # ten each, give or take
    assert abs(count[:10].sum() - 2000) < 120 and abs(count[:, :10].sum() - 2000) < 120


def test_no_lot_is_drawn_twice() -> None:
    assert len(lottery(1 << 18, 0, torch.device("cpu")).unique()) == 1 << 18


def test_no_two_of_several_drags_take_the_same_pixel_as_long_as_they_last() -> None:
    starts = torch.tensor([[45.0, 25.0]]).expand(20, 2)
    new_starts, _ = propagate(starts, starts + 5, part(), n=10)
    assert len(new_starts.unique(dim=0)) == 200  # all the part has


def test_empty_part_is_refused() -> None:
    with pytest.raises(DragError, match="no pixel") as caught:
        propagate(*one(45, 25, 50, 20), torch.zeros(60, 80, dtype=torch.bool))
    assert caught.value.hint


def test_part_of_all_pixels_and_a_thousand_drags_take_no_time() -> None:
    mask = torch.ones(512, 512, dtype=torch.bool)
    starts = torch.rand(1000, 2, generator=torch.Generator().manual_seed(0)) * 512
    began = time.process_time()
    new_starts, ends = propagate(starts, starts + 700, mask)
    assert time.process_time() - began < 2
    assert new_starts.shape == (10_000, 2) and (ends == 511).all()


def test_drag_beside_the_part_is_moved_to_its_nearest_pixel() -> None:
    rng = np.random.default_rng(0)
    mask = torch.from_numpy(rng.random((60, 80)) < 0.05)
    points = torch.from_numpy(rng.uniform(-30, 110, (200, 2)).astype(np.float32))
    there = np.argwhere(mask.numpy())[:, ::-1] + 0.5
    for point, moved in zip(points.numpy(), onto_part(points, mask).numpy(), strict=True):
        x, y = int(np.floor(point[0])), int(np.floor(point[1]))
        if 0 <= x < 80 and 0 <= y < 60 and mask[y, x]:
            assert np.array_equal(point, moved)
        else:
            assert np.hypot(*(moved - point)) == pytest.approx(np.hypot(*(there - point).T).min(), abs=1e-3)


def test_how_many_is_told_by_the_weights() -> None:
    assert spread_of("partdrag4d") == 10 and spread_of("/somewhere/objaverse_hq.safetensors") == 5


@pytest.mark.gpu
def test_same_draw_on_the_gpu_and_nothing_leaves_it() -> None:
    starts = torch.tensor([[45.0, 25.0], [50.0, 22.0]], device="cuda")
    on_gpu = propagate(starts, starts + 7, part().cuda())
    for got, wanted in zip(on_gpu, propagate(starts.cpu(), starts.cpu() + 7, part()), strict=True):
        assert got.is_cuda and torch.equal(got.cpu(), wanted)
