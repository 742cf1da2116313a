"""A topic as a stream: librdkafka's mock cluster in every run, a real broker and kills in the long form."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import time

import pytest

import streamavg as sa
from streamavg import cli
from streamavg.accumulator import Accumulator
from streamavg.checkpoint.kept import position_in
from streamavg.checkpoint.writer import read
from streamavg.errors import InputError, MismatchError
from streamavg.join import JoinBuffer
from streamavg.position import Position
from streamavg.sources import broker, kafka
from streamavg.sources.feed import Opening
from streamavg.sources.kafka import KafkaFeed
from tests.follower import Follower
from tests.sources.brokers import Mock, free_port, real_broker, records, send


@pytest.fixture(scope="module")
def mock():
    return Mock()


def opened(url, position=None, **more) -> KafkaFeed:
    more = {"until_end": True, **more}
    return KafkaFeed(url, Opening(Accumulator()._options.columns_of, position=position or Position(), **more))


class Read:
    """What a feed hands out until its end, or until `enough` records."""

    def __init__(self, feed, enough=None, seconds=20.0):
        self.pieces, self.position, self.rows, self.malformed = [], Position(), [], 0
        deadline = time.monotonic() + seconds
        for arrival in feed.arrivals():
            assert time.monotonic() < deadline, (len(self.rows), feed.tallies)
            if arrival is not None:
                self.pieces.append(arrival)
                self.position = self.position + Position.of([(arrival.source, arrival.piece.spans, "")])
                self.rows += [tuple(row.values()) for row in arrival.piece.batch.to_pylist()]
                self.malformed += arrival.piece.malformed
            if enough is not None and len(self.rows) + self.malformed >= enough:
                break
        self.tallies, self.lag = feed.tallies, feed.lag
        feed.close()

    @property
    def ranges(self):
        return {source.name.rpartition("/")[2]: counted.ranges for source, counted in self.position.files.items()}


def test_all_partitions_are_read_to_their_ends_and_gone_on_with(mock):
    for partition in range(3):
        mock.send("all", records(10 * partition, partition), partition)
    url = f"kafka://{mock.server}/all"
    first = Read(opened(url))
    assert len(first.rows) == 30
    assert first.ranges == {"1": ((0, 0, 0, 10),), "2": ((0, 0, 0, 20),)}
    assert first.lag == {"records": 0}
    again = Read(opened(url, first.position))
    assert again.pieces == []
    mock.send("all", records(4), 0)
    mock.send("all", records(5), 2)
    more = Read(opened(url, first.position))
    assert more.ranges == {"0": ((0, 0, 0, 4),), "2": ((0, 20, 0, 25),)}
    assert (first.position + more.position).overlap(again.position) is None


def test_a_partition_is_known_by_its_cluster_and_not_by_the_address_that_was_given(mock):
    mock.send("named", records(3))
    there = Read(opened(f"kafka://{mock.server}/named")).position
    port = mock.server.rpartition(":")[2]
    assert Read(opened(f"kafka://localhost:{port}/named", there)).rows == []
    other = Position({source._replace(digest="0" * 32): counted for source, counted in there.files.items()})
    with pytest.raises(InputError, match="another cluster than was counted"):
        Read(opened(f"kafka://{mock.server}/named", other))


def test_c14_partitions_that_move_leave_no_offset_out_and_none_twice(mock):
    for partition in range(2):
        mock.send("moving", records(10, partition), partition)
    url = f"kafka://{mock.server}/moving"
    one = Read(opened(url, partitions=[0, 1])).position
    for partition in range(2):
        mock.send("moving", records(5), partition)
    two = Read(opened(url, partitions=[1], beside=one))
    assert two.ranges == {"1": ((0, 10, 0, 15),)}
    rest = Read(opened(url, one, partitions=[0], beside=two.position))
    assert rest.ranges == {"0": ((0, 10, 0, 15),)}
    mock.send("moving", records(1), 1)
    back = Read(opened(url, one + rest.position, beside=two.position))
    assert back.ranges == {"1": ((0, 15, 0, 16),)}
    both = one + rest.position + back.position
    assert {c.ranges for s, c in both.files.items() if s.name.endswith("1")} == {((0, 0, 0, 10), (0, 15, 0, 16))}
    assert all(c.ranges in (((0, 0, 0, 15),), ((0, 0, 0, 16),)) for c in (both + two.position).files.values())
    with pytest.raises(MismatchError, match="moving/1"):
        _ = two.position + Read(opened(url, partitions=[1])).position


def test_tombstones_and_bad_messages(mock):
    good = {"y_true": "a", "y_pred": "a"}
    mock.send("bad", [good, None, b"", b"{", good, None])
    read = Read(opened(f"kafka://{mock.server}/bad"))
    assert (len(read.rows), read.malformed) == (2, 2)
    assert read.tallies == {"tombstone": 2}
    assert read.ranges == {"0": ((0, 0, 0, 6),)}
    mock.send("bad", [None, None])
    more = Read(opened(f"kafka://{mock.server}/bad", read.position))
    assert (more.rows, more.tallies, more.ranges) == ([], {"tombstone": 2}, {"0": ((0, 6, 0, 8),)})


class Message:
    """What confluent_kafka hands out, as far as the feed looks at it."""

    def __init__(self, offset, value=b'{"y_true": "a", "y_pred": "b"}', partition=0):
        self._offset, self._value, self._partition = offset, value, partition

    def error(self):
        return None

    def offset(self):
        return self._offset

    def value(self):
        return self._value

    def partition(self):
        return self._partition


def test_c14_replays_duplicates_and_holes(mock):
    """A broker that sends again what was read, in any order, and a log with holes from compaction."""
    mock.send("holes", records(1))
    feed = opened(f"kafka://{mock.server}/holes")
    try:
        stream = feed.arrivals()
        first = next(arrival for arrival in stream if arrival is not None)
        assert first.piece.spans[0].after == (0, 1)
        offsets = [5, 3, 5, 9, 9, 0, 12]
        (arrival,) = feed._arrived([Message(offset) for offset in offsets])
        assert arrival.piece.batch.num_rows == 3
        assert arrival.piece.spans[0] == (0, 1, 3, (0, 13))
        assert feed.tallies == {"replayed": 4}
        assert list(feed._arrived([Message(12), Message(2), Message(4, partition=7)])) == []
        (arrival,) = feed._arrived([Message(offset) for offset in (2, 4, 13)])
        assert arrival.piece.spans[0] == (0, 13, 1, (0, 14))
    finally:
        feed.close()


def test_what_the_broker_has_deleted_is_an_error_or_a_counted_gap(mock):
    """The mock cluster keeps about 5 MiB of a partition."""
    value = json.dumps({"y_true": "a", "y_pred": "b", "x": "." * 20_000}).encode()
    mock.send("short", [value] * 10)
    url, said = f"kafka://{mock.server}/short", []
    before = Read(opened(url, note=said.append)).position
    mock.send("short", [value] * 500)
    with pytest.raises(
        InputError, match=r"/short/0: [0-9]+ offsets from 10 on were deleted .*--on-gap skip goes on at"
    ):
        Read(opened(url, before))
    after = Read(opened(url, before, on_gap="skip", note=said.append))
    (low, end) = (after.ranges["0"][0][1], 510)
    assert 10 < low < end
    assert (len(after.rows), after.tallies["gap"]) == (end - low, low - 10)
    assert "were deleted before they were read; going on at" in said[0]
    assert len(Read(opened(url)).rows) == end - low, "the first start is from the first message there is"


def test_what_is_deleted_while_it_is_followed_is_a_gap(mock):
    value = json.dumps({"y_true": "a", "y_pred": "b", "x": "." * 20_000}).encode()
    mock.send("late", [value] * 3)
    feed = opened(f"kafka://{mock.server}/late", until_end=False, on_gap="skip")
    try:
        stream = feed.arrivals()
        assert next(arrival for arrival in stream if arrival is not None).piece.batch.num_rows == 3
        mock.send("late", [value] * 600)
        low = feed._broker.first_offset(0)
        assert low > 3
        feed._broker.read_from({0: 3}, again=True)  # what a slow reader would ask for
        feed._next[0] = 3
        rows, deadline = 0, time.monotonic() + 20
        while rows < 603 - low:
            arrival = next(stream)
            assert time.monotonic() < deadline
            rows += arrival.piece.batch.num_rows if arrival else 0
        assert (rows, feed.tallies) == (603 - low, {"gap": low - 3})
    finally:
        feed.close()


def test_an_offset_beyond_the_end_is_another_topic(mock):
    mock.send("fresh", records(5))
    url = f"kafka://{mock.server}/fresh"
    (source,) = Read(opened(url)).position.files
    with pytest.raises(InputError, match="offset 1,000 is beyond its end; was the topic deleted and made again"):
        Read(opened(url, Position.of([(source, [kafka.Span(0, 0, 1, (0, 1000))], "")])))


def test_partitions_that_are_not_there(mock):
    mock.send("four", records(1))
    with pytest.raises(InputError, match="no partition 9; the topic has 4, from 0"):
        Read(opened(f"kafka://{mock.server}/four", partitions=[0, 9]))


def test_a_new_partition_is_read_from_its_start(mock):
    mock.send("grown", records(2), 0)
    mock.send("grown", records(3), 1)
    feed = opened(f"kafka://{mock.server}/grown", until_end=False)
    try:
        while not feed._next:
            found = feed._broker.answers.get(timeout=10)
            if isinstance(found, broker.Found):
                feed._broker.answers.put(found._replace(starts={0: 0}))
                feed._hear()
                assert list(feed._next) == [0]
                feed._broker.answers.put(found)
        assert len(Read(feed, enough=5).rows) == 5
    finally:
        feed.close()


def test_a_broker_that_is_not_there(monkeypatch):
    monkeypatch.setattr(kafka, "START", 0.5)
    said = []
    with pytest.raises(OSError, match=r"kafka://127.0.0.1:1/t: no broker answered within 0 s \(.*refused.*\)"):
        Read(opened("kafka://127.0.0.1:1/t", note=said.append))
    assert "no broker answers" in said[0]


def run(capsys, *arguments, status=0):
    assert cli.main(["follow", *map(str, arguments), "--until-end", "--format", "json"]) == status
    captured = capsys.readouterr()
    return json.loads(captured.out) if status == 0 else captured.err


def test_the_command_counts_as_eval_does(mock, tmp_path, capsys):
    rows = records(3000)
    for partition in range(4):
        mock.send("command", rows[partition::4][:500], partition)
    url, saved = f"kafka://{mock.server}/command", tmp_path / "a.sav"
    assert run(capsys, url, "--checkpoint", saved)["rows"] == 2000
    for partition in range(4):
        mock.send("command", rows[partition::4][500:], partition)
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = run(capsys, url, "--checkpoint", saved)
    assert report["fingerprint"] == sa.evaluate(str(file)).fingerprint()
    assert run(capsys, url, file)["rows"] == 6000, "a topic and a file side by side"


def test_windows_are_whole_though_one_partition_is_read_before_another(mock, tmp_path, capsys):
    """600 s in two partitions, an hour of another day in a third: caught up with, no row is late for its window."""
    for partition in range(2):
        rows = [{"y_true": "a", "y_pred": "b", "ts": 1.7e9 + i / 10} for i in range(partition, 6000, 2)]
        mock.send("timed", rows, partition)
    mock.send("timed", [{"y_true": "a", "y_pred": "b", "ts": 1.69e9 + i} for i in range(0, 3600, 60)], 2)
    emitted, saved = tmp_path / "out.jsonl", tmp_path / "a.sav"
    options = ["--window", "1m", "--time", "ts", "--emit", emitted, "--checkpoint", saved]
    run(capsys, f"kafka://{mock.server}/timed", *options)
    assert "late" not in read(saved).sources["run"]
    windows = [json.loads(line) for line in emitted.read_text().splitlines()]
    windows = {each["window_start"]: each["rows"] for each in windows if each["kind"] == "window"}
    whole = sa.load(saved).slices
    assert len(windows) > 60
    assert {start: whole[(dt.datetime.fromisoformat(start),)].rows for start in windows} == windows


def test_topics_in_python_are_joined(mock):
    mock.send("py-pred", [{"id": i, "y_pred": f"c{i % 3}"} for i in range(50)], 1)
    mock.send("py-true", [{"id": i, "y_true": f"c{i % 2}"} for i in range(50)], 3)
    (topic,) = sa.sources.follow(f"kafka://{mock.server}/py-pred", ["id"], until_end=True, partitions=[1])
    assert topic["id"].to_pylist() == list(range(50))
    buffer, acc = JoinBuffer("id"), sa.Accumulator()
    both = [f"kafka://{mock.server}/py-{name}" for name in ("pred", "true")]
    for batch in sa.sources.follow(both, ["id", "y_true", "y_pred"], until_end=True, missing="null"):
        for pairs in buffer.join(batch):
            acc.update(pairs)
    expected = sa.Accumulator()
    expected.update({"y_true": [f"c{i % 2}" for i in range(50)], "y_pred": [f"c{i % 3}" for i in range(50)]})
    assert acc.snapshot() == expected.snapshot()


def test_states_of_two_followers_are_merged_if_their_offsets_are_apart(mock, tmp_path, capsys):
    rows = records(400)
    for partition in range(2):
        mock.send("pair", rows[partition::2], partition)
    url, (a, b, c) = f"kafka://{mock.server}/pair", (tmp_path / name for name in "abc")
    run(capsys, url, "--partitions", "0", "--checkpoint", a)
    run(capsys, url, "--partitions", "0,1", "--beside", a, "--checkpoint", b)
    assert cli.main(["merge", str(a), str(b), "-o", str(c)]) == 0
    capsys.readouterr()
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sa.load(c) == sa.evaluate(str(file))
    run(capsys, url, "--partitions", "0", "--checkpoint", tmp_path / "d")
    assert cli.main(["merge", str(a), str(tmp_path / "d"), "-o", str(c)]) == 4
    assert "pair/0 are in a state before it too" in capsys.readouterr().err


def test_faults_of_the_command_are_one_line(mock, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kafka, "START", 0.3)
    err = run(capsys, "kafka://127.0.0.1:1/t", status=3)
    assert err.splitlines()[-1].startswith(
        "streamavg: disk or network failed: kafka://127.0.0.1:1/t: no broker answered"
    )
    assert run(capsys, "kafka://h:9092", status=2).count("\n") == 1
    assert "--partitions is for topics of Kafka" in run(capsys, tmp_path, "--partitions", "0", status=2)
    with pytest.raises(SystemExit):
        run(capsys, "kafka://h:9092/t", "--partitions", "0,x", status=2)


@pytest.mark.long
def test_a_real_broker_says_what_is_wrong(capsys):
    with real_broker() as server:
        assert "there is no such topic" in run(capsys, f"kafka://{server}/none", status=2)


@pytest.mark.long
def test_a_broker_that_goes_away_is_waited_for(tmp_path):
    """And said to be away, and to be back."""
    port, saved = free_port(), tmp_path / "a.sav"
    follower, url = Follower(tmp_path), f"kafka://127.0.0.1:{port}/t"

    def told(text, seconds=30.0):
        deadline = time.monotonic() + seconds
        while text not in follower.said:
            assert time.monotonic() < deadline, follower.said
            time.sleep(0.05)

    with real_broker(port) as server:
        create(server, records(100), 1)
        follower.start(url, "--checkpoint", saved, "--every", "50ms", "--no-progress")
        while not (saved.exists() and sa.load(saved).rows == 100):
            time.sleep(0.05)
    told(f"warning: {url}: no broker answers (")
    with real_broker(port) as server:
        create(server, records(130), 1)
        told(f"note: {url}: a broker answers again")
        while sa.load(saved).rows < 130:  # from offset 100 on
            time.sleep(0.05)
        assert follower.kill(signal.SIGTERM) == 128 + signal.SIGTERM
    assert sa.load(saved).rows == 130
    follower.close()


def create(server, rows, partitions):
    """Make the topic t with these rows."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": server, "log_level": 0})  # its futures fail once it is gone
    admin.create_topics([NewTopic("t", partitions, 1)])["t"].result(30)
    producer = Producer({"bootstrap.servers": server, "linger.ms": 5, "log_level": 0})
    for partition in range(partitions):
        send(producer, "t", rows[partition::partitions], partition)
    return producer


MESSAGES = int(os.environ.get("KAFKA_MESSAGES", "1000000"))


class Followers:
    """Two processes that follow a topic, a state file each, and some of its partitions each."""

    def __init__(self, url, folder):
        self._url, self.states, self.kills, self.moves = url, [folder / "a.sav", folder / "b.sav"], 0, 0
        self._parts = [[0, 1], [2, 3]]
        for name in "ab":
            (folder / name).mkdir()
        self._runs = [Follower(folder / name) for name in "ab"]

    def arguments(self, who):
        mine, other = self.states[who], self.states[1 - who]
        beside = ["--beside", other] if other.exists() else []
        numbers = ",".join(map(str, self._parts[who]))
        return [self._url, "--partitions", numbers, "--checkpoint", mine, "--every", "50ms", *beside]

    def start(self, *who):
        for each in who:
            self._runs[each].start(*self.arguments(each), "--no-progress")

    def kill(self, who, number=signal.SIGKILL):
        status = self._runs[who].kill(number)
        assert status in (-number, 128 + number), self._runs[who].said
        self.kills += number == signal.SIGKILL

    def move(self, rng):
        """Another share of the partitions for each, never what it was."""
        for who in range(2):
            self.kill(who, rng.choice([signal.SIGTERM, signal.SIGKILL]))
        before = self._parts[0]
        while self._parts[0] == before:
            order, cut = rng.sample(range(4), 4), rng.randint(1, 3)
            self._parts = [sorted(order[:cut]), sorted(order[cut:])]
        self.start(0, 1)
        self.moves += 1

    def close(self):
        for run in self._runs:
            run.close()


@pytest.mark.long
def test_kills_and_moves_over_a_real_broker(tmp_path, capsys, record_property):
    """20 SIGKILLs and 5 moves of partitions between two followers while messages come; their states are merged."""
    rng, began, rows = random.Random(8), time.monotonic(), records(MESSAGES)
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = file.read_bytes().splitlines()
    with real_broker() as server:
        producer = create(server, [], 4)
        followers, seen = Followers(f"kafka://{server}/t", tmp_path), []
        steps = rng.sample(["kill"] * 20 + ["move"] * 5, 25)
        followers.start(0, 1)
        for number, step in enumerate(steps):
            for partition in range(4):
                part = values[number * MESSAGES // 25 : (number + 1) * MESSAGES // 25][partition::4]
                send(producer, "t", part, partition)
            time.sleep(rng.uniform(0.2, 1.2))
            seen.append(sum(sa.load(state).rows for state in followers.states if state.exists()))
            who = rng.randrange(2)
            if step == "move":
                followers.move(rng)
            else:
                followers.kill(who)
                followers.start(who)
        for who in range(2):
            followers.kill(who)
            run(capsys, *followers.arguments(who))
        followers.close()
    assert (followers.kills >= 20, followers.moves) == (True, 5)
    assert len(set(seen)) > 15, "they count between the kills"
    merged = tmp_path / "c.sav"
    assert cli.main(["merge", *map(str, followers.states), "-o", str(merged)]) == 0
    assert sa.load(merged).fingerprint() == sa.evaluate(str(file)).fingerprint()
    held = [position_in(read(state)) for state in followers.states]
    assert all(position.files for position in held)
    both = held[0] + held[1]
    assert {counted.ranges for counted in both.files.values()} == {((0, 0, 0, MESSAGES // 4),)}
    record_property("seconds", time.monotonic() - began)
