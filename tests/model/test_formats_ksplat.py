""".ksplat: every compression level is read as it was written, and no file brings the program down."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import FormatError
from model.formats import cleaning, ksplat, splat
from model.gaussians import SH_C0
from tests.model.splat_files import SPLATS, assert_sound, real, refusal

MINIMAL = SPLATS / "splat-transform"

Splat = dict[str, list[float]]


def some(n: int, seed: int = 1) -> list[Splat]:
    rng = np.random.default_rng(seed)
    splats = []
    for _ in range(n):
        q = rng.standard_normal(4)
        splats.append(
            {
                "place": rng.uniform(-2, 2, 3).tolist(),
                "scale": np.exp(rng.normal(-4, 1, 3)).tolist(),
                "turn": (q / np.linalg.norm(q)).tolist(),
                "rgba": rng.integers(1, 256, 4).tolist(),
                "sh": rng.uniform(-1, 1, 45).tolist(),  # r 1-3, g 1-3, b 1-3, r 4-8, ..., b 9-15
            }
        )
    return splats


def section_bytes(splats: list[Splat], level: int, degree: int, full: int = 0, size: int = 0) -> tuple[bytes, bytes]:
    """Write one section's header and body value by value; `full` buckets of `size`, then partial ones of 3."""
    parts = [splats[i * size : (i + 1) * size] for i in range(full)]
    rest = splats[full * size :]
    partial = [rest[i : i + 3] for i in range(0, len(rest), 3)] if level else []
    buckets = parts + partial if level else []
    head = struct.pack("<IIIIfHHIIII", len(splats), len(splats), size, len(buckets), 5.0, 12 if level else 0, 0,
                       32767 if level else 0, 0, full, len(partial))  # fmt: skip
    head = (head + struct.pack("<H", degree)).ljust(1024, b"\0")
    body = b"".join(struct.pack("<I", len(b)) for b in partial)
    centres = [[sum(s["place"][a] for s in b) / len(b) for a in range(3)] for b in buckets]
    body += b"".join(struct.pack("<3f", *c) for c in centres)
    for centre, bucket in zip(centres or [[0.0] * 3], buckets or [splats]):
        for s in bucket:
            if level:
                step = 2.5 / 32767
                body += struct.pack("<3H", *(round((p - c) / step) + 32767 for p, c in zip(s["place"], centre)))
            else:
                body += struct.pack("<3f", *s["place"])
            body += struct.pack("<7e" if level else "<7f", *s["scale"], *s["turn"])
            body += bytes(int(v) for v in s["rgba"])
            for v in s["sh"][: (0, 9, 24, 45)[degree]]:
                body += bytes([int((v + 2) / 4 * 255)]) if level == 2 else struct.pack("<e" if level else "<f", v)
    return head, body


def file_bytes(sections: list[tuple[bytes, bytes]], count: int, level: int) -> bytes:
    head = struct.pack("<BBHIIIIHH3fff", 0, 1, 0, len(sections), len(sections), count, count, level, 0, 0, 0, 0, -2, 2)
    return head.ljust(4096, b"\0") + b"".join(h for h, _ in sections) + b"".join(b for _, b in sections)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_every_level_and_degree_is_read(tmp_path: Path, level: int, degree: int) -> None:
    splats = some(17)
    sections = [section_bytes(splats, level, degree, full=2, size=5)]  # 2 buckets of 5, then 3, 3 and 1
    (tmp_path / "a.ksplat").write_bytes(file_bytes(sections, 17, level))
    g = ksplat.read(tmp_path / "a.ksplat")
    assert len(g) == 17 and g.sh_degree == degree
    for i, s in enumerate(splats):
        np.testing.assert_allclose(g.positions[i], s["place"], atol=2.5 / 32767 if level else 1e-6)
        np.testing.assert_allclose(g.scales[i], s["scale"], rtol=1e-3)
        np.testing.assert_allclose(g.rotations[i], s["turn"], atol=1e-3)  # wxyz
        np.testing.assert_allclose(g.colours[i], np.array(s["rgba"][:3]) / 255, atol=1e-6)
        np.testing.assert_allclose(g.opacities[i], s["rgba"][3] / 255, atol=1e-6)
        starts = [(3 * c, 9 + 5 * c, 24 + 7 * c) for c in range(3)]
        channels = [s["sh"][a : a + 3] + s["sh"][b : b + 5] + s["sh"][d : d + 7] for a, b, d in starts]
        expected = np.array(channels).T[: (degree + 1) ** 2 - 1]
        np.testing.assert_allclose(g.sh[i, 1:], expected, atol=4 / 255 + 1e-6 if level == 2 else 1e-3)


@pytest.mark.parametrize("level", [0, 1])
def test_sections_of_different_degrees_are_joined(tmp_path: Path, level: int) -> None:
    sections = [section_bytes(some(4), level, 0), section_bytes([], level, 0), section_bytes(some(5, 2), level, 2)]
    (tmp_path / "a.ksplat").write_bytes(file_bytes(sections, 9, level))
    g = ksplat.read(tmp_path / "a.ksplat")
    assert len(g) == 9 and g.sh_degree == 2
    assert not g.sh[:4, 1:].any() and g.sh[4:, 1:].all()
    np.testing.assert_allclose(g.positions[4:], [s["place"] for s in some(5, 2)], atol=1e-4)


def test_sections_with_room_to_spare_are_read(tmp_path: Path) -> None:
    head, body = section_bytes(some(4), 0, 0)
    head = struct.pack("<I", 3) + head[4:]  # three of four are filled
    (tmp_path / "a.ksplat").write_bytes(file_bytes([(head, body), section_bytes(some(2, 3), 0, 0)], 5, 0))
    g = ksplat.read(tmp_path / "a.ksplat")
    np.testing.assert_allclose(g.positions, [s["place"] for s in some(4)[:3] + some(2, 3)], atol=1e-6)


@real
def test_real_file_agrees_with_the_same_splats_in_another_format() -> None:
    a, b = ksplat.read(MINIMAL / "minimal.ksplat"), splat.read(MINIMAL / "minimal.splat")
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.scales, b.scales)
    np.testing.assert_allclose(a.sh, b.sh, atol=1e-6)
    np.testing.assert_allclose(a.opacities, b.opacities)
    np.testing.assert_allclose(np.abs(np.sum(a.rotations * b.rotations, axis=1)), 1)


SEED = {level: file_bytes([section_bytes(some(7), level, 1, 1, 4)], 7, level) for level in (0, 1, 2)}


@pytest.mark.parametrize("level", [0, 1, 2])
def test_files_cut_short_are_refused(tmp_path: Path, level: int) -> None:
    for end in (0, 1, 100, 4095, 4096, 5000, 5120, 5130, len(SEED[level]) - 1):
        (tmp_path / "a.ksplat").write_bytes(SEED[level][:end])
        refusal(tmp_path / "a.ksplat")


def test_headers_that_claim_too_much_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    much = struct.pack("<I", 0xFFFFFFF0)
    places = {"sections": 4, "count": 4096, "room": 4100, "bucket size": 4104, "buckets": 4108, "full": 4128}
    tracemalloc.start()
    for name, place in places.items():
        raw = bytearray(SEED[1])
        raw[place : place + 4] = much
        (tmp_path / "a.ksplat").write_bytes(bytes(raw))
        if name == "bucket size":  # all then lie in the first bucket
            assert len(ksplat.read(tmp_path / "a.ksplat")) == 7
        else:
            refusal(tmp_path / "a.ksplat")
    raw = bytearray(SEED[1])
    for place in (16, 4096, 4100):
        raw[place : place + 4] = much
    (tmp_path / "a.ksplat").write_bytes(bytes(raw))
    assert "4,294,967,280" in refusal(tmp_path / "a.ksplat").title
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_wrong_versions_levels_degrees_and_counts_are_refused(tmp_path: Path) -> None:
    for place, value in {0: 1, 1: 0, 20: 3, 4136: 4, 16: 8, 4128: 0}.items():
        raw = bytearray(SEED[2])
        raw[place] = value
        (tmp_path / "a.ksplat").write_bytes(bytes(raw))
        refusal(tmp_path / "a.ksplat")
    (tmp_path / "a.ksplat").write_bytes(file_bytes([], 0, 0))
    assert "no Gaussians" in refusal(tmp_path / "a.ksplat").title
    assert "no such file" in refusal(tmp_path / "absent.ksplat").title


def test_gaussians_that_are_not_finite_are_dropped(tmp_path: Path) -> None:
    splats = some(3)
    splats[1]["place"][2] = float("nan")
    (tmp_path / "a.ksplat").write_bytes(file_bytes([section_bytes(splats, 0, 0)], 3, 0))
    assert len(ksplat.read(tmp_path / "a.ksplat")) == 2
    (tmp_path / "a.ksplat").write_bytes(file_bytes([section_bytes([splats[1]], 0, 0)], 1, 0))
    refusal(tmp_path / "a.ksplat")


def test_more_splats_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 6)
    (tmp_path / "a.ksplat").write_bytes(SEED[0])
    assert "too many" in refusal(tmp_path / "a.ksplat").title


# mostly where the headers have their fields and where the data lies
places = st.one_of(st.integers(0, 44), st.integers(4096, 4140), st.integers(5120, 5800), st.integers(0, 6000))
changes = st.lists(st.tuples(places, st.binary(min_size=1, max_size=6)), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(level=st.sampled_from([0, 1, 2]), changes=changes, end=st.none() | st.integers(0, 6000))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path, level: int, changes: list[tuple[int, bytes]], end: int | None
) -> None:
    raw = bytearray(SEED[level])
    for place, new in changes:
        raw[place : place + len(new)] = new
    path = tmp_path / "a.ksplat"
    path.write_bytes(bytes(raw[:end]))
    tracemalloc.start()
    try:
        g = ksplat.read(path)
    except FormatError as error:
        assert error.hint
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20
    assert_sound(g)
    np.testing.assert_allclose(g.colours, np.clip(g.sh[:, 0] * SH_C0 + 0.5, 0, 1), atol=1e-6)
