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


@given(seeds, rows_, st.integers(1, 20), st.booleans())
def test_gather_and_hit(rng, rows, columns, down):
    values = rng.integers(0, 9, rows * columns).astype(np.float32)
    steps = (1, rows) if down else (columns, 1)
    truth = rng.integers(0, 2, rows * columns).astype(np.uint8)
    shape = np.array([rows, columns, *steps, *steps])
    first, column = int(rng.integers(rows)), int(rng.integers(columns))
    tiles = [np.full((columns - column, rows - first), 7, np.float32) for _ in range(2)]
    for using, tile in zip((scoring, naive), tiles, strict=True):
        using.gather(values, shape, first, column, np.float32(0), tile)
    assert tiles[0].tolist() == tiles[1].tolist()
    codes = rng.integers(-2, columns + 2, rows)
    for given_truth, given_shape in ((truth, shape), (codes, np.array([rows, columns, *steps, 0, 0]))):
        hits = [np.full(rows - first, 7, np.uint8) for _ in range(2)]
        for using, found in zip((scoring, naive), hits, strict=True):
            using.hit(given_truth, given_shape, first, column, found)
        assert hits[0].tolist() == hits[1].tolist()


def pair(make):
    return make(), make()


@given(seeds, rows_, st.sampled_from([np.uint32, np.uint64]))
def test_counting_loops(rng, rows, bits_type):
    slots, hits = rng.integers(0, 5, rows).astype(np.uint32), rng.integers(0, 2, rows).astype(np.uint8)
    bits, unseen = rng.integers(0, 3, rows).astype(bits_type), bits_type(np.iinfo(bits_type).max)
    units, codes = rng.integers(0, 100, rows), rng.integers(-(2**63), 2**63 - 1, rows)
    codes = np.where(rng.random(rows) < 0.7, rng.integers(-1, 4, rows), codes)
    seen, cells = pair(lambda: np.full(5, unseen)), pair(lambda: np.zeros(10, np.int64))
    weighted, versus = pair(lambda: np.zeros(10, np.int64)), pair(lambda: np.zeros((3, 3, 5), np.int64))
    values, pure = pair(lambda: np.zeros(10, np.int64)), pair(lambda: np.ones(5, np.uint8))
    met, sums = pair(lambda: np.full(5, unseen)), pair(lambda: np.zeros(3, np.int64))
    for k, using in enumerate((scoring, naive)):
        using.count_slots(slots, hits, bits, unseen, seen[k], cells[k])
        using.count_values(slots, hits, values[k])
        using.witness(slots, bits, unseen, met[k], pure[k])
        using.count_decided(bits.astype(np.float32), hits, np.float32(1), sums[k])
        using.add_units(slots, hits, units, -1, weighted[k])
        using.add_versus(slots, codes, 1, -1, versus[k])
    for ours, twins in (seen, cells, weighted, versus, values, met, pure, sums):
        assert ours.tolist() == twins.tolist()
    assert met[0].tolist() == seen[0].tolist()
    mixed = (cells[0][:5] | cells[0][5:]) >> 32 != 0
    assert (pure[0] == 0).tolist() == mixed.tolist()
    assert (cells[0] & 0xFFFFFFFF).sum() == rows == values[0].sum()


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
    cells = np.zeros((columns, 2 * slots), np.int64)
    units = rng.integers(0, 9, rows) if rng.random() < 0.5 else np.empty(0, np.int64)
    weighted = np.zeros((columns, 2 * slots if len(units) else 0), np.int64)
    versus = np.zeros((columns, columns, slots) if not flags and rng.random() < 0.5 else (0, 0, 0), np.int64)
    more = (units, weighted, versus, 1)
    flat, found, hits = np.empty(tile, values.dtype), np.empty(tile[1], np.uint32), np.empty(tile[1], np.uint8)
    if exact:
        using.count_exact(values, truth, shape, layout.slots_of_bits(), cells, more, (flat, found, hits))
        return cells, weighted, versus
    seen_type = np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    unseen = seen_type.type(np.iinfo(seen_type).max)
    seen, grid = np.full((columns, slots), unseen), graded(layout.family, layout.size)
    pure, patience = np.ones((columns, slots), np.uint8), np.zeros((columns, 2), np.int32)
    about = (grid.table, grid.half, grid.pivot, grid.flip, dtype(0), unseen)
    room = (flat, flat.view(seen_type), found.view(np.int32), found, hits)
    with np.errstate(all="ignore"):
        using.count_scores(values, truth, shape, about, (seen, pure, cells, patience), more, room)
    mixed = (pure == 0) | (cells[:, :slots] >> 32 != 0) | (cells[:, slots:] >> 32 != 0)
    return cells & 0xFFFFFFFF, weighted, versus, seen, mixed


@given(
    st.integers(0, 2**32 - 1),
    rows_,
    st.integers(1, 7),
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
    about = (grid.table, grid.half, grid.pivot, grid.flip, dtype(0), bits.type(np.iinfo(bits).max))
    hot = [np.full(grid.slots, about[5]), np.ones(grid.slots, np.uint8), np.zeros(2 * grid.slots, np.int64)]
    hot.append(np.zeros(2, np.int32))
    twin, folded = [each.copy() for each in hot], np.zeros(rows, np.int32)
    for _ in range(tiles):
        if rng.random() < 0.1:
            distinct = int(rng.choice([1, 50, 10**6]))
        scores = (rng.integers(0, distinct + 1, rows) / distinct).astype(dtype)
        hits, is_plain = rng.integers(0, 2, rows).astype(np.uint8), bool(rng.random() < 0.9)
        for using, tables in ((scoring, hot), (naive, twin)):
            room = (folded, folded.view(np.uint32))
            using.count_tile(scores, scores.view(bits), hits, about, tuple(tables), room, is_plain)
    cells = hot[2]
    mixed = (hot[1] == 0) | ((cells[: grid.slots] | cells[grid.slots :]) >> 32 != 0)
    assert hot[0].tolist() == twin[0].tolist()
    assert mixed.tolist() == (twin[1] == 0).tolist()
    assert (cells & 0xFFFFFFFF).tolist() == twin[2].tolist()


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
