"""The text report says what was read, in words and numbers that a reader can check."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from rich.cells import cell_len

import streamavg as sa
from streamavg.report.text import CAUSE_WORDS, TALLY_WORDS, facts, number, table_text
from streamavg.state.state import CAUSES, TALLIES


def text_of(snap, **options):
    return table_text(snap.report(**options))


@pytest.mark.parametrize(("value", "shown"), [(0.5, "0.5000"), (math.nan, "-"), (1, "1.0000"), (-0.33333, "-0.3333")])
def test_number(value, shown):
    assert number(value) == shown


def test_every_cause_and_tally_has_words():
    assert set(CAUSE_WORDS) == set(CAUSES)
    assert set(TALLY_WORDS) == set(TALLIES)


def test_facts_name_every_row_by_what_became_of_it():
    acc = sa.Accumulator(labels=["a", "b"], unknown="count", null_pred="wrong")
    acc.update({"y_true": ["a", "a", "b", None, "z"], "y_pred": pa.array(["a", None, "z", "a", "a"])})
    read, skipped, unusual = facts(acc.snapshot().report())
    assert read == "3 rows scored, 2 labels, multiclass"
    assert skipped == "2 of 5 rows skipped: 1 no truth (null); 1 truth outside the declared labels"
    assert sorted(unusual.split("; ")) == [
        "1 row with no prediction, counted wrong",
        "1 row with prediction outside the declared labels",
    ]


def test_facts_of_a_binary_task_name_the_positive_class():
    snap = sa.from_confusion(["no", "yes"], [[5, 1], [2, 4]], pos_label="yes")
    assert facts(snap.report()) == ["12 rows scored, 2 labels, binary, positive is yes"]
    header = text_of(snap).splitlines()[1].split()
    assert header == ["positive", "micro", "macro", "weighted"]


def test_one_label_is_not_labels():
    assert facts(sa.from_confusion(["a"], [[3]]).report()) == ["3 rows scored, 1 label, multiclass"]


def test_numbers_stand_in_their_rows_and_columns():
    """a: precision 97/99, recall 97/98, F1 194/197, its part of the gap (197/200 - 1/2) (194/197 - 194/200)."""
    lines = [line.split() for line in text_of(sa.from_confusion(["a", "b"], [[97, 1], [2, 0]])).splitlines()]
    assert ["recall", "0.9700", "0.4949", "0.9700"] in lines
    assert ["a", "98", "99", "0.9798", "0.9898", "0.9848", "+0.0072"] in lines
    assert [row[:3] for row in lines if row[:1] == ["b"]] == [["b", "2", "1"]]
    words = text_of(sa.from_confusion(["a", "b"], [[97, 1], [2, 0]]))
    assert "accuracy 0.9700" in words
    assert "macro F1 is 0.48 below micro; 1 of 2 classes with 2 % of the rows makes 98 % of that: b" in words
    assert "means over 2 seen classes; 0/0 counts as 0" in words


def test_samples_average_is_shown_where_there_is_one():
    acc = sa.Accumulator()
    acc.update({"y_true": pa.array([["a"], ["a", "b"]]), "y_pred": pa.array([["a"], ["b", "c"]])})
    assert text_of(acc.snapshot()).splitlines()[1].split() == ["micro", "macro", "weighted", "samples"]


def test_coverage_is_shown_when_an_answer_is_missing():
    acc = sa.Accumulator()
    acc.update({"y_true": ["a", "a"], "y_pred": pa.array(["a", None])})
    assert "coverage 0.5000" in text_of(acc.snapshot())
    assert "coverage" not in text_of(sa.from_confusion(["a"], [[2]]))


def test_chosen_metrics_only():
    shown = text_of(sa.from_confusion(["a", "b"], [[97, 1], [2, 0]]), metrics=["accuracy", "recall_macro"])
    rows = [line.split() for line in shown.splitlines()]
    assert ["accuracy", "0.9700"] in rows
    assert ["recall_macro", "0.4949"] in rows
    assert "part of gap" not in shown
    assert "means over 2 seen classes" in shown  # no value without its policy


def test_commonest_errors():
    shown = text_of(sa.from_confusion(["a", "b", "c"], [[5, 3, 2], [0, 9, 1], [0, 0, 4]]), confusion=True)
    rows = [line.split() for line in shown.partition("Commonest errors")[2].splitlines()]
    assert [row for row in rows if len(row) == 4 and row[0] in "abc"] == [
        ["a", "b", "3", "0.3000"],
        ["a", "c", "2", "0.2000"],
        ["b", "c", "1", "0.1000"],
    ]


@pytest.mark.parametrize("most", [10**6, 10**12, 10**18])
def test_a_large_table_keeps_its_names_and_its_width(most):
    """Counts of nineteen digits leave room for the class they belong to."""
    snap = sa.from_confusion(["a name of thirty-two characters.", "b"], [[4 * most, 2], [most, 3 * most]])
    shown = text_of(snap)
    assert all(cell_len(line) <= 100 for line in shown.splitlines())
    (row,) = (line for line in shown.splitlines() if line.startswith("b "))
    assert row.replace(",", "").split()[1] == str(4 * most)
    assert "part of gap" in shown
    assert "a name of" in shown


def test_wide_characters_do_not_break_the_width():
    snap = sa.from_confusion(["漢" * 60, "b"], [[4, 2], [1, 3]])
    assert all(cell_len(line) <= 100 for line in text_of(snap).splitlines())


@pytest.mark.parametrize("width", [20, 50, 70, 80])
def test_a_narrow_terminal_does_not_lose_the_names(width):
    counts = {"tp": [8, 7, 5], "fp": [1, 2, 3], "fn": [2, 1, 3]}
    snap = sa.from_counts(["alpha", "beta", "gamma"], **counts, rows=26)
    lines = table_text(snap.report(), width).splitlines()
    for name in snap.labels:
        (line,) = (line for line in lines if line.startswith(name))
        assert len(line.split()) == 7
