"""The page of metrics, read back by the official parsers."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as older

from streamavg.accumulator import Accumulator
from streamavg.live.figures import Reader
from streamavg.live.moment import Moment
from streamavg.live.page import Page
from streamavg.live.series import series_text
from streamavg.snapshot import Snapshot
from tests.live import samples


def read(page: Page, *shown) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, the same in both formats."""
    old, new = (raw.decode() for raw in page.texts(*shown))
    found = []
    for parse, text in ((older, old), (open_metrics, new)):
        lines = [each for family in parse(text) for each in family.samples]
        found.append({(each.name, tuple(sorted(each.labels.items()))): each.value for each in lines})
        assert len(found[-1]) == len(lines)
    assert found[0].keys() == found[1].keys()
    return found[1]


def value(found, name: str, /, **labels: str) -> float:
    return found[f"streamavg_{name}", tuple(sorted(labels.items()))]


def page(start: Moment | None = None, **options) -> Page:
    return Page(Moment() if start is None else start, Reader(), **options)


def test_counts_are_those_of_the_snapshot():
    shown = samples.moment(3)
    found = read(page(), shown)
    snap = shown.snapshot
    assert value(found, "rows_total") == snap.rows == value(found, "state_rows")
    assert value(found, "tallied_rows_total", tally="unanswered") == snap.tallies["unanswered"]
    for k, label in enumerate(snap.labels):
        for column, kind in enumerate(("tp", "fp", "fn")):
            assert value(found, f"{kind}_total", label=series_text(label)) == snap.matrix[k, column]
    assert value(found, "rest_tp_total") == value(found, "rest_labels") == 0


def test_hostile_labels_come_back_as_they_are_or_with_a_digest():
    found = read(page(), samples.moment(3))
    labels = {dict(labels)["label"] for name, labels in found if name == "streamavg_tp_total"}
    assert {"en", 'quo"te', "back\\slash", "[bold]markup[/bold]", ""} < labels
    assert len(labels) == len(samples.HOSTILE)
    assert any(label.startswith("new\\nline 1...") for label in labels)
    raw = page().texts(samples.moment(3))[1]
    assert b"\x1b" not in raw
    assert raw.count(b"# EOF\n") == 1


def test_counters_count_from_the_start_of_the_process():
    start, now = samples.moment(10), samples.moment(12, run={"replayed": 9, "late": 1, "gap": 2})
    found = read(page(start), now)
    between = now.snapshot - start.snapshot
    assert value(found, "rows_total") == 1000
    assert value(found, "state_rows") == 6000
    assert value(found, "records_total") == 1000
    assert value(found, "tp_total", label="en") == between.matrix[between.labels.index("en"), 0]
    assert [value(found, "run_events_total", event=name) for name in ("replayed", "late", "gap")] == [4, 1, 2]


def test_the_rest_is_in_families_of_its_own_and_never_falls():
    made, held = page(labels=3), []
    for number in range(1, 8):
        shown = samples.moment(number)
        found = read(made, shown)
        own = [amount for (name, _), amount in found.items() if name == "streamavg_fn_total"]
        assert len(own) == 3
        assert sum(own) + value(found, "rest_fn_total") == shown.snapshot.matrix[:, 2].sum()
        assert value(found, "rest_labels") == len(shown.snapshot.labels) - 3
        held.append([value(found, f"rest_{kind}_total") for kind in ("tp", "fp", "fn")])
    assert held == sorted(held)


def test_where_rows_can_be_taken_away_counts_are_gauges_of_the_state():
    acc = Accumulator()
    acc.update({"y_true": ["a", "a", "b"], "y_pred": ["a", "b", "b"]})
    start = Moment(acc.snapshot())
    acc.retract({"y_true": ["a"], "y_pred": ["b"]})
    found = read(page(start, signed=True), Moment(acc.snapshot()))
    assert value(found, "rows") == 2
    assert value(found, "tp", label="a") == 1
    assert value(found, "fn", label="a") == 0
    assert not any(name in ("streamavg_rows_total", "streamavg_tp_total") for name, _ in found)


def test_a_state_that_owes_rows_has_counts_and_no_metrics():
    acc = Accumulator()
    acc.retract({"y_true": ["a"], "y_pred": ["a"]})
    found = read(page(signed=True), Moment(acc.snapshot()))
    assert value(found, "readable") == 0
    assert value(found, "tp", label="a") == -1
    assert ("streamavg_f1_macro", ()) not in found


def test_metrics_are_gauges():
    shown = samples.moment(3)
    found = read(page(), shown)
    for name in ("accuracy", "f1_micro", "f1_macro", "f1_weighted", "recall_macro", "matthews_corrcoef"):
        assert value(found, name) == shown.snapshot[name]
    assert value(found, "readable") == 1
    undefined = Page(Moment(), Reader({"zero_division": math.nan}))
    assert math.isnan(value(read(undefined, Moment(samples.counted(["a"], [None]))), "precision_micro"))


def test_the_window_that_closed_last_is_there():
    shown = samples.moment(3)
    start, snap = shown.windows[1]
    found = read(page(), shown, 2, shown.windows[1])
    assert value(found, "windows_closed_total") == 2
    assert value(found, "window_f1_macro") == snap["f1_macro"]
    assert value(found, "window_start_timestamp_seconds") == start.timestamp()
    assert value(found, "window_rows") == snap.rows


def test_flow_and_readings():
    found = read(page(), samples.moment(3, lag={"bytes": 10, "records": 3}))
    assert value(found, "lag", unit="bytes") == 10
    assert value(found, "lag", unit="records") == 3
    assert value(found, "rows_per_second") == 12_345.6
    assert value(found, "reading", name="unlabelled share") == 0.0321
    assert value(found, "watermark_timestamp_seconds") == samples.moment(3).watermark.timestamp()
    assert value(found, "taken_timestamp_seconds") > 1.7e9
    ((_, labels),) = [key for key in found if key[0] == "streamavg_info"]
    assert dict(labels)["lineage"] == "a" * 32


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({"y_true": [True, False], "y_pred": [True, True]}, {"f1", "accuracy"}),
        ({"y_true": [["a"], ["b"]], "y_pred": [["a"], []]}, {"f1_samples", "hamming_loss"}),
        ({"y_true": [True, False], "y_pred": [True, True], "s": [0.7, 0.2]}, {"roc_auc", "log_loss"}),
        ({"y_true": [None], "y_pred": ["a"]}, {"readable", "rest_labels"}),
    ],
    ids=["binary", "sets", "scores", "nothing scored"],
)
def test_every_task_has_a_page(data, names):
    acc = Accumulator(y_score="s" if "s" in data else None, y_pred="y_pred")
    acc.update(data)
    found = read(page(), Moment(acc.snapshot()))
    assert {f"streamavg_{name}" for name in names} <= {name for name, _ in found}


def test_before_the_first_row_there_is_a_page_too():
    found = read(page(), Moment())
    assert value(found, "rows_total") == 0
    assert Snapshot().rows == value(found, "state_rows")
