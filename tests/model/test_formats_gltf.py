"""glTF files: what goes out comes back, files made by hand are read, and no file brings the program down."""

import base64
import json
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import FormatError
from model.formats import cleaning, gltf
from model.gaussians import Gaussians, concatenate, matrix_from_quaternion, quaternion_from_matrix, sh_basis
from tests.model.splat_files import assert_equal, assert_sound, refusal, some

KHR = "KHR_gaussian_splatting"


def glb(top: object, binary: bytes = b"") -> bytes:
    """Pack a .glb by hand."""
    text = top if isinstance(top, bytes) else json.dumps(top).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I", len(text)) + b"JSON" + text + struct.pack("<I", len(binary)) + b"BIN\0" + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def interleaved(g: Gaussians) -> tuple[dict[str, Any], bytes]:
    """Lay Gaussians out another way than the program does: one view, one record a Gaussian, four bytes of padding."""
    parts = {"POSITION": g.positions, f"{KHR}:ROTATION": np.roll(g.rotations, -1, axis=1), f"{KHR}:SCALE": g.scales}
    parts[f"{KHR}:OPACITY"] = g.opacities[:, None]
    names = ["0_COEF_0", *(f"1_COEF_{n}" for n in range(3)), *(f"2_COEF_{n}" for n in range(5))]
    names += [f"3_COEF_{n}" for n in range(7)]
    parts |= {f"{KHR}:SH_DEGREE_{name}": g.sh[:, i] for i, name in enumerate(names[: g.sh.shape[1]])}
    rows = np.concatenate(list(parts.values()), axis=1).astype("<f4")
    stride = 4 * rows.shape[1] + 4
    binary = b"head" + b"".join(row.tobytes() + b"...." for row in rows)
    accessors, offset = [], 0
    for part in parts.values():
        kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[part.shape[1]]
        common = {"bufferView": 0, "componentType": 5126, "count": len(g), "type": kind}
        accessors.append({**common, "byteOffset": offset})
        offset += 4 * part.shape[1]
    primitive = {"mode": 0, "attributes": {name: i for i, name in enumerate(parts)}}
    look = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
    return {
        "asset": {"version": "2.0"},
        "extensionsUsed": [KHR],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{**primitive, "extensions": {KHR: look}}]}],
        "accessors": accessors,
        "bufferViews": [{"buffer": 0, "byteOffset": 4, "byteLength": len(binary) - 4, "byteStride": stride}],
        "buffers": [{"byteLength": len(binary)}],
    }, binary


def read_with(folder: Path, change: Callable[[dict[str, Any]], object], g: Gaussians | None = None) -> Gaussians:
    """Read a hand-made .glb after a change of its JSON."""
    top, binary = interleaved(g or some(n=5, k=4))
    change(top)
    (folder / "a.glb").write_bytes(glb(top, binary))
    return gltf.read(folder / "a.glb")


@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_round_trip_loses_nothing(tmp_path: Path, k: int) -> None:
    g = some(k=k)
    assert gltf.write(tmp_path / "a.glb", g) == []
    back = gltf.read(tmp_path / "a.glb")
    for name in ("positions", "scales", "opacities", "sh"):
        np.testing.assert_array_equal(getattr(back, name), getattr(g, name), err_msg=name)
    np.testing.assert_allclose(back.rotations, g.rotations, atol=1e-6)


def test_written_file_is_what_the_specification_asks_for(tmp_path: Path) -> None:
    g = some(n=3, k=4)
    gltf.write(tmp_path / "a.glb", g)
    raw = (tmp_path / "a.glb").read_bytes()
    assert raw[:4] == b"glTF" and struct.unpack("<II", raw[4:12]) == (2, len(raw)) and len(raw) % 4 == 0
    (length,) = struct.unpack("<I", raw[12:16])
    assert raw[16:20] == b"JSON" and raw[24 + length : 28 + length] == b"BIN\0" and length % 4 == 0
    top, data = json.loads(raw[20 : 20 + length]), raw[28 + length :]
    (primitive,) = top["meshes"][0]["primitives"]
    assert top["extensionsUsed"] == [KHR] and primitive["mode"] == 0 and "matrix" not in top["nodes"][0]
    assert primitive["extensions"][KHR] == {
        "kernel": "ellipse",
        "colorSpace": "srgb_rec709_display",
        "projection": "perspective",
        "sortingMethod": "cameraDistance",
    }
    sh = ["0_COEF_0", "1_COEF_0", "1_COEF_1", "1_COEF_2"]
    names = [f"{KHR}:{name}" for name in ("ROTATION", "SCALE", "OPACITY", *(f"SH_DEGREE_{s}" for s in sh))]
    assert set(primitive["attributes"]) == {"POSITION", "COLOR_0", *names}

    def values(name: str, kind: str, dtype: str) -> np.ndarray:
        accessor = top["accessors"][primitive["attributes"][name]]
        assert accessor["type"] == kind and accessor["count"] == 3
        assert accessor["componentType"] == {"<f4": 5126, "u1": 5121}[dtype]
        view = top["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        return np.frombuffer(data[view["byteOffset"] :][: view["byteLength"]], dtype).reshape(3, -1)

    np.testing.assert_array_equal(values(f"{KHR}:ROTATION", "VEC4", "<f4")[:, 3], g.rotations[:, 0])  # xyzw
    np.testing.assert_array_equal(values(f"{KHR}:SCALE", "VEC3", "<f4"), g.scales)  # linear
    np.testing.assert_array_equal(values(f"{KHR}:OPACITY", "SCALAR", "<f4")[:, 0], g.opacities)
    np.testing.assert_array_equal(values(f"{KHR}:SH_DEGREE_0_COEF_0", "VEC3", "<f4"), g.sh[:, 0])  # no 0.5
    np.testing.assert_array_equal(values(f"{KHR}:SH_DEGREE_1_COEF_2", "VEC3", "<f4"), g.sh[:, 3])
    assert top["accessors"][primitive["attributes"]["POSITION"]]["min"] == g.positions.min(axis=0).tolist()
    assert values("COLOR_0", "VEC4", "u1").shape == (3, 4)


def test_fallback_colour_is_linear_light_with_opacity(tmp_path: Path) -> None:
    grey = Gaussians.from_colours(np.zeros((1, 3)), np.eye(1, 4), np.ones((1, 3)), np.ones(1), np.full((1, 3), 0.5))
    gltf.write(tmp_path / "a.glb", grey)
    assert b"\x37\x37\x37\xff" in (tmp_path / "a.glb").read_bytes()  # sRGB 0.5 is 0.214 of the light


def test_write_tells_what_glTF_cannot_hold(tmp_path: Path) -> None:
    g = some(n=4, antialiased=True)
    g.sh[1, 7, 2] = np.nan
    report = gltf.write(tmp_path / "a.glb", g)
    assert "antialiased" in report[0] and report[1].startswith("1 Gaussians") and len(report) == 2
    assert_equal(gltf.read(tmp_path / "a.glb"), g.select(np.array([0, 2, 3])))


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, g in {"b.glb": some(n=0), "absent/c.glb": some()}.items():
        with pytest.raises(FormatError, match="Cannot write"):
            gltf.write(tmp_path / name, g)
    monkeypatch.setattr(gltf, "MAX_GLB", 3000)
    with pytest.raises(FormatError, match="4 GiB"):
        gltf.write(tmp_path / "d.glb", some())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_interleaved_file_made_by_hand_is_read(tmp_path: Path, k: int) -> None:
    g = some(n=7, k=k)
    assert_equal(read_with(tmp_path, lambda top: None, g), g)


def test_buffers_in_data_uris_and_in_files_beside_are_read(tmp_path: Path) -> None:
    g = some(n=7, k=4)
    top, binary = interleaved(g)
    inside = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my data.bin").write_bytes(binary + b"more")
    for uri in (inside, "sub/my%20data.bin", "sub/../sub/my data.bin"):
        top["buffers"][0]["uri"] = uri
        (tmp_path / "a.gltf").write_text(json.dumps(top))
        assert_equal(gltf.read(tmp_path / "a.gltf"), g)


def test_data_outside_the_folder_is_never_opened(tmp_path: Path) -> None:
    top, binary = interleaved(some(n=3, k=1))
    (tmp_path / "in").mkdir()
    (tmp_path / "out.bin").write_bytes(binary)
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "out.bin")
    (tmp_path / "in" / "circle.bin").symlink_to(tmp_path / "in" / "circle.bin")
    outside = ["../out.bin", "%2e%2e/out.bin", str(tmp_path / "out.bin"), "link.bin", (tmp_path / "out.bin").as_uri()]
    for uri in [*outside, "circle.bin", "zero\0.bin", "\ud800", "a" * 9000, "", ".", "absent.bin", "http://x.y/z"]:
        top["buffers"][0]["uri"] = uri
        (tmp_path / "in" / "a.gltf").write_text(json.dumps(top))
        refusal(tmp_path / "in" / "a.gltf")


def test_normalised_integers_are_read(tmp_path: Path) -> None:
    rotations, scales = np.array([[0, 127, 0, -128], [-127, 0, 0, 0]], "i1"), np.array([[0, 255, 51], [1, 2, 3]], "u1")
    opacities = np.array([65535, 13107], "<u2")
    binary = bytes(24) + rotations.tobytes() + b"".join(row.tobytes() + b"\0" for row in scales)
    binary += b"".join(v.tobytes() + b"\0\0" for v in opacities) + np.arange(6, dtype="<f4").tobytes()
    top, _ = interleaved(some(n=2, k=1))
    layout = [("VEC3", 5126, 0, 12), ("VEC4", 5120, 24, 4), ("VEC3", 5121, 32, 4), ("SCALAR", 5123, 40, 4)]
    layout.append(("VEC3", 5126, 48, 12))
    size = len(binary)
    top["bufferViews"] = [
        {"buffer": 0, "byteOffset": start, "byteLength": size - start, "byteStride": stride}
        for _, _, start, stride in layout
    ]
    top["accessors"] = [
        {"bufferView": i, "componentType": kind, "count": 2, "type": shape, "normalized": kind != 5126}
        for i, (shape, kind, _, _) in enumerate(layout)
    ]
    top["buffers"] = [{"byteLength": size}]
    (tmp_path / "a.glb").write_bytes(glb(top, binary))
    g = gltf.read(tmp_path / "a.glb")
    np.testing.assert_allclose(g.rotations, np.array([[-1, 0, 1, 0], [0, -(2**0.5), 0, 0]]) / 2**0.5, atol=1e-6)
    np.testing.assert_allclose(g.scales, scales / 255, rtol=1e-6)
    np.testing.assert_allclose(g.opacities, [1, 0.2], rtol=1e-6)
    top["accessors"][2]["normalized"] = False  # the specification allows whole numbers for scales
    (tmp_path / "a.glb").write_bytes(glb(top, binary))
    np.testing.assert_array_equal(gltf.read(tmp_path / "a.glb").scales, scales)


def turned(g: Gaussians, q: np.ndarray, scale: float, shift: np.ndarray) -> Gaussians:
    """Turn Gaussians one by one, with matrices, to check the program against."""
    R = matrix_from_quaternion(q)
    rotations = quaternion_from_matrix(R @ matrix_from_quaternion(g.rotations.astype(np.float64)))
    positions = (scale * g.positions @ R.T + shift).astype(np.float32)
    return Gaussians(positions, rotations, g.scales * np.float32(scale), g.opacities, g.sh)


@pytest.mark.parametrize("as_matrix", [False, True])
def test_nodes_move_turn_and_scale_their_gaussians(tmp_path: Path, as_matrix: bool) -> None:
    g = some(n=9, k=16)
    q = np.array([0.5, -0.1, 0.7, 0.3])
    q /= np.linalg.norm(q)
    R, shift = matrix_from_quaternion(q), np.array([1.0, -2, 3])

    def change(top: dict[str, Any]) -> None:
        trs = {"rotation": q[[1, 2, 3, 0]].tolist(), "scale": [2, 2, 2], "translation": shift.tolist()}
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = 2 * R, shift
        child = {"matrix": T.T.ravel().tolist()} if as_matrix else trs
        top["nodes"] = [{"children": [1], "translation": [10, 0, 0]}, {"mesh": 0, **child}]

    back = read_with(tmp_path, change, g)
    expected = turned(g, q, 2.0, shift + np.array([10.0, 0, 0]))
    for name in ("positions", "scales", "opacities"):
        np.testing.assert_allclose(getattr(back, name), getattr(expected, name), rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(np.abs(np.sum(back.rotations * expected.rotations, axis=1)), 1, atol=1e-5)
    directions = np.random.default_rng(3).standard_normal((40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    seen_before = np.einsum("dk,nkc->dnc", sh_basis(directions, 16), g.sh)
    seen_after = np.einsum("dk,nkc->dnc", sh_basis(directions @ R.T, 16), back.sh)
    np.testing.assert_allclose(seen_after, seen_before, atol=1e-5)


def test_several_nodes_and_primitives_are_joined(tmp_path: Path) -> None:
    g = some(n=4, k=1)

    def change(top: dict[str, Any]) -> None:
        mesh = {"mode": 4, "attributes": {"POSITION": 0}}
        top["meshes"][0]["primitives"] += [mesh, dict(top["meshes"][0]["primitives"][0])]
        top["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [0, 5, 0]}, {"mesh": 0}, {"camera": 0}]
        top["scenes"] = [{"nodes": [2]}, {"nodes": [0, 1, 3]}]
        top["scene"] = 1

    back = read_with(tmp_path, change, g)
    high = turned(g, np.array([1.0, 0, 0, 0]), 1, np.array([0, 5.0, 0]))
    assert_equal(back, concatenate([g, g, high, high]))


def test_another_colour_space_is_read_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def change(top: dict[str, Any]) -> None:
        top["meshes"][0]["primitives"][0]["extensions"][KHR] = {"colorSpace": "lin_rec709_display", "kernel": [1]}

    with caplog.at_level(logging.WARNING):
        assert len(read_with(tmp_path, change)) == 5
    assert "colorSpace is not srgb_rec709_display" in caplog.text and "kernel" in caplog.text


def test_gaussians_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    g = some(n=5, k=1)
    good = g.select(np.arange(2, 5))
    g.positions[0, 1], g.scales[1, 2] = np.inf, -1
    back = read_with(tmp_path, lambda top: top["nodes"][0].update(scale=[3, 3, 3]), g)
    assert_equal(back, turned(good, np.array([1.0, 0, 0, 0]), 3, np.zeros(3)))


def test_a_node_without_a_rotation_stays_unturned(tmp_path: Path) -> None:
    g = some(n=5, k=4)
    assert_equal(read_with(tmp_path, lambda top: top["nodes"][0].update(rotation=[0, 0, 0, 0]), g), g)


def put(*keys: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets the last of keys at the place that the others name."""

    def change(top: dict[str, Any]) -> None:
        holder: Any = top
        for key in keys[:-2]:
            holder = holder[key]
        holder[keys[-2]] = keys[-1]

    return change


BAD = {
    "count of 10^12": put("accessors", 0, "count", 10**12),
    "count of 10^4000": put("accessors", 0, "count", 10**4000),
    "one more than there are": lambda top: [a.update(count=6) for a in top["accessors"]],
    "none": lambda top: [a.update(count=0) for a in top["accessors"]],
    "fewer scales than places": put("accessors", 2, "count", 4),
    "negative count": put("accessors", 0, "count", -5),
    "half a count": put("accessors", 0, "count", 2.5),
    "accessor out of range": put("meshes", 0, "primitives", 0, "attributes", "POSITION", 99),
    "accessor below the range": put("meshes", 0, "primitives", 0, "attributes", "POSITION", -1),
    "accessor of the wrong shape": put("meshes", 0, "primitives", 0, "attributes", "POSITION", 1),
    "accessor that is a truth": put("meshes", 0, "primitives", 0, "attributes", "POSITION", False),
    "unknown component type": put("accessors", 1, "componentType", 5130),
    "offset behind the end": put("accessors", 1, "byteOffset", 10**9),
    "negative offset": put("accessors", 1, "byteOffset", -4),
    "view behind the end": put("bufferViews", 0, "byteLength", 10**12),
    "view that begins behind the end": put("bufferViews", 0, "byteOffset", 10**12),
    "view that is not there": put("accessors", 1, "bufferView", 1),
    "stride of nothing": put("bufferViews", 0, "byteStride", 0),
    "stride too long": put("bufferViews", 0, "byteStride", 10**9),
    "buffer too long": put("buffers", 0, "byteLength", 10**12),
    "buffer that is not there": put("bufferViews", 0, "buffer", 7),
    "second buffer without data": lambda top: (
        top["buffers"].append({"byteLength": 8}),
        top["bufferViews"][0].update(buffer=1),
    ),
    "data that is not base64": put("buffers", 0, "uri", "data:application/octet-stream;base64,@@@"),
    "data that is not ASCII": put("buffers", 0, "uri", "data:;base64,ä"),
    "data without base64": put("buffers", 0, "uri", "data:text/plain,hello"),
    "sparse": put("accessors", 0, "sparse", {"count": 1}),
    "compressed": lambda top: top["accessors"][3].pop("bufferView"),
    "no opacity": lambda top: top["meshes"][0]["primitives"][0]["attributes"].pop(f"{KHR}:OPACITY"),
    "half a degree": lambda top: top["meshes"][0]["primitives"][0]["attributes"].pop(f"{KHR}:SH_DEGREE_1_COEF_0"),
    "triangles": put("meshes", 0, "primitives", 0, "mode", 4),
    "no extension": lambda top: top["meshes"][0]["primitives"][0].pop("extensions"),
    "no scene": lambda top: top.pop("scenes"),
    "scene out of range": put("scene", 1),
    "node out of range": put("scenes", 0, "nodes", [1]),
    "node that is text": put("scenes", 0, "nodes", ["0"]),
    "node its own child": put("nodes", 0, "children", [0]),
    "node twice": put("scenes", 0, "nodes", [0, 0]),
    "nodes in a circle": put("nodes", [{"children": [1]}, {"children": [0], "mesh": 0}]),
    "mesh out of range": put("nodes", 0, "mesh", 3),
    "stretched": put("nodes", 0, "scale", [1, 2, 1]),
    "mirrored": put("nodes", 0, "scale", [-1, 1, 1]),
    "shrunk to nothing": put("nodes", 0, "scale", [0, 0, 0]),
    "rotation of three": put("nodes", 0, "rotation", [0, 0, 1]),
    "translation of NaN": put("nodes", 0, "translation", [0, 0, float("nan")]),
    "translation of 10^400": put("nodes", 0, "translation", [0, 0, 10**400]),
    "matrix of text": put("nodes", 0, "matrix", "identity"),
    "matrix of zeros": put("nodes", 0, "matrix", [0] * 16),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_json_is_refused(tmp_path: Path, case: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_with(tmp_path, BAD[case])
    assert "a.glb" in caught.value.title and caught.value.hint


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, v in inner for p in [(*path, key), *places(v, (*path, key))]]


@pytest.mark.parametrize("wrong", [None, True, -1, 3, 1e300, "x", [], [[1]], {}, {"a": 1}], ids=repr)
def test_wrong_types_anywhere_are_read_or_refused(tmp_path: Path, wrong: object) -> None:
    top, _ = interleaved(some(n=5, k=4))
    for place in places(top):
        try:
            assert len(read_with(tmp_path, put(*place, wrong))) <= 5
        except FormatError as error:
            assert error.hint


def test_many_nodes_of_one_mesh_are_counted_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 1000)

    def change(top: dict[str, Any]) -> None:
        top["nodes"], top["scenes"] = [{"mesh": 0}] * 300, [{"nodes": list(range(300))}]

    with pytest.raises(FormatError, match="1,500 Gaussians are too many"):
        read_with(tmp_path, change)


@pytest.mark.parametrize("scale", [1, 9])
def test_deep_trees_of_nodes_are_walked(tmp_path: Path, scale: int) -> None:
    def change(top: dict[str, Any]) -> None:
        top["nodes"] = [{"children": [i + 1], "scale": [scale] * 3} for i in range(2000)] + [{"mesh": 0}]

    if scale == 1:
        assert len(read_with(tmp_path, change)) == 5
    else:
        with pytest.raises(FormatError, match="mirrors or stretches"):
            read_with(tmp_path, change)  # 9^2000 is not finite


def test_files_that_are_no_glTF_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top, binary = interleaved(some(n=3, k=1))
    good = glb(top, binary)
    for name, content in {
        "empty.glb": b"",
        "magic.glb": b"ply\n" + good[4:],
        "version.glb": good[:4] + struct.pack("<I", 1) + good[8:],
        "length.glb": good[:8] + struct.pack("<I", len(good) + 1) + good[12:],
        "short.glb": good[:8] + struct.pack("<I", 8) + good[12:],
        "chunk.glb": good[:12] + struct.pack("<I", 0xFFFFFFFF) + good[16:],
        "kind.glb": good[:16] + b"BIN\0" + good[20:],
        "without data.glb": glb(top),
        "broken.glb": glb(b'{"scenes": [', binary),
        "latin.glb": glb(b'{"scenes": "\xff"}', binary),
        "deep.glb": glb(b"[" * 100000, binary),
        "closed.glb": glb(b'{"a":' * 900 + b"1" + b"}" * 900, binary),
        "digits.glb": glb(b"1" * 5000, binary),
        "list.glb": glb([], binary),
        "nothing.glb": glb({}, binary),
        "text.gltf": b"hello",
        "binary.gltf": good,
    }.items():
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)
    for end in range(0, len(good) - 4, 7):
        (tmp_path / "cut.glb").write_bytes(good[:end])
        refusal(tmp_path / "cut.glb")
    monkeypatch.setattr(gltf, "MAX_JSON", 100)
    (tmp_path / "long.glb").write_bytes(good)
    (tmp_path / "long.gltf").write_text(json.dumps(top))
    for name in ("long.glb", "long.gltf"):
        assert "too many" in refusal(tmp_path / name).title


SEED = glb(*interleaved(some(n=4, k=4)))
mutations = st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 9)), min_size=1, max_size=4)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ending=st.sampled_from([".glb", ".gltf"]), changes=mutations, end=st.none() | st.integers(0, 4000))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path, ending: str, changes: list[tuple[int, bytes, int]], end: int | None
) -> None:
    top, binary = interleaved(some(n=4, k=4))
    top["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(binary).decode()
    raw = bytearray(SEED if ending == ".glb" else json.dumps(top).encode())
    for place, new, length in changes:
        place %= len(raw) + 1
        raw[place : place + (len(new) if length == 9 else length)] = new  # 9: flip bytes, and keep the length
    path = tmp_path / f"a{ending}"
    path.write_bytes(bytes(raw[:end]))
    try:
        g = gltf.read(path)
    except FormatError as error:
        assert error.hint
        return
    assert 0 < len(g) <= 4
    assert_sound(g)
