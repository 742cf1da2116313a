"""Exact: growing tables of sums of float64 numbers that lose nothing, in a window of digits as the data needs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.rounding import DIGIT
from streamavg.state.sums import LEAST_LOW, Sums, refuse_beyond

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Cells = NDArray[np.uint32]

MOST_ADDS = 1 << 30  # of up to 2**32 to an int64 digit, before carries must be passed on
FEW_DIGITS = 4  # terms over so many digits are cut in loops of vectors; ns a term with 1, 3 digits: 1.2, 2.5, else 4.6
BLOCK = 2048
SPARE = 2  # digits above the window: one that a shifted term may reach, one for what 2**30 terms of it add up to


class ExactTable:
    """Exact sums by number, which grow as needed; what a failed call should have added is not there.

    >>> table = ExactTable()
    >>> table.add(0, np.array([1e16, 1.0, -1e16, 0.5]))
    >>> table.sums().floats().tolist()
    [1.5]
    """

    def __init__(self) -> None:
        self._low, self._digits = 0, 1
        self._table: Ints = np.zeros((0, 1 + SPARE), np.int64)
        self._used = 0  # numbers in use; rows behind them are room to grow
        self._added = 0  # since carries were passed on

    def __len__(self) -> int:
        return self._used

    def add(self, cells: Cells | int, terms: Floats, step: int = 1) -> None:
        """Add step * terms[i] to number cells[i], or all terms to the one number; step is 1 or -1, terms are finite.

        InputError, nothing added, if the sums would need more than the memory that they may take.
        """
        if not len(terms):
            return
        self.make_room((cells if isinstance(cells, int) else int(cells.max())) + 1, terms)
        self.put(cells, terms, step)

    def put(self, cells: Cells | int, terms: Floats, step: int) -> None:
        """As `add`, of cells and terms for which there is room."""
        for start in range(0, len(terms), MOST_ADDS):
            part = slice(start, start + MOST_ADDS)
            self._carry_before(len(terms[part]))
            self._add(cells if isinstance(cells, int) else cells[part], terms[part], step)

    def make_room(self, numbers: int, terms: Floats) -> None:
        """Have so many numbers and all digits of these terms; InputError if that would be too much memory.

        After it, `put` with such numbers and terms cannot fail.
        """
        low, digits = self._window(terms)
        held = len(self._table)
        if numbers > held:
            refuse_beyond(numbers, low, digits + SPARE)
            held = max(numbers, 16)
            if 2 * held * (digits + SPARE) < 1 << 24:  # small tables double, so that new labels are cheap
                held *= 2
            elif numbers + numbers // 8 < 1 << 26:
                held += held // 8
        if (low, digits, held) != (self._low, self._digits, len(self._table)):
            refuse_beyond(numbers, low, digits + SPARE)
            self._resize(low, digits, held)
        self._used = max(self._used, numbers)

    def _window(self, terms: Floats) -> tuple[int, int]:
        """The window of digits that holds the table and these terms."""
        from streamavg.count.kernels import fits, reach

        low, top = self._low, self._low + self._digits
        scale = 2.0 ** (-DIGIT * low) if low > LEAST_LOW else 0.0  # all float64 numbers fit the least window from below
        if fits(terms, scale, 2.0 ** (DIGIT * top) if top < 32 else np.inf):
            return low, top - low
        lowest, highest = reach(terms)
        low, top = min(low, int(lowest) // DIGIT), max(top, -(-int(highest) // DIGIT))
        if low < -31:
            low = LEAST_LOW  # 2**1024, the scale of the digits between, is no float64
        return low, top - low

    def _resize(self, low: int, digits: int, numbers: int) -> None:
        table = np.zeros((numbers, digits + SPARE), np.int64)
        first = self._low - low
        table[: len(self._table), first : first + self._table.shape[1]] = self._table
        self._table, self._low, self._digits = table, low, digits

    def _carry_before(self, terms: int) -> None:
        """Pass carries on if so many more terms could overflow a digit; the window grows with what the sums have."""
        if self._added + terms > MOST_ADDS:
            sums = Sums.of(self._table, self._low)
            if sums.digits:
                low, top = min(self._low, sums.low), max(self._low + self._digits, sums.low + sums.digits)
                table = np.zeros((len(sums), top - low + SPARE), np.int64)
                table[:, sums.low - low : sums.low - low + sums.digits] = sums.limbs
                self._table, self._low, self._digits = table, low, top - low
            self._added = 0
        self._added += terms

    def _add(self, cells: Cells | int, terms: Floats, step: int) -> None:
        from streamavg.count.kernels import add_all, add_cut, add_terms

        low, digits = self._low, self._digits
        if digits > FEW_DIGITS or low < -16 or low + digits > 16:
            places = np.full(len(terms), cells, np.uint32) if isinstance(cells, int) else cells
            done = add_terms(places, terms, low, step, self._table)
        else:
            scratch = np.empty(BLOCK), np.empty((digits, BLOCK), np.int64)
            scale = 2.0 ** (-DIGIT * (low + digits - 1))
            if isinstance(cells, int):
                add_all(terms, scale, step, *scratch, self._table[cells])
                return
            done = add_cut(cells, terms, scale, step, *scratch, self._table)
        if done != len(terms):
            raise AssertionError("a term left the table of exact sums")

    def sums(self) -> Sums:
        """An immutable copy of all numbers in use."""
        return Sums.of(self._table[: self._used], self._low)

    def twin(self) -> ExactTable:
        """A copy that adds on its own."""
        twin = copy.copy(self)
        twin._table = self._table.copy()
        return twin
