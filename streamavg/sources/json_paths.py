"""JSON paths: keys of objects inside objects as columns, `result.label`; a key spelled so itself comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from streamavg.sources.json_columns import type_of
from streamavg.sources.json_lines import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Path = tuple[str, ...]

DEEPEST = 8  # keys in a path
MOST = 10_000  # paths that first lines may have; others are no columns


class Keys:
    """The keys of some objects, those inside other objects too, with their values."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._paths: dict[str, Path] = {}

    def add(self, found: Mapping[str, Any]) -> None:
        """Take the keys of one object."""
        for key, value in found.items():
            if key in self._paths:
                del self._paths[key], self._values[key]  # a path was taken for it
            self._values.setdefault(key, []).append(value)
        for key, value in found.items():
            self._add_inner((key,), value)

    def _add_inner(self, path: Path, value: Any) -> None:
        if not isinstance(value, dict) or len(path) == DEEPEST:
            return
        for key, inner in value.items():
            name = ".".join((*path, key))
            if name not in self._values and len(self._paths) < MOST:
                self._values[name], self._paths[name] = [], (*path, key)
            if self._paths.get(name) == (*path, key):
                self._values[name].append(inner)
            self._add_inner((*path, key), inner)

    def types(self) -> dict[str, pa.DataType | None]:
        """Each key with the type that suits its values; None if no single type does."""
        return {name: type_of(values) for name, values in self._values.items()}

    def paths(self, names: Sequence[str]) -> dict[str, Path]:
        """Those of the names that lie inside objects; one never seen does if it has a dot in it."""
        found = {}
        for name in names:
            if name in self._paths:
                found[name] = self._paths[name]
            elif name not in self._values and "." in name:
                found[name] = tuple(name.split("."))
        return found


def schema_of(types: Mapping[str, pa.DataType], paths: Mapping[str, Path]) -> pa.Schema:
    """The schema by which pyarrow.json reads these columns.

    >>> schema_of({"a.b": pa.int8(), "c": pa.int8()}, {"a.b": ("a", "b")})
    a: struct<b: int8>
      child 0, b: int8
    c: int8
    """
    tree: dict[str, Any] = {}
    for name, kind in types.items():
        *above, last = paths.get(name, (name,))
        branch = tree
        for key in above:
            branch = branch.setdefault(key, {})
        branch[last] = kind
    return pa.schema([(key, _kind(held)) for key, held in tree.items()])


def _kind(held: Any) -> pa.DataType:
    return pa.struct([(key, _kind(inner)) for key, inner in held.items()]) if isinstance(held, dict) else held


def column_of(table: pa.Table, path: Path) -> pa.Array:
    """A column, null where an object around it is null."""
    column = table.column(path[0]).combine_chunks()
    for key in path[1:]:
        column = pc.struct_field(column, key)
    return column


def value_at(found: Mapping[str, Any], path: Path) -> Any:
    """The value in an object, None where it or an object around it is missing or null.

    Raises MalformedError where there is no object around it, or a key is there twice.
    """
    value: Any = found.get(path[0])
    for key in path[1:]:
        if isinstance(value, tuple):  # pairs, from the careful way to parse
            if [name for name, _ in value].count(key) > 1:
                raise MalformedError
            value = dict(value)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise MalformedError
        value = value.get(key)
    return dict(value) if isinstance(value, tuple) else value
