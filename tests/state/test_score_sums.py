"""Score sums: a group of exact tables, read back as fractions and integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from streamavg.state.score_sums import ScoreSums
from streamavg.state.sums import Sums, SumTable


def made(losses, ranks=(), bands=()):
    def table(entries, columns):
        numbers = [int(Fraction(x) * 2**1088) for _, values in entries for x in values]
        parts = [Sums.integer(number) for number in numbers]
        width = max((part.low + part.digits for part in parts), default=0)
        digits = np.zeros((len(parts), width), np.int64)
        for row, part in enumerate(parts):
            digits[row, part.low : part.low + part.digits] = part.limbs[0]
        return SumTable.of([key for key, _ in entries], Sums.of(digits, -34), columns)

    return ScoreSums(table(losses, 1), table(ranks, 1), table(bands, 3))


A = made([("log_loss", [0.1]), ("rows", [3])], [(5 << 21 | 2, [4])], [(14, [2, 1, 2**30 + 7])])
B = made([("log_loss", [1e-300])], [(0, [1])], [(0, [1, 0, 5])])


def test_a_commutative_group():
    zero = ScoreSums()
    for left, right in ((A + B, B + A), (A + B - B, A), (A - A, zero), (zero + A, A)):
        for name, table in left.tables.items():
            assert table.keys == right.tables[name].keys
            assert table.sums == right.tables[name].sums
    assert (A - A).is_empty
    assert not A.is_empty


def test_sums_are_read_exactly():
    assert (A + B).loss("log_loss") == Fraction(0.1) + Fraction(1e-300)
    assert A.loss("rows") == 3
    assert A.loss("brier") == 0
    assert A.bands_table()[14].tolist() == [2, 1, 2**30 + 7]
    assert [column.tolist() for column in A.ranks_table(Fraction(4))[:3]] == [[5], [2], [4]]
    assert [A.ranks_table(Fraction(rows))[3] for rows in (0, 4, 9)] == [4, 4, 9]
    assert [ScoreSums().ranks_table(Fraction(rows))[3] for rows in (0, 9)] == [0, 1]


def test_bands_beyond_int64():
    many = made([], bands=[(3, [2**40, 0, 2**70])])
    assert many.bands_table()[3].tolist() == [2**40, 0, 2**70]


def test_bands_and_ranks_of_weights_that_are_not_whole():
    held = made([], [(0, [0.5]), (1, [1.25]), (2 << 21, [0.1])], [(3, [0.5, 0.25, 2.0**29 / 3])])
    assert held.bands_table()[3].tolist() == [0.5, 0.25, 2.0**29 / 3]
    above, equal, rows, whole = held.ranks_table(Fraction(0))
    assert (above.tolist(), equal.tolist()) == ([0, 0, 2], [0, 1, 0])
    assert [row / whole for row in rows.tolist()] == pytest.approx([0.5 / 1.85, 1.25 / 1.85, 0.1 / 1.85], abs=1e-15)


@pytest.mark.parametrize("weight", [2**31, 2**32, 2**40, 2**64, 2**100])
def test_bands_and_ranks_of_large_weights(weight):
    held = made([], [(0, [weight]), (1, [3 * weight])], [(0, [weight, weight, 0])])
    assert held.bands_table()[0].tolist() == [weight, weight, 0]
    *_, rows, whole = held.ranks_table(Fraction(8 * weight))
    assert rows.tolist()[1] == 3 * rows.tolist()[0]
    assert whole == 8 * rows.tolist()[0]


def test_negative_sums_are_named():
    named = {"losses of 'log_loss'", "losses of 'rows'", "ranks of 10485762", "bands of 14"}
    assert set((B - A).negatives()) == named
    assert list(A.negatives()) == []


@pytest.mark.parametrize("state", [A, B])
def test_bytes_are_stated(state):
    assert 0 < state.nbytes < 1000
