"""What the compiled loops find in lines is what the standard library finds, and what they leave is left whole."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count import kernels  # noqa: F401 or short blocks would be left to others
from streamavg.sources import json_rows
from streamavg.sources.json_fields import columns_of, found_in
from streamavg.sources.json_rows import Rows
from streamavg.sources.json_states import EVENTS, automaton
from tests.sources.test_json_rows import LABELS

TEXT = {"y_true": pa.string()}


def good(line, types=TEXT):
    found = found_in(line, types)
    return found.good.tolist()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"y_true": "a"}', [1]),
        (b' \t{ "y_true" :\t"a" , "b":1 } \r\n', [1]),
        (b"{}\n\n \r\n{}", [1, 1]),
        (b'{"b": "\\u00e9\\n"}\n', [1]),
        (b'{"y_true": "\\u00e9"}\n', [0]),  # a text of which the bytes are not the label
        (b'{"y_\\u0074rue": "a"}\n', [0]),
        (b'{"y_true": "a", "y_true": "a"}\n', [0]),
        (b'{"b": 1, "b": 2}\n', [1]),
        (b'{"b": {}}\n{"b": []}\n', [0, 0]),
        (b'{"b": 1,}\n{"b" 1}\n{b: 1}\n{"b": 1}}\n[]\n"a"\n', [0] * 6),
        (b'{"b": "\n"}\n{"b": 1\n}\n', [0, 0, 0, 0]),
        (b'{"b": "\\x"}\n{"b": "\\u12g4"}\n{"b": "\x01"}\n', [0, 0, 0]),
        (b'{"b": truE}\n{"b": nul}\n{"b": nulll}\n{"b": }\n', [0] * 4),
        (b'{"b": 1}{"b": 2}\n{"b": 1} x\n', [0, 0]),
        (b'{"b": "', [0]),
    ],
)
def test_which_lines_are_plain(line, expected):
    assert good(line) == expected


@pytest.mark.parametrize("number", ["0", "-0", "1", "-12", "10", "0.5", "-0.0", "1e5", "1E+2", "1.25e-3", "123e0"])
def test_numbers(number):
    assert good(f'{{"b": {number}}}\n{{"b":{number} ,"c":{number}}}\n'.encode()) == [1, 1]


@pytest.mark.parametrize(
    "number", ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1_0", "--1", "00", "-01", "1.e5", "NaN", "-Infinity"]
)
def test_what_is_no_number(number):
    assert good(f'{{"b": {number}}}\n'.encode()) == [0]


def test_every_line_without_nesting_is_read_as_json_reads_it():
    """Each line cut, or with a byte changed, is plain only if the standard library takes it."""
    line = b'{"y_true": "a\\u00e9", "n": -1.5e3, "t": true, "z": null}'
    changed = [line[:cut] for cut in range(1, len(line) + 1)]
    for place in range(len(line)):
        changed += [line[:place] + bytes([byte]) + line[place + 1 :] for byte in b'"\\{}[]:,019-+.eEtn \t\r\x00\x7f']
    for each in changed:
        (plain,) = good(each, {"n": pa.float64()}) or (0,)
        if plain:
            assert isinstance(json.loads(each), dict), each


values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
records = st.lists(st.dictionaries(st.sampled_from(["y_true", "y_pred", "other", "y_tru", ""]), values), max_size=8)
layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(records, layouts, st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.sampled_from(["text", "whole", "real", "flag"]))
def test_fields_are_those_of_the_standard_library(rows, layout, end, kind):
    block = b"".join(json.dumps(row, **layout).encode() + end for row in rows)
    type_ = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "flag": pa.bool_()}[kind]
    of = {"text": [str], "whole": [int], "real": [int, float], "flag": [bool]}[kind]
    found = found_in(block, {"y_true": type_, "y_pred": type_})
    for line, row in enumerate(rows):
        wanted = [row.get("y_true"), row.get("y_pred")]
        columns = columns_of(found, slice(line, line + 1), {"y_true": type_, "y_pred": type_})
        if not found.good[line]:
            assert "\\" in json.dumps(row, **layout)
        elif all(each is None or type(each) in of for each in wanted):
            wanted = [float(each) if kind == "real" and each is not None else each for each in wanted]
            assert [column[0].as_py() for column in columns] == wanted
        else:
            assert columns is None


def counted(rows, block):
    """Labels of all rows and the number of malformed lines."""
    pieces = list(rows.pieces(block))
    assert sum(piece.size for piece in pieces) == len(block)
    return [label for piece in pieces for label in texts(piece)], sum(piece.malformed for piece in pieces)


def texts(piece):
    """Labels as texts."""
    values = [int(value) if isinstance(value, bool) else value for value in piece.batch["y_true"].to_pylist()]
    return [None if value is None else str(value) for value in values]


@given(st.lists(st.tuples(st.sampled_from(list(LABELS)), st.integers(1, 90)), min_size=1, max_size=6), st.booleans())
def test_runs_of_plain_and_other_lines(runs, typed):
    """Long runs of values of any kind, plain or not: labels in the order of lines, as one by one."""
    lines = [b'{"x": 1, "y_true": ' + value + b"}\n" for value, times in runs for _ in range(times)]
    first = pa.null() if typed else pa.string()
    labels, malformed = counted(Rows({"y_true": first}), b"".join(lines))
    alone, lost, rows = [], 0, Rows({"y_true": first})
    for line in lines:
        piece = rows._line_by_line(line)
        alone += texts(piece)
        lost += piece.malformed
    assert (labels, malformed) == (alone, lost)


def test_the_other_way_is_not_taken_for_plain_lines(monkeypatch):
    monkeypatch.setattr(json_rows.Rows, "_pieces", lambda self, block: pytest.fail("not plain"))
    block = b'{"y_true": "a", "n": [1]}\n'
    plain = b'{"y_true": "a", "n": 1}\n' * 100
    assert counted(Rows(TEXT), plain) == (["a"] * 100, 0)
    with pytest.raises(pytest.fail.Exception):
        counted(Rows(TEXT), plain + block)


def test_the_automaton_is_whole():
    table = automaton().reshape(-1, 256)
    assert table.max() < len(table)
    reached = {int(table[0, 10])} | {int(state) for row in table for state in row}
    assert reached == set(range(len(table)))
    assert len(EVENTS) == 17
