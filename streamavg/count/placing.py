"""Placing: a column's labels as codes of its vocabulary in one pass over the rows, once its labels are known."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.columns import DENSE, Column
from streamavg.count.lookup import NEW, Lookup
from streamavg.count.texts import raw_codes, same_dictionary, solid, validated

if TYPE_CHECKING:
    from streamavg.count.vocabulary import Vocabulary

    Codes = np.ndarray[Any, np.dtype[np.uint32]]


class Scratch:
    """Memory for the codes of one batch after the other: fresh memory takes longer to fill, 1 ns a row, than to use."""

    def __init__(self) -> None:
        self._held: Codes = np.empty(0, np.uint32)

    def of(self, rows: int) -> Codes:
        """Room for so many codes, the same as before."""
        if len(self._held) < rows:
            self._held = np.empty(rows, np.uint32)
        return self._held[:rows]


class Placing:
    """The codes of one named column of labels, as `Column.words` gives them, with tables of what was met before.

    What `codes` returns is good until the next call.
    """

    def __init__(self, name: str, vocabulary: Vocabulary) -> None:
        self.column = Column(name, vocabulary)
        self._dictionary: pa.Array | None = None
        self._entries, self._integers = Lookup(), Lookup()
        self._scratch = Scratch()

    def codes(self, array: pa.Array, first_row: int) -> Codes:
        """The code of each row. Raises InputError for what is no label."""
        self.column.first_row = first_row
        if not len(array):
            return np.empty(0, np.uint32)
        validated(array, self.column.name, full=False)
        found = None
        if pa.types.is_dictionary(array.type) and not array.indices.null_count:
            found = self._of_entries(array)
        elif pa.types.is_integer(array.type) and not array.null_count:
            found = self._of_integers(array)
        return self.column.words(array).values if found is None else found

    def entries(self, array: pa.Array) -> Any:
        """The unsigned codes of a dictionary column without nulls as they are, for `codes_of`; None for another one."""
        if not pa.types.is_dictionary(array.type) or array.indices.null_count or not len(array):
            return None
        validated(array, self.column.name, full=False)
        self._know(array.dictionary)
        return raw_codes(array.indices)

    @property
    def dictionary(self) -> Any:
        """The dictionary that was met last; the same object as long as it is equal."""
        return self._dictionary

    def codes_of(self, entries: Any) -> Codes:
        """The codes of some entries of the dictionary that was met last."""
        table = self._entries.table
        fresh = np.unique(entries[table[entries] == NEW])
        if fresh.size:
            self._entries.learn(fresh, self.column.learned(solid(self.dictionary).take(pa.array(fresh))))
        found: Codes = table[entries]
        return found

    def _know(self, dictionary: pa.Array) -> None:
        if self._dictionary is None or not same_dictionary(self._dictionary, dictionary):
            validated(dictionary, self.column.name, full=True)
            self._dictionary, self._entries = dictionary, Lookup(len(dictionary))

    def _of_entries(self, array: pa.DictionaryArray) -> Codes | None:
        raw = raw_codes(array.indices)
        self._know(array.dictionary)
        out = self._scratch.of(len(raw))
        if not self._entries.place(raw, out):
            fresh = self._entries.unmet(raw, out)
            if int(fresh[-1]) >= len(array.dictionary):
                return None  # a wild code, which `words` has a message for
            self.codes_of(fresh)
            self._entries.place(raw, out)
        return out

    def _of_integers(self, array: pa.Array) -> Codes | None:
        raw = raw_codes(array)
        out = self._scratch.of(len(raw))
        if not self._integers.place(raw, out):
            fresh = self._integers.unmet(raw, out)
            most = min(DENSE, 1 << (array.type.bit_width - 1))  # an unsigned view of a negative number is not below
            if int(fresh[-1]) >= most:
                return None
            self._integers.learn(fresh, self.column.vocabulary.codes([str(value) for value in fresh.tolist()]))
            self._integers.place(raw, out)
        return out

    def twin(self) -> Placing:
        """A copy that learns on its own."""
        twin = copy.copy(self)
        twin.column = Column(self.column.name, self.column.vocabulary.twin())
        twin._scratch = Scratch()
        twin._entries, twin._integers = self._entries.twin(), self._integers.twin()
        return twin
