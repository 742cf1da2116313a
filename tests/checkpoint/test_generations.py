"""Two generations of a file: links, planted names, permissions and names of every kind."""

from __future__ import annotations

import errno
import os
import secrets

import pytest

import streamavg as sa
from streamavg.checkpoint import generations
from streamavg.checkpoint.writer import Checkpoint, read
from tests.checkpoint.faults import state, watched


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "held"
    folder.mkdir()
    return str(folder / "run.sav")


def held(path):
    return {name: (os.lstat(os.path.join(os.path.dirname(path), name))) for name in os.listdir(os.path.dirname(path))}


def test_b8_a_link_stays_a_link(path, tmp_path):
    """The user's link is followed once; its target is locked, replaced and kept as the previous one."""
    link = tmp_path / "link.sav"
    link.symlink_to("held/run.sav")
    for number in (1, 2):
        with Checkpoint(link) as checkpoint:
            checkpoint.save(state(number), {})
            with pytest.raises(sa.InUseError):
                Checkpoint(path)
        assert link.is_symlink()
        assert os.readlink(link) == "held/run.sav"
        assert read(path).state.rows == read(link).state.rows == number
    assert sorted(held(path)) == ["run.sav", "run.sav.1", "run.sav.lock"]
    assert sorted(os.listdir(tmp_path)) == ["held", "link.sav"]


def test_b8_another_name_of_the_file_keeps_what_it_had(path, tmp_path):
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(1), {})
        os.link(path, tmp_path / "kept.sav")
        checkpoint.save(state(2), {})
        checkpoint.save(state(3), {})
    assert read(tmp_path / "kept.sav").state.rows == 1


def test_b8_a_planted_temporary_name_is_not_written_through(path, tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    canary.write_text("mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    with Checkpoint(path) as checkpoint:
        os.symlink(canary, generations._temp_name(path))
        with pytest.raises(FileExistsError):
            checkpoint.save(state(1), {})
        assert canary.read_text() == "mine"
    monkeypatch.undo()
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(1), {})
    assert canary.read_text() == "mine", "the left-over link was removed, not what it leads to"
    assert sorted(held(path)) == ["run.sav", "run.sav.lock"]


def test_b8_files_are_private_and_names_cannot_be_guessed(path):
    before = os.umask(0)
    try:
        with Checkpoint(path) as checkpoint:
            checkpoint.save(state(1), {})
            checkpoint.save(state(2), {})
    finally:
        os.umask(before)
    assert {about.st_mode & 0o777 for about in held(path).values()} == {0o600}
    assert len({generations._temp_name(path) for _ in range(100)}) == 100


def test_only_own_leftovers_are_removed(path):
    folder = os.path.dirname(path)
    others = ["x.tmp", ".streamavg-0123456789abcdef-00.tmp", "run.sav.bak", "run.sav.tmp"]
    others.append(os.path.basename(generations._temp_name(os.path.join(folder, "other.sav"))))
    own = [os.path.basename(generations._temp_name(path)) for _ in range(3)]
    for name in (*others, *own):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("?")
    read_only = set(held(path))
    with pytest.raises(sa.StateError):
        read(path)
    assert set(held(path)) == read_only
    Checkpoint(path).close()
    assert set(held(path)) == {*others, "run.sav.lock"}


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV])
def test_b9_without_hard_links_the_previous_generation_is_a_copy(path, code):
    def act(name, real, arguments):
        if name == "link":
            raise OSError(code, "no links")
        return real(*arguments)

    with watched(act), Checkpoint(path) as checkpoint:
        for number in (1, 2, 3):
            checkpoint.save(state(number), {})
    assert (read(path).state.rows, read(path + ".1").state.rows) == (3, 2)
    assert sorted(held(path)) == ["run.sav", "run.sav.1", "run.sav.lock"]


def test_two_names_of_one_file_leave_no_third(path):
    """A kill between the two renames: `.1` is the newest itself, and a rename onto itself does nothing."""
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(1), {})
    os.link(path, path + ".1")
    with Checkpoint(path) as checkpoint:
        checkpoint.save(state(2), {})
    assert (read(path).state.rows, read(path + ".1").state.rows) == (2, 1)
    assert sorted(held(path)) == ["run.sav", "run.sav.1", "run.sav.lock"]


@pytest.mark.parametrize(
    "name", [b"a b.sav", b"a\nb.sav", b"caf\xe9", "\u202egnp".encode(), b"-rf", b".hidden", b"x" * 240, b"*.sav"]
)
def test_b10_names_of_every_kind(tmp_path, name):
    place = os.path.join(os.fsencode(tmp_path), name)
    for number in (1, 2, 3):
        with Checkpoint(os.fsdecode(place)) as checkpoint:
            assert (checkpoint.held.state.rows if checkpoint.held else 0) == number - 1
            checkpoint.save(state(number), {})
    assert len(os.listdir(tmp_path)) == 3


def test_a_relative_path_stays_where_it_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Checkpoint("run.sav") as checkpoint:
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        checkpoint.save(state(1), {})
    assert read(tmp_path / "run.sav").state.rows == 1
    assert os.listdir(tmp_path / "other") == []
