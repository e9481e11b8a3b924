"""Scenes of mesh objects: what they show, what moves, and that a seed makes the same one again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.articulation.joint import Joint
from model.partdrag4d.articulated import load
from model.partdrag4d.mesh_scene import MeshScene, Stock, look_at, make_mesh_scene, mirrored, stock
from model.partdrag4d.scene import OUTSIDE
from model.training import data
from tests.partrm_viewer.small_objects import write_cabinet

SIZE = 96


@pytest.fixture(scope="module")
def cabinets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stock, ...]:
    return stock([write_cabinet(tmp_path_factory.mktemp("objects"))])


def seen(scene: MeshScene, state: int) -> np.ndarray:
    return look_at(scene, float(scene.amounts[state]), (scene.camera0,), SIZE).link[0]


def test_an_object_is_taken_as_it_is_and_mirrored(cabinets: tuple[Stock, ...]) -> None:
    plain, other = cabinets
    assert plain.choice == other.choice == (0, 1)  # the knob turns without end
    for one, two in zip(plain.made.movables, other.made.movables, strict=True):
        for amount in (0.0, 0.3):
            M = np.diag([-1.0, 1, 1, 1])
            np.testing.assert_allclose(M @ one.joint.transform(amount) @ M, two.joint.transform(amount), atol=1e-12)


def test_a_mirrored_object_turns_the_same_side_outwards(tmp_path: Path) -> None:
    made = load(write_cabinet(tmp_path))
    piece = mirrored(made).pieces[0]
    corners = piece.vertices[piece.faces]
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((outwards * piece.normals.mean(1)).sum(1) > 0).all()


def test_a_seed_makes_one_scene_and_others_look_otherwise(cabinets: tuple[Stock, ...]) -> None:
    one, again, other = (make_mesh_scene(seed, cabinets) for seed in (3, 3, 4))
    pictures = [look_at(s, float(s.amounts[s.source]), (s.camera0,), SIZE).rgb for s in (one, again, other)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0] - pictures[2]).mean() > 0.02


@pytest.mark.parametrize("seed", range(8))
def test_a_joint_leads_its_part_from_state_to_state(cabinets: tuple[Stock, ...], seed: int) -> None:
    """However the object is stretched, mirrored and turned: the vertices of the part follow its joint."""
    scene = make_mesh_scene(seed, cabinets)
    a, b = (float(scene.amounts[k]) for k in (scene.source, scene.target))
    before, after = scene.posed(a), scene.posed(b)
    part = scene.labels[scene.soup.carried] == scene.moving
    T = scene.joints[scene.moving - 1].transform(b - a)
    np.testing.assert_allclose(before.vertices[part] @ T[:3, :3].T + T[:3, 3], after.vertices[part], atol=1e-9)
    np.testing.assert_array_equal(before.vertices[~part], after.vertices[~part])
    assert np.abs(after.vertices[part] - before.vertices[part]).max() > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_the_object_fills_the_frame_and_depth_agrees_with_normals(cabinets: tuple[Stock, ...], seed: int) -> None:
    scene = make_mesh_scene(seed, cabinets)
    views = look_at(scene, float(scene.amounts[scene.source]), (scene.camera0,), SIZE)
    there = views.link[0] != OUTSIDE
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    assert 0.8 < max(np.ptp(rows), np.ptp(columns)) / SIZE < 0.95
    camera = scene.camera0.resized(SIZE, SIZE)
    points = camera.unproject(camera.pixel_grid(), np.where(there, views.depth[0], np.nan))
    across, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    facing = np.cross(down, across)
    facing /= np.linalg.norm(facing, axis=2, keepdims=True)
    agreed = np.abs((facing * views.normal[0, 1:-1, 1:-1]).sum(2))
    assert np.nanmedian(agreed) > 0.99


@pytest.mark.parametrize("stage", ["surface", "part", "completion"])
def test_every_stage_learns_from_meshes(
    cabinets: tuple[Stock, ...], stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "MESHES", 1.0)
    examples = [data.EXAMPLES[stage](seed, cabinets) for seed in range(4)]
    alike = data.EXAMPLES[stage](0)
    assert alike is not None and any(example is not None for example in examples)
    for example in examples:
        if example is not None:
            assert {k: (v.shape, v.dtype) for k, v in map_arrays(example)} == {
                k: (v.shape, v.dtype) for k, v in map_arrays(alike)
            }
            assert all(np.isfinite(v).all() for _, v in map_arrays(example))


def map_arrays(example: data.Example) -> list[tuple[str, np.ndarray]]:
    return [(name, np.asarray(value)) for name, value in example.items()]


def test_pixels_of_a_part_point_to_its_joint(cabinets: tuple[Stock, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MESHES", 1.0)
    for seed in range(12):
        example = data.part_example(seed, cabinets)
        if example is None:
            continue
        scene = make_mesh_scene(seed, cabinets)
        for k in np.unique(example["clicked"][example["clicked"] > 0]):
            joint: Joint = scene.joints[k - 1]
            own = (example["link"][::2, ::2] == k) & (example["weight"] > 0)
            assert (example["kind"][own] == (joint.kind == "revolute")).all()
            np.testing.assert_allclose(example["axis"][:, own].T, np.tile(joint.axis, (own.sum(), 1)), atol=1e-5)
