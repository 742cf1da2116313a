"""Config: which states may be added, and what an error says about those that may not."""

from dataclasses import replace

import pytest

from streamavg.errors import MismatchError
from streamavg.state.config import Config

MULTICLASS = Config(task="multiclass")
CLOSED = Config(task="multiclass", unknown="count", labels=("b", "a"))


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        (MULTICLASS, Config(task="multilabel"), ["task", "multiclass", "multilabel"]),
        (Config(task="binary", pos_label="1"), Config(task="binary", pos_label="yes"), ["pos_label", "'1'", "'yes'"]),
        (MULTICLASS, replace(MULTICLASS, null_pred="abstain"), ["null_pred", "wrong", "abstain"]),
        (MULTICLASS, CLOSED, ["unknown", "grow", "count", "labels"]),
        (CLOSED, replace(CLOSED, labels=("a", "c")), ["labels", "'b'", "'c'"]),
        (CLOSED, replace(CLOSED, unknown="error"), ["unknown", "count", "error"]),
        (Config(task="multilabel"), Config(task="multilabel", samples=False), ["samples", "True", "False"]),
        (
            replace(MULTICLASS, null_pred="error"),
            replace(MULTICLASS, null_pred="abstain", samples=False),
            ["null_pred", "error", "abstain", "samples"],
        ),
        (Config(null_pred="abstain"), MULTICLASS, ["null_pred"]),
    ],
)
def test_states_counted_differently_do_not_add_up(a, b, named):
    for left, right in ((a, b), (b, a)):
        with pytest.raises(MismatchError) as error:
            left.joined(right)
        assert all(word in str(error.value) for word in named)


def test_labels_of_a_sum():
    """Under "grow" equal lists are kept and others united, ascending; closed lists must hold the same labels."""
    declared = replace(MULTICLASS, labels=("9", "10"))
    assert declared.joined(declared).labels == ("9", "10")
    assert declared.joined(replace(MULTICLASS, labels=("8",))).labels == ("8", "9", "10")
    assert declared.joined(replace(MULTICLASS, labels=("x",))).labels == ("10", "9", "x")
    assert declared.joined(MULTICLASS).labels == ("9", "10")
    assert set(CLOSED.joined(replace(CLOSED, labels=("a", "b"))).labels) == {"a", "b"}


def test_a_state_without_a_task_takes_the_other_one():
    undecided, binary = Config(), Config(task="binary", pos_label="yes", labels=("no", "yes"))
    assert undecided.joined(binary) == binary == binary.joined(undecided)
    closed = replace(Config(), unknown="count", labels=("a", "b"))
    assert closed.joined(CLOSED).canonical() == CLOSED.canonical()
    assert undecided.joined(undecided) == undecided


def test_the_canonical_form_leaves_out_defaults_and_label_order():
    assert Config().canonical() == {}
    assert replace(MULTICLASS, labels=("a",)).canonical() == {"task": "multiclass"}
    assert CLOSED.canonical() == {"task": "multiclass", "unknown": "count", "labels": ["a", "b"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "multi"},
        {"unknown": "ignore"},
        {"null_pred": None},
        {"samples": "yes"},
        {"labels": (1, 2)},
        {"pos_label": 1},
    ],
)
def test_options_from_outside_are_checked(wrong):
    assert Config(task="binary", pos_label="1").checked()
    with pytest.raises(ValueError, match=r"is|wrong type"):
        replace(Config(), **wrong).checked()
