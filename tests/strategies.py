"""Hypothesis strategies: rows, and the many physical Arrow forms that one logical column of labels may come in."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

import streamavg as sa
from tests import naive

INTS = ("0", "1", "2", "7", "-1", "-3", "15", "16", "100", "250", "300", "40000", str(2**40), str(-(2**63)))
WORDS = ("cat", "dog", "", " ", "007", "1", "é", "é", "NA", "nan", "null", "0.5", "-0", "x" * 40, "\u202ea", "😀")

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]


def scaled(part: float) -> settings:
    """The profile with a part of its examples; --long multiplies both alike."""
    return settings(max_examples=max(1, int(settings.default.max_examples * part)))


rngs = st.integers(0, 2**32 - 1).map(random.Random)  # for details that need no shrinking


# ---- one column of labels


def holds(kind: pa.DataType, text: str) -> bool:
    """Whether a column of this plain type can hold the label."""
    if kind in TEXTS:
        return True
    if not text.lstrip("-").isdecimal() or str(int(text)) != text:
        return False
    if pa.types.is_boolean(kind):
        return text in ("0", "1")
    if pa.types.is_floating(kind):
        with np.errstate(over="ignore"):
            return np.isfinite(x := kind.to_pandas_dtype()(int(text))) and int(x) == int(text)
    limits = np.iinfo(kind.to_pandas_dtype())
    return limits.min <= int(text) <= limits.max


def plain_types(texts: list[str | None]) -> list[pa.DataType]:
    """The plain types that can hold all these labels."""
    return [
        kind
        for kind in (*INTEGERS, pa.bool_(), *FLOATS, *TEXTS)
        if all(text is None or holds(kind, text) for text in texts)
    ]


def value_of(kind: pa.DataType, text: str) -> object:
    """The Python value that pyarrow turns into this label in a column of this type."""
    if kind in TEXTS:
        return text.encode() if "binary" in str(kind) else text
    if pa.types.is_boolean(kind):
        return text == "1"
    return kind.to_pandas_dtype()(int(text)) if pa.types.is_floating(kind) else int(text)


def garbage_of(kind: pa.DataType, rng: random.Random) -> object:
    """Something to lie under a null, where it must not be looked at."""
    if kind in TEXTS:
        word = rng.choice(["", "garbage", "cat", "a text longer than twelve bytes"])
        return rng.choice([word.encode(), b"\xff\xfe"]) if "binary" in str(kind) else word
    if pa.types.is_boolean(kind):
        return rng.random() < 0.5
    if pa.types.is_floating(kind):
        return kind.to_pandas_dtype()(rng.choice([0.5, 1.0, float("inf"), float("nan"), -7.0]))
    limits = np.iinfo(kind.to_pandas_dtype())
    return rng.choice([0, 1, int(limits.min), int(limits.max), rng.randint(int(limits.min), int(limits.max))])


def with_validity(array: pa.Array, valid: list[bool]) -> pa.Array:
    """The array with this validity bitmap in place of its own; what is under a null stays."""
    if all(valid):
        return array
    bits = np.packbits([False] * array.offset + valid, bitorder="little")
    buffers = [pa.py_buffer(bits.tobytes()), *array.buffers()[1:]]
    return pa.Array.from_buffers(array.type, len(array), buffers, offset=array.offset)


def plain(kind: pa.DataType, texts: list[str | None], rng: random.Random) -> pa.Array:
    """A column of a plain type, with garbage under its nulls; a null of a float column may be nan."""
    is_nan = [text is None and pa.types.is_floating(kind) and rng.random() < 0.5 for text in texts]
    values = [garbage_of(kind, rng) if text is None else value_of(kind, text) for text in texts]
    values = [float("nan") if nan else value for nan, value in zip(is_nan, values, strict=True)]
    if kind == pa.float16():
        values = [np.float16(value) for value in values]
    valid = [text is not None or nan for text, nan in zip(texts, is_nan, strict=True)]
    return with_validity(pa.array(values, kind), valid)


def dictionary(index: pa.DataType, kind: pa.DataType, texts: list[str | None], rng: random.Random) -> pa.Array:
    """A dictionary column: entries doubled, unused and null, in any order, and wild codes under nulls."""
    held: list[str | None] = [text for text in dict.fromkeys(texts) if text is not None]
    held += rng.sample(held, rng.randint(0, len(held)))
    held += [text for text in rng.sample(INTS + WORDS, 3) if holds(kind, text)]
    if rng.random() < 0.5:
        held.append(None)
    rng.shuffle(held)
    places: dict[str | None, list[int]] = {}
    for place, text in enumerate(held):
        places.setdefault(text, []).append(place)
    through_entry = [text is not None or (text in places and rng.random() < 0.5) for text in texts]
    codes = [
        rng.choice(places[text]) if known else int(garbage_of(index, rng))
        for text, known in zip(texts, through_entry, strict=True)
    ]
    indices = with_validity(pa.array(codes, index), through_entry)
    return pa.DictionaryArray.from_arrays(indices, plain(kind, held, rng), safe=False)


def runs(index: pa.DataType, kind: pa.DataType, texts: list[str | None], rng: random.Random) -> pa.Array:
    """A run-end encoded column; equal neighbours may be one run or several."""
    starts = [k for k in range(len(texts)) if not k or texts[k] != texts[k - 1] or rng.random() < 0.3]
    ends = pa.array([*starts[1:], len(texts)] if texts else [], index)
    return pa.RunEndEncodedArray.from_arrays(ends, plain(kind, [texts[start] for start in starts], rng))


def sliced(build, values: list, rng: random.Random) -> pa.Array:
    """The array as the middle of a larger one, so that its offset is not zero and often no multiple of eight."""
    before, after = rng.choice([0, 0, 1, 3, 8, 13]), rng.choice([0, 0, 1, 5])
    around = values[:1]
    if not around:
        return build([])
    return build(around * before + values + around * after).slice(before, len(values))


@dataclass(frozen=True)
class Form:
    """How a column of labels is stored: "plain", "dictionary" or "runs" of a plain type, or the "null" type."""

    layout: str
    kind: pa.DataType
    index: pa.DataType | None = None

    def encode(self, texts: list[str | None], rng: random.Random) -> pa.Array:
        """These labels as an array; the form must be one of `forms(texts)`."""
        if self.layout == "null":
            return pa.nulls(len(texts))
        makers = {
            "plain": lambda padded: plain(self.kind, padded, rng),
            "dictionary": lambda padded: dictionary(self.index, self.kind, padded, rng),
            "runs": lambda padded: runs(self.index, self.kind, padded, rng),
        }
        return sliced(makers[self.layout], texts, rng)


def forms(texts: list[str | None]) -> st.SearchStrategy[Form]:
    """Every way to store these labels that a column may use."""
    kinds = st.sampled_from(plain_types(texts))
    ways = [
        st.builds(Form, st.just("plain"), kinds),
        st.builds(Form, st.just("dictionary"), kinds, st.sampled_from(INTEGERS)),
    ]
    ends = st.sampled_from([pa.int16(), pa.int32(), pa.int64()])
    ways.append(st.builds(Form, st.just("runs"), kinds.filter(lambda kind: "view" not in str(kind)), ends))
    if all(text is None for text in texts):
        ways.append(st.just(Form("null", pa.null())))
    return st.one_of(ways)


# ---- a column of weights


@dataclass(frozen=True)
class WeightForm:
    """How a column of weights is stored: "plain", "dictionary" or "runs" of a numeric type."""

    layout: str
    kind: pa.DataType

    def encode(self, values: list, rng: random.Random) -> pa.Array:
        """These weights as an array."""
        return sliced(self._made, values, rng)

    def _made(self, values: list) -> pa.Array:
        if self.layout == "dictionary":
            held = [*dict.fromkeys(values), 7]
            codes = pa.array([held.index(value) for value in values], pa.int16())
            return pa.DictionaryArray.from_arrays(codes, self._plain(held))
        if self.layout == "runs":
            return pa.RunEndEncodedArray.from_arrays(
                pa.array(range(1, len(values) + 1), pa.int32()), self._plain(values)
            )
        return self._plain(values)

    def _plain(self, values: list) -> pa.Array:
        dtype = np.dtype(self.kind.to_pandas_dtype())
        return pa.array(np.array([dtype.type(value) for value in values], dtype), self.kind)


def weight_forms(values: list) -> st.SearchStrategy[WeightForm]:
    """Every way to store these weights that keeps them as they are."""

    def keeps(kind: pa.DataType) -> bool:
        as_numpy = np.dtype(kind.to_pandas_dtype())
        if as_numpy.kind != "f":
            return all(value == int(value) <= np.iinfo(as_numpy).max for value in values)
        with np.errstate(over="ignore"):
            return all(
                np.isfinite(x := as_numpy.type(value)) and Fraction(float(x)) == Fraction(value) for value in values
            )

    kinds = [kind for kind in (*INTEGERS, *FLOATS) if keeps(kind)]
    return st.builds(WeightForm, st.sampled_from(["plain", "dictionary", "runs"]), st.sampled_from(kinds))


# ---- a column of label sets, or of indicators

LISTS = (pa.ListArray, pa.LargeListArray, pa.ListViewArray, pa.LargeListViewArray)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type has a list a row."""
    return any(word in str(kind).partition("<")[0] for word in ("list", "map"))


@dataclass(frozen=True)
class SetForm:
    """How a column of label sets is stored: an Arrow list class, the form of the labels, the width of fixed ones."""

    kind: type
    inner: Form
    width: int

    def encode(self, sets: list[list | None], rng: random.Random) -> pa.Array:
        """These sets as an array; a null list hides labels."""
        make = self._fixed if self.kind is pa.FixedSizeListArray else self._nested
        return sliced(lambda padded: make(padded, rng), sets, rng)

    def _fixed(self, sets: list[list | None], rng: random.Random) -> pa.Array:
        """Sets of fewer labels are filled up with labels that they hold."""
        filler = next((each for each in sets if each), [None])
        filled = [each or filler for each in sets]
        filled = [each + [rng.choice(each) for _ in range(self.width - len(each))] for each in filled]
        values = self.inner.encode([text for each in filled for text in each], rng)
        return pa.FixedSizeListArray.from_arrays(values, self.width, mask=_nulls(sets))

    def _nested(self, sets: list[list | None], rng: random.Random) -> pa.Array:
        known = [each for each in sets if each]
        hidden = [rng.choice([*known, []]) if each is None else each for each in sets]
        is_view = self.kind in (pa.ListViewArray, pa.LargeListViewArray)
        order = rng.sample(range(len(sets)), len(sets)) if is_view else list(range(len(sets)))
        values = self.inner.encode([text for k in order for text in hidden[k]], rng)
        lengths = np.array([len(each) for each in hidden], np.int64)
        starts = np.zeros(len(sets), np.int64)
        starts[order] = np.cumsum(lengths[order]) - lengths[order]
        wide = pa.int64() if self.kind in (pa.LargeListArray, pa.LargeListViewArray) else pa.int32()
        if is_view:
            return self.kind.from_arrays(pa.array(starts, wide), pa.array(lengths, wide), values, mask=_nulls(sets))
        return self.kind.from_arrays(pa.array([*starts, len(values)], wide), values, mask=_nulls(sets))


def _nulls(sets: list[list | None]) -> pa.Array:
    return pa.array([each is None for each in sets], pa.bool_())


@st.composite
def set_forms(draw, sets: list[list | None]) -> SetForm:
    """A way to store these sets as one column."""
    texts = [text for each in sets if each for text in each]
    fixed = [] if any(each == [] for each in sets) else [pa.FixedSizeListArray]
    kind = draw(st.sampled_from([*LISTS, *fixed]))
    # a fixed-size list of integers or booleans is a row of indicators, so sets of that kind are text
    inner = draw(forms([*texts, "text"] if kind is pa.FixedSizeListArray else texts or [None]))
    return SetForm(kind, inner, max((len(each) for each in sets if each), default=1))


@dataclass(frozen=True)
class CellsForm:
    """Indicators as a fixed-size list of booleans or integers."""

    kind: pa.DataType
    labels: list[str]

    def encode(self, sets: list[list | None], rng: random.Random) -> pa.Array:
        """These sets as an array; some rows without a set are null lists with anything under them."""
        return sliced(lambda padded: self._fixed(padded, rng), sets, rng)

    def _fixed(self, sets: list[list | None], rng: random.Random) -> pa.Array:
        null = [each is None and rng.random() < 0.7 for each in sets]
        anything = ["0", "1"] if self.kind == pa.bool_() else ["0", "7"]
        rows = cells_of(sets, self.labels, rng)
        rows = [[rng.choice(anything) for _ in row] if hide else row for row, hide in zip(rows, null, strict=True)]
        values = plain(self.kind, [cell for row in rows for cell in row], rng)
        return pa.FixedSizeListArray.from_arrays(values, len(self.labels), mask=pa.array(null, pa.bool_()))


def cells_of(sets: list[list | None], labels: list[str], rng: random.Random) -> list[list[str | None]]:
    """A row of "0", "1" and None for each set; one that is null or holds a null has a None."""
    rows = [[str(int(each is not None and label in each)) for label in labels] for each in sets]
    for row, each in zip(rows, sets, strict=True):
        if each is None or None in each:
            row[rng.randrange(len(labels))] = None
    return rows


# ---- cases: rows, and the options under which they are counted

BINARY = ((("0", "1"), None), (("0", "1"), "0"), (("ham", "spam"), "spam"), (("-1", "1"), "1"))


@dataclass(frozen=True)
class Case:
    """Rows of label texts (or lists of them), and the options of the accumulator that counts them."""

    rows: list[tuple]
    options: dict
    alphabet: list[str]
    weights: st.SearchStrategy | None = None

    @property
    def task(self) -> str:
        return self.options["task"]

    def naive(self, rows: list[tuple] | None = None) -> naive.Counted:
        return naive.count_rows(self.rows if rows is None else rows, **self.options)

    def accumulator(self, **more) -> sa.Accumulator:
        options = {**self.options, "labels": self.options["labels"] or None}
        return sa.Accumulator(**{**options, **more})

    def counted(self, rows: list[tuple] | None = None) -> sa.Snapshot:
        """The snapshot of these rows in their plainest form."""
        acc = self.accumulator()
        acc.update(plain_table(self.rows if rows is None else rows, self.task))
        return acc.snapshot()

    def parts(self, draw, count: int) -> list[list[tuple]]:
        """Other rows under the same options."""
        return [draw(rows_of(self.alphabet, self.task, 12, self.weights)) for _ in range(count)]


def plain_table(rows: list[tuple], task: str) -> pa.Table:
    """The rows as strings, or lists of strings."""
    kind = pa.list_(pa.string()) if task == "multilabel" else pa.string()
    columns = {name: pa.array([row[k] for row in rows], kind) for k, name in enumerate(("y_true", "y_pred"))}
    weights = [row[2] if len(row) > 2 else 1 for row in rows]
    whole = all(isinstance(weight, int) for weight in weights)
    return pa.table({**columns, "weight": pa.array(weights, pa.uint64() if whole else pa.float64())})


@st.composite
def cases(draw, task: str | None = None, error: bool = False, max_rows: int = 30, weighted: bool | None = None) -> Case:
    """Rows with nulls and unknown labels under any task and policy, some with weights (weighted None).

    error=True adds the policies that refuse rows.
    """
    task = task or draw(st.sampled_from(["binary", "multiclass", "multilabel"]))
    unknown = draw(st.sampled_from(["grow", "grow", "count", *(["error"] if error else [])]))
    null_pred = draw(st.sampled_from(["wrong", "abstain", *(["error"] if error else [])]))
    options = {"task": task, "unknown": unknown, "null_pred": null_pred}
    if task == "binary":
        pair, options["pos_label"] = draw(st.sampled_from(BINARY))
        options["labels"] = [] if unknown == "grow" else list(pair)
        alphabet = [*pair, "5"] if error and unknown != "grow" else list(pair)
    else:
        family = draw(st.sampled_from([INTS, INTS[:6], WORDS, INTS + WORDS]))
        alphabet = draw(st.lists(st.sampled_from(family), min_size=1, max_size=6, unique=True))
        least = 0 if unknown == "grow" else 1
        options["labels"] = draw(st.lists(st.sampled_from(alphabet), min_size=least, max_size=4, unique=True))
    if task == "multilabel":
        options["samples"] = draw(st.booleans())
    weights = None
    if draw(st.booleans()) if weighted is None else weighted:
        weights = draw(st.sampled_from(WEIGHTS))
        options["sample_weight"] = "weight"
    return Case(draw(rows_of(alphabet, task, max_rows, weights)), options, alphabet, weights)


WEIGHTS = (
    st.integers(0, 3),
    st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**53, 2**53 + 1, 2**63 - 1, 2**64 - 1])),
    st.floats(0, 1),
    st.floats(0, 100, width=16),
    st.floats(0, 2.0**100, width=32),
    st.one_of(st.floats(0, 2.0**1000), st.sampled_from([0.0, 5e-324, 2.0**-1022, 2.0**-1060 * 3, 2.0**1000])),
)


def rows_of(
    alphabet: list[str], task: str, max_rows: int = 30, weights: st.SearchStrategy | None = None
) -> st.SearchStrategy[list[tuple]]:
    """(truth, prediction) rows over these labels, some of them null, or (truth, prediction, weight) rows."""
    side = st.sampled_from([*alphabet, *alphabet, None])
    if task == "multilabel":
        label = st.sampled_from(alphabet)
        some = st.lists(label, max_size=4)
        side = st.one_of(some, some, some, st.none(), st.lists(st.one_of(st.none(), label), min_size=1, max_size=3))
    return st.lists(st.tuples(side, side, *([] if weights is None else [weights])), max_size=max_rows)


# ---- rows told apart

PLACES = ("de", "fr", None, "é", "")


@st.composite
def sliced_cases(draw, **more):
    """A case with a place and a time for each row, the options that tell them apart, and the key of each row."""
    case = draw(cases(**more))
    by, window = draw(st.sampled_from([(["place"], None), (["place", "other"], None), ([], "1h"), (["place"], "90s")]))
    rows = len(case.rows)
    times = st.one_of(st.none(), st.sampled_from([0, 59, 89, 90, 3599, 3600, -1, -90, 10**9]))
    extra = {
        "place": draw(st.lists(st.sampled_from(PLACES), min_size=rows, max_size=rows)),
        "other": draw(st.lists(st.sampled_from(["1", "2"]), min_size=rows, max_size=rows)),
        "at": draw(st.lists(times, min_size=rows, max_size=rows)),
    }
    options = {"by": by, "window": window, "time": "at" if window else None}
    return case, extra, options


def keys_of(extra, options):
    """The key of each row, by plain Python."""
    keys = []
    for k in range(len(extra["place"])):
        key = [extra[name][k] for name in options["by"]]
        if options["window"]:
            size, at = (3600 if options["window"] == "1h" else 90), extra["at"][k]
            start = None if at is None else at // size * size
            key.append(None if start is None else dt.datetime.fromtimestamp(start, dt.UTC))
        keys.append(tuple(key))
    return keys


def sliced_table(case, extra, rows=None):
    """The rows with what tells them apart."""
    chosen = range(len(case.rows)) if rows is None else rows
    table = plain_table([case.rows[k] for k in chosen], case.task)
    for name, values in extra.items():
        kind = pa.int64() if name == "at" else pa.string()
        table = table.append_column(name, pa.array([values[k] for k in chosen], kind))
    return table


# ---- streams: the rows of a case as Arrow data


@dataclass(frozen=True)
class Stream:
    """The rows of a case as tables, and the accumulator options that read them."""

    options: dict
    tables: list[pa.Table]


cuts = st.lists(st.integers(0, 30), max_size=4)


def pieces_of(rows: list, places: list[int]) -> list[list]:
    """The rows cut at these places; those behind the end are the end, and equal ones give empty pieces."""
    at = [0, *sorted(min(place, len(rows)) for place in places), len(rows)]
    return [rows[start:end] for start, end in pairwise(at)]


@st.composite
def streams(draw, case: Case) -> Stream:
    """The case's rows in their order, cut into tables, each in forms of its own."""
    layouts = [draw(st.sampled_from(_layouts(case))) for _ in range(2)]
    rng = draw(rngs)
    options, names = {}, case.options["labels"] or case.alphabet
    for name, layout in zip(("y_true", "y_pred"), layouts, strict=True):
        if layout == "columns":
            options[name] = name + "_*"
        if layout == "cells":
            options["labels"] = names
    tables = []
    for rows in pieces_of(case.rows, draw(cuts)):
        columns: dict[str, pa.ChunkedArray] = {}
        for k, (name, layout) in enumerate(zip(("y_true", "y_pred"), layouts, strict=True)):
            side = [row[k] for row in rows]
            columns |= draw(side_of(case, side, name, layout, names, rng))
        if case.weights is not None:
            values = [row[2] for row in rows]
            columns["weight"] = chunked(values, draw(weight_forms(values)), draw(cuts), rng)
        tables.append(pa.table(columns))
    return Stream(options, tables)


def _layouts(case: Case) -> list[str]:
    if case.task != "multilabel":
        return ["column"]
    labels = case.options["labels"] or case.alphabet
    met = {text for row in case.rows for side in row[:2] if side for text in side if text is not None}
    return ["column", "columns", "cells"] if met <= set(labels) else ["column"]


@st.composite
def side_of(draw, case: Case, values: list, name: str, layout: str, labels: list[str], rng) -> dict:
    """The columns of one side: name -> chunked array."""
    if layout == "columns":
        kinds = st.sampled_from([pa.bool_(), pa.bool_(), *INTEGERS])
        cells = cells_of(values, labels, rng)
        return {
            f"{name}_{label}": chunked([row[k] for row in cells], Form("plain", draw(kinds)), draw(cuts), rng)
            for k, label in enumerate(labels)
        }
    if layout == "cells":
        form = CellsForm(draw(st.sampled_from([pa.bool_(), *INTEGERS])), labels)
    else:
        form = draw(set_forms(values) if case.task == "multilabel" else forms(values))
    return {name: chunked(values, form, draw(cuts), rng)}


def chunked(values: list, form, places: list[int], rng: random.Random) -> pa.ChunkedArray:
    """The values in this form as chunks, empty ones included."""
    return pa.chunked_array([form.encode(piece, rng) for piece in pieces_of(values, places)])


class Capsule:
    """An object that only speaks the Arrow C stream interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def as_reader(table: pa.Table) -> pa.RecordBatchReader:
    """The table as a stream that can be read once."""
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())


def as_mapping(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The table as a mapping of columns."""
    return {name: table[name] for name in table.column_names}


OFFERS = (lambda table: table, as_reader, Capsule, as_mapping)
