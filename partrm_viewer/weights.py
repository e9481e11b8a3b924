"""Weights in words: the table, and what `weights fetch`, `import` and `verify` ask and answer."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model import weights
from model.errors import WeightsError
from model.progress import Progress
from model.published import catalogue
from model.published.catalogue import Weights, gigabytes
from model.weights import Status

if TYPE_CHECKING:
    from model.published.fetch import Plan

COLUMNS = ("name", "size", "here", "licence", "what for", "place")
WIDE = 110  # of lines of plain words


def table() -> str:
    """Return the catalogue as text: a line an entry, then what is wrong, and the licences in plain words."""
    found = {entry: weights.status(entry) for entry in catalogue.CATALOGUE}
    rows = [COLUMNS, embedded_row(), *(row(entry, now) for entry, now in found.items())]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(cells, widths)).rstrip() for cells in rows]
    lines.insert(1, "  ".join("-" * wide for wide in widths))
    lines += ["", f"Places are in {weights.folder()}"]
    for entry, now in found.items():
        if now.state in ("incomplete", "damaged"):
            lines += _wrapped(f"{entry.name} is {now.state}: {now.detail}")
    lines += ["", "Licences"]
    for licence in dict.fromkeys(entry.licence for entry in catalogue.CATALOGUE):
        names = ", ".join(entry.name for entry in catalogue.CATALOGUE if entry.licence == licence)
        lines += _wrapped(f"{licence.short} ({names}): {licence.plain}")
    program = weights.program()
    lines += ["", f"{program} weights fetch NAME    {program} weights import PATH    {program} weights verify"]
    return "\n".join(lines)


def embedded_row() -> tuple[str, ...]:
    """Return the line of what comes with the app."""
    paths = [weights.embedded(name) for name in weights.EMBEDDED]
    size = sum(path.stat().st_size for path in paths if path.is_file())
    here = "yes" if all(path.is_file() for path in paths) else "DAMAGED"
    return "embedded", gigabytes(size), here, "MIT", "what the app uses without any of these", "comes with the app"


def row(entry: Weights, now: Status) -> tuple[str, ...]:
    """Return the line of one entry, column for column."""
    here = {"present": "yes", "damaged": "DAMAGED", "absent": "no", "incomplete": f"{gigabytes(now.here)} of it"}
    return (entry.name, entry.size_text, here[now.state], entry.licence.short, entry.what, entry.place)


def summary() -> str:
    """Say in one line which of the catalogue's weights are here."""
    by_state: dict[str, list[str]] = {}
    for entry in catalogue.CATALOGUE:
        by_state.setdefault(weights.status(entry).state, []).append(entry.name)
    said = [", ".join(by_state.get("present", ())) or "none (the embedded ones need none)"]
    said += [f"{state}: {', '.join(by_state[state])}" for state in ("incomplete", "damaged") if state in by_state]
    return f"{'; '.join(said)}. More: {weights.program()} weights list"


def question(plan: Plan) -> tuple[str, str, str]:
    """Return what is told before a fetch: what it brings and how much, from where to where, under which licence."""
    entry, count = plan.entry, len(plan.files)
    rest = f" ({gigabytes(plan.todo)} still to come)" if plan.todo < plan.size else ""
    files = f"{count} files" if entry.folder else entry.files[0].path
    return (
        f"{entry.name}, {gigabytes(plan.size)}{rest}",
        f"{files} from {entry.origin}, to {weights.place(entry)}",
        f"Licence: {entry.licence.short}. {entry.licence.plain}",
    )


def fetch(names: Sequence[str], ask: Callable[[], bool] | None, progress: Progress) -> Iterator[str]:
    """Fetch weights by name; yields lines for the user. `ask` is called after size and licence are told; None: yes.

    Raises WeightsError, Cancelled.
    """
    from model.published import fetch as fetching

    for entry in [weights.known(name) for name in dict.fromkeys(names)]:
        plan = fetching.plan(entry, progress)
        if not plan.files:
            yield f"{entry.name}: here already, and whole: {weights.place(entry)}"
            continue
        yield from (line for text in question(plan) for line in _wrapped(text))
        if ask is not None and not ask():
            yield f"{entry.name}: not fetched"
            continue
        yield str(fetching.fetch(plan, progress))


def take(path: Path, name: str | None, progress: Progress) -> Iterator[str]:
    """Import weights from a file or folder; yields lines for the user.

    One that is not whole does not keep the others out. Raises WeightsError for the first such, at the end; Cancelled.
    """
    from model.published import adopt

    failed: WeightsError | None = None
    for found in adopt.search(path, name, progress):
        try:
            place = adopt.adopt(found, progress)
        except WeightsError as error:
            failed = failed or error
        else:
            yield f"{found.entry.name}: {found.path} is whole, and now at {place}"
    if failed is not None:
        raise failed


def verify(names: Sequence[str], progress: Progress) -> Iterator[tuple[bool, str]]:
    """Read weights to the end, all that are here where no name is given; yields (whole, a line). Raises Cancelled."""
    from model.published import verify as verifying

    entries = [weights.known(name) for name in names]
    entries = entries or [entry for entry in catalogue.CATALOGUE if weights.status(entry).state != "absent"]
    if not entries:
        yield True, f"None of the catalogue's weights are in {weights.folder()}: there is nothing to verify."
    for entry in entries:
        try:
            yield True, f"{entry.name}: whole ({verifying.check(entry, progress)})"
        except WeightsError as error:
            yield False, f"{entry.name}: {error.title}. {error.hint}"


def ask_on_terminal() -> bool:
    """Ask on the terminal whether to go on; only a clear yes is one. Raises WeightsError where nobody can answer."""
    if not sys.stdin.isatty():
        raise WeightsError("Nobody can be asked here, so nothing was fetched", "Where you agree, add --yes.")
    print("Fetch it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDE, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
