"""Lines of bars."""

from __future__ import annotations

import math

import pytest

from streamavg.live.sparkline import BARS, PLAIN, gauge, sparkline


def test_the_lowest_is_the_smallest_bar_and_the_highest_the_tallest():
    values = [0.3 + 0.1 * k for k in range(8)]
    assert sparkline(values) == BARS
    assert sparkline(values[::-1], plain=True) == PLAIN[::-1]


def test_nan_is_a_gap_and_nothing_is_nothing():
    assert sparkline([0.1, math.nan, 0.9]) == "▁ █"
    assert sparkline([math.nan] * 3) == "   "
    assert sparkline([]) == ""


@pytest.mark.parametrize("values", [[0.5] * 5, [0.5, 0.5001, 0.4999]])
def test_noise_does_not_look_like_a_fall(values):
    steps = [BARS.index(bar) for bar in sparkline(values)]
    assert max(steps) - min(steps) <= 1


@pytest.mark.parametrize(("value", "full"), [(0.0, 0), (1.0, 10), (0.5, 5), (2.0, 10), (-1.0, 0)])
def test_a_gauge_fills_with_the_value(value, full):
    assert gauge(value, 10) == "█" * full + "░" * (10 - full)
    assert gauge(value, 10, plain=True) == "#" * full + "." * (10 - full)


def test_a_gauge_of_nothing_is_blank():
    assert gauge(math.nan, 4) == "    "
