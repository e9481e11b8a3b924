"""States: where PartDrag-4D puts the parts of an object, and what it calls each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from model.partdrag4d.articulated import ArticulatedObject, Movable
from model.partdrag4d.dataset import STATES, StateId

OTHERS = 2  # other parts that are moved with a part, at most
LEAST = 0.005  # of the object's diagonal: a part that moves less shows no motion


@dataclass(frozen=True)
class State:
    """One state of one part, with all joints' amounts."""

    id: StateId
    part: int  # the link that the state moves
    amounts: tuple[float, ...]  # of all joints


def numbers(made: ArticulatedObject) -> list[int]:
    """Return what names call each joint: PartNet-Mobility's own number where it has one, else its place."""
    return [m.number if m.number >= 0 else k for k, m in enumerate(made.movables)]


def carried(made: ArticulatedObject, link: int) -> list[int]:
    """Return the links that move with a link, itself among them."""
    moving = {link}
    for k, movable in enumerate(made.movables):  # parents come before children
        if movable.parent in moving:
            moving.add(k + 1)
    return sorted(moving)


def parts(made: ArticulatedObject) -> tuple[list[int], dict[int, str]]:
    """Return the joints (places in `movables`) that get states, and why each of the others gets none.

    As in PartDrag-4D a joint that turns without end gets none.
    """
    chosen: list[int] = []
    left: dict[int, str] = {}
    rest = made.rest
    diagonal = float(np.linalg.norm(np.ptp(made.points(rest), axis=0)))
    for k, movable in enumerate(made.movables):
        fault = _fault(movable)
        if fault:
            left[k] = fault
        elif _travel(made, k, rest) < LEAST * diagonal:
            left[k] = "nothing that can be seen moves with it"
        else:
            chosen.append(k)
    return chosen, left


def _fault(movable: Movable) -> str:
    """Return why a joint has no six states between its limits; "" where it has."""
    low, high = movable.limits
    if movable.continuous:
        return "it turns without end"
    return "" if np.isfinite([low, high]).all() and high > low else "its limits leave it no way"


def _travel(made: ArticulatedObject, k: int, rest: np.ndarray) -> float:
    """Return how far the part's farthest vertex goes between the limits, world units."""
    moving = carried(made, k + 1)
    ends = []
    for limit in made.movables[k].limits:
        poses = made.poses(np.where(np.arange(len(rest)) == k, limit, rest))
        some = [p.vertices @ poses[p.link, :3, :3].T + poses[p.link, :3, 3] for p in made.pieces if p.link in moving]
        ends.append(np.concatenate(some) if some else np.zeros((1, 3)))
    return float(np.linalg.norm(ends[1] - ends[0], axis=1).max())


def all_states(made: ArticulatedObject, mesh: str, seed: int) -> list[State]:
    """Return every state that PartDrag-4D would make: 6, 12 or 24 a part.

    A part takes six amounts between its limits; up to two others, drawn at random, stand at their two ends each.
    """
    chosen, _ = parts(made)
    names = numbers(made)
    found = []
    for k in chosen:
        rng = np.random.default_rng([seed, seed_of(mesh), k])
        candidates = [j for j in chosen if j != k]
        others = rng.permutation(candidates)[:OTHERS].tolist()
        for ends in product((0, 1), repeat=len(others)):
            told = "".join(f"{names[j]}{end}" for j, end in zip(others, ends))
            for state in range(STATES):
                id = StateId(mesh, names[k], state, told)
                found.append(State(id, k + 1, _amounts(made, k, state, dict(zip(others, ends)))))
    return found


def named(made: ArticulatedObject, ids: Iterable[StateId]) -> tuple[list[State], list[StateId]]:
    """Return the states that names ask for, and the names that this object cannot have.

    Parts whose motion can hardly be seen are no fault here: published lists have some.
    """
    chosen = [k for k, movable in enumerate(made.movables) if not _fault(movable)]
    names = numbers(made)
    found, absent = [], []
    for id in ids:
        ways = _readings(id.others, {names[j]: j for j in chosen if names[j] != id.part})
        if id.part not in names or names.index(id.part) not in chosen or id.state >= STATES or not ways:
            absent.append(id)
            continue
        k = names.index(id.part)
        found.append(State(id, k + 1, _amounts(made, k, id.state, ways[0])))
    return found, absent


def _readings(told: str, joints: dict[int, int]) -> list[dict[int, int]]:
    """Return the ways to read "2010" as joints and the ends they stand at; the shortest first number comes first.

    Numbers of two digits make some names ambiguous: 11101 may be 1 at 1 with 10 at 1, or 11 at 1 with 0 at 1.
    """
    told = told.replace("_", "")
    if not told:
        return [{}]
    ways = []
    for digits in range(1, len(told)):
        number, end = told[:digits], told[digits]
        if end in "01" and str(int(number)) == number and int(number) in joints:
            j = joints[int(number)]
            fewer = {n: other for n, other in joints.items() if other != j}
            ways += [{j: int(end), **rest} for rest in _readings(told[digits + 1 :], fewer)]
    return ways


def _amounts(made: ArticulatedObject, k: int, state: int, others: dict[int, int]) -> tuple[float, ...]:
    amounts = made.rest
    for j, end in others.items():
        amounts[j] = made.movables[j].limits[end]
    amounts[k] = np.linspace(*made.movables[k].limits, STATES)[state]
    return tuple(float(a) for a in amounts)


def seed_of(text: str) -> int:
    """Return a number that a text always gives, on every computer."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
