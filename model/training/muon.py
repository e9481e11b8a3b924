"""Muon: gradient descent whose step is the nearest orthogonal matrix of the momentum (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def orthogonal(g: Tensor) -> Tensor:
    """Bring the singular values of a (rows, columns) matrix near one, by five Newton-Schulz steps."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[0] > g.shape[1]
    x = g.T if tall else g
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    one = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    total = one
    for _ in range(5):  # on the small square matrix alone: x itself is multiplied once, at the end
        step = a * one + b * gram + c * (gram @ gram)
        total = step @ total
        gram = step @ gram @ step
    x = total @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Update matrices and convolution kernels; everything else belongs to AdamW.

    Where several processes hold the same gradients, each works out its share of the steps, and they tell each other.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.rank, self.ranks = rank, ranks

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            updates = [self._update(p, group["momentum"], k % self.ranks == self.rank) for k, p in enumerate(moving)]
            if self.ranks > 1:
                flat = torch.cat([u.flatten() for u in updates])
                dist.all_reduce(flat)
                updates = list(flat.split([p.numel() for p in moving]))
            for p, update in zip(moving, updates, strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view_as(p), alpha=-group["lr"])

    def _update(self, p: Tensor, momentum: float, own: bool) -> Tensor:
        """Follow a parameter's momentum; returns its step, or zeros where another process works it out."""
        assert p.grad is not None
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        m = state["momentum"].lerp_(p.grad, 1 - momentum)
        if not own:
            return torch.zeros_like(p)
        g = p.grad.lerp(m, momentum).flatten(1)
        return orthogonal(g) * max(1.0, g.shape[0] / g.shape[1]) ** 0.5
