"""MJCF: MuJoCo compiles the file, this reads what it shows (https://mujoco.readthedocs.io/en/stable/XMLreference.html)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np

from model.articulation.joint import Joint
from model.errors import FormatError
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece, package, piece

UNKNOWN = ("region", "boundmass", "size")  # what robosuite's fragments hold and MuJoCo does not
INVISIBLE = 0.05  # geoms of a lower alpha are left out


def read_mjcf(path: Path) -> ArticulatedObject:
    """Read an MJCF file in its own axes; raises FormatError.

    Geoms that collide with nothing are what is meant to be seen; where a file has none, all geoms are.
    """
    mujoco = package("mujoco")
    try:
        model = mujoco.MjModel.from_xml_string(_cleaned(path))
    except (ValueError, ET.ParseError) as problem:
        line = str(problem).strip().splitlines()[0]
        raise FormatError(f"{path.name} is not an MJCF file that MuJoCo reads ({line})", "Check the file.") from problem
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)

    hinge, slide = int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)
    movables: list[Movable] = []
    link_of = np.zeros(model.nbody, int)
    for body in range(1, model.nbody):
        link_of[body] = link_of[model.body_parentid[body]]
        first = model.body_jntadr[body]
        for j in range(first, first + model.body_jntnum[body]):
            kind = int(model.jnt_type[j])
            if kind not in (hinge, slide):
                continue
            joint = Joint(
                "revolute" if kind == hinge else "prismatic",
                data.xaxis[j].copy(), data.xanchor[j].copy(),
            )  # fmt: skip
            low, high = (float(x) for x in model.jnt_range[j])
            limits = (low, high) if high > low else (-np.pi, np.pi)
            movables.append(Movable(model.joint(j).name, joint, limits, int(link_of[body])))
            link_of[body] = len(movables)

    quiet = (model.geom_contype == 0) & (model.geom_conaffinity == 0)
    pieces: list[Piece] = []
    for g in np.flatnonzero(quiet if quiet.any() else np.ones(model.ngeom, bool)):
        made = _geom(model, data, int(g), int(link_of[model.geom_bodyid[g]]))
        pieces += [made] if made is not None else []
    return ArticulatedObject(path.stem, tuple(pieces), tuple(movables))


def _cleaned(path: Path) -> str:
    """Return the file's text with absolute asset folders and without what MuJoCo does not know."""
    root = ET.fromstring(path.read_text())
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in UNKNOWN]:
            parent.remove(child)
    compiler = root.find("compiler")
    if compiler is None:
        compiler = ET.SubElement(root, "compiler")
    for folder in ("meshdir", "texturedir"):
        compiler.set(folder, str((path.parent / compiler.get(folder, compiler.get("assetdir", "."))).resolve()))
    compiler.attrib.pop("inertiagrouprange", None)  # nothing is simulated: bodies without mass are fine
    compiler.set("boundmass", "0.001")
    compiler.set("boundinertia", "0.00001")
    return ET.tostring(root, encoding="unicode")


def _geom(model: Any, data: Any, g: int, link: int) -> Piece | None:
    trimesh, mujoco = package("trimesh"), package("mujoco")
    material = int(model.geom_matid[g])
    rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[g]
    if rgba[3] < INVISIBLE:
        return None
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = data.geom_xmat[g].reshape(3, 3), data.geom_xpos[g]
    size, form = model.geom_size[g], mujoco.mjtGeom(int(model.geom_type[g]))
    texture, repeat = _texture(model, material)
    colour = np.asarray(rgba[:3], np.float64)
    if form == mujoco.mjtGeom.mjGEOM_MESH:
        m = model.mesh(int(model.geom_dataid[g]))
        first, count = int(m.vertadr[0]), int(m.vertnum[0])
        face, faces = int(m.faceadr[0]), int(m.facenum[0])
        vertices, triangles = model.mesh_vert[first : first + count], model.mesh_face[face : face + faces]
        uv = None
        if m.texcoordadr[0] >= 0:
            start = int(m.texcoordadr[0])
            uv = model.mesh_texcoord[start:][model.mesh_facetexcoord[face : face + faces]] * repeat
        if texture is not None and uv is None:
            colour, texture = colour * texture.reshape(-1, 3).mean(0) / 255, None
        return piece(link, T, vertices, triangles, colour, uv, texture)
    if form == mujoco.mjtGeom.mjGEOM_BOX:
        made = trimesh.creation.box(extents=2 * size)
    elif form == mujoco.mjtGeom.mjGEOM_CYLINDER:
        made = trimesh.creation.cylinder(size[0], 2 * size[1])
    elif form == mujoco.mjtGeom.mjGEOM_CAPSULE:
        made = trimesh.creation.capsule(2 * size[1], size[0])
        made.apply_translation(-made.bounds.mean(0))
    elif form == mujoco.mjtGeom.mjGEOM_SPHERE:
        made = trimesh.creation.icosphere(radius=size[0])
    else:
        return None
    if texture is not None:
        colour = colour * texture.reshape(-1, 3).mean(0) / 255
    return piece(link, T, made.vertices, made.faces, colour)


def _texture(model: Any, material: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return a material's colour texture (H, W, 3) uint8, or None, and how often it repeats (2,)."""
    ids = [] if material < 0 else [int(t) for t in np.ravel(model.mat_texid[material]) if t >= 0]
    if not ids:
        return None, np.ones(2)
    t = ids[0]
    h, w, c = int(model.tex_height[t]), int(model.tex_width[t]), int(model.tex_nchannel[t])
    start = int(model.tex_adr[t])
    image = np.asarray(model.tex_data[start : start + h * w * c], np.uint8).reshape(h, w, c)
    return np.repeat(image, 3, axis=2) if c == 1 else image[..., :3], np.asarray(model.mat_texrepeat[material])
