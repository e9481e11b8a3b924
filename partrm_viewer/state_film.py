"""Films of states: one after the other, each for a while. Pictures may fade into each other, splats never. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from model.camera import Camera
from model.gaussians import Gaussians
from model.progress import Progress, silent
from renderer.base import Renderer

FPS = 24.0
FADE_S = 0.4  # or half of what a state is shown, if that is less


@dataclass(frozen=True)
class StateFilm:
    """How states are filmed."""

    size: tuple[int, int] = (1280, 720)  # width, height in px
    background: str = "white"  # of export.BACKGROUNDS
    seconds: float = 0.5  # each state is shown
    fades: bool = False  # the picture of a state into that of the next one; else they are cut
    back: bool = False  # and then backwards to the first one


def order(count: int, back: bool) -> list[int]:
    """Return which states are shown, in order; played again and again, none comes twice in a row."""
    return [*range(count), *(range(count - 2, 0, -1) if back else ())]


def film_states(
    path: Path,
    states: Sequence[Gaussians],
    camera: Camera,
    film: StateFilm,
    renderer: Renderer,
    progress: Progress = silent,
) -> Path:
    """Film states from one camera; the path's ending chooses the format. Raises as renderer.film.write_film does."""
    from partrm_viewer.export import BACKGROUNDS  # late, as the next: OpenCV takes its time
    from renderer.capture import still
    from renderer.film import Film, write_film

    shown = order(len(states), film.back)
    # What only cuts needs no picture twice, except where players expect the usual pace.
    steady = film.fades or path.suffix.lower() == ".mp4"
    each = max(round(FPS * film.seconds), 1) if steady else 1
    fps = FPS if steady else 1 / film.seconds
    made = Film(each * len(shown), film.size, fps, BACKGROUNDS[film.background] is None)

    @lru_cache(maxsize=2)  # the shown one and the next one
    def picture(k: int) -> np.ndarray:
        return still(renderer, states[k], camera, film.size, BACKGROUNDS[film.background])

    return write_film(path, made, _frames(shown, picture, film, each), progress)


def _frames(shown: list[int], picture: Callable[[int], np.ndarray], film: StateFilm, each: int) -> Iterator[np.ndarray]:
    fading = min(round(FPS * FADE_S), each // 2) if film.fades else 0
    for at, k in enumerate(shown):
        last = at + 1 == len(shown) and not film.back  # a film that does not come back ends at rest
        for frame in range(each):
            share = (frame - (each - fading) + 1) / (fading + 1)
            if share <= 0 or last:
                yield picture(k)
            else:
                yield faded(picture(k), picture(shown[(at + 1) % len(shown)]), share)


def faded(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Return a picture between two, (H, W, 3 | 4) uint8, alpha straight; share 0 is a, 1 is b."""
    if a.shape[2] == 3:
        return (a + (b.astype(np.float32) - a) * np.float32(share) + np.float32(0.5)).astype(np.uint8)
    alpha = [share_of * x[..., 3:].astype(np.float32) for share_of, x in ((1 - share, a), (share, b))]
    total = alpha[0] + alpha[1]
    rgb = (alpha[0] * a[..., :3] + alpha[1] * b[..., :3]) / np.maximum(total, 1e-6)
    return (np.concatenate([rgb, total], axis=-1) + 0.5).astype(np.uint8)
