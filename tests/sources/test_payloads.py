"""Messages to rows: one record each whatever bytes they hold, in blocks or alone, told by their offsets if bad."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.accumulator import Accumulator
from streamavg.errors import InputError
from streamavg.sources.feed import Opening
from streamavg.sources.payloads import Payloads, open_payloads
from streamavg.sources.rejects import Rejects


def opening(**more) -> Opening:
    return Opening(Accumulator()._options.columns_of, **more)


def read(values, first=100, **more):
    """(rows, malformed, messages of each piece)"""
    reader = open_payloads(opening(**more))
    assert reader.knows([b'{"y_true": "a", "y_pred": "a"}'])
    offsets = np.arange(first, first + len(values))
    found = list(reader.read(Payloads("t/0", offsets, values)))
    assert sum(n for n, _ in found) == len(values)
    for messages, piece in found:
        assert piece.batch.num_rows + piece.malformed == messages
    rows = [tuple(row.values()) for _, piece in found for row in piece.batch.to_pylist()]
    return rows, sum(piece.malformed for _, piece in found), [n for n, _ in found]


def test_a_message_is_one_record():
    values = [b'{"y_true": "a", "y_pred": "b"}', b'{"y_true": "c",\r\n "y_pred": "d"}\n', b'{"y_pred":"f"}']
    assert read(values) == ([("a", "b"), ("c", "d"), (None, "f")], 0, [3])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \n ",
        b"{",
        b"null",
        b'{"y_true": "a\nb", "y_pred": "c"}',
        b'{"y_true": "a", "y_pred": "b"}\n{"y_true": "a", "y_pred": "b"}',
        b'{"y_true": "a", "y_pred": "b"}{"y_true": "a", "y_pred": "b"}',
        b'{"y_true": "a"\n',
        b'\n"y_pred": "b"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_message_that_is_none_is_one_malformed_record(value):
    good = b'{"y_true": "a", "y_pred": "b"}'
    assert read([good, value, good])[:2] == ([("a", "b")] * 2, 1)
    assert read([value])[:2] == ([], 1)


rough = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"{", b"}", b"\n", b'{"y_true"', b':"a"}', b'{"y_true": "a", "y_pred":', b'"b"}']),
    st.fixed_dictionaries({"y_true": st.text(max_size=3), "y_pred": st.text(max_size=3)}).map(
        lambda row: json.dumps(row, indent=1).encode()
    ),
)


@given(st.lists(rough, min_size=1, max_size=12))
def test_in_a_block_messages_mean_what_they_mean_alone(values):
    alone = [read([value])[:2] for value in values]
    rows, malformed, _ = read(values)
    assert rows == [row for found, _ in alone for row in found]
    assert malformed == sum(bad for _, bad in alone)


def test_a_large_block_with_a_bad_message_is_cut_between_messages():
    values = [json.dumps({"y_true": f"c{i % 9}", "y_pred": "b", "x": "." * 50}).encode() for i in range(2000)]
    values[700] = b"{"
    rows, malformed, pieces = read(values)
    assert (len(rows), malformed) == (1999, 1)
    assert len(pieces) > 1


def test_bad_messages_are_kept_with_their_offsets(tmp_path):
    rejects = Rejects(str(tmp_path / "bad.jsonl"))
    values = [b'{"y_true": "a", "y_pred": "b"}', b"{", b"", b'{"y_true": [1], "y_pred": "b"}']
    read(values, first=40, rejects=rejects)
    rejects.close()
    kept = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    found = sorted((each["file"], each["at"], each["cause"]) for each in kept)
    assert found == [("t/0", 41, "no_json"), ("t/0", 42, "empty"), ("t/0", 43, "no_label")]


def stream(table: pa.Table, cut: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue().to_pybytes()[:cut]


def test_arrow_messages():
    table = pa.table({"y_pred": ["a", "b", "c"], "x": [1, 2, 3], "y_true": ["a", "a", "c"]})
    whole = stream(table)
    reader = open_payloads(opening(input_format="arrow"))
    values = [whole, whole[:-8], b"", b"ARROW1", stream(table.slice(0, 0)), whole + b"x"]
    found = list(reader.read(Payloads("t/0", np.arange(6), values)))
    assert [(n, piece.batch.num_rows, piece.malformed) for n, piece in found] == [
        (1, 3, 0),
        (1, 0, 1),
        (1, 0, 1),
        (1, 0, 1),
        (1, 0, 0),
        (1, 0, 1),
    ]
    assert found[0][1].batch.to_pydict() == {"y_true": ["a", "a", "c"], "y_pred": ["a", "b", "c"]}
    with pytest.raises(InputError, match="no column"):
        list(reader.read(Payloads("t/0", np.arange(1), [stream(table.select(["x"]))])))


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (
            [b"INFO a>b", b"INFO a>b\n", b"no", b"", b"INFO a>b\nINFO a>b"],
            {"pattern": r"(?P<y_true>\w+)>(?P<y_pred>\w+)"},
        ),
        (
            [b"y_true=a y_pred=b", b'y_pred="b" y_true=a x', b"=", b" ", b"y_true=a\ny_pred=b"],
            {"input_format": "logfmt"},
        ),
    ],
)
def test_lines_of_other_formats(values, options):
    reader = open_payloads(opening(**options))
    assert reader.knows(values)
    (found,) = reader.read(Payloads("t/0", np.arange(5), values))
    messages, piece = found
    assert (messages, piece.malformed, piece.batch.num_rows) == (5, 3, 2)
    assert piece.batch.to_pydict() == {"y_true": ["a", "a"], "y_pred": ["b", "b"]}
    assert reader.nothing().batch.num_rows == 0
    assert [piece.malformed for _, piece in reader.read(Payloads("t/0", np.arange(2), [b"", b""]))] == [2]
    assert [piece.malformed for _, piece in reader.read(Payloads("t/0", np.arange(1), [b""]))] == [1]


def test_formats_with_a_header_line_are_refused():
    with pytest.raises(InputError, match="messages have no header line"):
        open_payloads(opening(input_format="csv"))
