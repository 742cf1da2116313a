"""Labels: text is identity, whatever Python type carried it."""

import string
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import InputError
from streamavg.state.labels import all_integers, ascending, is_integer_text, label_text, public_labels
from tests import naive


class Colour(str, Enum):  # noqa: UP042 a StrEnum would print as its value
    RED = "red"


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63 - 1), st.booleans()))
def test_text_of_any_label(value):
    assert label_text(value) == naive.text_of(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (-0.0, "0"),
        (-(2.0**63), "-9223372036854775808"),
        (True, "1"),
        (b"caf\xc3\xa9", "café"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("", ""),
        (np.int8(-3), "-3"),
        (np.uint64(2**63 - 1), "9223372036854775807"),
        (np.float16(2.0), "2"),
        (np.bool_(False), "0"),
        (np.str_("x"), "x"),
        (Colour.RED, "red"),
    ],
)
def test_text_of_each_type(value, text):
    assert label_text(value) == text
    assert type(label_text(value)) is str


@pytest.mark.parametrize(
    "value",
    [0.5, float("inf"), float("nan"), 2.0**63, 2**63, -(2**63) - 1, np.uint64(2**63), b"\xff", "\ud800", None, [], 1j],
)
def test_what_is_no_label(value):
    with pytest.raises(InputError, match="label"):
        label_text(value)


@given(st.one_of(st.text("0123456789-+ ", max_size=5), st.integers().map(str), st.text(max_size=3)))
def test_integer_text_is_what_python_writes(text):
    try:
        canonical = str(int(text)) == text
    except ValueError:
        canonical = False
    assert is_integer_text(text) is canonical


def test_order_and_what_users_see():
    assert ascending(["10", "9", "-1"]) == ["-1", "9", "10"]
    assert ascending({"10", "9", "x"}) == ["10", "9", "x"]
    assert ascending(["Z", "a", "é", "B"]) == ["B", "Z", "a", "é"]
    assert public_labels(["2", "-1"]) == [2, -1]
    assert public_labels(["2", "01"]) == ["2", "01"]
    assert public_labels([]) == []
    assert all_integers(str(10**30))
    assert not all_integers(["1", ""])


@given(st.lists(st.text(string.ascii_letters + "é😀\x00", max_size=3), unique=True))
def test_text_ascends_as_its_utf8_bytes_do(labels):
    """DESIGN 2 sorts fingerprints by UTF-8 bytes, which is the order of code points."""
    assert ascending(labels) == sorted(labels, key=lambda label: label.encode())
