"""Encoders: one Arrow column of labels into unsigned codes of a label space, one function per physical encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.small import loops
from streamavg.count.spaces import Codes, IntSpace, ListSpace, WordSpace, roomy
from streamavg.count.texts import (
    flags,
    is_text,
    label_texts,
    raw_codes,
    refuse_above_int64,
    runs,
    same_dictionary,
    solid,
    validated,
    whole_floats,
)
from streamavg.count.vocabulary import NULL
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.count.vocabulary import Vocabulary

    Array = np.ndarray[Any, np.dtype[Any]]

DENSE = 1 << 22  # integers below this are codes as they are; others go through a dictionary
BYTE = 127  # codes of a vocabulary that are kept as bytes, if asked for
SMALL = 512  # given dictionaries up to this size are counted in their own codes, larger ones are mapped once


class Column:
    """The encoder of one named column: remembers the space of its last batch, so that a dictionary is read once."""

    def __init__(self, name: str, vocabulary: Vocabulary, narrow: bool = False) -> None:
        self.name, self.vocabulary = name, vocabulary
        # narrow: the codes of few known labels as bytes, whose signed view holds each less FIRST
        self._word = np.dtype(np.uint8 if narrow and vocabulary.closed and len(vocabulary) <= BYTE else np.uint32)
        self.first_row = 0  # the number, for messages, of the first row of the next array
        self._ints = IntSpace(16)
        self._list: ListSpace | None = None
        self._large: tuple[pa.Array, Array] | None = None
        self._dense = np.empty(0, np.int64)  # integer -> code of the vocabulary, -1 until it is met

    def encode(self, array: pa.Array) -> Codes:
        """The codes of a non-empty array; InputError names the column, type, row or value that is not a label."""
        validated(array, self.name, full=False)
        for matches, encoder in ENCODERS:
            if matches(array.type):
                return encoder(self, array)
        raise self._no_label(array.type)

    def _no_label(self, kind: pa.DataType) -> InputError:
        return InputError(
            f"column {self.name!r} has type {kind}; labels are text, integers, booleans, whole floats, "
            "or dictionaries of them (cast the column first)"
        )

    def recode(self, array: pa.Array, codes: Codes) -> Codes:
        """Codes for an array of which a value fell outside the space of integers; a wild dictionary code is refused."""
        if not isinstance(codes.space, IntSpace):
            self._refuse_wild(codes.values, codes.bound)
        elif self._widen(codes.values, array.type):
            return self.encode(array)
        return self.words(array)

    def _widen(self, values: Array, kind: pa.DataType) -> bool:
        """Make room for these integers in the space of integers; False if one is negative or too large for a table."""
        highest = int(values.max())
        if highest < _most_dense(kind):
            self._ints = IntSpace(roomy(highest + 2))
            return True
        return False

    def words(self, array: pa.Array) -> Codes:
        """The codes in the vocabulary, whatever the encoding: the array is dictionary-encoded where it is not yet."""
        if pa.types.is_run_end_encoded(array.type):
            values, lengths = runs(validated(array, self.name, full=True))
            return self.words(values).repeated(lengths)
        if pa.types.is_boolean(array.type) and not array.null_count and len(array):
            array = pa.array(flags(array))
        if pa.types.is_integer(array.type) and not array.null_count and len(array):
            found = self._dense_words(raw_codes(array), array.type)
            if found is not None:
                return found
        array = self._plain(array)
        given = pa.types.is_dictionary(array.type)
        if not given:
            array = array.dictionary_encode()  # all of whose entries occur, and whose codes are right
        indices, size = array.indices, len(array.dictionary)
        codes = self._filled(indices, size) if indices.null_count else raw_codes(indices)
        if given:
            self._refuse_wild(codes, size + bool(indices.null_count))
            mapping = self._mapping(array.dictionary, codes)
        else:
            mapping = np.append(self.learned(array.dictionary), NULL)
        return self._translated(codes, mapping.astype(self._word))

    def _translated(self, codes: Array, mapping: Array) -> Codes:
        out = np.empty(len(codes), self._word)
        if codes.dtype.itemsize == 1 and len(mapping) == 2 == 1 + int(codes.max(initial=0)):  # flags
            np.add(np.multiply(codes, np.diff(mapping), out=out), mapping[0], out=out)
        else:
            loops(len(codes)).translate(codes, mapping, out)
        return Codes(out, len(self.vocabulary), WordSpace(roomy(len(self.vocabulary))))

    def _dense_words(self, values: Array, kind: pa.DataType) -> Codes | None:
        """As `words`, of integers that a table can hold: without hashing each, in a third of the time."""
        size = int(values.max()) + 1
        if size > min(_most_dense(kind), max(1 << 10, len(values))):
            return None
        met = np.zeros(size, np.uint8)
        if size <= 2:  # in a tenth of the time
            met[[int(values.min()), size - 1]] = 1
        else:
            loops(len(values)).mark(values, met)
        if len(self._dense) < size:
            self._dense = np.r_[self._dense, np.full(roomy(size) - len(self._dense), -1)]
        fresh = np.flatnonzero(met & (self._dense[:size] < 0))
        if fresh.size:
            self._dense[fresh] = self.vocabulary.codes([str(value) for value in fresh.tolist()])
        return self._translated(values, np.maximum(self._dense[:size], NULL).astype(self._word))

    def learned(self, values: pa.Array) -> Array:
        """The vocabulary codes of distinct values, every one of which occurs."""
        labels, wrong = label_texts(solid(values), self.name)
        if wrong:
            raise InputError(next(iter(wrong.values())))
        return self.vocabulary.codes(labels)

    def _plain(self, array: pa.Array) -> pa.Array:
        """The same labels in a type that Arrow can dictionary-encode, checked so far that doing so is safe."""
        kind = array.type
        if not is_scalar_label(kind):
            raise self._no_label(kind)
        if pa.types.is_floating(kind):
            return whole_floats(array, self.name, self.first_row)
        if pa.types.is_boolean(kind) or pa.types.is_null(kind):
            return array.cast(pa.uint8())
        if is_text(kind):
            return solid(validated(array, self.name, full=True))  # dictionary_encode would read forged offsets
        refuse_above_int64(array, self.name, self.first_row)
        return array

    def _mapping(self, dictionary: pa.Array, codes: Array) -> Array:
        """Vocabulary codes of the dictionary entries that occur in `codes`, the null entry last; others are 0."""
        kept = self._large
        if kept is None or not same_dictionary(kept[0], dictionary):
            validated(dictionary, self.name, full=True)
            kept = self._large = (dictionary, np.full(len(dictionary) + 1, -1, np.int64))
            kept[1][-1] = NULL
        mapping = kept[1]
        used = np.zeros(len(mapping), np.uint8)
        loops(len(codes)).mark(codes, used)
        fresh = np.flatnonzero(used & (mapping < 0))
        if fresh.size:
            mapping[fresh] = self.learned(solid(dictionary).take(pa.array(fresh)))
        return np.maximum(mapping, NULL)

    def _filled(self, indices: pa.Array, null_code: int) -> Array:
        """Codes as uint32 or uint64 with null_code where the value is null; refuses valid codes not below it."""
        out, wild = _without_nulls(indices, null_code, null_code)
        if wild >= 0:
            self._wild_error(int(out[wild]), wild, null_code)
        return out

    def _refuse_wild(self, codes: Array, bound: int) -> None:
        if codes.size and codes.max() >= bound:
            wild = int(np.argmax(codes >= bound))
            self._wild_error(int(codes[wild]), wild, bound)

    def _wild_error(self, code: int, row: int, size: int) -> None:
        raise InputError(
            f"column {self.name!r}: dictionary code {code} at row {self.first_row + row} is outside its {size} values"
        )

    def _encode_null(self, array: pa.Array) -> Codes:
        return Codes(np.zeros(len(array), np.uint8), 1, IntSpace(1))  # whose only code is null

    def _encode_bool(self, array: pa.Array) -> Codes:
        return self._encode_int(array.cast(pa.uint8()) if array.null_count else pa.array(flags(array)))

    def _encode_int(self, array: pa.Array) -> Codes:
        null_code = self._ints.size - 1
        bound = min(null_code, _most_dense(array.type))
        if not array.null_count:
            return Codes(raw_codes(array), bound, self._ints)
        out, wild = _without_nulls(array, bound, null_code)
        if wild >= 0:
            out, _ = _without_nulls(array, 2**64 - 1, 0)
            return self.encode(array) if self._widen(out, array.type) else self.words(array)
        return Codes(out, self._ints.size, self._ints)

    def _encode_float(self, array: pa.Array) -> Codes:
        return self._encode_int(whole_floats(array, self.name, self.first_row))

    def _encode_text(self, array: pa.Array) -> Codes:
        return self.words(array)

    def _encode_runs(self, array: pa.Array) -> Codes:
        values, lengths = runs(validated(array, self.name, full=True))
        return self.encode(values).repeated(lengths)

    def _encode_dictionary(self, array: pa.Array) -> Codes:
        dictionary = array.dictionary
        if not is_scalar_label(dictionary.type):
            raise self._no_label(array.type)
        if len(dictionary) > SMALL:
            return self.words(array)
        if self._list is None or not same_dictionary(self._list.dictionary, dictionary):
            validated(dictionary, self.name, full=True)
            labels, wrong = label_texts(dictionary, self.name)
            self._list = ListSpace((*labels, None), wrong, dictionary)
        space, size = self._list, len(dictionary)
        nulls = bool(array.indices.null_count)
        codes = Codes(self._filled(array.indices, size) if nulls else raw_codes(array.indices), size + nulls, space)
        if space.wrong:
            for code in np.unique(codes.values).tolist():
                if code in space.wrong:
                    raise InputError(space.wrong[code])
        return codes


def _without_nulls(array: pa.Array, bound: int, null_code: int) -> tuple[Array, int]:
    """An integer array with nulls as uint32 or uint64, null_code in their place, and the first valid row not below
    `bound`, or -1.
    """
    raw = raw_codes(array)
    out = np.empty(len(raw), np.uint64 if raw.dtype.itemsize == 8 else np.uint32)
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    fill_nulls = loops(len(raw)).fill_nulls
    return out, int(fill_nulls(raw, bits, array.offset, np.uint64(bound), out.dtype.type(null_code), out))


def _most_dense(kind: pa.DataType) -> int:
    """Below which an unsigned view of an integer of this type is the integer itself, and small enough for a table."""
    while pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    return min(DENSE, 1 << (kind.bit_width - 1)) if pa.types.is_signed_integer(kind) else DENSE


ENCODERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Column, pa.Array], Codes]], ...] = (
    (pa.types.is_dictionary, Column._encode_dictionary),
    (is_text, Column._encode_text),
    (pa.types.is_integer, Column._encode_int),
    (pa.types.is_boolean, Column._encode_bool),
    (pa.types.is_floating, Column._encode_float),
    (pa.types.is_run_end_encoded, Column._encode_runs),
    (pa.types.is_null, Column._encode_null),
)


def is_scalar_label(kind: pa.DataType) -> bool:
    """Whether a column of this type holds one label a row."""
    return any(matches(kind) for matches, _ in ENCODERS)
