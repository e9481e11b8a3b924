"""Mailbox: carries messages from any thread to the GUI thread, in order."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from partrm_viewer.jobs import Message


class Mailbox(QObject):
    """Hand each posted message to one receiver on the thread that made the mailbox."""

    _posted = Signal(object)

    def __init__(self, receive: Callable[[Message], None]) -> None:
        super().__init__()
        self._receive: Callable[[Message], None] | None = receive
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, message: Message) -> None:
        """Send a message; any thread."""
        self._posted.emit(message)

    def close(self) -> None:
        """Drop what is still on its way."""
        self._receive = None

    def _deliver(self, message: Message) -> None:
        if self._receive is not None:
            self._receive(message)
