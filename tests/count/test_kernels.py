"""Every compiled loop against its plain twin in tests/naive.py, codes outside the tables included.

scripts/test runs this file a second time with NUMBA_BOUNDSCHECK=1 and an empty NUMBA_CACHE_DIR: an index outside its
array is an IndexError then, where it would otherwise change a neighbour's memory unseen.
"""

import os

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamavg.count import kernels, small
from tests import naive
from tests.strategies import scaled

BLOCK = naive.BLOCK
UNSIGNED = [np.uint8, np.uint16, np.uint32, np.uint64]
dtypes = st.sampled_from(UNSIGNED)
lengths = st.one_of(st.integers(1, 20), st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 6]))
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@pytest.mark.skipif(os.environ.get("NUMBA_BOUNDSCHECK") != "1", reason="only in the bounds-check pass")
def test_boundscheck_canary():
    """If this fails, the pass checks nothing: cached kernels, or a numba that ignores the variable."""

    @numba.njit
    def reads_outside(array):
        return array[len(array)]

    with pytest.raises(IndexError):
        reads_outside(np.zeros(3))


def test_every_kernel_has_a_twin():
    compiled = [name for name in kernels.__all__ if name.islower()]
    assert len(compiled) >= 7
    assert [name for name in compiled if not hasattr(naive, name)] == []


def codes(rng, rows, bound, dtype):
    return rng.integers(0, bound, rows).astype(dtype)


def with_wild_ones(rng, array, bound):
    """The codes, some of them outside the table: just so, in any way, or as large as the type allows."""
    most = int(np.iinfo(array.dtype).max)
    if bound > most or rng.random() < 0.4:
        return array
    for wild in (bound, most, int(rng.integers(bound, most, endpoint=True, dtype=np.uint64))):
        if rng.random() < 0.5:
            array[rng.integers(len(array))] = wild
    return array


@given(seeds, lengths, dtypes)
def test_peak(rng, rows, dtype):
    array = with_wild_ones(rng, codes(rng, rows, 9, dtype), 9)
    assert kernels.peak(array) == naive.peak(array)


key_types = st.sampled_from([np.uint16, np.uint32])


@given(seeds, lengths, dtypes, key_types, st.integers(1, 9), st.integers(1, 9))
def test_pair_keys(rng, rows, dtype, key_type, bound, width):
    true, pred = (with_wild_ones(rng, codes(rng, rows, bound, dtype), bound) for _ in range(2))
    keys, twin = np.zeros(rows, key_type), np.zeros(rows, key_type)
    most = kernels.pair_keys(true, pred, np.uint32(width), keys)
    assert most == naive.pair_keys(true, pred, width, twin)
    assert keys.tolist() == twin.tolist()


@given(
    seeds, lengths, dtypes, key_types, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, -1]), st.integers(0, 2)
)
def test_count_pairs(rng, rows, dtype, key_type, bound_true, bound_pred, step, split):
    width, height = bound_pred + int(rng.integers(3)), bound_true + int(rng.integers(3))
    a, b = width * height * (split > 0), 2 * width * height * (split > 1)
    keys = np.empty(int(rng.choice([1, 7, BLOCK])), key_type)
    true = with_wild_ones(rng, codes(rng, rows, bound_true, dtype), bound_true)
    pred = with_wild_ones(rng, codes(rng, rows, bound_pred, dtype), bound_pred)
    table = rng.integers(-5, 5, 2**split * width * height).astype(np.int32)
    twin = table.copy()
    sizes = np.array((bound_true, bound_pred, width, a, b), np.uint64)
    done = kernels.count_pairs(true, pred, sizes, np.int32(step), keys, table)
    assert done == naive.count_pairs(true, pred, sizes, step, keys, twin)
    assert table.tolist() == twin.tolist()


@given(seeds, lengths, dtypes, st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, -1]))
def test_count_labels(rng, rows, dtype, bound_true, bound_pred, step):
    true = with_wild_ones(rng, codes(rng, rows, bound_true, dtype), bound_true)
    pred = with_wild_ones(rng, codes(rng, rows, bound_pred, dtype), bound_pred)
    cells = rng.integers(-5, 5, (max(bound_true, bound_pred) + rng.integers(3), 3)).astype(np.int32)
    twin = cells.copy()
    done = kernels.count_labels(true, pred, np.uint64(bound_true), np.uint64(bound_pred), np.int32(step), cells)
    assert done == naive.count_labels(true, pred, bound_true, bound_pred, step, twin)
    assert cells.tolist() == twin.tolist()


@given(seeds, st.integers(1, 40), dtypes, st.integers(0, 17), st.sampled_from([0, 3, 9, 255, 2**62]))
def test_fill_nulls(rng, rows, dtype, offset, size):
    given = with_wild_ones(rng, codes(rng, rows, min(size + 1, 200), dtype), size)
    bits = rng.integers(0, 256, (offset + rows + 7) // 8).astype(np.uint8)
    out = np.zeros(rows, np.uint64 if dtype is np.uint64 else np.uint32)
    twin = out.copy()
    null = out.dtype.type(min(size, 2**32 - 1))
    wild = kernels.fill_nulls(given, bits, offset, np.uint64(size), null, out)
    assert wild == naive.fill_nulls(given, bits, offset, size, null, twin)
    assert out.tolist() == twin.tolist()


def assert_marks_and_translates(module, rng, rows, dtype):
    given = with_wild_ones(rng, codes(rng, rows, 9, dtype), 9)
    mapping, met = rng.integers(0, 2**32, 9).astype(np.uint32), np.zeros(9, np.uint8)
    out, out_twin, met_twin = np.full(rows, 7, np.uint32), np.full(rows, 7, np.uint32), met.copy()
    module.mark(given, met)
    naive.mark(given, met_twin)
    assert met.tolist() == met_twin.tolist()
    module.translate(given, mapping, out)
    naive.translate(given, mapping, out_twin)
    assert out.tolist() == out_twin.tolist()


@given(seeds, st.integers(1, 40), dtypes)
def test_mark_and_translate(rng, rows, dtype):
    assert_marks_and_translates(kernels, rng, rows, dtype)


words = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1]))


@given(st.lists(st.tuples(words, words), min_size=1, max_size=9))
def test_count_bits(pairs):
    true, pred = np.array(pairs, np.uint64).T.copy()
    assert tuple(map(int, kernels.count_bits(true, pred))) == naive.count_bits(true, pred)


def some_words(rng, shape):
    """Words with few, half, or nearly all of their bits set."""
    made = rng.integers(0, 2**64, (3, *shape), dtype=np.uint64)
    return rng.choice([made[0], made[0] & made[1] & made[2], made[0] | made[1] | made[2]])


@given(seeds, st.integers(1, 3))
def test_add_carry(rng, width):
    arrays = some_words(rng, (width,)), some_words(rng, (width,))
    twins = [array.copy() for array in arrays]
    kernels.add_carry(*arrays)
    naive.add_carry(*twins)
    assert [array.tolist() for array in arrays] == [twin.tolist() for twin in twins]


@given(seeds, st.integers(0, 17), st.integers(1, 2))
def test_add_bits_and_spread_bits(rng, labels, width):
    true, pred = some_words(rng, (labels, width)), some_words(rng, (labels, width))
    planes = np.zeros((3, labels.bit_length(), width), np.uint64)
    twin = planes.copy()
    kernels.add_bits(true, pred, planes, np.empty(width, np.uint64))
    naive.add_bits(true, pred, twin, None)
    assert planes.tolist() == twin.tolist()
    for digits in planes:
        sizes, sizes_twin = rng.integers(0, 9, (2, 64 * width)).astype(np.int32)
        kernels.spread_bits(digits, sizes)
        naive.spread_bits(digits, sizes_twin)
        assert sizes.tolist() == sizes_twin.tolist()


@given(seeds, st.integers(1, 40), st.integers(1, 4), st.sampled_from([1, -1]))
def test_count_sizes(rng, rows, base, step):
    sizes = rng.integers(0, base, (3, rows)).astype(np.int32)
    valid = rng.integers(0, 256, (rows + 7) // 8).astype(np.uint8)
    table = rng.integers(-5, 5, base**3)
    twin = table.copy()
    kernels.count_sizes(sizes, valid, base, step, table)
    naive.count_sizes(sizes, valid, base, step, twin)
    assert table.tolist() == twin.tolist()


@given(seeds, st.integers(0, 9), st.integers(1, 6), st.sampled_from([1, -1]), st.booleans())
def test_count_sets(rng, rows, labels, step, wild):
    ends = np.zeros((rows + 1, 2), np.int64)
    ends[1:] = rng.integers(0, 5, (rows, 2)).cumsum(axis=0)
    sides = [codes(rng, ends[-1, side], labels, np.uint32) for side in (0, 1)]
    for side in sides:
        if wild and len(side):
            side[rng.integers(len(side))] = rng.choice([labels, 2**31, 2**32 - 1])
    if rng.random() < 0.2:  # as if the lists did not cover their values
        ends[-1, rng.integers(2)] += 1
    first = int(rng.integers(0, 1000))
    marks = rng.integers(-1, max(first, 1), (labels, 2)) if first else np.full((labels, 2), -1)
    cells, sizes = rng.integers(-9, 9, (labels, 3)), np.zeros((3, rows), np.int32)
    twins = [array.copy() for array in (marks, cells, sizes)]
    counted = kernels.count_sets(ends, *sides, first, step, marks, cells, sizes)
    assert counted == naive.count_sets(ends, *sides, first, step, *twins)
    for array, twin in zip((marks, cells, sizes), twins, strict=True):
        assert array.tolist() == twin.tolist()


def test_copy():
    source = np.arange(100, dtype=np.uint8)
    for size in (0, 1, 99):
        target = np.zeros(100, np.uint8)
        kernels.copy(source[:size], target[:size])
        assert target.tolist() == [*range(size), *[0] * (100 - size)]


def test_labels_met_before_do_not_count_as_met_now():
    """Marks of earlier rows lie below `first`, so one table of marks serves a billion rows."""
    marks, cells, sizes = np.full((2, 2), -1), np.zeros((2, 3), np.int64), np.zeros((3, 1), np.int32)
    ends, one = np.array([[0, 0], [2, 1]]), np.array([1, 1], np.uint32)
    for row in range(3):
        assert kernels.count_sets(ends, one, one[:1], row, 1, marks, cells, sizes)
    assert cells.tolist() == [[0, 0, 0], [3, 0, 0]]
    assert sizes.tolist() == [[1], [1], [1]]


@scaled(0.5)
@given(dtypes, dtypes, st.integers(0, 2 * BLOCK))
def test_a_code_far_outside_stops_the_kernel_before_its_block(one, other, row):
    """-1 of a signed type reads as the largest unsigned number, which no table may be indexed with."""
    wide = np.promote_types(one, other)
    true, pred = np.zeros(2 * BLOCK + 1, wide), np.zeros(2 * BLOCK + 1, wide)
    pred[row] = np.iinfo(wide).max
    cells = np.zeros((3, 3), np.int32)
    done = kernels.count_labels(true, pred, np.uint64(3), np.uint64(3), np.int32(1), cells)
    assert done == row // BLOCK * BLOCK == cells.sum()


# ---- pages


def octets(data):
    return np.frombuffer(bytes(data), np.uint8)


def number(value):
    """Base 128, low digits first."""
    digits = []
    while value > 127:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def packed(values, width):
    """Eight numbers after eight, the last ones filled up with zeros."""
    total = sum(value << (k * width) for k, value in enumerate(values))
    return total.to_bytes(-(-len(values) // 8) * width, "little")


def hybrid(rng, values, width):
    """Parquet's runs of equal or bit-packed numbers, cut anywhere, the last perhaps longer than needed."""
    data, values = b"", list(values)
    while values:
        take = int(rng.integers(1, 20))
        if rng.random() < 0.5:
            same = next((k for k, value in enumerate(values) if value != values[0]), len(values))
            more = same == len(values) and rng.random() < 0.5
            data += number(2 * (same + 3 * more)) + values[0].to_bytes((width + 7) // 8, "little")
            values = values[same:]
        else:
            part = values[: 8 * take]
            data += number(2 * -(-len(part) // 8) + 1) + packed(part, width)
            values = values[8 * take :]
    return data


def damaged(rng, data):
    """The bytes with some changed, cut off or added."""
    array = np.frombuffer(data, np.uint8).copy()
    for _ in range(rng.integers(1, 4)):
        if len(array):
            array[rng.integers(len(array))] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return array[: rng.integers(len(array) + 1)] if rng.random() < 0.3 else array


@example(number(2**64 - 1), 0)
@example(b"\xff" * 10 + b"\x01", 0)
@given(st.one_of(st.integers(0, 2**64 - 1).map(number), st.binary(max_size=12)), st.integers(-1, 13))
def test_varint(data, pos):
    value, end = kernels.varint(octets(data), pos)
    expected, expected_end = naive.varint(data, pos)
    assert end == expected_end
    if end >= 0:
        assert value == expected


@given(st.binary(max_size=20), st.integers(0, 20))
def test_words(data, at):
    assert kernels.word_at(octets(data), at) == naive.word_at(data, at)
    if len(data) >= 8:
        assert kernels.whole_word(octets(data)) == naive.whole_word(data)


widths = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 9, 12, 16, 17, 24, 31, 32])


def numbers_of(rng, width):
    most = 2**width - 1
    count = int(rng.integers(1, 60))
    return (
        rng.choice([0, most, int(rng.integers(most + 1))], count).tolist()
        if rng.random() < 0.5
        else rng.integers(most + 1, size=count).tolist()
    )


def dtype_for(width):
    return np.uint8 if width <= 8 else np.uint16 if width <= 16 else np.uint32


@given(seeds, widths)
def test_unpacked_bits_are_what_was_packed(rng, width):
    values = numbers_of(rng, width)
    data = octets(packed(values, width))
    out, twin = (np.full(len(values), 77, dtype_for(width)) for _ in range(2))
    kernels.unpack_bits(data, width, out)
    assert out.tolist() == values
    if width <= 8:
        out[:] = 77
        assert kernels.unpack_eights(data, width, out) == naive.unpack_eights(data, width, twin)
        assert out.tolist() == twin.tolist()
    cut = data[: rng.integers(len(data) + 1)]
    kernels.unpack_bits(cut, width, out)
    naive.unpack_bits(cut, width, twin)
    assert out.tolist() == twin.tolist()


@given(seeds, widths)
def test_runs_unpack_and_damage_is_seen(rng, width):
    values = numbers_of(rng, width)
    data = hybrid(rng, values, width)
    out, twin = (np.zeros(len(values), dtype_for(width)) for _ in range(2))
    assert kernels.unpack(octets(data), width, out)
    assert out.tolist() == values
    bad = damaged(rng, data)
    whole = kernels.unpack(bad, width, out)
    assert whole == naive.unpack(bad, width, twin)
    if whole:
        assert out.tolist() == twin.tolist()


def page_of(rng, rows, nullable):
    """A dictionary-encoded data page: its bytes, the validity of its rows, and their codes (0 under nulls)."""
    valid = rng.random(rows) < rng.choice([0, 0.5, 1, 1]) if nullable else np.ones(rows, bool)
    codes = np.where(valid, rng.integers(0, 200, rows), 0)
    head = hybrid(rng, valid.astype(int).tolist(), 1) if nullable else b""
    data = len(head).to_bytes(4, "little") + head if nullable else b""
    held = codes[valid].tolist()
    return data + (bytes([8]) + hybrid(rng, held, 8) if held else b""), valid, codes


def decoded(decode, page, nullable, rows):
    valid, out = np.full(rows, 9, np.uint8), np.full(rows, 99, np.uint8)
    return decode(page, nullable, 8, valid, out), out.tolist()


@given(seeds, st.integers(1, 30), st.booleans())
def test_pages_decode_and_damage_is_seen(rng, rows, nullable):
    data, valid, codes = page_of(rng, rows, nullable)
    found, out = decoded(kernels.decode_page, octets(data), nullable, rows)
    assert (found, out) == (valid.sum(), codes.tolist())
    bad = damaged(rng, data)
    found, out = decoded(kernels.decode_page, bad, nullable, rows)
    expected, twin = decoded(naive.decode_page, bad, nullable, rows)
    assert found == expected
    if found > 0:
        assert out == twin


@given(seeds, st.integers(1, 30))
def test_levels(rng, rows):
    data, valid, _ = page_of(rng, rows, nullable=True)
    for page in (octets(data), damaged(rng, data)):
        found, start = kernels.levels(page, np.zeros(rows, np.uint8))
        expected, expected_start = naive.levels(page, np.zeros(rows, np.uint8))
        assert found == expected
        if found >= 0:
            assert start == expected_start
    assert naive.levels(octets(data), np.zeros(rows, np.uint8))[0] == valid.sum()


@pytest.mark.parametrize("width", [9, 16, 33, 64, 255])
def test_codes_wider_than_their_array_are_refused(width):
    page = octets(bytes([width]) + number(3) + packed([1] * 8, width))
    assert decoded(kernels.decode_page, page, nullable=False, rows=8)[0] == -1


@pytest.mark.parametrize("levels", [b"\x08\xff", b"\x04\x03\x04\x00", b"\x02\x02\x06\x00"])
def test_levels_are_0_or_1(levels):
    """A damaged run of levels, of 255 say, would give more valid rows than the page has rows."""
    page = octets(len(levels).to_bytes(4, "little") + levels + bytes([8, 8, 5]))
    assert decoded(kernels.decode_page, page, nullable=True, rows=4)[0] == -1


@given(seeds, st.lists(st.binary(max_size=9), max_size=20))
def test_snappy(rng, parts):
    """Blocks made by Arrow's Snappy, and the same damaged."""
    data = b"".join(part * int(rng.integers(1, 40)) for part in parts)
    block = pa.compress(data, "snappy", asbytes=True)
    out, twin = (np.zeros(len(data), np.uint8) for _ in range(2))
    assert kernels.unsnap(octets(block), out)
    assert naive.unsnap(block, twin)
    assert bytes(out) == data == bytes(twin)
    bad = damaged(rng, block)
    whole = kernels.unsnap(bad, out)
    assert whole == naive.unsnap(bad, twin)
    if whole:
        assert out.tolist() == twin.tolist()


def header(rng, size, raw_size, rows):
    """A data page header in Thrift's compact protocol, as in parquet.thrift, with or without a CRC and statistics."""

    def integer(delta, value):
        return bytes([delta * 16 + 5]) + number(2 * value if value >= 0 else -2 * value - 1)

    crc = [integer(1, int(rng.integers(-(2**31), 2**31)))] if rng.random() < 0.5 else []
    statistics = b"\x1c" + b"\x18" + number(5) + b"abcde" + b"\x16\x02" + b"\x00" if rng.random() < 0.5 else b""
    inner = integer(1, rows) + integer(1, 8) + integer(1, 3) + integer(1, 3) + statistics + b"\x00"
    body = bytes([(1 if crc else 2) * 16 + 12]) + inner
    return integer(1, 0) + integer(1, raw_size) + integer(1, size) + b"".join(crc) + body + b"\x00", bool(crc)


def chunk_of(rng, pages, nullable, snappy):
    data, valid, codes, crcs = b"", [], [], []
    for _ in range(pages):
        rows = int(rng.integers(1, 9))
        page, page_valid, page_codes = page_of(rng, rows, nullable)
        body = pa.compress(page, "snappy", asbytes=True) if snappy else page
        head, crc = header(rng, len(body), len(page), rows)
        data, valid, codes = data + head + body, [*valid, *page_valid], [*codes, *page_codes]
        crcs.append(crc)
    return data, np.array(valid), codes, crcs


def chunk_decoded(using, data, rows, nullable, snappy):
    fields, last = np.zeros((5, 18), np.int64), np.zeros(8, np.int64)
    found = using.page_index(data, last, fields)
    if not 0 <= found <= 5:
        return int(found), None, None
    scratch, valid, out = np.zeros(200, np.uint8), np.ones(rows, np.uint8), np.full(rows, 99, np.uint8)
    held = using.decode_chunk(data, fields[:found], snappy, nullable, scratch, valid, out)
    return int(found), int(held), out.tolist() if held > 0 else None


@given(seeds, st.integers(0, 6), st.booleans(), st.booleans())
def test_chunks(rng, pages, nullable, snappy):
    data, valid, codes, crcs = chunk_of(rng, pages, nullable, snappy)
    found, held, out = chunk_decoded(kernels, octets(data), len(valid), nullable, snappy)
    assert found == pages
    if pages <= 5:
        assert held == valid.sum()
        assert out == (codes if held else None)
        fields = np.zeros((5, 18), np.int64)
        kernels.page_index(octets(data), np.zeros(8, np.int64), fields)
        assert fields[:pages, 17].tolist() == crcs
    bad = damaged(rng, data)
    assert chunk_decoded(kernels, bad, len(valid), nullable, snappy) == chunk_decoded(
        naive, bad, len(valid), nullable, snappy
    )


@given(st.binary(max_size=40), st.integers(0, 40))
def test_page_headers_of_any_bytes(data, pos):
    fields, twin = np.zeros(18, np.int64), np.zeros(18, np.int64)
    end = kernels.page_header(octets(data), pos, np.zeros(8, np.int64), fields)
    assert end == naive.page_header(data, pos, np.zeros(8, np.int64), twin)
    if end >= 0:
        assert fields[1:].tolist() == twin[1:].tolist()


# ---- exact sums

terms_of_any_size = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1),
    st.integers(0, 9).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 2.0**-1022, 1.7e308, 2.0**53, 2.0**-1074 * 7]),
)
unit_terms = st.one_of(st.floats(-1, 1, width=32), st.integers(-(2**31), 2**31).map(lambda n: n / 2**31))


def floats(values):
    return np.array(values, np.float64)


@given(st.lists(terms_of_any_size, max_size=9), st.integers(-31, 0), st.integers(-30, 31))
def test_fits_and_reach(values, low, top):
    terms = floats(values)
    scale, most = 2.0 ** (-32 * low), 2.0 ** (32 * top)
    assert kernels.fits(terms, scale, most) is naive.fits(terms, scale, most)
    assert kernels.reach(terms) == naive.reach(terms)


@given(st.data(), st.lists(st.tuples(st.integers(0, 5), terms_of_any_size), max_size=9), st.sampled_from([1, -1]))
def test_add_terms(data, entries, step):
    cells, terms = np.array([cell for cell, _ in entries], np.uint32), floats([value for _, value in entries])
    lowest, highest = kernels.reach(terms)
    low = min(lowest // 32, 0) - data.draw(st.integers(0, 2))
    width = max(-(-highest // 32) - low, 1) + 2
    table = np.zeros((data.draw(st.sampled_from([6, 6, 4])), width), np.int64)
    twin = table.copy()
    assert kernels.add_terms(cells, terms, low, step, table) == naive.add_terms(cells, terms, low, step, twin)
    assert table.tolist() == twin.tolist()


@given(st.lists(st.tuples(st.integers(0, 5), unit_terms), max_size=9), st.sampled_from([1, -1]), st.integers(1, 4))
def test_terms_cut_into_digits(entries, step, block):
    cells, terms = np.array([cell for cell, _ in entries], np.uint32), floats([value for _, value in entries])
    for height in (6, 4):
        table, rest, digits = np.zeros((height, 5), np.int64), np.zeros(block), np.zeros((5, block), np.int64)
        twin = table.copy()
        done = kernels.add_cut(cells, terms, 1.0, step, rest, digits, table)
        assert done == naive.add_cut(cells, terms, 1.0, step, rest, digits, twin)
        assert table.tolist() == twin.tolist()
    kernels.add_all(terms, 1.0, step, rest, digits, table[0])
    naive.add_all(terms, 1.0, step, rest, digits, twin[0])
    assert table.tolist() == twin.tolist()
    many = np.zeros((2, 5, len(terms)), np.int64)
    kernels.cut_terms(terms, 1.0, step, np.zeros(len(terms)), many[0])
    naive.cut_terms(terms, 1.0, step, np.zeros(len(terms)), many[1])
    assert many[0].tolist() == many[1].tolist()
    (rest, digit), (rest_twin, digit_twin) = ((terms.copy(), np.zeros(len(terms), np.int64)) for _ in range(2))
    kernels.cut_digit(rest, step, digit)
    naive.cut_digit(rest_twin, step, digit_twin)
    assert (rest.tolist(), digit.tolist()) == (rest_twin.tolist(), digit_twin.tolist())
    flat, flat_twin = np.zeros(20, np.int64), np.zeros(20, np.int64)
    kernels.add_digit(cells, digit, np.uint64(3), flat)
    naive.add_digit(cells, digit, 3, flat_twin)
    assert flat.tolist() == flat_twin.tolist()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0, 9)), max_size=12), st.booleans())
def test_split_pairs(rows, abstain):
    true, pred = (np.array([row[k] for row in rows], np.uint32) for k in (0, 1))
    terms, found = floats([row[2] for row in rows]), []
    for module in (kernels, naive):
        cells, wrong, apart = np.zeros(len(rows), np.uint32), np.zeros(len(rows), np.uint32), np.zeros(len(rows))
        k = module.split_pairs(true, pred, terms, abstain, cells, wrong, apart)
        found.append((cells.tolist(), wrong[:k].tolist(), apart[:k].tolist()))
    assert found[0] == found[1]


@given(st.lists(st.tuples(*[st.lists(st.integers(2, 6), max_size=4)] * 2), max_size=6), st.integers(4, 7))
def test_split_sets(rows, limit):
    rows = [([code for code in true if code < limit], pred) for true, pred in rows]
    ends = np.zeros((len(rows) + 1, 2), np.int64)
    ends[1:] = np.cumsum([[len(side) for side in row] for row in rows], axis=0).reshape(-1, 2)
    true, pred = (np.array([code for row in rows for code in row[k]], np.uint32) for k in (0, 1))
    found = []
    for module in (kernels, naive):
        cells, places = np.zeros(len(true) + len(pred), np.uint32), np.zeros(len(true) + len(pred), np.int64)
        k = module.split_sets(ends, true, pred, 0, limit, np.full((7, 2), -1, np.int64), cells, places)
        found.append(sorted(zip(places[:k].tolist(), cells[:k].tolist(), strict=True)))
    assert found[0] == found[1]


@given(seeds, lengths, dtypes)
def test_slice_keys(rng, rows, dtype):
    given_codes = [codes(rng, rows, 9, np.uint32), codes(rng, rows, 200, dtype), codes(rng, rows, 200, dtype)]
    keys, twin = np.zeros(rows, np.uint32), np.zeros(rows, np.uint32)
    most = kernels.slice_keys(*given_codes, np.uint32(200), np.uint32(1800), keys)
    assert most == naive.slice_keys(*given_codes, 200, 1800, twin)
    assert keys.tolist() == twin.tolist()


@given(st.integers(0, 255), st.booleans())
def test_bump(held, back):
    small, big = np.array([7, held], np.uint8), np.array([7, 100], np.int32)
    twins, way = (small.copy(), big.copy()), (255, 255, -256) if back else (1, 0, 256)
    carried = kernels.bump(np.uint32(1), np.uint8(way[0]), np.uint8(way[1]), way[2], small, big)
    assert carried == naive.bump(1, *way, *twins)
    assert (small.tolist(), big.tolist()) == (twins[0].tolist(), twins[1].tolist())
    assert int(small[1]) + int(big[1]) == held + 100 + (-1 if back else 1)


@given(seeds, lengths, dtypes)
def test_count_slices(rng, rows, dtype):
    block = int(rng.choice([1, 7, 4096]))
    slices, labels = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    sizes = [*(int(rng.integers(1, most, endpoint=True)) for most in (slices, labels, labels)), labels]
    given_codes = [with_wild_ones(rng, codes(rng, rows, sizes[0], np.uint32), sizes[0])]
    given_codes += [with_wild_ones(rng, codes(rng, rows, size, dtype), size) for size in sizes[1:3]]
    small_part = rng.integers(0, 256, 3 * slices * labels, dtype=np.uint8)
    big, back = rng.integers(-5, 5, 3 * slices * labels).astype(np.int32), bool(rng.random() < 0.5)
    pairs = rng.integers(-5, 5, labels**2 if rng.random() < 0.7 else 0).astype(np.int32)
    twin = (small_part.astype(np.int64) + big).reshape(slices, 3, labels)
    pairs_twin = pairs.reshape(labels, labels).astype(np.int64) if len(pairs) else np.zeros((labels, labels), int)
    carried = np.zeros(1, np.uint8)
    others, before = (small_part.copy(), big.copy(), pairs.copy(), np.zeros(1, np.uint8)), big.copy()
    args, keys = (np.array(sizes, np.uint64), back), np.zeros((2, block), np.uint32)
    done = kernels.count_slices(*given_codes, *args, (small_part, big, pairs, carried), keys)
    assert done == naive.count_slices(*given_codes, sizes, back, (twin, pairs_twin), block)
    assert (small_part.astype(np.int64) + big).tolist() == twin.ravel().tolist()
    assert carried[0] or (big == before).all()
    assert not len(pairs) or pairs.tolist() == pairs_twin.ravel().tolist()
    if done == rows:
        assert small.count_slices(*given_codes, *args, others, keys) == rows
        assert others[2].tolist() == pairs.tolist()
        assert (others[0].astype(np.int64) + others[1]).tolist() == twin.ravel().tolist()
        assert others[3][0] or (others[1] == before).all()


@given(seeds, lengths, dtypes)
def test_place(rng, rows, dtype):
    size = int(rng.integers(0, 9))
    given_codes = with_wild_ones(rng, codes(rng, rows, max(size, 1), dtype), size)
    table = rng.integers(0, 2**32, size, dtype=np.uint32)
    outs = [np.full(rows, 7, np.uint32) for _ in range(3)]
    ways = zip((kernels.place, naive.place, small.place), outs, strict=True)
    highest = [loop(given_codes, table, out) for loop, out in ways]
    assert outs[0].tolist() == outs[1].tolist() == outs[2].tolist()
    assert highest[0] == highest[1] == highest[2]


@given(seeds, lengths)
def test_place_pairs(rng, rows):
    size, width = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    first = with_wild_ones(rng, codes(rng, rows, size, np.uint32), size)
    second = with_wild_ones(rng, codes(rng, rows, width, np.uint32), width)
    table = rng.integers(0, 2**32, size * width, dtype=np.uint32)
    outs = [np.full(rows, 7, np.uint32) for _ in range(3)]
    highest = [
        loop(first, second, np.uint64(width), table, out)
        for loop, out in zip((kernels.place_pairs, naive.place_pairs, small.place_pairs), outs, strict=True)
    ]
    assert outs[0].tolist() == outs[1].tolist() == outs[2].tolist()
    assert highest[0] == highest[1] == highest[2]


@given(seeds, st.integers(1, 70), dtypes)
def test_shifted(rng, rows, dtype):
    given_codes, shift = rng.integers(0, np.iinfo(dtype).max, rows, dtype, endpoint=True), rng.integers(0, 2**32)
    other = rng.integers(0, 2**32, rows, np.uint32)
    small_codes = given_codes.astype(np.uint32)
    outs = [np.full(rows, 7, np.uint32) for _ in range(6)]
    ways = (kernels, naive, small)
    most = [using.shifted(given_codes, np.uint32(shift), out) for using, out in zip(ways, outs, strict=False)]
    pairs = [
        using.shifted_pairs(small_codes, other, np.uint32(9), np.uint32(shift), out)
        for using, out in zip(ways, outs[3:], strict=True)
    ]
    assert outs[0].tolist() == outs[1].tolist() == outs[2].tolist()
    assert outs[3].tolist() == outs[4].tolist() == outs[5].tolist()
    assert most[0] == most[1] == most[2]
    assert pairs[0] == pairs[1] == pairs[2]
