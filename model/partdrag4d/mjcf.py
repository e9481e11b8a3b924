"""MJCF: MuJoCo compiles the file, this reads what it shows (https://mujoco.readthedocs.io/en/stable/XMLreference.html)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from model.articulation.joint import Joint
from model.errors import FormatError
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece, package, piece
from model.partdrag4d.mjcf_text import whole
from model.partdrag4d.projected import on_cube, on_plane

INVISIBLE = 0.05  # geoms of a lower alpha are left out
DEFAULT = [0.5, 0.5, 0.5, 1.0]  # a geom's colour where the file gives none: its material's then counts
SHOWN_GROUPS = 3  # MuJoCo shows the geoms of groups 0, 1 and 2


def read_mjcf(path: Path) -> ArticulatedObject:
    """Read an MJCF file in its own axes; raises FormatError."""
    mujoco = package("mujoco")
    try:
        model = mujoco.MjModel.from_xml_string(whole(path))
    except ValueError as problem:
        line = " ".join(str(problem).split())[:200]
        raise FormatError(f"{path.name} is not an MJCF file that MuJoCo reads ({line})", "Check the file.") from problem
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    movables, link_of = _movables(path.name, model, data)
    pieces: list[Piece] = []
    for g in np.flatnonzero(_shown(model)):
        pieces += _geom(model, data, int(g), int(link_of[model.geom_bodyid[g]]))
    return ArticulatedObject(path.stem, tuple(pieces), tuple(movables))


def _movables(name: str, model: Any, data: Any) -> tuple[list[Movable], np.ndarray]:
    """Return the joints, and the link of each body (B,). Free joints only place things; ball joints are refused."""
    kinds = package("mujoco").mjtJoint
    movables: list[Movable] = []
    link_of = np.zeros(model.nbody, int)
    for body in range(1, model.nbody):
        link_of[body] = link_of[model.body_parentid[body]]
        first = model.body_jntadr[body]
        for j in range(first, first + model.body_jntnum[body]):
            kind, called = int(model.jnt_type[j]), model.joint(j).name
            if kind == int(kinds.mjJNT_FREE):
                continue
            if kind == int(kinds.mjJNT_BALL):
                raise FormatError(f"{name}: '{called}' is a ball joint", "Read are hinges and slides.")
            turns = kind == int(kinds.mjJNT_HINGE)
            joint = Joint("revolute" if turns else "prismatic", data.xaxis[j].copy(), data.xanchor[j].copy())
            zero = float(model.qpos0[model.jnt_qposadr[j]])  # the file's own number for the pose it shows
            low, high = (float(x) - zero for x in model.jnt_range[j])
            endless = high <= low
            if endless and not turns:
                raise FormatError(f"{name}: the joint '{called}' has no limits", 'Write range=".. .." into it.')
            limits = (-np.pi, np.pi) if endless else (low, high)
            movables.append(Movable(called, joint, limits, int(link_of[body]), continuous=endless))
            link_of[body] = len(movables)
    return movables, link_of


def _shown(model: Any) -> np.ndarray:
    """Tell which geoms are meant to be seen, (G,) bool.

    Collision shapes are told by their group: where some geoms of a file collide with nothing, those were made to be
    seen, and a group without any such geom is for the simulation alone.
    """
    quiet = (model.geom_contype == 0) & (model.geom_conaffinity == 0)
    shown = (model.geom_group >= 0) & (model.geom_group < SHOWN_GROUPS)
    if not shown.any():
        shown[:] = True
    if (quiet & shown).any():
        shown &= np.isin(model.geom_group, model.geom_group[quiet & shown])
    return np.asarray(shown)


def _geom(model: Any, data: Any, g: int, link: int) -> list[Piece]:
    forms = package("mujoco").mjtGeom
    material = int(model.geom_matid[g])
    rgba = model.mat_rgba[material] if material >= 0 and model.geom_rgba[g].tolist() == DEFAULT else model.geom_rgba[g]
    if rgba[3] < INVISIBLE:
        return []
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = data.geom_xmat[g].reshape(3, 3), data.geom_xpos[g]
    form = forms(int(model.geom_type[g]))
    mesh = form == forms.mjGEOM_MESH
    m = model.mesh(int(model.geom_dataid[g])) if mesh else None
    if m is None:
        shape = _shape(forms, form, model.geom_size[g])
        if shape is None:
            return []
        vertices, faces = shape
    else:
        first, face, count = int(m.vertadr[0]), int(m.faceadr[0]), int(m.facenum[0])
        vertices = np.asarray(model.mesh_vert[first : first + int(m.vertnum[0])], np.float64)
        faces = np.asarray(model.mesh_face[face : face + count], np.int64)
    colour = np.clip(np.asarray(rgba[:3], np.float64), 0, 1)
    texture, cube = _texture(model, material)
    if texture is None:
        return [piece(link, T, vertices, faces, colour)]
    repeat, uniform = np.asarray(model.mat_texrepeat[material]), bool(model.mat_texuniform[material])
    if m is not None and m.texcoordadr[0] >= 0:
        start = int(m.texcoordadr[0])
        uv = model.mesh_texcoord[start:][model.mesh_facetexcoord[face : face + count]]
        return [piece(link, T, vertices, faces, colour, uv * repeat, texture)]
    size = np.asarray(model.geom_size[g], np.float64)
    if form in (forms.mjGEOM_SPHERE, forms.mjGEOM_CYLINDER, forms.mjGEOM_CAPSULE):
        size = np.array([size[0], size[0], size[0 if form == forms.mjGEOM_SPHERE else 1]])
    if not cube:
        return [piece(link, T, vertices, faces, colour, on_plane(vertices[faces], size, repeat, uniform), texture)]
    stretch = size if mesh and uniform else np.ones(3) if mesh or uniform else 1 / np.maximum(size, 1e-9)
    made = []
    for corners, uv, side in on_cube(vertices[faces], stretch, texture):
        triangles = np.arange(3 * len(corners)).reshape(-1, 3)
        made.append(piece(link, T, corners.reshape(-1, 3), triangles, colour, uv, side))
    return made


def _shape(forms: Any, form: Any, size: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return vertices and faces of a simple shape; None for planes and others that are not part of an object."""
    creation = package("trimesh").creation
    if form == forms.mjGEOM_BOX:
        made = creation.box(extents=2 * size)
    elif form == forms.mjGEOM_CYLINDER:
        made = creation.cylinder(size[0], 2 * size[1])
    elif form == forms.mjGEOM_CAPSULE:
        made = creation.capsule(2 * size[1], size[0])
        made.apply_translation(-made.bounds.mean(0))
    elif form in (forms.mjGEOM_SPHERE, forms.mjGEOM_ELLIPSOID):
        made = creation.icosphere(subdivisions=3)
        made.apply_scale(size[0] if form == forms.mjGEOM_SPHERE else size)
    else:
        return None
    return np.asarray(made.vertices), np.asarray(made.faces)


def _texture(model: Any, material: int) -> tuple[np.ndarray | None, bool]:
    """Return a material's colour texture (H, W, 3) uint8, or None, and whether it wraps a cube."""
    roles = package("mujoco").mjtTextureRole
    t = -1
    if material >= 0:
        t = max(int(model.mat_texid[material][int(role)]) for role in (roles.mjTEXROLE_RGB, roles.mjTEXROLE_RGBA))
    if t < 0:
        return None, False
    h, w, c = int(model.tex_height[t]), int(model.tex_width[t]), int(model.tex_nchannel[t])
    start = int(model.tex_adr[t])
    image = np.asarray(model.tex_data[start : start + h * w * c], np.uint8).reshape(h, w, c)
    cube = int(model.tex_type[t]) != int(package("mujoco").mjtTexture.mjTEXTURE_2D)
    return np.repeat(image, 3, axis=2) if c == 1 else image[..., :3], cube
