"""Lines of windows and totals: strict JSON, said once, also when the run is killed and says it again."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from streamavg.accumulator import Accumulator
from streamavg.live.emit import Emit, encoded, instant
from streamavg.live.figures import Reader
from streamavg.live.moment import Moment
from tests.live import samples


def strict(text: str) -> list[dict]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def said(path) -> list[dict]:
    text = path.read_text()
    assert text.endswith("\n") or not text
    assert text.isascii()
    return strict(text)


def test_a_closed_window_is_a_line(tmp_path):
    path = tmp_path / "out.jsonl"
    emit = Emit(str(path), Reader())
    shown = samples.moment(3, closed=2)
    emit.see(shown)
    emit.see(samples.moment(3))
    emit.close()
    first, second = said(path)
    assert [first["window_start"], second["window_start"]] == ["2026-11-28T00:05:00Z", "2026-11-28T00:10:00Z"]
    snap = shown.windows[1][1]
    assert (first["kind"], first["lineage"], first["sequence"]) == ("window", "a" * 32, 1500)
    assert first["position"] == shown.position_digest
    assert (first["rows"], first["seen"], first["skipped"]) == (snap.rows, snap.seen, snap.skipped)
    assert first["tallies"] == snap.tallies
    assert first["metrics"]["f1_macro"] == snap["f1_macro"]
    assert first["fingerprint"] == snap.fingerprint()
    assert {each["label"] for each in first["worst"]} <= set(samples.HOSTILE)


def test_the_total_comes_at_its_time_and_at_the_end(tmp_path):
    now, path = [0.0], tmp_path / "out.jsonl"
    emit = Emit(str(path), Reader(), every=10.0, clock=lambda: now[0])
    for k in range(50):  # 25 s
        emit.see(samples.moment(1, sequence=k + 1))
        now[0] += 0.5
    emit.see(samples.moment(1, sequence=51, is_last=True))
    emit.close()
    lines = said(path)
    assert [line["sequence"] for line in lines] == [21, 41, 51]
    assert {line["kind"] for line in lines} == {"total"}
    assert lines[0]["watermark"] == "2026-11-28T00:05:00Z"
    assert lines[0]["lag"] == {"bytes": 1_234_567}
    assert lines[0]["run"] == {"replayed": 5, "late": 0}
    assert lines[0]["readings"] == {"unlabelled share": 0.0321, "oldest unlabelled seconds": 12}


def test_a_total_names_the_worst_slices(tmp_path):
    path, acc = tmp_path / "out.jsonl", Accumulator(by=["place"])
    acc.update({"y_true": ["a"] * 80, "y_pred": ["a"] * 40 + ["b"] * 40, "place": ["x"] * 40 + [None] * 40})
    emit = Emit(str(path), Reader(), every=1e-9)
    emit.see(Moment(acc.snapshot(), sequence=80))
    emit.close()
    (line,) = said(path)
    worst = [{"key": {"place": None}, "rows": 40}, {"key": {"place": "x"}, "rows": 40}]
    assert [{name: each[name] for name in ("key", "rows")} for each in line["slices"]] == worst
    assert [each["f1_micro"] for each in line["slices"]] == [0.0, 1.0]


def test_nothing_new_is_not_said(tmp_path):
    path = tmp_path / "out.jsonl"
    emit = Emit(str(path), Reader(), every=1e-9)
    for _ in range(5):
        emit.see(samples.moment(1))
    emit.close()
    assert len(said(path)) == 1


def test_a_restarted_run_says_nothing_twice(tmp_path):
    """Killed after 12 windows with a save at 7: the next run closes 8 to 12 again, at other moments, then goes on."""
    path = tmp_path / "out.jsonl"
    emit = Emit(str(path), Reader(), every=1e-9)
    for k in range(12):
        emit.see(samples.moment(k + 1, closed=1, sequence=500 * k + 7))
    emit.close()
    with path.open("ab") as file:
        file.write(b'{"kind": "window", "lineage": "aaa')
    emit = Emit(str(path), Reader(), every=1e-9)
    emit.see(samples.moment(7, sequence=3400))
    for k in range(8, 20, 2):
        emit.see(samples.moment(k + 2, closed=3, sequence=500 * (k + 2)))
    emit.close()
    lines = said(path)
    starts = [line["window_start"] for line in lines if line["kind"] == "window"]
    assert starts == [instant(samples.START + timedelta(minutes=5 * k)) for k in range(len(starts))]
    assert len(starts) == 20
    sequences = [line["sequence"] for line in lines if line["kind"] == "total"]
    assert sequences == sorted(set(sequences))


def test_another_run_is_another_story(tmp_path):
    path = tmp_path / "out.jsonl"
    for lineage in ("a", "b"):
        emit = Emit(str(path), Reader(), every=1e-9)
        emit.see(samples.moment(2, closed=1, lineage=lineage))
        emit.close()
    assert [(line["lineage"], line["kind"]) for line in said(path)] == [
        ("a", "window"),
        ("a", "total"),
        ("b", "window"),
        ("b", "total"),
    ]


def test_what_has_no_value_is_null_or_left_out(tmp_path):
    path = tmp_path / "out.jsonl"
    ahead = Accumulator()
    ahead.retract({"y_true": ["a"], "y_pred": ["a"]})
    emit = Emit(str(path), Reader({"zero_division": math.nan}), every=1e-9)
    emit.see(Moment(samples.counted(["a", "a"], ["b", "b"]), sequence=1, readings={"age": math.inf}))
    emit.see(Moment(ahead.snapshot(), sequence=2))
    emit.see(Moment(sequence=3))
    emit.close()
    first, second, third = said(path)
    assert first["metrics"]["precision_macro"] == 0.0
    assert first["metrics"]["recall_macro"] == 0.0
    assert first["readings"] == {"age": None}
    assert (second["rows"], second["metrics"], second["worst"]) == (-1, {}, [])
    assert (third["rows"], third["metrics"]) == (0, {})


def test_nan_is_null():
    assert strict(encoded({"a": [math.nan, {"b": -math.inf}], "c": "\x7f\u2028"}).decode()) == [
        {"a": [None, {"b": None}], "c": "\x7f\u2028"}
    ]
    assert encoded({"c": "\x7f\n\x1b"}).decode().rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05.000060Z"),
    ],
)
def test_times_are_utc(when, text):
    assert instant(when) == text
