"""The live outputs of `streamavg follow`, run as a user does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import streamavg as sa
from streamavg.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"y_true": "ab"[k % 2], "y_pred": "abc"[k % 3]} for k in range(3000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def follow(log: Path | str, *flags: str) -> int:
    return main(["follow", str(log), "--no-progress", *flags])


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_totals_go_to_a_file_and_the_report_to_standard_output(log, tmp_path, capfd):
    emitted = tmp_path / "out" / "emitted.jsonl"
    emitted.parent.mkdir()
    assert follow(log, "--until-end", "--emit", str(emitted)) == 0
    (line,) = lines(emitted)
    assert (line["kind"], line["rows"], line["sequence"]) == ("total", 3000, 3000)
    assert len(line["lineage"]) == 32
    assert "3,000 rows scored" in capfd.readouterr().out


def test_a_run_that_goes_on_says_only_what_is_new(log, tmp_path):
    emitted, state = tmp_path / "emitted.out", str(tmp_path / "log.sav")
    for _ in range(3):
        assert follow(log, "--until-end", "--emit", str(emitted), "--checkpoint", state) == 0
    with log.open("a") as file:
        file.write('{"y_true": "a", "y_pred": "a"}\n')
    assert follow(log, "--until-end", "--emit", str(emitted), "--checkpoint", state) == 0
    found = lines(emitted)
    assert [line["rows"] for line in found] == [3000, 3001]
    assert len({line["lineage"] for line in found}) == 1
    assert len({line["position"] for line in found}) == 2


def test_without_a_state_file_each_run_is_another(log, tmp_path):
    emitted = tmp_path / "emitted.out"
    for _ in range(2):
        assert follow(log, "--until-end", "--emit", str(emitted)) == 0
    assert len({line["lineage"] for line in lines(emitted)}) == 2


def test_emitting_to_standard_output_leaves_the_report_out(log, capfd):
    assert follow(log, "--until-end", "--emit", "-") == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line)["rows"] == 3000


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (("--emit-every", "5s"), 2, "--emit-every needs --emit"),
        (("--emit", "{log}"), 2, "would be read as"),
        (("--emit", "{folder}"), 2, "must be a file"),
        (("--emit", "/dev/full"), 3, "No space left"),
        (("--emit", "-", "--format", "json"), 2, "add -o FILE"),
        (("--serve", "nowhere"), 2, "HOST:PORT"),
        (("--serve", "192.0.2.1:9"), 2, "cannot listen there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_is_one_line(log, tmp_path, capfd, flags, status, words):
    (tmp_path / "sub").mkdir()
    flags = tuple(flag.format(log=log, folder=tmp_path) for flag in flags)
    assert follow(log, "--until-end", *flags) == status
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize("source", ["{folder}", "{folder}/*.jsonl"])
def test_what_is_emitted_is_not_read_again(log, tmp_path, capfd, source):
    flags = ("--until-end", "--emit", str(tmp_path / "later.jsonl"))
    assert follow(source.format(folder=tmp_path), *flags) == 2
    assert "would be read as" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


@contextmanager
def started(*flags: str, **more) -> Iterator[subprocess.Popen]:
    """A follower, which is gone when the block ends, however it does."""
    command = [sys.executable, "-m", "streamavg", "follow", *flags]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **more) as run:
        try:
            yield run
        finally:
            run.kill()


def scraped(url: str) -> dict[str, float]:
    request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read().decode()
    return {each.name: each.value for family in text_string_to_metric_families(text) for each in family.samples}


def waited(wanted: float, url: str, name: str) -> dict[str, float]:
    """The page once it is there and a value is reached."""
    found: dict[str, float] = {}
    for _ in range(600):
        with suppress(urllib.error.HTTPError):  # 503 before the first moment
            found = scraped(url)
        if found.get(name, -1) >= wanted:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{name} is {found.get(name)}, not {wanted}")


def test_a_page_follows_the_stream_until_it_is_stopped(log, tmp_path):
    state = str(tmp_path / "log.sav")
    with started(str(log), "--serve", "127.0.0.1:0", "--checkpoint", state, stdout=subprocess.DEVNULL) as run:
        url = re.search(r"http://127\.0\.0\.1:\d+/metrics", run.stderr.readline())[0]
        assert waited(3000, url, "streamavg_rows_total")["streamavg_state_rows"] == 3000
        with log.open("a") as file:
            file.write('{"y_true": "a", "y_pred": "a"}\n' * 500)
        assert waited(3500, url, "streamavg_rows_total")["streamavg_f1_macro"] > 0
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 128 + 15
    with started(str(log), "--serve", "127.0.0.1:0", "--checkpoint", state, stdout=subprocess.DEVNULL) as run:
        text = run.stderr.readline() + run.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/metrics", text)[0]
        found = waited(3500, url, "streamavg_state_rows")
        assert found["streamavg_rows_total"] == 0  # since this process began
        run.send_signal(signal.SIGTERM)
        run.wait(30)


def test_a_reader_who_goes_away_ends_the_run(log):
    ours, theirs = os.pipe()
    with started(str(log), "--emit", "-", "--emit-every", "100ms", "--no-progress", stdout=theirs) as run:
        os.close(theirs)
        assert json.loads(os.read(ours, 65536).splitlines()[0])["rows"] > 0
        os.close(ours)
        with log.open("a") as file:
            file.write('{"y_true": "a", "y_pred": "a"}\n')
        assert run.wait(30) == 0
        assert run.stderr.read() == ""


def test_a_window_that_the_disk_had_no_room_for_is_said_by_the_next_run(log, tmp_path):
    """The state of the failed run does not know of the window as said."""
    rows = [{"y_true": "a", "y_pred": "a", "ts": f"2026-11-28T00:{minute:02}:00Z"} for minute in range(40)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ("--until-end", "--window", "10m", "--time", "ts", "--checkpoint", str(tmp_path / "log.sav"))
    assert follow(log, *flags, "--emit", "/dev/full") == 3
    emitted = tmp_path / "emitted.out"
    for _ in range(2):
        assert follow(log, *flags, "--emit", str(emitted)) == 0
    assert [line["window_start"] for line in lines(emitted)] == [
        "2026-11-28T00:00:00Z",
        "2026-11-28T00:10:00Z",
        "2026-11-28T00:20:00Z",
    ]
    assert {line["rows"] for line in lines(emitted)} == {10}
    assert lines(emitted)[0]["window_end"] == "2026-11-28T00:10:00Z"


@pytest.mark.parametrize("kills", [1, pytest.param(8, marks=pytest.mark.long)])
def test_killed_at_any_time_each_window_is_one_whole_line(tmp_path, kills):
    """SIGKILL while a log grows: every window of the log once, in order, with the counts that it has in the end."""
    log, emitted, state = tmp_path / "log.jsonl", tmp_path / "emitted.out", tmp_path / "log.sav"
    flags = [str(log), "--window", "10s", "--time", "ts", "--checkpoint", str(state), "--every", "100ms"]
    flags += ["--emit", str(emitted), "--emit-every", "50ms", "--batch-age", "50ms", "--no-progress"]
    random, written, start = Random(kills), 0, datetime(2020, 1, 1)
    log.touch()

    def grow(rows: int) -> None:
        nonlocal written
        with log.open("a") as file:
            for k in range(written, written + rows):
                ts = (start + timedelta(seconds=k)).isoformat()
                file.write(json.dumps({"y_true": "ab"[k % 2], "y_pred": "abc"[k % 3], "ts": ts}) + "\n")
        written += rows

    for _ in range(kills):
        before = emitted.stat().st_size if emitted.exists() else 0
        with started(*flags, stdout=subprocess.DEVNULL) as run:
            for _ in range(200):
                grow(random.randrange(2, 20))
                time.sleep(random.random() / 20)
                if emitted.exists() and emitted.stat().st_size > before + random.randrange(5_000):
                    break
            run.kill()
    assert main(["follow", *flags, "--until-end", "-o", str(tmp_path / "report.txt")]) == 0
    whole = sa.evaluate(str(log), y_true="y_true", y_pred="y_pred", window="10s", time="ts").windows
    held = [line for line in lines(emitted) if line["kind"] == "window"]
    assert [line["window_start"] for line in held] == [f"{start:%Y-%m-%dT%H:%M:%SZ}" for start in list(whole)[:-1]]
    assert [line["fingerprint"] for line in held] == [snap.fingerprint() for snap in list(whole.values())[:-1]]
    totals = [line["sequence"] for line in lines(emitted) if line["kind"] == "total"]
    assert totals == sorted(set(totals))
    assert totals[-1] == written


def test_emitted_lines_have_only_the_metrics_that_are_asked_for(tmp_path, capfd):
    rows = [{"y_true": "ab"[k % 2], "y_pred": "abc"[k % 3], "ts": 300 * (k // 60), "place": "x"} for k in range(300)]
    log, emitted = tmp_path / "log.jsonl", tmp_path / "emitted.out"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["--until-end", "--window", "5m", "--time", "ts", "--by", "place", "--metrics", "recall_macro,accuracy"]
    assert follow(log, *flags, "--emit", str(emitted), "--emit-every", "10s") == 0
    found = lines(emitted)
    assert {line["kind"] for line in found} == {"window", "total"}
    assert [list(line["metrics"]) for line in found] == [["recall_macro", "accuracy"]] * len(found)
    total = next(line for line in found if line["kind"] == "total")
    assert total["metrics"]["accuracy"] == sum(row["y_true"] == row["y_pred"] for row in rows) / 300
    assert {*total["slices"][0]} == {"key", "rows", "seen", "recall_macro", "accuracy"}
    capfd.readouterr()
    assert follow(log, "--until-end", "--metrics", "accuracy", "--emit", "-") == 0
    assert list(json.loads(capfd.readouterr().out)["metrics"]) == ["accuracy"]
