"""Mesh files of any kind that trimesh knows, with their colours and textures, as pieces."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import FormatError
from model.partdrag4d.articulated import MAX_FACES, Piece, package, piece, shrunk
from model.partdrag4d.reach import Reach

GREY = (0.7, 0.7, 0.7)
KINDS = ("obj", "stl", "glb", "gltf", "ply", "off", "dae")
NO_PICTURES = (".mtl", ".bin")


class Beside:
    """Hand trimesh the files that a mesh names (materials, pictures, buffers), and remember what went wrong.

    trimesh goes on without what it cannot get: the object would come out grey.
    """

    def __init__(self, mesh: Path, reach: Reach) -> None:
        self.mesh, self.reach = mesh, reach
        self.problem: FormatError | None = None

    def __getitem__(self, name: str) -> bytes:
        return self.get(name)

    def get(self, name: str) -> bytes:
        """Return a file's bytes; raises FormatError, which is also kept."""
        try:
            path = self.reach.find(name.strip(), self.mesh.parent)
            if path.suffix.lower() not in NO_PICTURES:
                self.reach.check_image(name, path)
            return path.read_bytes()
        except FormatError as problem:
            self.problem = self.problem or problem
            raise
        except OSError as problem:
            self.problem = FormatError(f"{self.reach.name}: {name} cannot be read ({problem})", "Check the file.")
            raise

    def picture(self, image: Any) -> np.ndarray:
        """Return what trimesh opened, (H, W, 3) uint8, averaged down; decoded once for all meshes that show it."""
        name = image.info.get("file_path")
        if name is None:  # it lies inside the mesh's own file
            return shrunk(np.asarray(image.convert("RGB")))
        path = self.reach.find(name, self.mesh.parent)
        if path not in self.reach.pictures:
            self.reach.pictures[path] = shrunk(np.asarray(image.convert("RGB")))
        return self.reach.pictures[path]


def mesh_pieces(path: Path, T: np.ndarray, link: int, own: np.ndarray | None, reach: Reach) -> list[Piece]:
    """Read a mesh file; the object's own colour `own` (3,) counts where the mesh has no texture.

    T: (4, 4), the file's frame to the world at the zero pose. Raises FormatError.
    """
    trimesh = package("trimesh")
    kind = path.suffix[1:].lower()
    if kind not in KINDS:
        raise FormatError(
            f"{reach.name}: {path.name} is of an unknown kind", f"Meshes are read from {', '.join(KINDS)}."
        )
    if kind in ("glb", "gltf"):
        _check_gltf(path, kind, reach)
    beside = Beside(path, reach)
    try:
        with path.open("rb") as stream:
            # process would take vertices that are not finite away, without a word
            scene = trimesh.load_scene(stream, file_type=kind, resolver=beside, process=False)
    except FormatError:
        raise
    except Exception as problem:  # each kind of file fails in its own way
        raise beside.problem or FormatError(
            f"{reach.name}: the mesh {path.name} cannot be read ({str(problem)[:120]})", "Export the mesh again."
        ) from problem
    if beside.problem is not None:
        raise beside.problem
    made = []
    for node in scene.graph.nodes_geometry:
        T_mesh, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not hasattr(mesh, "faces") or len(mesh.faces) == 0:
            continue
        colour, uv, texture = _look(mesh, own, beside)
        try:
            made.append(piece(link, T @ T_mesh, mesh.vertices, mesh.faces, colour, uv, texture))
        except FormatError as problem:
            raise FormatError(f"{reach.name}: {path.name}: {problem.title}", problem.hint) from problem
    return made


def _look(mesh: Any, own: np.ndarray | None, beside: Beside) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Return colours (3,) or (F, 3), uv (F, 3, 2) and texture of a trimesh mesh."""
    visual = mesh.visual
    if visual.kind == "texture":
        material = visual.material
        image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        factor = getattr(material, "baseColorFactor", None)
        if factor is None:
            factor = getattr(material, "diffuse", None)
        colour = np.ones(3) if factor is None else np.asarray(factor, np.float64)[:3] / 255
        if image is not None and visual.uv is not None:
            uv = np.asarray(visual.uv, np.float64)[mesh.faces]
            uv[..., 1] = 1 - uv[..., 1]  # trimesh counts v from the last row
            if colour.max() < 0.05:  # a black diffuse under a texture is an export's slip
                colour = np.ones(3)
            return colour, uv, beside.picture(image)
        return (colour if own is None else own), None, None
    if own is not None:
        return own, None, None
    if visual.kind is None:
        return np.array(GREY), None, None
    return np.asarray(visual.face_colors, np.float64)[:, :3] / 255, None, None


def _check_gltf(path: Path, kind: str, reach: Reach) -> None:
    """Look at the counts and pictures inside a glTF file before anything is taken for them; raises FormatError."""
    data = path.read_bytes()
    try:
        rest = b""
        if kind == "glb":
            size = struct.unpack_from("<I", data, 12)[0]
            text, rest = data[20 : 20 + size], data[20 + size + 8 :]
        else:
            text = data
        tree = json.loads(text)
        for accessor in tree.get("accessors", []):
            if not 0 <= int(accessor["count"]) <= 3 * MAX_FACES:
                raise FormatError(f"{reach.name}: {path.name} claims {accessor['count']} values", "Simplify the mesh.")
        for k, image in enumerate(tree.get("images", [])):
            name = f"{path.name}, picture {k + 1}"
            if "bufferView" in image:
                view = tree["bufferViews"][image["bufferView"]]
                start = int(view.get("byteOffset", 0))
                if kind == "glb" and view.get("buffer", 0) == 0:
                    reach.check_image(name, rest[start : start + int(view["byteLength"])])
            elif str(image.get("uri", "")).startswith("data:"):
                reach.check_image(name, base64.b64decode(image["uri"].partition(",")[2]))
    except (struct.error, ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
        raise FormatError(f"{reach.name}: {path.name} is damaged", "Export the mesh again.") from problem
