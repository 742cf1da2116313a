"""Which paths a source stands for, and which names rotation gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from streamavg.sources.family import found, identity_of, is_rotation, log_format, name_now, rotations, siblings

if TYPE_CHECKING:
    from pathlib import Path


def test_names_that_rotation_gives() -> None:
    names = ("app.log.1", "app.log-20261128", "app.log.2026-11-28_10", "app.log.old", "app.log.1.bak")
    assert all(is_rotation(name, "app.log") for name in names)
    others = ("app.log", "app.log.lock", "app.log2", "xapp.log.1", "app.logs.1", "app.1.log")
    assert not any(is_rotation(name, "app.log") for name in others)


def test_rotations_in_the_order_of_writing(tmp_path: Path) -> None:
    for i, name in enumerate(("a.log.2", "a.log.1", "a.log", "a.log.3.gz", "a.log.10", "a.log!", "a.log0", "b.log.1")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (i, i))
    log = str(tmp_path / "a.log")
    assert rotations(log, siblings(log)) == [f"{log}.2", f"{log}.1", f"{log}.10"]
    assert rotations(str(tmp_path / "none" / "a.log"), []) == []


def test_what_sources_stand_for(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.jsonl", "a.csv", "a.csv.1", "x.sav", "c.jsonl.gz", "deep/d.tsv", "p.parquet"):
        (tmp_path / name).touch()
    here = [str(tmp_path / name) for name in ("a.csv", "a.csv.1", "b.jsonl", "deep/d.tsv")]
    assert found([str(tmp_path)]) == here
    assert found([str(tmp_path / "a*"), here[0], str(tmp_path / "later.log")]) == [
        *here[:2],
        str(tmp_path / "later.log"),
    ]
    assert found([str(tmp_path / "*.jsonl*")]) == [here[2]]
    odd = tmp_path / "[1].jsonl"
    odd.touch()
    assert found([str(odd)]) == [str(odd)]
    assert log_format("x.jsonl.2") == "jsonl"


def test_a_file_is_found_under_its_new_name(tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"
    old.touch()
    identity = identity_of(str(old))
    assert identity is not None
    old.rename(new)
    assert identity_of(str(old)) is None
    assert name_now(identity, str(old)) == str(new)
    new.unlink()
    assert name_now(identity, str(old)) is None
