"""Config: the resolved options under which a state was counted, and whether two of them may be added."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from streamavg.errors import MismatchError
from streamavg.state.labels import ascending

Task = Literal["binary", "multiclass", "multilabel"]
Unknown = Literal["grow", "count", "error"]
NullPred = Literal["wrong", "abstain", "error"]


@dataclass(frozen=True)
class Config:
    """Options that give a count its meaning; an option that does not apply to the task stands at its default."""

    task: Task | None = None
    pos_label: str | None = None
    null_pred: NullPred = "wrong"
    unknown: Unknown = "grow"
    samples: bool = True
    sample_weight: bool = False
    labels: tuple[str, ...] = ()

    def checked(self) -> Config:
        """These options, if each has one of its values; ValueError otherwise. For options that come from outside."""
        known = {"task": (None, *get_args(Task)), "unknown": get_args(Unknown), "null_pred": get_args(NullPred)}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        texts = {type(text) for text in (*self.labels, self.pos_label or "")}
        if not {self.samples, self.sample_weight} <= {True, False} or texts != {str}:
            raise ValueError("an option has the wrong type")
        return self

    def canonical(self) -> dict[str, object]:
        """The options that the fingerprint covers, without those at their default; label order is not covered."""
        held: dict[str, object] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "labels" and getattr(self, field.name) != field.default
        }
        if self.unknown != "grow":
            held["labels"] = sorted(self.labels)
        return held

    def _decided_like(self, other: Config) -> Config:
        """These options with the task of the other; indicator columns become known only with the task."""
        labels = self.labels or other.labels
        return replace(self, task=other.task, pos_label=other.pos_label, samples=other.samples, labels=labels)

    def joined(self, other: Config) -> Config:
        """The options of a sum; MismatchError names each option that differs, with both values.

        A state whose task is undecided holds only skipped rows, so it takes the task of the other.
        """
        mine, theirs = self, other
        if mine.task is None:
            mine = mine._decided_like(theirs)
        elif theirs.task is None:
            theirs = theirs._decided_like(mine)
        a, b = mine.canonical(), theirs.canonical()
        differing = [
            f"{name} is {getattr(mine, name)!r} in one and {getattr(theirs, name)!r} in the other"
            for name in sorted(a.keys() | b.keys())
            if a.get(name) != b.get(name)
        ]
        if differing:
            raise MismatchError("the states were counted under different options: " + "; ".join(differing))
        if mine.labels == theirs.labels:
            return mine
        return replace(mine, labels=tuple(ascending({*mine.labels, *theirs.labels})))
