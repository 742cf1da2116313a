"""Slices: the same rows told apart by key, a group beside the total that is their sum."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.state.causes import CAUSES, TALLIES
from streamavg.state.counts import FN, FP, TP
from streamavg.state.tables import checked_add, checked_negative, frozen, grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    # the text of each `by` value or None, then the start of the window in microseconds since 1970, or None
    Key = tuple[str | int | None, ...]

_PART = 1 << 15  # cells that are looked at at once
NUMBERS = ("rows", *CAUSES, *TALLIES)
FOLDED: Key = ()  # the key of rows that were told apart once, or that came past the limit, and no longer are


def in_order(keys: Iterable[Key]) -> list[Key]:
    """The keys in the one order in which they are held: position by position, None first."""
    held = list(keys)
    try:
        return sorted(held)  # in a tenth of the time
    except TypeError:  # None is less than nothing
        return sorted(held, key=lambda key: [(part is not None, part) for part in key])


@dataclass(frozen=True, eq=False)
class Slices:
    """What each slice counted: compact arrays for labels and rows, a State each for what else there is.

    keys: in order. labels: by code point. places: int64 (n,), slice << 32 | label, ascending, of the cells that are not
    all zero; cells: int64 (n, 3), TP, FP, FN. numbers: int64 (slices, 8), a column each of NUMBERS. rest: key -> State
    with the row table, weights and scores of a slice, where it has any. A commutative group.
    """

    keys: tuple[Key, ...] = ()
    labels: tuple[str, ...] = ()
    places: Ints = field(default_factory=lambda: frozen(np.empty(0, np.int64)))
    cells: Ints = field(default_factory=lambda: frozen(np.empty((0, 3), np.int64)))
    numbers: Ints = field(default_factory=lambda: frozen(np.empty((0, len(NUMBERS)), np.int64)))
    rest: Mapping[Key, State] = field(default_factory=dict)

    @staticmethod
    def of(
        keys: Sequence[Key], labels: Sequence[str], tables: Any, numbers: Ints, at: tuple[Ints, Ints] | None = None
    ) -> Slices:
        """The slices of distinct keys and labels in any order.

        tables: (3, slices, labels), TP, FP and FN; numbers: (slices, 8). at: where in larger tables each key and each
        label is.
        """
        by_key = {key: k for k, key in enumerate(keys)}
        order = in_order(keys)
        rows = np.array([by_key[key] for key in order], np.int64)
        columns = np.array(sorted(range(len(labels)), key=labels.__getitem__), np.int64)
        down, across = (rows, columns) if at is None else (at[0][rows], at[1][columns])
        places, cells = _dense_cells(np.ascontiguousarray(tables.transpose(1, 0, 2)), down, across)
        names = tuple(labels[k] for k in columns.tolist())
        return Slices(tuple(order), names, frozen(places), frozen(cells), frozen(numbers[rows]))._trimmed()

    @staticmethod
    def of_states(states: Mapping[Key, State]) -> Slices:
        """The slices with these states."""
        keys = tuple(in_order(states))
        labels = tuple(sorted({label for state in states.values() for label in state.counts.labels}))
        place = {label: k for k, label in enumerate(labels)}
        held = [states[key] for key in keys]
        places = [k << 32 | place[label] for k, state in enumerate(held) for label in state.counts.labels]
        cells = np.concatenate([np.empty((0, 3), np.int64), *(state.counts.cells for state in held)])
        numbers = [[state.rows, *map(_number(state), NUMBERS[1:])] for state in held]
        table = np.array(numbers, np.int64).reshape(-1, len(NUMBERS))
        rest = {key: part for key, state in states.items() if not (part := state.beside_counts())._changes_nothing}
        return Slices(keys, labels, np.array(places, np.int64), frozen(cells), frozen(table), rest).pruned()

    def states(self, empty: State) -> dict[Key, State]:
        """The state of each slice, in order of keys; `empty` says under which options."""
        ends = np.searchsorted(self.places, np.arange(len(self.keys) + 1) << 32).tolist()
        codes, numbers = (self.places & 0xFFFFFFFF).tolist(), self.numbers.tolist()
        found = {}
        for k, key in enumerate(self.keys):
            start, end = ends[k], ends[k + 1]
            labels = self.labels if end - start == len(self.labels) else [self.labels[c] for c in codes[start:end]]
            state = empty.with_counts(tuple(labels), self.cells[start:end], dict(zip(NUMBERS, numbers[k], strict=True)))
            found[key] = state.with_rest(self.rest[key]) if key in self.rest else state
        return found

    @property
    def is_empty(self) -> bool:
        """Whether every number that the fingerprint covers is zero."""
        return not self.places.size and not self.numbers.any() and all(rest.is_empty for rest in self.rest.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, keys and labels; depends on slices and labels, never on rows."""
        texts = sum(len(str(part)) for key in self.keys for part in key) + sum(map(len, self.labels))
        held = self.places.nbytes + self.cells.nbytes + self.numbers.nbytes + texts
        return held + sum(rest.size for rest in self.rest.values())

    def canonical(self) -> Slices:
        """What the fingerprint covers: without slices that remember no more than scores that were taken away again."""
        rest = {key: part for key, part in self.rest.items() if not part.is_empty}
        if len(rest) == len(self.rest):
            return self
        return Slices(self.keys, self.labels, self.places, self.cells, self.numbers, rest).pruned()

    @cached_property
    def has_negative(self) -> bool:
        """Whether a slice has a count below zero."""
        return bool((self.cells < 0).any() or (self.numbers < 0).any())

    def __add__(self, other: Slices) -> Slices:
        if not self.keys or not other.keys:
            return self if self.keys else other
        if (self.keys, self.labels) != (other.keys, other.labels):
            keys = tuple(in_order({*self.keys, *other.keys}))
            labels = tuple(sorted({*self.labels, *other.labels}))
            return self._within(keys, labels) + other._within(keys, labels)
        places, cells = _added_cells(self, other)
        rest = dict(self.rest)
        for key, part in other.rest.items():
            rest[key] = rest[key] + part if key in rest else part
        numbers = frozen(checked_add(self.numbers, other.numbers))
        return Slices(self.keys, self.labels, places, cells, numbers, rest).pruned()

    def __neg__(self) -> Slices:
        cells, numbers = frozen(checked_negative(self.cells)), frozen(checked_negative(self.numbers))
        rest = {key: part.negative() for key, part in self.rest.items()}
        return Slices(self.keys, self.labels, self.places, cells, numbers, rest)

    def __sub__(self, other: Slices) -> Slices:
        return self + -other

    def with_rests(self, change: Callable[[State], State]) -> Slices:
        """The same slices with what is beside their counts changed."""
        if not self.rest:
            return self
        rest = {key: change(part) for key, part in self.rest.items()}
        return Slices(self.keys, self.labels, self.places, self.cells, self.numbers, rest)

    def rekeyed(self, key_of: Callable[[Key], Key | None]) -> Slices:
        """The slices under other keys, those that share one added up; those without one left out."""
        new = [key_of(key) for key in self.keys]
        keys = tuple(in_order({key for key in new if key is not None}))
        place = {key: k for k, key in enumerate(keys)}
        rows = np.array([-1 if key is None else place[key] for key in new], np.int64)
        kept = rows[self.places >> 32] >= 0
        places = (rows[self.places >> 32] << 32 | (self.places & 0xFFFFFFFF))[kept]
        places, cells = grouped(places, self.cells[kept])
        _, numbers = grouped(rows[rows >= 0], self.numbers[rows >= 0])
        rest: dict[Key, State] = {}
        for key, named in zip(self.keys, new, strict=True):
            if named is not None and key in self.rest:
                rest[named] = rest[named] + self.rest[key] if named in rest else self.rest[key]
        return Slices(keys, self.labels, places, frozen(cells), frozen(numbers), rest).pruned()

    def _within(self, keys: tuple[Key, ...], labels: tuple[str, ...]) -> Slices:
        """The same slices among more keys and labels, in order; the others without counts."""
        by_key, by_label = ({part: k for k, part in enumerate(parts)} for parts in (keys, labels))
        rows = np.array([by_key[key] for key in self.keys], np.int64)
        columns = np.array([by_label[label] for label in self.labels], np.int64)
        places = rows[self.places >> 32] << 32 | columns[self.places & 0xFFFFFFFF]
        numbers = np.zeros((len(keys), len(NUMBERS)), np.int64)
        numbers[rows] = self.numbers
        return Slices(keys, labels, places, self.cells, numbers, self.rest)

    def pruned(self) -> Slices:
        """Without cells, slices and labels that count nothing: the one form of these slices."""
        rest = {key: part for key, part in self.rest.items() if not part._changes_nothing}
        if all(_is_used(self.cells[part]).all() for part in _parts(len(self.cells))):
            return Slices(self.keys, self.labels, self.places, self.cells, self.numbers, rest)._trimmed()
        held = np.flatnonzero(_is_used(self.cells))
        return Slices(self.keys, self.labels, self.places[held], self.cells[held], self.numbers, rest)._trimmed()

    def _trimmed(self) -> Slices:
        """Without slices and labels that count nothing."""
        places, numbers, keys, labels, rest = self.places, self.numbers, self.keys, self.labels, self.rest
        rows, columns = np.zeros(len(keys), bool), np.zeros(len(labels), bool)
        rows[np.flatnonzero(numbers.any(axis=1))] = True
        rows[[k for k, key in enumerate(keys) if key in rest] if rest else []] = True
        for part in _parts(len(places)):
            rows[places[part] >> 32] = True
            columns[places[part] & 0xFFFFFFFF] = True
        if not (rows.all() and columns.all()):
            places = (np.cumsum(rows) - 1)[places >> 32] << 32 | (np.cumsum(columns) - 1)[places & 0xFFFFFFFF]
            keys = tuple(key for key, kept in zip(keys, rows.tolist(), strict=True) if kept)
            labels = tuple(label for label, kept in zip(labels, columns.tolist(), strict=True) if kept)
            numbers = numbers[rows]
        return Slices(keys, labels, frozen(places), frozen(self.cells), frozen(numbers), rest)


def _number(state: State) -> Callable[[str], int]:
    return lambda name: state.skipped.get(name, 0) or state.tallies.get(name, 0)


def _parts(size: int) -> Iterator[slice]:
    """So many items some at a time: a first touch of fresh memory, for all at once, takes longer than what is done."""
    return (slice(start, start + _PART) for start in range(0, size, _PART))


def _is_used(cells: Any) -> Any:
    """Which of (n, 3) cells are not all zero; in a tenth of the time of any(axis=1)."""
    return (cells[:, TP] | cells[:, FP] | cells[:, FN]) != 0


def _dense_cells(tables: Any, down: Ints, across: Ints) -> tuple[Ints, Ints]:
    """The places and cells, of those that are not all zero, of some rows and columns of tables (slices, 3, labels)."""
    width = len(across)
    step = max(_PART // max(width, 1), 1)
    parts = [down[start : start + step] for start in range(0, len(down), step)]
    held = [_is_used(tables.take(part, axis=0)).take(across, axis=1).ravel() for part in parts]
    numbers = [int(np.count_nonzero(mask)) for mask in held]
    places, cells = np.empty(sum(numbers), np.int64), np.empty((sum(numbers), 3), np.int64)
    done = 0
    for k, (part, mask, number) in enumerate(zip(parts, held, numbers, strict=True)):
        found = tables.take(part, axis=0).take(across, axis=2).transpose(0, 2, 1)
        grid = (np.arange(k * step, k * step + len(part)) << 32)[:, None] | np.arange(width)
        here = slice(done, done + number)
        if number == len(mask):
            cells[here].reshape(found.shape)[:] = found
            places[here].reshape(grid.shape)[:] = grid
        else:
            cells[here], places[here] = found.reshape(-1, 3)[mask], grid.ravel()[mask]
        done += number
    return places, cells


def _added_cells(a: Slices, b: Slices) -> tuple[Ints, Ints]:
    """The places and cells of the sum of slices with the same keys and labels."""
    if np.array_equal(a.places, b.places):
        return a.places, checked_add(a.cells, b.cells)
    union = np.union1d(a.places, b.places)
    tables = np.zeros((2, len(union), 3), np.int64)
    for table, part in zip(tables, (a, b), strict=True):
        table[np.searchsorted(union, part.places)] = part.cells
    return union, checked_add(tables[0], tables[1])
