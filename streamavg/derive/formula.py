"""Names whose operators build text, so that a metric's printed formula comes from running the metric itself."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

_SUM, _PRODUCT, _ATOM = 1, 2, 3


class Name:
    """A piece of formula text with the strength of its outermost operator.

    >>> tp, fp = Name("TP"), Name("FP")
    >>> str(2 * tp / (tp + fp))
    '2 * TP / (TP + FP)'
    """

    def __init__(self, text: str, strength: int = _ATOM) -> None:
        self.text, self.strength = text, strength

    def __str__(self) -> str:
        return self.text

    def _join(self, other: Any, sign: str, strength: int, swapped: bool = False) -> Name:
        left, right = _named(other) if swapped else self, self if swapped else _named(other)
        strict = strength + (sign in "-/")
        first = left.text if left.strength >= strength else f"({left.text})"
        second = right.text if right.strength >= strict else f"({right.text})"
        return Name(f"{first} {sign} {second}", strength)

    def __add__(self, other: Any) -> Name:
        return self._join(other, "+", _SUM)

    def __sub__(self, other: Any) -> Name:
        return self._join(other, "-", _SUM)

    def __mul__(self, other: Any) -> Name:
        return self._join(other, "*", _PRODUCT)

    def __rmul__(self, other: Any) -> Name:
        return self if other == 1 else self._join(other, "*", _PRODUCT, swapped=True)

    def __truediv__(self, other: Any) -> Name:
        return self._join(other, "/", _PRODUCT)


def _named(value: Any) -> Name:
    return value if isinstance(value, Name) else Name(f"{value:g}")


def sqrt(value: Any) -> Any:
    """The square root of a number, an array (also of Python ints) or a Name."""
    if isinstance(value, Name):
        return Name(f"sqrt({value})")
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return np.array([sqrt(x) for x in value], dtype=object)
        return np.sqrt(value.astype(np.float64))
    # of a Python int as a Fraction with 64 bits behind the point, so that a perfect square has its exact root
    return Fraction(math.isqrt(value << 128), 1 << 64) if isinstance(value, int) else math.sqrt(value)
