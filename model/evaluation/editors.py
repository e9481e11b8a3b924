"""Editors: 2D drag editors as a seam (an image and drags in, an image out), so that any of them can be measured.

Two need no weights: `copy` changes nothing, `warp` moves the part's pixels as a whole. `ExternalEditor` runs a command.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from model.drag import Drag
from model.errors import PartRMError

TIMEOUT_S = 600.0
TOLD = 400  # characters of a failing command's last words
WORDS = ("{image}", "{drags}", "{out}")  # that a command must take; {mask} it may


class EditorError(PartRMError):
    """A drag editor that fails, hangs, or gives no picture of the right size."""


class DragEditor(Protocol):
    """Drags parts of a picture."""

    name: str

    def __call__(self, image: np.ndarray, drags: Sequence[Drag], mask: np.ndarray | None = None) -> np.ndarray:
        """Return image (H, W, 3) uint8 after drags in its pixels; mask (H, W) bool is the part, where it is known.

        Raises EditorError.
        """
        ...


class CopyEditor:
    """Change nothing: the floor that any editor has to beat."""

    name = "copy"

    def __call__(self, image: np.ndarray, drags: Sequence[Drag], mask: np.ndarray | None = None) -> np.ndarray:
        return image.copy()


class WarpEditor:
    """Move the part's pixels by the rigid motion nearest to the drags, and fill what they leave from around it.

    One drag, or several of one direction, is a shift; others turn the part as well. Without a mask nothing moves.
    """

    name = "warp"

    def __call__(self, image: np.ndarray, drags: Sequence[Drag], mask: np.ndarray | None = None) -> np.ndarray:
        if mask is None or not mask.any() or not drags:
            return image.copy()
        A = rigid_2d(np.array([d.start_px for d in drags]), np.array([d.end_px for d in drags]))
        size = (image.shape[1], image.shape[0])
        half = np.array([0.5, 0.5])
        A[:, 2] += A[:, :2] @ half - half  # OpenCV's pixel centres are whole numbers
        hole = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))  # with the rim, which has the part's colour
        ground = cv2.inpaint(np.ascontiguousarray(image), hole, 5, cv2.INPAINT_TELEA)
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
        cover = cv2.warpAffine(soft, A, size, flags=cv2.INTER_LINEAR)[..., None]
        part = cv2.warpAffine(
            image.astype(np.float32), A, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray((cover * part + (1 - cover) * ground).round().clip(0, 255).astype(np.uint8))


def rigid_2d(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Fit the turn and shift (2, 3) that takes points (N, 2) nearest to others (N, 2) (Umeyama 1991, no scale)."""
    a, b = starts.mean(0), ends.mean(0)
    U, _, Vt = np.linalg.svd((ends - b).T @ (starts - a))
    turn = U @ np.diag([1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt
    if len(starts) < 2 or np.allclose(starts, a):
        turn = np.eye(2)
    return np.concatenate([turn, (b - turn @ a)[:, None]], axis=1)


class ExternalEditor:
    """Run any command as an editor, for instance "python dragapart.py {image} {drags} {out}".

    {image} is a PNG, {drags} a JSON file {"width", "height", "drags": [[x0, y0, x1, y1]], "drags_px": ...} with drags
    as parts of the picture's sides (0..1) and in pixels, {mask} a PNG that is white on the part (all black where that
    is not known), {out} where the command leaves a picture of the same size.
    """

    def __init__(self, command: str, timeout_s: float = TIMEOUT_S) -> None:
        """Take the command; raises EditorError where it does not say where the files go."""
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise EditorError(f"The editor's command cannot be read: {error}", f"It is: {command}") from error
        absent = [word for word in WORDS if word not in command]
        if absent or not self.words:
            hint = 'For instance: --editor "python dragapart.py {image} {drags} {out}"'
            raise EditorError(f"The editor's command lacks {' and '.join(absent) or 'everything'}", hint)
        scripts = [Path(w).stem for w in self.words if w.endswith((".py", ".sh"))]
        self.name = (scripts or [Path(self.words[0]).stem])[0]
        self.timeout_s = timeout_s

    def __call__(self, image: np.ndarray, drags: Sequence[Drag], mask: np.ndarray | None = None) -> np.ndarray:
        h, w = image.shape[:2]
        pixels = [[*d.start_px, *d.end_px] for d in drags]
        parts = [[x0 / w, y0 / h, x1 / w, y1 / h] for x0, y0, x1, y1 in pixels]
        with tempfile.TemporaryDirectory(prefix="partrm-editor-", ignore_cleanup_errors=True) as folder:
            files = {f"{{{name}}}": str(Path(folder) / f"{name}.png") for name in ("image", "mask", "out")}
            files["{drags}"] = str(Path(folder) / "drags.json")
            cv2.imwrite(files["{image}"], image[..., ::-1])
            cv2.imwrite(files["{mask}"], (np.zeros((h, w)) if mask is None else mask * 255).astype(np.uint8))
            told = {"width": w, "height": h, "drags": parts, "drags_px": pixels}
            Path(files["{drags}"]).write_text(json.dumps(told), "utf-8")
            self._run([_filled(word, files) for word in self.words])
            return self._result(Path(files["{out}"]), w, h)

    def _run(self, words: list[str]) -> None:
        group = {"start_new_session": True} if os.name == "posix" else {}
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **group
            )  # type: ignore[call-overload]
        except OSError as error:
            raise EditorError(f"The editor “{self.name}” cannot be started: {error.strerror}", words[0]) from error
        with process:
            try:
                _, last = process.communicate(timeout=self.timeout_s)
            except BaseException as stopped:  # also Ctrl-C: nothing may outlive its caller
                _end(process)
                if not isinstance(stopped, subprocess.TimeoutExpired):
                    raise
                hint = "Give it more time: --editor-timeout SECONDS"
                raise EditorError(f"The editor “{self.name}” took longer than {self.timeout_s:g} s", hint) from None
        if process.returncode:
            said = last.decode("utf-8", "replace").strip()[-TOLD:] or "It said nothing on stderr."
            raise EditorError(f"The editor “{self.name}” failed with exit code {process.returncode}", said)

    def _result(self, path: Path, w: int, h: int) -> np.ndarray:
        if not path.is_file() or path.stat().st_size == 0:
            raise EditorError(f"The editor “{self.name}” wrote nothing", "It must leave its picture at {out}.")
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise EditorError(f"What the editor “{self.name}” wrote is no picture", "It must leave a PNG at {out}.")
        if picture.shape[:2] != (h, w):
            size = f"{picture.shape[1]} x {picture.shape[0]}"
            raise EditorError(f"The editor “{self.name}” wrote {size} pixels", f"It was given {w} x {h}.")
        return np.ascontiguousarray(picture[..., ::-1])


def editor(text: str, timeout_s: float = TIMEOUT_S) -> DragEditor:
    """Return a built-in editor by its name, or one that runs a command. Raises EditorError."""
    built_in: dict[str, DragEditor] = {e.name: e for e in (CopyEditor(), WarpEditor())}
    return built_in.get(text) or ExternalEditor(text, timeout_s)


def _filled(word: str, files: dict[str, str]) -> str:
    for name, path in files.items():
        word = word.replace(name, path)
    return word


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with all that it has started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
