"""Where a report goes: never over what is read, never over a state, and whole or not at all."""

from __future__ import annotations

import os

import pytest

import streamavg as sa
from streamavg import output
from streamavg.errors import InputError


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("preds.csv", "data/part.csv", "old.json"):
        (tmp_path / name).write_text("y_true,y_pred\na,a\n")
    (tmp_path / "link.csv").symlink_to("preds.csv")
    sa.from_confusion(["a"], [[3]]).save(tmp_path / "run.sav")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "read"),
    [
        ("preds.csv", "preds.csv"),
        ("./preds.csv", "preds.csv"),
        ("link.csv", "preds.csv"),
        ("preds.csv", "link.csv"),
        ("preds.csv", "*.csv"),
        ("data/part.csv", "data"),
        ("data/part.csv", "**/*.csv"),
        ("old.json", "old.json"),
    ],
)
def test_what_is_read_is_not_overwritten(files, target, read):
    with pytest.raises(InputError, match="it would overwrite what is read"):
        output.check(target, "json", ["s3://bucket/preds.csv", "-", read])


@pytest.mark.parametrize("target", ["run.sav", "run.sav.1"])
def test_no_state_file_is_overwritten(files, target):
    sa.from_confusion(["a"], [[4]]).save(files / "run.sav")
    with pytest.raises(InputError, match="it would overwrite a state file"):
        output.check(target, "json", [])


@pytest.mark.parametrize(
    ("target", "says"), [("none/report.json", "there is no folder"), ("data", "it is a folder; name a file")]
)
def test_places_that_cannot_be(files, target, says):
    with pytest.raises(InputError, match=says):
        output.check(target, "json", [])


@pytest.mark.parametrize("target", ["new.json", "old.json", "data/report.json.txt", "/dev/null"])
def test_other_places_may(files, target):
    output.check(target, "json", ["preds.csv", "data"])


def test_a_report_replaces_the_old_one_and_follows_a_link(files):
    (files / "report").symlink_to("old.json")
    output.put(b"new", "report")
    assert (files / "old.json").read_bytes() == b"new"
    assert (files / "report").is_symlink()


def test_after_an_error_the_old_report_is_there(files, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    before = sorted(os.listdir(files))
    with pytest.raises(OSError, match="No space"):
        output.put(b"new", "old.json")
    assert (files / "old.json").read_text().startswith("y_true")
    assert sorted(os.listdir(files)) == before


def test_a_device_is_written_to():
    output.put(b"gone", "/dev/null")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.JSON", "json"), ("a.md", "markdown"), ("a.parquet", "parquet"), (None, "table")]
)
def test_the_suffix_names_the_format(name, kind):
    assert output.format_of(name) == kind
