"""Places: directories and globs, on this machine and on a file system that a URL names."""

from __future__ import annotations

import glob
import itertools
import os
from typing import TYPE_CHECKING

import pytest
from pyarrow.fs import FileSystem, LocalFileSystem, SubTreeFileSystem

from streamavg.errors import InputError
from streamavg.sources import open_units
from streamavg.sources.places import files_below, is_hidden, local_place, remote_place, split_glob
from tests.sources.samples import ROWS, choose, read_rows, rows_of, save

if TYPE_CHECKING:
    from pathlib import Path

TREE = [
    "a.csv",
    "b.csv",
    "x/a.csv",
    "x/y/a.csv",
    "x/y/b1.csv",
    "x/z/b2.csv",
    "w=1/a.csv",
    ".h/a.csv",
    "_s/a.csv",
    "_t.csv",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"y_true,y_pred\na,a\n")
    return tmp_path


PATTERNS = [
    "*.csv",
    "*/*.csv",
    "**/*.csv",
    "x/**/a.csv",
    "**/y/*",
    "x/?/b[12].csv",
    "x/*/b[!1].csv",
    "**/b*",
    "none*",
    "*/none",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_globs_match_what_python_matches_without_hidden_names(tree: Path, pattern: str) -> None:
    found = [os.path.relpath(entry.path, tree) for entry in files_below(local_place(), f"{tree}/", pattern)]
    expected = [
        path
        for path in glob.glob(pattern, root_dir=tree, recursive=True)
        if (tree / path).is_file() and not any(map(is_hidden, path.split("/")))
    ]
    assert found == sorted(expected)


def test_a_directory_that_matches_stands_for_all_files_in_it(tree: Path) -> None:
    found = [os.path.relpath(entry.path, tree) for entry in files_below(local_place(), f"{tree}/", "*")]
    assert found == sorted(name for name in TREE if not name.startswith((".", "_")))
    assert found == [os.path.relpath(entry.path, tree) for entry in files_below(local_place(), f"{tree}/", "**")]


def test_hidden_names_are_found_only_by_name(tree: Path) -> None:
    for pattern, expected in {"_t*": ["_t.csv"], "_s/*": ["_s/a.csv"], ".*/a.csv": [".h/a.csv"], "?t.csv": []}.items():
        found = files_below(local_place(), f"{tree}/", pattern)
        assert [os.path.relpath(entry.path, tree) for entry in found] == expected


def test_a_partition_may_start_with_an_underscore() -> None:
    assert [is_hidden(name) for name in ("_SUCCESS", ".crc", "_year=2024", ".x=1", "a")] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_links_are_followed_but_not_in_circles(tree: Path) -> None:
    (tree / "x" / "up").symlink_to("..")
    (tree / "link").symlink_to("x/y")
    found = {os.path.relpath(entry.path, tree) for entry in files_below(local_place(), f"{tree}/", "**/*.csv")}
    assert {"link/a.csv", "link/b1.csv", "x/y/a.csv"} <= found
    assert len(rows_of(tree)) == len([name for name in TREE if not name.startswith((".", "_"))])


def test_a_dangling_link_is_not_left_out(tree: Path) -> None:
    (tree / "gone.csv").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"gone\.csv: no such file"):
        open_units([tree], choose)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read_is_not_left_out(tree: Path) -> None:
    (tree / "x").chmod(0)
    with pytest.raises(PermissionError):
        open_units([f"{tree}/**/*.csv"], choose)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a/b", ("a/b", "")),
        ("a/*/b", ("a/", "*/b")),
        ("*", ("", "*")),
        ("/x?", ("/", "x?")),
        ("a/b[1]", ("a/", "b[1]")),
    ],
)
def test_a_glob_is_split_before_its_first_wildcard(path: str, parts: tuple[str, str]) -> None:
    assert split_glob(path) == parts


@pytest.fixture
def bucket(tree: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """fake://bucket/... is the tree; what from_uri hears is recorded."""
    heard = []

    def from_uri(url: str) -> tuple[FileSystem, str]:
        heard.append(url)
        path = url.removeprefix("fake://").partition("?")[0]
        return SubTreeFileSystem(str(tree), LocalFileSystem()), path.removeprefix("bucket").lstrip("/")

    class Faked:
        pass

    Faked.from_uri = staticmethod(from_uri)  # type: ignore[attr-defined]
    monkeypatch.setattr("pyarrow.fs.FileSystem", Faked)
    return heard


@pytest.mark.parametrize("pattern", PATTERNS)
def test_globs_match_the_same_on_a_url(tree: Path, bucket: list[str], pattern: str) -> None:
    place, path = remote_place(f"fake://bucket/{pattern}")
    top, rest = split_glob(path)
    remote = [entry.path for entry in files_below(place, top, rest)]
    assert remote == [os.path.relpath(entry.path, tree) for entry in files_below(local_place(), f"{tree}/", pattern)]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv.gz", ".jsonl"])
def test_files_directories_and_globs_of_a_url_are_read(tree: Path, bucket: list[str], suffix: str) -> None:
    save(tree / "new" / "k=1" / f"a{suffix}")
    for source in (f"new/k=1/a{suffix}", "new", "new/", "new/*/a*", "new/**"):
        units = open_units([f"fake://bucket/{source}"], choose)
        assert [unit.file for unit in units] == [f"fake://new/k=1/a{suffix}"]
        assert read_rows(units) == (ROWS, 0)
    assert rows_of("fake://bucket/new", choose=lambda _: ["k"]) == [("1",)] * len(ROWS)


def test_options_of_a_url_are_no_wildcard(bucket: list[str]) -> None:
    assert remote_place("fake://bucket/x/*.csv?region=eu&scheme=http")[1] == "x/*.csv"
    assert remote_place("fake://bucket/x/?.csv")[1] == "x/?.csv"
    assert bucket == ["fake://bucket/x/?region=eu&scheme=http", "fake://bucket/x/"]


def test_missing_files_of_a_url_are_refused(bucket: list[str]) -> None:
    for source, words in {"none.csv": "no such file", "no*.csv": "no file matches", "none": "no such file"}.items():
        with pytest.raises(InputError, match=f"fake://{source.replace('*', '.')}.*{words}"):
            open_units([f"fake://bucket/{source}"], choose)


def test_an_unknown_scheme_is_refused_without_showing_a_password() -> None:
    with pytest.raises(InputError, match=r"nope://\.\.\.: not a URL that pyarrow\.fs can read") as caught:
        open_units(["nope://user:secret@host/x.csv"], choose)
    assert "secret" not in str(caught.value)


def test_the_order_is_that_of_the_paths(tree: Path) -> None:
    found = [entry.path for entry in files_below(local_place(), f"{tree}/", "**")]
    assert all(first < second for first, second in itertools.pairwise(found))
