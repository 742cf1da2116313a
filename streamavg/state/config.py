"""Config: the resolved options under which a state was counted, and whether two of them may be added."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from streamavg.errors import MismatchError
from streamavg.state.labels import ascending
from streamavg.state.layout import Layout
from streamavg.state.spans import window_size, window_text

Task = Literal["binary", "multiclass", "multilabel"]
Unknown = Literal["grow", "count", "error"]
NullPred = Literal["wrong", "abstain", "error"]
ANY = "any"  # layout of scores, where no score was met yet


@dataclass(frozen=True)
class Config:
    """Options that give a count its meaning; an option that does not apply to the task stands at its default."""

    task: Task | None = None
    pos_label: str | None = None
    null_pred: NullPred = "wrong"
    unknown: Unknown = "grow"
    samples: bool = True
    sample_weight: bool = False
    scores: str = ""  # the name of their layout, ANY before one is known
    decision: str = ""  # how scores become predictions, where they do
    ovo: bool = False
    losses: bool = True
    weight_quantum: float | None = None
    by: tuple[str, ...] = ()  # the columns by which slices are told apart
    window: str = ""  # how long a window of event time is, as `window_text` writes it
    labels: tuple[str, ...] = ()

    def checked(self) -> Config:
        """These options, if each has one of its values; ValueError otherwise. For options that come from outside."""
        known = {"task": (None, *get_args(Task)), "unknown": get_args(Unknown), "null_pred": get_args(NullPred)}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        texts = (*self.labels, self.pos_label or "", self.scores, self.decision, *self.by, self.window)
        flags = (self.samples, self.sample_weight, self.ovo, self.losses)
        if {type(text) for text in texts} != {str} or {type(flag) for flag in flags} != {bool}:
            raise ValueError("an option has the wrong type")
        if self.weight_quantum is not None and not 0 < self.weight_quantum < float("inf"):
            raise ValueError(f"weight_quantum is {self.weight_quantum!r}")
        if len(set(self.by)) < len(self.by) or (self.window and window_text(window_size(self.window)) != self.window):
            raise ValueError(f"slices by {self.by!r} and windows of {self.window!r} cannot be")
        if self.scores not in ("", ANY):
            Layout.named(self.scores)
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
        return replace(
            self,
            task=other.task,
            pos_label=other.pos_label,
            samples=other.samples,
            labels=self.labels or other.labels,
            scores=self.scores or other.scores,
            decision=other.decision,
        )

    def joined(self, other: Config) -> Config:
        """The options of a sum; MismatchError names each option that differs, with both values.

        A state whose task is undecided holds only skipped rows, so it takes the task of the other.
        """
        mine, theirs = self, other
        if mine.task is None:
            mine = mine._decided_like(theirs)
        elif theirs.task is None:
            theirs = theirs._decided_like(mine)
        if mine.scores and theirs.scores and mine.scores != theirs.scores:
            layout = joined_layouts(mine.scores, theirs.scores)
            mine, theirs = replace(mine, scores=layout), replace(theirs, scores=layout)
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


def joined_layouts(a: str, b: str) -> str:
    """The name of the finest layout that both coarsen into; MismatchError if there is none."""
    if ANY in (a, b):
        return b if a == ANY else a
    return Layout.named(a).joined(Layout.named(b)).name
