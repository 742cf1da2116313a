"""The state file on a disk: whatever stops a save, what is read afterwards is the old or the new state, whole."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

import streamavg as sa
from streamavg.checkpoint import disk
from streamavg.checkpoint.writer import Checkpoint, read
from tests.checkpoint.faults import BROKEN, KILLED, NO_SPACE, QUOTA, ended, failing, forked, killed_at, state, watched
from tests.checkpoint.test_wire import MAGIC, sealed, taken

SOURCES = {"log.jsonl": {"position": 7}}


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "held"
    folder.mkdir()
    return folder / "run.sav"


def saved(path, *numbers):
    """A file with these states saved one after the other."""
    with Checkpoint(path) as checkpoint:
        for number in numbers:
            checkpoint.save(state(number), SOURCES)


def names(path):
    return sorted(os.listdir(path.parent))


def flip(path, place=-1):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def previous(path):
    return Path(f"{path}.1")


WHOLE = ["run.sav", "run.sav.1", "run.sav.lock"]

# ---- it saves and reads


def test_what_is_saved_is_read(path):
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held is None
        for number in range(1, 5):
            checkpoint.save(state(number), {"position": number})
            found = read(path)
            assert (found.state.rows, found.sources, found.sequence) == (number, {"position": number}, number)
            assert (found.path, found.warning) == (str(path), None)
    assert names(path) == WHOLE
    assert read(previous(path)).state.rows == 3
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held == read(path) or checkpoint.held.lineage == read(path).lineage
        assert checkpoint.held.sources == {"position": 4}
        checkpoint.save(state(5), {})
        assert checkpoint.held.sequence == 4
    assert (read(path).sequence, read(path).lineage) == (5, found.lineage)


def test_lineages_are_of_one_run(path, tmp_path):
    saved(path, 1)
    saved(tmp_path / "other.sav", 1)
    assert read(path).lineage != read(tmp_path / "other.sav").lineage
    assert len(read(path).lineage) == 16


def test_a_closed_checkpoint_saves_no_more(path):
    saved(path, 1)
    with Checkpoint(path) as checkpoint:
        pass
    checkpoint.close()
    with pytest.raises(sa.StateError, match="was closed"):
        checkpoint.save(state(2), {})
    assert read(path).state.rows == 1


def test_without_syncs_nothing_is_synced(path):
    for durable in (True, False):
        synced = []

        def act(name, real, arguments, synced=synced):
            synced.extend([name] if name == "sync" else [])
            return real(*arguments)

        with watched(act), Checkpoint(path, durable=durable) as checkpoint:
            checkpoint.save(state(3), {})
        assert len(synced) == (2 if durable else 0), "the file, then its folder"
    assert read(path).state.rows == 3


def test_a_snapshot_is_saved_and_loaded(path):
    snap = sa.from_confusion(["cat", "dog"], [[8, 2], [1, 9]])
    snap.save(path)
    assert sa.load(path) == sa.load(str(path)) == sa.load(os.fsencode(path)) == snap
    first = read(path)
    (snap + snap).save(path)
    assert sa.load(path) == snap + snap
    assert sa.load(previous(path)) == snap
    assert read(path).sources == {}
    assert read(path).lineage != first.lineage, "another snapshot is not a later save of the same run"
    assert read(path).sequence == first.sequence + 1


def test_a_snapshot_does_not_overwrite_what_is_no_state(path):
    path.write_text("label,count\n")
    with pytest.raises(sa.StateError, match=r"run\.sav: no streamavg state"):
        sa.from_confusion(["a"], [[1]]).save(path)
    assert path.read_text() == "label,count\n"


def test_a13_a_damaged_state_is_not_saved(path):
    saved(path, 1)
    broken = state(2).__class__(config=state(2).config, counts=state(2).counts, rows=3)
    with Checkpoint(path) as checkpoint, pytest.raises(sa.StateError, match="not saved"):
        checkpoint.save(broken, {})
    assert read(path).state.rows == 1
    assert names(path) == ["run.sav", "run.sav.lock"]


# ---- damaged, missing, newer


def test_b1_the_previous_generation_stands_in_for_a_damaged_one(path):
    saved(path, 1, 2)
    flip(path)
    found = read(path)
    assert (found.state.rows, found.path) == (1, f"{path}.1")
    assert "does not match its digest" in found.warning
    assert "run.sav.1, is used instead" in found.warning
    with pytest.warns(UserWarning, match="is used instead"):
        assert sa.load(path).rows == 1
    assert names(path) == WHOLE, "reading changes nothing"
    bad = path.read_bytes()
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held.state.rows == 1
        assert "run.sav.corrupt" in checkpoint.held.warning
        checkpoint.save(state(9), {})
    assert read(path).state.rows == 9
    assert Path(f"{path}.corrupt").read_bytes() == bad
    assert names(path) == ["run.sav", "run.sav.1", "run.sav.corrupt", "run.sav.lock"]
    flip(path)
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held.state.rows == 1
    assert "run.sav.corrupt2" in names(path), "the first one is kept too"


@pytest.mark.parametrize("content", [b"", b"x", MAGIC, bytes(5000)])
def test_b1_a_file_of_another_content_is_damage(path, content):
    saved(path, 1, 2)
    path.write_bytes(content)
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held.state.rows == 1


def test_b1_a_missing_newest_is_reported(path):
    saved(path, 1, 2)
    path.unlink()
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held.state.rows == 1
        assert "it is missing" in checkpoint.held.warning
        checkpoint.save(state(3), {})
    assert (read(path).state.rows, read(previous(path)).state.rows) == (3, 1)


def test_b2_both_generations_bad_is_refused(path):
    saved(path, 1, 2)
    for damage in (lambda: flip(previous(path)), previous(path).unlink):
        flip(path)
        damage()
        before = {name: (path.parent / name).read_bytes() for name in names(path)}
        for attempt in (lambda: Checkpoint(path), lambda: read(path), lambda: sa.load(path)):
            with pytest.raises(sa.StateError, match="restore"):
                attempt()
        assert {name: (path.parent / name).read_bytes() for name in names(path)} == before, "nothing is renamed"
        flip(path)


def test_b2_a_missing_file_is_refused_where_one_was_asked_for(path):
    for attempt in (read, sa.load):
        with pytest.raises(sa.StateError, match=r"run\.sav: there is no such state file; check the path"):
            attempt(path)
    assert names(path) == []


def test_b3_a_newer_file_is_no_reason_to_go_back(path):
    """It is whole: taking the previous generation would drop counts, and renaming it would hide it."""
    saved(path, 1, 2)
    _, meta, body = taken(path.read_bytes())
    about = json.loads(meta) | {"streamavg": "3.1"}
    path.write_bytes(sealed(json.dumps(about).encode(), body, [MAGIC, 4, 4, 0, 3, 0, 0, bytes(16)]))
    before = path.read_bytes()
    for attempt in (lambda: Checkpoint(path), lambda: read(path), lambda: state_saved(path)):
        with pytest.raises(sa.StateError, match=r"run\.sav: written by streamavg 3\.1, format 4; this one reads <= 1"):
            attempt()
    assert path.read_bytes() == before
    assert names(path) == WHOLE


def state_saved(path):
    sa.from_confusion(["a"], [[1]]).save(path)


OPTIONS = {
    "null_pred": {"null_pred": "abstain"},
    "unknown": {"labels": ["a", "b"], "unknown": "count"},
    "task": {"task": "multilabel"},
    "pos_label": {"task": "binary", "pos_label": "b"},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_b5_a_state_of_other_options_is_refused_by_name(path, option):
    saved(path, 1)
    acc = sa.Accumulator(**OPTIONS[option])
    rows = [["a"], ["b"]] if option == "task" else ["a", "b"]
    acc.update({"y_true": rows, "y_pred": rows})
    with pytest.raises(sa.MismatchError, match=f"{option} is .* in one and .* in the other"):
        acc.merge(sa.load(path))
    assert acc.snapshot().rows == 2


def test_b13_paths_in_a_state_file_are_never_opened(path, tmp_path):
    """Only the caller's own list of sources opens files."""
    canary = tmp_path / "canary.csv"
    canary.write_text("y_true,y_pred\na,a\n")
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(1), {str(canary): {}, "../canary.csv": {"done": False}})
    opened = []
    LISTENERS.append(opened.append)
    try:
        sa.load(path)
        with Checkpoint(path) as checkpoint:
            checkpoint.save(state(2), checkpoint.held.sources)
    finally:
        LISTENERS.clear()
    assert any("run.sav" in name for name in opened), "the listener hears"
    assert not [name for name in opened if "canary" in name]


LISTENERS = []


def _hear(event, arguments):
    if event == "open":
        for listener in LISTENERS:
            listener(str(arguments[0]))


sys.addaudithook(_hear)  # audit hooks cannot be taken away again; without listeners this one does nothing


# ---- killed


def kill_points(work_of):
    """(number, when) of every disk operation of a run, and the path it ran on; `work_of(path)` prepares and runs."""
    for when in ("before", "after", "half"):
        for number in itertools.count(1):
            status, checked = work_of(number, when)
            checked()
            if status == 0:
                assert number > 10
                break
            assert status == KILLED


def check_whole(path, least, most, label):
    """The file reads as a state between these, opens, saves, and nothing is left over."""
    found = read(path)
    assert least <= found.state.rows <= most, label
    assert found.warning is None, label
    assert not os.path.samefile(path, previous(path)), "damage to one must not be damage to both"
    with Checkpoint(path) as checkpoint:
        assert checkpoint.held.state.rows == found.state.rows, label
        checkpoint.save(state(100), {})
    assert read(path).state.rows == 100, label
    assert names(path) == WHOLE, label


def test_a2_killed_at_any_operation_of_a_save(tmp_path):
    """From opening on, three saves long; what was reported as done is never lost."""
    tries = []

    def trial(number, when):
        path = tmp_path / f"{when}{number}" / "run.sav"
        path.parent.mkdir()
        saved(path, 1, 2)
        hear, say = os.pipe()

        def work():
            with Checkpoint(path) as checkpoint:
                for rows in (3, 4, 5):
                    checkpoint.save(state(rows), SOURCES)
                    os.write(say, bytes([rows]))

        status = killed_at(number, when, work)
        os.close(say)
        done = max(os.read(hear, 10), default=2)
        os.close(hear)
        tries.append(status)
        return status, lambda: check_whole(path, done, min(done + 1, 5), (number, when))

    kill_points(trial)
    assert len(tries) > 90, "3 x (3 saves of 10 operations and those of opening)"


def test_a2_killed_at_any_operation_of_the_first_save(tmp_path):
    """Before it is done there may be no file yet; then a next run begins from nothing."""

    def trial(number, when):
        path = tmp_path / f"{when}{number}" / "run.sav"
        path.parent.mkdir()
        status = killed_at(number, when, lambda: saved(path, 1))

        def check():
            with Checkpoint(path) as checkpoint:
                assert status != 0 or checkpoint.held is not None
                assert checkpoint.held is None or checkpoint.held.state.rows == 1
                checkpoint.save(state(2), {})
            assert read(path).state.rows == 2
            assert set(names(path)) - {"run.sav.1"} == {"run.sav", "run.sav.lock"}

        return status, check

    kill_points(trial)


@pytest.mark.parametrize("first", [5, pytest.param(None, marks=pytest.mark.long)])
def test_a3_killed_again_while_recovering(tmp_path, first):
    """A killed save, damage to the newest generation, then a kill at every operation of the recovery and its save."""
    for point in [first] if first else range(1, 15):
        ready = tmp_path / f"{point}" / "ready"
        ready.mkdir(parents=True)
        saved(ready / "run.sav", 1, 2, 3)
        killed_at(point, "after", lambda ready=ready: saved(ready / "run.sav", 3))
        generations = read(previous(ready / "run.sav")).state.rows
        flip(ready / "run.sav")

        def trial(number, when, ready=ready, least=generations):
            folder = ready.parent / f"{when}{number}"
            shutil.copytree(ready, folder)
            path = folder / "run.sav"
            status = killed_at(number, when, lambda: saved(path, 4))

            def check():
                with Checkpoint(path) as checkpoint:
                    assert least <= checkpoint.held.state.rows <= 4, (number, when)
                    checkpoint.save(state(5), {})
                assert read(path).state.rows == 5
                assert names(path) == sorted([*WHOLE, "run.sav.corrupt"])

            return status, check

        kill_points(trial)


def test_a10_nothing_piles_up(path):
    """Files after kills, descriptors after saves and after refusals."""
    saved(path, 1)
    for number in range(1, 60):
        killed_at(3 + number % 12, "after", lambda number=number: saved(path, number))
    saved(path, 1)
    assert names(path) == WHOLE
    with Checkpoint(path, durable=False) as checkpoint:
        before = len(os.listdir("/proc/self/fd"))
        for number in range(300):
            checkpoint.save(state(number), {})
            with pytest.raises(sa.InUseError):
                Checkpoint(path)
            read(path)
        assert len(os.listdir("/proc/self/fd")) == before
    assert len(os.listdir("/proc/self/fd")) == before - 1


# ---- the disk fails


def fails_with(code, work):
    """Whether the work raises this error of the disk; any other gets out."""
    try:
        work()
    except OSError as error:
        if error.errno != code:
            raise
        return True
    return False


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(NO_SPACE, "No space left on device")

    path = tmp_path / "run.sav"
    with Checkpoint(path) as checkpoint, monkeypatch.context() as disk_is_full:
        disk_is_full.setattr("streamavg.checkpoint.disk.write", full)
        with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
            checkpoint.save(state(3), {})


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", [NO_SPACE, BROKEN, QUOTA])
def test_a5_an_error_at_any_operation(tmp_path, code, forever):
    for number in itertools.count(1):
        path = tmp_path / f"{number}" / "run.sav"
        path.parent.mkdir()
        saved(path, 1, 2)
        with Checkpoint(path) as checkpoint:
            with failing(number, code, forever) as seen:
                done = fails_with(code, lambda checkpoint=checkpoint: checkpoint.save(state(3), {})) is False
            in_place = "rename" in seen[: number - 1]
            assert read(path).state.rows == (3 if done or in_place else 2), seen
            assert read(path).warning is None
            if not forever:
                assert names(path) == WHOLE, seen
            checkpoint.save(state(4), {})  # the disk is well again: the same run goes on
            assert read(path).state.rows == 4
            assert read(previous(path)).state.rows in (2, 3)
        with Checkpoint(path) as checkpoint:
            assert checkpoint.held.state.rows == 4
        assert names(path) == WHOLE
        if done and len(seen) < number:
            break
    assert number > 10


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
def test_a5_an_error_at_any_operation_of_opening(tmp_path, forever):
    """A file to recover and a left-over temporary file: no error may cost the older generation."""
    for number in itertools.count(1):
        path = tmp_path / f"{number}" / "run.sav"
        path.parent.mkdir()
        saved(path, 1, 2)
        killed_at(7, "after", lambda path=path: saved(path, 3))
        flip(path)
        with failing(number, BROKEN, forever) as seen:
            done = fails_with(BROKEN, lambda path=path: Checkpoint(path).close()) is False
        with Checkpoint(path) as checkpoint:
            assert checkpoint.held.state.rows in (1, 2)
        if done and len(seen) < number:
            break
    assert number > 5


def test_a5_a_failed_sync_is_not_tried_again(path):
    """The kernel may drop the data and then report success (PostgreSQL 2018): the next try is a new file."""
    synced, made = [], []

    def act(name, real, arguments):
        if name == "open_file":
            made.append(arguments[0])
        if name == "sync":
            synced.append(arguments[0])
            if len(synced) == 1:
                raise OSError(errno.EIO, "lost")
        return real(*arguments)

    with Checkpoint(path) as checkpoint, watched(act):
        with pytest.raises(OSError, match="lost"):
            checkpoint.save(state(1), {})
        assert (len(synced), len(made)) == (1, 1)
        checkpoint.save(state(1), {})
    temporary = [name for name in made if name.endswith(".tmp")]
    assert len(set(temporary)) == len(temporary) == 2
    assert read(path).state.rows == 1


def test_a5_short_writes_are_gone_on_with(path):
    def act(name, real, arguments):
        return real(arguments[0], arguments[1][:100]) if name == "write" else real(*arguments)

    with watched(act):
        saved(path, 1, 2)
    assert (read(path).state.rows, read(previous(path)).state.rows) == (2, 1)


def test_a6_places_that_cannot_hold_a_state_are_found_at_once(path, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(tmp_path / "ear"))
        for name, words in {
            "fifo": "not a regular file",
            "folder": "not a regular file",
            "ear": "not a state file",
            "loop": "not a state file|not a regular file",
        }.items():
            for attempt in (read, Checkpoint):
                with pytest.raises(sa.StateError, match=f"{name}: {words}"):
                    attempt(tmp_path / name)
    for place in (tmp_path / "no" / "run.sav", tmp_path / "fifo" / "run.sav"):
        with pytest.raises(sa.InputError, match="there is no folder"):
            Checkpoint(place)
        with pytest.raises(sa.StateError):
            read(place)
    with pytest.raises(sa.InputError, match="too long"):
        Checkpoint(tmp_path / ("x" * 250))
    with pytest.raises(sa.StateError, match="not a regular file"):
        read("/dev/zero")


def test_a6_more_than_any_state_is_not_read(path):
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # of which the disk holds nothing
    with pytest.raises(sa.StateError, match="at most"):
        read(path)


# ---- the power fails


class Model:
    """What a disk may hold after a power cut: unsynced data lost, zeroed or torn, unsynced names made or not."""

    def __init__(self, path):
        self.folder = path.parent
        self.content = {name: (self.folder / name).read_bytes() for name in names(path) if not name.endswith("lock")}
        self.names = {name: name for name in self.content}  # name -> file, as the disk surely has it
        self.pending = []  # of names, in order: {name: file or None}
        self.unsynced = set()
        self.open = {}

    def now(self):
        """name -> file, as the running system sees it."""
        held = dict(self.names)
        for change in self.pending:
            held |= change
        return {name: file for name, file in held.items() if file is not None}

    def did(self, name, arguments, made):
        base = [os.path.basename(os.fsdecode(each)) for each in arguments if isinstance(each, str | Path)]
        if name == "open_file" and arguments[1] & os.O_CREAT:
            self.open[made] = base[0]
            self.content[base[0]] = b""
            self.unsynced.add(base[0])
            self.pending.append({base[0]: base[0]})
        elif name == "write":
            self.content[self.open[arguments[0]]] += bytes(arguments[1][:made])
            self.unsynced.add(self.open[arguments[0]])
        elif name == "sync" and arguments[0] in self.open:
            self.unsynced.discard(self.open[arguments[0]])
        elif name == "sync":
            self.names, self.pending = self.now(), []
        elif name == "close":
            self.open.pop(arguments[0], None)
        elif name == "link":
            self.pending.append({base[1]: self.now()[base[0]]})
        elif name == "rename":
            self.pending.append({base[1]: self.now()[base[0]], base[0]: None})
        elif name == "unlink":
            self.pending.append({base[0]: None})

    def after_a_cut(self):
        """Every folder, name -> bytes, that the disk may hold now."""
        for made in itertools.product((0, 1, 2), repeat=len(self.pending)):
            held = dict(self.names)
            for choice, change in zip(made, self.pending, strict=True):
                entries = list(change.items())
                held |= dict(entries[:choice] if choice < 2 else entries)  # not at all, the new name alone, both
            files = {name: file for name, file in held.items() if file is not None}
            for damage in (
                lambda raw: raw,
                lambda raw: b"",
                lambda raw: bytes(len(raw)),
                lambda raw: raw[: len(raw) // 2],
            ):
                yield {
                    name: damage(self.content[file]) if file in self.unsynced else self.content[file]
                    for name, file in files.items()
                }


def power_cuts(path, durable=True, links=True):
    """Save states 3 and 4 over 1 and 2; every (folder, least rows, most rows) that a cut on the way may leave."""
    saved(path, 1, 2)
    found = {}

    def act(name, real, arguments):
        if name == "link" and not links:
            raise OSError(errno.EPERM, "no links here")
        made = real(*arguments)
        model.did(name, arguments, made)
        collect()
        return made

    def collect():
        for folder in model.after_a_cut():
            found[tuple(sorted(folder.items())), done] = folder

    with Checkpoint(path, durable=durable) as checkpoint:
        model, done = Model(path), 2
        with watched(act):
            for rows in (3, 4):
                checkpoint.save(state(rows), {})
                done = rows
                collect()
    return [(folder, done, min(done + 1, 4)) for (_, done), folder in found.items()]


def lost(cuts, folder):
    """The cuts after which the file does not open, or holds other than the last finished or the running save."""
    folder.mkdir()
    for files, least, most in cuts:
        for name in os.listdir(folder):
            os.unlink(folder / name)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            with Checkpoint(folder / "run.sav", durable=False) as checkpoint:
                rows = checkpoint.held.state.rows if checkpoint.held else 0
        except sa.StateError:
            rows = 0
        if not least <= rows <= most:
            yield files


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a4_a_power_cut_leaves_the_old_or_the_new_state(path, tmp_path, links):
    cuts = power_cuts(path, links=links)
    assert len(cuts) > 30
    assert list(lost(cuts, tmp_path / "cut")) == []


def test_a4_the_model_sees_a_missing_sync(path, tmp_path):
    """Without syncs a power cut may lose saves that were reported as done: the model must find that."""
    assert list(lost(power_cuts(path, durable=False), tmp_path / "cut"))


def test_a4_the_order_of_operations(path):
    """Data synced before the name is given, the folder after, and only then is the save done."""
    saved(path, 1, 2)
    order = []

    def act(name, real, arguments):
        order.append(name)
        return real(*arguments)

    with Checkpoint(path) as checkpoint, watched(act):
        checkpoint.save(state(3), {})
    assert order == [
        *("open_file", "write", "sync", "close"),
        *("link", "rename", "rename"),
        *("open_file", "sync", "close"),
    ]


# ---- two writers


def test_b6_without_locks_the_loser_is_fenced(path):
    """Where the file system has no locks, the head tells: nobody's save is overwritten by another run's."""

    def act(name, real, arguments):
        if name == "lock":
            raise OSError(errno.ENOLCK, "no locks")
        return real(*arguments)

    with watched(act):
        saved(path, 1)
        with Checkpoint(path) as one, Checkpoint(path) as two:
            one.save(state(2), {})
            for _ in range(2):
                with pytest.raises(sa.StateError, match="fenced: another process has saved"):
                    two.save(state(7), {})
            one.save(state(3), {})
        assert (read(path).state.rows, read(path).sequence) == (3, 3)
        with Checkpoint(path) as one, Checkpoint(path) as two:
            two.save(state(3), {})
            with pytest.raises(sa.StateError, match="fenced"):
                one.save(state(3), {"other": 1})


def test_b6_a_file_that_appears_meanwhile_is_not_overwritten(path):
    with Checkpoint(path) as checkpoint:
        shutil.copy(saved_elsewhere(path), path)
        with pytest.raises(sa.StateError, match="fenced"):
            checkpoint.save(state(1), {})
    assert read(path).state.rows == 42


def saved_elsewhere(path):
    other = path.parent.parent / "other.sav"
    saved(other, 42)
    return other


def test_g3_a_forked_child_cannot_save(path):
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(1), {})

        def work():
            with pytest.raises(sa.InUseError, match=f"opened by process {os.getppid()}; its forked child"):
                checkpoint.save(state(2), {})
            checkpoint.close()

        assert ended(forked(work)) == 0
        with pytest.raises(sa.InUseError):
            Checkpoint(path)  # the child's close did not free it
        checkpoint.save(state(3), {})
    assert read(path).state.rows == 3


def test_b14_a_copy_taken_at_any_time_is_whole(path, tmp_path):
    saved(path, 0)

    def work():
        with Checkpoint(path, durable=False) as checkpoint:
            for number in range(1, 400):
                checkpoint.save(state(number), {})

    child = forked(work)
    last, copies, status = 0, 0, 0
    while not status:
        status = os.waitpid(child, os.WNOHANG)[0]
        shutil.copy(path, tmp_path / "copy.sav")
        rows = read(tmp_path / "copy.sav").state.rows
        assert rows >= last
        last, copies = rows, copies + 1
    assert last == 399
    assert copies >= 1
    assert disk.rename is os.replace
