"""Options: what an accumulator was asked to count, checked once, and the configuration that it means for a task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from streamavg.count.indicators import indicator_widths
from streamavg.count.limits import Limits
from streamavg.count.scoring import Scoring
from streamavg.count.selection import (
    NO_COLUMNS,
    Sides,
    choose,
    declared_labels,
    in_label_order,
    indicator_labels,
    named_columns,
)
from streamavg.count.slicing import Slicing
from streamavg.errors import InputError, require_one_of
from streamavg.numeric import Numeric, Timed
from streamavg.state.config import ANY, Config, NullPred, Task, Unknown
from streamavg.state.labels import label_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamavg.state.state import State

    Columns = str | Sequence[str]

NO_SLICING = Slicing()
_ROLES = {"weight": "sample_weight"}  # as messages call them


@dataclass(frozen=True)
class Options:
    """The columns, what was declared, and the limits; `task` is None if the data decides, `config` is without one."""

    columns: tuple[Columns, Columns | None]
    labels: tuple[str, ...] | None
    pos_label: str | None
    samples: bool
    sample_weight: str | None
    scoring: Scoring | None
    slicing: Slicing
    limits: Limits
    task: Task | None
    config: Config

    @classmethod
    def checked(  # noqa: PLR0913 the public contract
        cls,
        y_true: Columns,
        y_pred: Columns | None,
        *,
        task: Task | None,
        labels: Iterable[object] | None,
        pos_label: object,
        unknown: Unknown,
        null_pred: NullPred,
        confusion: bool | str,
        samples: bool,
        sample_weight: str | None = None,
        scoring: Scoring | None = None,
        slicing: Slicing = NO_SLICING,
        max_labels: int,
    ) -> Options:
        """The options as the user gives them. Raises InputError for those that cannot be."""
        require_one_of("task", task, (None, *get_args(Task)))
        require_one_of("unknown", unknown, get_args(Unknown))
        require_one_of("null_pred", null_pred, get_args(NullPred))
        require_one_of("confusion", confusion, ("auto", True, False))
        if sample_weight is not None and not (type(sample_weight) is str and sample_weight):
            raise InputError(f"sample_weight is {sample_weight!r}; name the one column that holds the weights")
        declared = declared_labels(labels, unknown)
        if pos_label is not None and task not in (None, "binary"):
            raise InputError(f"pos_label is for binary tasks, but task is {task!r}")
        if scoring is not None:
            scoring.refuse(task, y_pred is None)
        return cls(
            columns=(
                named_columns(y_true, "y_true"),
                ("y_pred" if scoring is None else None) if y_pred is None else named_columns(y_pred, "y_pred"),
            ),
            labels=declared,
            pos_label=None if pos_label is None else label_text(pos_label),
            samples=samples,
            sample_weight=sample_weight,
            scoring=scoring,
            slicing=slicing,
            limits=Limits(max_labels, pos_label is not None, None if confusion == "auto" else bool(confusion)),
            task=task or ("binary" if pos_label is not None else None),
            config=Config(
                null_pred=null_pred,
                unknown=unknown,
                labels=declared or (),
                sample_weight=sample_weight is not None,
                scores="" if scoring is None else ANY,
                ovo=scoring is not None and scoring.ovo,
                losses=scoring is None or scoring.losses,
                weight_quantum=None if scoring is None else scoring.quantum,
                by=slicing.by,
                window=slicing.window,
            ),
        )

    def refuse_pairs(self) -> None:
        """Refuse label pairs for rows that bring more than them. Raises InputError."""
        for name, asked in (("y_score", self.scoring), ("sample_weight", self.sample_weight)):
            if asked is not None:
                raise InputError(f"update_pairs has no {name}, and this accumulator has; count such rows with update")

    def to_json(self) -> dict[str, object]:
        """The options for a state file; `Accumulator.resume` reads them, and a run on top of it compares them."""
        y_true, y_pred = self.columns
        scoring = self.scoring
        return {
            "y_true": _plain(y_true),
            "y_pred": _plain(y_pred),
            "task": self.task,
            "labels": None if self.labels is None else list(self.labels),
            "pos_label": self.pos_label,
            "unknown": self.config.unknown,
            "null_pred": self.config.null_pred,
            "samples": self.samples,
            "sample_weight": self.sample_weight,
            **(Scoring("") if scoring is None else scoring).to_json(),
            **self.slicing.to_json(),
        }

    def resolved(self, task: Task | None, labels: tuple[str, ...] | None = None) -> Config:
        """The configuration for a task: options that do not apply to it stand at their default."""
        config = replace(self.config, task=task, labels=self.config.labels if labels is None else labels)
        if self.scoring is not None and self.columns[1] is None and task is not None:
            config = replace(config, decision=self.scoring.decision(task))
        if task == "binary":
            return replace(config, pos_label=self.pos_label or "1")
        return replace(config, samples=self.samples) if task == "multilabel" else config

    def check(self, state: State, config: Config) -> None:
        """InputError if a state has more labels or slices than there may be."""
        self.limits.check(len(state.counts.labels), None, config)
        self.slicing.check(len(state.slices.keys))

    def chosen(self, available: Sequence[str]) -> Sides:
        """The columns of each side among those of some data. Raises InputError if one is missing."""
        y_true, y_pred = self.columns
        sides = Sides(
            choose(y_true, available, "y_true"),
            NO_COLUMNS if y_pred is None else choose(y_pred, available, "y_pred"),
        )
        if self.scoring is not None:
            sides = replace(sides, score=choose(self.scoring.columns, available, "y_score"))
        wanted: dict[str, tuple[str, ...]] = {"by": self.slicing.by} if self.slicing.by else {}
        single = {"weight": self.sample_weight, "time": self.slicing.time, "op": self.slicing.op}
        wanted |= {role: (name,) for role, name in single.items() if name is not None}
        found = {role: choose(names, available, _ROLES.get(role, role)) for role, names in wanted.items()}
        return replace(sides, **found)

    def columns_of(self, available: Sequence[str]) -> list[str]:
        """The columns of a source that are read, each once. Raises InputError if one is missing."""
        sides = self.chosen(available)
        texts = {name for side in (sides.true, sides.pred, sides.by, sides.op) for name in side.columns}
        times = {*sides.time.columns} - texts
        numbers = {*sides.score.columns, *sides.weight.columns} - texts - times
        kinds: dict[str, type[str]] = {**dict.fromkeys(numbers, Numeric), **dict.fromkeys(times, Timed)}
        return [kinds.get(name, str)(name) for name in sides.columns]

    def in_order(self, available: Sequence[str]) -> Sides:
        """The same, indicator columns in the order of their labels."""
        return in_label_order(self.chosen(available), self.labels)

    def indicators(self, sides: Sides, data: Any) -> tuple[str, ...] | None:
        """The labels of indicators; None where no side has such. Raises InputError if they do not pair up."""
        widths = indicator_widths([side for side in (sides.true, sides.pred) if side.columns], data)
        return indicator_labels(widths, sides.true.stems or sides.pred.stems, self.labels) if widths else None


def _plain(columns: Columns | None) -> str | list[str] | None:
    return columns if columns is None or isinstance(columns, str) else list(columns)
