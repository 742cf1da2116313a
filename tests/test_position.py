"""Position: rows by another name; compared with plain sets of (file, part, row), and strict with hostile JSON."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streamavg.errors import MismatchError
from streamavg.position import ALL, END, MOST, Counted, Position, Source, Span, covers, digest_of, gaps, joined, reached

PARTS, ROWS = 4, 6  # small enough to write every row down
FILES = [Source(name, "parquet", 100, digest_of(name.encode())) for name in ("a", "b", "c")]


def rows_of(position):
    """Every (file, part, row) that a position holds, the slow way; a row after ROWS stands for the rest of a part."""
    return {
        (source, part, row)
        for source, (ranges, _) in position.files.items()
        for part in range(PARTS)
        for row in range(ROWS + 1)
        if any((a, b) <= (part, row) < (c, d) for a, b, c, d in ranges)
    }


@st.composite
def spans(draw):
    part, start = draw(st.integers(0, PARTS - 1)), draw(st.integers(0, ROWS - 1))
    stop = draw(st.integers(start, ROWS))
    after = draw(st.sampled_from([(part, stop), (part + 1, 0), *([END] if part == PARTS - 1 else [])]))
    return Span(part, start, stop - start, max(after, (part, stop)))


steps = st.lists(st.tuples(st.sampled_from(FILES), st.lists(spans(), max_size=3), st.just("")), max_size=6)
positions = steps.map(Position.of)


@given(steps)
def test_a_position_holds_the_rows_of_its_steps(given_steps):
    expected = {
        (source, part, row)
        for source, each, _ in given_steps
        for span in each
        for part in range(PARTS)
        for row in range(ROWS + 1)
        if (span.part, span.start) <= (part, row) < span.after
    }
    assert rows_of(Position.of(given_steps)) == expected


@given(positions, positions, positions)
def test_union_is_that_of_sets(a, b, c):
    assert rows_of(a.union(b)) == rows_of(a) | rows_of(b)
    assert a.union(b) == b.union(a)
    assert a.union(b).union(c) == a.union(b.union(c))
    assert a.union(a) == a == a.union(Position())


@given(positions, positions)
def test_a_sum_is_refused_exactly_where_rows_are_shared(a, b):
    if rows_of(a) & rows_of(b):
        with pytest.raises(MismatchError, match="hold them twice"):
            a + b
    else:
        assert a + b == b + a == a.union(b)


@given(positions, positions, positions)
def test_sums_in_any_order(a, b, c):
    assume(a.overlap(b) is None and a.overlap(c) is None and b.overlap(c) is None)
    assert (a + b) + c == a + (b + c) == (c + a) + b


def test_b15_equal_content_under_another_name_overlaps_and_both_are_named():
    there = FILES[0]._replace(name="moved/a")
    half, other = (Position.of([(file, [Span(0, 0, 5, (0, 5))], "")]) for file in (FILES[0], there))
    with pytest.raises(MismatchError, match=r"^a: rows of this file are counted as 'moved/a' too"):
        half + other
    rest = Position.of([(there, [Span(0, 5, 5, END)], "")])
    assert set((half + rest).files) == {FILES[0], there}
    assert set(half.union(other).files) == {FILES[0], there}  # forced


def test_b15_a_log_that_has_grown_is_the_same_log():
    day = Source("log.jsonl", "jsonl", 5000, "1" * 32)
    first = Position.of([(day, [Span(0, 0, 5000, (0, 5000))], "2" * 32)])
    grown = day._replace(size=9000)
    with pytest.raises(MismatchError, match="on both sides"):
        first + Position.of([(grown, [Span(0, 4000, 100, (0, 4100))], "3" * 32)])
    both = first + Position.of([(grown, [Span(0, 5000, 4000, (0, 9000))], "3" * 32)])
    assert len(both.files) == 2


@given(positions, positions)
def test_the_bytes_before_belong_to_the_last_row(a, b):
    for source in a.union(b).files:
        mine, theirs = (each.files.get(source) for each in (a, b))
        assert a.union(b).files[source].ranges[-1][2:] == max(each.ranges[-1][2:] for each in (mine, theirs) if each)
    log = Source("log", "jsonl", 90, "0" * 32)
    early, late = (Position.of([(log, [Span(0, at, 30, (0, at + 30))], str(at) * 16)]) for at in (10, 40))
    assert early.union(late).files[log] == late.union(early).files[log] == Counted(((0, 10, 0, 70),), "40" * 16)


def test_i6_a_finished_file_is_short():
    many = Position.of((file, [Span(k, 0, 9, (k + 1, 0))], "") for file in FILES for k in range(1000))
    assert len(json.dumps(many.to_json())) < 3 * 90
    done = Position.of((file, [Span(0, 0, 9, END)], "") for file in FILES)
    assert all(counted.ranges == ALL for counted in done.files.values())
    assert len(json.dumps(done.to_json())) < 3 * 64
    assert [len(each) for each in done.to_json()["files"]] == [4, 4, 4]


# ---- ranges

ranges = st.lists(spans().map(lambda s: (s.part, s.start, *s.after)), max_size=5).map(joined)


@given(ranges, st.integers(0, PARTS - 1), st.integers(0, ROWS), st.integers(0, ROWS))
def test_gaps_are_the_rows_that_lack(held, part, start, stop):
    lack = {row for row in range(start, stop) if not any(r[:2] <= (part, row) < r[2:] for r in held)}
    found = list(gaps(held, part, start, stop))
    assert {row for first, after in found for row in range(first, after)} == lack
    assert all(first < after for first, after in found)
    assert found == sorted(found)


@given(ranges, st.integers(0, PARTS - 1))
def test_what_is_reached(held, part):
    end = reached(held, part)
    assert end == MOST or not any(r[:2] <= (part, end) < r[2:] for r in held)
    assert all(covers(held, (part, row), (part, row + 1)) for row in range(min(end, ROWS)))


# ---- JSON


@given(positions)
def test_json_keeps_all(position):
    assert Position.from_json(json.loads(json.dumps(position.to_json()))) == position


FILE = ["log.jsonl", "jsonl", 90, "0" * 32, [[0, 0, 0, 60]], "1" * 32]


def test_this_json_is_the_format():
    source = Source("log.jsonl", "jsonl", 90, "0" * 32)
    assert Position.from_json({"files": [FILE]}) == Position({source: Counted(((0, 0, 0, 60),), "1" * 32)})
    whole = Source("a.csv.gz", "csv.gzip", 7, "f" * 32)
    assert Position.from_json({"files": [["a.csv.gz", "csv.gzip", 7, "f" * 32]]}) == Position({whole: Counted(ALL)})


HOSTILE = [
    *[(0, value) for value in ("", 3, None, ["a"], "\ud800", "x" * ((1 << 16) + 1))],
    *[(1, value) for value in ("", "../x", "json l", 3, None, "j" * 40)],
    *[(2, value) for value in (-1, 1.0, True, "9", None, 1 << 63)],
    *[(3, value) for value in ("", "0" * 31, "0" * 33, "G" * 32, "0" * 31 + "\n", 5, None)],
    *[(4, value) for value in ([], "x", None, {}, [[]], [[0, 0, 0]], [[0, 0, 0, 0]], [[0, 5, 0, 2]])],
    *[(4, [value]) for value in ([0, 0, 0, True], [0, 0, 0, 1.0], [0, 0, -1, 5], [0, -1, 0, 5], [0, 0, 0, 1 << 63])],
    *[(4, value) for value in ([[0, 0, 0, 5], [0, 5, 0, 9]], [[0, 6, 0, 9], [0, 0, 0, 2]], [[0, 0, 0, 5]] * 2)],
    *[(5, value) for value in ("0" * 31, 5, None, "Z" * 32)],
]


@pytest.mark.parametrize(("place", "value"), HOSTILE, ids=lambda value: repr(value)[:30])
def test_b11_hostile_json_is_refused(place, value):
    file = copy.deepcopy(FILE)
    file[place] = value
    with pytest.raises(ValueError, match="position: "):
        Position.from_json({"files": [file]})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"files": {}},
        {"files": None},
        {"files": [], "more": 1},
        {"files": [[]]},
        {"files": [FILE[:3]]},
        {"files": [[*FILE, 1]]},
        {"files": ["abcd"]},
        {"files": [FILE, FILE]},
    ],
    ids=repr,
)
def test_b11_other_json_is_refused(value):
    with pytest.raises(ValueError, match="position: "):
        Position.from_json(value)
