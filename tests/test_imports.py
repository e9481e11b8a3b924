"""The house rule of who may import whom, read from the source of every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("model", "renderer", "partrm_viewer")
QT = {"PySide6", "shiboken6", "pyqtgraph"}
SHARED_NOUNS = {"model.gaussians", "model.camera", "model.errors", "model.progress"}  # what renderer may know of model

# Of our own rooms, what each may import; None: all of it.
MAY_IMPORT: dict[str, dict[str, set[str] | None]] = {
    "main.py": {"partrm_viewer": None},
    "model": {"model": None},
    "renderer": {"renderer": None, "model": SHARED_NOUNS},
    "partrm_viewer": {"partrm_viewer": None, "renderer": None, "model": None},
}
# No Qt in these; panels, tools and the window may.
WITHOUT_QT = (
    "cli",
    "document",
    "history",
    "session",
    "settings",
    "export",
    "convert",
    "film",
    "doctor",
    "weights",
    "arguments",
    "pace",
    "workbench",
    "outlining",
)

PUBLISHED_AS = {
    "PySide6": "PySide6-Essentials",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "imageio_ffmpeg": "imageio-ffmpeg",
}
OPTIONAL = {"gsplat", "diff_gaussian_rasterization", "huggingface_hub", "bpy"}  # found by import, never required
UNSEEN = {"PyOpenGL"}  # vispy's, for gl="gl+"

SOURCES = [ROOT / "main.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import in a file, also inside functions; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: name the whole module, no relative import"
            assert node.module
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def forbidden(module: str, room: str) -> bool:
    """Tell whether a file of this room may not import this module."""
    top = module.partition(".")[0]
    if room in ("model", "renderer") and top in QT:
        return True
    if room == "model" and top in ("OpenGL", "vispy"):
        return True
    if top not in (*ROOMS, "main", "tests"):
        return False
    allowed = MAY_IMPORT[room].get(top, set())
    if not allowed:
        return allowed is not None
    return module != top and not any(module == noun or module.startswith(noun + ".") for noun in allowed)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_room_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}" for line, name in imported(path) if forbidden(name, room)
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("name", WITHOUT_QT)
def test_headless_modules_know_no_qt(name: str) -> None:
    path = ROOT / "partrm_viewer" / f"{name}.py"
    assert not [module for _, module in imported(path) if module.partition(".")[0] in QT]


def test_the_rule_sees_what_it_forbids() -> None:
    assert forbidden("renderer.cpu", "model")
    assert forbidden("renderer", "main.py")
    assert forbidden("model.stages.state", "renderer")
    assert forbidden("model.camera_path", "renderer")
    assert forbidden("PySide6.QtCore", "renderer")
    assert not forbidden("model.camera", "renderer")
    assert not forbidden("model.camera.Camera", "renderer")
    assert not forbidden("torch", "model")


def test_every_package_used_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[^A-Za-z0-9_-]", line)[0] for line in project["dependencies"]}
    modules = {module.partition(".")[0] for path in SOURCES for _, module in imported(path)}
    used = {PUBLISHED_AS.get(m, m) for m in modules - set(ROOMS) - OPTIONAL - sys.stdlib_module_names}
    assert used <= declared, f"not in pyproject.toml: {used - declared}"
    assert declared <= used | UNSEEN, f"in pyproject.toml, but not used: {declared - used}"


def test_init_files_are_empty() -> None:
    full = [
        str(p.relative_to(ROOT)) for room in ROOMS for p in (ROOT / room).rglob("__init__.py") if p.read_text().strip()
    ]
    assert not full, full


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES if path.name != "main.py"}
    assert not [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]


def test_main_is_short() -> None:
    assert len((ROOT / "main.py").read_text("utf-8").splitlines()) < 30


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("model.gaussians", ("torch", "numba", "PySide6")),
        ("model.camera", ("torch", "numba", "PySide6")),
        ("model.stages.state", ("torch", "numba", "PySide6")),
        ("model.formats.files", ("torch", "numba", "PySide6")),
        ("renderer.base", ("torch", "numba", "PySide6", "vispy")),
        ("model.weights", ("torch", "numpy", "PySide6")),
        ("partrm_viewer.cli", ("torch", "numba", "PySide6", "numpy")),
        ("partrm_viewer.export", ("torch", "numba", "PySide6")),
    ],
)
def test_stays_light(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
