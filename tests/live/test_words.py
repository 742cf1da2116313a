"""The words beside the metrics."""

from __future__ import annotations

import pytest

from streamavg.live.moment import Moment
from streamavg.live.words import flow_words, lag_words, reading_words, size, trouble_words
from tests.live import samples


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (9e18, "9000.0 PB")],
)
def test_sizes(amount, text):
    assert size(amount) == text


def test_the_flow_says_rows_speed_lag_labels_task_and_watermark():
    words = flow_words(samples.moment(2))
    assert words == [
        "1,000 rows",
        "12,346 rows/s",
        "lag 1.2 MB",
        "10 labels",
        "multiclass",
        "watermark 2026-11-28 00:10:00",
    ]


def test_one_is_singular():
    moment = Moment(samples.counted(["a"], ["a"]), run={"rotations": 1, "truncations": 2}, lag={"bytes": 1})
    assert flow_words(moment)[0] == "1 row"
    assert lag_words(moment) == "lag 1 byte"
    assert trouble_words(moment) == ["1 rotation", "2 truncations"]


def test_lag_is_in_the_unit_of_the_source():
    assert lag_words(Moment(lag={"records": 12_345})) == "lag 12,345 records"
    assert lag_words(Moment()) == ""


def test_trouble_is_named_by_cause_and_only_where_there_is_any():
    snap = samples.counted(["a", None, "b"], ["a", "a", None])
    found = trouble_words(Moment(snap, run={"late": 0, "duplicate": 3}))
    assert found == ["1 no truth (null)", "1 no prediction, counted wrong", "3 duplicate"]
    assert trouble_words(Moment(samples.counted(["a"], ["a"]))) == []


def test_names_of_readings_are_harmless():
    assert reading_words(Moment(readings={"a\x1b[1m": 3, "share": 0.25})) == ["a\\x1b[1m 3", "share 0.2500"]
