"""The formulas that users read, evaluated as Python on random counts, give the values that users get."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive.catalogue import METRICS, find
from streamavg.derive.formula import Name
from tests.oracles import ORACLES, WHOLE

BY_CLASS = [name for name in METRICS if name in ORACLES and name not in WHOLE]
COUNT = st.integers(1, 9) | st.integers(1, 10**9)


def evaluated(formula, **names):
    return eval(formula, {"__builtins__": {}, "sqrt": math.sqrt, "sum": sum}, names)


@settings(deadline=None)
@given(st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_formulas_of_one_class(cells):
    tp, fp, fn, _ = cells
    snap = sa.from_counts(["x"], [tp], [fp], [fn], rows=sum(cells))
    names = dict(zip(("TP", "FP", "FN", "TN"), map(Fraction, cells), strict=True))
    for name in [*BY_CLASS, *("f3", "f0.25")]:
        assert snap[f"{name}_macro"] == pytest.approx(float(evaluated(find(name)[0].formula, **names)), abs=1e-14), name


@settings(deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(0, 9))
def test_formulas_of_the_whole_table(size, seed, unanswered, other):
    """n, c, s, p, u, o from the rows that were counted; the two formulas in words are spelled out below."""
    matrix = np.random.default_rng(seed).integers(0, 30, (size, size))
    names = [f"c{k}" for k in range(size)]
    rows = [(t, p, int(n)) for (t, p), n in zip(((t, p) for t in names for p in names), matrix.ravel(), strict=True)]
    rows += [(names[0], None, unanswered), (names[-1], "elsewhere", other)]
    acc = sa.Accumulator(labels=names, unknown="count")
    acc.update_pairs(*zip(*rows, strict=True))
    snap = acc.snapshot()
    diagonal = np.diagonal(matrix)
    s, p = matrix.sum(axis=1), matrix.sum(axis=0)
    s[0] += unanswered
    s[-1] += other
    known = {"n": int(matrix.sum()) + unanswered + other, "c": int(diagonal.sum()), "u": unanswered, "o": other}
    known |= {"L": size, "TP": diagonal.astype(object), "s": s.astype(object), "p": p.astype(object)}
    for name in WHOLE:
        if name in ("hamming_loss", "f1_of_macro", "coverage", "balanced_accuracy"):
            continue
        try:
            expected = float(evaluated(METRICS[name].formula, **known))
        except ZeroDivisionError:
            expected = 0.0 if name == "matthews_corrcoef" else math.nan
        assert snap[name] == pytest.approx(expected, abs=1e-14, nan_ok=True), name
    # mean(TP / s, over s > 0)
    inside, condition = re.fullmatch(r"mean\((.*), over (.*)\)", METRICS["balanced_accuracy"].formula).groups()
    cells = [{"TP": a, "s": b} for a, b in zip(diagonal.tolist(), s.tolist(), strict=True)]
    values = [evaluated(inside, **each) for each in cells if evaluated(condition, **each)]
    expected = sum(values) / len(values) if values else math.nan
    assert snap["balanced_accuracy"] == pytest.approx(expected, abs=1e-14, nan_ok=True)
    # (n - u) / (n + rows without an answer that were skipped)
    formula = METRICS["coverage"].formula.replace("rows without an answer that were skipped", "0")
    if known["n"]:
        assert snap["coverage"] == pytest.approx(evaluated(formula, **known), abs=1e-14)
    macro = {name: snap[name] for name in ("precision_macro", "recall_macro")}
    if sum(macro.values()) > 0:
        assert snap["f1_of_macro"] == pytest.approx(evaluated(METRICS["f1_of_macro"].formula, **macro), abs=1e-14)


def test_formula_of_hamming_loss():
    snap = sa.from_counts(["a", "b", "c"], [1, 2, 3], [4, 0, 1], [2, 5, 0], rows=11)
    names = {"FP": np.array([4, 0, 1]), "FN": np.array([2, 5, 0]), "n": 11, "L": 3}
    assert snap["hamming_loss"] == pytest.approx(float(evaluated(METRICS["hamming_loss"].formula, **names)), abs=1e-15)


def test_formulas_read_well():
    """A few as they should be printed; people check these against a textbook."""
    expected = {
        "precision": "TP / (TP + FP)",
        "f1": "2 * TP / (2 * TP + FP + FN)",
        "f0.5": "1.25 * TP / (1.25 * TP + FP + 0.25 * FN)",
        "specificity": "TN / (TN + FP)",
        "jaccard": "TP / (TP + FP + FN)",
        "informedness": "(TP * TN - FP * FN) / ((TP + FN) * (FP + TN))",
    }
    assert {name: METRICS[name].formula for name in expected} == expected


NAMES = {"a": 7, "b": 3, "c": 2}
TREES = st.recursive(
    st.sampled_from(sorted(NAMES)),
    lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(TREES)
def test_names_put_parentheses_where_python_needs_them(tree):
    """Any expression of names prints as text that evaluates to the same value."""

    def built(node, leaf):
        if isinstance(node, str):
            return leaf(node)
        sign, left, right = node
        left, right = built(left, leaf), built(right, leaf)
        return {"+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__"}[sign], left, right

    def applied(node):
        if isinstance(node, tuple):
            operator, left, right = node
            left, right = applied(left), applied(right)
            return getattr(left, operator)(right)
        return node

    fractions = {name: Fraction(value) for name, value in NAMES.items()}
    try:
        expected = applied(built(tree, fractions.__getitem__))
    except ZeroDivisionError:
        return
    text = str(applied(built(tree, Name)))
    assert evaluated(text, **fractions) == expected, text


def test_numbers_join_names():
    a = Name("a")
    assert list(map(str, (2 * a, 1 * a, 0.25 * a, a * 3, a / 2))) == ["2 * a", "a", "0.25 * a", "a * 3", "a / 2"]
