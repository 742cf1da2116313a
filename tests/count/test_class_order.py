"""Class order: declared, in metadata, or by column names; what does not agree is refused, never guessed."""

import json

import pyarrow as pa
import pytest

from streamavg.count.class_order import class_order
from streamavg.count.selection import Chosen
from streamavg.errors import InputError

ONE = Chosen(("y_score",), ())
STARRED = Chosen(("score_cat", "score_dog"), ("cat", "dog"))
LISTED = Chosen(("p1", "p2"), ())


def field(labels=None, text=None):
    text = json.dumps(labels) if text is None else text
    return pa.field("y_score", pa.list_(pa.float32(), 2), metadata={b"labels": text, b"other": b"x"})


BARE = pa.field("y_score", pa.list_(pa.float32(), 2))


def refused(chosen, each, labels, width=2):
    with pytest.raises(InputError) as caught:
        class_order(chosen, each, labels, width)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_tells_the_order():
    assert class_order(ONE, BARE, ("b", "a"), 2) == ("b", "a")
    assert class_order(ONE, field(["b", "a"]), None, 2) == ("b", "a")
    assert class_order(ONE, field(["b", "a"]), ("b", "a"), 2) == ("b", "a")
    assert class_order(STARRED, None, None, 2) == ("cat", "dog")
    assert class_order(LISTED, None, ("x", "y"), 2) == ("x", "y")
    assert class_order(LISTED, field(["b", "a"]), ("x", "y"), 2) == ("x", "y")  # of the first column alone


def test_rows_without_scores_leave_the_number_open():
    """A first batch in which every list is null, or the column has no type, is as wide as the labels say."""
    assert class_order(ONE, BARE, ("b", "a", "c"), 0) == ("b", "a", "c")
    assert class_order(ONE, field(["b", "a"]), None, 0) == ("b", "a")
    assert class_order(ONE, field(["b", "a"]), ("b", "a"), 0) == ("b", "a")
    assert "has no scores a row, and nothing says which class" in refused(ONE, BARE, None, 0)
    assert "has 2 labels in its metadata but 3 are declared" in refused(ONE, field(["b", "a"]), ("b", "a", "c"), 0)
    assert "score 0 is for 'b' there, for 'a' here" in refused(ONE, field(["b", "a"]), ("a", "b"), 0)


def test_metadata_holds_labels_of_any_kind():
    assert class_order(ONE, field([3, "007", True, 2.0]), None, 4) == ("3", "007", "1", "2")
    assert class_order(ONE, field(["né", "\N{GRINNING FACE}"]), None, 2) == ("né", "\N{GRINNING FACE}")


def test_columns_with_names_keep_them_whatever_the_declared_order():
    assert class_order(STARRED, None, ("dog", "cat"), 2) == ("cat", "dog")
    message = refused(STARRED, None, ("dog", "cow"))
    assert "cat, dog, but other labels are declared: 'cat', 'cow' on one side only" in message


def test_without_an_order_the_message_tells_every_way_out():
    message = refused(ONE, BARE, None)
    assert "column 'y_score' has 2 scores a row, and nothing says which class each is for" in message
    for way in ("labels=[...]", "--labels FILE", "metadata", "score_<label>"):
        assert way in message
    assert "the columns p1, p2 have 2 scores a row, and nothing" in refused(LISTED, None, None)


def test_conflicts_name_both_sides():
    message = refused(ONE, field(["a", "b"]), ("b", "a"))
    assert "score 0 is for 'a' there, for 'b' here" in message
    assert "score 1 is for 'b' there, for 'c' here" in refused(ONE, field(["a", "b"]), ("a", "c"))
    assert "2 scores a row but 3 labels are declared" in refused(ONE, BARE, ("a", "b", "c"))
    assert "2 scores a row but its metadata names 1 labels" in refused(ONE, field(["a"]), None)


def test_a_label_is_named_once():
    assert "names the label 'a' twice" in refused(ONE, field(["a", "a"]), None)
    assert "names the label '1' twice" in refused(ONE, field([1, "1"]), None)
    assert "names the label 'x' twice" in refused(Chosen(("x", "x_"), ("x", "x")), None, None)


@pytest.mark.parametrize(
    "text",
    [b"", b"cat,dog", b'"cat"', b'{"cat": 0}', b"\xff\xfe\xfa", b"[" * 100_000, b"[1" + b"0" * 5000 + b"]", b"null"],
)
def test_metadata_that_is_no_list_is_refused(text):
    assert "the metadata 'labels' of column 'y_score' is no JSON list of labels" in refused(ONE, field(text=text), None)


@pytest.mark.parametrize("label", [None, 0.5, [1], float("nan"), "\ud800"])
def test_metadata_with_something_that_is_no_label_is_refused(label):
    assert "the metadata 'labels' of column 'y_score': label" in refused(ONE, field([label, "a"]), None)
