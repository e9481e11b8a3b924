"""Mesh objects: what files say is what stands in the world, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.camera import Camera
from model.errors import FormatError, PartRMError
from model.partdrag4d import articulated
from model.partdrag4d.articulated import ArticulatedObject, Movable, Piece, load, piece
from model.partdrag4d.projected import on_cube
from model.partdrag4d.raster import draw, fitted
from model.partdrag4d.scene import OUTSIDE

ARTICULATED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "articulated"

URDF = """<robot name="cabinet">
  <material name="red"><color rgba="1 0 0 1"/></material>
  <link name="root"/>
  <joint name="fixed" type="fixed">
    <origin xyz="0 0 1" rpy="0 0 1.5707963"/><parent link="root"/><child link="body"/></joint>
  <link name="body"><visual><geometry><box size="1 1, 2"/></geometry><material name="red"/></visual></link>
  <joint name="slide" type="prismatic">
    <origin xyz="0.6 0 0"/><parent link="body"/><child link="drawer"/><axis xyz="2 0 0"/><limit lower="-0.5" upper="0"/>
  </joint>
  <link name="drawer">
    <visual><geometry><mesh filename="../meshes/quad.obj" scale="1, 1, 1"/></geometry></visual>
  </link>
  <joint name="knob" type="continuous">
    <origin xyz="0.1 0 0"/><parent link="drawer"/><child link="k"/><axis xyz="0 0 1"/></joint>
  <link name="k"><visual><geometry><sphere radius="0.1"/></geometry></visual></link>
</robot>"""
QUAD = """mtllib quad.mtl
v 0 -0.5 -0.5
v 0 0.5 -0.5
v 0 0.5 0.5
v 0 -0.5 0.5
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl paint
f 1/1 2/2 3/3 4/4
"""


@pytest.fixture
def urdf(tmp_path: Path) -> Path:
    """A body turned by 90 degrees, a textured drawer on it, a knob on the drawer; its texture lies elsewhere."""
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    for folder in ("urdf", "meshes", "textures"):
        (tmp_path / folder).mkdir()
    (tmp_path / "urdf" / "cabinet.urdf").write_text(URDF)
    (tmp_path / "meshes" / "quad.obj").write_text(QUAD)
    (tmp_path / "meshes" / "quad.mtl").write_text("newmtl paint\nKd 1 1 1\nmap_Kd ../textures/paint.png\n")
    paint = np.zeros((8, 8, 3), np.uint8)
    paint[:4, :, 1] = 255  # green above
    paint[4:, :, 2] = 255  # blue below
    Image.fromarray(paint).save(tmp_path / "textures" / "paint.png")
    return tmp_path / "urdf" / "cabinet.urdf"


def quad(link: int, z: float, colour: tuple[float, float, float], half: float = 0.5, flipped: bool = False) -> Piece:
    """Make a square across the z axis that faces +z."""
    corners = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return piece(link, np.eye(4), corners, faces[:, ::-1] if flipped else faces, np.array(colour))


def test_urdf_stands_y_up_with_its_joints(urdf: Path) -> None:
    made = load(urdf, up="z")
    slide, knob = made.movables
    assert (slide.joint.kind, knob.joint.kind) == ("prismatic", "revolute")
    np.testing.assert_allclose(slide.joint.axis, [0, 0, -1], atol=1e-6)  # the file's x, turned to y, is away from us
    np.testing.assert_allclose(knob.joint.axis, [0, 1, 0], atol=1e-6)
    assert slide.limits == (-0.5, 0.0) and knob.limits == pytest.approx((-np.pi, np.pi))
    assert knob.parent == made.link("slide") == 1
    body = made.pieces[0]
    np.testing.assert_allclose(body.vertices.min(0), [-0.5, 0, -0.5], atol=1e-6)
    np.testing.assert_allclose(body.vertices.max(0), [0.5, 2, 0.5], atol=1e-6)
    np.testing.assert_allclose(body.colours[0], [1, 0, 0])


def test_children_follow_their_parents(urdf: Path) -> None:
    made = load(urdf)
    poses = made.poses([-0.5, 0.3])
    np.testing.assert_allclose(poses[1, :3, 3], [0, 0, 0.5], atol=1e-6)
    on_axis = made.movables[1].joint.pivot
    np.testing.assert_allclose(poses[2, :3, :3] @ on_axis + poses[2, :3, 3], on_axis + np.array([0, 0, 0.5]), atol=1e-6)


def test_texture_beside_the_folder_is_found_the_right_way_up(urdf: Path) -> None:
    seen = draw(load(urdf), [0, 0], Camera.orbit(180, 0, 4, 40, 64, 64, target=(0, 1, 0)), 64)
    drawer = seen.link == 1
    rows = np.flatnonzero(drawer.any(1))
    above, below = seen.rgba[rows[1], 24, :3], seen.rgba[rows[-2], 24, :3]
    assert above.argmax() == 1 and below.argmax() == 2
    assert (seen.link == 2).any() and seen.link[0, 0] == OUTSIDE and seen.rgba[0, 0, 3] == 0


def test_the_nearer_face_shows_and_depth_is_exact() -> None:
    made = ArticulatedObject("two", (quad(0, 0.0, (1, 0, 0)), quad(0, 0.5, (0, 1, 0), 0.2)), ())
    seen = draw(made, [], Camera.orbit(0, 0, 3, 40, 64, 64), 64)
    assert seen.rgba[32, 32].argmax() in (1, 3) and seen.rgba[32, 32, 0] == 0
    assert seen.depth[32, 32] == pytest.approx(2.5, abs=1e-5)
    assert seen.depth[32, 20] == pytest.approx(3.0, abs=1e-5)
    np.testing.assert_allclose(seen.on_white[0, 0], 1)


@pytest.mark.parametrize("first", [0, 1])
def test_doubled_faces_show_the_one_that_faces_the_eye(first: int) -> None:
    both = [quad(0, 0.0, (0, 1, 0)), quad(0, 0.0, (1, 0, 0), flipped=True)]
    made = ArticulatedObject("doubled", (both[first], both[1 - first]), ())
    seen = draw(made, [], Camera.orbit(0, 0, 3, 40, 32, 32), 32)
    inside = seen.link == 0
    assert (seen.rgba[inside][:, 0] == 0).all() and (seen.rgba[inside][:, 1] > 0).all()


def test_edges_are_smooth() -> None:
    turned = piece(
        0, np.eye(4), np.array([[-0.5, -0.4, 0], [0.5, -0.3, 0], [0, 0.6, 0]]), np.array([[0, 1, 2]]), np.ones(3)
    )
    alpha = draw(ArticulatedObject("triangle", (turned,), ()), [], Camera.orbit(0, 0, 3, 40, 32, 32), 32).rgba[..., 3]
    assert set(np.unique(alpha)) == {0, 64, 128, 191, 255}


def test_fitted_fills_the_frame_and_scales_slides() -> None:
    joint = articulated.Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3))
    made = ArticulatedObject(
        "box", (quad(0, -7.0, (1, 1, 1), 9), quad(1, 3.0, (1, 0, 0), 5)), (Movable("slide", joint, (-1, 4), 0),)
    )
    camera = Camera.orbit(0, 25, 2, 40, 100, 100)
    placed = fitted(made, [0.0], camera, 30, 0.7)
    pixels, _ = camera.project(placed.points([0.0]))
    low, high = pixels.min(0), pixels.max(0)
    assert (high - low).max() == pytest.approx(70, abs=0.3)
    np.testing.assert_allclose((low + high) / 2, 50, atol=0.3)
    scale = np.ptp(placed.pieces[0].vertices[:, 1]) / 18
    assert placed.movables[0].limits == pytest.approx((-scale, 4 * scale))
    front = placed.pieces[1].normals[0, 0]
    np.testing.assert_allclose(front, [0.5, 0, np.sqrt(0.75)], atol=1e-9)


def test_round_things_are_shaded_round_and_boxes_flat() -> None:
    trimesh = pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    ball, box = trimesh.creation.icosphere(subdivisions=2), trimesh.creation.box(extents=(1, 9, 3))
    ball_normals = piece(0, np.eye(4), ball.vertices, ball.faces, np.ones(3)).normals
    np.testing.assert_allclose(ball_normals, ball.vertices[ball.faces], atol=0.03)
    box_normals = piece(0, np.eye(4), box.vertices, box.faces, np.ones(3)).normals
    np.testing.assert_allclose(np.abs(box_normals).max(2), 1)


def test_mjcf_fragment_with_unknown_words(tmp_path: Path) -> None:
    pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    (tmp_path / "box.xml").write_text("""<mujoco><compiler angle="radian"/><size njmax="5"/>
    <worldbody><body><body name="object">
      <geom type="box" size=".5 .4 .3" rgba="0 1 0 1" contype="0" conaffinity="0" group="1"/>
      <geom type="box" size="9 9 9" rgba="1 0 0 1"/><region name="r"/>
      <body pos="0 -.4 0"><joint name="lid" type="hinge" pos="0 0 .3" axis="1 0 0" range="-1.5 0" limited="true"/>
        <geom type="cylinder" size=".1 .2" contype="0" conaffinity="0" group="1"/></body>
    </body></body></worldbody></mujoco>""")
    made = load(tmp_path / "box.xml")
    assert [p.link for p in made.pieces] == [0, 1]  # a group that only collides is left out
    np.testing.assert_allclose(made.pieces[0].vertices.max(0), [0.5, 0.3, 0.4], atol=1e-6)
    np.testing.assert_allclose(made.movables[0].joint.pivot, [0, 0.3, 0.4], atol=1e-6)
    assert made.movables[0].limits == (-1.5, 0)


def test_mjcf_parts_of_a_file_come_together(tmp_path: Path) -> None:
    pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    (tmp_path / "kit" / "parts").mkdir(parents=True)
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (4, 4), colour).save(tmp_path / "kit" / "parts" / f"{name}.png")
    (tmp_path / "kit" / "parts" / "look.xml").write_text("""<mujocoinclude><compiler angle="radian"/><asset>
      <texture name="t" type="cube" file="../kit/parts/red.png"/><material name="one" texture="t"/>
      <texture name="t" type="2d" file="../kit/parts/blue.png"/><material name="two" texture="t"/>
    </asset></mujocoinclude>""")
    (tmp_path / "kit" / "parts" / "bodies.xml").write_text("""<mujocoinclude>
      <body><joint name="turn" ref="0.5" range="0 2"/><geom type="box" size="1 2 3" material="one"/></body>
      <include file="../kit/parts/more.xml"/></mujocoinclude>""")
    (tmp_path / "kit" / "parts" / "more.xml").write_text("""<mujocoinclude><body pos="9 0 0">
      <geom type="sphere" size="1" material="two" rgba="1 1 1 1"/></body></mujocoinclude>""")
    (tmp_path / "kit" / "thing.xml").write_text("""<mujoco><include file="../kit/parts/look.xml"/>
      <worldbody><include file="../kit/parts/bodies.xml"/></worldbody><actuator><motor joint="none"/></actuator>
    </mujoco>""")
    made = load(tmp_path / "kit" / "thing.xml")
    box, ball = made.pieces
    assert box.texture[0, 0].tolist() == [255, 0, 0] and ball.texture[0, 0].tolist() == [0, 0, 255]
    assert made.movables[0].limits == pytest.approx((-0.5, 1.5))  # the file shows the joint at .5
    np.testing.assert_allclose(ball.vertices.mean(0), [9, 0, 0], atol=1e-6)


def test_cube_textures_stay_on_their_sides() -> None:
    trimesh = pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    box = trimesh.creation.box(extents=(2, 4, 6))
    sides = np.arange(6, dtype=np.uint8).repeat(8 * 8 * 3).reshape(48, 8, 3)  # +x, -x, +y, -y, +z, -z below one another
    seen = {}
    for corners, uv, picture in on_cube(box.vertices[box.faces], np.array([1, 1 / 2, 1 / 3]), sides):
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat = flat[np.linalg.norm(flat, axis=1) > 1e-9]
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        seen[int(picture[0, 0, 0])] = np.unique(np.round(flat, 6), axis=0).tolist()
        assert uv.min() >= 0 and uv.max() <= 1
    assert seen == {k: [[(1 - 2 * (k % 2)) * float(k // 2 == i) + 0.0 for i in range(3)]] for k in range(6)}
    ball = trimesh.creation.icosphere(subdivisions=1)
    ((corners, _, _),) = on_cube(ball.vertices[ball.faces], np.ones(3), sides[:8])
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(ball.area)  # cut, not torn
    middle = np.abs(corners.mean(1))
    assert (np.abs(corners).max(2) - np.take_along_axis(
        np.abs(corners), middle.argmax(1)[:, None, None].repeat(3, 1), 2)[..., 0] < 1e-6).all()  # fmt: skip


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatError, match="no file"):
        load(tmp_path / "absent.urdf")
    (tmp_path / "bad.urdf").write_text("<robot>")
    with pytest.raises(FormatError, match="not XML"):
        load(tmp_path / "bad.urdf")
    (tmp_path / "empty.urdf").write_text("<robot><link name='a'/></robot>")
    with pytest.raises(FormatError, match="shows nothing"):
        load(tmp_path / "empty.urdf")
    with pytest.raises(FormatError, match="no joint 'door'"):
        ArticulatedObject("box", (), ()).link("door")
    with pytest.raises(PartRMError, match=r"\[dataset\]"):
        articulated.package("a_package_that_nobody_has")


# Every file of ../shared/data/articulated that shows an object with joints: how many it has, how many textures.
REAL = {
    "bigym/dishwasher/dishwasher.xml": (4, 5),
    "bigym/kitchen/base_cabinet_600.xml": (8, 6),
    "bigym/kitchen/wall_cabinet_600.xml": (4, 3),
    "calvin_env/calvin_table_A/urdf/calvin_table_A.urdf": (4, 2),
    "calvin_env/calvin_table_B/urdf/calvin_table_B.urdf": (4, 2),
    "calvin_env/calvin_table_C/urdf/calvin_table_C.urdf": (4, 2),
    "calvin_env/calvin_table_D/urdf/calvin_table_D.urdf": (4, 2),
    "furniture_sim/boxcabinet.xml": (1, 2),
    "furniture_sim/dishwasher.xml": (2, 1),
    "furniture_sim/hingecabinet.xml": (2, 2),
    "furniture_sim/kitchen/kitchen1.xml": (14, 3),
    "furniture_sim/kitchen/kitchen2.xml": (14, 3),
    "furniture_sim/kitchen/kitchen3.xml": (14, 3),
    "furniture_sim/lightButtons.xml": (6, 1),
    "furniture_sim/microwave.xml": (1, 1),
    "furniture_sim/oven.xml": (10, 1),
    "furniture_sim/slidecabinet.xml": (1, 2),
    "furniture_sim/studyTable.xml": (2, 2),
    "habitat-sim/cabinet/cabinet.urdf": (2, 1),
    "habitat-sim/doors/door1.urdf": (1, 1),
    "habitat-sim/doors/door2.urdf": (1, 1),
    "habitat-sim/doors/door3.urdf": (1, 1),
    "habitat-sim/doors/doubledoor.urdf": (2, 1),
    "habitat-sim/fridge/fridge.urdf": (2, 1),
    "habitat-sim/fridge/fridge_scaled.urdf": (2, 1),
    "habitat-sim/kitchen_counter/kitchen_counter.urdf": (7, 1),
    "isaacgym_sektion/sektion_cabinet_model/urdf/sektion_cabinet.urdf": (4, 0),
    "isaacgym_sektion/sektion_cabinet_model/urdf/sektion_cabinet_2.urdf": (4, 0),
    "libero/basin_faucet.xml": (1, 1),
    "libero/faucet.xml": (1, 1),
    "libero/flat_stove.xml": (1, 1),
    "libero/microwave.xml": (1, 1),
    "libero/short_cabinet.xml": (3, 1),
    "libero/short_fridge.xml": (1, 1),
    "libero/slide_cabinet.xml": (1, 1),
    "libero/white_cabinet.xml": (3, 2),
    "libero/window.xml": (1, 0),
    "libero/wooden_cabinet.xml": (3, 2),
    "robodesk/desk_noarm.xml": (8, 2),
}


@pytest.mark.skipif(not ARTICULATED.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize(
    ("path", "up", "joint"),
    [
        ("calvin_env/calvin_table_A/urdf/calvin_table_A.urdf", "z", "base__drawer"),
        ("habitat-sim/kitchen_counter/kitchen_counter.urdf", "y", "left_slide_top"),
        ("libero/wooden_cabinet.xml", "z", "middle_level"),
    ],
)
def test_real_objects_have_textures_and_joints(path: str, up: str, joint: str) -> None:
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")
    made = load(ARTICULATED / path, "y" if up == "y" else "z")
    link = made.link(joint)
    assert made.movables[link - 1].joint.kind == "prismatic"
    assert any(p.link == link for p in made.pieces)
    assert max(p.texture.shape[0] for p in made.pieces) > 64
    body = made.points(np.zeros(len(made.movables)))
    assert np.abs(made.movables[link - 1].joint.axis[1]) < 1e-3  # drawers slide level
    assert np.ptp(body, axis=0).min() > 0.1


@pytest.mark.skipif(not ARTICULATED.is_dir(), reason="../shared/data is absent")
def test_every_real_object_loads_with_its_joints_and_textures() -> None:
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")
    found = {}
    for path in REAL:
        made = load(ARTICULATED / path)
        textures = {p.texture.tobytes() for p in made.pieces if p.texture.shape[:2] != (1, 1)}
        found[path] = len(made.movables), len(textures)
        moved = {p.link for p in made.pieces}
        assert moved >= set(range(1, len(made.movables) + 1)), path  # each joint moves something that is seen
        height = np.ptp(made.points(made.rest)[:, 1])
        assert height > 0.02 and all(m.limits[0] < m.limits[1] for m in made.movables), path
    assert found == REAL


@pytest.mark.skipif(not ARTICULATED.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize(
    ("path", "stands"),
    [
        ("habitat-sim/fridge/fridge.urdf", True),  # glTF meshes only: y is up
        ("isaacgym_sektion/sektion_cabinet_model/urdf/sektion_cabinet.urdf", False),
        ("libero/microwave.xml", False),
    ],
)
def test_upward_axis_is_told_by_the_meshes(path: str, stands: bool) -> None:
    pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
    pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")
    made, said = load(ARTICULATED / path), load(ARTICULATED / path, "y" if stands else "z")
    np.testing.assert_array_equal(made.points(made.rest), said.points(said.rest))


def test_rest_is_the_zero_pose_where_limits_allow_it() -> None:
    def slide(low: float, high: float) -> Movable:
        return Movable("slide", articulated.Joint("prismatic", np.array([0.0, 0, 1]), np.zeros(3)), (low, high), 0)

    made = ArticulatedObject("box", (), (slide(-1, 1), slide(0.2, 0.5), slide(-3, -2)))
    np.testing.assert_array_equal(made.rest, [0, 0.2, -2])


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("dishwasher", "Dishwasher"),
        ("short_fridge", "Refrigerator"),
        ("Wooden_Cabinet", "StorageFurniture"),
        ("desk_noarm", "StorageFurniture"),
        ("faucet", ""),
    ],
)
def test_names_speak_of_categories(name: str, category: str) -> None:
    assert articulated.guessed_category(name) == category
