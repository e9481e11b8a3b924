"""Pairs: which state is to become which, the same ones on every computer."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import FormatError
from model.formats.disk import write_atomically
from model.partdrag4d.dataset import StateId

# What fixed_pairs gives with seed 0 for PartDrag-4D's published list of 491 validation states: 409 pairs (82 groups of
# five, but for one state that the list lacks), and the SHA-256 of their lines "source target".
PUBLISHED = 409, "032396b1f8c8b31ba14b7c3c5bd996998071528d4b76549bd7b4da6287323f33"


@dataclass(frozen=True, order=True)
class Pair:
    """A state and the one that a drag is to make of it: same mesh, part and other parts."""

    source: StateId
    target: StateId

    @property
    def name(self) -> str:
        """Return what files of this pair are called."""
        return f"{self.source}__{self.target}"


def fixed_pairs(ids: Iterable[StateId], seed: int = 0) -> tuple[Pair, ...]:
    """Choose pairs as PartRM's evaluation does, but with a seed: for each mesh one start state, in every group of it.

    That state of each group goes to every other state of the group. The draw is a hash of seed and mesh: it depends
    neither on the list's order nor on a library's version. A group without the start state gives no pair.
    """
    meshes: dict[str, set[StateId]] = defaultdict(set)
    for state in ids:
        meshes[state.mesh].add(state)
    pairs = []
    for mesh, states in meshes.items():
        numbers = sorted({s.state for s in states})
        start = numbers[draw(len(numbers), seed, mesh)]
        for source in (s for s in states if s.state == start):
            pairs += [Pair(source, t) for t in states if t.group == source.group and t != source]
    return tuple(sorted(pairs))


def are_published(pairs: Sequence[Pair]) -> bool:
    """Tell whether these are the pairs on which PartDrag-4D's tables are to be made again."""
    lines = "".join(f"{p.source} {p.target}\n" for p in sorted(pairs))
    return (len(pairs), hashlib.sha256(lines.encode()).hexdigest()) == PUBLISHED


def draw(count: int, *words: object) -> int:
    """Draw one of count, 0 .. count - 1, by the SHA-256 of some words."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % count


def by_turns(pairs: Sequence[Pair], seed: int = 0) -> tuple[Pair, ...]:
    """Order pairs at random, the meshes by turns: however few are taken from the front, they show many objects."""
    turns: dict[str, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda p: hashlib.sha256(f"{seed}/{p.name}".encode()).digest()):
        turns[pair.source.mesh].append(pair)
    ranked = [(k, mesh, pair) for mesh, own in turns.items() for k, pair in enumerate(own)]
    return tuple(pair for _, _, pair in sorted(ranked, key=lambda r: r[:2]))


def write_pairs(path: Path, pairs: Sequence[Pair], remark: str) -> None:
    """Write a list of pairs, a line each: source, blank, target; the remark stands above. Raises FormatError."""
    lines = [f"# {remark}", *(f"{p.source} {p.target}" for p in pairs)]
    write_atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode()))


def read_pairs(path: Path) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Read a list of pairs; returns them and what is wrong with lines that give none. Raises FormatError.

    Folders before an id are left out, so that published lists of paths can be used.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FormatError(f"Cannot read {path}: {reason}", "Give a list of pairs: two state ids a line.") from error
    pairs, wrong = [], []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            source, target = (StateId.parse(word.rstrip("/").rpartition("/")[2]) for word in words)
        except (ValueError, FormatError):
            wrong.append(f"{path.name}:{number}: “{line.strip()[:80]}” is not a pair of state ids")
            continue
        if source.group != target.group or source == target:
            wrong.append(f"{path.name}:{number}: {source} and {target} are not two states of one part")
            continue
        pairs.append(Pair(source, target))
    if not pairs:
        raise FormatError(f"{path} names no pair", "Write two state ids a line: 7120_0_0 7120_0_3.")
    return tuple(dict.fromkeys(pairs)), tuple(wrong)
