"""Row terms: their means are the metrics of scikit-learn, or what their definition says of every single row."""

import math
import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from streamavg.count.indicators import from_columns
from streamavg.count.row_terms import (
    CAUSES,
    add_to_bands,
    brier_terms,
    confidences,
    counts_above,
    label_ranks,
    log_losses,
    truth_of,
    wrong_scores,
)
from streamavg.errors import InputError
from tests import naive
from tests.count.scores import DTYPES, FLOATS, block_of, dtypes, floats, scores, seeds, special

classes = st.sampled_from([2, 3, 10, 100])


def softmax(rng, rows, width, kind):
    raw = np.exp(rng.normal(size=(rows, width)))
    return (raw / raw.sum(axis=1, keepdims=True)).astype(kind)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("family", ["unit", "signed"])
def test_wrong_scores_have_a_cause(kind, family):
    values = special(kind, "wild")
    missing = np.arange(len(values)) % 3 == 0
    named = [CAUSES[cause] for cause in wrong_scores(block_of(values, missing), family)]
    for score, cause, gone in zip(values.astype(float), named, missing, strict=True):
        if gone:
            expected = ""
        elif math.isnan(score):
            expected = "nan"
        elif math.isinf(score):
            expected = "infinite"
        elif family == "signed" or 0 <= score <= 1:
            expected = ""
        else:
            expected = "below 0" if score < 0 else "above 1"
        assert cause == expected, score


def test_the_first_wrong_score_of_a_row_names_the_cause():
    values = np.array([[0.5, 2, np.nan], [np.nan, -1, 2], [0.5, 0.5, -0.0], [-np.inf, 2, 2]], np.float32)
    assert [CAUSES[cause] for cause in wrong_scores(block_of(values), "unit")] == ["above 1", "nan", "", "infinite"]


def test_a_float64_just_above_one_is_not_rounded_first():
    values = np.array([1 + 2**-52, 1, -5e-324])
    assert wrong_scores(block_of(values), "unit").tolist() == [3, 0, 2]


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_every_small_integer_is_a_score_but_no_probability(kind):
    block = block_of(np.array([0, 1, -1, 127]).astype(kind))
    assert not wrong_scores(block, "unit").any()
    for terms in (log_losses, brier_terms):
        with pytest.raises(InputError, match="int8 are no probabilities"):
            terms(block, np.zeros(4, np.int64))


@given(seeds, st.integers(2, 40), classes, dtypes)
def test_counts_above_give_top_k_accuracy_in_the_mean_over_ties(rng, rows, width, kind):
    values, true = scores(rng, (rows, width), kind), rng.integers(0, width, rows)
    greater, equal = counts_above(block_of(values), true)
    wide = values.astype(float)
    own = wide[np.arange(rows), true][:, None]
    assert greater.tolist() == (wide > own).sum(axis=1).tolist()
    assert equal.tolist() == ((wide == own).sum(axis=1) - 1).tolist()
    assert [each.tolist() for each in counts_above(block_of(values), np.full(rows, -1))] == [[-1] * rows] * 2


@given(seeds, st.integers(2, 40), classes, floats)
def test_log_loss_of_classes(rng, rows, width, kind):
    values, true = softmax(rng, rows, width, kind), rng.integers(0, width, rows)
    losses, zeros = log_losses(block_of(values), true)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rounded rows do not sum to one
        expected = metrics.log_loss(true, values.astype(np.float64), labels=range(width))
    assert losses.mean() == pytest.approx(expected, rel=1e-12)
    assert not zeros.any()
    weight = rng.random(rows)
    assert np.average(losses, weights=weight) == pytest.approx(
        np.average(-np.log(values[np.arange(rows), true].astype(np.float64)), weights=weight), rel=1e-12
    )


@given(seeds, st.integers(2, 60), floats)
def test_binary_log_loss(rng, rows, kind):
    values, truth = rng.uniform(0.01, 0.99, rows).astype(kind), rng.random(rows) < 0.3
    truth[:2] = False, True
    for form in (truth, truth.astype(np.int64), truth.reshape(-1, 1)):
        losses, zeros = log_losses(block_of(values), form)
        assert losses.mean() == pytest.approx(metrics.log_loss(truth, values.astype(np.float64)), rel=1e-12)
        assert not zeros.any()


@given(seeds, st.integers(1, 20), st.sampled_from([1, 2, 5, 60]), floats)
def test_log_loss_of_labels_is_the_mean_of_binary_ones(rng, rows, width, kind):
    values, truth = scores(rng, (rows, width), kind, "unit"), rng.random((rows, width)) < 0.3
    losses, zeros = log_losses(block_of(values), truth)
    single = [log_losses(block_of(part), held) for part, held in zip(values.T, truth.T, strict=True)]
    assert losses == pytest.approx(np.mean([each for each, _ in single], axis=0), rel=1e-12, abs=1e-12)
    assert zeros.tolist() == np.sum([each for _, each in single], axis=0).tolist()


def test_what_is_true_and_has_no_probability_is_counted_apart():
    values = np.array([0, 1, 1, 0, -0.0], np.float32)
    losses, zeros = log_losses(block_of(values), np.array([1, 0, 1, 0, 1]))
    assert (losses.tolist(), zeros.tolist()) == ([0.0] * 5, [1, 1, 0, 0, 1])
    losses, zeros = log_losses(block_of(np.array([[0, 1], [0.5, 0.5], [0.5, 0.5]])), np.array([0, 1, 7]))
    assert (losses.tolist(), zeros.tolist()) == ([0.0, math.log(2), 0.0], [1, 0, 0])


def test_small_probabilities_keep_their_digits():
    values = np.array([1e-300, 5e-324, 1e-17, 2**-53, 1e-8])
    missed, _ = log_losses(block_of(values), np.zeros(5, bool))
    assert missed == pytest.approx(-np.log1p(-values), rel=1e-15, abs=0)
    hit, _ = log_losses(block_of(values), np.ones(5, bool))
    assert hit == pytest.approx([naive.loss_of(p, 1) for p in values], rel=4e-16, abs=0)


@given(seeds, st.integers(2, 40), classes, floats)
def test_brier_of_classes(rng, rows, width, kind):
    values, true = softmax(rng, rows, width, kind), rng.integers(0, width, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = values.astype(np.float64)
        expected = metrics.brier_score_loss(true, exact / exact.sum(axis=1, keepdims=True), labels=range(width))
    terms = brier_terms(block_of(exact / exact.sum(axis=1, keepdims=True)), true)
    assert terms.mean() == pytest.approx(expected, rel=1e-12)
    y = np.eye(width)[true]
    assert brier_terms(block_of(values), true) == pytest.approx(
        ((y - exact) ** 2).sum(axis=1) * (0.5 if width == 2 else 1), rel=1e-12
    )


@given(seeds, st.integers(2, 60), floats)
def test_binary_brier(rng, rows, kind):
    values, truth = scores(rng, (rows,), kind, "unit"), rng.random(rows) < 0.3
    truth[:2] = False, True
    terms = brier_terms(block_of(values), truth)
    assert terms.mean() == pytest.approx(metrics.brier_score_loss(truth, values.astype(np.float64)), rel=1e-12)
    assert terms.tolist() == brier_terms(block_of(values), truth.astype(np.int64)).tolist()


@given(seeds, st.integers(1, 20), st.sampled_from([2, 5, 60]), floats)
def test_brier_of_labels_is_the_mean_of_binary_ones(rng, rows, width, kind):
    values, truth = scores(rng, (rows, width), kind, "unit"), rng.random((rows, width)) < 0.3
    expected = ((truth - values.astype(np.float64)) ** 2).mean(axis=1)
    assert brier_terms(block_of(values), truth) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(seeds, st.integers(2, 30), st.sampled_from([2, 3, 20]), dtypes, st.sampled_from([0, 0.1, 0.5, 1]))
def test_label_ranks_are_those_of_scikit_learn(rng, rows, width, kind, share):
    values, truth = scores(rng, (rows, width), kind), rng.random((rows, width)) < share
    truth[0], truth[1, 0] = True, False
    found, wide = label_ranks(block_of(values), truth), values.astype(np.float64)
    for terms, metric in (
        (found.precision, metrics.label_ranking_average_precision_score),
        (found.coverage, metrics.coverage_error),
        (found.loss, metrics.label_ranking_loss),
    ):
        weight = rng.random(rows) + 0.1
        with np.errstate(all="ignore"):  # it adds all scores up to see whether they are finite
            plain, weighted = metric(truth, wide), metric(truth, wide, sample_weight=weight)
        assert terms.mean() == pytest.approx(plain, rel=1e-12)
        assert np.average(terms, weights=weight) == pytest.approx(weighted, rel=1e-12)


def test_rows_with_no_label_or_all():
    found = label_ranks(block_of(np.array([[0.1, 0.9, 0.5]] * 2)), np.array([[0, 0, 0], [1, 1, 1]]))
    terms = [each.tolist() for each in (found.precision, found.coverage, found.loss)]
    assert terms == [[1.0, 1.0], [0.0, 3.0], [0.0, 0.0]]


@pytest.mark.parametrize("kind", DTYPES)
def test_confidence_is_the_highest_score(kind):
    rng = np.random.default_rng(0)
    values, true = scores(rng, (200, 5), kind), rng.integers(0, 5, 200)
    confidence, hits = confidences(block_of(values), true)
    assert confidence.tolist() == values.max(axis=1).tolist()
    assert hits.tolist() == (values.argmax(axis=1) == true).astype(int).tolist()


@pytest.mark.parametrize("kind", FLOATS)
def test_bands_give_the_expected_calibration_error(kind):
    rng = np.random.default_rng(0)
    values = softmax(rng, 3000, 4, kind)
    confidence, hits = confidences(block_of(values), rng.integers(0, 4, 3000))
    table = np.zeros((15, 3), np.int64)
    add_to_bands(confidence, hits, 1, table)
    rows, positives, total = table.T
    found = np.abs(positives - total / 2**30).sum() / rows.sum()
    wide, error = confidence.astype(np.float64), 0.0
    for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
        held = (wide >= low) & (wide < high)
        if held.any():
            error += held.mean() * abs(hits[held].mean() - wide[held].mean())
    assert found == pytest.approx(error, abs=1e-8)
    add_to_bands(confidence, hits, -1, table)
    assert not table.any()


def test_the_arrays_of_the_caller_stay_as_they_were():
    values, truth, table = np.full((2, 3), 0.25), np.array([[1, 0, 0]] * 2, np.uint8), np.zeros((15, 3), np.int64)
    for terms in (log_losses, brier_terms, label_ranks):
        terms(block_of(values), truth)
    counts_above(block_of(values), true := np.array([0, 1]))
    add_to_bands(scores := np.array([0.5]), hits := np.array([True]), 1, table)
    assert all(each.flags.writeable for each in (truth, true, scores, hits))


@given(seeds, st.sampled_from([1, 63, 64, 65, 130]))
def test_indicators_become_rows_of_labels(rng, rows):
    bits = rng.random((rows, 3)) < 0.4
    columns = [pa.array(column) for column in bits.T]
    assert truth_of(from_columns(columns, ["a", "b", "c"])).tolist() == bits.astype(int).tolist()


def test_blocks_without_rows():
    for width in (1, 2, 3):
        block, one, some = block_of(np.zeros((0, width))), np.zeros(0, np.int64), np.zeros((0, width), np.uint8)
        assert [len(each) for each in (*log_losses(block, one), *log_losses(block, some))] == [0] * 4
        assert len(brier_terms(block, one)) == len(brier_terms(block, some)) == len(label_ranks(block, some).loss) == 0
        assert [len(each) for each in confidences(block, one)] == [0, 0]
        assert len(wrong_scores(block, "unit")) == 0
