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


@kernel
def gather(values: Any, shape: Any, first: int, column: int, tile: Any) -> None:
    """tile[j, i] = values[row first + i, column + j]; tile (columns, rows) is filled.

    values flat, a row's columns side by side; shape int64 (6,): rows, columns, the steps in values from row to row and
    from column to column, of which one is 1, and those in truth.
    """
    columns, rows = tile.shape
    for i in range(rows):
        start = (first + i) * shape[2] + column
        row = values[start : start + columns]
        for j in range(columns):
            tile[j, i] = row[j]


@kernel
def column_of(values: Any, bits: Any, shape: Any, first: int, column: int, room: Any) -> Any:
    """The scores of a column from row first on and their bits, as many as fit: where they are, or from a tile.

    values and bits flat and read-only; room: (tile, the same read-only, its bits), filled with the columns that follow
    at every column whose number is a multiple of its own.
    """
    tile, still, still_bits = room
    rows = min(tile.shape[1], shape[0] - first)
    if shape[2] == 1:
        start = first + column * shape[3]
        return values[start : start + rows], bits[start : start + rows]
    j = column % tile.shape[0]
    if j == 0:
        gather(values, shape, first, column, tile[: shape[1] - column, :rows])
    return still[j, :rows], still_bits[j, :rows]


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
def hits_of(truth: Any, shape: Any, first: int, column: Any, room: Any) -> Any:
    """Whether the class of this column is true in rows first and on, as many as fit: uint8, 0 or 1, read-only.

    truth: (codes, flags): int64, one code a row, or where there is none uint8, flat, with steps as in shape; room:
    (hits, the same read-only).
    """
    (codes, flags), (hits, still) = truth, room
    rows = min(len(hits), shape[0] - first)
    if len(codes):
        run = codes[first : first + rows]
        for i in range(rows):
            hits[i] = run[i] == column
    elif shape[4] == 1:
        start = first + column * shape[5]
        return flags[start : start + rows]
    else:
        start, down = np.uint64(first * shape[4] + column), np.uint64(shape[4])
        for i in range(rows):
            hits[i] = flags[start + np.uint64(i) * down]
    return still[:rows]


@kernel
def count_folded(folded: Any, table: Any, hits: Any, pure: Any, cells: Any) -> Any:
    """cells[slot, hit] += 1; returns the rows whose slot is marked in `pure`. A look up and a count in one loop.

    folded, table as in look_up; hits uint8; pure uint8 (slots,), 0 or 1; cells int32 (2 * slots,): 4,092 slots fill the
    first-level cache, where cells of int64 do not fit in it.
    """
    fresh = np.int64(0)
    for i in range(len(folded)):
        bits = folded[i]
        entry = table[bits >> _U(23)]
        within = _U(_U(bits & _U(0x7FFFFF)) >> _U(entry & _U(31)))
        slot = _U(_U(entry >> _U(5)) + _U(within ^ _U(_I(bits) >> _I(31))))
        cells[_U(_U(slot << _U(1)) | _U(hits[i]))] += _I(1)
        fresh += pure[slot]
    return fresh


@kernel
def count_known(folded: Any, table: Any, hits: Any, bits: Any, known: Any, cells: Any) -> Any:
    """As count_folded, but returns whether a slot that is marked met other bits than those it has seen.

    known: (seen, pure), see `witness`. A comparison more, and no second look at scores that many rows have.
    """
    (seen, pure), other = known, np.uint64(0)
    for i in range(len(folded)):
        fold = folded[i]
        entry = table[fold >> _U(23)]
        within = _U(_U(fold & _U(0x7FFFFF)) >> _U(entry & _U(31)))
        slot = _U(_U(entry >> _U(5)) + _U(within ^ _U(_I(fold) >> _I(31))))
        cells[_U(_U(slot << _U(1)) | _U(hits[i]))] += _I(1)
        other |= np.uint64(seen[slot] ^ bits[i]) & (np.uint64(0) - np.uint64(pure[slot]))
    return other != np.uint64(0)


@kernel
def witness(slots: Any, bits: Any, unseen: Any, seen: Any, pure: Any) -> None:
    """Keep the first score that each slot has seen, and take the mark off a slot that sees another.

    slots uint32; bits: those of the scores, uint32 or uint64, -0.0 being 0.0; seen: the same type, a slot an entry,
    `unseen` (all bits set) at first; pure: uint8 (slots,), 1 where a slot may hold one score only.
    """
    for i in range(len(slots)):
        slot = slots[i]
        if pure[slot]:
            score = bits[i]
            if score ^ (unseen >> 1) == unseen:
                score = unseen ^ unseen
            if seen[slot] == unseen:
                seen[slot] = score
            elif seen[slot] != score:
                pure[slot] = 0


@kernel
def count_tile(scores: Any, bits: Any, hits: Any, grid: Any, tables: Any, room: Any, is_plain: Any) -> None:
    """Count the scores of one column; with one loop while few rows meet a slot that is not known to hold several.

    Scores that are alike keep their slots pure, and to look at each costs less than to count and then to look again:
    so after a tile of many such rows comes a pause of 1, 2, 4 ... 64 tiles, or to the next score that is new. patience
    int32 (2,): tiles left of the pause, and its length; tables: (seen, pure, cells, patience) of the column; room:
    (folded, the same as uint32), which holds the slots afterwards unless is_plain.
    """
    (table, half, pivot, flip, unseen), rows = grid, len(scores)
    (seen, pure, cells, patience), (folded, slots) = tables, room
    fold(scores, half, pivot, flip, folded)
    part, is_new = slots[:rows], True
    if not is_plain:
        look_up(part, table, part)
        count_values(part, hits, cells)
        witness(part, bits, unseen, seen, pure)
        return
    if patience[0] > 0:
        is_new = count_known(part, table, hits, bits, (seen, pure), cells)
        patience[0] = 0 if is_new else patience[0] - 1
    else:
        fresh = count_folded(part, table, hits, pure, cells)
        patience[1] = min(2 * patience[1] + 1, 63) if fresh > rows >> 5 else 0
        patience[0], is_new = patience[1], fresh > 0
    if is_new:
        look_up(part, table, part)
        witness(part, bits, unseen, seen, pure)


@kernel
def count_values(slots: Any, hits: Any, cells: Any) -> None:
    """cells[slot, hit] += 1; slots uint32, hits uint8, cells int32 (2 * slots,)."""
    for i in range(len(slots)):
        cells[_U(_U(slots[i] << _U(1)) | _U(hits[i]))] += _I(1)


@kernel
def add_units(slots: Any, hits: Any, units: Any, step: int, weighted: Any) -> None:
    """weighted[slot, hit] += step * the units of the row; weighted int64 (2 * slots,)."""
    for i in range(len(slots)):
        weighted[_U(_U(slots[i] << _U(1)) | _U(hits[i]))] += step * units[i]


@kernel
def add_versus(slots: Any, codes: Any, column: int, step: int, versus: Any) -> None:
    """versus[code, column, slot] += step for each row whose code is that of a class; versus int64, 3-dimensional."""
    for i in range(len(slots)):
        code = np.uint64(codes[i])
        if code < np.uint64(len(versus)):
            versus[code, column, slots[i]] += step


@kernel
def count_decided(scores: Any, flags: Any, ends: Any, sums: Any) -> None:
    """Add to sums how many flags are set, how many scores are >= ends[2], rows with both, and scores in the ends.

    scores and ends float32 or float64; flags uint8, 0 or 1; ends: the least and the highest score, and the least that
    is positive; sums int64 (4,). In blocks whose sums fit the 32-bit lanes of vectors: .26 ns a row, where int64 sums
    take .42.
    """
    low, most, bound = ends[0], ends[1], ends[2]
    for start in range(0, len(scores), DECIDED):
        run, ones = scores[start : start + DECIDED], flags[start : start + DECIDED]
        true, above, both, inside = _U(0), _U(0), _U(0), _U(0)
        for i in range(len(run)):
            score, one = run[i], _U(ones[i])
            high = _U(score >= bound)
            true = _U(true + one)
            above = _U(above + high)
            both = _U(both + _U(high & one))
            inside = _U(inside + _U((score >= low) & (score <= most)))
        sums[0] += true
        sums[1] += above
        sums[2] += both
        sums[3] += inside


@kernel
def count_scores(values: Any, bits: Any, truth: Any, shape: Any, grid: Any, hot: Any, more: Any, room: Any) -> None:
    """Count every score of a batch in the tables of its column.

    values flat float32 or float64, and their bits; truth and shape as `hits_of` and `gather` say; grid: (table, half,
    pivot, flip, unseen); hot: (seen, pure, cells, patience), a row a column, as in count_tile. more: (units, weighted,
    versus, step), of which units and versus may be empty. room: those of column_of, count_tile and hits_of.
    """
    (seen, pure, cells, patience), (units, weighted, versus, step) = hot, more
    (of_columns, of_slots, of_hits), is_plain = room, not (len(units) or len(versus))
    for first in range(0, shape[0], len(of_hits[0])):
        for column in range(shape[1]):
            scores, run = column_of(values, bits, shape, first, column, of_columns)
            hits = hits_of(truth, shape, first, column, of_hits)
            tables = seen[column], pure[column], cells[column], patience[column]
            count_tile(scores, run, hits, grid, tables, of_slots, is_plain)
            slots = of_slots[1][: len(scores)]
            if len(units):
                add_units(slots, hits, units[first:], step, weighted[column])
            if len(versus):
                add_versus(slots, truth[0][first:], column, step, versus)


@kernel
def count_exact(values: Any, truth: Any, shape: Any, mapping: Any, cells: Any, more: Any, room: Any) -> None:
    """As count_scores for a layout with a slot for each value of a type.

    values flat, the bits as uint8 or uint16; mapping uint32, the slot of every bit pattern; room: that of column_of,
    the slots, and that of hits_of.
    """
    (units, weighted, versus, step), (of_columns, slots, of_hits) = more, room
    for first in range(0, shape[0], len(slots)):
        for column in range(shape[1]):
            run, _ = column_of(values, values, shape, first, column, of_columns)
            hits, part = hits_of(truth, shape, first, column, of_hits), slots[: len(run)]
            for i in range(len(run)):
                part[i] = mapping[run[i]]
            count_values(part, hits, cells[column])
            if len(units):
                add_units(part, hits, units[first:], step, weighted[column])
            if len(versus):
                add_versus(part, truth[0][first:], column, step, versus)
