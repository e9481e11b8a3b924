"""Numbered: samples that are made of their number alone, shared among processes and made ahead by others.

So a run that is resumed meets the same ones, whatever number of workers makes them, and several processes share them
without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.errors import PartRMError

Sample = dict[str, Tensor]


@dataclass(frozen=True)
class Numbers:
    """Which samples one process takes: every `ranks`-th number from first + rank on."""

    first: int
    last: int
    rank: int
    ranks: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first + self.rank, self.last, self.ranks))

    def __len__(self) -> int:
        return len(range(self.first + self.rank, self.last, self.ranks))


def collated(samples: list[Sample | PartRMError]) -> Sample | PartRMError:
    """Stack samples into a batch, or pass on what went wrong with one of them."""
    made = [s for s in samples if not isinstance(s, PartRMError)]
    if len(made) < len(samples):
        return next(s for s in samples if isinstance(s, PartRMError))
    return {name: torch.stack([s[name] for s in made]) for name in made[0]}


def batches(data: torch.utils.data.Dataset[Any], numbers: Numbers, batch: int, workers: int) -> Iterator[Sample]:
    """Yield batches of those samples, made ahead in that many processes (0: in this one). Raises PartRMError."""
    made = torch.utils.data.DataLoader(
        data,
        batch_size=batch,
        sampler=numbers,
        collate_fn=collated,
        num_workers=workers,
        drop_last=True,
        prefetch_factor=4 if workers else None,
        # a fork would copy whatever threads hold; workers of a fork server do not notice when their run is killed
        multiprocessing_context="spawn" if workers else None,
    )
    for item in made:
        if isinstance(item, PartRMError):
            raise item
        yield item
