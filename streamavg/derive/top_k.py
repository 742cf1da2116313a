"""Top-k accuracy from how many classes scored above the true one, and how many scored like it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.interval import UNDEFINED, Interval, between
from streamavg.errors import InputError
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from streamavg.state.tables import Ints


def top_k_accuracy(greater: Ints, equal: Ints, count: Ints, k: int, rows: int | None = None) -> Interval:
    """The share of rows whose true class is among the k best: expected under random breaking of ties, between the
    share with every tie lost and with every tie won.

    Entry i: `count` rows in which so many classes scored `greater`, and so many others `equal`. `rows` is the whole if
    some rows have no scores (these count as wrong). Undefined without rows; InputError unless k is at least 1.

    >>> rows = np.array([[0, 0, 1], [1, 1, 1], [1, 2, 1]])
    >>> top_k_accuracy(*rows.T, 2).estimate == (1 + 1 / 2 + 1 / 3) / 3
    True
    """
    if k < 1:
        raise InputError(f"k is {k!r}; the k of top-k accuracy must be at least 1")
    whole = exact_sum(count) if rows is None else rows
    if not whole:
        return UNDEFINED
    places = equal + 1
    chance = np.clip(k - greater, 0, places)
    lost, won = (exact_sum(count[hit]) / whole for hit in (chance == places, chance > 0))
    expected = math.fsum((c * h / p for c, h, p in zip(count.tolist(), chance.tolist(), places.tolist(), strict=True)))
    return between(lost, min(max(expected / whole, lost), won), won, "ties")
