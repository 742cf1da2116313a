"""The state file on the command line: go on, take away, add up; and every refusal names what is in the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import streamavg as sa
from streamavg import cli
from streamavg.checkpoint.writer import Checkpoint, read

if TYPE_CHECKING:
    from pathlib import Path


def log(path: Path, pairs: list[tuple[int, int]]) -> Path:
    path.write_text(
        "".join(json.dumps({"y_true": true, "y_pred": pred, "other": 1 - true}) + "\n" for true, pred in pairs)
    )
    return path


def drawn(rows: int, seed: int) -> list[tuple[int, int]]:
    draw = random.Random(seed)
    return [(draw.randrange(9), draw.randrange(9)) for _ in range(rows)]


@pytest.fixture
def days(tmp_path: Path) -> list[Path]:
    """Three logs of one data set."""
    (tmp_path / "days").mkdir()
    return [log(tmp_path / "days" / f"{day}.jsonl", drawn(100 * (day + 1), day)) for day in range(3)]


class Run:
    """One call of the command line: its status, the report as JSON (if there is one), and standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        try:
            self.status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            self.status = int(stop.code or 0)
        self.out, self.err = capsys.readouterr()

    @property
    def fingerprint(self) -> str:
        assert self.status == 0, self.err
        return str(json.loads(self.out)["fingerprint"])


@pytest.fixture
def call(capsys):
    return lambda *arguments: Run(capsys, *arguments)


@pytest.fixture
def keep(call, tmp_path):
    """`eval ... --checkpoint run.sav --format json`."""
    return lambda *arguments: call(
        "eval", *arguments, "--checkpoint", tmp_path / "run.sav", "--format", "json", "--no-progress"
    )


def fingerprint(*paths: Path) -> str:
    return sa.evaluate(list(paths)).fingerprint()


# ---- going on


def test_the_same_command_again_counts_nothing_twice(keep, days, tmp_path):
    for _ in range(3):
        assert keep(days[0].parent).fingerprint == fingerprint(*days)
    assert sa.load(tmp_path / "run.sav") == sa.evaluate(days[0].parent)


def test_c11_files_that_came_are_counted_and_those_that_went_are_told(keep, days, tmp_path):
    later = [shutil.move(path, tmp_path / path.name) for path in days[1:]]
    assert keep(days[0].parent).fingerprint == fingerprint(days[0])
    for path, place in zip(later, days[1:], strict=True):
        shutil.move(path, place)
    second = keep(days[0].parent)
    assert second.fingerprint == fingerprint(*days)
    assert "holds 100 rows; going on from there" in second.err
    whole = fingerprint(*days)
    days[0].unlink()
    third = keep(days[1].parent)
    assert third.fingerprint == whole
    assert "0.jsonl" in third.err


def test_c11_one_file_by_many_names_counts_once(keep, days, tmp_path):
    (tmp_path / "link.jsonl").symlink_to(days[0])
    dotted = f"{tmp_path}/days/../days/./0.jsonl"
    assert keep(days[0], tmp_path / "link.jsonl", dotted, tmp_path / "days" / "*.jsonl").fingerprint == fingerprint(
        *days
    )
    assert keep(dotted, tmp_path / "days").fingerprint == fingerprint(*days)


def test_c1_a_log_that_grew_is_read_from_where_it_was(keep, days):
    keep(days[0])
    with days[0].open("a") as file:
        file.write('{"y_true": 3, "y_pred": 4}\n')
    assert keep(days[0]).fingerprint == fingerprint(days[0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text(path.read_text()[: 50 * 40]),
        lambda path: log(path, drawn(100, 99)),
        lambda path: log(path, drawn(150, 98)),
    ],
    ids=["c2_truncated", "c6_replaced", "c3_truncated_and_grown"],
)
def test_a_file_that_changed_is_refused_by_name(keep, days, damage, tmp_path):
    keep(days[0].parent)
    before = (tmp_path / "run.sav").read_bytes()
    damage(days[0])
    refused = keep(days[0].parent)
    assert (refused.status, refused.out) == (2, "")
    assert "0.jsonl: changed since it was counted" in refused.err
    assert (tmp_path / "run.sav").read_bytes() == before


@pytest.mark.parametrize("stream", ["-", "/dev/stdin"])
def test_c13_standard_input_is_refused(keep, stream):
    refused = keep(stream, "--input-format", "jsonl")
    assert (refused.status, refused.out) == (2, "")
    assert len(refused.err.splitlines()) == 1


CHANGED = {
    "--y-pred other": ("y_pred", "'y_pred'", "'other'"),
    "--task binary --pos-label 1": ("task", "None", "'binary'"),
    "--null-pred abstain": ("null_pred", "'wrong'", "'abstain'"),
    "--labels LABELS --unknown count": ("labels", "None", "['1', '2']"),
}


@pytest.mark.parametrize("options", CHANGED)
def test_b5_other_options_are_refused_with_both_values(keep, days, options, tmp_path):
    keep(days[0])
    (tmp_path / "labels").write_text("1\n2\n")
    refused = keep(days[0], *options.replace("LABELS", str(tmp_path / "labels")).split())
    name, then, now = CHANGED[options]
    assert (refused.status, refused.out) == (4, "")
    assert f"{name} was {then} then and is {now} now" in refused.err
    assert keep(days[0], "--threads", 1, "--over", "supported", "--zero-division", 1).status == 0


def test_b5_a_state_of_other_origin_is_compared_by_its_configuration(keep, days, tmp_path):
    sa.from_confusion(["a", "b"], [[1, 2], [3, 4]], pos_label="a").save(tmp_path / "run.sav")
    refused = keep(days[0])
    assert (refused.status, refused.out) == (4, "")
    assert "pos_label is '1' in one and 'a' in the other" in refused.err


def test_a_damaged_state_file_and_one_in_use_have_their_own_status(keep, days, tmp_path):
    keep(days[0])
    with Checkpoint(tmp_path / "run.sav"):
        used = keep(days[0])
    assert (used.status, used.out) == (5, "")
    assert str(os.getpid()) in used.err
    for path in tmp_path.glob("run.sav*"):
        if path.suffix != ".lock":
            path.write_bytes(path.read_bytes()[:-1])
    broken = keep(days[0])
    assert (broken.status, broken.out) == (4, "")


def test_the_previous_generation_is_gone_on_from_with_a_warning(keep, days, tmp_path):
    keep(days[0])
    keep(days[0].parent)
    damaged = (tmp_path / "run.sav").read_bytes()
    (tmp_path / "run.sav").write_bytes(damaged[:-1])
    again = keep(days[0].parent)
    assert again.fingerprint == fingerprint(*days)
    assert "warning: " in again.err


@pytest.mark.parametrize("sources", [{"files": 3}, {"files": [], "options": {"y_true": 1}}, {"options": []}])
def test_b11_positions_and_options_that_cannot_be(keep, days, sources, tmp_path):
    with Checkpoint(tmp_path / "run.sav") as file:
        file.save(sa.evaluate(days[0]).state, sources)
    refused = keep(days[0])
    assert (refused.status, refused.out) == (4, "")
    assert len(refused.err.splitlines()) <= 2


def test_b13_a_name_in_the_file_is_never_opened(keep, days, tmp_path):
    canary = log(tmp_path / "canary.jsonl", drawn(5, 5))
    os.utime(canary, ns=(10**18, 10**18))
    with Checkpoint(tmp_path / "run.sav") as file:
        file.save(sa.Snapshot().state, {"files": [[str(canary), "jsonl", 10, "0" * 32, [[0, 0, 0, 10]]]]})
    keep(days[0])
    assert canary.stat().st_atime_ns == 10**18


def test_every_and_retract_need_a_checkpoint(call, days):
    for flag in (["--every", "1s"], ["--retract"]):
        refused = call("eval", days[0], *flag)
        assert (refused.status, refused.out) == (2, "")
        assert "--checkpoint" in refused.err


@pytest.mark.parametrize(("text", "status"), [("1.5s", 0), ("200ms", 0), ("2", 0), ("0s", 2), ("soon", 2), ("-1s", 2)])
def test_every_is_a_time(keep, days, text, status):
    assert keep(days[0], f"--every={text}").status == status


# ---- taking away


def test_retract_is_the_inverse_of_counting(keep, days, tmp_path):
    keep(days[0].parent)
    assert keep(days[1], "--retract").fingerprint == fingerprint(days[0], days[2])
    assert keep(days[0].parent).fingerprint == fingerprint(*days)


def test_retract_all_there_is(keep, days, tmp_path):
    keep(days[0])
    done = keep(days[0], "--retract")
    assert (done.status, done.out) == (0, "")
    assert "holds no rows now" in done.err
    assert sa.load(tmp_path / "run.sav") == sa.Snapshot()


def test_retract_what_is_not_there_is_refused_or_owed(keep, days, tmp_path):
    keep(days[0])
    before = (tmp_path / "run.sav").read_bytes()
    refused = keep(days[1], "--retract")
    assert (refused.status, refused.out) == (4, "")
    assert "1.jsonl" in refused.err
    assert "--force" in refused.err
    assert (tmp_path / "run.sav").read_bytes() == before
    owed = keep(days[1], "--retract", "--force")
    assert (owed.status, owed.out) == (2, "")
    assert "negative counts" in owed.err
    assert sa.load(tmp_path / "run.sav") == sa.evaluate(days[0]) - sa.evaluate(days[1])
    assert keep(days[1]).fingerprint == fingerprint(days[0])


# ---- adding up


@pytest.fixture
def shards(call, days, tmp_path):
    """A state file for each log."""
    paths = [tmp_path / f"{path.stem}.sav" for path in days]
    for path, saved in zip(days, paths, strict=True):
        assert call("eval", path, "--checkpoint", saved).status == 0
    return paths


def test_merge_is_the_sum_in_any_order(call, keep, days, shards, tmp_path):
    for order in ((0, 1, 2), (2, 0, 1)):
        done = call("merge", *(shards[k] for k in order), "-o", tmp_path / "run.sav")
        assert (done.status, done.out) == (0, "")
        assert sa.load(tmp_path / "run.sav").fingerprint() == fingerprint(*days)
    more = keep(days[0].parent)  # what was counted of which files is in it too
    assert more.fingerprint == fingerprint(*days)
    assert "holds 600 rows" in more.err


def test_b15_rows_in_two_states_are_refused_unless_forced(call, days, shards, tmp_path):
    call("merge", shards[0], shards[1], "-o", tmp_path / "two.sav")
    for pair in ([shards[0], shards[0]], [tmp_path / "two.sav", shards[1]]):
        refused = call("merge", *pair, "-o", tmp_path / "sum.sav")
        assert (refused.status, refused.out) == (4, "")
        assert ".jsonl" in refused.err
        assert "--force" in refused.err
        assert not (tmp_path / "sum.sav").exists()
    assert call("merge", shards[0], shards[0], "-o", tmp_path / "sum.sav", "--force").status == 0
    assert sa.load(tmp_path / "sum.sav") == sa.evaluate(days[0]) + sa.evaluate(days[0])


def test_show_warns_of_rows_that_are_counted_twice(call, shards):
    shown = call("show", shards[0], shards[0], "--format", "json")
    assert shown.status == 0
    assert "counted twice" in shown.err
    assert call("show", *shards).err == ""


def test_b15_generations_of_one_run_without_positions_are_refused(call, days, tmp_path):
    snap = sa.evaluate(days[0])
    with Checkpoint(tmp_path / "a.sav") as file:
        file.save(snap.state, {})
        shutil.copy(tmp_path / "a.sav", tmp_path / "b.sav")
        file.save((snap + snap).state, {})
    refused = call("merge", tmp_path / "a.sav", tmp_path / "b.sav", "-o", tmp_path / "sum.sav")
    assert refused.status == 4
    assert "same run" in refused.err


def test_b15_states_of_other_configurations_are_refused(call, shards, tmp_path):
    sa.from_confusion(["a", "b"], [[1, 2], [3, 4]], pos_label="a").save(tmp_path / "binary.sav")
    refused = call("merge", shards[0], tmp_path / "binary.sav", "-o", tmp_path / "sum.sav")
    assert (refused.status, refused.out) == (4, "")
    assert "binary.sav" in refused.err


def test_a_hundred_states_of_fifty_labels_in_any_order_and_shape(tmp_path):
    """One fingerprint, equal to the single pass: the issue's own words."""
    draw, pairs = random.Random(5), [(f"label{k % 50}", f"label{k * 7 % 50}") for k in range(20_000)]
    pieces = [pairs[k::100] for k in range(100)]
    states = []
    for piece in pieces:
        acc = sa.Accumulator()
        acc.update({"y_true": [true for true, _ in piece], "y_pred": [pred for _, pred in piece]})
        states.append(acc.snapshot())
        states[-1].save(tmp_path / "state.sav")
        states[-1] = sa.load(tmp_path / "state.sav")
    whole = sa.evaluate({"y_true": [true for true, _ in pairs], "y_pred": [pred for _, pred in pairs]})
    for _ in range(20):
        left = list(states)
        while len(left) > 1:
            a, b = (left.pop(draw.randrange(len(left))) for _ in range(2))
            left.append(a + b)
        assert left[0].fingerprint() == whole.fingerprint()


# ---- signals


def start(arguments: list[object]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streamavg", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def when_saved(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the state file holds a row."""
    while process.poll() is None and not (path.exists() and read(path).state.seen):
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a7_a_signal_saves_and_says_how_to_go_on(keep, tmp_path, name):
    source, saved = log(tmp_path / "long.jsonl", drawn(400_000, 1)), tmp_path / "run.sav"
    process = start(["eval", source, "--checkpoint", saved, "--every", "20ms", "--threads", 1, "--format", "json"])
    when_saved(saved, process)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    if process.returncode != 0:  # unless the last row was counted before the signal came
        assert (process.returncode, out) == (128 + getattr(signal, name), "")
        assert f"stopped by {name}" in err
        assert "the same command goes on from there" in err
        assert "Traceback" not in err
        assert 0 < read(saved).state.seen <= 400_000
    assert keep(source, "--threads", 1).fingerprint == fingerprint(source)


def test_a7_without_a_checkpoint_a_signal_ends_the_run(tmp_path):
    source = log(tmp_path / "long.jsonl", drawn(300_000, 1))
    process = start(["eval", *[source] * 1, "--threads", 1])
    time.sleep(0.8)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert "Traceback" not in err
    assert not out or process.returncode == 0
