"""SPZ: every version is read, what is written comes back within its steps, and no file brings the program down."""

import gzip
import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import FormatError
from model.formats import cleaning, ply, splat, spz
from model.gaussians import SH_C0, Gaussians
from tests.model.splat_files import SPLATS, assert_sound, real, refusal, some


def header(version: int, count: int, degree: int, bits: int = 12, flags: int = 0, streams: int = 0) -> bytes:
    return b"NGSP" + struct.pack("<IIBBBB", version, count, degree, bits, flags, streams)


def by_hand(version: int, degree: int, n: int = 5, bits: int = 12) -> tuple[list[bytes], dict[str, list]]:
    """Build the six sections one splat at a time; returns them and what they mean."""
    rng = np.random.default_rng(version)
    sections = [b""] * 6
    meant: dict[str, list] = {name: [] for name in ("positions", "opacities", "sh", "scales", "rotations")}
    for _ in range(n):
        place = [int(v) for v in rng.integers(-(2**23), 2**23, 3)]
        if version == 1:
            sections[0] += struct.pack("<3e", *(v / 4096 for v in place))
            meant["positions"].append([float(np.float16(v / 4096)) for v in place])
        else:
            sections[0] += b"".join(v.to_bytes(3, "little", signed=True) for v in place)
            meant["positions"].append([v / 2**bits for v in place])
        alpha, *rgb_and_scale = (int(v) for v in rng.integers(0, 256, 7))
        sections[1] += bytes([alpha])
        sections[2] += bytes(rgb_and_scale[:3])
        sections[3] += bytes(rgb_and_scale[3:])
        meant["opacities"].append(alpha / 255)
        meant["scales"].append([math.exp(v / 16 - 10) for v in rgb_and_scale[3:]])
        q = rng.standard_normal(4)  # xyzw
        q *= np.sign(q[3]) / np.linalg.norm(q)
        if version < 3:
            sections[4] += bytes(round(float(v) * 127.5 + 127.5) for v in q[:3])
        else:
            largest = max(range(4), key=lambda i: abs(q[i]))
            q *= np.sign(q[largest])
            text = f"{largest:02b}" + "".join(
                f"{int(q[i] < 0)}{round(abs(float(q[i])) * math.sqrt(2) * 511):09b}" for i in range(4) if i != largest
            )
            sections[4] += int(text, 2).to_bytes(4, "little")
        meant["rotations"].append([q[3], q[0], q[1], q[2]])
        rest = [int(v) for v in rng.integers(0, 256, 3 * ((degree + 1) ** 2 - 1))]
        sections[5] += bytes(rest)
        meant["sh"].append([(c / 255 - 0.5) / 0.15 for c in rgb_and_scale[:3]] + [(v - 128) / 128 for v in rest])
    return sections, meant


def streams(start: bytes, sections: list[bytes], extensions: bytes = b"") -> bytes:
    """Lay out version 4 from ZSTD frames of one uncompressed block each (RFC 8878), so that nothing packs them."""
    filled = [s for s in sections if s]
    frames = [
        b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(s)) + (len(s) << 3 | 1).to_bytes(3, "little") + s
        for s in filled
    ]
    table = b"".join(struct.pack("<QQ", len(f), len(s)) for f, s in zip(frames, filled))
    return start + struct.pack("<I12x", 32 + len(extensions)) + extensions + table + b"".join(frames)


def whole(version: int, degree: int, packed: bool = True, **fields: int) -> bytes:
    sections, _ = by_hand(version, degree)
    if version == 4:
        return streams(header(4, 5, degree, streams=5 + (degree > 0), **fields), sections)
    raw = header(version, 5, degree, **fields) + b"".join(sections)
    return gzip.compress(raw, mtime=0) if packed else raw


def assert_means(g: Gaussians, meant: dict[str, list]) -> None:
    np.testing.assert_allclose(g.positions, meant["positions"], rtol=1e-6)
    np.testing.assert_allclose(g.opacities, meant["opacities"], rtol=1e-6)
    np.testing.assert_allclose(g.scales, meant["scales"], rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(g.rotations * meant["rotations"], axis=1)), 1, atol=2e-3)
    np.testing.assert_allclose(g.sh.reshape(len(g), -1), [row[: 3 * 16] for row in meant["sh"]], atol=1e-6)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_bytes_made_by_hand_mean_what_they_should(tmp_path: Path, version: int, degree: int) -> None:
    (tmp_path / "a.spz").write_bytes(whole(version, degree))
    g = spz.read(tmp_path / "a.spz")
    assert g.sh_degree == degree and not g.antialiased
    assert_means(g, by_hand(version, degree)[1])


@pytest.mark.parametrize("degree", [0, 3])
def test_version_4_made_by_hand_means_what_it_should(tmp_path: Path, degree: int) -> None:
    (tmp_path / "a.spz").write_bytes(whole(4, degree, flags=1))
    g = spz.read(tmp_path / "a.spz")
    assert g.sh_degree == degree and g.antialiased
    assert_means(g, by_hand(4, degree)[1])


def test_degree_4_is_cut_to_3_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.spz").write_bytes(whole(4, 4))
    g = spz.read(tmp_path / "a.spz")
    assert g.sh_degree == 3 and "degree 4" in caplog.text
    assert_means(g, by_hand(4, 4)[1])


def test_extensions_of_version_4_are_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sections, meant = by_hand(4, 1)
    record = struct.pack("<II3f", 0xADBE0002, 12, 0, 1, 2)
    (tmp_path / "a.spz").write_bytes(streams(header(4, 5, 1, flags=2, streams=6), sections, record))
    assert_means(spz.read(tmp_path / "a.spz"), meant)
    assert "extensions" in caplog.text


def test_extensions_of_version_3_are_passed_over_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    raw = whole(3, 1, packed=False, flags=2) + struct.pack("<II3f", 0xADBE0002, 12, 0, 1, 2)
    (tmp_path / "a.spz").write_bytes(gzip.compress(raw))
    assert_means(spz.read(tmp_path / "a.spz"), by_hand(3, 1)[1])
    assert "extensions" in caplog.text


def test_file_that_was_never_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.spz").write_bytes(whole(2, 1, packed=False))
    assert_means(spz.read(tmp_path / "a.spz"), by_hand(2, 1)[1])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_round_trip_stays_within_the_steps_reported(tmp_path: Path, version: int, k: int) -> None:
    g = some(k=k, antialiased=k == 9)
    report = spz.write(tmp_path / "a.spz", g, version)
    back = spz.read(tmp_path / "a.spz")
    assert gzip.decompress((tmp_path / "a.spz").read_bytes())[:16] == header(
        version, 50, int(k**0.5) - 1, flags=int(k == 9)
    )
    np.testing.assert_allclose(back.positions, g.positions, atol=0.5 / 4096 + 1e-7)
    np.testing.assert_allclose(np.log(back.scales), np.log(g.scales), atol=0.5 / 16 + 1e-5)
    np.testing.assert_allclose(back.opacities, g.opacities, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(back.sh[:, 0], g.sh[:, 0], atol=0.5 / 255 / 0.15 + 1e-6)
    np.testing.assert_allclose(back.sh[:, 1:4], g.sh[:, 1:4], atol=0.5 / 16 + 0.5 / 128 + 1e-6)
    np.testing.assert_allclose(back.sh[:, 4:], g.sh[:, 4:], atol=0.5 / 8 + 0.5 / 128 + 1e-6)
    loss = 1 - np.abs(np.sum(back.rotations * g.rotations, axis=1))
    assert loss.max() < (1e-5 if version == 3 else 2e-3)
    assert back.antialiased == g.antialiased
    assert len(report) == 4 + (k > 1) and "0.000244" in report[0]


def test_what_was_read_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    spz.write(tmp_path / "a.spz", some())
    spz.write(tmp_path / "b.spz", spz.read(tmp_path / "a.spz"))
    assert (tmp_path / "a.spz").read_bytes() == (tmp_path / "b.spz").read_bytes()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_rotation_about_an_axis_keeps_its_side(tmp_path: Path, version: int, axis: int, sign: int) -> None:
    q = np.full((1, 4), 0.1, np.float32)
    q[0, axis] = sign
    q /= np.linalg.norm(q)
    g = some(n=1)
    spz.write(tmp_path / "a.spz", Gaussians(g.positions, q, g.scales, g.opacities, g.sh), version)
    assert abs(np.sum(spz.read(tmp_path / "a.spz").rotations * q)) > 1 - 1e-3


@pytest.mark.parametrize(("spread", "bits"), [(2047.9, 12), (2048.0, 11), (3e5, 4), (8e6, 0)])
def test_large_scene_gives_up_fractional_bits(tmp_path: Path, spread: float, bits: int) -> None:
    g = some(n=3, k=1)
    g.positions[:] = [[-spread, spread, 0], [1, 2, 3], [spread, 0, -spread]]
    report = spz.write(tmp_path / "a.spz", g)
    assert gzip.decompress((tmp_path / "a.spz").read_bytes())[13] == bits
    np.testing.assert_allclose(spz.read(tmp_path / "a.spz").positions, g.positions, atol=0.5 / 2**bits)
    assert f"{0.5**bits:.3g} world units" in report[0] and not any("clamped" in line for line in report)


def test_positions_of_small_splats_have_finer_steps(tmp_path: Path) -> None:
    g = some()
    small = Gaussians(g.positions / 100, g.rotations, g.scales / 100, g.opacities, g.sh)
    for gaussians in (g, small):
        spz.write(tmp_path / "a.spz", gaussians)
        moved = np.abs(spz.read(tmp_path / "a.spz").positions - gaussians.positions).max()
        assert moved <= np.median(gaussians.scales.max(axis=1)) / 80


def test_what_lies_beyond_the_format_is_clamped_and_counted(tmp_path: Path) -> None:
    g = some(n=4)
    g.positions[1, 2] = -9e6
    g.scales[2] = 0
    g.scales[3, 0] = 500
    g.sh[0, 0] = 4
    g.sh[1:, 7, 1] = 1.5
    report = spz.write(tmp_path / "a.spz", g)
    back = spz.read(tmp_path / "a.spz")
    assert back.positions[1, 2] == -(2**23 - 1)
    np.testing.assert_allclose(back.scales[2], math.exp(-10), rtol=1e-5)
    np.testing.assert_allclose(back.scales[3, 0], math.exp(255 / 16 - 10), rtol=1e-5)
    np.testing.assert_allclose(back.sh[1:, 7, 1], 127 / 128)
    clamped = [line for line in report if "clamped" in line]
    assert [line.split()[0] for line in clamped] == ["Positions", "Scales", "Colours", "SH"]
    assert [line.split()[-2] for line in clamped] == ["1", "2", "1", "3"]


RAW = whole(3, 1, packed=False)
BAD = {
    "empty": b"",
    "another format": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "header cut": RAW[:12],
    "packed header cut": gzip.compress(RAW[:12]),
    "packed magic": gzip.compress(b"PSGN" + RAW[4:]),
    "version 0": gzip.compress(header(0, 5, 1) + RAW[16:]),
    "version 5": header(5, 5, 1) + RAW[16:],
    "version 4 in gzip": gzip.compress(header(4, 5, 1) + RAW[16:]),
    "no splats": gzip.compress(header(3, 0, 1)),
    "billions": gzip.compress(header(3, 2**32 - 1, 3)),
    "more than the file can hold": gzip.compress(header(3, 20_000_000, 3)),
    "degree 5": gzip.compress(header(3, 5, 5) + RAW[16:]),
    "25 fractional bits": gzip.compress(header(3, 5, 1, bits=25) + RAW[16:]),
    "too short": gzip.compress(RAW[:-1]),
    "too long": gzip.compress(RAW + b"\0"),
    "truncated": gzip.compress(RAW)[:-12],
    "checksum cut": gzip.compress(RAW)[:-5],
    "trailing garbage": gzip.compress(RAW) + b"garbage",
    "wrong checksum": gzip.compress(RAW)[:-8] + bytes(8),
    "no streams": header(4, 5, 1, streams=6),
    "4 streams": header(4, 5, 1, streams=4) + whole(4, 1)[16:],
    "table in the header": whole(4, 1)[:16] + struct.pack("<I", 8) + whole(4, 1)[20:],
    "table far away": whole(4, 1)[:16] + struct.pack("<I", 2**32 - 1) + whole(4, 1)[20:],
    "huge stream": whole(4, 1)[:32] + struct.pack("<QQ", 2**64 - 1, 2**64 - 1) + whole(4, 1)[48:],
    "version 4 cut": whole(4, 1)[:-1],
    "version 4 too long": whole(4, 1) + b"\0",
}


@pytest.mark.parametrize("what", BAD)
def test_bad_file_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.spz").write_bytes(BAD[what])
    refusal(tmp_path / "a.spz")


def test_damaged_streams_are_refused(tmp_path: Path) -> None:
    raw = whole(4, 1)
    first = 32 + 6 * 16
    sections = by_hand(4, 1)[0]
    short = streams(header(4, 5, 1, streams=6), [sections[0] + b"more", *sections[1:]])
    table = struct.pack("<Q", 45)  # but the frame holds 49
    for damaged in (raw[:first] + bytes(4) + raw[first + 4 :], short[:40] + table + short[48:]):
        (tmp_path / "a.spz").write_bytes(damaged)
        assert "stream" in refusal(tmp_path / "a.spz").title


def test_more_splats_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 4)
    (tmp_path / "a.spz").write_bytes(whole(3, 1))
    assert "too many" in refusal(tmp_path / "a.spz").title


def test_file_that_inflates_without_end_takes_little_memory(tmp_path: Path) -> None:
    (tmp_path / "a.spz").write_bytes(gzip.compress(RAW + bytes(50_000_000)))
    tracemalloc.start()
    try:
        refusal(tmp_path / "a.spz")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


SEEDS = [whole(1, 1, packed=False), whole(2, 0, packed=False), whole(3, 2, packed=False), whole(4, 1)]
mutations = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 20)), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 3), inside=mutations, outside=st.just([]) | mutations, end=st.none() | st.integers(0, 500))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path,
    which: int,
    inside: list[tuple[int, bytes, int]],
    outside: list[tuple[int, bytes, int]],
    end: int | None,
) -> None:
    raw = bytearray(SEEDS[which])
    for changes in (inside, outside):
        for place, new, length in changes:
            raw[place % (len(raw) + 1) : place % (len(raw) + 1) + length] = new
        if which < 3 and changes is inside:
            raw = bytearray(gzip.compress(bytes(raw), 1))
    path = tmp_path / "a.spz"
    path.write_bytes(bytes(raw[:end]))
    try:
        g = spz.read(path)
    except FormatError as error:
        assert error.hint
        return
    assert 0 < len(g) < 1000
    assert_sound(g)


@real
def test_real_files_are_read_whole() -> None:
    counts = {
        "adobe-usd/SanitySplats.spz": (10, 3),
        "MetalSplatter/test-splat.3-points-from-train.spz": (3, 3),
        "splat-transform/minimal-raw.spz": (4, 0),
        "splat-transform/minimal-v2.spz": (4, 0),
        "splat-transform/minimal-v3.spz": (4, 0),
    }
    for name, (count, degree) in counts.items():
        g = spz.read(SPLATS / name)
        assert (len(g), g.sh_degree) == (count, degree), name


@real
def test_versions_3_and_4_of_the_same_real_scene_agree() -> None:
    a, b = (spz.read(SPLATS / "splat-transform" / f"minimal-v{v}.spz") for v in (3, 4))
    for name in ("positions", "rotations", "scales", "opacities", "sh"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@real
def test_axes_of_a_raw_file_are_those_of_the_splat_file() -> None:
    a = spz.read(SPLATS / "splat-transform" / "minimal-v2.spz")
    b = splat.read(SPLATS / "splat-transform" / "minimal.splat")
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_allclose(a.opacities, b.opacities)
    np.testing.assert_allclose(a.scales, b.scales, rtol=1 / 32)


@real
def test_real_scene_agrees_with_its_ply_but_for_the_axes_it_was_packed_with() -> None:
    stem = str(SPLATS / "MetalSplatter" / "test-splat.3-points-from-train")
    a, b = spz.read(Path(stem + ".spz")), ply.read(Path(stem + ".ply"))
    flip = np.array([1, -1, -1], np.float32)  # its maker took the PLY for RDF and packed it as RUB
    np.testing.assert_allclose(a.positions, b.positions * flip, atol=0.5 / 4096)
    np.testing.assert_allclose(np.log(a.scales), np.log(b.scales), atol=0.5 / 16 + 1e-4)
    np.testing.assert_allclose(a.opacities, b.opacities, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(a.colours, b.colours, atol=0.5 * SH_C0 / 0.15 / 255 + 1e-6)
    turned = b.rotations * np.concatenate([[1], flip]).astype(np.float32)
    np.testing.assert_allclose(np.abs(np.sum(a.rotations * turned, axis=1)), 1, atol=1e-5)
    bands = np.array([[-1], [-1], [1]], np.float32)  # degree 1 is y, z, x
    np.testing.assert_allclose(a.sh[:, 1:4], b.sh[:, 1:4] * bands, atol=0.5 / 16 + 0.5 / 128 + 1e-6)
