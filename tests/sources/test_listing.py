"""Listing: each file once, what is left out is said, and nothing to read is an error."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pytest

from streamavg.errors import InputError
from streamavg.sources import open_units
from tests.sources.samples import ROWS, choose, delimited, rows_of, save

if TYPE_CHECKING:
    from pathlib import Path


def noted(*sources: object) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    units = open_units([os.fspath(source) for source in sources], choose, note=notes.append)  # type: ignore[call-overload]
    return [unit.file for unit in units], notes


def test_a_file_reached_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.csv")
    (tmp_path / "link.csv").symlink_to("a.csv")
    monkeypatch.chdir(tmp_path)
    again = ["./a.csv", "link.csv", str(path), f"file://{path}", "*.csv", ".", f"{tmp_path}/../{tmp_path.name}/a.csv"]
    files, notes = noted("a.csv", *again)
    assert files == ["a.csv"]
    assert notes[0] == "./a.csv: the same file as a.csv; it is read once"
    assert len(notes) == len(again) + 2  # the glob and the directory reach it by both names


def test_two_files_with_the_same_rows_are_two_files(tmp_path: Path) -> None:
    save(tmp_path / "a.csv")
    save(tmp_path / "b.csv")
    assert rows_of(tmp_path) == ROWS + ROWS


def test_a_directory_is_read_in_order_without_hidden_names(tmp_path: Path) -> None:
    for name in (
        "b/a.csv",
        "a.csv",
        "c.parquet",
        "_SUCCESS",
        "_delta_log/a.json",
        ".a.csv.crc",
        ".x.csv",
        "b/_tmp/z.csv",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"junk") if name.startswith((".", "_")) else save(tmp_path / name)
    assert noted(tmp_path) == ([f"{tmp_path}/{name}" for name in ("a.csv", "b/a.csv", "c.parquet")], [])


def test_unknown_names_are_left_out_with_one_note(tmp_path: Path) -> None:
    save(tmp_path / "a.csv")
    for name in ("README", "d.md", "e.txt", "f.log"):
        (tmp_path / name).write_bytes(b"")
    for source in (tmp_path, f"{tmp_path}/*"):
        files, notes = noted(source)
        assert files == [f"{tmp_path}/a.csv"]
        assert notes == [f"{source}: 4 files of unknown format left out (README, d.md, e.txt, ...)"]


def test_pipes_in_a_directory_are_not_read(tmp_path: Path) -> None:
    save(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "b.csv")
    assert rows_of(tmp_path) == ROWS


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_bytes(b"")
    for source, words in {
        "empty": "no data file in this directory; expected names like part-0.parquet",
        "other": "no data file in this directory",
        "none.csv": "no such file",
        "none/a.csv": "no such file",
        "other/a.txt/b.csv": "no such file",
        "*.csv": "no file matches",
        "none/**/*.csv": "no file matches",
    }.items():
        with pytest.raises(InputError) as caught:
            open_units([f"{tmp_path}/{source}"], choose)
        assert str(caught.value).startswith(f"{tmp_path}/{source}: ")
        assert words in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        open_units([""], choose)
    with pytest.raises(InputError, match="no such file"):
        open_units(["a\0b.csv"], choose)


def test_a_name_with_wildcards_that_exists_is_that_file(tmp_path: Path) -> None:
    save(tmp_path / "a[1].csv", ROWS[:1])
    save(tmp_path / "a1.csv", ROWS[1:])
    assert rows_of(tmp_path / "a[1].csv") == ROWS[:1]


@pytest.mark.parametrize("name", ["with space.csv", "né.csv", "a%20b.csv", "a#b.csv", "a\nb.csv", "x" * 250 + ".csv"])
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    save(tmp_path / name)
    assert rows_of(tmp_path / name) == rows_of(tmp_path) == ROWS


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/b\xff.csv", "wb") as file:
        file.write(delimited())
    for source in (tmp_path, os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.csv")):
        with pytest.raises(InputError, match=r"b\\udcff\.csv': the name is not valid UTF-8"):
            open_units([source], choose)


def test_file_urls_are_local_paths(tmp_path: Path) -> None:
    save(tmp_path / "a b.csv")
    for url in (f"file://{tmp_path}/a%20b.csv", f"file://localhost{tmp_path}/a%20b.csv", f"file://{tmp_path}/*.csv"):
        assert noted(url)[0] == [f"{tmp_path}/a b.csv"]


def test_the_home_directory_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "a.csv")
    assert rows_of("~/a.csv") == ROWS


def test_a_named_pipe_is_read_like_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(delimited()))
    writer.start()
    assert rows_of(path, input_format="csv") == ROWS
    writer.join()


def test_standard_input_that_is_a_terminal_is_refused() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(InputError, match="standard input is a terminal; expected data"):
        open_units(["-"], choose, "csv", stdin=Terminal())


def test_standard_input_given_twice_is_read_once() -> None:
    assert rows_of("-", "-", input_format="csv", stdin=io.BytesIO(delimited())) == ROWS


def test_permission_errors_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.csv")
    if os.geteuid() == 0:  # root may read everything
        monkeypatch.setattr(os, "stat", lambda path: (_ for _ in ()).throw(PermissionError(13, "x")))
    else:
        path.chmod(0)
    with pytest.raises(PermissionError):
        open_units([path], choose)
