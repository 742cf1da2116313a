"""Selection: which columns of a table hold truth and prediction, and what a pattern such as "true_*" stands for."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.state.labels import label_text

if TYPE_CHECKING:
    from collections.abc import Sequence


ROLES = ("y_true", "y_pred")  # one is never suggested for the other: that would make every answer right


@dataclass(frozen=True)
class Chosen:
    """Columns of one side, and the labels that `*` stood for (empty without a pattern)."""

    columns: tuple[str, ...]
    stems: tuple[str, ...]

    @property
    def is_several(self) -> bool:
        """Whether the columns are indicators, a label each: more than one, or found by a pattern."""
        return len(self.columns) > 1 or bool(self.stems)


NO_COLUMNS = Chosen((), ())


@dataclass(frozen=True)
class Sides:
    """The columns of truth, prediction, scores, weights and so on among those of some data; empty if not asked for."""

    true: Chosen
    pred: Chosen
    score: Chosen = NO_COLUMNS
    weight: Chosen = NO_COLUMNS
    by: Chosen = NO_COLUMNS
    time: Chosen = NO_COLUMNS
    op: Chosen = NO_COLUMNS

    @property
    def columns(self) -> list[str]:
        """The names to read, each once."""
        apart = (self.weight, self.by, self.time, self.op)
        sides = (self.true, self.pred, self.score, *apart)
        return list(dict.fromkeys(name for side in sides for name in side.columns))


def choose(wanted: str | Sequence[str], available: Sequence[str], role: str) -> Chosen:
    """The columns that a name, a list of names or a pattern with one `*` means; InputError if one is not there.

    >>> choose("true_*", ["true_cat", "true_dog", "pred_cat"], "y_true").stems
    ('cat', 'dog')
    """
    if not isinstance(wanted, str):
        names = tuple(wanted)
        if not names:
            raise InputError(f"{role} is an empty list; name a column or several indicator columns")
        _require(names, available, role)
        return Chosen(names, ())
    if "*" not in wanted or wanted in available:
        _require((wanted,), available, role)
        return Chosen((wanted,), ())
    before, _, after = wanted.partition("*")
    if "*" in after:
        raise InputError(f"{role} {wanted!r} has two stars; one stands for the label")
    pattern = re.compile(re.escape(before) + "(.*)" + re.escape(after), re.DOTALL)
    found = [(name, match[1]) for name in available if (match := pattern.fullmatch(name))]
    if not found:
        raise InputError(f"no column matches {role} {wanted!r}; the columns are: {listed(available)}")
    _require([name for name, _ in found], available, role)  # each column once
    return Chosen(tuple(name for name, _ in found), tuple(stem for _, stem in found))


def named_columns(given: object, role: str) -> str | list[str]:
    """What the user named the columns of a role by, if that can be names. Raises InputError."""
    if isinstance(given, str):
        if given:
            return given
    elif isinstance(given, Iterable) and not isinstance(given, bytes | Set):
        names = list(given)
        if names and all(isinstance(name, str) for name in names):
            return names
        if not names:
            raise InputError(f"{role} is empty; name a column, or several in a list")
    raise InputError(f"{role} is {given!r}; name a column, or several in a list")


def _require(names: Sequence[str], available: Sequence[str], role: str) -> None:
    held = Counter(available)
    for name in names:
        if held[name] > 1:
            raise InputError(f"there are {held[name]} columns named {name!r}; rename all but one")
        if not held[name]:
            near = difflib.get_close_matches(name, [each for each in available if each not in ROLES], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            flag = "weight" if role == "sample_weight" else role.replace("_", "-")
            raise InputError(
                f"there is no column {name!r} for {role}; the columns are: {listed(available)}{hint} "
                f"(set it with --{flag})"
            )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, the first dozen of many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"


def in_label_order(sides: Sides, labels: Sequence[str] | None) -> Sides:
    """The sides with their indicator columns in one order of labels: the declared one, else that of the first side.

    InputError where the sides name different labels.
    """
    true, pred, score = sides.true, sides.pred, sides.score
    stems = true.stems or pred.stems or score.stems
    for name, side in (("y_pred", pred), ("y_score", score)):
        if side.stems and set(side.stems) != set(stems):
            odd = sorted(set(stems) ^ set(side.stems))
            other = "y_true" if true.stems else "y_pred"
            raise InputError(f"{other} and {name} columns name different labels: {listed(odd)} on one side only")
    order = labels if labels is not None and set(labels) == set(stems) else stems
    return replace(sides, true=_ordered(true, order), pred=_ordered(pred, order), score=_ordered(score, order))


def _ordered(chosen: Chosen, stems: Sequence[str]) -> Chosen:
    if not chosen.stems:
        return chosen
    column = dict(zip(chosen.stems, chosen.columns, strict=True))
    return Chosen(tuple(column[stem] for stem in stems), tuple(stems))


def indicator_labels(widths: Sequence[int], stems: Sequence[str], labels: Sequence[str] | None) -> tuple[str, ...]:
    """The labels of indicators: the declared ones, else what `*` stood for, else "0" to "L-1".

    `widths` holds the number of indicators of each side that has them; InputError where the numbers differ.
    """
    if len(set(widths)) > 1:
        raise InputError(f"y_true has {widths[0]} indicators a row but y_pred has {widths[1]}; they must pair up")
    if labels is not None and len(labels) != widths[0]:
        raise InputError(f"{len(labels)} labels are declared but a row has {widths[0]} indicators")
    return tuple(labels or stems or map(str, range(widths[0])))


def declared_labels(labels: Iterable[object] | None, unknown: str) -> tuple[str, ...] | None:
    """The texts of declared labels. Raises InputError for one that is there twice, or if there must be some."""
    if isinstance(labels, str):
        raise InputError(f"labels is the text {labels!r}; give a list of labels")
    if labels is None and unknown != "grow":
        raise InputError(f"unknown={unknown!r} needs labels: which ones are known?")
    texts = None if labels is None else tuple(label_text(label) for label in labels)
    if texts is not None and len(set(texts)) < len(texts):
        raise InputError("labels names a label twice; each may be declared once")
    return texts
