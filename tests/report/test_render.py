"""Every format, with labels from hell: it parses, it holds the same numbers, and nothing in it acts."""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import streamavg as sa
from streamavg.report.escape import label_shown
from streamavg.report.render import RENDERERS, render

EVIL = [
    "\x1b[31m", "a\rb", "a\nb", "\u202eevil", "\x7f", "", " ", "nan", "null", "macro", "others", "[red]x[/red]",
    "[/]", ":smile:", "x" * 10_000, "caf\u00e9", "cafe\u0301", "=1+1", "+1", "-1", "@SUM(A1)", "a|b", "a\\|b", "`c`",
    "<script>alert(1)</script>", "\\", "**b**", '"', "'", ",", ";", "\t", "\x00", "\x9b31m", "\u2028", "\ufeff",
    "é|\n|x",
]  # fmt: skip


@pytest.fixture(scope="module")
def evil():
    """A table of which every label is wicked; each is right k + 1 times and once taken for the next."""
    size = len(EVIL)
    return sa.from_confusion(EVIL, np.diag(np.arange(1, size + 1)) + np.roll(np.eye(size, dtype=int), 1, axis=1))


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def strict(text):
    return json.loads(text, parse_constant=refuse)


def is_plain(text):
    return not any(
        each != "\n" and (unicodedata.category(each) in ("Cc", "Zl", "Zp") or each in "\u202e\u2066\ufeff")
        for each in text
    )


def markdown_read(text):
    """The tables of a Markdown text as rows of cells, as markdown-it reads them, and the kinds of inline token."""
    tables, kinds, in_cell = [], set(), False
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline":
            kinds |= {child.type for child in token.children}
            if in_cell:
                tables[-1][-1].append("".join(child.content for child in token.children))
        in_cell = token.type in ("th_open", "td_open")
        kinds |= {token.type} & {"html_block", "code_block", "fence"}
    return tables, kinds


TEXT_ONLY = {"text", "text_special", "strong_open", "strong_close", "softbreak"}


# ---- JSON


def test_json_is_strict_and_complete(evil):
    text = evil.to_json()
    assert is_plain(text)
    assert text.isascii()
    found = strict(text)
    assert {"rows", "seen", "skipped", "tallies", "policy", "metrics", "classes", "fingerprint"} <= set(found)
    assert [row["label"] for row in found["classes"]] == EVIL
    assert found["fingerprint"] == evil.fingerprint()
    assert found["metrics"] == evil.metrics()
    assert found == evil.to_dict()


def test_json_of_nan_is_null():
    found = strict(sa.from_confusion(["a", "b"], [[0, 0], [0, 0]]).to_json(zero_division=math.nan))
    assert found["metrics"]["accuracy"] is None
    assert found["metrics"]["f1_micro"] is None
    assert found["policy"]["zero_division"] is None
    assert found["classes"][0]["precision"] is None


def test_json_numbers_are_exact():
    most = 3 * 10**18 + 1
    found = strict(sa.from_confusion([1, 2], [[most, 1], [0, most]]).to_json())
    assert found["rows"] == 2 * most + 1
    assert [row["tp"] for row in found["classes"]] == [most, most]
    assert [row["label"] for row in found["classes"]] == [1, 2]


# ---- CSV


def test_csv_parses_back(evil):
    text = evil.to_csv()
    assert is_plain(text)
    head, *rows = list(csv.reader(io.StringIO(text), strict=True))
    table = evil.table()
    assert head == table.column_names
    assert len(rows) == len(EVIL)
    for row, expected in zip(rows, table.to_pylist(), strict=True):
        assert row[0][:1] not in tuple("=+-@\t\r")
        assert [float(cell) for cell in row[1:]] == list(expected.values())[1:]


def test_csv_formulas_are_escaped_and_integers_are_not():
    words = sa.from_confusion(["=1+1", "-1", "plain"], np.eye(3, dtype=int)).to_csv()
    assert [row[0] for row in csv.reader(io.StringIO(words))] == ["label", "'=1+1", "'-1", "plain"]
    numbers = sa.from_confusion([-1, 0, 7], np.eye(3, dtype=int)).to_csv()
    assert [row[0] for row in csv.reader(io.StringIO(numbers))] == ["label", "-1", "0", "7"]


def test_csv_of_undefined_values_is_empty():
    rows = list(
        csv.DictReader(io.StringIO(sa.from_counts(["a"], [0], [0], [2], rows=2).to_csv(zero_division=math.nan)))
    )
    assert rows[0]["precision"] == ""
    assert rows[0]["recall"] == "0.0"


def test_csv_of_chosen_metrics():
    snap = sa.from_confusion(["a", "b"], [[97, 1], [2, 0]])
    rows = list(csv.reader(io.StringIO(snap.to_csv(metrics=["accuracy", "recall_macro"]))))
    assert rows == [["metric", "value"], ["accuracy", "0.97"], ["recall_macro", repr(snap["recall_macro"])]]
    undefined = sa.from_confusion(["a"], [[0]]).to_csv(metrics=["accuracy"])
    assert list(csv.reader(io.StringIO(undefined))) == [["metric", "value"], ["accuracy", ""]]


# ---- Markdown


def test_markdown_tables_keep_their_cells(evil):
    text = evil.to_markdown()
    assert is_plain(text)
    (averages, classes), kinds = markdown_read(text)
    assert kinds <= TEXT_ONLY
    assert {len(row) for row in averages} == {4}
    assert {len(row) for row in classes} == {7}


@settings(deadline=None)
@given(st.lists(st.text(max_size=50), min_size=1, max_size=8, unique=True))
@example(EVIL[:20])
@example(EVIL[20:])
def test_markdown_of_any_labels(labels):
    snap = sa.from_confusion(labels, np.diag(np.arange(len(labels), 0, -1)))
    (_, classes), kinds = markdown_read(snap.to_markdown())
    # HTML collapses outer blanks and so does the parser; everything else is shown as in the text table
    assert [" ".join(row[0].split()) for row in classes[1:]] == [" ".join(label_shown(x).split()) for x in labels]
    assert kinds <= TEXT_ONLY


def test_markdown_of_chosen_metrics_and_errors():
    snap = sa.from_confusion(["a|", "b"], [[97, 1], [2, 0]])
    (chosen,), _ = markdown_read(snap.to_markdown(metrics=["accuracy"]))
    assert chosen == [["metric", "value"], ["accuracy", "0.9700"]]
    (*_, errors), _ = markdown_read(snap.to_markdown(confusion=True))
    assert errors[1:] == [["b", "a|", "2", "1.0000"], ["a|", "b", "1", "0.0102"]]


# ---- text


def test_text_holds_nothing_that_a_terminal_obeys(evil):
    text = str(evil)
    assert is_plain(text)
    assert "\x1b" not in text
    for written in (r"\x1b[31m", "[red]x[/red]", "[/]", ":smile:"):
        assert written in str(sa.from_confusion([EVIL[0], "[red]x[/red]", "[/]", ":smile:"], np.eye(4, dtype=int) * 3))


@pytest.mark.parametrize("label", EVIL)
def test_text_of_each_label_alone(label):
    text = str(sa.from_confusion([label, "b"], [[5, 1], [2, 2]]))
    assert is_plain(text)
    lines = text.splitlines()
    assert any(line.startswith(label_shown(label)[:30]) for line in lines)
    assert max(map(len, lines)) <= 100
    assert len(lines) < 40  # a label of 10,000 characters must not drown the report


def test_labels_that_look_alike_are_kept_apart(evil):
    assert "caf\u00e9" in evil.labels
    assert "cafe\u0301" in evil.labels
    assert len(evil.labels) == len(EVIL)
    assert evil.rows == sum(range(1, len(EVIL) + 1)) + len(EVIL)


# ---- Parquet


def test_parquet_reads_back(evil):
    table = pq.read_table(io.BytesIO(render(evil.report(), "parquet")))
    assert table.equals(evil.table())
    about = strict(table.schema.metadata[b"streamavg"])
    expected = {name: value for name, value in evil.to_dict().items() if name != "classes"}
    assert about == expected


# ---- all of them


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": ["a"]},
        {"metrics": ["accuracy"]},
        {"metrics": ["f1_macro"], "labels": ["b", "z"]},
        {"confusion": True},
        {"over": "supported", "zero_division": math.nan},
    ],
)
def test_every_format_takes_every_policy(name, options):
    for snap in (
        sa.from_confusion(["a", "b"], [[97, 1], [2, 0]]),
        sa.from_confusion(["a", "b"], [[97, 1], [2, 0]], pos_label="b"),
    ):
        assert render(snap.report(**options), name)


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_of_nothing(name):
    acc = sa.Accumulator()
    acc.update({"y_true": [None, None], "y_pred": ["a", "b"]})
    snapshots = (
        sa.Snapshot(),
        acc.snapshot(),
        sa.from_confusion([], np.zeros((0, 0), int)),
        sa.from_confusion(["a"], [[0]]),
    )
    for snap in snapshots:
        made = render(snap.report(), name)
        assert made
        assert "None" not in (made if isinstance(made, str) else "")


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_of_many_classes(name):
    snap = sa.from_confusion(range(200), np.diag(np.arange(200)) + 1)
    made = render(snap.report(), name)
    if name in ("table", "markdown"):
        assert len(made.splitlines()) < 60
        assert " others" in made


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("options", [{}, {"labels": ["a"]}, {"metrics": []}])
def test_no_format_of_negative_counts(name, options):
    snap = sa.from_confusion(["a", "b"], [[1, 0], [0, 2]])
    with pytest.raises(sa.InputError, match="negative"):
        render((snap - snap - snap).report(**options), name)
