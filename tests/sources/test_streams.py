"""Which feed a source gets, and what is said of sources that cannot be followed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

import streamavg as sa
from streamavg.sources.feed import Opening
from streamavg.sources.followed import FileFeed
from streamavg.sources.piped import PipeFeed
from streamavg.sources.streams import open_feed
from tests.sources import samples

if TYPE_CHECKING:
    from pathlib import Path


def opening(**options: object) -> Opening:
    return Opening(samples.choose, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sources", "options", "said"),
    [
        ([], {}, "no source"),
        (["none.jsonl"], {"until_end": True}, "no such file; without --until-end it would be waited for"),
        (["a.log"], {}, "unknown format; name it with --input-format jsonl|csv"),
        (["a.jsonl", "b.csv"], {}, r"files of several formats \(csv, jsonl\)"),
        (["a.jsonl.gz"], {}, "compressed, so it does not grow; count it with streamavg eval"),
        (["a.parquet"], {}, "unknown format"),
        (["a.jsonl"], {"input_format": "pattern"}, "--pattern REGEX goes with"),
        (["a.jsonl"], {"input_format": "arrow"}, "arrow: not a format that is read line by line"),
        (["pipe"], {}, "pipe: a pipe has no name that tells its format"),
        (["pipe", "a.jsonl"], {}, "pipe: a pipe is followed by itself"),
    ],
)
def test_what_cannot_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sources: list[str], options: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(sa.InputError, match=said):
        open_feed(sources, opening(**options))


def test_files_that_are_not_there_yet_are_waited_for(tmp_path: Path) -> None:
    feed = open_feed([str(tmp_path / "later.jsonl"), str(tmp_path / "*.ndjson")], opening())
    assert isinstance(feed, FileFeed)
    assert next(feed.arrivals()) is None
    feed.close()


def test_a_pipe_with_a_name_waits_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    feed = open_feed([str(path)], opening(input_format="jsonl", age=0.01))
    assert isinstance(feed, PipeFeed)
    arrivals = feed.arrivals()
    assert next(arrivals) is None
    line = '{"y_true": "a", "y_pred": "b"}\n'
    writer = threading.Thread(target=path.write_text, args=(line,))
    writer.start()
    assert sum(arrival.piece.batch.num_rows for arrival in arrivals if arrival) == 1
    writer.join()
    before = len(os.listdir("/proc/self/fd"))
    feed.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1
