"""State: the group of all that was counted, its identities and its fingerprint."""

import copy
from dataclasses import FrozenInstanceError, replace
from itertools import combinations

import numpy as np
import pytest

from streamavg.errors import CountOverflowError, InputError, MismatchError
from streamavg.state.config import Config
from streamavg.state.counts import Counts
from streamavg.state.pairs import Pairs
from streamavg.state.state import State
from streamavg.state.tables import KeyTable

MOST = 2**63 - 1


def ints(*values):
    return np.array(values, np.int64)


def counts(**cells):
    return Counts.of(list(cells), np.array([*cells.values()], np.int64).reshape(-1, 3))


def table(**entries):
    keys = [int(key[1:]) for key in entries]
    return KeyTable.of(ints(*keys), ints(*entries.values()))


BASE = State(
    Config(task="multilabel"), counts(a=(5, 1, 2), b=(0, 2, 0)), 9, {"null_true": 2}, {"unanswered": 1}, table(k1=4)
)
CHANGED = {
    "a label": replace(BASE, counts=counts(c=(5, 1, 2), b=(0, 2, 0))),
    "one more label": replace(BASE, counts=counts(a=(5, 1, 2), b=(0, 2, 0), c=(0, 0, 1))),
    "a label less": replace(BASE, counts=counts(a=(5, 1, 2))),
    "TP": replace(BASE, counts=counts(a=(6, 1, 2), b=(0, 2, 0))),
    "FP and FN": replace(BASE, counts=counts(a=(5, 2, 1), b=(0, 2, 0))),
    "labels swapped": replace(BASE, counts=counts(b=(5, 1, 2), a=(0, 2, 0))),
    "a negative": replace(BASE, counts=counts(a=(5, -1, 2), b=(0, 2, 0))),
    "labels run together": replace(BASE, counts=counts(ab=(5, 1, 2))),
    "rows": replace(BASE, rows=10),
    "skipped": replace(BASE, skipped={"null_true": 3}),
    "another cause": replace(BASE, skipped={"null_pred": 2}),
    "no skipped": replace(BASE, skipped={}),
    "tallies": replace(BASE, tallies={"unanswered": 2}),
    "another tally": replace(BASE, tallies={"other": 1}),
    "skipped as tally": replace(BASE, skipped={}, tallies={"null_true": 2, "unanswered": 1}),
    "row table": replace(BASE, row_table=table(k1=5)),
    "row key": replace(BASE, row_table=table(k2=4)),
    "no row table": replace(BASE, row_table=KeyTable.zero()),
    "task": replace(BASE, config=Config(task="multiclass")),
    "null_pred": replace(BASE, config=replace(BASE.config, null_pred="abstain")),
    "samples": replace(BASE, config=replace(BASE.config, samples=False)),
    "unknown": replace(BASE, config=replace(BASE.config, unknown="count", labels=("a", "b"))),
    "closed labels": replace(BASE, config=replace(BASE.config, unknown="count", labels=("a", "b", "c"))),
    "empty": State(),
}


def test_every_change_of_what_is_covered_changes_the_fingerprint():
    states = {"base": BASE, **CHANGED}
    for (one, a), (other, b) in combinations(states.items(), 2):
        assert a.fingerprint != b.fingerprint, (one, other)
    assert all(state.fingerprint.startswith("sa1:") and len(state.fingerprint) == 68 for state in states.values())


def test_no_two_states_write_the_same_bytes():
    """Labels may hold any text, also one that looks like the counts and the label behind them."""
    cells = (1, 0, 0)
    written = ints(*cells).tobytes().decode()
    one = replace(BASE, counts=counts(**{"a": cells, f"b{written}c": cells}))
    other = replace(BASE, counts=counts(**{f"a{written}b": cells, "c": cells}))
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "same",
    [
        replace(BASE, pairs=None),
        replace(BASE, pairs=Pairs.of(("a",), ints(0), ints(0), ints(3))),
        replace(BASE, config=replace(BASE.config, labels=("b", "a"))),
        copy.deepcopy(BASE),
        BASE + State(Config(task="binary", pos_label="x")),
    ],
)
def test_hints_and_declared_labels_are_not_covered(same):
    assert same.fingerprint == BASE.fingerprint


def test_the_order_of_closed_labels_is_not_covered():
    a, b = (replace(BASE, config=replace(BASE.config, unknown="count", labels=tuple(order))) for order in ("ab", "ba"))
    assert a.fingerprint == b.fingerprint


def test_nothing_counted_is_the_zero_of_every_configuration():
    for config in (Config(task="binary", pos_label="x"), BASE.config, CHANGED["unknown"].config):
        empty = State(config)
        assert empty.is_empty
        assert empty.fingerprint == State().fingerprint
        assert (BASE + empty) is BASE
        assert (empty + BASE) is BASE
        assert (empty - BASE).rows == -9
        assert (empty - BASE).config == BASE.config
    assert (BASE - BASE).is_empty
    assert not State(skipped={"null_true": 1}).is_empty


def test_sums_refuse_to_leave_int64():
    most = State(Config(task="multiclass"), counts(a=(MOST, 0, 0)), MOST)
    one = State(Config(task="multiclass"), counts(b=(1, 0, 0)), 1)
    skipped = State(Config(task="multiclass"), skipped={"null_true": MOST})
    for a, b in ((most, one), (most, most), (skipped, one), (skipped, skipped), (most, skipped)):
        with pytest.raises(CountOverflowError):
            a + b
    negative = State() - most - one  # -2**63 rows
    for a, b in ((negative, one), (State(), negative)):
        with pytest.raises(CountOverflowError):
            a - b
    assert (most - one).rows == MOST - 1


def test_lost_pairs_stay_lost():
    known = State(Config(task="multiclass"), counts(a=(1, 0, 0)), 1, pairs=Pairs.of(("a",), ints(0), ints(0), ints(1)))
    lost = known.without_pairs()
    assert (known + known).pairs.table.counts.tolist() == [2]
    for total in (known + lost, lost + known, known - lost, lost - known, (lost + known) - lost):
        assert total.pairs is None
    assert known.fingerprint == lost.fingerprint


def test_a_binary_state_holds_two_labels():
    config = Config(task="binary", pos_label="1")
    zero_one, other = (State(config, counts(**{label: (1, 0, 0)}), 1) for label in ("0", "2"))
    assert (zero_one + zero_one).rows == 2
    with pytest.raises(InputError, match=r"two labels.*'0', '1', '2'"):
        zero_one + other


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (State(Config(task="multiclass"), counts(a=(1, 0, 1), b=(0, 1, 0)), 3), "TP .* FN"),
        (State(Config(task="multiclass"), counts(a=(1, 0, 1)), 2), "unanswered"),
        (State(Config(task="binary", pos_label="a"), counts(a=(1, 0, 1)), 2, tallies={"other": 2}), "other"),
    ],
)
def test_identities_of_one_label_a_row(state, named):
    with pytest.raises(MismatchError, match=named):
        state.check_identities()
    replace(state, config=Config(task="multilabel")).check_identities()


def test_identities_hold_beyond_int64():
    most = State(Config(task="multiclass"), counts(a=(0, 0, MOST), b=(0, MOST, 0)), MOST)
    most.check_identities()
    with pytest.raises(MismatchError):
        replace(most, counts=counts(a=(0, 0, MOST), b=(0, MOST, 0), c=(2, 0, MOST), d=(0, 2**62, 0))).check_identities()


def test_order_of_labels():
    def order(declared, counted):
        cells = dict.fromkeys(counted, (1, 0, 0))
        return State(Config(task="multiclass", labels=declared), counts(**cells)).order

    assert order(("z", "b"), ["a", "b", "y"]) == ("z", "b", "a", "y")
    assert order(("10",), ["9", "100", "20"]) == ("10", "9", "20", "100")
    assert order((), ["9", "100", "x"]) == ("100", "9", "x")
    assert order((), []) == ()


def test_cells_follow_the_order():
    state = replace(BASE, config=replace(BASE.config, labels=("z", "b")))
    assert state.order == ("z", "b", "a")
    assert state.cells.tolist() == [[0, 0, 0], [0, 2, 0], [5, 1, 2]]


def test_the_first_negative_is_named():
    def named(state):
        found = state.first_negative
        return found() if callable(found) else found

    assert named(BASE) is None
    assert "'a'" in named(CHANGED["a negative"])
    assert "rows" in named(State(rows=-1))
    assert named(replace(BASE, rows=7)) is not None  # TN of "a" is 7 - 5 - 1 - 2
    assert "null_true" in named(replace(BASE, skipped={"null_true": -1}))
    assert "other" in named(replace(BASE, tallies={"other": -1}))
    assert "row size" in named(replace(BASE, row_table=table(k1=-1)))


def test_size_depends_on_labels_and_never_on_rows():
    small, big = (State(Config(task="multiclass"), counts(a=(n, 0, 0)), n) for n in (1, MOST))
    assert small.size == big.size < BASE.size


def test_a_state_never_changes():
    with pytest.raises(FrozenInstanceError):
        BASE.rows = 7
    with pytest.raises(ValueError, match="read-only"):
        BASE.counts.cells[0, 0] = 7
