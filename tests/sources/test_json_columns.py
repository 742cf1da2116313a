"""Columns: the type that values suggest, and arrays equal to those that pyarrow makes itself."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from streamavg.sources.json_columns import bool_array, label_array, list_array, type_of, whole_numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None], pa.string()),
        ([1], pa.int64()),
        ([True, None], pa.bool_()),
        ([1.5], pa.float64()),
        ([1, 1.5], pa.float64()),
        ([1, True], None),
        ([1, "a"], None),
        ([["a"], "a"], None),
        ([{}], pa.struct([])),
        ([()], pa.struct([])),
        ([None], pa.null()),
        ([], pa.null()),
        ([[1], []], pa.list_(pa.int64())),
        ([[True], None], pa.list_(pa.bool_())),
        ([[1], ["a"]], pa.list_(pa.string())),
        ([[1.0]], pa.list_(pa.string())),
        ([[None], []], pa.list_(pa.string())),
        ([[["a"]]], pa.list_(pa.string())),
    ],
)
def test_the_type_of_values(values: list[Any], expected: pa.DataType | None) -> None:
    assert type_of(values) == expected


TEXTS = [[], [None], ["a"], ["", None, "né", "x" * 100, "a\0b"] * 3, ["a"] * 8, [None] * 9]


@pytest.mark.parametrize("values", TEXTS)
def test_labels(values: list[str | None]) -> None:
    array = label_array(values)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.string()))


@pytest.mark.parametrize("lists", [[], [None, []], [["a", None], None, [], ["b"] * 10], *([texts] for texts in TEXTS)])
def test_lists(lists: list[list[str | None] | None]) -> None:
    array = list_array(lists)
    array.validate(full=True)
    assert array.equals(pa.array(lists, pa.list_(pa.string())))


@pytest.mark.parametrize("values", [[], [True], [None, False, True] * 5])
def test_booleans(values: list[bool | None]) -> None:
    array = bool_array(values)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.bool_()))


def test_whole_floats_are_integers_below_two_to_the_53() -> None:
    for values in ([], [1.0, None, -0.0], [2.0**53 - 1, 1 - 2.0**53]):
        assert whole_numbers(pa.array(values, pa.float64())).to_pylist() == values
    for value in (1.5, float("nan"), float("inf"), 2.0**53, -(2.0**53), 1e19, 2.0**63, -(2.0**63)):
        assert whole_numbers(pa.array([1.0, value])) is None
    assert whole_numbers(pa.array([0.5, 1.0, None, 2.0]).slice(1)).to_pylist() == [1, None, 2]
