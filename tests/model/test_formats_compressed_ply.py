"""SuperSplat's compressed PLY in both dialects, and PLY files that pass through memory in blocks."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import FormatError
from model.formats import cleaning, ply
from model.gaussians import SH_C0, Gaussians
from tests.model.splat_files import assert_sound, refusal

BOUNDS = [f"{end}_{axis}" for end in ("min", "max") for axis in "xyz"]
BOUNDS += [f"{end}_scale_{axis}" for end in ("min", "max") for axis in "xyz"]
HUES = [f"{end}_{axis}" for end in ("min", "max") for axis in "rgb"]
WORDS = ["packed_position", "packed_rotation", "packed_scale", "packed_color"]


def by_hand(n: int, degree: int, dialect: int = 18, order: str = "<", comment: str = "made by hand") -> tuple:
    """Build a compressed PLY one splat at a time; returns its bytes and the rows (what each splat means)."""
    rng = np.random.default_rng(n + degree)
    k = (degree + 1) ** 2 - 1
    chunks, vertices, harmonics, rows = b"", b"", b"", []
    for i in range(n):
        if i % 256 == 0:
            low, high = [-3.0, -2.0, -1.0, -6.0, -5.0, -4.0], [1.0, 2.0, 3.0 + i, -3.0, -2.0, -1.0]
            hues = [-0.1, 0.0, 0.1, 0.9, 1.0, 1.2]
            bounds = low[:3] + high[:3] + low[3:] + high[3:] + (hues if dialect == 18 else [])
            chunks += struct.pack(f"{order}{dialect}f", *bounds)
        place, size = ([int(rng.integers(0, m + 1)) for m in (2047, 1023, 2047)] for _ in range(2))
        colour = [int(v) for v in rng.integers(0, 256, 4)]
        largest, *three = [int(rng.integers(0, 4)), *(int(v) for v in rng.integers(100, 900, 3))]
        rest = [int(v) for v in rng.integers(0, 256, 3 * k)]
        words = [
            f"{place[0]:011b}{place[1]:010b}{place[2]:011b}",
            f"{largest:02b}" + "".join(f"{v:010b}" for v in three),
            f"{size[0]:011b}{size[1]:010b}{size[2]:011b}",
            "".join(f"{v:08b}" for v in colour),
        ]
        vertices += struct.pack(f"{order}4I", *(int(w, 2) for w in words))
        harmonics += bytes(rest)
        share = [v / m for v, m in zip(place + size, (2047, 1023, 2047) * 2)]
        mixed = [a + (b - a) * t for a, b, t in zip(low, high, share)]
        rgb = [v / 255 for v in colour[:3]]
        if dialect == 18:
            rgb = [a + (b - a) * t for a, b, t in zip(hues[:3], hues[3:], rgb)]
        q = [(v / 1023 - 0.5) * math.sqrt(2) for v in three]
        q.insert(largest, math.sqrt(max(0, 1 - sum(v * v for v in q))))
        values = [{0: -4.0, 255: 4.0}.get(v, 8 * ((v + 0.5) / 256 - 0.5)) for v in rest]
        sh = [[(v - 0.5) / SH_C0 for v in rgb]] + [[values[c * k + j] for c in range(3)] for j in range(k)]
        rows.append((mixed[:3], q, [math.exp(v) for v in mixed[3:]], colour[3] / 255, sh))
    head = ["ply", f"format binary_{'little' if order == '<' else 'big'}_endian 1.0", f"comment {comment}"]
    head += [f"element chunk {-(-n // 256)}", *(f"property float {p}" for p in (BOUNDS + HUES)[:dialect])]
    head += [f"element vertex {n}", *(f"property uint {p}" for p in WORDS)]
    head += [f"element sh {n}", *(f"property uchar f_rest_{i}" for i in range(3 * k))] if k else []
    return "\n".join([*head, "end_header\n"]).encode() + chunks + vertices + harmonics, rows


def assert_means(g: Gaussians, rows: list) -> None:
    positions, rotations, scales, opacities, sh = (np.array(column) for column in zip(*rows))
    np.testing.assert_allclose(g.positions, positions, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(g.scales, scales, rtol=1e-5)
    np.testing.assert_allclose(g.opacities, opacities, rtol=1e-6)
    np.testing.assert_allclose(g.sh, sh, rtol=1e-5, atol=1e-5)
    unit = rotations / np.linalg.norm(rotations, axis=1, keepdims=True)
    np.testing.assert_allclose(g.rotations, unit, atol=1e-5)


@pytest.mark.parametrize("dialect", [12, 18])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_words_made_by_hand_mean_what_they_should(tmp_path: Path, dialect: int, degree: int) -> None:
    raw, rows = by_hand(300, degree, dialect)
    (tmp_path / "a.ply").write_bytes(raw)
    g = ply.read(tmp_path / "a.ply")
    assert g.sh_degree == degree and not g.antialiased
    assert_means(g, rows)


def test_whole_chunks_and_the_other_byte_order_are_read(tmp_path: Path) -> None:
    for n, order in ((256, "<"), (3, ">"), (257, ">")):
        raw, rows = by_hand(n, 1, order=order)
        (tmp_path / "a.ply").write_bytes(raw)
        assert_means(ply.read(tmp_path / "a.ply"), rows)


def test_antialiased_comment_counts_here_too(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(by_hand(2, 0, comment="SplatRenderMode: mip")[0])
    assert ply.read(tmp_path / "a.ply").antialiased


GOOD = by_hand(3, 1)[0]
BAD = {
    "truncated": GOOD[:-1],
    "half": GOOD[: len(GOOD) // 2],
    "two chunks too few": by_hand(600, 0)[0].replace(b"chunk 3", b"chunk 1"),
    "a chunk too many": by_hand(256, 1)[0].replace(b"chunk 1\n", b"chunk 2\n"),
    "no chunk": GOOD.replace(b"chunk 1", b"chunk 0"),
    "no bounds": GOOD.replace(b"min_x", b"least_x"),
    "no rotation": GOOD.replace(b"packed_rotation", b"rotation_packed"),
    "words of another kind": GOOD.replace(b"uint packed_scale", b"float packed_scale"),
    "SH of another kind": GOOD.replace(b"uchar f_rest_0", b"char f_rest_0"),
    "SH of four channels": GOOD.replace(b"f_rest_8", b"f_list_8"),
    "SH with a gap": GOOD.replace(b"f_rest_8", b"f_rest_88"),
    "too few SH": GOOD.replace(b"sh 3", b"sh 2"),
    "twice the same": GOOD.replace(b"max_x", b"min_x"),
    "a trillion": GOOD.replace(b"vertex 3", b"vertex 1000000000000"),
    "text": GOOD.replace(b"binary_little_endian", b"ascii"),
    "lists before": GOOD.replace(b"element chunk", b"element face 1\nproperty list uchar int i\nelement chunk"),
    "bounds that are no numbers": GOOD.split(b"end_header\n")[0] + b"end_header\n" + b"\xff" * 200,
}


@pytest.mark.parametrize("what", BAD)
def test_bad_file_is_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.ply").write_bytes(BAD[what])
    refusal(tmp_path / "a.ply")


def test_more_splats_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 2)
    (tmp_path / "a.ply").write_bytes(GOOD)
    assert "too many" in refusal(tmp_path / "a.ply").title


mutations = st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=6), st.integers(0, 40)), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=mutations, end=st.none() | st.integers(0, 1500))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path, changes: list[tuple[int, bytes, int]], end: int | None
) -> None:
    raw = bytearray(GOOD)
    for place, new, length in changes:
        place %= len(raw) + 1
        raw[place : place + length] = new
    path = tmp_path / "a.ply"
    path.write_bytes(bytes(raw[:end]))
    try:
        g = ply.read(path)
    except FormatError as error:
        assert error.hint
        return
    assert 0 < len(g) <= len(raw)
    assert_sound(g)


def plain(n: int) -> Gaussians:
    rng = np.random.default_rng(n)
    q = rng.standard_normal((n, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    arrays = (rng.standard_normal((n, 3)), q, rng.uniform(0.01, 1, (n, 3)), rng.uniform(0.1, 0.9, n))
    positions, rotations, scales, opacities = (a.astype(np.float32) for a in arrays)
    return Gaussians(positions, rotations, scales, opacities, rng.standard_normal((n, 4, 3)).astype(np.float32))


@pytest.mark.parametrize("n", [1, 9, 10, 11, 57])
def test_plain_ply_of_any_number_of_blocks_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(ply, "BLOCK", 10 * 4 * 23)  # ten Gaussians of 23 floats
    monkeypatch.setattr(ply, "LINES", 10)
    g = plain(n)
    ply.write(tmp_path / "a.ply", g)
    head, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n", 1)
    table = np.frombuffer(body, "<f4").reshape(n, 23)
    np.savetxt(tmp_path / "rows", table, "%.9g")
    text = head.replace(b"binary_little_endian", b"ascii") + b"end_header\n" + (tmp_path / "rows").read_bytes()
    (tmp_path / "b.ply").write_bytes(text)
    for name in ("a.ply", "b.ply"):
        back = ply.read(tmp_path / name)
        np.testing.assert_array_equal(back.positions, g.positions)
        np.testing.assert_array_equal(back.sh, g.sh)
        np.testing.assert_allclose(back.scales, g.scales, rtol=1e-5)
        np.testing.assert_allclose(back.opacities, g.opacities, rtol=1e-5)
        np.testing.assert_allclose(back.rotations, g.rotations, atol=1e-6)


def test_same_name_twice_in_an_element_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    ply.write(tmp_path / "a.ply", plain(2))
    raw = (tmp_path / "a.ply").read_bytes()
    camera = b"element camera 1\nproperty int id\nproperty int id\nelement vertex"
    head, body = raw.replace(b"element vertex", camera).split(b"end_header\n", 1)
    (tmp_path / "a.ply").write_bytes(head + b"end_header\n" + bytes(8) + body)
    np.testing.assert_array_equal(ply.read(tmp_path / "a.ply").positions, plain(2).positions)
