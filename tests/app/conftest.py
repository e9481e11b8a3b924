"""The real window with a predictor that needs no networks: a box of splats whose left half slides out."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from model.articulation.joint import Joint
from model.camera import Camera
from model.drag import Drag
from model.errors import DragError, ImageError
from model.gaussians import Gaussians
from model.progress import Progress, silent
from model.stages.again import Held, carried, found
from model.stages.atlas import Atlas
from model.stages.rigid import aim_of
from model.stages.state import Click, Motion, Outline, Part, Prediction, State
from partrm_viewer import dialogs
from partrm_viewer.app import application
from partrm_viewer.document import Document
from partrm_viewer.window import Window

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
ON_PART, PULLED, BACKGROUND = (120.0, 130.0), (85.0, 165.0), (10.0, 10.0)  # image pixels
W, H = 320, 240
CAMERA = Camera.orbit(20, 20, 3.0, 40, W, H)
SLIDE = Joint("prismatic", np.array([0.0, 0.0, 1.0]), np.zeros(3))


@pytest.fixture(scope="session", autouse=True)
def display() -> Iterator[None]:
    """Start an Xvfb where there is no display, for a run without xvfb-run."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name != "posix":
        yield
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("no display and no Xvfb (make test installs it)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    yield
    server.terminate()
    server.wait()
    del os.environ["DISPLAY"]


def box_of_splats(n: int = 6000) -> Gaussians:
    """Lay n splats on the surface of a box, the left half red, the right half grey."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (n, 3))
    face = rng.integers(0, 3, n)
    points[np.arange(n), face] = np.sign(points[np.arange(n), face]) * 0.5
    colours = np.where(points[:, :1] < 0, [[0.75, 0.42, 0.25]], [[0.6, 0.62, 0.66]]) * rng.uniform(0.85, 1, (n, 1))
    colours *= np.array([0.8, 1.0, 0.92])[face][:, None]
    rotations = np.tile([1.0, 0, 0, 0], (n, 1))
    return Gaussians.from_colours(points, rotations, np.full((n, 3), 1.2 / np.sqrt(n)), np.full(n, 0.95), colours)


class FakePipeline:
    """Behaves as model.stages.pipeline.Pipeline, but knows only one object; `wait` holds its jobs back."""

    def __init__(self) -> None:
        self.wait = threading.Event()
        self.wait.set()
        self.splats = 6000
        self.calls: list[str] = []
        self.prepared: list[State] = []
        self.parts: list[Part | None] = []  # that it was asked to predict with

    def hold(self, progress: Progress) -> None:
        """Wait until the test lets go, as a network that can be cancelled would."""
        fraction = 0.0
        while not self.wait.wait(0.005):
            fraction = min(fraction + 0.01, 0.9)
            progress(fraction, "Waiting")

    def open(
        self,
        image: np.ndarray,
        *,
        box: tuple[float, float, float, float] | None = None,
        progress: Progress = silent,
    ) -> State:
        self.calls.append("open" if box is None else "open with a box")
        self.hold(progress)
        rgb, alpha = image[..., :3], image[..., 3:]
        if box is None and not (alpha > 0).any():
            raise ImageError("No object found", "Draw a box around the object.")
        h, w = image.shape[:2]
        camera = CAMERA.resized(w, h)
        white = np.where(alpha > 127, rgb, 255).astype(np.uint8)
        return State(white, alpha[..., 0] > 127, camera, camera, box_of_splats(self.splats))

    def prepare(self, state: State, progress: Progress = silent) -> None:
        self.prepared.append(state)

    def atlas(self, state: State, progress: Progress = silent) -> Atlas:
        """Know one part, the left half; the right half does not move."""
        self.hold(progress)
        h, w = state.mask.shape
        crop = state.camera.cropped(0, (h - w) / 2, w, w).resized(64, 64)
        at = (np.arange(64) + 0.5) * w / 64
        left = at < w / 2
        pixels = np.where(left & (np.abs(at - w / 2) < h / 2)[:, None], 0, -1).astype(np.int8)
        points = state.gaussians.positions.astype(np.float64)
        pixel, _ = state.camera.project(points)
        outwards = np.where(np.abs(points) > 0.499, np.sign(points), 0.0)
        seen = (outwards * (state.camera.position - points)).sum(1) > 0
        splats = np.where(pixel[:, 0] < w / 2, 0, -1).astype(np.int8)
        depths = np.full((64, 64), -np.inf, np.float32)
        rows, cols, own, _ = crop.cells(points[seen])
        depths[rows, cols] = own
        return Atlas(crop, pixels, splats, seen, depths)

    def part(self, state: State, click_px: tuple[float, float], progress: Progress = silent) -> Part:
        self.calls.append("part")
        self.hold(progress)
        x, y = int(click_px[0]), int(click_px[1])
        w = state.mask.shape[1]
        if not state.mask[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].any():  # just beside the object is near enough
            raise DragError("There is nothing to pull here.", "Press on the object.")
        masks = [state.mask & (np.arange(w) < w * share) for share in (1 / 2, 5 / 8, 3 / 4)]
        outlines = tuple(Outline(mask, 0.9) for mask in masks)
        return replace(self.outlined(state, outlines[0].mask, click_px), outlines=outlines, clicks=(Click(click_px),))

    def outlined(self, state: State, mask: np.ndarray, at_px: tuple[float, float]) -> Part:
        """Take the splats that are seen in a mask."""
        pixels, _ = state.camera.project(state.gaussians.positions)
        col, row = np.clip(pixels.astype(int), 0, [mask.shape[1] - 1, mask.shape[0] - 1]).T
        return Part(at_px, mask, mask[row, col], state.camera.unproject(np.array(at_px), 2.5), 0.9)

    def clicked(self, state: State, part: Part, click: Click, radius_px: float, progress: Progress = silent) -> Part:
        self.hold(progress)
        y, x = np.ogrid[: state.mask.shape[0], : state.mask.shape[1]]
        disc = np.hypot(x + 0.5 - click.at_px[0], y + 0.5 - click.at_px[1]) < 20
        return self.painted(state, part, disc, click.adds)

    def painted(
        self, state: State, part: Part | None, area: np.ndarray, adds: bool, progress: Progress = silent
    ) -> Part:
        self.hold(progress)
        mask = np.zeros_like(state.mask) if part is None else part.mask
        mask = mask | (area & state.mask) if adds else mask & ~area
        if not mask.any():
            raise DragError("Nothing would be left of the part.", "Paint it.")
        at_px = part.click_px if part is not None else ON_PART
        return replace(self.outlined(state, mask, at_px), outlines=part.outlines if part else (), by_hand=True)

    def another(self, state: State, part: Part, progress: Progress = silent) -> Part:
        masks = [outline.mask for outline in part.outlines]
        at = next((k for k, mask in enumerate(masks) if mask is part.mask), -1)
        mask = masks[(at + 1) % len(masks)]
        return replace(self.outlined(state, mask, part.click_px), outlines=part.outlines, by_hand=True)

    def grabbed(self, state: State, part: Part, at_px: tuple[float, float]) -> Part:
        return replace(part, click_px=at_px)

    def motion(self, state: State, part: Part, drag: Drag) -> Motion:
        aim = aim_of(drag, part.grab, state.camera)
        amount, miss = SLIDE.solve(aim.grab, aim.camera, aim.end_px, (-1.0, 1.0))
        return Motion(SLIDE, amount, aim.scale * miss, 0.8)

    def predict(
        self, state: State, drags: Sequence[Drag], part: Part | None = None, progress: Progress = silent
    ) -> Prediction:
        self.calls.append("predict" if part is not None else "predict without part")
        self.hold(progress)
        self.parts.append(part)
        part = part or self.part(state, drags[0].start_px)
        motion = self.motion(state, part, drags[-1])
        moved = state.gaussians.moved(motion.T, part.splats)
        return Prediction(replace(state, gaussians=moved), part, motion, {"predict": 0.01})

    def again(
        self,
        rest: State,
        state: State,
        drag: Drag,
        held: Held | None,
        motion: Motion | None,
        progress: Progress = silent,
    ) -> Prediction:
        self.calls.append("again")
        self.hold(progress)
        known = found(held, state, rest) if held is not None else None
        if known is None or motion is None:
            return self.predict(state, [drag])
        part, motion = known[0], carried(motion, known[1])
        moved = state.gaussians.moved(motion.T, part.splats)
        return Prediction(replace(state, gaussians=moved), part, motion, {"predict": 0.01})


def write_photo(path: Path, alpha: bool = True) -> Path:
    """Write a picture of the box of splats; without alpha nothing of it is found."""
    from PIL import Image

    rgba = np.zeros((H, W, 4), np.uint8)
    rgba[..., :3] = 255
    gaussians = box_of_splats(60000)
    pixels, depth = CAMERA.project(gaussians.positions)
    order = np.argsort(-depth)
    x, y = np.clip(pixels[order].astype(int), 0, [W - 1, H - 1]).T
    rgba[y, x, :3] = gaussians.colours[order] * 255
    rgba[y, x, 3] = 255 if alpha else 0
    Image.fromarray(rgba).save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo with one object in it."""
    return write_photo(tmp_path / "box.png")


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """Return a photo in which no object is found."""
    return write_photo(tmp_path / "nothing.png", alpha=False)


@pytest.fixture
def fake() -> Iterator[FakePipeline]:
    """Return the predictor that the window under test uses."""
    fake = FakePipeline()
    yield fake
    fake.wait.set()


class Driver:
    """Does with the window what a user does, and waits as a user would."""

    def __init__(self, window: Window, qtbot: QtBot) -> None:
        self.window = window
        self.qtbot = qtbot

    def open(self, path: Path) -> None:
        """Open a file and wait for its splats."""
        before = self.window.session.document.key
        self.window.open(path)
        self.wait(lambda: self.document.key != before and self.document.shown is not None)

    @property
    def document(self) -> Document:
        return self.window.session.document

    def at(self, image_px: tuple[float, float]) -> QPoint:
        """Return the widget's point over an image pixel."""
        x, y = self.window.parts.photo.widget_from_image(image_px)
        return QPoint(round(x), round(y))

    def press(self, image_px: tuple[float, float]) -> None:
        QTest.mousePress(self.window.parts.photo.viewport(), LEFT, NONE, self.at(image_px))

    def move(self, image_px: tuple[float, float]) -> None:
        QTest.mouseMove(self.window.parts.photo.viewport(), self.at(image_px))

    def release(self, image_px: tuple[float, float]) -> None:
        QTest.mouseRelease(self.window.parts.photo.viewport(), LEFT, NONE, self.at(image_px))

    def pull(self, start: tuple[float, float] = ON_PART, end: tuple[float, float] = PULLED) -> None:
        """Press, wait for the part, pull and let go."""
        self.press(start)
        self.wait(lambda: self.document.part is not None)
        self.move(end)
        self.release(end)

    def pull_and_wait(self, end: tuple[float, float] = PULLED) -> None:
        """Pull, and wait for the predicted state."""
        count = len(self.document.snapshots)
        self.pull(end=end)
        self.wait(lambda: len(self.document.snapshots) == count + 1 and not self.window.bench.predicting)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=60_000)


MakeWindow = Callable[..., Window]


@pytest.fixture
def make_window(
    qtbot: QtBot, fake: FakePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWindow]:
    """Return a function that opens the real window, empty; all are closed after the test, and save nothing."""
    monkeypatch.setattr(dialogs, "ask_unsaved", lambda *_: "discard")
    windows = []

    def make(renderer: str = "cpu", make_predictor: Callable[[], Any] = lambda: fake) -> Window:
        window = Window(make_predictor, renderer, tmp_path / "settings.json")
        windows.append(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    fake.wait.set()
    for window in windows:
        if window.isVisible():
            window.close()
        window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def driver(make_window: MakeWindow, qtbot: QtBot, request: pytest.FixtureRequest) -> Driver:
    """Open the real window, drawn by the CPU renderer unless the test's parameter names another."""
    return Driver(make_window(getattr(request, "param", "cpu")), qtbot)


@pytest.fixture(scope="session")
def qapp_cls() -> Callable[[list[str]], QApplication]:
    """Make the application as the program does."""
    return lambda arguments: application()
