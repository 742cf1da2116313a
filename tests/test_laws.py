"""The laws: counting is a homomorphism from rows to a commutative group, whatever the cut, order, encoding or route.

Every law is checked by fingerprint, and against dictionaries counted row by row (tests/naive.py). Rows come with nulls,
unknown labels and every policy; states come from rows and from random trees of + and -.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import replace
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count import columns, kernels, single, small
from tests import naive, oracles, strategies
from tests.strategies import OFFERS, as_reader, pieces_of, plain_table, scaled

ZERO = sa.Snapshot()


def fold(case, stream, **options):
    """The snapshot after all tables of a stream, each offered in a random way."""
    acc = case.accumulator(**stream.options, **options)
    for k, table in enumerate(stream.tables):
        acc.update(OFFERS[k % len(OFFERS)](table))
    return acc.snapshot()


def assert_counted(snapshot, counted):
    """The snapshot holds exactly these counts, and pairs too where it still knows them."""
    held = naive.unpacked(snapshot)
    assert held.covered == counted.covered
    if held.pairs is not None:
        assert held.pairs == {pair: count for pair, count in counted.pairs.items() if count}


# ---- counting


@given(strategies.cases(), st.data())
def test_any_encoding_cut_and_offer_counts_the_same(case, data):
    snapshot = fold(case, data.draw(strategies.streams(case)))
    assert_counted(snapshot, case.naive())
    assert snapshot.fingerprint() == case.counted().fingerprint()


PATHS = st.fixed_dictionaries(
    {
        "PAIR_CELLS": st.sampled_from([0, 200, 1 << 19]),
        "WAYS": st.sampled_from([{}, {9: 4, 200: 2}, single.WAYS]),
        "BLOCK": st.sampled_from([1, 5, 2048]),
        "MOST_ROWS": st.sampled_from([9, 2**31 - 1]),
        "SMALL": st.sampled_from([0, 3, 512]),
        "DENSE": st.sampled_from([0, 4, 1 << 22]),
        "loops": st.sampled_from([small, kernels]).map(lambda module: lambda rows: module),
    }
)


@given(strategies.cases(), st.data(), PATHS, st.sampled_from(["auto", True, False]))
def test_every_path_of_the_counter_counts_the_same(case, data, path, confusion):
    """What chooses between tables, encodings and loops changes the speed, never a count."""
    stream = data.draw(strategies.streams(case))
    with ExitStack() as patches:
        for name, value in path.items():
            for module in (single, columns):
                if hasattr(module, name):
                    patches.enter_context(patch.object(module, name, value))
        snapshot = fold(case, stream, confusion=confusion)
    assert_counted(snapshot, case.naive())
    assert snapshot.fingerprint() == case.counted().fingerprint()


@given(strategies.cases(), st.lists(st.integers(0, 30), max_size=4), st.randoms(use_true_random=False))
def test_any_cut_and_any_order(case, cuts, rng):
    whole, parts = case.counted(), [case.counted(piece) for piece in pieces_of(case.rows, cuts)]
    assert sum(parts, ZERO) == whole
    acc = case.accumulator()
    shuffled = rng.sample(case.rows, len(case.rows))
    for piece in rng.sample(pieces_of(shuffled, cuts), len(cuts) + 1):
        acc.update(plain_table(piece, case.task))
    assert acc.snapshot() == whole


@given(strategies.cases())
def test_the_order_in_which_labels_are_met_is_nowhere_to_see(case):
    forward, backward = case.counted(), case.counted(case.rows[::-1])
    assert forward == backward
    assert forward.labels == backward.labels
    assert (forward.matrix == backward.matrix).all()


@given(strategies.cases(task="multiclass", max_rows=20, weighted=False), st.data())
def test_integers_and_their_text_are_one_label(case, data):
    """Truth as integers and prediction as text, or the other way round, wherever the labels are integers."""
    kinds = [strategies.plain_types([row[k] for row in case.rows]) for k in (0, 1)]
    arrays = [
        strategies.Form("plain", data.draw(st.sampled_from(kinds[k]))).encode(
            [row[k] for row in case.rows], random.Random(k)
        )
        for k in (0, 1)
    ]
    acc = case.accumulator()
    acc.update({"y_true": arrays[0], "y_pred": arrays[1]})
    assert acc.snapshot() == case.counted()


@given(strategies.cases(), st.data())
def test_a_reader_counts_like_a_table(case, data):
    stream = data.draw(strategies.streams(case))
    table_fed, reader_fed = (case.accumulator(**stream.options) for _ in range(2))
    for table in stream.tables:
        table_fed.update(table)
        reader_fed.update(as_reader(table))
    assert table_fed.snapshot() == reader_fed.snapshot()


@given(strategies.cases(), st.data())
def test_retract_takes_away_what_update_counted(case, data):
    stream = data.draw(strategies.streams(case))
    kept, gone = case.parts(data.draw, 1)[0], case.rows
    acc = case.accumulator(**stream.options)
    for table in stream.tables:
        acc.update(table)
    other = case.accumulator()
    other.update(plain_table(kept, case.task))
    acc.merge(other)
    for table in data.draw(st.permutations(stream.tables)):
        acc.retract(data.draw(st.sampled_from(OFFERS))(table))
    assert acc.snapshot() == case.counted(kept)
    assert_counted(case.counted(kept) - case.counted(gone), case.naive(kept).plus(case.naive(gone), -1))


@given(strategies.cases(task="multiclass", weighted=False), st.data())
def test_pairs_with_counts_equal_the_rows_they_stand_for(case, data):
    """update_pairs with each distinct pair in any encoding, doubled and zero entries included."""
    counts = naive.Counter(case.rows)
    entries = [(*row, n) for row, n in counts.items() if n > 1] + [(*row, 1) for row, n in counts.items() if n == 1]
    entries = [part for t, p, n in entries for part in ((t, p, n - n // 2), (t, p, n // 2))]
    truths, answers, numbers = ([entry[k] for entry in entries] for k in range(3))
    acc = case.accumulator()
    sides = [
        strategies.chunked(
            side, data.draw(strategies.forms(side)), data.draw(strategies.cuts), data.draw(strategies.rngs)
        )
        for side in (truths, answers)
    ]
    acc.update_pairs(*sides, pa.array(numbers, data.draw(st.sampled_from([pa.int8(), pa.int64(), pa.uint64()]))))
    assert_counted(acc.snapshot(), case.naive())
    assert acc.snapshot() == case.counted()


@given(strategies.cases(), st.data())
def test_a_snapshot_disturbs_nothing(case, data):
    stream = data.draw(strategies.streams(case))
    watched = case.accumulator(**stream.options)
    frozen = []
    for table in stream.tables:
        watched.update(table)
        snapshot = watched.snapshot()
        frozen.append((snapshot, snapshot.fingerprint(), snapshot.matrix.tolist(), dict(snapshot.skipped)))
        assert watched.snapshot() == snapshot
    assert watched.snapshot() == case.counted()
    for snapshot, fingerprint, matrix, skipped in frozen:
        assert (snapshot.fingerprint(), snapshot.matrix.tolist(), snapshot.skipped) == (fingerprint, matrix, skipped)
        assert sa.Snapshot(replace(snapshot.state)).fingerprint() == fingerprint  # not from the cache


# ---- conservation


@given(strategies.cases())
def test_sums_that_every_counted_state_keeps(case):
    snapshot = case.counted()
    tp, fp, fn, _tn = snapshot.matrix.T
    assert (snapshot.matrix >= 0).all()
    assert snapshot.seen == snapshot.rows + sum(snapshot.skipped.values()) == len(case.rows)
    assert (snapshot.matrix.sum(axis=1) == snapshot.rows).all()
    if case.task != "multilabel":
        tallies = snapshot.tallies
        assert set(tallies) <= {"unanswered", "other"}
        assert tp.sum() + fn.sum() == snapshot.rows
        assert tp.sum() + fp.sum() + tallies.get("unanswered", 0) + tallies.get("other", 0) == snapshot.rows
        snapshot.state.check_identities()


@given(strategies.cases(task="multilabel"))
def test_the_row_table_adds_up(case):
    snapshot = case.counted()
    if not case.options["samples"]:
        assert not snapshot.state.row_table.keys.size
        return
    table = naive.unpacked(snapshot).row_table
    tp, fp, fn, _ = snapshot.matrix.sum(axis=0)
    sums = [sum(count * key[k] for key, count in table.items()) for k in range(3)]
    assert sum(table.values()) == snapshot.rows
    assert sums == [tp, tp + fp + snapshot.tallies.get("other", 0), tp + fn]


# ---- the group


@given(strategies.cases(max_rows=12), st.data())
def test_group(case, data):
    a, b, c = (case.counted(part) for part in (case.rows, *case.parts(data.draw, 2)))
    oracles.assert_group(a, b, c)


@given(strategies.cases(max_rows=12), st.data())
def test_random_trees_of_sums_and_differences(case, data):
    leaves = [(case.counted(part), case.naive(part)) for part in (case.rows, *case.parts(data.draw, 5))]
    while len(leaves) > 1:
        left = leaves.pop(data.draw(st.integers(0, len(leaves) - 1)))
        right = leaves.pop(data.draw(st.integers(0, len(leaves) - 1)))
        if data.draw(st.booleans()):
            leaves.append((left[0] + right[0], left[1].plus(right[1])))
        else:
            leaves.append((left[0] - right[0], left[1].plus(right[1], -1)))
    assert_counted(*leaves[0])


@given(strategies.cases(max_rows=12), st.data())
def test_merge_is_addition(case, data):
    parts = [case.rows, *case.parts(data.draw, 2)]
    accumulators = [case.accumulator() for _ in parts]
    for acc, rows in zip(accumulators, parts, strict=True):
        acc.update(plain_table(rows, case.task))
    total = accumulators[0]
    total.merge(accumulators[1])
    total.merge(accumulators[2].snapshot())
    total.update(plain_table(parts[0], case.task))
    assert total.snapshot() == case.counted([row for part in (*parts, parts[0]) for row in part])
    assert accumulators[1].snapshot() == case.counted(parts[1])


# ---- the file

EARLIER = sa.from_confusion(["earlier"], [[1]])


@given(strategies.cases(max_rows=12), st.data())
def test_a_file_holds_the_state(tmp_path_factory, case, data):
    """Law 10: load(save(a)) is a, bit for bit, for differences too, over whatever was saved there before."""
    path = tmp_path_factory.getbasetemp() / "law.sav"
    parts = [case.counted(part) for part in (case.rows, *case.parts(data.draw, 2))]
    snapshot = data.draw(st.sampled_from([parts[0], parts[0] - parts[1], ZERO - parts[2], parts[0] + parts[1]]))
    EARLIER.save(path)
    snapshot.save(path)
    back = sa.load(path)
    assert back == snapshot
    assert (back.labels, back.matrix.tolist(), back.seen) == (snapshot.labels, snapshot.matrix.tolist(), snapshot.seen)
    assert naive.unpacked(back).pairs == naive.unpacked(snapshot).pairs
    assert back.state.config == snapshot.state.config
    assert back.to_bytes() == snapshot.to_bytes()
    assert back + parts[1] == snapshot + parts[1]
    assert sa.load(f"{path}.1") == EARLIER


@given(strategies.cases(max_rows=12), st.data())
def test_b15_saved_shards_add_up_in_any_order(tmp_path_factory, case, data):
    """Classes are matched by name, whatever order a shard met them in; any tree of sums is the same to the bit."""
    folder = tmp_path_factory.getbasetemp()
    shards = [case.counted(part) for part in pieces_of(case.rows, data.draw(strategies.cuts))]
    for k, shard in enumerate(shards):
        shard.save(folder / f"shard{k}.sav")
    loaded = [sa.load(folder / f"shard{k}.sav") for k in data.draw(st.permutations(range(len(shards))))]
    while len(loaded) > 1:
        one = loaded.pop(data.draw(st.integers(0, len(loaded) - 1)))
        loaded.append(loaded.pop(data.draw(st.integers(0, len(loaded) - 1))) + one)
    assert loaded[0] == case.counted()


# ---- failure


@scaled(3)
@given(strategies.cases(error=True, max_rows=10), st.data())
def test_a_policy_refuses_exactly_the_rows_it_names(case, data):
    stream = data.draw(strategies.streams(case))
    try:
        expected = case.naive()
    except naive.RefusedError:
        with pytest.raises(sa.InputError):
            fold(case, stream)
    else:
        assert_counted(fold(case, stream), expected)


def bad_tables(case):
    """Tables that cannot be counted after good rows of the same case: in their first batch, or only in a later one."""
    if case.task == "multilabel":
        half = pa.array([[0.5]], pa.list_(pa.float64()))
        fine = pa.array([[1.0]], pa.list_(pa.float64()))
    else:
        half, fine = pa.array([0.5]), pa.array([1.0])
    bad = pa.table({"y_true": half, "y_pred": half})
    late = pa.table({name: pa.chunked_array([fine, fine, half]) for name in ("y_true", "y_pred")})
    late_answer = pa.table({"y_true": pa.chunked_array([fine, fine]), "y_pred": pa.chunked_array([fine, half])})

    def breaking():
        yield from late.to_batches()[:2]
        raise OSError("the disk is gone")

    broken = pa.RecordBatchReader.from_batches(late.schema, breaking())
    missing = late.slice(0, 1).rename_columns(["y_true", "something"])
    return [bad, late, as_reader(late), late_answer, broken, missing, {"y_true": [1], "y_pred": []}, "no data", 7]


@given(strategies.cases(max_rows=8), st.booleans())
def test_a_failed_update_leaves_the_state_equal(case, retract):
    acc = case.accumulator()
    for rows in ([], case.rows):
        acc.update(plain_table(rows, case.task))
        before = acc.snapshot()
        for table in bad_tables(case):
            with pytest.raises((ValueError, OSError)):
                (acc.retract if retract else acc.update)(table)
            assert acc.snapshot() == before
    acc.update(plain_table(case.rows, case.task))
    assert acc.snapshot() == case.counted(case.rows * 2)


@given(strategies.cases(error=True, max_rows=20), st.data())
def test_a_refused_batch_leaves_what_came_before(case, data):
    """Policies that refuse act on whole updates: what was counted stays, the refused table leaves nothing."""
    acc, kept = case.accumulator(), []
    for rows in pieces_of(case.rows, data.draw(strategies.cuts)):
        offer = data.draw(st.sampled_from(OFFERS))
        form = plain_table(rows, case.task)
        single_rows = pa.concat_tables([form.slice(k, 1) for k in range(len(rows))]) if rows else form
        try:
            case.naive(rows)
        except naive.RefusedError:
            with pytest.raises(sa.InputError):
                acc.update(offer(single_rows))
        else:
            acc.update(offer(single_rows))
            kept += rows
        assert_counted(acc.snapshot(), case.naive(kept))


# ---- fingerprints


@scaled(3)
@given(strategies.cases(max_rows=6), st.data())
def test_fingerprints_are_equal_exactly_where_the_counts_are(case, data):
    other = data.draw(rows_near(case))
    same = case.naive().covered == case.naive(other).covered
    assert (case.counted() == case.counted(other)) is same


def rows_near(case):
    """The same rows with one changed, dropped or added: mostly another state, sometimes the same."""
    row = strategies.rows_of(case.alphabet, case.task, 2, case.weights)
    return st.builds(
        lambda k, more: case.rows[:k] + more + case.rows[k + 1 :], st.integers(0, max(len(case.rows) - 1, 0)), row
    )
