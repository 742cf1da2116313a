"""Numeric, Timed: names of columns whose values are not labels: numbers such as scores and weights, and times."""

from __future__ import annotations


class Numeric(str):
    """A column's name, for sources whose values do not tell what they are: in JSON the label 1 may be written 1.0."""

    __slots__ = ()


class Timed(str):
    """The name of a column of times: in JSON a text, or seconds since 1970, whose fraction no label may have."""

    __slots__ = ()
