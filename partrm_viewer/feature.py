"""Feature: something that the window can do and that has a file of its own."""

from __future__ import annotations

from partrm_viewer.document import Document


class Feature:
    """Has a method for each of its actions; the window calls these three. GUI thread only."""

    def checked(self) -> dict[str, bool]:
        """Tell which of the actions that can be switched are on."""
        return {}

    def changed(self, old: Document, new: Document) -> None:
        """Show what has changed from one Document to the next."""

    def stop(self) -> None:
        """End what is going on: the window closes."""
