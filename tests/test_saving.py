"""Saving: cut anywhere, gone on with on any number of threads, the counts are those of a run that nobody disturbed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.errors import InputError, MismatchError
from streamavg.position import Position
from streamavg.run import plan_rest
from streamavg.saving import Checkpointer, count_saving
from streamavg.sources import arrow_ipc, delimited, json_blocks, jsonl, parquet, rest
from streamavg.state.state import State
from tests.sources import samples
from tests.strategies import rngs

FORMATS = [".parquet", ".arrow", ".arrows", ".csv", ".tsv", ".jsonl", ".jsonl.gz", ".csv.zst"]
LABELS = ["cat", "dog", "007", "né", "two\nlines", 'q"uo,te']
NEVER = 1e9  # seconds


class CutError(Exception):
    """The run is cut here."""


class Box:
    """A state file in memory: what was saved last, as JSON where that is what would be in a file."""

    def __init__(self):
        self.state, self.text, self.saves = State(), json.dumps(Position().to_json()), 0

    def save(self, state, position):
        self.state, self.text, self.saves = state, json.dumps(position.to_json()), self.saves + 1

    @property
    def position(self):
        return Position.from_json(json.loads(self.text))


def count(sources, box, threads=1, cut=None, notes=None, every=NEVER, stop=None, **options):
    """Go on from what is in the box; cut after so many steps."""
    heard, lock = [], threading.Lock()

    def step(rows, size):
        with lock:
            heard.append(rows)
            if cut is not None and len(heard) >= cut:
                raise CutError

    units, position = plan_rest(sources, None, options, box.position, (notes if notes is not None else []).append)
    checkpointer = Checkpointer(box.save, every, box.state, position, stop or threading.Event())
    return count_saving(units, threads, options, checkpointer, step)


def finished(sources, box, **options):
    outcome = count(sources, box, **options)
    assert not outcome.stopped
    assert outcome.snapshot.state.fingerprint == box.state.fingerprint
    return outcome.snapshot.fingerprint()


def whole(sources, **options):
    return sa.evaluate(sources, **options).fingerprint()


@pytest.fixture(scope="module", autouse=True)
def _small_units():
    """Readers that cut everything small, so that small files have many boundaries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "UNIT_ROWS", 7)
        patch.setattr(parquet, "BATCH_ROWS", 3)
        patch.setattr(arrow_ipc, "UNIT_BYTES", 300)
        patch.setattr(arrow_ipc, "SLICE_ROWS", 2)
        patch.setattr(json_blocks, "BLOCK", 64)
        patch.setattr(jsonl, "UNIT_BYTES", 200)
        patch.setattr(delimited, "BLOCK", 128)
        patch.setattr(rest, "STEP_ROWS", 2)
        yield


def write(path, rows, group=4):
    """The rows as a file; in Parquet and Arrow files of several parts, one of them empty, in text with bad lines."""
    kind = "".join(path.suffixes)
    if kind == ".parquet":
        path.write_bytes(samples.parquet(rows, row_group_size=group))
    elif kind == ".arrow":
        with pa.ipc.new_file(path, samples.table().schema) as writer:
            for start in range(0, len(rows), group):
                writer.write_table(samples.table(rows[start : start + group]).combine_chunks())
                writer.write_table(samples.table([]))
    else:
        samples.save(path, rows)
    return path


def some_rows(number, seed=0):
    draw = random.Random(seed)
    return [(draw.choice([*LABELS, None]), draw.choice([*LABELS, None])) for _ in range(number)]


def with_bad_lines(path, line):
    """Put lines that cannot be read between the others of a plain text file."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(each + (line if i % 3 == 1 else b"") for i, each in enumerate(lines)))
    return path


# ---- the law


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_cut_of_a_file_can_be_gone_on_from(tmp_path, suffix, threads):
    sources = [str(write(tmp_path / f"a{suffix}", some_rows(23))), str(write(tmp_path / f"b{suffix}", some_rows(5, 1)))]
    expected = whole(sources)
    for cut in range(1, 1000):
        box = Box()
        try:
            count(sources, box, threads=threads, cut=cut)
        except CutError:
            assert finished(sources, box, threads=3 - threads) == expected
            continue
        break
    assert cut > 10
    assert box.state.fingerprint == expected


@pytest.mark.parametrize(
    ("name", "bad"),
    [("a.jsonl", b'{"broken\n'), ("a.jsonl", b"  \n\n"), ("a.csv", b"one,two,three,four\n"), ("a.csv", b"\n")],
)
def test_every_cut_between_bad_lines(tmp_path, name, bad):
    rows = [row for row in some_rows(30) if "two\nlines" not in row]
    path = str(with_bad_lines(write(tmp_path / name, rows), bad))
    expected = sa.evaluate(path)
    assert bool(expected.skipped.get("malformed")) == (len(bad) > 5)
    for cut in range(1, 1000):
        box = Box()
        try:
            count(path, box, cut=cut)
        except CutError:
            assert finished(path, box) == expected.fingerprint()
            continue
        break
    assert cut > 5


@given(st.data())
@settings(max_examples=30)
def test_cut_again_and_again(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    for i, suffix in enumerate(data.draw(st.lists(st.sampled_from(FORMATS), min_size=1, max_size=4))):
        rows = some_rows(data.draw(st.integers(0, 40)), i)
        write(folder / f"{i}{suffix}", [("cat", "dog"), *rows], data.draw(st.sampled_from([1, 4, 9, 100])))
    expected, box, cuts = whole(str(folder)), Box(), 0
    rng = data.draw(rngs)  # how often it is cut depends on the threads, so nothing is drawn from here on
    while cuts < 50:
        try:
            count(str(folder), box, threads=rng.randint(1, 3), cut=rng.randint(1, 12))
            break
        except CutError:
            cuts += 1
    assert finished(str(folder), box) == expected


def test_other_sizes_of_units_find_their_way(tmp_path, monkeypatch):
    """Positions are in terms of the file: a later release may cut its units otherwise."""
    sources = [str(write(tmp_path / f"a{suffix}", some_rows(40))) for suffix in FORMATS]
    box = Box()
    with pytest.raises(CutError):
        count(sources, box, threads=2, cut=15)
    monkeypatch.setattr(parquet, "UNIT_ROWS", 1000)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 1000)
    monkeypatch.setattr(arrow_ipc, "UNIT_BYTES", 1 << 20)
    monkeypatch.setattr(jsonl, "UNIT_BYTES", 777)
    monkeypatch.setattr(json_blocks, "BLOCK", 1000)
    assert finished(sources, box) == whole(sources)


def test_nothing_is_read_twice(tmp_path):
    """Row groups, batches and lines that were counted are not even opened."""
    for suffix in FORMATS:
        source, box = str(write(tmp_path / f"a{suffix}", some_rows(40))), Box()
        assert finished(source, box) == whole(source)
        assert plan_rest(source, None, {}, box.position)[0] == []
        saved = box.text
        assert finished(source, box) == whole(source)
        assert box.text == saved


# ---- the rows of the fault matrix


def cut_in_half(sources, box, **options):
    with pytest.raises(CutError):
        count(sources, box, cut=3, **options)


def test_c1_a_log_that_grew_is_gone_on_with(tmp_path):
    for name in ("a.jsonl", "a.csv", "a.tsv"):
        path, rows = tmp_path / name, some_rows(60)
        for cut in (False, True):
            write(path, rows[:30])
            box = Box()
            if cut:
                cut_in_half(str(path), box)
            else:
                finished(str(path), box)
            write(path, rows)
            assert finished(str(path), box) == whole(str(path))
            assert box.state.seen == 60


def test_c1_a_log_grows_again_and_again_and_the_run_is_cut_each_time(tmp_path):
    for name in ("a.jsonl", "a.csv"):
        path, rows, box = tmp_path / name, some_rows(60), Box()
        for size in (20, 33, 47, 60):
            write(path, rows[:size])
            for cut in (1, 2, 3):
                with contextlib.suppress(CutError):
                    count(str(path), box, cut=cut)
        assert finished(str(path), box) == whole(str(path))
        assert box.state.seen == 60


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".jsonl.gz"])
def test_c1_another_file_that_grew_is_refused(tmp_path, suffix):
    path, box = tmp_path / f"a{suffix}", Box()
    write(path, some_rows(20))
    cut_in_half(str(path), box)
    size = path.stat().st_size
    write(path, some_rows(40))
    with pytest.raises(InputError, match=rf"a{suffix}: changed since it was counted \(it had {size} bytes and has"):
        count(str(path), box)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_an_unfinished_last_line_that_was_counted(tmp_path, name, goes_on):
    """Counted as it stood; if it goes on later, no count would be right any more."""
    path, box = tmp_path / name, Box()
    data = write(path, [("cat", "dog")] * 30).read_bytes()
    extra = {"a.jsonl": b'{"y_true": "cat", "y_pred": "cat"}', "a.csv": b'30,"cat","cat"'}[name]
    path.write_bytes(data + extra)
    finished(str(path), box)
    assert box.state.seen == 31
    path.write_bytes(data + extra + (b" \n" if goes_on else b"\n" + extra))
    if goes_on:
        with pytest.raises(InputError, match="counted without a line end and goes on"):
            count(str(path), box)
    else:
        assert finished(str(path), box) == whole(str(path))
        assert box.state.seen == 32


def test_a_csv_that_ended_within_quotes_and_grew_is_refused(tmp_path):
    path, box = tmp_path / "a.csv", Box()
    path.write_bytes(b'y_true,y_pred\ncat,dog\ncat,"do\n')
    try:
        finished(str(path), box)
    except InputError:
        return  # Arrow refuses the file as it is
    path.write_bytes(b'y_true,y_pred\ncat,dog\ncat,"do\ng"\n')
    with pytest.raises(InputError, match="goes on"):
        count(str(path), box)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.arrow", "a.jsonl.gz"])
def test_c2_a_file_that_was_truncated_is_refused(tmp_path, name):
    path, box = tmp_path / name, Box()
    write(path, some_rows(40))
    finished(str(path), box)
    before = path.read_bytes()
    path.write_bytes(before[: len(before) // 2])
    with pytest.raises(InputError, match=rf"{name}: changed since it was counted \(it had {len(before)} bytes"):
        count(str(path), box)
    assert box.saves == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_c3_a_log_that_was_truncated_and_grew_beyond_the_position_is_refused(tmp_path, name):
    path, box, same = tmp_path / name, Box(), some_rows(300)
    write(path, [*same, *some_rows(20, 1)])
    finished(str(path), box)
    assert path.stat().st_size > 2048
    write(path, [*same, *some_rows(40, 2)])
    with pytest.raises(InputError, match=r"the bytes before byte \d+ are others"):
        count(str(path), box)


def test_c5_a_new_file_with_the_inode_of_an_old_one_is_a_new_file(tmp_path):
    old, new, box = tmp_path / "old.csv", tmp_path / "new.csv", Box()
    write(old, some_rows(20))
    inode = old.stat().st_ino
    finished(str(tmp_path), box)
    counted = box.state.seen
    old.unlink()
    for _ in range(100):
        write(new, some_rows(20, 1))
        if new.stat().st_ino == inode:
            break
        new.unlink()
    write(new, some_rows(20, 1))
    finished(str(tmp_path), box)
    assert box.state.seen == counted + 20


@pytest.mark.parametrize("suffix", FORMATS)
def test_c6_other_content_with_the_same_size_and_time_is_refused(tmp_path, suffix):
    path, box = tmp_path / f"a{suffix}", Box()
    rows = [("cat", "dog"), ("dog", "cat")] * 10
    write(path, rows)
    stamp = path.stat()
    finished(str(path), box)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(InputError, match="changed since it was counted"):
        count(str(path), box)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.arrow"])
def test_c7_a_file_truncated_while_it_is_read(tmp_path, name):
    """What was counted before stays, the run fails, and going on is refused for the file has changed."""
    path, box = write(tmp_path / name, some_rows(60)), Box()
    units, position = plan_rest(str(path), None, {}, Position())
    truncated = []

    def step(rows, size):
        if rows and not truncated:
            truncated.append(os.truncate(path, path.stat().st_size // 3))

    with pytest.raises(InputError, match=name):
        count_saving(units, 1, {}, Checkpointer(box.save, NEVER, position=position), step)
    assert 0 < box.state.seen <= 60  # all of it where Arrow had read ahead
    with pytest.raises(InputError, match=r"changed since|damaged"):
        count(str(path), box)


def test_c10_a_stream_that_was_cut_off_is_refused_and_its_rows_not_finished(tmp_path):
    path, box = write(tmp_path / "a.arrows", some_rows(20)), Box()
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="end-of-stream marker"):
        count(str(path), box)
    assert plan_rest(str(path), None, {}, box.position)[0] != []


def test_c11_files_that_come_go_and_change_their_order(tmp_path):
    names = [f"{k}{suffix}" for k, suffix in enumerate([".parquet", ".csv", ".jsonl", ".arrow"])]
    paths = [str(write(tmp_path / name, some_rows(20, k))) for k, name in enumerate(names)]
    box, notes = Box(), []
    cut_in_half(paths[:3], box)
    assert finished(paths[2::-1], box) == whole(paths[:3])
    assert finished(paths, box, notes=notes) == whole(paths)
    assert notes == []
    assert finished(paths[1:], box, notes=notes) == whole(paths)
    assert notes == [f"1 files counted before are not among the sources now ({paths[0]}); their rows stay counted"]


def test_c11_a_file_reached_twice_counts_once(tmp_path):
    path = write(tmp_path / "a.csv", some_rows(20))
    (tmp_path / "link.csv").symlink_to("a.csv")
    os.link(path, tmp_path / "hard.csv")
    for sources in ([str(path), f"{tmp_path}/./a.csv"], [f"{tmp_path}/*.csv"], [str(tmp_path), f"{tmp_path}/link.csv"]):
        assert sa.evaluate(sources).seen == 20
        box = Box()
        finished(sources, box)
        finished([str(path)], box)
        finished([f"{tmp_path}/hard.csv"], box)
        assert box.state.seen == 20


def test_c11_a_file_under_a_new_name_is_not_counted_again(tmp_path):
    for suffix in FORMATS:
        path, box = write(tmp_path / f"a{suffix}", some_rows(60)), Box()
        cut_in_half(str(path), box)
        expected = whole(str(path))
        path = path.rename(tmp_path / f"moved{suffix}")
        assert finished(str(path), box) == expected
        assert [source.name for source in box.position.files] == [str(path)]


def test_c11_a_log_that_was_rotated(tmp_path):
    """The old log goes by another name and has grown, a new one by its old name."""
    path, box, rows = tmp_path / "log.jsonl", Box(), some_rows(150)
    write(path, rows[:80])
    finished(str(tmp_path), box)
    write(path.rename(tmp_path / "log-1.jsonl"), rows[:100])
    write(path, rows[100:])
    assert finished(str(tmp_path), box) == whole(str(tmp_path))
    assert box.state.seen == 150


def test_copies_count_once_each(tmp_path):
    rows = some_rows(40)
    for suffix in FORMATS:
        folder, box = tmp_path / suffix, Box()
        folder.mkdir()
        for name in ("a", "b"):
            write(folder / f"{name}{suffix}", rows)
        cut_in_half(str(folder), box)
        assert finished(str(folder), box) == whole(str(folder))
        (folder / f"b{suffix}").rename(folder / f"c{suffix}")
        finished(str(folder), box)
        assert box.state.seen == 80
        write(folder / f"d{suffix}", rows)
        finished(str(folder), box)
        assert box.state.seen == 120


def test_c13_a_stream_is_refused(tmp_path):
    read, written = os.pipe()
    os.close(written)
    with pytest.raises(InputError, match="cannot be read again"):
        plan_rest(f"/dev/fd/{read}", "jsonl", {}, Position())
    os.close(read)
    with pytest.raises(InputError, match="a Table has no position"):
        plan_rest(samples.table(), None, {}, Position())


def test_b5_other_options_are_refused_before_anything_is_read(tmp_path):
    path, box = str(write(tmp_path / "a.csv", some_rows(20))), Box()
    finished(path, box)
    with pytest.raises(MismatchError, match=r"null_pred.*'wrong'.*'abstain'|null_pred.*'abstain'.*'wrong'"):
        count(path, box, null_pred="abstain")
    assert box.saves == 2


def test_b13_a_name_in_a_position_is_never_opened(tmp_path):
    canary = tmp_path / "canary"
    os.mkfifo(canary)  # opening it would wait for ever
    forged = {"files": [[str(canary), "jsonl", 90, "0" * 32, [[0, 0, 0, 60]], "1" * 32]]}
    path, notes = str(write(tmp_path / "a.csv", some_rows(20))), []
    units, _ = plan_rest(path, None, {}, Position.from_json(forged), notes.append)
    assert len(units) == 1
    assert len(notes) == 1


def held(counted):
    """The rows in the position of a file of 50 rows in groups of 4."""
    return sum(min(4 * c + d, 50) - (4 * a + b) for a, b, c, d in counted.ranges)


def test_g4_an_error_in_one_thread_stops_the_others_and_what_was_counted_stays(tmp_path):
    for k in range(6):
        write(tmp_path / f"{k}.parquet", [("cat", "dog")] * 50)
    bad = write(tmp_path / "7.parquet", [("cat", "dog")] * 25 + [("cat", None)] + [("cat", "dog")] * 24)
    box = Box()
    with pytest.raises(InputError, match=r"7\.parquet: .*null_pred is 'error'"):
        count(str(tmp_path), box, threads=3, null_pred="error")
    assert sum(map(held, box.position.files.values())) == box.state.seen < 7 * 50
    write(bad, [("cat", "dog")] * 50)
    (tmp_path / "8.parquet").write_bytes(bad.read_bytes())
    bad.unlink()
    # the file that failed was counted in part: without it, all the others are there exactly once
    finished(str(tmp_path), box, null_pred="error")
    part = {source.name: counted for source, counted in box.position.files.items()}.get(str(bad))
    assert box.state.seen == 7 * 50 + (held(part) if part else 0)


# ---- saves


def test_saves_are_whole_at_any_moment(tmp_path):
    """Each saved pair, wherever it was taken, is gone on from to the same end."""
    for k, suffix in enumerate(FORMATS):
        write(tmp_path / f"{k}{suffix}", some_rows(40, k))
    pairs = []
    options = {}
    units, position = plan_rest(str(tmp_path), None, options, Position())
    held = count_saving(units, 2, options, Checkpointer(lambda *pair: pairs.append(pair), 0.0, position=position))
    assert held.saves == len(pairs)
    assert len(pairs) > 4
    expected = whole(str(tmp_path))
    assert held.snapshot.fingerprint() == expected
    for state, position in random.Random(1).sample(pairs, min(len(pairs), 12)):
        box = Box()
        box.save(state, position)
        assert finished(str(tmp_path), box) == expected


class Flag:
    """What a signal handler sets."""

    def __init__(self):
        self.wanted = False

    def is_set(self):
        return self.wanted


def test_a_wish_to_stop_is_obeyed_and_told(tmp_path):
    path = str(write(tmp_path / "a.jsonl", some_rows(100)))
    flag, box = Flag(), Box()

    def step(rows, size):
        flag.wanted = True

    for seen in (0, 1, 2):  # one piece each time
        before = box.state.seen
        flag.wanted = seen == 0
        units, position = plan_rest(path, None, {}, box.position)
        checkpointer = Checkpointer(box.save, NEVER, box.state, position, flag)
        outcome = count_saving(units, 1, {}, checkpointer, step)
        assert outcome.stopped
        assert (box.state.seen > before) == (seen > 0)
        assert outcome.snapshot.seen == box.state.seen < 100
    assert finished(path, box) == whole(path)


def test_a_wish_to_stop_after_the_last_row_changes_nothing(tmp_path):
    path, box = str(write(tmp_path / "a.parquet", some_rows(2))), Box()
    flag = Flag()

    def step(rows, size):
        flag.wanted = not rows  # the unit has ended

    units, position = plan_rest(path, None, {}, Position())
    assert not count_saving(units, 1, {}, Checkpointer(box.save, position=position, stop=flag), step).stopped
    assert box.state.fingerprint == whole(path)


def test_an_interrupt_saves_what_was_counted_and_is_raised(tmp_path):
    """A signal handler on the main thread raises while two other threads count."""
    for k in range(4):
        write(tmp_path / f"{k}.jsonl", some_rows(100, k))
    box, heard = Box(), []
    units, position = plan_rest(str(tmp_path), None, {}, Position())

    def handler(number, frame):
        raise KeyboardInterrupt

    def step(rows, size):
        heard.append(rows)
        if len(heard) == 5:
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            count_saving(units, 2, {}, Checkpointer(box.save, NEVER, position=position), step)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert box.state.seen > 0
    assert finished(str(tmp_path), box) == whole(str(tmp_path))


def test_seconds_that_saves_make_others_wait_are_told(tmp_path):
    units, position = plan_rest(str(write(tmp_path / "a.jsonl", some_rows(100))), None, {}, Position())
    outcome = count_saving(units, 2, {}, Checkpointer(lambda *pair: None, 0.0, position=position))
    assert 0 <= outcome.blocked < outcome.counting
    assert outcome.saves >= 2


def test_a_save_that_fails_stops_the_run(tmp_path):
    path = str(write(tmp_path / "a.jsonl", some_rows(500)))

    def fail(state, position):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        count_saving(plan_rest(path, None, {}, Position())[0], 2, {}, Checkpointer(fail))


def test_a_save_that_fails_later_stops_the_run(tmp_path):
    path = str(write(tmp_path / "a.jsonl", some_rows(500)))
    pairs = []

    def save(state, position):
        pairs.append((state, position))
        if len(pairs) == 3:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        count_saving(
            plan_rest(path, None, {}, Position())[0],
            1,
            {},
            Checkpointer(save, 0.0),
            lambda rows, size: time.sleep(0.001),
        )
    assert len(pairs) == 3
