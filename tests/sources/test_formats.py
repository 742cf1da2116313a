"""Formats: what a name says about a file."""

from __future__ import annotations

import pytest

from streamavg.errors import InputError
from streamavg.sources.file import CODECS
from streamavg.sources.formats import SOURCES, codec_of, format_named, format_of


@pytest.mark.parametrize("name", SOURCES)
def test_each_suffix_names_its_format_and_no_other(name: str) -> None:
    for suffix in SOURCES[name].suffixes:
        assert format_of(f"dir.csv/a.b{suffix}") is SOURCES[name] is format_named(name)
        assert codec_of(f"a{suffix}") is None
        for packing, codec in CODECS.items():
            assert (format_of(f"a{suffix}{packing}") is SOURCES[name]) == SOURCES[name].is_text
            assert codec_of(f"a{suffix}{packing}") == codec


@pytest.mark.parametrize("path", ["a", "a.txt", "a.gz", "csv", "a.csv.bak", "a.csv.gz.gz", "a.csv/b"])
def test_other_names_have_no_format(path: str) -> None:
    assert format_of(path) is None


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match="'xls'; expected one of parquet, arrow, csv, tsv, jsonl"):
        format_named("xls")
