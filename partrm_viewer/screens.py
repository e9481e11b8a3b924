"""Screens: which of the two this computer gets, and why."""

from __future__ import annotations

from collections.abc import Callable

from model.errors import PartRMError, RendererError
from partrm_viewer.cpu_screen import CpuScreen
from partrm_viewer.gl_screen import GlScreen, opengl_device
from partrm_viewer.screen import Screen
from renderer.base import choose, is_software


def open_screen(
    wish: str, drawn: Callable[[], None], failed: Callable[[PartRMError], None]
) -> tuple[Screen, PartRMError | None]:
    """Return the screen for a renderer's name (auto, gl, cpu, cuda), and why it is not the one that was wished for."""
    refused: PartRMError | None = None
    why = "Asked for"
    if wish in ("auto", "gl"):
        try:
            # OpenGL that is emulated on the processor is three times slower than the renderer written for it.
            device = opengl_device()
            if wish == "gl" or not is_software(device):
                return GlScreen(drawn, failed), None
            why = f"OpenGL is emulated on the processor here ({device}); this is faster"
        except RendererError as error:
            refused, why = error, error.title
        wish = "cpu"
    renderer, _ = choose(wish)
    screen = CpuScreen(renderer, drawn, failed)
    screen.why = why
    if renderer.name != "cpu":
        screen.name = f"{renderer.name} renderer"
    return screen, refused
