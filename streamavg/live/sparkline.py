"""Sparkline: a few values as one line of bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BARS, PLAIN = "▁▂▃▄▅▆▇█", "_.-~=+*#"
LEAST_SPAN = 0.02  # a smaller spread is drawn as small: noise in the third decimal must not look like a fall


def sparkline(values: Sequence[float], plain: bool = False) -> str:
    """A bar a value, from the lowest to the highest of them; a blank where a value is nan. plain: in ASCII.

    >>> sparkline([0.2, 0.4, float("nan"), 0.9])
    '▁▃ █'
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return " " * len(values)
    bars, middle = PLAIN if plain else BARS, (min(known) + max(known)) / 2
    span = max(max(known) - min(known), LEAST_SPAN)
    low = middle - span / 2
    steps = (" " if math.isnan(value) else bars[_step((value - low) / span, len(bars))] for value in values)
    return "".join(steps)


def _step(share: float, steps: int) -> int:
    return min(max(round(share * (steps - 1)), 0), steps - 1)


def gauge(value: float, width: int, plain: bool = False) -> str:
    """A value from 0 to 1 as a bar of so many columns; blank for nan."""
    if math.isnan(value):
        return " " * width
    full = round(min(max(value, 0.0), 1.0) * width)
    return ("#" if plain else "█") * full + ("." if plain else "░") * (width - full)
