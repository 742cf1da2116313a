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
FEW = 8  # classes: of more, a row's own class is counted apart, where a look at each of them takes .4 ns a score


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
def tile_at(number: int, shape: Any, tile: Any) -> Any:
    """The first row and the column of a run of scores: all runs of some columns come before those of the next.

    So that the tables of these columns stay in the second-level cache: of 1,000 columns those of all would not. Not a
    generator: one that numba read from its cache cannot be compiled into anything (0.67, KeyError).
    """
    width, firsts = tile.shape[0], -(-shape[0] // tile.shape[1])
    group = number // (width * firsts) * width
    wide, within = min(width, shape[1] - group), number - group * firsts
    return within // wide * tile.shape[1], group + within % wide


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
def folded_of(score: Any, half: Any, pivot: Any, flip: Any) -> Any:
    """The float32 bits of the distance from 0, or from `pivot` with the sign bit set on the far side, as int32.

    Positive subnormals join the least normal octave, so that exponent 0 is zero alone; on the far side octaves end with
    a power of two and do not begin with one, so that there, too, a power of two is the lowest score of its slot.
    """
    near = _FLOAT(score)
    far = (near >= half) != flip
    bits = _I(_FLOAT((pivot if far else _ZERO) - near).view(np.int32) & _MOST)
    least = _NONE if bits == _NONE else max(bits, _LEAST_NORMAL)
    return _I(_I(bits + _ALMOST_ONE) | _FAR) if far else least


@kernel
def fold(scores: Any, half: Any, pivot: Any, flip: Any, folded: Any) -> None:
    """folded[i] = folded_of(scores[i]); folded int32."""
    for i in range(len(scores)):
        folded[i] = folded_of(scores[i], half, pivot, flip)


@kernel
def slot_at(folded: Any, table: Any) -> Any:
    """The slot of a folded score; folded uint32, table uint32 (512,) of slot << 5 | shift."""
    entry = table[folded >> _U(23)]
    within = _U(_U(folded & _U(0x7FFFFF)) >> _U(entry & _U(31)))
    return _U(_U(entry >> _U(5)) + _U(within ^ _U(_I(folded) >> _I(31))))


@kernel
def look_up(folded: Any, table: Any, slots: Any) -> None:
    """slots[i] = slot_at(folded[i])."""
    for i in range(len(folded)):
        slots[i] = slot_at(folded[i], table)


@kernel
def hits_of(truth: Any, shape: Any, first: int, column: Any, room: Any) -> Any:
    """Whether the class of this column is true in rows first and on, as many as fit: uint8, 0 or 1, read-only.

    truth: (codes, flags): int64, one code a row, or where there is none uint8, flat, with steps as in shape; room:
    (hits, the same read-only, as many zeros).
    """
    (codes, flags), (hits, still, _) = truth, room
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
def count_folded(folded: Any, table: Any, hits: Any, pure: Any, cells: Any, where: Any) -> Any:
    """cells[hit, slot] += 1, and where[:n] = the rows whose slot is marked in `pure`; returns n.

    folded, table as in slot_at; hits uint8; pure uint8 (slots,), 0 or 1; cells int32 (2 * slots,): 4,092 slots fill the
    first-level cache, where cells of int64 do not fit in it; where int32 (rows + 1,).
    """
    wide, fresh = _U(len(pure)), np.int64(0)
    for i in range(len(folded)):
        slot = slot_at(folded[i], table)
        cells[_U(slot + _U(_U(hits[i]) * wide))] += _I(1)
        where[fresh] = i
        fresh += pure[slot]
    return fresh


@kernel
def count_known(folded: Any, table: Any, hits: Any, bits: Any, known: Any, cells: Any) -> Any:
    """cells[hit, slot] += 1; returns whether a slot that is marked met other bits than those it has seen.

    known: (seen, pure), see `witness`. A comparison more, and no second look at scores that many rows have.
    """
    (seen, pure), other = known, np.uint64(0)
    wide = _U(len(pure))
    for i in range(len(folded)):
        slot = slot_at(folded[i], table)
        cells[_U(slot + _U(_U(hits[i]) * wide))] += _I(1)
        other |= np.uint64(seen[slot] ^ bits[i]) & (np.uint64(0) - np.uint64(pure[slot]))
    return other != np.uint64(0)


@kernel
def witness(folded: Any, table: Any, bits: Any, where: Any, unseen: Any, seen: Any, pure: Any) -> None:
    """Of the rows in `where`, keep the first score that each slot has seen; unmark a slot that sees another.

    folded, table as in slot_at; bits: those of the scores, uint32 or uint64, -0.0 being 0.0; seen: the same type, a
    slot an entry, `unseen` (all bits set) at first; pure: uint8 (slots,), 1 where a slot may hold one score only.
    """
    for k in range(len(where)):
        slot, score = slot_at(folded[where[k]], table), bits[where[k]]
        if pure[slot]:
            if score ^ (unseen >> 1) == unseen:
                score = unseen ^ unseen
            if seen[slot] == unseen:
                seen[slot] = score
            elif seen[slot] != score:
                pure[slot] = 0


@kernel
def count_tile(scores: Any, bits: Any, hits: Any, grid: Any, tables: Any, room: Any) -> None:
    """Count the scores of one column; with one loop while few rows meet a slot that is not known to hold several.

    Scores that are alike keep their slots pure, and to look at each costs less than to count and then to look again:
    so after a tile of many such rows comes a pause of 1, 2, 4 ... 64 tiles, or to the next score that is new. patience
    int32 (2,): tiles left of the pause, and its length; tables: (seen, pure, cells, patience) of the column; room:
    (folded, the same as uint32, where, all rows).
    """
    (table, half, pivot, flip, unseen), rows = grid, len(scores)
    (seen, pure, cells, patience), (folds, folded, where, every) = tables, room
    fold(scores, half, pivot, flip, folds)
    if patience[0] > 0:
        is_new = count_known(folded[:rows], table, hits, bits, (seen, pure), cells)
        patience[0] = 0 if is_new else patience[0] - 1
        if is_new:
            witness(folded, table, bits, every[:rows], unseen, seen, pure)
        return
    fresh = count_folded(folded[:rows], table, hits, pure, cells, where)
    patience[1] = min(2 * patience[1] + 1, 63) if fresh > rows >> 5 else 0
    patience[0] = patience[1]
    witness(folded, table, bits, where[:fresh], unseen, seen, pure)


@kernel
def count_true(values: Any, codes: Any, shape: Any, grid: Any, cells: Any) -> None:
    """Where all were counted as not true, count the score of each row's own class as true; cells of all columns."""
    table, half, pivot, flip, _ = grid
    for row in range(shape[0]):
        code = codes[row]
        if np.uint64(code) < np.uint64(shape[1]):
            score = values[row * shape[2] + code * shape[3]]
            slot = slot_at(_U(folded_of(score, half, pivot, flip)), table)
            cells[code, slot] -= _I(1)
            cells[code, slot + cells.shape[1] // 2] += _I(1)


@kernel
def count_values(slots: Any, hits: Any, cells: Any) -> None:
    """cells[hit, slot] += 1; slots uint32, hits uint8, cells int32 (2 * slots,)."""
    wide = _U(len(cells) // 2)
    for i in range(len(slots)):
        cells[_U(slots[i] + _U(_U(hits[i]) * wide))] += _I(1)


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
def add_more(slots: Any, hits: Any, codes: Any, first: int, column: int, more: Any) -> None:
    """What is kept beside the counts of these rows, `first` and on; more: (units, weighted, versus, step)."""
    units, weighted, versus, step = more
    if len(units):
        add_units(slots, hits, units[first:], step, weighted[column])
    if len(versus):
        add_versus(slots, codes[first:], column, step, versus)


@kernel
def count_scores(values: Any, bits: Any, truth: Any, shape: Any, grid: Any, hot: Any, more: Any, room: Any) -> None:
    """Count every score of a batch in the tables of its column.

    values flat float32 or float64, and their bits; truth and shape as `hits_of` and `gather` say; grid: (table, half,
    pivot, flip, unseen); hot: (seen, pure, cells, patience), a row a column, as in count_tile. more: (units, weighted,
    versus, step), of which units and versus may be empty. room: those of column_of, count_tile and hits_of.
    """
    (seen, pure, cells, patience), (of_columns, of_slots, of_hits) = hot, room
    is_plain = not (len(more[0]) or len(more[2]))
    by_row = is_plain and len(truth[0]) > 0 and shape[1] > FEW
    for number in range(shape[1] * -(-shape[0] // of_columns[0].shape[1])):
        first, column = tile_at(number, shape, of_columns[0])
        scores, run = column_of(values, bits, shape, first, column, of_columns)
        hits = of_hits[2][: len(run)] if by_row else hits_of(truth, shape, first, column, of_hits)
        tables = seen[column], pure[column], cells[column], patience[column]
        count_tile(scores, run, hits, grid, tables, of_slots)
        if not is_plain:
            slots = of_slots[1][: len(run)]
            look_up(slots, grid[0], slots)
            add_more(slots, hits, truth[0], first, column, more)
    if by_row:
        count_true(values, truth[0], shape, grid, cells)


@kernel
def count_exact(values: Any, truth: Any, shape: Any, mapping: Any, cells: Any, more: Any, room: Any) -> None:
    """As count_scores for a layout with a slot for each value of a type.

    values flat, the bits as uint8 or uint16; mapping uint32, the slot of every bit pattern; room: that of column_of,
    the slots, and that of hits_of.
    """
    of_columns, slots, of_hits = room
    for number in range(shape[1] * -(-shape[0] // of_columns[0].shape[1])):
        first, column = tile_at(number, shape, of_columns[0])
        run, _ = column_of(values, values, shape, first, column, of_columns)
        hits, part = hits_of(truth, shape, first, column, of_hits), slots[: len(run)]
        for i in range(len(run)):
            part[i] = mapping[run[i]]
        count_values(part, hits, cells[column])
        add_more(part, hits, truth[0], first, column, more)
