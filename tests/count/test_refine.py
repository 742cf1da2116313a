"""Gathering the scores of wanted slots: the same as numpy's unique over all of them."""

from __future__ import annotations

import threading
import tracemalloc

import numpy as np
import pytest

from streamavg.count.refine import ENTRY, WEIGHTED_ENTRY, Distinct, Refiner, ranks_of
from streamavg.errors import InputError
from streamavg.state.layout import Layout
from tests.count.scores import scores

UNIT, SIGNED = Layout("unit", 268), Layout("signed", 268)


def expected(values, weights, true, inside):
    """Distinct scores with the weight of positives and negatives."""
    found = {}
    for value, weight, positive in zip(values[inside].tolist(), weights[inside], true[inside], strict=True):
        found.setdefault(value + 0.0, [0, 0])[0 if positive else 1] += int(weight)
    return [(value, *found[value]) for value in sorted(found)]


def rows_of(ranks):
    return [*zip(ranks.scores.tolist(), ranks.positive.tolist(), ranks.negative.tolist(), strict=True)]


@pytest.mark.parametrize("layout", [UNIT, SIGNED], ids=lambda layout: layout.name)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_distinct_scores_with_their_counts(layout, kind, weighted, several):
    rng = np.random.default_rng(0)
    values = scores(rng, (500, 3), kind, layout.family)
    true = rng.random((500, 3)) < 0.4 if several else rng.integers(-1, 3, 500)
    units = rng.integers(0, 5, 500) if weighted else None
    wanted, codes = rng.random((4, layout.slots)) < 0.5, [2, 0, 3]
    refiner = Refiner(layout, wanted, kind != np.float64, 2000)
    for part in np.array_split(np.arange(500), 7):
        refiner.count(values[part], true[part], None if units is None else units[part], codes)
    assert [len(side.scores) for side in refiner.of_class(1)] == [0, 0]
    for column, code in enumerate(codes):
        is_true = true[:, column] if several else true == column
        slots = layout.slots_of(values[:, column].astype(np.float64))
        weights = np.ones(500, int) if units is None else units
        found = ranks_of(*([side] for side in refiner.of_class(code)))
        assert rows_of(found) == expected(values[:, column], weights, is_true, wanted[code][slots])
        assert rows_of(found), "something was wanted"


def test_slots_at_the_edges_of_wide_and_narrow_scores():
    """A float64 score belongs to the slot of the float32 that it rounds to, above and below every edge."""
    for layout in (UNIT, SIGNED):
        low, high = layout.edges(narrow=False)
        for edge, narrow in ((low, False), (high, False), (layout.edges(narrow=True)[0], True)):
            for slot in (0, 1, layout.slots // 2, layout.slots - 1):
                wanted = np.zeros((1, layout.slots), bool)
                wanted[0, slot] = True
                refiner = Refiner(layout, wanted, narrow, 10)
                refiner.count(edge[:, None], np.zeros(len(edge), int), None, [0])
                assert refiner.of_class(0)[0].scores.tolist() == [edge[slot]]
        wanted = np.ones((1, layout.slots), bool)
        refiner = Refiner(layout, wanted, False, 10**6)
        refiner.count(layout.edges(narrow=True)[1].astype(np.float32)[:, None], np.zeros(layout.slots, int), None, [0])
        assert len(refiner.of_class(0)[0].scores) == layout.slots


def test_equal_scores_of_several_types_are_one():
    refiner = Refiner(UNIT, np.ones((1, UNIT.slots), bool), False, 10)
    for kind in (np.float64, np.float32, np.float16):
        refiner.count(np.array([[0.5], [0.0], [-0.0]], kind), np.array([0, 1, 1]), None, [0])
    positives, negatives = refiner.of_class(0)
    assert [positives.scores.tolist(), positives.counts.tolist()] == [[0.5], [3]]
    assert [negatives.scores.tolist(), negatives.counts.tolist()] == [[0.0], [6]]


def test_too_many_distinct_scores_are_refused():
    refiner = Refiner(UNIT, np.ones((1, UNIT.slots), bool), False, 50)
    for _ in range(3):
        refiner.count(np.full((1000, 1), 0.5), np.arange(1000) % 2, None, [0])
    assert [side.counts.tolist() for side in refiner.of_class(0)] == [[1500], [1500]]
    with pytest.raises(InputError, match="more than 50 distinct scores"):
        refiner.count(np.linspace(0, 0.9, 60)[:, None], np.zeros(60, int), None, [0])


def test_several_threads_fill_one():
    rng = np.random.default_rng(1)
    values, true = rng.integers(0, 90, (4000, 2)) / np.float32(90), rng.integers(0, 2, 4000)
    refiner = Refiner(UNIT, np.ones((2, UNIT.slots), bool), True, 400)

    def count(part):
        for each in np.array_split(part, 40):
            refiner.count(values[each], true[each], None, [0, 1])

    threads = [threading.Thread(target=count, args=(part,)) for part in np.array_split(np.arange(4000), 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for code in (0, 1):
        found = ranks_of(*([side] for side in refiner.of_class(code)))
        assert rows_of(found) == expected(values[:, code], np.ones(4000, int), true == code, np.ones(4000, bool))


@pytest.mark.parametrize("weighted", [False, True])
def test_it_takes_no_more_memory_than_it_says(weighted):
    rng = np.random.default_rng(2)
    rows = 1 << 18
    refiner = Refiner(UNIT, np.ones((1, UNIT.slots), bool), False, 16 * rows)
    tracemalloc.start()
    try:
        for _ in range(16):
            refiner.count(rng.random((rows, 1)), np.ones(rows, int), np.ones(rows, int) if weighted else None, [0])
        tracemalloc.reset_peak()
        assert len(refiner.of_class(0)[1].scores) > 15.9 * rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.5 < peak / 16 / rows / (WEIGHTED_ENTRY if weighted else ENTRY) <= 1


def test_ranks_of_several_classes():
    a = Distinct(np.array([0.1, 0.2]), np.array([1, 2]))
    b = Distinct(np.array([0.2, 0.3], np.float32).astype(float), np.array([4, 8]))
    none = Distinct(np.empty(0), np.empty(0, np.int64))
    found = ranks_of([a, none], [a, b])
    assert rows_of(found) == [(0.1, 1, 1), (0.2, 2, 2), (float(np.float32(0.2)), 0, 4), (float(np.float32(0.3)), 0, 8)]
    assert rows_of(ranks_of([none], [none])) == []
