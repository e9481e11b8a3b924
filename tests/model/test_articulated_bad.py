"""Objects that are damaged, unsafe or too large: a FormatError that names the object, before memory is taken."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import FormatError
from model.partdrag4d.articulated import load

pytest.importorskip("trimesh", reason="the extra [dataset] is not installed")
mujoco = pytest.importorskip("mujoco", reason="the extra [dataset] is not installed")

LIMIT = '<limit lower="0" upper="1"/>'
TRIANGLE = "mtllib t.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"


def joint(parent: str, child: str, kind: str = "revolute", inside: str = LIMIT, axis: str = "0 0 1") -> str:
    """Write a URDF joint."""
    return (
        f'<joint name="{parent}_{child}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<axis xyz="{axis}"/>{inside}</joint>'
    )


def urdf(folder: Path, joints: str, mesh: str = "", links: str = "abc") -> Path:
    """Write a URDF of three boxes or meshes."""
    shape = f'<mesh filename="{mesh}"/>' if mesh else '<box size="1 1 1"/>'
    shown = "".join(f'<link name="{n}"><visual><geometry>{shape}</geometry></visual></link>' for n in links)
    path = folder / "thing.urdf"
    path.write_text(f"<robot>{shown}{joints}</robot>")
    return path


def refused(path: Path, match: str) -> None:
    """Hold that an object is refused, by its name."""
    with pytest.raises(FormatError, match=match) as told:
        load(path)
    assert path.name in told.value.title
    assert told.value.hint


@pytest.mark.parametrize(
    ("joints", "match"),
    [
        (joint("a", "b") + joint("b", "a"), "cycle"),
        (joint("a", "a"), "cycle"),
        (joint("a", "c") + joint("b", "c"), "hangs on two joints"),
        (joint("a", "z"), "link that is not there: 'z'"),
        (joint("z", "a"), "link that is not there: 'z'"),
        (joint("a", "b", axis="0 0 0"), "axis without a length"),
        (joint("a", "b", axis="0 0 nan"), "not 3 numbers"),
        (joint("a", "b", axis="0 0"), "not 3 numbers"),
        (joint("a", "b", inside=""), "has no limits"),
        (joint("a", "b", "prismatic", '<limit effort="1" velocity="1"/>'), "has no limits"),
        (joint("a", "b", inside='<limit lower="0" upper="inf"/>'), "not finite"),
        (joint("a", "b", inside='<limit lower="0" upper="wide"/>'), "cannot be read"),
        (joint("a", "b", inside=LIMIT + '<mimic joint="a_c"/>'), "mimic"),
        (joint("a", "b", "floating"), "of the kind 'floating'"),
        (joint("a", "b", "planar"), "of the kind 'planar'"),
        ("".join(joint("a", f"n{k}") for k in range(300)), "link that is not there"),
    ],
)
def test_joints_that_make_no_tree(tmp_path: Path, joints: str, match: str) -> None:
    refused(urdf(tmp_path, joints), match)


def test_more_joints_than_pictures_can_tell(tmp_path: Path) -> None:
    links = [chr(0x4E00 + k) for k in range(256)]
    path = tmp_path / "thing.urdf"
    body = '<link name="a"><visual><geometry><box size="1 1 1"/></geometry></visual></link>'
    text = body + "".join(f'<link name="{n}"/>' + joint("a", n) for n in links)
    path.write_text(f"<robot>{text}</robot>", encoding="utf-8")
    refused(path, "256 joints")


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """A URDF of one textured triangle, two folders down."""
    folder = tmp_path / "up" / "object"
    folder.mkdir(parents=True)
    (folder / "t.obj").write_text(TRIANGLE)
    (folder / "t.mtl").write_text("newmtl m\nKd 1 1 1\nmap_Kd ../paint.png\n")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "up" / "paint.png")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "secret.png")
    return urdf(folder, "", "t.obj", "a")


def test_a_texture_beside_the_folder_is_no_way_out(mesh: Path, tmp_path: Path) -> None:
    assert load(mesh).pieces[0].texture.shape == (8, 8, 3)
    for named in (
        "../../secret.png",
        str(tmp_path / "secret.png"),
        "../../../../../../../etc/passwd",
        "..\\..\\secret.png",
    ):
        mesh.with_name("t.mtl").write_text(f"newmtl m\nmap_Kd {named}\n")
        refused(mesh, "outside of its folders")
    (mesh.parent / "link.png").symlink_to(tmp_path / "secret.png")
    mesh.with_name("t.mtl").write_text("newmtl m\nmap_Kd link.png\n")
    refused(mesh, "outside of its folders")


def test_links_within_the_folders_are_followed(mesh: Path, tmp_path: Path) -> None:
    """A download cache keeps files under other names and puts links in their places."""
    store = tmp_path / "up" / "store"
    store.mkdir()
    for k, path in enumerate(
        [mesh, mesh.with_name("t.obj"), mesh.with_name("t.mtl"), mesh.parent.parent / "paint.png"]
    ):
        path.rename(store / str(k))
        path.symlink_to(store / str(k))
    assert load(mesh).pieces[0].texture.shape == (8, 8, 3)


def test_what_a_mesh_names_must_be_there(mesh: Path) -> None:
    (mesh.parent.parent / "paint.png").write_bytes(b"not a picture")
    refused(mesh, "no picture")
    (mesh.parent.parent / "paint.png").unlink()
    refused(mesh, "not there: ../paint.png")
    mesh.with_name("t.mtl").unlink()
    refused(mesh, "not there: t.mtl")
    mesh.with_name("t.obj").unlink()
    refused(mesh, "not there: t.obj")
    mesh.with_name("t.obj").mkdir()
    refused(mesh, "not a file")
    urdf(mesh.parent, "", "/etc/passwd", "a")
    refused(mesh, "outside of its folders")
    urdf(mesh.parent, "", "package://nowhere/t.obj", "a")
    refused(mesh, "not there: package")
    urdf(mesh.parent, "", "t.zip", "a")
    mesh.with_name("t.zip").write_bytes(b"PK\x03\x04")
    refused(mesh, "unknown kind")


def test_vertices_that_are_no_places(mesh: Path) -> None:
    for number in ("nan", "inf", "1e300"):
        mesh.with_name("t.obj").write_text(TRIANGLE.replace("v 0 1 0", f"v 0 {number} 0"))
        refused(mesh, "no places")
    mesh.with_name("t.obj").write_text(TRIANGLE.replace("f 1/1 2/2 3/3", "f 1/1 2/2 9/3"))
    refused(mesh, "thing.urdf")
    mesh.with_name("t.obj").write_bytes(bytes(range(256)))
    refused(mesh, "thing.urdf")


def huge_png(path: Path, side: int) -> None:
    """Write a small file that says it is a PNG of side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))


@pytest.mark.parametrize("side", [9000, 16384, 100_000])
def test_huge_textures_are_refused_by_their_header(mesh: Path, side: int) -> None:
    huge_png(mesh.parent.parent / "paint.png", side)
    refused(mesh, "texture .*(pixels|too large)")
    path = mesh.with_name("box.xml")
    path.write_text(
        '<mujoco><asset><texture name="t" type="2d" file="../paint.png"/></asset><worldbody>'
        '<geom type="box" size="1 1 1"/></worldbody></mujoco>'
    )
    refused(path, "texture .*(pixels|too large)")


def test_gltf_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    def glb(tree: Mapping[str, object], rest: bytes = b"") -> Path:
        text = json.dumps(tree).encode()
        text += b" " * (-len(text) % 4)
        rest += b"\0" * (-len(rest) % 4)
        data = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(rest), 0x004E4942) + rest
        (tmp_path / "t.glb").write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(data)) + data)
        return urdf(tmp_path, "", "t.glb", "a")

    refused(glb({"accessors": [{"count": 10**12, "componentType": 5126, "type": "VEC3"}]}), "claims 1000000000000")
    huge_png(tmp_path / "huge.png", 16384)
    picture = (tmp_path / "huge.png").read_bytes()
    view = {"bufferViews": [{"byteLength": len(picture), "buffer": 0}], "images": [{"bufferView": 0}]}
    refused(glb(view, picture), "t.glb, picture 1")
    refused(glb({"images": [{"bufferView": 3}]}), "damaged")
    (tmp_path / "t.glb").write_bytes(b"glTF")
    refused(tmp_path / "thing.urdf", "damaged")


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.urdf", BOMB + "<robot><link name='&b;'/></robot>", "entities"),
        ("a.xml", BOMB + "<mujoco model='&b;'/>", "entities"),
        ("a.urdf", '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><robot>&x;</robot>', "entities"),
        ("a.urdf", "<robot><link name='a'/><link name='a'/></robot>", "names a link twice"),
        ("a.urdf", "<robot><link name='a'><visual><geometry/></visual></link></robot>", "without a shape"),
        (
            "a.urdf",
            "<robot><link name='a'><visual><geometry><box size='0 0 0'/></geometry></visual></link></robot>",
            "shows",
        ),
        ("a.urdf", "<robot><link>", "not XML"),
        ("a.urdf", "", "not XML"),
        ("a.urdf", "\0\1\2", "not XML"),
        ("a.xml", "<mujocoinclude/>", "no MJCF file"),
        ("a.xml", "<mujoco><include file='a.xml'/></mujoco>", "without end"),
        ("a.xml", "<mujoco><include file='/etc/passwd'/></mujoco>", "outside"),
        ("a.xml", "<mujoco><include file='b.xml'/></mujoco>", "not there: b.xml"),
        ("a.xml", "<mujoco>" + "<body>" * 5000 + "</body>" * 5000 + "</mujoco>", "a.xml"),
        ("a.txt", "<robot/>", "no articulated object"),
    ],
)
def test_xml_that_is_no_object(tmp_path: Path, name: str, text: str, match: str) -> None:
    folder = tmp_path / "object"
    folder.mkdir()
    (folder / name).write_text(text)
    refused(folder / name, match)


def mjcf(folder: Path, inside: str, asset: str = "") -> Path:
    """Write an MJCF file of one box with something in it."""
    path = folder / "thing.xml"
    body = f'<body name="b"><geom type="box" size="1 1 1"/>{inside}</body>'
    path.write_text(f"<mujoco><asset>{asset}</asset><worldbody>{body}</worldbody></mujoco>")
    return path


@pytest.mark.parametrize(
    ("inside", "asset", "match"),
    [
        ('<joint name="j" type="slide" axis="1 0 0"/>', "", "'j' has no limits"),
        ('<joint name="j" type="ball"/>', "", "ball joint"),
        ('<joint name="j" type="hinge" axis="0 0 0" range="0 1"/>', "", "thing.xml"),
        ('<replicate count="1000000000"><geom type="box" size="1 1 1"/></replicate>', "", "1000000000 times"),
        ('<composite type="cable" count="9999 1 1"/>', "", "composite"),
        ("", '<mesh name="m" file="none.stl"/>', "not there: none.stl"),
        ("", '<mesh name="m" file="../../../m.stl"/>', "outside"),
        ("", '<model name="m" file="other.xml"/>', "<model>"),
        ("", '<texture name="t" type="2d" builtin="flat" width="60000" height="60000"/>', "60000 x 60000 pixels"),
        ("", '<hfield name="h" nrow="99999" ncol="99999" size="1 1 1 1"/>', "height field"),
    ],
)
def test_what_mujoco_should_not_be_given(tmp_path: Path, inside: str, asset: str, match: str) -> None:
    refused(mjcf(tmp_path, inside, asset), match)


def test_mjcf_meshes_that_are_damaged(tmp_path: Path) -> None:
    asset, inside = '<mesh name="m" file="m.stl"/>', '<geom type="mesh" mesh="m"/>'
    (tmp_path / "m.stl").write_bytes(bytes(80) + struct.pack("<I", 2**31) + bytes(50))
    refused(mjcf(tmp_path, inside, asset), "thing.xml")
    corners = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, np.nan]], np.float32)
    one = corners.tobytes() + b"\0\0"
    (tmp_path / "m.stl").write_bytes(bytes(80) + struct.pack("<I", 4) + one * 4)
    refused(mjcf(tmp_path, inside, asset), "thing.xml")


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    for name in ("a.urdf", "a.xml"):
        (tmp_path / name).mkdir()
        refused(tmp_path / name, "mobility_v2.json")  # folders are PartNet's
