"""Means with their intervals, and the tables and the page that they end in."""

import csv
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from model.evaluation import html, report
from model.evaluation.html import Page, Pictures
from model.evaluation.protocol import Scores
from model.evaluation.published import ROWS as PUBLISHED
from model.evaluation.summary import Record, from_json, mean, to_json, worst_first

INF, NAN = float("inf"), float("nan")


def scores(psnr: float, moving: float = 10.0) -> Scores:
    return Scores((psnr, psnr + 1), (0.9, 0.8), (moving, NAN), (), (), 2.0)


def records() -> list[Record]:
    made = []
    for k in range(6):
        rows = {"no motion": scores(20 + k), "ours": scores(24 + k, 14), "oracle": scores(30 + k, 20)}
        made.append(Record(f"m{k // 2}_0_0__m{k // 2}_0_{k}", f"m{k // 2}", "Laptop" if k < 4 else "Oven", scores=rows))
    return made


ROWS = ("no motion", "ours", "oracle")


def test_a_mean_is_over_all_views_and_exact_ones_are_left_out() -> None:
    rows = [Record("a", "a", "x", scores={"r": Scores((10.0, INF), (1.0, 1.0), (NAN, NAN))})]
    rows.append(Record("b", "b", "x", scores={"r": Scores((20.0, 30.0), (0.5, 0.5), (5.0, NAN))}))
    assert mean(rows, "r", "psnr").value == pytest.approx(20)  # of 10, 20 and 30
    assert mean(rows, "r", "moving").value == 5 and mean(rows, "r", "moving").pairs == 1
    assert np.isnan(mean(rows, "r", "lpips").value) and np.isnan(mean(rows, "absent", "psnr").value)
    assert mean(rows, "r", "psnr", view=-1).value == 30


def test_the_interval_is_one_over_objects() -> None:
    rng = np.random.default_rng(1)
    alike = []  # ten objects of 40 pairs, all pairs of an object alike
    for k, level in enumerate(rng.normal(20, 2, 10)):
        alike += [Record(f"{k}/{j}", str(k), "x", scores={"r": scores(float(level))}) for j in range(40)]
    found = mean(alike, "r", "psnr")
    assert found.low < found.value < found.high
    assert found.half == pytest.approx(1.96 * 2 / np.sqrt(10), rel=0.4)
    one = mean([r for r in alike if r.group == "0"], "r", "psnr")
    assert np.isnan(one.half) and one.pairs == 40
    assert mean(alike, "r", "psnr") == found


def test_records_are_read_as_they_were_written() -> None:
    record = Record("a__b", "a", "Laptop", (0.1, 0.2, 0.3, 0.4), "SAM", {"r": Scores((INF, 1.5), (0.5, 0.5), (NAN, 2))})
    again = from_json(to_json(record))
    assert again.scores["r"].psnr == (INF, 1.5) and np.isnan(again.scores["r"].moving[0])
    assert (again.name, again.drag, again.part_by) == (record.name, record.drag, record.part_by)
    broken: dict[str, Any]
    for broken in ({}, {"scores": {"r": {}}}, {"scores": 3}):
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            from_json(broken)


def test_the_worst_come_first_and_what_failed_before_them() -> None:
    some = records()
    failed = Record("f", "f", "Oven", failed={"ours": "it fell"})
    assert worst_first([*some[::-1], failed], "ours") == [failed, *some]


def test_the_terminals_table_fits_a_hundred_columns_and_has_every_row() -> None:
    rows = (*ROWS, "PartRM with a name that is longer than the column, 10 drags")
    told = report.text(records(), rows, "title", "pairs")
    assert max(len(line) for line in told.splitlines()) <= 100
    assert re.search(r" 2 ours +6 +27.00 ±\d\.\d\d +0\.8500 +- +- +14.00 ±0.00 +2\.0", told.replace(" ±.0000", ""))
    assert sum(line.startswith("   PartRM") for line in told.splitlines()) == 11 and "published, Table 4" in told
    assert re.search(r"Laptop +4 +22.00 +26.00 +32.00 +-", told) and "-" in told
    assert "published" not in report.text(records(), ROWS, "title", "cases", published=False).replace(
        "as published", ""
    )


def test_many_rows_by_category_are_told_in_parts() -> None:
    made = {f"method {k}": scores(20.0 + k) for k in range(12)}
    some = [Record(f"{k}", f"{k}", "Oven" if k else "Laptop", scores=made) for k in range(2)]
    told = report.text(some, tuple(made), "title")
    assert max(len(line) for line in told.splitlines()) <= 100 and told.count("PSNR by category") == 2
    assert re.search(r"^ +pairs +11 +12$", told, re.MULTILINE) and re.search(
        r"Oven +1 +30\.50 +31\.50$", told, re.MULTILINE
    )


def test_the_papers_figures_are_those_of_its_tables() -> None:
    ours = {(p.table, p.name): (p.psnr, p.ssim, p.lpips) for p in PUBLISHED}
    assert len(ours) == 17 and ours[1, "PartRM"] == ours[2, "PartRM, 10 drags"] == (28.15, 0.9531, 0.0356)
    assert ours[1, "DragAPart, Drag-First"] == (24.91, 0.9454, 0.0567)


def test_the_csv_has_a_line_for_every_row_and_category() -> None:
    lines = list(csv.DictReader(io.StringIO(report.summary_csv(records(), ROWS))))
    measured = [line for line in lines if line["source"] == "measured"]
    assert len(measured) == 3 * 3 and len(lines) == 9 + len(PUBLISHED)
    ours = next(line for line in measured if line["method"] == "ours" and line["category"] == "all")
    assert (ours["pairs"], ours["objects"], ours["psnr"], ours["lpips"]) == ("6", "3", "27", "")
    assert float(ours["psnr_low"]) < 27 < float(ours["psnr_high"])
    each = list(csv.DictReader(io.StringIO(report.each_csv(records(), ROWS))))
    assert len(each) == 18 and each[1]["psnr"] == "24.5"
    assert {m["category"] for m in report.summary_json(records(), ROWS)} == {"all", "Laptop", "Oven"}


class Reader(HTMLParser):
    """Count tags and collect what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images = 0
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.images += tag == "img"
        addresses = [v or "" for k, v in attrs if k in ("src", "href")]
        self.fetched += [a for a in addresses if not a.startswith("data:image/")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing() -> None:
    some = records()
    some[0].failed["broken"] = "the editor <b>failed</b>"
    grey = np.full((32, 32, 3), 99, np.uint8)
    two = (grey, grey)
    told = Page("t & u", ["how"], (*ROWS, "broken"), "ours", ["a: <not> there"], ("input view", "behind"))
    page = html.page(told, some, worst_first(some, "ours")[:2], lambda r: Pictures(two, two, {"ours": two}))
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and reader.fetched == []
    assert reader.images == 2 * (6 + 6)
    assert "url(" not in page and "@import" not in page and "<script" not in page
    assert "t &amp; u" in page and "&lt;not&gt;" in page and "&lt;b&gt;failed" in page
    assert page.index("1. Laptop m0_0_0") < page.index("2. Laptop m0_0_0")
    assert "published, Table 1" in page and "The 2 worst of 6 pairs" in page


def test_a_difference_is_white_where_right_and_red_where_wrong() -> None:
    a = np.full((4, 4, 3), 100, np.uint8)
    b = a.copy()
    b[0, 0] = 255
    off = html.difference(a, b)
    assert (off[1:] == 255).all() and off[0, 0, 0] > 100 and off[0, 0, 1:].max() == 0


def test_the_arrow_stands_where_the_drag_is() -> None:
    white = np.full((100, 200, 3), 255, np.uint8)
    rows, cols = np.nonzero(html.with_arrow(white, (0.1, 0.5, 0.9, 0.5)).min(2) < 200)
    assert 15 <= cols.min() <= 22 and 176 <= cols.max() <= 184 and 30 < rows.min() <= rows.max() < 70


def test_the_page_looks_closer_at_small_objects() -> None:
    before, after = np.full((2, 100, 100, 3), 255, np.uint8)
    before[20:30, 60:80] = 0
    after[20:35, 70:90] = 0
    rows, cols = html.closer(before, after)
    assert rows.stop - rows.start == cols.stop - cols.start == 37
    assert rows.start <= 20 and rows.stop >= 35 and cols.start <= 60 and cols.stop >= 90
    assert html.closer(np.full_like(before, 255), np.full_like(after, 255)) == (slice(0, 100), slice(0, 100))
