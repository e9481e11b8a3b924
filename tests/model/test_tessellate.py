"""Procedural objects as meshes: the shapes, joints and colours that the tracer draws."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import FormatError
from model.partdrag4d.articulated import load
from model.partdrag4d.procedural import make_scene
from model.partdrag4d.raster import draw
from model.partdrag4d.tessellate import procedural_object, tessellated
from model.partdrag4d.tracer import trace

SEEDS = (3, 18, 15)  # doors and a drawer; round things, a hole and a tube; five drawers


@pytest.mark.parametrize("seed", SEEDS)
def test_meshes_are_where_the_tracer_sees_them(seed: int) -> None:
    scene = make_scene(seed)
    made = tessellated(scene, "one").placed(scene.T_world_object)
    for share in (0.0, 1.0):
        amount = float(scene.limits[scene.moving - 1] @ (1 - share, share))
        amounts = scene.rest.copy()
        amounts[scene.moving - 1] = amount
        camera = scene.camera0.resized(128, 128)
        traced, drawn = trace(scene, amount, [camera], 128, supersample=2), draw(made, amounts, camera, 128)
        assert np.abs(traced.alpha[0] - drawn.rgba[..., 3] / 255).mean() < 1e-2  # edges are sampled at other places
        assert (traced.link[0] != drawn.link).mean() < 1.5e-2
        both = (traced.depth[0] > 0) & (drawn.depth > 0)
        assert np.median(np.abs(traced.depth[0] - drawn.depth)[both]) < 5e-3


@pytest.mark.parametrize("seed", [2, 11, 15])  # dark steel, wood, black and grey
def test_colours_are_the_tracers_but_for_the_light(seed: int) -> None:
    scene = make_scene(seed)
    made = tessellated(scene, "one").placed(scene.T_world_object)
    camera = scene.camera0.resized(128, 128)
    amounts = scene.rest.copy()
    amounts[scene.moving - 1] = scene.limits[scene.moving - 1, 0]
    traced = trace(scene, float(amounts[scene.moving - 1]), [camera], 128, supersample=2).on_white[0]
    drawn = draw(made, amounts, camera, 128)
    inside = drawn.rgba[..., 3] == 255
    tones = [traced[inside].mean(1), drawn.on_white[inside].mean(1)]
    assert np.corrcoef(*tones)[0, 1] > 0.85
    hue = [x[inside] / np.maximum(x[inside].sum(1, keepdims=True), 0.05) for x in (traced, drawn.on_white)]
    assert np.median(np.abs(hue[0] - hue[1])) < 0.03


def test_joints_are_the_assemblys_own() -> None:
    scene = make_scene(15)
    made = procedural_object(15)
    assert made.name == "procedural_15" and made.category == "StorageFurniture"
    assert len(made.movables) == len(scene.joints) == 5
    for movable, joint, limits in zip(made.movables, scene.joints, scene.limits, strict=True):
        assert movable.joint.kind == joint.kind == "prismatic" and movable.parent == 0
        np.testing.assert_allclose(movable.joint.axis, [0, 0, 1], atol=1e-9)  # drawers open towards the front
        np.testing.assert_allclose(movable.limits, limits / scene.scale)
    low = made.points(made.rest).min(0)
    assert low[1] == pytest.approx(0, abs=1e-6)  # it stands on the ground


def test_triangles_face_outward_and_stay_in_their_pictures() -> None:
    for part in procedural_object(5).pieces:
        t = part.vertices[part.faces]
        flat = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
        assert (np.einsum("fi,fki->fk", flat, part.normals) > 0).all()
        np.testing.assert_allclose(np.linalg.norm(part.normals, axis=2), 1, atol=1e-6)
        assert part.uv.min() >= 0 and part.uv.max() <= 1


def test_a_seed_names_an_object() -> None:
    one, same = load("procedural:7"), procedural_object(7)
    np.testing.assert_array_equal(one.pieces[0].texture, same.pieces[0].texture)
    with pytest.raises(FormatError, match="no procedural object"):
        load("procedural:door")
    with pytest.raises(FormatError, match="no procedural object"):
        load("procedural:-1")
