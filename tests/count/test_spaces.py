"""Spaces: what codes stand for."""

import numpy as np
import pyarrow as pa

from streamavg.count.spaces import Codes, IntSpace, ListSpace, roomy


def test_the_last_code_of_integers_and_lists_is_null():
    assert IntSpace(16).texts([0, 7, 14, 15]) == ["0", "7", "14", None]
    space = ListSpace(("a", "b", None), {}, pa.array(["a", "b"]))
    assert space.size == 3
    assert space.texts([2, 0, 1]) == [None, "a", "b"]


def test_spaces_are_equal_only_where_codes_mean_the_same():
    """The hot table is kept while the spaces of its columns are equal."""
    assert IntSpace(16) == IntSpace(16) != IntSpace(32)
    names = pa.array(["a"])
    assert ListSpace(("a", None), {}, names) != ListSpace(("a", None), {}, names)


def test_codes_repeat_and_are_cut():
    codes = Codes(np.array([3, 1, 2], np.uint8), 15, IntSpace(16))
    assert codes.is_plain_int
    assert not Codes(codes.values, 16, IntSpace(16)).is_plain_int
    assert codes.repeated(np.array([2, 0, 1])).values.tolist() == [3, 3, 2]
    assert codes.after(1).values.tolist() == [1, 2]
    assert codes.after(1).bound == codes.repeated(np.array([1, 1, 1])).bound == 15


def test_tables_have_room_to_grow():
    for needed in range(2, 5000):
        assert needed <= roomy(needed) <= needed * 1.2 + 32
