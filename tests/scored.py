"""Rows with scores: made at random, counted in dictionaries, and stored in the many Arrow forms that hold them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

import streamavg as sa
from tests import naive

NAMES = ("dog", "ant", "cat", "eel", "bee", "fox")
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
tasks = st.sampled_from(["binary", "multiclass", "multilabel"])
weighings = st.sampled_from([None, "int", "float"])


@dataclass(frozen=True, repr=False)
class Rows:
    """Rows and the options they are counted under.

    true: label texts or None; lists of them for multilabel. scores: float64 (rows, classes). holes: the rows whose
    scores are null. pred: answers beside the scores, like `true`; None: scores stand for them. weights: of the rows.
    """

    task: str
    classes: tuple[str, ...]  # of the scores, in their order; two for a binary task, the positive one last
    true: list
    scores: np.ndarray
    holes: np.ndarray
    pred: list | None = None
    weights: np.ndarray | None = None
    options: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.true)

    def at(self, places) -> Rows:
        """Some of the rows, in this order."""
        places = np.arange(len(self))[places]
        side = None if self.pred is None else [self.pred[k] for k in places]
        weights = None if self.weights is None else self.weights[places]
        true = [self.true[k] for k in places]
        return replace(
            self, true=true, scores=self.scores[places], holes=self.holes[places], pred=side, weights=weights
        )

    def accumulator(self, **more) -> sa.Accumulator:
        """An accumulator for these rows, whatever their form."""
        return sa.Accumulator(**{**self.about, **more})

    @property
    def about(self) -> dict:
        """The options of the accumulator."""
        about = {"y_score": "y_score", "task": self.task, "labels": list(self.classes)}
        if self.task == "binary":
            about["pos_label"] = self.classes[-1]
        if self.pred is not None:
            about["y_pred"] = "y_pred"
        if self.weights is not None:
            about["sample_weight"] = "weight"
        return {**about, **self.options}

    def counted(self, **more) -> sa.Snapshot:
        """The snapshot of these rows in their plainest form."""
        acc = self.accumulator(**more)
        acc.update(self.table())
        return acc.snapshot()

    # ---- what they mean, row by row

    def answers(self) -> list:
        """The prediction of each row: what is beside the scores, else what they stand for."""
        if self.pred is not None:
            return self.pred
        found = []
        for scores, hole in zip(self.scores.tolist(), self.holes.tolist(), strict=True):
            if hole:
                found.append(None)
            elif self.task == "multiclass":
                found.append(self.classes[scores.index(max(scores))])
            elif self.task == "binary":
                found.append(self.classes[scores[0] >= self.limits[0]])
            else:
                found.append([c for c, s, t in zip(self.classes, scores, self.limits, strict=True) if s >= t])
        return found

    @property
    def limits(self) -> list[float]:
        """The threshold of each class."""
        given = self.options.get("threshold", 0.5)
        classes = self.classes[-1:] if self.task == "binary" else self.classes
        if isinstance(given, dict):
            return [given[label] for label in classes]
        return list(given) if isinstance(given, list) else [given] * len(classes)

    def causes(self) -> list[str]:
        """Why each row is skipped, the first cause that applies; "" if it counts."""
        closed = self.options.get("unknown", "grow") != "grow"
        signed = self.options.get("score_layout", "auto").startswith("signed")
        found = []
        for true, pred, scores, hole in zip(
            self.true, self.answers(), self.scores.tolist(), self.holes.tolist(), strict=True
        ):
            several = true if self.task == "multilabel" else [true]
            wrong = any(not (abs(s) < np.inf if signed else 0 <= s <= 1) for s in scores)
            if several is None or None in several:
                found.append("null_true")
            elif closed and self.task != "binary" and set(several) - set(self.classes):
                found.append("unknown_true")
            elif self.options.get("null_pred") == "abstain" and (
                pred is None or (isinstance(pred, list) and None in pred)
            ):
                found.append("null_pred")
            else:
                found.append("invalid_score" if wrong and not hole else "")
        return found

    def naive(self) -> naive.Counted:
        """Labels and skipped rows, counted in dictionaries."""
        causes = self.causes()
        kept = [k for k, cause in enumerate(causes) if cause != "invalid_score"]
        rows = [(self.true[k], pred) for k, pred in enumerate(self.answers())]
        if self.weights is not None:
            rows = [(*row, weight) for row, weight in zip(rows, self.weights.tolist(), strict=True)]
        options = {name: self.options[name] for name in ("unknown", "null_pred", "samples") if name in self.options}
        options |= {"task": self.task, "labels": self.classes, "sample_weight": self.weights is not None}
        options |= {"pos_label": self.classes[-1]} if self.task == "binary" else {}
        counted = naive.count_rows([rows[k] for k in kept], **options)
        counted.skipped += Counter(invalid_score=len(rows) - len(kept))
        if self.weights is not None:
            gone = [
                weight for weight, cause in zip(self.weights.tolist(), causes, strict=True) if cause == "invalid_score"
            ]
            counted.weights["named", "invalid_score"] = sum(map(Fraction, gone))
        return counted

    def ranked(self) -> Rows:
        """The rows whose scores are counted."""
        return self.at([not cause and not hole for cause, hole in zip(self.causes(), self.holes, strict=True)])

    def truth(self) -> np.ndarray:
        """Which classes are true, bool (rows, classes); one column of a binary task."""
        classes = self.classes[-1:] if self.task == "binary" else self.classes
        several = self.true if self.task == "multilabel" else [[each] for each in self.true]
        return np.array([[label in each for label in classes] for each in several], bool).reshape(-1, len(classes))

    # ---- as Arrow data

    def table(self, rng=None, kind="f8", form="list", true="text") -> pa.Table:
        """The rows in this form, in random chunks if there is an rng.

        form, of scores: "list", "large", "view", "fixed" or "columns"; true: "text", "dictionary", "columns" or
        "cells".
        """
        columns = self._scores(np.dtype(kind), form if self.task != "binary" else "plain")
        columns |= self._labels("y_true", self.true, true)
        if self.pred is not None:
            columns |= self._labels("y_pred", self.pred, "text")
        if self.weights is not None:
            columns["weight"] = pa.array(self.weights)
        names = list(columns)
        if rng is not None:
            names = [names[k] for k in rng.permutation(len(names))]
        whole = pa.table({name: columns[name] for name in names})
        if rng is None or not len(self):
            return whole
        ends = np.unique(rng.integers(0, len(self) + 1, 2))
        pieces = np.split(np.arange(len(self)), ends)
        return pa.concat_tables([whole.slice(piece[0], len(piece)) for piece in pieces if len(piece)])

    def _scores(self, kind, form) -> dict[str, pa.Array]:
        values = self.scores.astype(kind)
        mask = pa.array(self.holes)
        if form == "plain":
            return {"y_score": pa.array(values[:, 0], mask=self.holes)}
        if form == "columns":  # a null in one of them is one in all
            gap = len(values) and np.arange(len(self)) % len(self.classes)
            return {
                f"score_{label}": pa.array(values[:, k], mask=self.holes & (gap == k))
                for k, label in enumerate(self.classes)
            }
        flat, width = pa.array(values.reshape(-1)), len(self.classes)
        if form == "fixed":
            return {"y_score": pa.FixedSizeListArray.from_arrays(flat, width, mask=mask)}
        lists = {"list": pa.list_(flat.type), "large": pa.large_list(flat.type), "view": pa.list_view(flat.type)}
        given = [None if hole else row for hole, row in zip(self.holes.tolist(), values, strict=True)]
        return {"y_score": pa.array(given, lists[form])}

    def _labels(self, name, side, form) -> dict[str, pa.Array]:
        if self.task != "multilabel":
            found = pa.array(side, pa.string())
            return {name: found.dictionary_encode() if form == "dictionary" else found}
        if form == "text" or form == "dictionary":
            kind = pa.dictionary(pa.int8(), pa.string()) if form == "dictionary" else pa.string()
            return {name: pa.array(side, pa.list_(pa.string())).cast(pa.list_(kind))}
        cells = [None if each is None or None in each else [label in each for label in self.classes] for each in side]
        if form == "cells":
            return {name: pa.array(cells, pa.list_(pa.bool_(), len(self.classes)))}
        return {
            f"true_{label}": pa.array([each and each[k] for each in cells], pa.bool_())
            for k, label in enumerate(self.classes)
        }


def reads(rows: Rows, form: str, true: str) -> dict:
    """The options that read a table of these forms."""
    found = {}
    if form == "columns" and rows.task != "binary":
        found["y_score"] = "score_*"
    if true == "columns" and rows.task == "multilabel":
        found["y_true"] = "true_*"
    return found


FORMS = ("list", "large", "view", "fixed", "columns")
TRUTHS = ("text", "dictionary", "columns", "cells")


def values_for(rng, shape, plain=False):
    """Scores in [0, 1]: ties, both ends, and floats that float32 holds; multiples of 1/64 only if plain."""
    ties = rng.integers(0, 65, shape) / 64
    if plain:
        return ties
    ends = rng.choice([0.0, 1.0, 0.5, 2.0**-30, 1 - 2.0**-24], shape)
    return np.choose(rng.integers(0, 5, shape), [ties, ends, *[np.float32(rng.random(shape)).astype(float)] * 3])


def made(rng, task, many=40, weights=None, wild=True, plain=False, answers=None, **options) -> Rows:
    """Random rows of a task, with nulls, scores that are none (wild), and answers beside them or not."""
    width = 1 if task == "binary" else int(rng.integers(2, 6))
    names = [NAMES[k] for k in rng.permutation(len(NAMES))]
    classes = tuple(names[: 2 if task == "binary" else width])
    scores = values_for(rng, (many, width), plain)
    if wild:
        bad = rng.random((many, width)) < 0.1 / width
        scores = np.where(bad, rng.choice([np.nan, np.inf, -np.inf, -0.5, 1.5, 1 + 2.0**-23], scores.shape), scores)
    known = [*classes] if task == "binary" or not options.get("unknown") else [*classes, names[-1]]
    null = 0.1 if wild else 0.0
    sides = [_side(rng, task, known, many, null) for _ in range(2)]
    beside = rng.random() < 0.3 if answers is None else answers
    held = None
    if weights is not None:
        held = rng.integers(0, 9, many) if weights == "int" else rng.integers(0, 40, many) / 16
    return Rows(task, classes, sides[0], scores, rng.random(many) < null, sides[1] if beside else None, held, options)


def _side(rng, task, known, many, null):
    gone = (rng.random(many) < null).tolist()
    if task != "multilabel":
        return [None if g else known[k] for g, k in zip(gone, rng.integers(0, len(known), many), strict=True)]
    chosen = rng.random((many, len(known))) < rng.choice([0.1, 0.5])
    sets = [[label for label, held in zip(known, row, strict=True) if held] for row in chosen.tolist()]
    return [None if g else each for g, each in zip(gone, sets, strict=True)]


def random_options(rng, task, weights):
    """Policies and layouts at random."""
    options = {"null_pred": str(rng.choice(["wrong", "abstain"]))}
    if task != "binary" and rng.random() < 0.4:
        options["unknown"] = "count"
    if rng.random() < 0.3:
        options["score_layout"] = "signed"
    if rng.random() < 0.8:
        options["score_bins"] = int(rng.choice([268, 268, 1042]))
    if task == "multiclass" and rng.random() < 0.3:
        options["ovo"] = True
    if rng.random() < 0.2:
        options["losses"] = False
    if weights == "float":
        options["weight_quantum"] = 0.0625
    return options


@st.composite
def rows_with_scores(draw, **given):
    """Rows of any task under any options, and the rng that made them."""
    rng = draw(seeds)
    task = given.pop("task", None) or draw(tasks)
    weights = given.pop("weights", None) or draw(weighings)
    return made(rng, task, weights=weights, **{**random_options(rng, task, weights), **given}), rng
