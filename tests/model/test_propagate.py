"""One pull becomes many: where they start, where they end, and which pulls are refused."""

import pytest
import torch

from model.errors import DragError
from model.stages.propagate import propagate


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
