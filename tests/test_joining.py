"""The join as a stage of `streamavg follow`: from one source or two, through restarts and kills; what it refuses."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

import streamavg as sa
from streamavg import cli
from streamavg.accumulator import Accumulator
from streamavg.checkpoint.writer import read
from streamavg.errors import InputError
from streamavg.joining import Joining
from tests.follower import Follower
from tests.sources.brokers import Mock


def events(count, seed=0, most=300):
    """Predictions, each with its truth some records later or before, in one stream; and the rows they make."""
    rng, placed, rows = random.Random(seed), [], []
    for i in range(count):
        true, pred = f"c{rng.randrange(5)}", f"c{rng.randrange(5)}"
        rows.append({"y_true": true, "y_pred": pred})
        placed.append((i, {"id": i, "y_pred": pred}))
        placed.append((i + rng.randrange(-most // 9, most), {"id": str(i), "y_true": true}))
    return [event for _, event in sorted(placed, key=lambda pair: pair[0])], rows


def written(path, rows, mode="w"):
    with path.open(mode) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(capsys, *arguments, status=0):
    asked = cli.main(["follow", *map(str, arguments), "--until-end", "--format", "json"])
    captured = capsys.readouterr()
    assert asked == status, captured.err
    return json.loads(captured.out) if status == 0 else captured.err


@pytest.fixture
def whole(tmp_path):
    return lambda rows: sa.evaluate(str(written(tmp_path / "all.jsonl", rows))).fingerprint()


def test_one_stream_of_both_through_a_restart(tmp_path, capsys, whole):
    stream, rows = events(2000)
    log, saved = written(tmp_path / "log.jsonl", stream[:1700]), tmp_path / "a.sav"
    first = run(capsys, log, "--join", "id", "--checkpoint", saved)
    assert 0 < first["rows"] < 1700 / 2
    written(log, stream[1700:], "a")
    report = run(capsys, log, "--join", "id", "--checkpoint", saved)
    assert (report["rows"], report["fingerprint"]) == (2000, whole(rows))
    kept = read(saved)
    assert kept.sources["run"] == {"matched": 2000, "records": 4000}
    again = run(capsys, log, "--join", "id", "--checkpoint", saved)
    assert again["fingerprint"] == report["fingerprint"]


def test_two_files_and_a_limit(tmp_path, capsys, whole):
    stream, rows = events(1000)
    written(tmp_path / "a.pred.jsonl", [event for event in stream if "y_pred" in event])
    written(tmp_path / "b.true.jsonl", [event for event in stream if "y_true" in event])
    report = run(capsys, tmp_path / "?.*.jsonl", "--join", "id", "--join-limit", "2000,24h")
    assert (report["rows"], report["fingerprint"]) == (1000, whole(rows))
    assert run(capsys, tmp_path / "?.*.jsonl", "--join", "id", "--join-limit", "100", status=2).count("no row") == 1


def test_the_end_says_what_the_join_did(tmp_path, capsys):
    """Counted by hand: 9 pairs, one of the ten predictions waits, 4 truths come twice."""
    stream = [{"id": i, "y_pred": "a"} for i in range(10)] + [{"id": i, "y_true": "a"} for i in range(9)]
    log = written(tmp_path / "log.jsonl", stream + [{"id": i, "y_true": "a"} for i in range(4)])
    saved = tmp_path / "a.sav"
    assert cli.main(["follow", str(log), "--join", "id", "--until-end", "--checkpoint", str(saved)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == ["note: 9 matched, 1 waiting (10.0 % of predictions without a truth), 4 duplicate"]
    assert cli.main(["show", str(saved)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"note: {saved}: 9 matched, 4 duplicate",
        f"note: {saved}: 1 record waits in it for the other half, in no sum",
    ]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ((range(30), range(0)), "0 rows seen; 30 predictions wait for a truth: is the second source missing?"),
        ((range(0), range(30)), "0 rows seen; 30 truths wait for a prediction: is the second source missing?"),
        ((range(30), range(50, 90)), "30 predictions wait for a truth and 40 truths wait for a prediction: no id"),
    ],
)
def test_no_pair_at_all_says_what_waits(tmp_path, capsys, ids, words):
    stream = [{"id": i, name: "a"} for name, each in zip(("y_pred", "y_true"), ids, strict=True) for i in each]
    assert words in run(capsys, written(tmp_path / "log.jsonl", stream), "--join", "id", status=2)


def test_no_pair_within_the_limit_says_so(tmp_path, capsys):
    stream = [{"id": i, name: "a"} for name in ("y_pred", "y_true") for i in range(300)]
    error = run(capsys, written(tmp_path / "log.jsonl", stream), "--join", "id", "--join-limit", "100", status=2)
    assert "of the records 300 expired, 199 orphan: raise --join-limit" in error
    assert len(error.splitlines()) == 1


def test_two_files_of_csv(tmp_path, capsys, whole):
    stream, rows = events(500)
    pred, true = [event for event in stream if "y_pred" in event], [event for event in stream if "y_true" in event]
    (tmp_path / "a.pred.csv").write_text("x,id,y_pred\n" + "".join(f"1,{e['id']},{e['y_pred']}\n" for e in pred))
    (tmp_path / "b.true.csv").write_text("y_true,id\n" + "".join(f"{e['y_true']},{e['id']}\n" for e in true))
    report = run(capsys, tmp_path / "?.*.csv", "--join", "id")
    assert (report["rows"], report["fingerprint"]) == (500, whole(rows))


def test_a_topic_and_a_file(tmp_path, capsys, whole):
    stream, rows = events(500)
    mock = Mock()
    mock.send("pred", [event for event in stream if "y_pred" in event], 2)
    mock.send("true", [event for event in stream if "y_true" in event], 1)
    true = written(tmp_path / "true.jsonl", [event for event in stream if "y_true" in event])
    saved, topics = tmp_path / "a.sav", [f"kafka://{mock.server}/{name}" for name in ("pred", "true")]
    for other in (true, topics[1]):
        report = run(capsys, topics[0], other, "--join", "id", "--checkpoint", f"{saved}{len(str(other))}")
        assert (report["rows"], report["fingerprint"]) == (500, whole(rows))
        again = run(capsys, topics[0], other, "--join", "id", "--checkpoint", f"{saved}{len(str(other))}")
        assert again["fingerprint"] == report["fingerprint"]


def test_what_does_not_go_together_is_one_line(tmp_path, capsys):
    stream, _ = events(50)
    log, saved, plain = (
        written(tmp_path / "log.jsonl", [*stream, {"id": 50, "y_pred": "c1"}]),
        tmp_path / "a.sav",
        tmp_path / "b.sav",
    )
    run(capsys, log, "--join", "id", "--checkpoint", saved)
    assert "records wait in it for their truth" in run(capsys, log, "--checkpoint", saved, status=4)
    assert "are joined by 'key' now" in run(capsys, log, "--join", "key", "--checkpoint", saved, status=4)
    assert cli.main(["eval", str(log), "--checkpoint", str(saved)]) == 4
    assert "records wait in it for their truth" in capsys.readouterr().err
    with pytest.raises(sa.StateError, match="records wait in it for their truth"):
        sa.Accumulator.resume(saved)
    assert sa.load(saved).rows == 50
    assert "--join-limit needs --join" in run(capsys, log, "--join-limit", "1", status=2)
    assert "the limit of a join is 'x'" in run(capsys, log, "--join", "id", "--join-limit", "x", status=2)
    assert "there is no column 'key' to join by" in run(capsys, log, "--join", "key", status=2)
    both = written(tmp_path / "both.jsonl", [{"id": 1, "y_true": "a", "y_pred": "b"}])
    run(capsys, both, "--checkpoint", plain)
    assert "counted without --join" in run(capsys, both, "--join", "id", "--checkpoint", plain, status=4)
    assert cli.main(["merge", str(saved), str(plain), "-o", str(tmp_path / "c.sav")]) == 0
    assert "1 record waits in it" in capsys.readouterr().err


def test_rows_that_cannot_be_counted_do_not_leave_the_buffer(tmp_path, capsys):
    """What was saved before an error is what is gone on from."""
    stream, _ = events(300)
    log, saved = written(tmp_path / "log.jsonl", stream), tmp_path / "a.sav"
    options = ["--join", "id", "--labels", written(tmp_path / "x", []), "--unknown", "error", "--checkpoint", saved]
    (tmp_path / "x").write_text("".join(f"c{i}\n" for i in range(5)))
    before = run(capsys, log, *options)
    written(log, [{"id": "z", "y_true": "wild"}, {"id": "z", "y_pred": "c1"}, {"id": "q", "y_pred": "c1"}], "a")
    err = run(capsys, log, *options, status=2)
    assert "the last rows are not saved: they were being joined" in err
    assert sa.load(saved).fingerprint() == before["fingerprint"]
    assert read(saved).sources["run"]["records"] == 600


def test_the_columns_that_sources_hand_out():
    joining = Joining("id", "1e6", Accumulator(sample_weight="w")._options)
    assert joining.columns_of(["x", "y_pred", "id"]) == ["id", "y_true", "y_pred", "w"]
    with pytest.raises(InputError, match=r"no column 'id' to join by, or no 'y_true' or 'y_pred' beside it"):
        joining.columns_of(["y_pred", "w"])
    with pytest.raises(InputError, match="beside it"):
        joining.columns_of(["id", "w"])


@pytest.mark.long
def test_a_million_records_with_kills_are_a_batch_join(tmp_path, capsys, whole, record_property):
    """20 SIGKILLs while predictions and truths are written to two files."""
    stream, rows = events(500_000, most=20_000)
    pred, true, saved = (tmp_path / name for name in ("a.pred.jsonl", "b.true.jsonl", "a.sav"))
    pred.touch(), true.touch()
    command = [tmp_path / "?.*.jsonl", "--join", "id", "--join-limit", "2e6", "--checkpoint", saved, "--no-progress"]
    rng, parts, seen, start = random.Random(5), 21, [], time.monotonic()
    follower = Follower(tmp_path)
    follower.start(*command, "--every", "50ms", "--batch-age", "50ms")
    for part in range(parts):
        some = stream[part * len(stream) // parts : (part + 1) * len(stream) // parts]
        written(pred, [event for event in some if "y_pred" in event], "a")
        written(true, [event for event in some if "y_true" in event], "a")
        time.sleep(rng.uniform(0.1, 1.0))
        seen.append(sa.load(saved).rows)
        assert follower.kill() == -signal.SIGKILL, follower.said
        if part < 20:
            follower.start(*command, "--every", "50ms", "--batch-age", "50ms")
    follower.close()
    assert len(set(seen)) > 10, "it counts between the kills"
    report = run(capsys, *command)
    assert (report["rows"], report["fingerprint"]) == (500_000, whole(rows))
    counters = read(saved).sources["run"]
    assert {name: counters.get(name) for name in ("matched", "duplicate", "expired", "orphan")} == {
        "matched": 500_000,
        "duplicate": None,
        "expired": None,
        "orphan": None,
    }
    record_property("seconds", time.monotonic() - start)
