"""Limits: too many labels, and what a binary task may hold."""

import pytest

from streamavg.count.limits import Limits
from streamavg.errors import InputError
from streamavg.state.config import Config

MULTICLASS = Config(task="multiclass")
BINARY = Config(task="binary", pos_label="1")


def test_labels_beyond_the_limit_are_refused():
    Limits(max_labels=3).check(3, None, MULTICLASS)
    with pytest.raises(InputError, match=r"4 labels, but max_labels is 3.*--max-labels"):
        Limits(max_labels=3).check(4, None, MULTICLASS)


@pytest.mark.parametrize("met", [[], ["0"], ["1"], ["0", "1"]])
def test_zero_and_one_need_no_positive_label(met):
    Limits().check(len(met), lambda: met, BINARY)


@pytest.mark.parametrize("met", [["no", "yes"], ["1", "2"], ["yes"]])
def test_other_labels_need_a_positive_label(met):
    with pytest.raises(InputError, match="pos_label"):
        Limits().check(len(met), lambda: met, BINARY)
    given = Config(task="binary", pos_label=met[-1])
    Limits(pos_label_given=True).check(len(met), lambda: met, given)


@pytest.mark.parametrize(
    ("met", "config"),
    [
        (["0", "1", "2"], BINARY),
        (["0"], Config(task="binary", pos_label="1", labels=("1", "2"))),
    ],
)
def test_a_third_label_is_refused(met, config):
    with pytest.raises(InputError, match="two labels"):
        Limits(pos_label_given=True).check(len(met), lambda: met, config)


def test_a_positive_label_that_was_not_met_is_named_with_those_that_were():
    with pytest.raises(InputError, match="pos_label 'yes' is none of the labels 'maybe', 'no'"):
        Limits(pos_label_given=True).check(2, lambda: ["no", "maybe"], Config(task="binary", pos_label="yes"))
