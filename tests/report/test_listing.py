"""The listing of metrics names them all, once, in every format."""

from __future__ import annotations

import json

from markdown_it import MarkdownIt

from streamavg.report.listing import LISTINGS
from tests.oracles import OF_RANKING, ORACLES, SAMPLES, SCORE_ORACLES, WHOLE

NAMES = [*ORACLES, *SCORE_ORACLES]


def test_json_lists_every_metric():
    entries = {entry["name"]: entry for entry in json.loads(LISTINGS["json"]())}
    assert sorted(entries) == sorted(NAMES)
    for name, entry in entries.items():
        assert entry["title"]
        assert entry["formula"]
        assert entry["better"] in ("higher", "lower", "neither")
        assert len(entry["bounds"]) == 2
        assert bool(entry["averages"]) == (name in OF_RANKING or (name in ORACLES and name not in WHOLE))
        assert ("samples" in entry["averages"]) == (name in SAMPLES)


def test_text_lists_every_metric_with_its_averages():
    lines = LISTINGS["table"]().splitlines()
    names = [line for line in lines if line and not line.startswith(" ")]
    assert sorted(name.partition("[")[0] for name in names[: len(NAMES)]) == sorted(NAMES)
    assert "f1[_micro|macro|weighted|samples]" in names
    assert "specificity[_micro|macro|weighted]" in names
    assert "accuracy" in names
    assert "    = TP / (TP + FP)" in lines


def test_markdown_is_one_table_with_five_cells_a_row():
    html = MarkdownIt("commonmark").enable("table").render(LISTINGS["markdown"]())
    assert html.count("<table>") == 1
    rows = html.split("<tr>")[2:]
    assert len(rows) == len(NAMES)
    assert all(row.count("<td") == 5 for row in rows)
    assert "<td" in rows[0]
    assert "-0 to" not in html
    assert ">-1 to 1<" in html
