"""The writer that replays data as a log: whole lines, at a rate, through rotation, that follow counts once."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streamavg.cli import main

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "replay.py"


@pytest.fixture
def replay(tmp_path, monkeypatch):
    """Runs the script on 90 words."""
    spec = importlib.util.spec_from_file_location("replay", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    data = tmp_path / "data.parquet"
    words = [f"n{k}" for k in range(90)]  # from "m" on: none in trouble
    columns = {"word": words, "y_true": ["en", "de", "fr"] * 30, "y_pred": ["en", "de", "de"] * 30}
    pq.write_table(pa.table(columns), data)

    def run(*flags: str) -> Path:
        log = tmp_path / "logs" / "service.jsonl"
        monkeypatch.setattr("sys.argv", ["replay", str(log), "--data", str(data), *flags])
        assert script.main() == 0
        return log

    return run


def written(folder: Path) -> list[dict]:
    """All lines, the log that is not rotated last."""
    paths = sorted(folder.iterdir(), key=lambda path: path.name, reverse=True)
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_the_lines_are_those_of_the_data_and_time_runs(replay):
    lines = written(replay("--lines", "180", "--rate", "1000", "--faster", "600").parent)
    assert len(lines) == 180
    for part in (lines[:90], lines[90:]):  # the data, twice
        assert sorted(line["word"] for line in part) == sorted(f"n{k}" for k in range(90))
    times = [line["ts"] for line in lines]
    assert times == sorted(times)
    assert all(set(line["result"]) == {"label", "prediction"} for line in lines)


@pytest.mark.parametrize("how", [(), ("--copytruncate",)], ids=["rename", "copytruncate"])
def test_a_log_is_rotated_without_losing_a_line(replay, how):
    log = replay("--lines", "500", "--rate", "1000", "--rotate", "9000", "--keep", "50", *how)
    assert len(list(log.parent.iterdir())) > 4
    assert len(written(log.parent)) == 500


def test_old_logs_go(replay):
    log = replay("--lines", "500", "--rate", "1000", "--rotate", "5000", "--keep", "2")
    assert sorted(path.name for path in log.parent.iterdir()) == [f"service.jsonl{k}" for k in ("", ".1", ".2")]


def test_follow_counts_each_line_once(replay, tmp_path):
    log = replay("--lines", "500", "--rate", "1000", "--rotate", "9000", "--keep", "50")
    report, columns = tmp_path / "report.json", ("--y-true", "result.label", "--y-pred", "result.prediction")
    sources = [str(path) for path in log.parent.iterdir()]
    flags = ("--input-format", "jsonl", "--until-end", "--no-progress", "-o", str(report))
    assert main(["follow", *sources, *columns, *flags]) == 0
    assert json.loads(report.read_text())["rows"] == 500
