"""Counters: the counter that some columns need, made once the data has decided the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.count.counter import Counter
from streamavg.count.selection import listed
from streamavg.count.sets import SetCounter
from streamavg.count.single import SingleCounter
from streamavg.count.tasks import check_kind, chunks, task_of
from streamavg.count.texts import is_blank
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.count.selection import Sides
    from streamavg.options import Options
    from streamavg.state.config import Config


def counter_for(options: Options, before: Counter | None, config: Config, sides: Sides, data: Any) -> Counter | None:
    """The counter of these columns: the one before if there is one; None while truth columns hold nothing.

    config: what was counted so far. Raises InputError if the columns are not what the task needs.
    """
    true, pred = sides.true, sides.pred
    kind = data[true.columns[0]].type
    task = config.task
    check_kind(task or options.task, true, kind)
    if before is None and task is None:
        if all(is_blank(part, name) for name in true.columns for part in chunks(data[name])):
            return None
        task = options.task or task_of(true, kind)
    if task == "multilabel":
        labels = options.indicators(sides, data)
        wanted = options.resolved(task, config.labels if labels is None else labels)
        if before is None:
            return Counter(SetCounter((true, pred), wanted, options.limits))
        if wanted.labels != before.config.labels:
            raise InputError(f"the indicator columns are now {listed(wanted.labels)}; they were others before")
    elif before is None:
        wanted = options.resolved(task, config.labels)
        return Counter(SingleCounter((true.columns[0], pred.columns[0]), wanted, options.limits))
    return before
