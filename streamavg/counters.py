"""Counters: the counter that some columns need, made once the data has decided the task."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from streamavg.count.class_order import METADATA, class_order
from streamavg.count.counter import Counter
from streamavg.count.lists import is_set
from streamavg.count.rows import Rows
from streamavg.count.score_counter import ScoreCounter
from streamavg.count.selection import Chosen, listed
from streamavg.count.sets import SetCounter
from streamavg.count.single import SingleCounter
from streamavg.count.slice_groups import SliceGroups
from streamavg.count.slice_table import SliceTable
from streamavg.count.tasks import check_kind, chunks, task_of
from streamavg.count.texts import is_blank
from streamavg.count.weights import weights_of
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.count.limits import Limits
    from streamavg.count.selection import Sides
    from streamavg.options import Options
    from streamavg.state.config import Config


def counter_for(options: Options, before: Counter | None, config: Config, sides: Sides, data: Any) -> Counter | None:
    """The counter of these columns: the one before if there is one; None while truth columns hold nothing.

    config: what was counted so far. Raises InputError if the columns are not what the task needs.
    """
    true = sides.true
    kind = data[true.columns[0]].type
    task = config.task
    check_kind(task or options.task, true, kind)
    if before is None and task is None:
        if all(is_blank(part, name) for name in true.columns for part in chunks(data[name])):
            return None
        task = options.task or task_of(true, kind, _is_one_score(sides, data))
        if options.scoring is not None:
            options.scoring.refuse(task, not sides.pred.columns)
    classes = _classes(options, before, task, sides, data)
    if task == "multilabel":
        labels = classes or options.indicators(sides, data)
        wanted = options.resolved(task, config.labels if labels is None else labels)
        if before is None:
            # predictions made from scores are indicators, a column a class
            pred = sides.pred if sides.pred.columns else Chosen(wanted.labels, wanted.labels)
            return _made(options, partial(SetCounter, (true, pred), wanted), classes, sides, data)
        if wanted.labels != before.config.labels:
            raise InputError(f"the indicator columns are now {listed(wanted.labels)}; they were others before")
    elif before is None:
        wanted = options.resolved(task, (classes if task == "multiclass" else None) or config.labels)
        name = sides.pred.columns[0] if sides.pred.columns else "the prediction"
        names = (true.columns[0], name)
        made = _made(options, partial(SingleCounter, names, wanted), classes, sides, data)
        if options.slicing.is_asked and made.slices is None and isinstance(made.labels, SingleCounter):
            made.slices = SliceTable(names, made.labels)
        return made
    return before


def rows_of(batch: pa.RecordBatch, sides: Sides, first_row: int) -> Rows:
    """The columns of a batch that are counted; InputError, with the number of the row, for weights that are none."""
    weights = None
    for name in sides.weight.columns:
        weights = weights_of(batch[name], name, first_row)
    true, pred, scores = (tuple(batch[name] for name in side.columns) for side in (sides.true, sides.pred, sides.score))
    return Rows(true, pred, first_row, weights, scores)


def _made(
    options: Options,
    labels: Callable[[Limits], SingleCounter | SetCounter],
    classes: tuple[str, ...] | None,
    sides: Sides,
    data: Any,
) -> Counter:
    """A counter of labels and what else is asked for; slices too, but those of labels alone."""
    scoring, told = options.scoring, _told_by(sides, data) if sides.score.columns else ((), None)

    def fresh(limits: Limits) -> Counter:
        counted = labels(limits)
        if classes is None or scoring is None:
            return Counter(counted)
        scores = ScoreCounter(sides, classes, counted.config, scoring, limits)
        scores.told = told
        return Counter(counted, scores)

    made = fresh(options.limits)
    config = made.config
    if options.slicing.is_asked and (made.scores is not None or config.sample_weight or config.task == "multilabel"):
        made.slices = SliceGroups(partial(fresh, replace(options.limits, confusion=False)))
    return made


def _is_one_score(sides: Sides, data: Any) -> bool:
    """Whether a row has a single score, which then is that of the positive class."""
    score = sides.score
    return bool(score.columns) and not score.is_several and not is_set(data[score.columns[0]].type)


def _classes(
    options: Options, before: Counter | None, task: str | None, sides: Sides, data: Any
) -> tuple[str, ...] | None:
    """The class of each score of a row; None where there are no scores."""
    score = sides.score
    if not score.columns:
        return None
    if task == "binary":
        if not _is_one_score(sides, data):
            raise InputError(
                f"y_score has several scores a row (column {score.columns[0]!r}), but a binary task has one: "
                "name the column of the positive class"
            )
        positive = options.pos_label or "1"
        if not sides.pred.columns and positive not in (options.labels or ("0", "1")):
            raise InputError(
                f"predictions made from scores need a name for the label that is not {positive!r}: declare both "
                "(labels=[...], --labels FILE), or name a column of predictions (y_pred, --y-pred)"
            )
        return (positive,)
    if _is_one_score(sides, data) and not pa.types.is_null(data[score.columns[0]].type):
        raise InputError(
            f"column {score.columns[0]!r} has one score a row but the task is {task}; give a score for each class: "
            "a column of lists, or several columns such as score_*"
        )
    return _class_order(options, before, sides, data)


def _class_order(options: Options, before: Counter | None, sides: Sides, data: Any) -> tuple[str, ...]:
    """The class of each score of a row, looked up once and again only where the columns tell another order."""
    score = sides.score
    if before is not None and before.scores is not None:
        if before.scores.told == _told_by(sides, data):
            return before.scores.classes
        raise InputError(
            f"the classes of the scores ({listed(score.stems) or 'metadata of ' + repr(score.columns[0])}) are others "
            "now than in the rows before, or in another order; write all with the same columns"
        )
    return class_order(score, data.schema.field(score.columns[0]), options.labels, _width(sides, data))


def _width(sides: Sides, data: Any) -> int:
    """How many scores a row has; 0 where no row tells."""
    score = sides.score
    if score.is_several:
        return len(score.columns)
    column = data[score.columns[0]]
    if pa.types.is_fixed_size_list(column.type):
        return int(column.type.list_size)
    if not is_set(column.type):
        return 0
    lengths = pc.drop_null(pc.list_value_length(column))
    return int(lengths[0].as_py()) if len(lengths) else 0


def _told_by(sides: Sides, data: Any) -> tuple[tuple[str, ...], bytes | None]:
    """What the columns of scores say of their classes: the names behind `*`, and the field's metadata."""
    metadata = data.schema.field(sides.score.columns[0]).metadata
    return sides.score.stems, None if metadata is None else metadata.get(METADATA)
