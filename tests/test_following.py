"""The loop over a stream: what it counts, saves, shows and survives, with feeds made by hand and files that grow."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import streamavg as sa
from streamavg import cli
from streamavg.following import Following
from streamavg.position import Position, Source, Span
from streamavg.sources.feed import Arrival
from streamavg.sources.rejects import Rejects
from streamavg.sources.unit import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streamavg.state.state import State


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


@pytest.mark.parametrize("option", [["--lateness", "5m"], ["--keep-windows", "3"]])
def test_what_is_of_windows_needs_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    log = tmp_path / "a.jsonl"
    log.write_text(lines(("a", "a")))
    assert cli.main(["follow", str(log), "--until-end", "--no-progress", *option]) == 2
    assert f"{option[0]} needs windows: add --window" in capsys.readouterr().err


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


class FakeFeed:
    """Hands out what it is given; then ends, or waits until it is drained."""

    def __init__(self, batches: Sequence[pa.RecordBatch], waits: bool = False) -> None:
        self.batches, self.waits, self.is_drained = batches, waits, False
        self.source = Source("fake", "arrow", 0, "0" * 32)
        self.lag: dict[str, int] = {}
        self.tallies: dict[str, int] = {"seen": 1}
        self.remembered: dict[str, str] = {}

    def arrivals(self) -> Iterator[Arrival | None]:
        for i, batch in enumerate(self.batches):
            yield Arrival(self.source, Piece(batch, spans=[Span(i, 0, batch.num_rows, (i + 1, 0))]))
            yield None
        while self.waits and not self.is_drained:
            yield None

    def drain(self) -> None:
        self.is_drained = True

    def settled(self, position: Position) -> Position:
        return position

    def close(self) -> None:
        pass


class FakeSaver:
    """Fails as often as told."""

    lineage = "l"

    def __init__(self, *fails: bool) -> None:
        self.fails, self.saved = list(fails), []
        self.at_last = lambda: None  # called when it fails no more

    def save(self, state: State, position: Position, about: dict[str, object], waiting: bytes = b"") -> None:
        if self.fails and self.fails.pop(0):
            raise OSError(28, "No space left on device")
        self.saved.append((state.seen, position, about))
        if not self.fails:
            self.at_last()


def batch(rows: int, **columns: list[object]) -> pa.RecordBatch:
    return pa.record_batch({"y_true": ["a"] * rows, "y_pred": ["a"] * rows, **columns})


def loop(feed: FakeFeed, **options: object) -> Following:
    accumulator = options.pop("accumulator", None) or sa.Accumulator()
    notes: list[str] = []
    rest = {"rejects": Rejects(), "stop": threading.Event(), "every": 0.0, "note": notes.append, **options}
    made = Following(feed, accumulator, **rest)  # type: ignore[arg-type]
    made.notes = notes  # type: ignore[attr-defined]
    return made


def test_a_save_that_fails_is_tried_again() -> None:
    feed, saver = FakeFeed([batch(1)] * 12, waits=True), FakeSaver(False, *[True] * 9)
    saver.at_last = feed.drain
    made = loop(feed, saver=saver)
    assert made.keep() is False
    assert saver.saved[-1][0] == 12
    assert saver.saved[-1][2]["run"] == {"seen": 1, "records": 12}
    assert len(made.notes) == 9  # type: ignore[attr-defined]
    assert "not saved, trying again in 0 s" in made.notes[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("fails", "most"), [([True] * 2, 0), ([False, *[True] * 10], 12)])
def test_the_first_save_and_ten_in_a_row_must_not_fail(fails: list[bool], most: int) -> None:
    feed, saver = FakeFeed([batch(1)] * 12, waits=True), FakeSaver(*fails)
    made = loop(feed, saver=saver)
    with pytest.raises(OSError, match="No space"):
        made.keep()
    assert made.snapshot.rows <= most
    assert not saver.fails


def test_a_position_is_saved_with_its_counts() -> None:
    saver = FakeSaver()
    loop(FakeFeed([batch(3), batch(4)]), saver=saver).keep()
    for seen, position, _ in saver.saved:
        ranges = [counted.ranges for counted in position.files.values()]
        assert ranges == {0: [], 3: [((0, 0, 1, 0),)], 7: [((0, 0, 2, 0),)]}[seen]


def test_a_wish_to_stop_drains_the_feed() -> None:
    feed, stop = FakeFeed([batch(3)], waits=True), threading.Event()
    made = loop(feed, stop=stop)
    threading.Timer(0.05, stop.set).start()
    assert made.keep() is True
    assert feed.is_drained
    assert made.snapshot.rows == 3


def test_observers_see_the_last_moment_and_are_closed_after_an_error() -> None:
    class Eye:
        def __init__(self) -> None:
            self.moments, self.is_closed = [], False

        def see(self, moment: object) -> None:
            self.moments.append(moment)
            if self.fails:
                raise OSError(5, "blind")

        def close(self) -> None:
            self.is_closed = True

        fails, least = False, 0.0

    eye = Eye()
    loop(FakeFeed([batch(3)]), observers=[eye]).keep()
    assert (eye.moments[-1].snapshot.rows, eye.moments[-1].is_last, eye.is_closed) == (3, True, True)
    eye, saver = Eye(), FakeSaver()
    eye.fails = True
    with pytest.raises(OSError, match="blind"):
        loop(FakeFeed([batch(3)]), observers=[eye], saver=saver).keep()
    assert eye.is_closed


@pytest.mark.parametrize("op", [False, True])
def test_a_row_that_cannot_be_counted_takes_no_other_with_it(tmp_path: Path, op: bool) -> None:
    """Rows with a wrong weight are refused, whatever is added and retracted around them; unless it is half of all."""
    draw = random.Random(5)
    weights: list[object] = [draw.choice([1.0, 2.0, 0.5]) for _ in range(1_000)]
    wrong = sorted(draw.sample(range(300, 1_000), 25))
    for row in wrong:
        weights[row] = draw.choice([-1.0, None, float("nan")])
    signs = ["-" if i % 7 == 6 else "+" for i in range(1_000)]
    rows = batch(1_000, w=weights, op=signs)
    good = rows.take(pa.array([i for i in range(1_000) if i not in wrong]))
    options = {"sample_weight": "w", **({"op": "op"} if op else {})}
    rejects = Rejects(str(tmp_path / "bad"))
    made = loop(FakeFeed([rows.slice(0, 250), rows.slice(250)]), accumulator=sa.Accumulator(**options), rejects=rejects)
    made.keep()
    expected = sa.Accumulator(**options)
    expected.update(good)
    assert made.snapshot.skipped == {"malformed": 25}
    assert made.snapshot.weighted.tolist() == expected.snapshot().weighted.tolist()
    assert made.snapshot.matrix.tolist() == expected.snapshot().matrix.tolist()
    assert made.counters["bad_no_value"] == 25
    assert len((tmp_path / "bad").read_text().splitlines()) == 25
    rejects.close()
    with pytest.raises(sa.InputError, match="weights are finite numbers"):
        loop(FakeFeed([batch(4, w=[1.0, -1.0, -1.0, -1.0])]), accumulator=sa.Accumulator(sample_weight="w")).keep()
