"""Kinds: number, boolean, text or a list of one; the chosen columns of all files must be of the same kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.sources.unit import Choose, Column

_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
_INTERCHANGEABLE = {"number", "text"}  # for a file without types: the label 3 is the text "3" anyway


def kind_of(type_: pa.DataType) -> str | None:
    """The kind of a type, by which files are compared; None for the null type, which fits all.

    >>> kind_of(pa.int8()), kind_of(pa.float64()), kind_of(pa.dictionary(pa.int8(), pa.large_string()))
    ('number', 'number', 'text')
    """
    types = pa.types
    if types.is_dictionary(type_) or types.is_run_end_encoded(type_):
        return kind_of(type_.value_type)
    if types.is_null(type_):
        return None
    if types.is_boolean(type_):
        return "boolean"
    if types.is_integer(type_) or types.is_floating(type_):  # pandas writes integers with nulls as floats
        return "number"
    if any(test(type_) for test in _TEXTS):
        return "text"
    if any(test(type_) for test in _LISTS):
        return f"list of {kind_of(type_.value_type)}"
    return str(type_)


class _First(NamedTuple):
    """Where a column was first seen with a type."""

    file: str
    column: Column


class Selection:
    """Chooses the columns of one file after the other and refuses a file that differs from the first one."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._names: list[str] | None = None
        self._file = ""
        self._first: dict[str, _First] = {}

    def of(self, file: str, columns: Sequence[Column]) -> list[str]:
        """The names to read. Raises InputError for a column that is missing, doubled or of another kind."""
        names = [column.name for column in columns]
        for name in self._names or ():
            if name not in names:
                raise InputError(
                    f"{file}: column {name!r} is missing, but {self._file} has it; "
                    f"expected in every file, this one has {_some(names)}"
                )
        try:
            chosen = self._choose(names)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
        if self._names is not None and chosen != self._names:
            raise InputError(
                f"{file}: columns {_some(chosen)} are asked for here, but {_some(self._names)} in {self._file}; "
                "evaluate these files apart or name the columns"
            )
        self._names, self._file = chosen, self._file or file
        for column in columns:
            if column.name in chosen:
                self._compare(file, column)
                if names.count(column.name) > 1:
                    raise InputError(f"{file}: column {column.name!r} occurs {names.count(column.name)} times; rename")
        return chosen

    def _compare(self, file: str, column: Column) -> None:
        kind = kind_of(column.type)
        if kind is None:
            return
        first = self._first.setdefault(column.name, _First(file, column))
        expected = kind_of(first.column.type)
        loose = (column.loose or first.column.loose) and {kind, expected} == _INTERCHANGEABLE
        if kind != expected and not loose and "list of None" not in (kind, expected):
            raise InputError(
                f"{file}: column {column.name!r} is {column.type}, but {first.file} has {first.column.type}; "
                "write both with one type or evaluate them apart"
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
