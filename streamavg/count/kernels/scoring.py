"""Scoring: scores to slots of a histogram, one increment a score and a witness of what each slot holds.

Everything goes by tiles: a run of rows of a few columns is copied column by column (a row-major array of 1,000 columns
would touch a thousand tables in turn), folded to float bits in vectors, looked up, and counted.

No score can index outside a table: sign, exponent and side fill exactly the 9 bits of the grid's table, whose slots all
exist; half precision and 8 bits index tables with an entry for each bit pattern. Codes are compared before they index.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel

# numba makes 64 bits of any sum of 32-bit numbers, and a loop on 32 bits has twice the lanes: hence the many casts
_I, _U = np.int32, np.uint32
_FLOAT, _ZERO = np.float32, np.float32(0)
_LEAST_NORMAL, _ALMOST_ONE = np.int32(0x800000), np.int32(0x7FFFFF)
_MOST, _FAR, _NONE = np.int32(0x7FFFFFFF), np.int32(-0x80000000), np.int32(0)
DECIDED = 4096  # rows of a block, in the first-level cache
_ONE, _OTHER = np.int64(1), np.int64(1 << 32)


@kernel
def gather(values: Any, shape: Any, first: int, column: int, zero: Any, tile: Any) -> None:
    """tile[j, i] = values[row first + i, column + j] + zero, which makes 0.0 of -0.0; tile (columns, rows) is filled.

    values flat; shape int64 (6,): rows, columns, the steps in values from row to row and from column to column, of
    which one is 1, and those in truth.
    """
    columns, rows = tile.shape
    if shape[2] == 1:
        for j in range(columns):
            into, start = tile[j], first + (column + j) * shape[3]
            run = values[start : start + rows]
            for i in range(rows):
                into[i] = run[i] + zero
    else:
        for i in range(rows):
            start = (first + i) * shape[2] + column
            row = values[start : start + columns]
            for j in range(columns):
                tile[j, i] = row[j] + zero


@kernel
def fold(scores: Any, half: Any, pivot: Any, flip: Any, folded: Any) -> None:
    """folded[i] = the float32 bits of the distance from 0, or from `pivot` with the sign bit set on the far side.

    Positive subnormals join the least normal octave, so that exponent 0 is zero alone; on the far side octaves end with
    a power of two and do not begin with one, so that there, too, a power of two is the lowest score of its slot.
    """
    for i in range(len(scores)):
        score = _FLOAT(scores[i])
        far = (score >= half) != flip
        bits = _I(_FLOAT((pivot if far else _ZERO) - score).view(np.int32) & _MOST)
        near = _NONE if bits == _NONE else max(bits, _LEAST_NORMAL)
        folded[i] = _I(_I(bits + _ALMOST_ONE) | _FAR) if far else near


@kernel
def look_up(folded: Any, table: Any, slots: Any) -> None:
    """slots[i] = the slot of a folded score; folded uint32, table uint32 (512,) of slot << 5 | shift."""
    for i in range(len(folded)):
        bits = folded[i]
        entry = table[bits >> _U(23)]
        within = _U(_U(bits & _U(0x7FFFFF)) >> _U(entry & _U(31)))
        slots[i] = _U(_U(entry >> _U(5)) + _U(within ^ _U(_I(bits) >> _I(31))))


@kernel
def hit(truth: Any, shape: Any, first: int, column: Any, hits: Any) -> None:
    """hits[i] = whether the class of this column is true in row first + i.

    truth: flat flags, 0 or 1, or one code a row if shape[4] and shape[5] are 0.
    """
    if shape[4] <= 1:
        start = first + column * shape[5]
        run, wanted = truth[start : start + len(hits)], column if shape[4] == 0 else 1
        for i in range(len(hits)):
            hits[i] = run[i] == wanted
    else:
        start, down = np.uint64(first * shape[4] + column), np.uint64(shape[4])
        for i in range(len(hits)):
            hits[i] = truth[start + np.uint64(i) * down]


@kernel
def count_slots(slots: Any, hits: Any, bits: Any, unseen: Any, seen: Any, cells: Any) -> None:
    """cells[hit, slot] += 1, and 2**32 more where the score is another than the first that its slot has seen.

    slots uint32; hits uint8; bits: those of the scores, uint32 or uint64; seen: the same type, a slot an entry,
    `unseen` at first; cells int64 (2 * slots,). A load more keeps the witness, no branch that the data makes hard to
    guess and no store but the count's.
    """
    wide = _U(len(seen))
    for i in range(len(slots)):
        slot, score = slots[i], bits[i]
        held = seen[slot]
        if held == unseen:
            seen[slot] = held = score
        cells[_U(slot + _U(_U(hits[i]) * wide))] += _ONE + (_OTHER if held != score else np.int64(0))


@kernel
def count_folded(folded: Any, table: Any, hits: Any, pure: Any, cells: Any) -> Any:
    """cells[hit, slot] += 1; returns the rows whose slot is marked in `pure`. A look up and a count in one loop.

    folded, table as in look_up; hits uint8; pure uint8 (slots,), 0 or 1; cells int64 (2 * slots,).
    """
    wide, fresh = _U(len(pure)), np.int64(0)
    for i in range(len(folded)):
        bits = folded[i]
        entry = table[bits >> _U(23)]
        within = _U(_U(bits & _U(0x7FFFFF)) >> _U(entry & _U(31)))
        slot = _U(_U(entry >> _U(5)) + _U(within ^ _U(_I(bits) >> _I(31))))
        cells[_U(slot + _U(_U(hits[i]) * wide))] += 1
        fresh += pure[slot]
    return fresh


@kernel
def witness(slots: Any, bits: Any, unseen: Any, seen: Any, pure: Any) -> None:
    """Keep the first score that each slot has seen, and take the mark off a slot that sees another; as in count_slots.

    pure: uint8 (slots,), 1 where a slot may hold one score only.
    """
    for i in range(len(slots)):
        slot = slots[i]
        if pure[slot]:
            if seen[slot] == unseen:
                seen[slot] = bits[i]
            elif seen[slot] != bits[i]:
                pure[slot] = 0


@kernel
def count_tile(scores: Any, bits: Any, hits: Any, grid: Any, tables: Any, room: Any, is_plain: Any) -> None:
    """Count the scores of one column; with one loop while few rows meet a slot that is not known to hold several.

    Scores that are alike keep their slots pure, and to look at each costs less than to count and then to look again:
    so after a tile of many such rows comes a pause of 1, 2, 4 ... 64 tiles. patience int32 (2,): tiles left of the
    pause, and its length; tables: (seen, pure, cells, patience) of the column; room: (folded, the same as uint32),
    which holds the slots afterwards unless is_plain.
    """
    table, half, pivot, flip, _, unseen = grid
    (seen, pure, cells, patience), (folded, slots) = tables, room
    rows = len(scores)
    fold(scores, half, pivot, flip, folded)
    if patience[0] > 0 or not is_plain:
        patience[0] = max(patience[0] - 1, 0)
        look_up(slots[:rows], table, slots)
        count_slots(slots[:rows], hits, bits, unseen, seen, cells)
        return
    fresh = count_folded(slots[:rows], table, hits, pure, cells)
    if fresh:
        look_up(slots[:rows], table, slots)
        witness(slots[:rows], bits, unseen, seen, pure)
    many = fresh > rows >> 5
    patience[1] = min(2 * patience[1] + 1, 63) if many else 0
    patience[0] = patience[1]


@kernel
def count_values(slots: Any, hits: Any, cells: Any) -> None:
    """cells[hit, slot] += 1; as count_slots where a slot is one value."""
    wide = _U(len(cells) // 2)
    for i in range(len(slots)):
        cells[_U(slots[i] + _U(_U(hits[i]) * wide))] += 1


@kernel
def add_units(slots: Any, hits: Any, units: Any, step: int, weighted: Any) -> None:
    """weighted[hit, slot] += step * the units of the row; weighted int64 (2 * slots,)."""
    wide = _U(len(weighted) // 2)
    for i in range(len(slots)):
        weighted[_U(slots[i] + _U(_U(hits[i]) * wide))] += step * units[i]


@kernel
def add_versus(slots: Any, codes: Any, column: int, step: int, versus: Any) -> None:
    """versus[code, column, slot] += step for each row whose code is that of a class; versus int64, 3-dimensional."""
    for i in range(len(slots)):
        code = np.uint64(codes[i])
        if code < np.uint64(len(versus)):
            versus[code, column, slots[i]] += step


@kernel
def count_decided(scores: Any, flags: Any, bound: Any, sums: Any) -> None:
    """Add to sums how many flags are set, how many scores are >= bound, and how many rows have both.

    scores float32 or float64, bound of the same type; flags uint8, 0 or 1; sums int64 (3,). In blocks whose sums fit
    the 32-bit lanes of vectors: .26 ns a row, where int64 sums take .42.
    """
    for start in range(0, len(scores), DECIDED):
        run, ones = scores[start : start + DECIDED], flags[start : start + DECIDED]
        true, above, both = _U(0), _U(0), _U(0)
        for i in range(len(run)):
            high, one = _U(run[i] >= bound), _U(ones[i])
            true = _U(true + one)
            above = _U(above + high)
            both = _U(both + _U(high & one))
        sums[0] += true
        sums[1] += above
        sums[2] += both


@kernel
def count_scores(values: Any, truth: Any, shape: Any, grid: Any, hot: Any, more: Any, room: Any) -> None:
    """Count every score of a batch in the tables of its column.

    values flat float32 or float64; truth and shape as `hit` and `gather` say; grid: (table, half, pivot, flip, zero of
    the type, unseen); hot: (seen, pure, cells, patience), a row a column, as in count_tile. more: (units, weighted,
    versus, step), of which units and versus may be empty. room: (tile, its bits, folded, the same as uint32, hits).
    """
    (seen, pure, cells, patience), (units, weighted, versus, step) = hot, more
    (tile, bits, folded, slots, hits), is_plain = room, not (len(units) or len(versus))
    for first in range(0, shape[0], tile.shape[1]):
        rows = min(tile.shape[1], shape[0] - first)
        for column in range(shape[1]):
            j = column % tile.shape[0]
            if j == 0:
                gather(values, shape, first, column, grid[4], tile[: shape[1] - column, :rows])
            hit(truth, shape, first, column, hits[:rows])
            tables = seen[column], pure[column], cells[column], patience[column]
            count_tile(tile[j, :rows], bits[j], hits, grid, tables, (folded, slots), is_plain)
            if len(units):
                add_units(slots[:rows], hits, units[first:], step, weighted[column])
            if len(versus):
                add_versus(slots[:rows], truth[first:], column, step, versus)


@kernel
def count_exact(values: Any, truth: Any, shape: Any, mapping: Any, cells: Any, more: Any, room: Any) -> None:
    """As count_scores for a layout with a slot for each value of a type.

    values flat, the bits as uint8 or uint16; mapping uint32, the slot of every bit pattern; room: (tile, slots, hits).
    """
    units, weighted, versus, step = more
    tile, slots, hits = room
    for first in range(0, shape[0], tile.shape[1]):
        rows = min(tile.shape[1], shape[0] - first)
        for column in range(shape[1]):
            j = column % tile.shape[0]
            if j == 0:
                gather(values, shape, first, column, np.uint8(0), tile[: shape[1] - column, :rows])
            for i in range(rows):
                slots[i] = mapping[tile[j, i]]
            hit(truth, shape, first, column, hits[:rows])
            count_values(slots[:rows], hits, cells[column])
            if len(units):
                add_units(slots[:rows], hits, units[first:], step, weighted[column])
            if len(versus):
                add_versus(slots[:rows], truth[first:], column, step, versus)
