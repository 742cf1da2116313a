"""Tasks: which task the type of the truth decides, and what a task demands of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.count.columns import is_scalar_label
from streamavg.count.lists import is_set
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.count.selection import Chosen
    from streamavg.state.config import Task


def task_of(true: Chosen, kind: pa.DataType, one_score: bool = False) -> Task:
    """The task that the truth column decides, and one score a row."""
    if true.is_several or is_set(kind):
        return "multilabel"
    return "binary" if pa.types.is_boolean(kind) or one_score else "multiclass"


def check_kind(task: Task | None, true: Chosen, kind: pa.DataType) -> None:
    """InputError if the truth columns cannot hold what the task needs."""
    name = true.columns[0]
    several = true.is_several or is_set(kind)
    if not several and not is_scalar_label(kind):
        raise InputError(
            f"column {name!r} has type {kind}; truth is text, integers, booleans, whole floats, or lists of them"
        )
    if task is None or pa.types.is_null(kind):
        return
    if several and task != "multilabel":
        raise InputError(f"the task is {task} but the truth has a set of labels a row (column {name!r}: {kind})")
    if not several and task == "multilabel":
        raise InputError(f"the task is multilabel but column {name!r} has one label a row ({kind})")


def chunks(column: Any) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]
