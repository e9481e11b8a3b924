"""Splat files: what goes out comes back, every dialect is read, and no file brings the program down."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import FormatError
from model.formats import cleaning, files, ply, splat
from model.gaussians import SH_C0, Gaussians
from tests.model.splat_files import SPLATS, assert_equal, assert_sound, real, refusal, some


def ply_text(g: Gaussians, order: str, extra: bool = False, comments: tuple[str, ...] = ()) -> bytes:
    """Write a PLY by hand, another way than the program does, so that the two check each other."""
    k = g.sh.shape[1] - 1
    logit = np.log(g.opacities / (1 - g.opacities))
    columns = {"x": g.positions[:, 0], "y": g.positions[:, 1], "z": g.positions[:, 2]}
    columns |= {f"f_dc_{c}": g.sh[:, 0, c] for c in range(3)}
    columns |= {f"f_rest_{c * k + i}": g.sh[:, 1 + i, c] for c in range(3) for i in range(k)}
    columns |= {"opacity": logit} | {f"scale_{i}": np.log(g.scales[:, i]) for i in range(3)}
    columns |= {f"rot_{i}": g.rotations[:, i] for i in range(4)}
    types = dict.fromkeys(columns, ("float", "f4"))
    if extra:
        columns["label"], types["label"] = np.arange(len(g)), ("uchar", "u1")
        columns["x"], types["x"] = columns["x"].astype(np.float64), ("double", "f8")
    kind = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = ["ply", f"format {kind} 1.0", *(f"comment {c}" for c in comments)]
    head += ["element camera 2", "property int id"] if extra else []
    head += [f"element vertex {len(g)}", *(f"property {types[c][0]} {c}" for c in columns)]
    head += ["element face 1", "property list uchar int vertex_indices"] if extra else []
    body = b""
    if order:
        body += np.arange(2, dtype=order + "i4").tobytes() if extra else b""
        record = np.dtype([(c, order + types[c][1]) for c in columns])
        rows = np.zeros(len(g), record)
        for c in columns:
            rows[c] = columns[c]
        body += rows.tobytes() + (b"\x01" + bytes(4) if extra else b"")
    else:
        body += b"0\n1\n" if extra else b""
        table = np.stack([np.asarray(v, np.float64) for v in columns.values()], 1)
        body += "".join(" ".join(repr(float(v)) for v in row) + "\n" for row in table).encode()
        body += b"1 0\n" if extra else b""
    return "\n".join([*head, "end_header\n"]).encode() + body


@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_ply_round_trip_keeps_every_degree(tmp_path: Path, k: int) -> None:
    g = some(k=k)
    assert files.write(tmp_path / "a.ply", g) == []
    assert_equal(files.read(tmp_path / "a.ply"), g)


def test_ply_without_f_rest_is_laid_out_as_lgm_writes_it(tmp_path: Path) -> None:
    g = some(k=1)
    ply.write(tmp_path / "a.ply", g)
    head, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n")
    names = [line.split()[-1] for line in head.decode().splitlines() if line.startswith("property")]
    expected = "x y z f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
    assert names == expected.split()
    rows = np.frombuffer(body, "<f4").reshape(len(g), 14)
    np.testing.assert_allclose(rows[:, 3:6], (g.colours - 0.5) / SH_C0, atol=0.6)
    np.testing.assert_allclose(rows[:, 7:10], np.log(g.scales), rtol=1e-5)


@pytest.mark.parametrize("order", ["", "<", ">"])
@pytest.mark.parametrize("extra", [False, True])
def test_ply_of_any_byte_order_with_extra_properties_is_read(tmp_path: Path, order: str, extra: bool) -> None:
    g = some(n=7, k=9)
    (tmp_path / "a.ply").write_bytes(ply_text(g, order, extra))
    assert_equal(files.read(tmp_path / "a.ply"), g)


@pytest.mark.parametrize("comment", ["SplatRenderMode: mip", "antialiased 1"])
def test_antialiased_flag_is_read_from_either_comment(tmp_path: Path, comment: str) -> None:
    (tmp_path / "a.ply").write_bytes(ply_text(some(n=3), "<", comments=("made by x", comment)))
    assert files.read(tmp_path / "a.ply").antialiased
    (tmp_path / "b.ply").write_bytes(ply_text(some(n=3), "<", comments=("SplatRenderMode: default", "antialiased 0")))
    assert not files.read(tmp_path / "b.ply").antialiased


def test_antialiased_flag_round_trips(tmp_path: Path) -> None:
    files.write(tmp_path / "a.ply", some(antialiased=True))
    assert b"comment SplatRenderMode: mip\n" in (tmp_path / "a.ply").read_bytes()
    assert files.read(tmp_path / "a.ply").antialiased


def test_windows_line_ends_in_the_header_are_read(tmp_path: Path) -> None:
    head, body = ply_text(some(n=3), "<").split(b"end_header\n")
    (tmp_path / "a.ply").write_bytes(head.replace(b"\n", b"\r\n") + b"end_header\r\n" + body)
    assert_equal(files.read(tmp_path / "a.ply"), some(n=3))


def test_splat_round_trip_within_a_byte(tmp_path: Path) -> None:
    g = some(k=1)
    report = files.write(tmp_path / "a.splat", g)
    assert (tmp_path / "a.splat").stat().st_size == 32 * len(g)
    back = files.read(tmp_path / "a.splat")
    np.testing.assert_array_equal(back.positions, g.positions)
    np.testing.assert_array_equal(back.scales, g.scales)
    np.testing.assert_allclose(back.colours, g.colours, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(back.opacities, g.opacities, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(np.abs(np.sum(back.rotations * g.rotations, 1)), 1, atol=2e-4)
    assert len(report) == 1


def test_splat_reports_what_it_drops(tmp_path: Path) -> None:
    report = files.write(tmp_path / "a.splat", some(k=16, antialiased=True))
    assert "SH degree 3 dropped: .splat holds one colour a splat." in report
    assert any("antialiased" in line for line in report)


def test_splat_reports_colours_it_clamps(tmp_path: Path) -> None:
    g = some(k=1)
    g.sh[:] = 0
    g.sh[:3, 0, 1] = 2
    report = files.write(tmp_path / "a.splat", g)
    assert "Colours beyond black or white clamped, in 3 Gaussians." in report


def test_splat_written_twice_is_the_same_file(tmp_path: Path) -> None:
    files.write(tmp_path / "a.splat", some(k=1))
    files.write(tmp_path / "b.splat", files.read(tmp_path / "a.splat"))
    a, b = (np.frombuffer((tmp_path / n).read_bytes(), np.uint8).astype(int) for n in ("a.splat", "b.splat"))
    assert np.abs(a - b).max() <= 1


def test_bad_splats_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    g = some(n=6, k=1)
    g.positions[0, 0] = np.nan
    g.positions[1, 1] = 1e30
    g.sh[2, 0, 0] = np.inf
    g.rotations[3] = 0
    with caplog.at_level(logging.WARNING):
        ply.write(tmp_path / "a.ply", g)
        back = files.read(tmp_path / "a.ply")
    assert len(back) == 3
    np.testing.assert_array_equal(back.rotations[0], [1, 0, 0, 0])
    assert "dropped 3 of 6" in caplog.text and "1 Gaussians without a rotation" in caplog.text


def test_opacity_beyond_the_logit_is_read_as_opaque(tmp_path: Path) -> None:
    raw = ply_text(some(n=2, k=1), "")
    head, body = raw.split(b"end_header\n")
    rows = [line.split() for line in body.decode().splitlines()]
    rows[0][6], rows[1][6] = "inf", "-inf"
    (tmp_path / "a.ply").write_bytes(head + b"end_header\n" + "\n".join(" ".join(r) for r in rows).encode())
    np.testing.assert_array_equal(files.read(tmp_path / "a.ply").opacities, [1, 0])


def test_header_that_claims_too_much_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    for order in ("", "<"):
        raw = ply_text(some(n=3, k=1), order).replace(b"vertex 3\n", b"vertex 1000000000000\n")
        (tmp_path / "a.ply").write_bytes(raw)
        assert "1,000,000,000,000" in refusal(tmp_path / "a.ply").title


def test_more_splats_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 10)
    files.write(tmp_path / "a.splat", some(n=11, k=1))
    assert "too many" in refusal(tmp_path / "a.splat").title


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_truncated_ply_is_refused(tmp_path: Path, order: str) -> None:
    raw = ply_text(some(n=9, k=1), order)
    (tmp_path / "a.ply").write_bytes(raw[: len(raw) - 200])
    refusal(tmp_path / "a.ply")
    (tmp_path / "a.ply").write_bytes(raw[:60])
    refusal(tmp_path / "a.ply")


def test_files_that_are_no_splats_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.ply").title
    (tmp_path / "folder.ply").mkdir()
    assert "not a file" in refusal(tmp_path / "folder.ply").title
    for name, content in {
        "empty.ply": b"",
        "empty.splat": b"",
        "odd.splat": bytes(33),
        "magic.ply": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "endless.ply": b"ply\n" + b"comment " + b"a" * (2 << 20),
        "none.ply": ply_text(some(n=1, k=1), "<").replace(b"vertex 1", b"vertex 0"),
        "kind.ply": b"ply\nformat binary_middle_endian 1.0\nend_header\n",
        "lists.ply": b"ply\nformat ascii 1.0\nelement face 1\nproperty list uchar int i\nend_header\n1 2\n",
        "nan.splat": np.full(16, np.nan, "<f4").tobytes(),
    }.items():
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)


def test_mesh_and_compressed_ply_say_what_they_are(tmp_path: Path) -> None:
    place = b"property float x\nproperty float y\nproperty float z\n"
    mesh = b"ply\nformat ascii 1.0\nelement vertex 1\n" + place + b"end_header\n0 0 0\n"
    (tmp_path / "mesh.ply").write_bytes(mesh)
    assert "meshes" in refusal(tmp_path / "mesh.ply").hint
    packed = b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty uint packed_position\nend_header\n0000"
    (tmp_path / "packed.ply").write_bytes(packed)
    assert "compressed" in refusal(tmp_path / "packed.ply").title


def test_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        files.write(tmp_path / "a.obj", some())
    assert ".ply" in caught.value.hint and ".splat" in caught.value.hint
    assert files.format_of(Path("A.PLY")).name == "3D Gaussian PLY"


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path / "a.splat", some(k=1))
    old = (tmp_path / "a.splat").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FormatError, match="No space left"):
        files.write(tmp_path / "a.splat", some(k=1, seed=2))
    assert (tmp_path / "a.splat").read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.splat"]


def test_write_into_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="Cannot write"):
        files.write(tmp_path / "absent" / "a.ply", some())


PLY_SEED = {order: ply_text(some(n=4, k=4), order, extra=True, comments=("x",)) for order in ("", "<", ">")}
SPLAT_SEED = np.random.default_rng(0).integers(0, 256, 96, dtype=np.uint8).tobytes()
mutations = st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 40)), min_size=1, max_size=5)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(["", "<", ">", "splat"]), changes=mutations, end=st.none() | st.integers(0, 4000))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path, which: str, changes: list[tuple[int, bytes, int]], end: int | None
) -> None:
    raw = bytearray(SPLAT_SEED if which == "splat" else PLY_SEED[which])
    for place, new, length in changes:
        place %= len(raw) + 1
        raw[place : place + length] = new
    path = tmp_path / ("a.splat" if which == "splat" else "a.ply")
    path.write_bytes(bytes(raw[:end]))
    try:
        g = files.read(path)
    except FormatError as error:
        assert error.hint
        return
    assert_sound(g)


@real
def test_real_files_are_read_whole() -> None:
    counts = {
        "gs-dynamics/gs_orig.splat": (8957, 0),
        "GaussianSplats3D/lod1_tile_0_0.5x.ply": (14051, 3),
        "GaussianSplats3D/lod5_tile_0.ply": (111, 3),
        "supersplat/fruit_drops_minimal.ply": (4721, 3),
        "splat-transform/minimal.splat": (4, 0),
    }
    for name, (count, degree) in counts.items():
        g = files.read(SPLATS / name)
        assert (len(g), g.sh_degree) == (count, degree), name


@real
def test_the_same_real_scene_in_two_formats_agrees() -> None:
    stem = str(SPLATS / "MetalSplatter" / "test-splat.3-points-from-train")
    a, b = ply.read(Path(stem + ".ply")), splat.read(Path(stem + ".splat"))
    order_a, order_b = (np.lexsort(g.positions.T) for g in (a, b))  # the .splat was sorted by size
    a, b = a.select(order_a), b.select(order_b)
    np.testing.assert_allclose(a.positions, b.positions)
    np.testing.assert_allclose(a.scales, b.scales, rtol=1e-5)
    np.testing.assert_allclose(a.colours, b.colours, atol=1.5 / 255)
    np.testing.assert_allclose(np.abs(np.sum(a.rotations * b.rotations, 1)), 1, atol=1e-3)


@real
def test_ply_agrees_with_plyfile() -> None:
    plyfile = pytest.importorskip("plyfile")
    path = SPLATS / "supersplat" / "fruit_drops_minimal.ply"
    vertex = plyfile.PlyData.read(str(path))["vertex"]
    g = ply.read(path)
    np.testing.assert_array_equal(g.positions, np.stack([vertex[c] for c in "xyz"], 1))
    np.testing.assert_array_equal(g.sh[:, 3, 1], vertex["f_rest_17"])  # third coefficient of green
    np.testing.assert_allclose(np.log(g.scales[:, 2]), vertex["scale_2"], rtol=1e-5, atol=1e-5)
