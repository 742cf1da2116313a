"""Intervals: their means run end by end, and what is undefined stays out of them."""

from __future__ import annotations

import math

import pytest

from streamavg.derive.interval import UNDEFINED, Interval, between, exact, mean


def test_kinds():
    assert exact(math.nan) == UNDEFINED or not exact(math.nan).defined
    assert exact(0.25) == Interval(0.25, 0.25, 0.25, "exact")
    assert between(0.1, 0.2, 0.4).width == pytest.approx(0.3)
    assert between(0.3, 0.3, 0.3).method == "exact"


def test_mean_runs_end_by_end():
    found = mean([between(0.0, 0.5, 1.0), exact(0.5), UNDEFINED])
    assert found == Interval(0.25, 0.5, 0.75, "bins")


def test_weights_of_undefined_terms_leave_with_them():
    assert mean([exact(0.25), UNDEFINED, exact(0.75)], [3, 100, 1]).estimate == 0.375
    assert not mean([UNDEFINED], [2]).defined
    assert not mean([exact(0.5)], [0]).defined
    assert not mean([]).defined


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="zip"):
        mean([exact(0.5)], [1, 2])
