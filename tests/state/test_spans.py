"""Lengths of time: what users write, the one way they are kept, and times to microseconds and back."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import InputError
from streamavg.state.spans import LEAST_START, MOST_START, microseconds, moment, public_key, window_size, window_text


@given(st.integers(1, 36500 * 86400 * 10**6))
def test_a_length_has_one_text(size):
    text = window_text(size)
    assert window_size(text) == size
    assert window_size(dt.timedelta(microseconds=size)) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1us", 1),
        ("500ms", 500_000),
        ("90s", 90 * 10**6),
        ("5m", 300 * 10**6),
        ("1 h", 3600 * 10**6),
        ("7d", 604800 * 10**6),
    ],
)
def test_lengths(text, size):
    assert window_size(text) == size


def test_the_same_length_is_written_alike():
    assert window_text(window_size("60m")) == window_text(window_size("3600s")) == "1h"


@pytest.mark.parametrize(
    "wrong", ["", "5", "m", "-5m", "1.5h", "0s", "99999d", "5 minutes", 5, None, dt.timedelta(0), "٥m"]
)
def test_what_is_no_length(wrong):
    with pytest.raises(InputError, match="give a length of time above 0,"):
        window_size(wrong)


@given(st.integers(LEAST_START, MOST_START - 1))
def test_moments(value):
    assert microseconds(moment(value)) == value
    assert microseconds(moment(value).replace(tzinfo=None)) == value
    assert public_key(("a", value), True) == ("a", moment(value))
    assert public_key(("a", None), True) == ("a", None)
    assert public_key(("a",), False) == ("a",)
    assert public_key((), True) == ()
