"""Slices on the command line: files of every format, state files, threads, refusals, windows that are emitted."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import streamavg as sa
from streamavg import cli

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def drawn(rows=3000, seed=1):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, rows)
    return pa.table(
        {
            "y_true": true,
            "y_pred": np.where(rng.random(rows) < 0.8, true, rng.integers(0, 4, rows)),
            "place": pa.array([("de", "fr", "it", None)[k] for k in rng.integers(0, 4, rows)]),
            "level": rng.integers(0, 3, rows),
            "ts": pa.array(rng.integers(0, 3 * 3600 * 10**6, rows), pa.timestamp("us", "UTC")),
        }
    )


def written(folder, name, table):
    path = folder / name
    texts = table.set_column(4, "ts", pa.array([time.isoformat() for time in table["ts"].to_pylist()]))
    if name.endswith("parquet"):
        pq.write_table(table, path, row_group_size=500)
    elif name.endswith("csv"):
        pc.write_csv(texts, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in texts.to_pylist()))
    return path


def run(capsys, command, *arguments):
    assert cli.main([command, *map(str, arguments), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


OPTIONS = ["--by", "place", "--by", "level", "--window", "1h", "--time", "ts"]
SAME = {"by": ["place", "level"], "window": "60m", "time": "ts"}


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_format_and_number_of_threads_gives_the_same(tmp_path, capsys, name, threads):
    table = drawn()
    report = run(capsys, "eval", written(tmp_path, name, table), *OPTIONS, "--threads", threads)
    assert report["fingerprint"] == sa.evaluate(table, **SAME).fingerprint()
    assert report["slices"]["count"] == 4 * 3 * 3
    assert report["slices"]["by"] == ["place", "level", "window_start"]


def test_a_state_file_goes_on_and_other_slices_are_refused(tmp_path, capsys):
    table, saved = drawn(), tmp_path / "s.sav"
    for k, part in enumerate((table.slice(0, 1000), table.slice(1000))):
        written(tmp_path, f"{k}.parquet", part)
        report = run(capsys, "eval", tmp_path / "*.parquet", *OPTIONS, "--checkpoint", saved)
    assert report["fingerprint"] == sa.evaluate(table, **SAME).fingerprint()
    assert run(capsys, "show", saved)["slices"] == report["slices"]
    assert sa.load(saved).slices == sa.evaluate(table, **SAME).slices
    for other, words in (
        (["--by", "place"], r"by was \['place', 'level'\] then and is \['place'\] now"),
        ([*OPTIONS[:-3], "2h", *OPTIONS[-2:]], "window was '1h' then and is '2h' now"),
        ([], "by was"),
    ):
        assert cli.main(["eval", str(tmp_path / "*.parquet"), *other, "--checkpoint", str(saved)]) == 4
        assert len(capsys.readouterr().err.splitlines()) == 1, words
    run(capsys, "eval", tmp_path / "1.parquet", *OPTIONS, "--checkpoint", saved, "--retract")
    assert sa.load(saved) == sa.evaluate(table.slice(0, 1000), **SAME)


def test_shards_merge(tmp_path, capsys):
    table = drawn()
    for k, part in enumerate((table.slice(0, 1000), table.slice(1000))):
        run(capsys, "eval", written(tmp_path, f"{k}.parquet", part), *OPTIONS, "--checkpoint", tmp_path / f"{k}.sav")
    assert cli.main(["merge", str(tmp_path / "0.sav"), str(tmp_path / "1.sav"), "-o", str(tmp_path / "all.sav")]) == 0
    assert sa.load(tmp_path / "all.sav") == sa.evaluate(table, **SAME)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "plaice"], "there is no column 'plaice' for by; .*did you mean 'place'"),
        (["--window", "1h", "--time", "when"], "there is no column 'when' for time"),
        (["--op", "sign"], "there is no column 'sign' for op"),
        (["--window", "1h"], "window and time go together"),
        (["--window", "soon", "--time", "ts"], "window is 'soon'; give a length of time"),
        (["--by", "place", "--max-slices", "3"], "4 slices by 'place', but max_slices is 3; .*--max-slices"),
        (["--op", "place"], "column 'place': 'de' at row . is no op|column 'place': .* is no op"),
    ],
)
def test_refusals_are_one_line(tmp_path, capsys, arguments, words):
    path = written(tmp_path, "a.parquet", drawn(400))
    assert cli.main(["eval", str(path), *arguments]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    import re

    assert re.search(words, error)


def test_seconds_in_json_may_have_fractions(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    times = [0, 59.5, 60.25, None, 1e3, 61]
    path.write_text("".join(json.dumps({"y_true": "a", "y_pred": "a", "ts": time}) + "\n" for time in times))
    report = run(capsys, "eval", path, "--window", "1m", "--time", "ts")
    assert report["rows"] == 6
    rows = {row["key"]["window_start"]: row["rows"] for row in report["slices"]["newest_windows"]}
    assert rows == {"1970-01-01T00:00:00Z": 2, "1970-01-01T00:01:00Z": 2, "1970-01-01T00:16:00Z": 1}


def test_times_that_are_none_are_told(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("y_true,y_pred,ts\na,a,12/31/2024\n")
    assert cli.main(["eval", str(path), "--window", "1m", "--time", "ts"]) == 0
    assert capsys.readouterr().err.startswith("note: no row has a time that a window can take; times are timestamps")


@pytest.mark.parametrize("command", [("eval",), ("follow", "--until-end")])
def test_some_times_that_are_none_are_told(tmp_path, capsys, command):
    """Of 20 rows 3 have no time, one of them no truth either; a line that is no JSON is not said to have none."""
    path = tmp_path / "a.jsonl"
    rows = [{"y_true": "a", "y_pred": "a", "when": k * 60} for k in range(17)]
    rows += [{"y_true": "a", "y_pred": "a", "when": None}, {"y_true": "b", "y_pred": "a", "when": "soon"}]
    rows += [{"y_true": None, "y_pred": "a", "when": "12/31/2024"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{no JSON\n")
    flags = ["--window", "5m", "--time", "when", "--by", "y_pred"]
    assert cli.main([*command, str(path), *flags, "--format", "json"]) == 0
    assert "note: 3 of 21 rows have no usable time in column 'when'" in capsys.readouterr().err
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:17]))
    assert cli.main([*command, str(path), *flags, "--format", "json"]) == 0
    assert capsys.readouterr().err == ""


def test_follow_emits_each_closed_window_once(tmp_path, capsys):
    log, saved, out = tmp_path / "a.jsonl", tmp_path / "a.sav", tmp_path / "out.jsonl"
    table = drawn(900).sort_by("ts").to_pylist()
    options = ["--window", "10m", "--time", "ts", "--by", "place", "--checkpoint", saved, "--emit", out]
    for first in (0, 300, 600):
        with log.open("a") as file:
            for row in table[first : first + 300]:
                file.write(json.dumps(row | {"ts": row["ts"].isoformat()}) + "\n")
        assert cli.main(["follow", str(log), *map(str, options), "--until-end", "--format", "json"]) == 0
        report = json.loads(capsys.readouterr().out)
    whole = sa.evaluate(str(log), window="10m", time="ts", by="place")
    assert report["fingerprint"] == whole.fingerprint()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    closed = {line["window_start"]: line for line in lines if line.get("window_start")}
    last = max(whole.windows)
    assert len(closed) == len([line for line in lines if line.get("window_start")])
    assert {dt.datetime.fromisoformat(start) for start in closed} == set(whole.windows) - {last}
    for start, part in whole.windows.items():
        if start != last:
            assert closed[start.isoformat().replace("+00:00", "Z")]["rows"] == part.rows
