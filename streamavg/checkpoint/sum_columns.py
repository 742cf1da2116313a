"""Sum columns: exact sums in a state file, their keys and digits, and whether they are in their one form.

A part is in a file only if its state has it: an entry of the metadata with the digits of each table, and columns of its
own behind the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.state.score_sums import ScoreSums
from streamavg.state.sums import LEAST_LOW, Sums, SumTable
from streamavg.state.weighted import Weighted

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.state.state import State

KINDS: dict[str, Any] = {"weighted": Weighted, "score_sums": ScoreSums, "weighted_score_sums": ScoreSums}
_TEXT_KEYS = ("label", "named", "losses")
_MOST_LOW, _MOST_DIGITS = 40, 80


def held_sums(state: State) -> dict[str, Weighted | ScoreSums]:
    """The parts that a state has, by name."""
    return {part: sums for part in KINDS if not (sums := getattr(state, part)).is_empty}


def column_names(part: str) -> dict[str, bool]:
    """The columns of a part, and whether they hold texts; the others hold int64."""
    names: dict[str, bool] = {}
    for table in KINDS[part]().tables:
        names |= {f"{part}_{table}": table in _TEXT_KEYS, f"{part}_{table}_digits": False}
    return names


def about_sums(sums: Weighted | ScoreSums) -> dict[str, list[int]]:
    """The entry of a part in the metadata: the place of the lowest digit, and how many there are."""
    return {name: [table.sums.low, table.sums.digits] for name, table in sums.tables.items()}


def columns_of(part: str, sums: Weighted | ScoreSums) -> dict[str, Any]:
    """The columns of a part."""
    held: dict[str, Any] = {}
    for name, table in sums.tables.items():
        held |= {f"{part}_{name}": table.keys, f"{part}_{name}_digits": table.sums.limbs.ravel()}
    return held


def sums_of(part: str, about: Any, batch: pa.RecordBatch) -> Any:
    """The sums that an entry of the metadata and columns stand for; ValueError or TypeError if there are none."""
    empty = KINDS[part]()
    if type(about) is not dict or about.keys() != empty.tables.keys():
        raise TypeError(f"{part} is described by {str(about)[:80]}")
    made = KINDS[part](*(_table(part, name, about[name], batch) for name in empty.tables))
    if made.is_empty:
        raise ValueError(f"{part} holds nothing")
    return made


def _table(part: str, name: str, about: Any, batch: pa.RecordBatch) -> SumTable:
    if type(about) is not list or [type(number) for number in about] != [int, int]:
        raise TypeError(f"{part} {name} is described by {str(about)[:80]}")
    low, size = about
    columns = KINDS[part]().tables[name].columns
    keys = tuple(batch[f"{part}_{name}"].flatten().to_pylist())
    if not LEAST_LOW <= low <= _MOST_LOW or not 0 <= size <= _MOST_DIGITS:
        raise ValueError(f"the digits of {part} {name} lie where no sum has any")
    if list(keys) != sorted(set(keys)) or (keys and not isinstance(keys[0], str) and keys[0] < 0):
        raise ValueError(f"the keys of {part} {name} are not ascending and unique")
    digits = batch[f"{part}_{name}_digits"].flatten().to_numpy().reshape(len(keys) * columns, size)
    table = SumTable.of(keys, Sums.of(digits, low), columns)
    same = table.keys == keys and (table.sums.low, table.sums.digits) == (low, size)
    if not same or not np.array_equal(table.sums.limbs, digits):
        raise ValueError(f"the sums of {part} {name} are not in their one form")
    return table
