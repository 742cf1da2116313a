"""The loops over scores against their plain twins, and the slots they find against exact fractions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.kernels import scoring
from streamavg.state.layout import Layout
from streamavg.state.slots import SIZES, graded
from tests import naive

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
rows_ = st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 65, 200]))
floats = st.sampled_from([np.float32, np.float64])
families = st.sampled_from(["unit", "signed"])
sizes = st.sampled_from([*SIZES])
NO_FLAGS = np.empty(0, np.uint8)
NO_FLAGS.flags.writeable = False


def any_floats(rng, shape, dtype):
    """Floats of any bit pattern, and many that are alike; nan and infinity too, which must do no harm."""
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    raw = rng.integers(0, np.iinfo(unsigned).max, shape, unsigned, endpoint=True).view(dtype)
    few = rng.choice(np.array([0, -0.0, 1, 0.5, 0.25, np.nan, np.inf, -np.inf, 1e-45, 3e38], dtype), shape)
    kind = rng.integers(0, 3, shape)
    return np.where(kind == 0, raw, np.where(kind == 1, few, rng.random(shape).astype(dtype)))


@given(seeds, floats, families, sizes)
def test_fold_and_look_up(rng, dtype, family, size):
    grid = graded(family, size)
    scores = any_floats(rng, 200, dtype)
    folded, twin = np.zeros(200, np.int32), np.zeros(200, np.int32)
    scoring.fold(scores, grid.half, grid.pivot, grid.flip, folded)
    known = ~np.isnan(scores)
    with np.errstate(all="ignore"):
        naive.fold(scores[known], grid.half, grid.pivot, grid.flip, twin)
    assert folded[known].tolist() == twin[: known.sum()].tolist()
    slots, twin = np.zeros(200, np.uint32), np.zeros(200, np.uint32)
    scoring.look_up(folded.view(np.uint32), grid.table, slots)
    naive.look_up(folded.view(np.uint32), grid.table, twin)
    assert slots.tolist() == twin.tolist()
    assert slots.max() < grid.slots
    valid = (scores >= 0) & (scores <= 1) if family == "unit" else np.isfinite(scores)
    assert slots[valid].tolist() == [naive.slot_of(family, size, score) for score in scores[valid].tolist()]


def still(array):
    array = array.view()
    array.flags.writeable = False
    return array


def room_of(kind, bits, tile):
    """Scratch as a table of scores has it: of columns, of slots and of hits."""
    values, hits = np.empty(tile, kind), np.empty(tile[1], np.uint8)
    slots = np.empty(tile[1], np.uint32)
    of_slots = slots.view(np.int32), slots, np.empty(tile[1] + 1, np.int32), np.arange(tile[1], dtype=np.int32)
    of_hits = hits, still(hits), still(np.zeros(tile[1], np.uint8))
    return (values, still(values), still(values).view(bits)), of_slots, of_hits


@given(seeds, rows_, st.integers(1, 20), st.booleans(), st.integers(1, 8), st.sampled_from([3, 64]))
def test_columns_and_hits(rng, rows, columns, down, width, size):
    values = still(rng.random(rows * columns).astype(np.float32))
    steps = (1, rows) if down else (columns, 1)
    flags, codes = rng.integers(0, 2, rows * columns).astype(np.uint8), rng.integers(-2, columns + 2, rows)
    shape = np.array([rows, columns, *steps, *steps])
    of_columns, _, of_hits = room_of(np.float32, np.uint32, (min(width, columns), size))
    none = codes[:0], flags[:0]
    for first in range(0, rows, size):
        for column in range(columns):
            given_columns = (values, values.view(np.uint32), shape, first, column, of_columns)
            for ours, twin in zip(scoring.column_of(*given_columns), naive.column_of(*given_columns), strict=True):
                assert ours.tolist() == twin.tolist()
            for truth in ((still(codes), still(none[1])), (still(none[0]), still(flags))):
                given_hits = (truth, shape, first, column, of_hits)
                assert scoring.hits_of(*given_hits).tolist() == naive.hits_of(*given_hits).tolist()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(1, 9))
def test_tile_at(rows, columns, width, size):
    shape, tile = np.array([rows, columns, columns, 1, 0, 0]), np.zeros((width, size), np.float32)
    numbers = range(columns * -(-rows // size))
    found = [scoring.tile_at(number, shape, tile) for number in numbers]
    assert found == [naive.tile_at(number, shape, tile) for number in numbers]
    assert sorted(found) == [(first, column) for first in range(0, rows, size) for column in range(columns)]


@given(seeds, rows_, st.integers(1, 20))
def test_gather(rng, rows, columns):
    values = rng.integers(0, 9, rows * columns).astype(np.float32)
    first, column = int(rng.integers(rows)), int(rng.integers(columns))
    tiles = [np.full((columns - column, rows - first), 7, np.float32) for _ in range(2)]
    for using, tile in zip((scoring, naive), tiles, strict=True):
        using.gather(values, np.array([rows, columns, columns, 1, columns, 1]), first, column, tile)
    assert tiles[0].tolist() == tiles[1].tolist()


def pair(make):
    return make(), make()


@given(seeds, rows_, st.sampled_from([np.uint32, np.uint64]))
def test_counting_loops(rng, rows, bits_type):
    slots, hits = rng.integers(0, 5, rows).astype(np.uint32), rng.integers(0, 2, rows).astype(np.uint8)
    bits, unseen = rng.integers(0, 3, rows).astype(bits_type), bits_type(np.iinfo(bits_type).max)
    units, codes = rng.integers(0, 100, rows), rng.integers(-(2**63), 2**63 - 1, rows)
    codes = np.where(rng.random(rows) < 0.7, rng.integers(-1, 4, rows), codes)
    weighted, versus = pair(lambda: np.zeros(10, np.int64)), pair(lambda: np.zeros((3, 3, 5), np.int64))
    values, pure = pair(lambda: np.zeros(10, np.int32)), pair(lambda: rng.permutation([0, 1, 1, 1, 1]).astype(np.uint8))
    pure[1][:] = pure[0]
    met = pair(lambda: np.full(5, unseen))
    kind = np.float32 if bits_type == np.uint32 else np.float64
    bits = np.where(rng.random(rows) < 0.2, np.array([-0.0], kind).view(bits_type), bits)
    table, folded = np.zeros(512, np.uint32), slots << 23  # an octave a slot
    table[:5] = np.arange(5) << 5 | 31
    where = rng.permutation(rows)[: rng.integers(rows + 1)].astype(np.int32)
    for k, using in enumerate((scoring, naive)):
        using.count_values(slots, hits, values[k])
        using.witness(folded, table, bits, where, unseen, met[k], pure[k])
        using.add_units(slots, hits, units, -1, weighted[k])
        using.add_versus(slots, codes, 1, -1, versus[k])
    for ours, twins in (weighted, versus, values, met, pure):
        assert ours.tolist() == twins.tolist()
    assert values[0].sum() == rows


@given(seeds, st.integers(1, 200), floats, st.integers(1, 5))
def test_counting_with_a_look_at_what_slots_have_seen(rng, rows, dtype, distinct):
    """Both loops count, and say how many rows met a marked slot, or whether one met another score in it."""
    grid, bits_type = graded("unit", 268), np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    scores = (rng.integers(0, distinct + 1, rows) / distinct).astype(dtype)
    hits, folded = rng.integers(0, 2, rows).astype(np.uint8), np.zeros(rows, np.int32)
    scoring.fold(scores, grid.half, grid.pivot, grid.flip, folded)
    folded, slots = folded.view(np.uint32), np.zeros(rows, np.uint32)
    scoring.look_up(folded, grid.table, slots)
    pure, seen = rng.integers(0, 2, grid.slots).astype(np.uint8), np.full(grid.slots, bits_type.type(7))
    if rng.random() < 0.7:
        seen[slots] = scores.view(bits_type)
    cells = [np.zeros(2 * grid.slots, np.int32) for _ in range(4)]
    where = [np.zeros(rows + 1, np.int32) for _ in range(2)]
    fresh = [
        where[k][: using.count_folded(folded, grid.table, hits, pure, cells[k], where[k])].tolist()
        for k, using in enumerate((scoring, naive))
    ]
    known = (grid.table, hits, scores.view(bits_type), (seen, pure))
    other = [using.count_known(folded, *known, cells[2 + k]) for k, using in enumerate((scoring, naive))]
    assert fresh[0] == fresh[1]
    assert other[0] == other[1]
    assert all(each.tolist() == cells[1].tolist() for each in cells)


@given(seeds, rows_, st.integers(1, 9), floats, st.booleans())
def test_count_true(rng, rows, columns, dtype, down):
    grid, values = graded("unit", 268), rng.random(rows * columns).astype(dtype)
    codes = np.where(
        rng.random(rows) < 0.8, rng.integers(-1, columns + 1, rows), rng.integers(-(2**63), 2**63 - 1, rows)
    )
    shape = np.array([rows, columns, *((1, rows) if down else (columns, 1)), 0, 0])
    about = (grid.table, grid.half, grid.pivot, grid.flip, np.uint32(0))
    cells = pair(lambda: np.full((columns, 2 * grid.slots), 99, np.int32))
    scoring.count_true(values, codes, shape, about, cells[0])
    naive.count_true(values, codes, shape, about, cells[1])
    assert cells[0].tolist() == cells[1].tolist()


def drive(using, rng_seed, rows, columns, dtype, layout, flags, tile):
    rng = np.random.default_rng(rng_seed)
    exact, slots = bool(layout.exact), layout.slots
    bits = np.dtype(np.uint8 if layout.exact.endswith("int8") else np.uint16)
    if exact:
        values = rng.integers(0, 2 ** (8 * bits.itemsize), rows * columns).astype(bits)
    else:
        values = any_floats(rng, rows * columns, dtype)
        values[np.isnan(values)] = 0.5  # the twin cannot tell one nan from another
    down = rng.random() < 0.5
    steps = (1, rows) if down else (columns, 1)
    truth = rng.integers(0, 2, rows * columns).astype(np.uint8) if flags else rng.integers(-1, columns + 1, rows)
    shape = np.array([rows, columns, *steps, *(steps if flags else (0, 0))])
    cells = np.zeros((columns, 2 * slots), np.int32)
    units = rng.integers(0, 9, rows) if rng.random() < 0.5 else np.empty(0, np.int64)
    weighted = np.zeros((columns, 2 * slots if len(units) else 0), np.int64)
    versus = np.zeros((columns, columns, slots) if not flags and rng.random() < 0.5 else (0, 0, 0), np.int64)
    more = (units, weighted, versus, 1)
    seen_type = bits if exact else np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    of_columns, of_slots, of_hits = room_of(values.dtype, seen_type, tile)
    values, truth = still(values), (still(truth[:0].astype(int)), still(truth)) if flags else (still(truth), NO_FLAGS)
    if exact:
        room = of_columns, of_slots[1], of_hits
        using.count_exact(values, truth, shape, layout.slots_of_bits(), cells, more, room)
        return cells, weighted, versus
    unseen = seen_type.type(np.iinfo(seen_type).max)
    seen, grid = np.full((columns, slots), unseen), graded(layout.family, layout.size)
    pure, patience = np.ones((columns, slots), np.uint8), np.zeros((columns, 2), np.int32)
    about, room = (grid.table, grid.half, grid.pivot, grid.flip, unseen), (of_columns, of_slots, of_hits)
    with np.errstate(all="ignore"):
        using.count_scores(
            values, values.view(seen_type), truth, shape, about, (seen, pure, cells, patience), more, room
        )
    return cells, weighted, versus, seen, pure


@given(
    st.integers(0, 2**32 - 1),
    rows_,
    st.sampled_from([1, 2, 3, 7, 8, 9, 13]),
    floats,
    st.sampled_from(["unit/268", "signed/268", "float16:unit/268", "uint8:signed/268", "int8:signed/1042"]),
    st.booleans(),
    st.sampled_from([(1, 64), (3, 64), (16, 7), (2, 1)]),
)
def test_whole_batches(seed, rows, columns, dtype, name, flags, tile):
    tile = (min(tile[0], columns), tile[1])
    ours, twins = (
        drive(using, seed, rows, columns, dtype, Layout.named(name), flags, tile) for using in (scoring, naive)
    )
    for mine, twin in zip(ours, twins, strict=True):
        assert (mine == twin).all()


@given(seeds, floats, st.integers(1, 60), st.integers(1, 40), st.sampled_from([1, 2, 50, 10**6]))
def test_tiles_with_and_without_patience(rng, dtype, tiles, rows, distinct):
    """However many scores are alike, the counts are those of one pass, and so is what each slot has seen."""
    grid, bits = graded("unit", 268), np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    about = (grid.table, grid.half, grid.pivot, grid.flip, bits.type(np.iinfo(bits).max))
    hot = [np.full(grid.slots, about[4]), np.ones(grid.slots, np.uint8), np.zeros(2 * grid.slots, np.int32)]
    hot.append(np.zeros(2, np.int32))
    twin, room = [each.copy() for each in hot], room_of(dtype, bits, (1, rows))[1]
    for _ in range(tiles):
        if rng.random() < 0.1:
            distinct = int(rng.choice([1, 50, 10**6]))
        scores = (rng.integers(0, distinct + 1, rows) / distinct).astype(dtype)
        hits = rng.integers(0, 2, rows).astype(np.uint8)
        for using, tables in ((scoring, hot), (naive, twin)):
            using.count_tile(scores, scores.view(bits), hits, about, tuple(tables), room)
    for ours, twins in zip(hot[:3], twin[:3], strict=True):
        assert ours.tolist() == twins.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", ["unit", "signed"])
def test_nan_stays_inside(dtype, family):
    """Every nan pattern of the ends: sign, quiet, signalling."""
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    scores = np.array([2 ** (8 * dtype().itemsize) - 1, 2 ** (8 * dtype().itemsize - 1) - 1], unsigned).view(dtype)
    grid, folded = graded(family, 4092), np.zeros(2, np.int32)
    scoring.fold(scores, grid.half, grid.pivot, grid.flip, folded)
    slots = np.zeros(2, np.uint32)
    scoring.look_up(folded.view(np.uint32), grid.table, slots)
    assert slots.max() < grid.slots
