"""Selection: which columns are truth and prediction, and what the messages say when they are not there."""

import pytest

from streamavg.count.selection import Chosen, Sides, choose, in_label_order, indicator_labels, listed
from streamavg.errors import InputError

COLUMNS = ["id", "label", "true_cat", "true_dog", "pred_dog", "pred_cat", "true_", "a.b", "axb"]


def test_a_name_is_a_name():
    assert choose("label", COLUMNS, "y_true") == Chosen(("label",), ())
    assert not choose("label", COLUMNS, "y_true").is_several
    assert choose("x*y", ["x*y", "x1y"], "y_true") == Chosen(("x*y",), ())


def test_several_names_are_indicators():
    assert choose(["true_dog", "true_cat"], COLUMNS, "y_true") == Chosen(("true_dog", "true_cat"), ())
    assert choose(["true_dog", "true_cat"], COLUMNS, "y_true").is_several


def test_a_star_stands_for_the_label():
    chosen = choose("true_*", COLUMNS, "y_true")
    assert chosen == Chosen(("true_cat", "true_dog", "true_"), ("cat", "dog", ""))
    assert choose("*_cat", COLUMNS, "y_true").stems == ("true", "pred")
    assert choose("a.*", COLUMNS, "y_true").stems == ("b",)
    assert choose("pred_do*", COLUMNS, "y_true").is_several


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("lable", ["'lable'", "did you mean 'label'?", "true_cat", "--y-true"]),
        ("zzz", ["'zzz'", "id, label"]),
        (["label", "nothing"], ["'nothing'"]),
        ([], ["empty"]),
        ("score_*", ["score_*", "id, label"]),
        ("a*b*", ["two stars"]),
    ],
)
def test_what_is_not_there(wanted, words):
    with pytest.raises(InputError) as error:
        choose(wanted, COLUMNS, "y_true")
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("wanted", ["x", ["x", "y"], "x*"])
def test_a_column_name_given_twice_in_the_data(wanted):
    with pytest.raises(InputError, match="2 columns named 'x'"):
        choose(wanted, ["x", "y", "x"], "y_true")


def test_a_long_list_is_cut():
    assert listed([str(k) for k in range(14)]).endswith("10, 11 and 2 more")
    assert listed([]) == "none"


def stems(*names):
    return Chosen(tuple(f"c_{name}" for name in names), names)


def ordered(true, pred, labels):
    sides = in_label_order(Sides(true, pred), labels)
    return sides.true, sides.pred


def test_both_sides_come_in_one_order():
    true, pred = ordered(stems("cat", "dog"), stems("dog", "cat"), None)
    assert true == stems("cat", "dog") == pred
    true, pred = ordered(stems("cat", "dog"), stems("dog", "cat"), ("dog", "cat"))
    assert true == stems("dog", "cat") == pred
    plain = Chosen(("label",), ())
    assert ordered(stems("cat", "dog"), plain, None) == (stems("cat", "dog"), plain)


def test_a_side_with_names_follows_the_declared_labels_whatever_the_other_side_is():
    """Else labels=["dog", "cat"] would call the column true_cat "dog"."""
    plain = Chosen(("label",), ())
    assert ordered(stems("cat", "dog"), plain, ("dog", "cat"))[0] == stems("dog", "cat")
    assert ordered(plain, stems("cat", "dog"), ("dog", "cat"))[1] == stems("dog", "cat")


def test_sides_that_name_different_labels_are_refused():
    with pytest.raises(InputError, match="bird, dog"):
        ordered(stems("cat", "dog"), stems("cat", "bird"), None)


def test_labels_of_indicators():
    assert indicator_labels([2, 2], (), None) == ("0", "1")
    assert indicator_labels([2], ("cat", "dog"), None) == ("cat", "dog")
    assert indicator_labels([2], ("cat", "dog"), ("x", "y")) == ("x", "y")
    with pytest.raises(InputError, match="2 indicators a row but y_pred has 3"):
        indicator_labels([2, 3], (), None)
    with pytest.raises(InputError, match="1 labels are declared but a row has 2"):
        indicator_labels([2, 2], (), ("x",))


def test_score_columns_follow_the_labels_too():
    none = Chosen((), ())
    assert in_label_order(Sides(none, none, stems("cat", "dog")), ("dog", "cat")).score == stems("dog", "cat")
    with pytest.raises(
        InputError, match=r"y_true and y_score columns name different labels: bird, dog on one side only"
    ):
        in_label_order(Sides(stems("cat", "dog"), none, stems("cat", "bird")), None)
