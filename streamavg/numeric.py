"""Numeric: the name of a column whose values are numbers, such as scores and weights, and not labels."""

from __future__ import annotations


class Numeric(str):
    """A column's name, for sources whose values do not tell what they are: in JSON the label 1 may be written 1.0."""

    __slots__ = ()
