"""The command line, run as its user runs it: what goes where, and the exit statuses."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score, roc_auc_score

import streamavg as sa
from streamavg import cli
from streamavg.checkpoint.writer import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b]")


def rows(n: int = 300, seed: int = 3) -> tuple[list[str], list[str]]:
    """Truth and prediction over four labels, one of them rare."""
    rng = np.random.default_rng(seed)
    names = np.array(["cat", "dog", "eel", "yak"])
    true = rng.choice(4, n, p=[0.6, 0.25, 0.13, 0.02])
    pred = np.where(rng.random(n) < 0.8, true, rng.integers(0, 3, n))
    return names[true].tolist(), names[pred].tolist()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A Parquet file with the columns `label` and `answer`."""
    true, pred = rows()
    path = tmp_path / "preds.parquet"
    pq.write_table(pa.table({"label": true, "answer": pred}), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Status, standard output and standard error of one call."""
    try:
        status = cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


COLUMNS = ("--y-true", "label", "--y-pred", "answer")


def test_table_shows_averages_classes_and_policy(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "eval", data, *COLUMNS)
    true, pred = rows()
    assert (status, err) == (0, "")
    assert "300 rows scored, 4 labels, multiclass" in out
    line = next(line.split() for line in out.splitlines() if line.startswith("f1 "))
    expected = [f1_score(true, pred, average=average) for average in ("micro", "macro", "weighted")]
    assert line[1:] == [f"{value:.4f}" for value in expected]
    unwrapped = " ".join(out.split())
    assert "macro F1 is 0." in unwrapped or "micro and macro F1 agree" in unwrapped
    assert "means over 4 seen classes; 0/0 counts as 0" in out


def test_json_is_the_contract(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "eval", data, *COLUMNS, "--format", "json")
    report = json.loads(out)
    assert status == 0
    assert {"rows", "seen", "skipped", "tallies", "policy", "metrics", "classes", "fingerprint"} <= report.keys()
    true, pred = rows()
    assert report["metrics"]["f1_macro"] == pytest.approx(f1_score(true, pred, average="macro"), abs=1e-12)
    assert [entry["label"] for entry in report["classes"]] == ["cat", "dog", "eel", "yak"]


def test_csv_markdown_and_parquet(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "eval", data, *COLUMNS, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert [row["label"] for row in table] == ["cat", "dog", "eel", "yak"]
    assert sum(int(row["support"]) for row in table) == 300
    _, out, _ = run(capsys, "eval", data, *COLUMNS, "--format", "markdown")
    assert "| f1 |" in out
    target = tmp_path / "report.parquet"
    status, out, _ = run(capsys, "eval", data, *COLUMNS, "-o", target)
    assert (status, out) == (0, "")
    assert pq.read_table(target)["label"].to_pylist() == ["cat", "dog", "eel", "yak"]


def test_chosen_metrics(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "eval", data, *COLUMNS, "--metrics", "f3_macro,cohen_kappa", "--format", "csv")
    assert out.splitlines()[0] == "metric,value"
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["f3_macro", "cohen_kappa"]


def test_gate(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(
        capsys, "eval", data, *COLUMNS, "--fail-under", "f1_macro=0.99", "--fail-under", "accuracy=0.1"
    )
    assert status == 1
    assert "rows scored" in out
    assert re.fullmatch(r"streamavg: f1_macro is 0\.\d+, under the required 0\.99\n", err)
    assert run(capsys, "eval", data, *COLUMNS, "--fail-under", "f1_macro=0.1")[0] == 0


def test_confusion_and_labels(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("yak\ndog\ncat\n", encoding="utf-8")
    arguments = ("eval", data, *COLUMNS, "--labels", labels, "--unknown", "count", "--confusion")
    status, out, _ = run(capsys, *arguments)
    true, pred = rows()
    assert status == 0
    assert f"{true.count('eel'):,} truth outside the declared labels" in out
    other = sum(t != "eel" and p == "eel" for t, p in zip(true, pred, strict=True))
    assert f"{other:,} rows with prediction outside the declared labels" in out
    assert "Commonest errors" in out
    _, out, _ = run(capsys, *arguments, "--format", "json")
    assert [entry["label"] for entry in json.loads(out)["classes"]] == ["yak", "dog", "cat"]


def damaged(folder: Path) -> dict[str, list[object]]:
    """Arguments that must each end in one line and status 2."""
    true, pred = rows()
    good, cut, empty = folder / "good.parquet", folder / "cut.parquet", folder / "empty"
    pq.write_table(pa.table({"y_true": true, "y_pred": pred}), good)
    cut.write_bytes(good.read_bytes()[:-300])
    empty.mkdir()
    mixed = folder / "mixed"
    mixed.mkdir()
    pq.write_table(pa.table({"y_true": true, "y_pred": pred}), mixed / "a.parquet")
    pq.write_table(pa.table({"y_true": [1, 2], "y_pred": [1, 1]}), mixed / "b.parquet")
    cases: dict[str, list[object]] = {
        "there is no column 'lable'": [good, "--y-true", "lable"],
        "cut.parquet": [cut],
        "empty": [empty],
        "no such file": [folder / "absent.parquet"],
        "b.parquet": [mixed],
        "there is no metric 'f1_makro'": [good, "--metrics", "f1_makro"],
        "METRIC=NUMBER": [good, "--fail-under", "f1_macro"],
        "plain f1 is for binary": [good, "--metrics", "f1"],
        "--input-format": ["-"],
    }
    half, huge, blank = folder / "half.parquet", folder / "huge.parquet", folder / "blank.parquet"
    pq.write_table(pa.table({"y_true": [1.0, 0.5], "y_pred": [1.0, 1.0]}), half)
    pq.write_table(pa.table({"y_true": pa.array([1, 2**63], pa.uint64()), "y_pred": [1, 1]}), huge)
    pq.write_table(pa.table({"y_true": pa.array([None, None], pa.int32()), "y_pred": [1, 1]}), blank)
    cases["half.parquet: column 'y_true': 0.5 at row 1"] = [half]
    cases["huge.parquet: column 'y_true': 9223372036854775808 at row 1"] = [huge]
    cases["no row could be scored: 2 rows seen, all skipped: 2 no truth (null)"] = [blank]
    return cases


def test_bad_input_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for expected, arguments in damaged(tmp_path).items():
        status, out, err = run(capsys, "eval", *arguments)
        assert (status, out) == (2, ""), expected
        assert expected in err
        assert len(err.splitlines()) == 1, err


def test_usage_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["eval"], ["eval", "x", "--no-such-flag"], ["evaluate"], ["eval", "x", "--threads", "0"]):
        status, out, err = run(capsys, *arguments)
        assert (status, out, len(err.splitlines())) == (2, "", 1)


def test_output_is_checked_before_counting(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "eval", data, *COLUMNS, "-o", tmp_path / "no" / "folder.json")
    assert (status, out) == (2, "")
    assert "there is no folder" in err


def test_evil_names_never_reach_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = ["\x1b[2J", "a\rb", "c\nd", "\u202egnp.exe", "\x7f", "=1+1", "[red]x[/red]", "", " "]
    path = tmp_path / "evil\x1b.parquet"
    pq.write_table(pa.table({"y_true": evil * 3, "y_pred": evil * 2 + evil[::-1]}), path)
    for style in ("table", "json", "csv", "markdown"):
        status, out, err = run(capsys, "eval", path, "--format", style)
        assert status == 0
        assert not CONTROL.search(out + err)
        assert "\u202e" not in out
    _, _, err = run(capsys, "eval", path, "--y-true", "\x1b[31mno")
    assert not CONTROL.search(err)


def test_metrics_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "metrics", "--format", "json")
    entries = {entry["name"]: entry for entry in json.loads(out)}
    assert entries["f1"]["formula"] == "2 * TP / (2 * TP + FP + FN)"
    assert entries["f1"]["averages"] == ["micro", "macro", "weighted", "samples"]
    _, out, _ = run(capsys, "metrics")
    assert "matthews_corrcoef" in out


def process(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "streamavg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120, **options)  # type: ignore[call-overload]


def test_standard_input_and_a_closed_pipe(tmp_path: Path) -> None:
    true, pred = rows()
    text = "y_true,y_pred\n" + "".join(f"{t},{p}\n" for t, p in zip(true, pred, strict=True))
    done = process("eval", "-", "--input-format", "csv", "--format", "json", input=text.encode())
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == 300
    command = f"{sys.executable} -m streamavg metrics | head -1"
    piped = subprocess.run(command, shell=True, capture_output=True, check=False, text=True)
    assert piped.stderr == ""


def test_interrupt_is_one_line_and_130(tmp_path: Path) -> None:
    waiting = [sys.executable, "-m", "streamavg", "eval", "-", "--input-format", "jsonl"]
    running = subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(b'{"y_true": 1, "y_pred": 1}\n' * 1000)
    running.stdin.flush()
    time.sleep(3)  # until it reads; 0.5 s on an idle machine
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, b"")
    assert err == b"streamavg: stopped by SIGINT\n"


def test_full_disk_is_status_3(data: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    done = process("eval", data, *COLUMNS, "-o", "/dev/full")
    assert done.returncode == 3
    assert done.stderr == b"streamavg: disk or network failed: [Errno 28] No space left on device: '/dev/full'\n"


# ---- saved states


@pytest.fixture
def shards(data: Path, tmp_path: Path) -> list[Path]:
    """The rows of `data` as two state files."""
    table = pq.read_table(data)
    paths = [tmp_path / "one.sav", tmp_path / "two.sav"]
    for path, part in zip(paths, (table.slice(0, 100), table.slice(100)), strict=True):
        sa.evaluate(part, y_true="label", y_pred="answer").save(path)
    return paths


@pytest.mark.parametrize("style", ["table", "json", "csv", "markdown"])
def test_show_reports_the_sum_as_eval_reports_the_rows(
    data: Path, shards: list[Path], style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = ("--over", "supported", "--zero-division", "nan", "--explain", "recall", "--confusion", "--format", style)
    expected = run(capsys, "eval", data, *COLUMNS, *reading)
    assert run(capsys, "show", *shards, *reading) == expected
    assert run(capsys, "show", *shards[::-1], *reading) == expected


def test_show_has_gates_and_chosen_metrics(shards: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "show", *shards, "--metrics", "f1_macro", "--fail-under", "f1_macro=0.99")
    assert (status, "f1_macro" in out) == (1, True)
    assert err.endswith("under the required 0.99\n")


def test_unusable_states_are_one_line_and_status_4(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut, binary = tmp_path / "cut.sav", tmp_path / "binary.sav"
    cut.write_bytes(shards[0].read_bytes()[:-1])
    sa.from_confusion([0, 1], [[1, 2], [3, 4]], pos_label=1).save(binary)
    for expected, arguments in {
        "cut.sav: a damaged state, cut or extended": ["show", cut],
        "absent.sav: there is no such state file": ["show", tmp_path / "absent.sav"],
        "not a regular file": ["show", tmp_path],
        "binary.sav: the states were counted under different options: pos_label": ["show", *shards, binary],
        "two.sav: no streamavg state": ["diff", shards[0], tmp_path / "text" / "two.sav"],
    }.items():
        (tmp_path / "text").mkdir(exist_ok=True)
        (tmp_path / "text" / "two.sav").write_text("label,count")
        status, out, err = run(capsys, *arguments)
        assert (status, out, len(err.splitlines())) == (4, "", 1), err
        assert expected in err


def test_a_state_in_use_is_status_5(shards: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    def work(chosen: object) -> int:
        Checkpoint(shards[0])
        return 0

    with Checkpoint(shards[0]):
        assert cli._guarded(work, None) == 5  # type: ignore[arg-type]
        assert re.fullmatch(rf"streamavg: .*one\.sav: in use by process {os.getpid()} on .*\n", capsys.readouterr().err)
        assert run(capsys, "show", shards[0])[0] == 0, "reading needs no lock"


def test_show_warns_of_an_older_generation_and_of_one_run_twice(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = shards[0]
    with Checkpoint(one) as checkpoint:
        assert checkpoint.held is not None
        checkpoint.save(checkpoint.held.state, {})
    status, out, err = run(capsys, "show", one, f"{one}.1", "--format", "json")
    assert (status, json.loads(out)["rows"]) == (0, 200)
    says = r"warning: .*one\.sav\.1: of the same run as .*one\.sav, so rows may be in both; they are counted twice\n"
    assert re.fullmatch(says, err)
    one.write_bytes(b"")
    status, out, err = run(capsys, "show", one, "--format", "json")
    assert (status, json.loads(out)["rows"]) == (0, 100)
    assert err.startswith("warning: ")
    assert "is used instead" in err


def test_a_state_without_rows_or_with_negative_ones_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snap = sa.from_confusion(["a"], [[1]])
    for name, held in {"empty": sa.Snapshot(), "negative": snap - snap - snap}.items():
        held.save(tmp_path / name)
        status, out, err = run(capsys, "show", tmp_path / name)
        assert (status, out, len(err.splitlines())) == (2, "", 1)


def test_rows_owed_are_an_error_where_they_add_up_to_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "op.csv"
    path.write_text("y_true,y_pred,op\na,a,-\nb,a,+\n")
    status, out, err = run(capsys, "eval", path, "--op", "op")
    assert (status, out) == (2, "")
    assert "the state has negative counts" in err
    assert "label 'a' has TP -1" in err


def test_diff_shows_both_values(shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (sa.load(path) for path in shards)
    status, out, err = run(capsys, "diff", *shards)
    assert (status, err) == (0, "")
    line = next(line for line in out.splitlines() if line.startswith("f1_macro"))
    values = [one["f1_macro"], two["f1_macro"]]
    assert line.split()[1:] == [f"{values[0]:.4f}", f"{values[1]:.4f}", f"{values[1] - values[0]:+.4f}"]
    target = tmp_path / "diff.json"
    assert run(capsys, "diff", *shards, "--metrics", "f2_micro", "-o", target) == (0, "", "")
    made = json.loads(target.read_text())
    assert made["metrics"].keys() == {"f2_micro"}
    assert (made["a"]["rows"], made["b"]["rows"]) == (100, 200)
    assert run(capsys, "diff", *shards, "--metrics", "no_such")[0] == 2
    assert run(capsys, "diff", shards[0])[0] == 2


def test_wicked_paths_of_states_are_written_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = tmp_path / "e\x1b[31m\n.sav"
    sa.from_confusion(["a"], [[1]]).save(evil)
    for arguments in (["diff", evil, evil], ["show", evil, evil], ["show", f"{evil}x"]):
        _, out, err = run(capsys, *arguments)
        assert not CONTROL.search(out + err)


def test_weights_of_a_csv_file(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("y_true,y_pred,w\na,a,0.5\nb,a,2\na,b,0.25\n")
    assert cli.main(["eval", str(tmp_path / "rows.csv"), "--weight", "w", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["rows"], shown["weight"], shown["metrics"]["accuracy"]) == (3, 2.75, 0.5 / 2.75)
    assert cli.main(["eval", str(tmp_path / "rows.csv"), "--weight", "weight"]) == 2
    assert "no column 'weight' for sample_weight" in capsys.readouterr().err


# ---- exact areas


@pytest.fixture
def scored(tmp_path):
    """A Parquet file with the columns `y_true` and `y_score`, and its ROC AUC."""
    rng = np.random.default_rng(5)
    true = rng.random(3000) < 0.3
    scores = rng.random(3000) / 2 + 0.2 * true
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.table({"y_true": true, "y_score": scores}), path)
    return path, roc_auc_score(true, scores)


def test_exact_areas_in_a_report(scored, capsys):
    path, auc = scored
    for memory, passes in (((), 1), (("--exact-memory", "20KB"), 4)):
        command = ("eval", path, "--y-score", "y_score", "--exact-auc", *memory, "--format", "json", "--threads", 1)
        status, out, err = run(capsys, *command)
        assert status == 0
        assert json.loads(out)["metrics"]["roc_auc"] == pytest.approx(auc, abs=1e-12)
        told = re.fullmatch(r"note: the exact areas take (\d+) more passes .* within 20KB \(--exact-memory\)\n", err)
        assert err == "" if passes == 1 else int(told[1]) >= passes
    assert run(capsys, "eval", path, "--y-score", "y_score", "--exact-auc", "--fail-under", "roc_auc=0.999")[0] == 1


def test_exact_areas_that_cannot_be_found_are_one_line(scored, tmp_path, capsys):
    path, _ = scored
    state = tmp_path / "today.sav"
    refused = {
        "no state file keeps": ("--y-score", "y_score", "--checkpoint", state),
        "name the column that holds them with y_score (--y-score)": (),
        "must be a size such as 500MB": ("--y-score", "y_score", "--exact-memory", "some"),
        "give it more with exact_memory (--exact-memory)": ("--y-score", "y_score", "--exact-memory", "1"),
    }
    for reason, more in refused.items():
        status, out, err = run(capsys, "eval", path, "--exact-auc", *more)
        assert (status, out) == (2, "")
        assert reason in err
        assert sum(line.startswith("streamavg: ") for line in err.splitlines()) == 1
    assert not state.exists()
    done = process(
        "eval", "-", "--input-format", "parquet", "--y-score", "y_score", "--exact-auc", input=path.read_bytes()
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"standard input: it can be read only once" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_unweighted_counts_rows(tmp_path, capsys):
    """Metrics, gates and reports of weighted rows as those of rows, from files and from a state."""
    rng = np.random.default_rng(3)
    true, scores = rng.integers(0, 2, 300), rng.integers(0, 65, 300) / 64
    path, state = tmp_path / "rows.parquet", tmp_path / "rows.sav"
    pq.write_table(pa.table({"y_true": true, "s": scores, "w": rng.integers(0, 9, 300)}), path)
    command = ("eval", path, "--y-score", "s", "--weight", "w", "--checkpoint", state)
    plain = {"roc_auc": roc_auc_score(true, scores), "f1": f1_score(true, scores >= 0.5)}
    for asked in (command, ("show", state)):
        status, out, _ = run(capsys, *asked, "--unweighted", "--format", "json")
        assert status == 0
        found = json.loads(out)["metrics"]
        assert {name: found[name] for name in plain} == pytest.approx(plain, abs=1e-12)
        assert json.loads(run(capsys, *asked, "--format", "json")[1])["metrics"]["f1"] != found["f1"]
        for name, value in plain.items():
            for step, expected in ((-1e-9, 0), (1e-9, 1)):
                gate = f"{name}={value + step:.12f}"
                assert run(capsys, *asked, "--unweighted", "--fail-under", gate)[0] == expected
    assert "sample weights are left aside" in run(capsys, "show", state, "--unweighted")[1]
