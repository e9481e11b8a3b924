"""Every failure a user can meet: a title that says what happened and a hint that says what to do."""


class PartRMError(Exception):
    """Tell the user what went wrong (title) and what helps (hint)."""

    def __init__(self, title: str, hint: str) -> None:
        super().__init__(f"{title}\n{hint}")
        self.title = title
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.title, self.hint)  # so that it travels between processes


class ImageError(PartRMError):
    """An image that cannot be read or holds nothing to pull."""


class FormatError(PartRMError):
    """A splat, camera or project file that is damaged, too large or of an unknown kind."""


class WeightsError(PartRMError):
    """Weights that are absent, damaged or made for another network."""


class DragError(PartRMError):
    """A drag that starts outside the object, has no length, or cannot be followed."""


class RendererError(PartRMError):
    """A renderer that this computer cannot run."""


class OutOfMemory(PartRMError):
    """A job that needed more memory than the computer or its graphics card has."""


class Cancelled(Exception):
    """Raised inside a stage when its user has asked to stop; not a failure."""


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """Return what to tell the user of an exception that means that memory ran out; None for any other.

    torch's are told by their names and words, so that torch need not be imported.
    """
    if type(error).__name__ == "OutOfMemoryError":
        hint = "Close other programs that use the graphics card, or run with --device cpu."
        return OutOfMemory("The graphics card's memory is full", hint)
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):
        hint = "Close other programs, or choose smaller weights or pictures."
        return OutOfMemory("This computer's memory is full", hint)
    return None
