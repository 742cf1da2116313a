"""Columns: every physical form of a label column gives the labels back, and a forged one is an error, never a crash."""

import random
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count import columns
from streamavg.count.columns import Column, WordSpace
from streamavg.count.vocabulary import FIRST, NULL, Vocabulary
from streamavg.errors import InputError
from tests import strategies

LABELS = st.lists(st.sampled_from([*strategies.INTS, *strategies.WORDS, None]), min_size=1, max_size=20)
INT_LABELS = st.lists(st.sampled_from([*strategies.INTS, None]), min_size=1, max_size=20)


def column():
    return Column("y", Vocabulary((), closed=False))


def texts_of(encoder, codes):
    """The labels behind codes, all of which must lie in their table."""
    assert codes.values.dtype.kind == "u"
    assert (codes.values < codes.bound).all()
    assert codes.bound <= codes.space.size
    if isinstance(codes.space, WordSpace):
        names = {NULL: None, **{FIRST + k: label for k, label in enumerate(encoder.vocabulary.labels)}}
        return [names[code] for code in codes.values.tolist()]
    return codes.space.texts(codes.values.tolist())


def encoded(encoder, array):
    """Codes as the counter gets them: those outside their table are asked for again."""
    codes = encoder.encode(array)
    for _ in range(2):
        if (codes.values >= codes.bound).any():
            codes = encoder.recode(array, codes)
    return texts_of(encoder, codes)


@given(st.lists(st.one_of(LABELS, INT_LABELS), min_size=1, max_size=4), st.data())
def test_any_form_gives_its_labels_back(batches, data):
    """One encoder over batches of changing types, as a stream gives them."""
    encoder = column()
    for texts in batches:
        array = data.draw(strategies.forms(texts)).encode(texts, data.draw(strategies.rngs))
        assert encoded(encoder, array) == texts
        assert texts_of(encoder, encoder.words(array)) == texts


@pytest.mark.parametrize("kind", strategies.INTEGERS, ids=str)
@pytest.mark.parametrize("warm", [[], [300], [70000]])
def test_every_integer_of_a_type_is_its_own_label(kind, warm):
    """-1 as a byte is 255 and as two bytes 65535; neither may become the label that those numbers are."""
    least, most = (int(limit) for limit in (np.iinfo(kind.to_pandas_dtype()).min, np.iinfo(kind.to_pandas_dtype()).max))
    values = [*{least, least + 1, -1 if least else 1, 0, 1, min(most, 2**63 - 1), min(most, 2**63 - 1) - 1}]
    encoder = column()
    if warm:
        encoded(encoder, pa.array(warm))
    for null in ([], [None]):
        for each in ([*values, *null], *([value, *null] for value in values)):
            assert encoded(encoder, pa.array(each, kind)) == [None if v is None else str(v) for v in each]


def test_each_dictionary_counts_by_its_content():
    """Another dictionary every batch, of equal size, at times in the memory of the one before."""
    encoder = column()
    for small in (True, False):
        filler = [] if small else [f"unused {k}" for k in range(columns.SMALL)]
        for names in (["a", "b"], ["b", "a"], ["a", "b"], ["a", "a"], ["", "b"]):
            array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(names + filler))
            assert encoded(encoder, array) == [names[0], names[1], names[0]]
            del array


def test_a_slice_of_a_dictionary_is_not_the_dictionary():
    encoder, names = column(), pa.array(["a", "b", "c", "d"])
    for start in range(3):
        array = pa.DictionaryArray.from_arrays(pa.array([0, 1]), names.slice(start, 2))
        assert encoded(encoder, array) == ["abcd"[start], "abcd"[start + 1]]


def test_memory_stays_flat_over_many_dictionaries():
    encoder, before = column(), pa.total_allocated_bytes()
    for k in range(300):
        encoded(encoder, pa.array([f"label {k % 7}", "x" * 10_000]).dictionary_encode())
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert len(encoder.vocabulary) <= FIRST + 8


# ---- values that are no labels


def refused(array, *words, forge=lambda: None, **options):
    """Both sides refuse it, as the first data and after good data, and nothing is counted.

    forge: what damages the memory of the array, which pyarrow would not put into a table once it is damaged.
    """
    good = pa.array(["7"] * len(array))
    good = good if not strategies.is_list(array.type) else pa.array([["7"]] * len(array))
    tables = [
        (name, warm, pa.table({name: array, other: good}))
        for name, other in (("y_true", "y_pred"), ("y_pred", "y_true"))
        for warm in (False, True)
    ]
    forge()
    for name, warm, table in tables:
        acc = sa.Accumulator(**options)
        if warm:
            acc.update({"y_true": good, "y_pred": good})
        before = acc.snapshot()
        with pytest.raises(InputError) as error:
            acc.update(table)
        assert acc.snapshot() == before
        assert all(word in str(error.value) for word in (*words, name))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()], ids=str)
@pytest.mark.parametrize("value", [0.5, -0.5, float("inf"), float("-inf"), 1e300, 2.0**63, 1.0 + 2.0**-20])
def test_floats_that_are_not_whole(kind, value):
    with np.errstate(over="ignore"):
        array = pa.array(np.array([1.0, value, 0.25], kind.to_pandas_dtype()))
    refused(array, str(array[1].as_py()), "at row 1")
    refused(array.dictionary_encode(), "label")
    refused(pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), array), "label")
    refused(pa.ListArray.from_arrays(pa.array([0, 1, 3], pa.int32()), array), "label")


@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_integers_outside_int64(value):
    array = pa.array([1, None, value], pa.uint64())
    for column_given in (array, array.drop_null()):
        refused(column_given, str(value), f"at row {len(column_given) - 1}")
        refused(column_given.dictionary_encode(), str(value))
    under_null = strategies.with_validity(pa.array([1, value], pa.uint64()), [True, False])
    assert encoded(column(), under_null) == ["1", None]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_bytes_that_are_not_utf8(kind):
    array = pa.array([b"fine", b"\xff\xfe"], kind)
    refused(array, "UTF-8")
    refused(array.dictionary_encode() if kind != pa.binary_view() else array, "UTF-8")
    refused(pa.array([[b"fine"], [b"\xff"]], pa.list_(kind)), "UTF-8")
    unused = pa.DictionaryArray.from_arrays(pa.array([0, 0]), array)
    assert encoded(column(), unused) == ["fine", "fine"]


NO_LABELS = [
    (pa.array([1, 2]).cast(pa.decimal128(21, 2)), "decimal128(21, 2)"),
    (pa.array([1, 2], pa.date32()), "date32[day]"),
    (pa.array([1, 2], pa.timestamp("s")), "timestamp[s]"),
    (pa.array([{"a": 1}, {"a": 2}]), "struct<a: int64>"),
    (pa.array([b"abc", b"abd"], pa.binary(3)), "fixed_size_binary[3]"),
    (pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())), "map<string, int64>"),
    (pa.array([[1], [2]], pa.list_(pa.date32())), "date"),
    (pa.array([[[1]], [[2]]]), "list<item: int64>"),
    (pa.array([[{"a": 1}], [{"a": 2}]]), "struct<a: int64>"),
    (pa.array([[0.1, 0.9], [0.2, 0.8]], pa.list_(pa.float32(), 2)), "fixed_size_list<item: float>[2]"),
    (pa.array([[1.0, 2.0], [2.0, 3.0]], pa.list_(pa.float64(), 2)), "scores"),
    (pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array([1, 2], pa.date32())), "date32[day]"),
    (pa.array([1, 2], pa.date32()).dictionary_encode(), "date"),
]


@pytest.mark.parametrize(
    ("array", "word"), NO_LABELS, ids=lambda given: str(given.type if hasattr(given, "type") else "")
)
def test_types_that_hold_no_labels_are_named(array, word):
    refused(array, word)


VIEWS = [pa.array(["a", "b", None], pa.string_view()), pa.array([b"a", b"b", None], pa.binary_view())]


@pytest.mark.parametrize("values", [*VIEWS, pa.array(["a", "b", None]).dictionary_encode()], ids=lambda a: str(a.type))
def test_runs_of_what_arrow_cannot_decode(values):
    """pyarrow 26 has no run_end_decode for these; they count right or are refused by type."""
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3, 4], pa.int32()), values)
    acc = sa.Accumulator()
    if "view" in str(values.type) or "dictionary" in str(values.type):
        with suppress(InputError):
            acc.update({"y_true": runs, "y_pred": runs})
    if acc.snapshot().seen:
        assert acc.snapshot() == sa.evaluate({"y_true": ["a", "a", "b", None], "y_pred": ["a", "a", "b", None]})


@pytest.mark.parametrize("values", VIEWS, ids=lambda array: str(array.type))
def test_a_dictionary_of_views_may_come_first(values):
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int8()), values)
    acc = sa.Accumulator()
    acc.update({"y_true": array, "y_pred": array})
    assert acc.snapshot() == sa.evaluate({"y_true": ["a", "b", None, None], "y_pred": ["a", "b", None, None]})


# ---- forged layouts: what a hostile file or another library may hand over


def forged_codes(index, code, valid=(True, True, True)):
    indices = strategies.with_validity(pa.array([0, code, 1], index), list(valid))
    return pa.DictionaryArray.from_arrays(indices, pa.array(["7", "8"]), safe=False)


@pytest.mark.parametrize("index", strategies.INTEGERS, ids=str)
@pytest.mark.parametrize("code", [-1, 2, 100, 2**31 - 1, 2**31, 2**40, 2**63 - 1])
def test_a_dictionary_code_outside_the_dictionary(index, code):
    limits = np.iinfo(index.to_pandas_dtype())
    code = code if limits.min <= code <= limits.max else int(limits.max)
    refused(forged_codes(index, code))
    refused(forged_codes(index, code, (False, True, True)))
    assert encoded(column(), forged_codes(index, code, (True, False, True))) == ["7", None, "8"]


def test_a_wild_code_behind_many_good_rows_is_numbered():
    codes = np.zeros(10_000, np.int32)
    codes[9_000] = 5
    array = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["7", "8"]), safe=False)
    refused(array, "code 5", "row 9000", "2 values", task="multiclass")


def test_wild_codes_of_large_dictionaries():
    names = pa.array([str(k) for k in range(columns.SMALL + 1)])
    for code in (-1, len(names), 2**31 - 1):
        refused(pa.DictionaryArray.from_arrays(pa.array([0, code, 1], pa.int32()), names, safe=False))


OFFSETS = [[0, 1, 2, 10**6], [0, 10**6, 2, 3], [0, -5, 2, 3], [-5, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0]]


def with_offsets(kind, child):
    """Three texts or lists, and the memory of their offsets."""
    memory = np.arange(4).astype(np.int64 if "large" in str(kind) else np.int32)
    children = {"children": [child]} if isinstance(child, pa.Array) else {}
    data = [] if children else [pa.py_buffer(child)]
    return pa.Array.from_buffers(kind, 3, [None, pa.py_buffer(memory), *data], **children), memory


def written(memory, values):
    """A function that writes these values there."""
    return lambda: np.copyto(memory, values)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
@pytest.mark.parametrize("offsets", OFFSETS, ids=str)
def test_forged_text_offsets(kind, offsets):
    array, memory = with_offsets(kind, b"abc")
    refused(array, forge=written(memory, offsets))
    array, memory = with_offsets(kind, b"abc")
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), array)
    refused(coded, forge=written(memory, offsets))


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.string())], ids=str)
@pytest.mark.parametrize("offsets", OFFSETS, ids=str)
def test_forged_list_offsets(kind, offsets):
    array, memory = with_offsets(kind, pa.array(["a", "b", "c"]))
    refused(array, forge=written(memory, offsets))


@pytest.mark.parametrize(
    "views", [[[0, 10**6], [1, 1]], [[0, 0], [1, -1]], [[-1, 0], [1, 1]], [[0, 2], [1, 2]]], ids=str
)
def test_forged_list_views(views):
    memory = np.array([[0, 1], [1, 1]], np.int32)
    buffers = [None, pa.py_buffer(memory[0]), pa.py_buffer(memory[1])]
    array = pa.Array.from_buffers(pa.list_view(pa.string()), 2, buffers, children=[pa.array(["a", "b", "c"])])
    refused(array, forge=written(memory, views))


@pytest.mark.parametrize("place", [0, 2, 3], ids=["length", "buffer", "offset"])
def test_forged_text_views(place):
    for coded in (False, True):
        good = pa.array(["a text longer than twelve bytes", "b"], pa.string_view())
        memory = np.frombuffer(good.buffers()[1], np.int32).copy()
        array = pa.Array.from_buffers(pa.string_view(), 2, [None, pa.py_buffer(memory), good.buffers()[2]])
        if coded:
            array = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), array)
        refused(array, forge=written(memory[place : place + 1], 10**6))


@pytest.mark.parametrize("ends", [[2, 1, 5], [2, 3, 4], [-1, 2, 5], [0, 0, 5]], ids=str)
def test_forged_run_ends(ends):
    memory = np.array([1, 2, 5], np.int32)
    children = [pa.Array.from_buffers(pa.int32(), 3, [None, pa.py_buffer(memory)]), pa.array(["a", "b", "c"])]
    array = pa.RunEndEncodedArray.from_buffers(pa.run_end_encoded(pa.int32(), pa.string()), 5, [None], 0, 0, children)
    refused(array, forge=written(memory, ends))


def test_bytes_that_claim_to_be_text():
    text, _ = with_offsets(pa.string(), b"\xff\xfea")
    refused(text)
    refused(with_offsets(pa.list_(pa.string()), text)[0])


@given(st.integers(0, 2**32 - 1))
def test_random_damage_to_a_dictionary_column_never_crashes(seed):
    rng = random.Random(seed)
    texts = [rng.choice(["7", "8", "nine", None]) for _ in range(20)]
    indices = np.array([rng.choice([0, 1, 2]) for _ in texts], np.int8)
    for _ in range(rng.randint(0, 3)):
        indices[rng.randrange(20)] = rng.randint(-128, 127)
    names = pa.array(["7", "8", "nine"])
    array = pa.DictionaryArray.from_arrays(
        strategies.with_validity(pa.array(indices), [text is not None for text in texts]), names, safe=False
    )
    valid = [code for code, text in zip(indices.tolist(), texts, strict=True) if text is not None]
    acc = sa.Accumulator(task="multiclass")
    if all(0 <= code < 3 for code in valid):
        acc.update({"y_true": array, "y_pred": array})
        assert acc.snapshot().rows == len(valid)
    else:
        with pytest.raises(InputError, match="dictionary code"):
            acc.update({"y_true": array, "y_pred": array})
        assert acc.snapshot() == sa.Snapshot()
