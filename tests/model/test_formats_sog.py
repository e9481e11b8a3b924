"""SOG: what is written lies as the specification says, comes back within its steps, and no file does harm."""

import io
import json
import math
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from model.errors import FormatError
from model.formats import cleaning, ply, sog
from model.gaussians import Gaussians
from tests.model.splat_files import SPLATS, assert_sound, real, refusal, some

Files = dict[str, bytes]


def unzipped(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_files(path: Path, files: Files, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def webp(rows: list[list[tuple[int, ...]]], **options: Any) -> bytes:
    image = Image.new("RGBA", (len(rows[0]), len(rows)))
    for y, row in enumerate(rows):
        for x, pixel in enumerate(row):
            image.putpixel((x, y), pixel if len(pixel) == 4 else (*pixel, 255))
    data = io.BytesIO()
    image.save(data, "WEBP", **{"lossless": True, "exact": True, **options})
    return data.getvalue()


def scalar_decode(files: Files) -> list[dict[str, Any]]:
    """Decode splat by splat with the formulas of the specification, another way than the program does."""
    meta = json.loads(files["meta.json"])

    def image(part: str, i: int = 0) -> Image.Image:
        return Image.open(io.BytesIO(files[meta[part]["files"][i]])).convert("RGBA")

    low, high, quats, scales, sh0 = (image(*a) for a in (("means",), ("means", 1), ("quats",), ("scales",), ("sh0",)))

    def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
        value = image.getpixel(at)
        assert isinstance(value, tuple)
        return value

    splats = []
    for i in range(meta["count"]):
        at = (i % low.width, i // low.width)
        lo, hi, q, s, c = (pixel(im, at) for im in (low, high, quats, scales, sh0))
        place = []
        for axis in range(3):
            t = (hi[axis] << 8 | lo[axis]) / 65535
            v = meta["means"]["mins"][axis] * (1 - t) + meta["means"]["maxs"][axis] * t
            place.append(math.copysign(math.exp(abs(v)) - 1, v))
        turn = [(b / 255 - 0.5) * 2 / math.sqrt(2) for b in q[:3]]
        turn.insert(q[3] - 252, math.sqrt(max(0.0, 1 - sum(v * v for v in turn))))
        splat: dict[str, Any] = {"place": place, "turn": turn, "opacity": c[3] / 255}
        splat["scale"] = [math.exp(meta["scales"]["codebook"][b]) for b in s[:3]]
        splat["sh"] = [[meta["sh0"]["codebook"][b] for b in c[:3]]]
        if "shN" in meta:
            coefficients = {1: 3, 2: 8, 3: 15}[meta["shN"]["bands"]]
            palette, label = image("shN", 0), pixel(image("shN", 1), at)
            n = label[0] + (label[1] << 8)
            for k in range(coefficients):
                entry = pixel(palette, ((n % 64) * coefficients + k, n // 64))
                splat["sh"].append([meta["shN"]["codebook"][b] for b in entry[:3]])
        splats.append(splat)
    return splats


@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_written_files_lie_as_the_specification_says(tmp_path: Path, k: int) -> None:
    sog.write(tmp_path / "a.sog", some(300, k=k))
    g, splats = sog.read(tmp_path / "a.sog"), scalar_decode(unzipped(tmp_path / "a.sog"))
    assert len(g) == len(splats) == 300
    np.testing.assert_allclose(g.positions, [s["place"] for s in splats], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(g.rotations, [s["turn"] for s in splats], atol=1e-5)
    np.testing.assert_allclose(g.scales, [s["scale"] for s in splats], rtol=1e-5)
    np.testing.assert_allclose(g.opacities, [s["opacity"] for s in splats], atol=1e-6)
    np.testing.assert_allclose(g.sh, [s["sh"] for s in splats], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("k", [1, 4, 9, 16])
def test_round_trip_within_the_steps_told(tmp_path: Path, k: int) -> None:
    g = some(300, k=k)
    report = sog.write(tmp_path / "a.sog", g)
    back = sog.read(tmp_path / "a.sog")
    assert len(report) == (5 if k > 1 else 4) and report[0].startswith("Positions rounded to 16 bits")
    step = float(report[0].split(" up to ")[1].split()[0])
    apart = np.abs(g.positions[:, None] - back.positions).max(axis=2)
    match = apart.argmin(axis=1)  # the file is in Morton order
    assert sorted(match) == list(range(len(g)))
    back = back.select(match)
    np.testing.assert_allclose(back.positions, g.positions, atol=0.55 * step)
    off = float(report[1].split(" at most ")[1].split()[0]) / 100
    assert off < 0.05
    np.testing.assert_allclose(np.log(back.scales), np.log(g.scales), atol=np.log1p(1.05 * off))
    np.testing.assert_allclose(back.sh[:, 0], g.sh[:, 0], atol=0.02)
    np.testing.assert_allclose(back.sh, g.sh, atol=0.02)
    np.testing.assert_allclose(back.opacities, g.opacities, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(np.abs(np.sum(back.rotations * g.rotations, axis=1)), 1, atol=1e-4)


def test_second_trip_changes_next_to_nothing(tmp_path: Path) -> None:
    sog.write(tmp_path / "a.sog", some(300))
    a = sog.read(tmp_path / "a.sog")
    sog.write(tmp_path / "b.sog", a)
    b = sog.read(tmp_path / "b.sog")
    np.testing.assert_allclose(b.positions, a.positions, atol=1e-4)
    np.testing.assert_allclose(b.scales, a.scales, rtol=1e-5)
    np.testing.assert_allclose(b.sh, a.sh, atol=1e-5)


def test_antialiased_flag_round_trips_and_is_read_under_either_name(tmp_path: Path) -> None:
    for flag in (True, False):
        sog.write(tmp_path / "a.sog", some(n=9, k=1, antialiased=flag))
        assert sog.read(tmp_path / "a.sog").antialiased is flag
    files = unzipped(tmp_path / "a.sog")
    meta = json.loads(files["meta.json"])
    changes: list[tuple[dict[str, Any], bool]]
    changes = [({"antialias": True}, True), ({"model": "antialiased"}, True), ({"model": "2dgs"}, False)]
    for change, flag in changes:
        zip_files(tmp_path / "b.sog", {**files, "meta.json": json.dumps({**meta, **change}).encode()})
        assert sog.read(tmp_path / "b.sog").antialiased is flag


def test_splats_lie_in_morton_order(tmp_path: Path) -> None:
    g = some(n=4096, k=1)
    sog.write(tmp_path / "a.sog", g)
    back = sog.read(tmp_path / "a.sog")
    hop, random_hop = (np.linalg.norm(np.diff(p, axis=0), axis=1).mean() for p in (back.positions, g.positions))
    assert hop < 0.25 * random_hop


def test_few_values_are_kept_exactly(tmp_path: Path) -> None:
    g = some(n=500, k=4)
    sh, scales = np.round(g.sh * 4) / 4, np.where(g.scales > 0.02, np.float32(0.05), np.float32(0.01))
    g = Gaussians(np.zeros_like(g.positions), g.rotations, scales, g.opacities, sh)
    sog.write(tmp_path / "a.sog", g)  # all in one place: the order stays
    back = sog.read(tmp_path / "a.sog")
    np.testing.assert_array_equal(back.positions, 0)
    np.testing.assert_array_equal(back.sh, g.sh)
    np.testing.assert_allclose(back.scales, g.scales, rtol=1e-6)


def test_colour_of_splats_that_cannot_be_seen_is_kept(tmp_path: Path) -> None:
    g = some(n=64, k=1)
    g.opacities[:] = 0
    sog.write(tmp_path / "a.sog", g)
    np.testing.assert_allclose(np.sort(sog.read(tmp_path / "a.sog").sh, axis=0), np.sort(g.sh, axis=0), atol=0.02)


def test_one_far_splat_does_not_coarsen_the_others(tmp_path: Path) -> None:
    g = some(n=2000, k=1)
    g.sh[0], g.scales[0] = 50, 1e-12
    sog.write(tmp_path / "a.sog", g)
    back = sog.read(tmp_path / "a.sog")
    assert np.abs(np.sort(back.sh, axis=None) - np.sort(g.sh, axis=None))[:-3].mean() < 0.02
    assert back.sh.max() > 49


def test_more_splats_than_the_palette_holds_share_its_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sog, "PALETTE", 1024)
    g = some(n=3000, k=4)
    kinds = np.random.default_rng(0).integers(0, 5, 3000)
    g.sh[:, 1:] = g.sh[kinds, 1:]
    report = sog.write(tmp_path / "a.sog", g)
    assert "1,024 sets" in report[-1] and json.loads(unzipped(tmp_path / "a.sog")["meta.json"])["shN"]["count"] == 1024
    back = sog.read(tmp_path / "a.sog")
    match = [np.abs(g.positions - p).max(axis=1).argmin() for p in back.positions[:200]]
    off = np.abs(back.sh[:200, 1:] - g.sh[match, 1:]).max(axis=(1, 2))
    assert np.mean(off < 0.02) > 0.9


def test_gaussians_that_are_not_finite_are_left_out_and_told(tmp_path: Path) -> None:
    g = some(n=10, k=1)
    g.positions[3, 0] = np.nan
    assert sog.write(tmp_path / "a.sog", g)[-1] == "1 Gaussians dropped: they are not finite."
    assert len(sog.read(tmp_path / "a.sog")) == 9
    with pytest.raises(FormatError, match="no Gaussians"):
        sog.write(tmp_path / "b.sog", g.select(np.zeros(10, bool)))
    with pytest.raises(FormatError, match="Cannot write"):
        sog.write(tmp_path / "absent" / "a.sog", g)


def hand_made() -> tuple[dict[str, Any], Files]:
    """Two splats with values chosen by hand, in images with pixels to spare."""
    none = (0, 0, 0, 0)
    books = [[-8 + i / 32 for i in range(256)], [-2 + i / 64 for i in range(256)], [-1 + i / 128 for i in range(256)]]
    meta: dict[str, Any] = {
        "version": 2,
        "count": 2,
        "means": {"mins": [-1, 0, 0], "maxs": [1, 2, 0], "files": ["l.webp", "u.webp"]},
        "scales": {"codebook": books[0], "files": ["s.webp"]},
        "quats": {"files": ["q.webp"]},
        "sh0": {"codebook": books[1], "files": ["c.webp"]},
        "shN": {"count": 65, "bands": 1, "codebook": books[2], "files": ["p.webp", "n.webp"]},
    }
    palette: list[list[tuple[int, ...]]] = [[(128, 128, 128)] * 192 for _ in range(2)]
    palette[1][0:3] = [(0, 128, 255), (64, 128, 192), (1, 2, 3)]  # entry 64
    images: dict[str, list[list[tuple[int, ...]]]] = {
        "l": [[(0, 255, 0), (255, 0, 7)], [none, none]],
        "u": [[(0, 255, 0), (255, 0, 9)], [none, none]],
        "s": [[(0, 128, 255), (96, 96, 96)], [none, none]],
        "q": [[(255, 128, 127, 253), (128, 128, 128, 252)], [none, none]],
        "c": [[(128, 0, 255, 51), (192, 64, 128, 255)], [none, none]],
        "n": [[(64, 0, 0), (3, 0, 0)], [(255, 255, 0), none]],
    }
    files = {f"{name}.webp": webp(rows) for name, rows in {**images, "p": palette}.items()}
    return meta, {"meta.json": json.dumps(meta).encode(), **files}


def test_hand_made_file_is_read(tmp_path: Path) -> None:
    g = sog.read(zip_files(tmp_path / "a.sog", hand_made()[1], zipfile.ZIP_DEFLATED))
    np.testing.assert_allclose(g.positions, [[1 - math.e, math.e**2 - 1, 0], [math.e - 1, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(g.scales, np.exp([[-8.0, -4, -8 + 255 / 32], [-5.0, -5, -5]]), rtol=1e-6)
    np.testing.assert_allclose(g.rotations, [[0.5**0.5, 0.5**0.5, 0, 0], [1, 0, 0, 0]], atol=6e-3)
    np.testing.assert_allclose(g.opacities, [0.2, 1])
    np.testing.assert_allclose(g.sh[:, 0], [[0.0, -2, -2 + 255 / 64], [1.0, -1, 0]], atol=1e-6)
    first: list[list[float]] = [[-1, 0, -1 + 255 / 128], [-0.5, 0, 0.5], [-1 + 1 / 128, -1 + 2 / 128, -1 + 3 / 128]]
    np.testing.assert_allclose(g.sh[:, 1:], np.array([first, [[0.0] * 3] * 3]), atol=1e-6)


def test_first_value_that_early_writers_lost_is_mended(tmp_path: Path) -> None:
    meta, files = hand_made()
    meta["scales"]["codebook"][0] = None
    g = sog.read(zip_files(tmp_path / "a.sog", {**files, "meta.json": json.dumps(meta).encode()}))
    book = meta["scales"]["codebook"]
    np.testing.assert_allclose(np.log(g.scales[0, 0]), book[1] + (book[1] - book[255]) / 255, rtol=1e-5)


def test_quaternions_that_name_no_largest_component_stay_unturned(tmp_path: Path) -> None:
    _, files = hand_made()
    files["q.webp"] = webp([[(1, 2, 3, 251), (9, 9, 9, 0)]])
    np.testing.assert_array_equal(sog.read(zip_files(tmp_path / "a.sog", files)).rotations, [[1, 0, 0, 0]] * 2)


def test_bad_meta_is_refused(tmp_path: Path) -> None:
    def changed(**parts: Any) -> bytes:
        meta = hand_made()[0]
        for key, value in parts.items():
            meta[key] = {**meta[key], **value} if isinstance(value, dict) else value
        return json.dumps(meta).encode()

    book = hand_made()[0]["sh0"]["codebook"]
    bad = [b"", b"{", b"\xff\xfe", b"null", b"[]", b"3", b"[" * 100_000, b'{"version": ' + b"9" * 5000 + b"}"]
    values: dict[str, list[Any]] = {
        "version": [1, 3, "2", None, []],
        "count": [0, -1, 1.5, True, None, "2", 5, 10**12, 10**40],
        **{key: [None, 3, [], "x"] for key in ("means", "scales", "quats", "sh0")},
        "shN": [3, [], "x"],
    }
    inner: dict[tuple[str, str], list[Any]] = {
        ("means", "mins"): [None, [0, 0], [0, 0, 0, 0], [0, 0, "0"], [0, 0, 10**400], {}, [float("nan"), 0, 0]],
        ("means", "maxs"): [[float("inf"), 0, 0], [True, 0, 0]],
        ("means", "files"): [None, [], ["l.webp"], [1, 2], "lu", ["l.webp", "absent.webp"], ["", "."]],
        ("quats", "files"): [["../q.webp"], ["/etc/hosts"], ["x" * 10_000], ["\0"]],
        ("sh0", "codebook"): [book[:255], [*book, 0], [], [None] * 256, ["a"] * 256, [[]] * 256],
        ("shN", "bands"): [0, 4, 3, "1", None, 2],
        ("shN", "count"): [0, 64, 65537, 10**12, None, 129],
    }
    bad += [changed(**{key: v}) for key, choices in values.items() for v in choices]
    bad += [changed(**{part: {key: v}}) for (part, key), choices in inner.items() for v in choices]
    for meta in bad:
        refusal(zip_files(tmp_path / "a.sog", {**hand_made()[1], "meta.json": meta}))


def test_bad_images_are_refused(tmp_path: Path) -> None:
    pixel = (128, 128, 128, 252)
    png = io.BytesIO()
    Image.new("RGBA", (2, 2)).save(png, "PNG")
    good = webp([[pixel] * 2])
    images = {
        "too small": webp([[pixel]]),
        "absurdly large": webp([[pixel] * 1200] * 20),
        "lossy": webp([[pixel[:3]] * 2], lossless=False, exact=False),
        "another kind": png.getvalue(),
        "empty": b"",
        "cut short": good[:-4],
        "header only": good[:25],
        "header that lies": good[:21] + b"\xff\xff\xff\x0f" + good[25:],
    }
    for data in images.values():
        refusal(zip_files(tmp_path / "a.sog", {**hand_made()[1], "q.webp": data}))
    for name in hand_made()[1]:
        assert (
            name in refusal(zip_files(tmp_path / "a.sog", {k: v for k, v in hand_made()[1].items() if k != name})).title
        )


def test_files_that_are_no_zip_are_refused(tmp_path: Path) -> None:
    raw = zip_files(tmp_path / "a.sog", hand_made()[1]).read_bytes()
    for content in (b"", b"PK", b"PK\x05\x06" + bytes(18), b"ply\n" * 99, raw[: len(raw) // 2], raw[:-1], raw[1:]):
        (tmp_path / "b.sog").write_bytes(content)
        refusal(tmp_path / "b.sog")
    assert "no such file" in refusal(tmp_path / "absent.sog").title


def test_zip_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    bomb = bytes(16 << 20)
    tracemalloc.start()
    for name in ("meta.json", "l.webp", "p.webp"):
        files = {k: v for k, v in hand_made()[1].items() if k != name}
        zip_files(tmp_path / "a.sog", {**files, name: bomb}, zipfile.ZIP_DEFLATED)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert "unpack" in refusal(tmp_path / "a.sog").title
        assert tracemalloc.get_traced_memory()[1] - before < 4 << 20
        raw = (tmp_path / "a.sog").read_bytes()  # a small size, declared in vain
        (tmp_path / "a.sog").write_bytes(raw.replace((16 << 20).to_bytes(4, "little"), (999).to_bytes(4, "little")))
        tracemalloc.reset_peak()
        refusal(tmp_path / "a.sog")
        assert tracemalloc.get_traced_memory()[1] - before < 4 << 20
    tracemalloc.stop()
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "rare way" in refusal(zip_files(tmp_path / "a.sog", hand_made()[1], method)).title


def test_splats_made_of_next_to_no_bytes_are_refused(tmp_path: Path) -> None:
    meta, files = hand_made()
    meta["count"] = 4096 * 4096
    image = io.BytesIO()
    Image.new("RGBA", (4096, 4096)).save(image, "WEBP", lossless=True, method=0)
    files = {**dict.fromkeys(files, image.getvalue()), "meta.json": json.dumps(meta).encode()}
    assert "16,777,216" in refusal(zip_files(tmp_path / "a.sog", files)).title


def test_more_splats_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MAX_SPLATS", 1)
    assert "too many" in refusal(zip_files(tmp_path / "a.sog", hand_made()[1])).title


@real
def test_real_scene_comes_back(tmp_path: Path) -> None:
    g = ply.read(SPLATS / "supersplat" / "fruit_drops_minimal.ply")
    sog.write(tmp_path / "a.sog", g)
    back = sog.read(tmp_path / "a.sog")
    assert (len(back), back.sh_degree) == (len(g), 3)
    np.testing.assert_allclose(np.sort(back.positions, axis=0), np.sort(g.positions, axis=0), atol=1e-5)
    np.testing.assert_allclose(back.colours.mean(axis=0), g.colours.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(np.log(back.scales).mean(axis=0), np.log(g.scales).mean(axis=0), atol=1e-3)


SEED = hand_made()[1]
edits = st.lists(st.tuples(st.integers(0, 9000), st.binary(max_size=4), st.integers(0, 8)), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inside=st.none() | st.sampled_from(sorted(SEED)), edits=edits, end=st.none() | st.integers(0, 9000))
def test_mutated_files_are_read_or_refused_never_worse(
    tmp_path: Path, inside: str | None, edits: list[tuple[int, bytes, int]], end: int | None
) -> None:
    path = zip_files(tmp_path / "a.sog", SEED)  # the change is in one file in the zip, or in the zip itself
    raw = bytearray(SEED[inside] if inside else path.read_bytes())
    for place, new, length in edits:
        place %= len(raw) + 1
        raw[place : place + length] = new
    if inside:
        zip_files(path, {**SEED, inside: bytes(raw[:end])})
    else:
        path.write_bytes(bytes(raw[:end]))
    tracemalloc.start()
    try:
        g = sog.read(path)
    except FormatError as error:
        assert error.hint
        return
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 << 20
    assert_sound(g)
