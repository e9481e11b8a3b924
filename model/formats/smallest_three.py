"""Smallest three: unit quaternions by three components and which one is left out, as several formats pack them."""

from __future__ import annotations

import numpy as np

OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])  # (4, 3) the components beside the one left out


def left_out(quaternions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the largest component of unit quaternions (N, 4), turned to where that one is positive.

    Returns its index (N,) and the other three (N, 3).
    """
    largest = np.abs(quaternions).argmax(axis=1)
    towards = np.where(np.take_along_axis(quaternions, largest[:, None], axis=1) < 0, -1, 1)  # q and -q are the same
    return largest, np.take_along_axis(quaternions * towards, OTHERS[largest], axis=1)


def filled_in(largest: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Fill in the component (N,) that the other three (N, 3) leave out; (N, 4) float32 in the order of the index."""
    q = np.empty((len(others), 4), np.float32)
    rows = np.arange(len(others))
    q[rows[:, None], OTHERS[largest]] = others
    q[rows, largest] = np.sqrt(np.maximum(1 - np.einsum("ni,ni->n", others, others), 0))
    return q
