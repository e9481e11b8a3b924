"""How a stage tells how far it is, and hears that it should stop."""

from typing import Protocol


class Progress(Protocol):
    """Called with the done fraction (0..1) and what is being done; raises Cancelled to stop the stage."""

    def __call__(self, fraction: float, what: str) -> None: ...


def silent(fraction: float, what: str) -> None:
    """Report to nobody."""
