"""The loop over a stream: what it counts, saves, shows and survives, with feeds made by hand and files that grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import streamavg as sa
from streamavg import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def lines(*pairs: tuple[str, str]) -> str:
    return "".join(json.dumps({"y_true": true, "y_pred": pred}) + "\n" for true, pred in pairs)


def follow(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    """The JSON report of one run until the end of what is there."""
    assert cli.main(["follow", *map(str, arguments), "--until-end", "--format", "json"]) == 0
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    return report


def test_a_file_that_grows_is_counted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, saved = tmp_path / "app.jsonl", tmp_path / "app.sav"
    log.write_text(lines(("a", "a"), ("b", "a")))
    assert follow(capsys, log, "--checkpoint", saved)["rows"] == 2
    with log.open("a") as file:
        file.write(lines(("b", "b")))
    report = follow(capsys, log, "--checkpoint", saved)
    assert report["rows"] == 3
    assert report["fingerprint"] == sa.evaluate(str(log)).fingerprint()


def test_a_signal_ends_it_with_all_saved(tmp_path: Path) -> None:
    log, saved = tmp_path / "app.jsonl", tmp_path / "app.sav"
    log.write_text(lines(("a", "a"), ("b", "a")))
    command = [sys.executable, "-m", "streamavg", "follow", log, "--checkpoint", saved, "--every", "50ms"]
    command += ["--batch-age", "10ms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while not (saved.exists() and sa.load(saved).rows == 2):
            assert run.poll() is None
            time.sleep(0.02)
        with log.open("a") as file:
            file.write(lines(("b", "b")) + '{"y_true": "c", ')
        while sa.load(saved).rows < 3:
            assert run.poll() is None
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGTERM)
        out, err = run.communicate()
    assert run.returncode == 128 + signal.SIGTERM
    assert "3 rows scored" in out
    where = f"3 rows are counted and saved in {saved}; the same command goes on from there"
    assert err == f"streamavg: stopped by SIGTERM: {where}\n"
    assert sa.load(saved).rows == 3
