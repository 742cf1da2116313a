"""Exact areas by reading twice: scikit-learn's to 1e-12, whatever the memory; and what changes between is found."""

from __future__ import annotations

import os
from contextlib import nullcontext
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

import streamavg as sa
from streamavg.refining import memory_of, refined
from streamavg.run import count, counted, plan
from streamavg.sources import Piece, Unit
from streamavg.state.layout import Layout
from tests import test_score_widths
from tests.derive.histograms import data_sets

SCORED = {"y_score": "y_score"}
AVERAGES = ("micro", "macro", "weighted")
LEAST = 1e-12
TINY = "20KB"


def table(true, scores, **more):
    """Rows with one score, or with a list of them."""
    if scores.ndim > 1:
        scores = pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores.shape[1])
    return pa.table({"y_true": true, "y_score": scores, **more})


def softmax(rng, rows, classes, kind=np.float32):
    """A class a row, rare ones among them, and probabilities."""
    true = rng.choice(classes, rows, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    logits = 2 * rng.standard_normal((rows, classes))
    logits[np.arange(rows), true] += 2
    odds = np.exp(logits)
    return true, (odds / odds.sum(axis=1, keepdims=True)).astype(kind)


def assert_binary(snap, true, scores, weights=None):
    for name, function in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        found = snap.interval(name)
        assert found.method == "exact", name
        assert found.low == found.estimate == found.high == snap[name]
        assert found.estimate == pytest.approx(function(true, scores, sample_weight=weights), abs=LEAST)


@pytest.mark.parametrize("memory", ["1GB", TINY])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", test_score_widths.DISTRIBUTIONS)
def test_eight_distributions(name, kind, memory, monkeypatch):
    monkeypatch.setattr(test_score_widths, "ROWS", 4000)
    rng = np.random.default_rng(5)
    positive, negative = test_score_widths.DISTRIBUTIONS[name][0](rng)
    scores = np.r_[positive[:500], negative].astype(kind)
    true = np.arange(len(scores)) < 500
    order = rng.permutation(len(scores))
    snap = sa.evaluate(table(true[order], scores[order]), exact_auc=True, exact_memory=memory, **SCORED)
    assert_binary(snap, true, scores)


@pytest.mark.parametrize("memory", ["1GB", TINY])
def test_awkward_scores(memory):
    rng = np.random.default_rng(6)
    for name, true, scores in data_sets(rng, 1500):
        snap = sa.evaluate(table(true, scores), exact_auc=True, exact_memory=memory, **SCORED)
        assert_binary(snap, true, scores)
        areas = snap.state.areas
        pairs = 2 * int(true.sum()) * int((~true).sum())
        over = np.sign(scores[true][:, None] - scores[~true][None, :]).astype(int) + 1
        assert areas.roc_auc["1",] == Fraction(int(over.sum()), pairs), name


@pytest.mark.parametrize("layout", ["signed", "unit"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_margins_and_every_size_of_float(layout, kind):
    rng = np.random.default_rng(7)
    true = rng.random(3000) < 0.2
    scores = (rng.standard_normal(3000) * 4 + 2 * true).astype(kind)
    if layout == "unit":
        scores = np.clip(np.abs(scores) / 8, 0, 1)
    snap = sa.evaluate(table(true, scores), exact_auc=True, exact_memory=TINY, score_layout=layout, **SCORED)
    assert_binary(snap, true, scores.astype(np.float64))


@pytest.mark.parametrize("memory", ["1GB", TINY])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_several_classes(kind, weighted, memory):
    rng = np.random.default_rng(8)
    true, scores = softmax(rng, 3000, 5, kind)
    scores[:300] = scores[:300].round(2)  # slots of which some classes hold one score only
    weights = rng.integers(0, 4, 3000) if weighted else None
    more = {"w": weights, "options": {"sample_weight": "w"}} if weighted else {"options": {}}
    options = {**SCORED, **more.pop("options")}
    snap = sa.evaluate(table(true, scores, **more), labels=range(5), exact_auc=True, exact_memory=memory, **options)
    one_hot = np.eye(5)[true]
    for name, function in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        for average in AVERAGES:
            found = snap.interval(f"{name}_{average}")
            assert found.method == "exact"
            truth = function(one_hot, scores, average=average, sample_weight=weights)
            assert found.estimate == pytest.approx(truth, abs=LEAST)
        for label in range(5):
            own = function(true == label, scores[:, label], sample_weight=weights)
            assert snap.value(f"{name}_macro", labels=[label]) == pytest.approx(own, abs=LEAST)


@pytest.mark.parametrize("memory", ["1GB", TINY])
def test_label_sets(memory):
    rng = np.random.default_rng(9)
    true = rng.random((2000, 4)) < [0.5, 0.3, 0.1, 0.01]
    scores = np.clip(rng.random((2000, 4)) * 0.7 + 0.3 * true * rng.random((2000, 4)), 0, 1)
    columns = {f"true_{k}": true[:, k] for k in range(4)} | {f"score_{k}": scores[:, k] for k in range(4)}
    options = {"y_true": "true_*", "y_score": "score_*"}
    snap = sa.evaluate(columns, exact_auc=True, exact_memory=memory, **options)
    for name, function in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        for average in AVERAGES:
            truth = function(true, scores, average=average)
            assert snap.interval(f"{name}_{average}").method == "exact"
            assert snap[f"{name}_{average}"] == pytest.approx(truth, abs=LEAST)


def test_any_memory_and_any_threads_give_the_same_bits():
    rng = np.random.default_rng(10)
    true, scores = softmax(rng, 4000, 3)
    data, options, passes, found = table(true, scores), {**SCORED, "labels": range(3)}, [], []
    for memory, threads in (("1GB", 1), ("100KB", 1), ("100KB", 3), ("20KB", 2), ("8KB", 1)):
        notes = []
        found.append(counted(data, None, threads, options, memory, notes.append).state.areas)
        passes.append(int(notes[0].split()[4]) if notes else 1)
        assert not notes or notes == [
            f"the exact areas take {passes[-1]} more passes over the rows within {memory} (--exact-memory)"
        ]
    assert found.count(found[0]) == len(found)
    assert passes[0] == 1 < passes[1] == passes[2] < passes[3] < passes[4]


def test_a_slot_of_many_rows_but_few_scores_takes_little():
    rng = np.random.default_rng(11)
    scores = np.float32(0.3) + np.arange(200, dtype=np.float32) * np.spacing(np.float32(0.3))
    scores = rng.choice(scores, 60_000)
    true = rng.random(60_000) < (scores - scores.min()) * 1e5
    assert_binary(sa.evaluate(table(true, scores), exact_auc=True, exact_memory=TINY, **SCORED), true, scores)
    with pytest.raises(sa.InputError, match=r"more than 104 distinct scores of one slot.*--exact-memory"):
        sa.evaluate(table(true, scores), exact_auc=True, exact_memory="5KB", **SCORED)


def test_rows_without_scores_are_left_out():
    scores = [0.31, None, float("nan"), 2.0, 0.3101, 0.3102, 0.3103, 0.9]
    true = [True, True, False, True, False, True, False, None]
    snap = sa.evaluate({"y_true": true, "y_score": scores}, exact_auc=True, **SCORED)
    assert_binary(snap, [1, 0, 1, 0], [0.31, 0.3101, 0.3102, 0.3103])


def test_one_kind_of_rows_stays_undefined():
    snap = sa.evaluate({"y_true": [True, True], "y_score": [0.31, 0.3101]}, exact_auc=True, **SCORED)
    assert snap.interval("roc_auc").method == snap.interval("average_precision").method == "undefined"
    none = sa.evaluate({"y_true": [True], "y_score": [None]}, exact_auc=True, y_pred="y_true", **SCORED)
    assert none.interval("roc_auc").method == "undefined"


# ---- what is open stays open


def test_what_is_not_read_twice_keeps_its_bounds():
    rng = np.random.default_rng(12)
    true, scores = softmax(rng, 2000, 3)
    data = table(true, scores, w=rng.integers(1, 3, 2000))
    options = {**SCORED, "labels": range(3), "sample_weight": "w", "ovo": True}
    snap, plain = sa.evaluate(data, exact_auc=True, **options), sa.evaluate(data, **options)
    for name, policy in (
        ("roc_auc_ovo", {}),
        ("ks_micro", {}),
        ("roc_auc_macro", {"weighted": False}),
        ("roc_auc_micro", {"labels": [0, 1]}),
    ):
        assert snap.interval(name, **policy) == plain.interval(name, **policy)
        assert plain.interval(name, **policy).method == "bins"
    for name in ("roc_auc_micro", "average_precision_micro"):
        assert snap.interval(name, labels=[2, 0, 1]).method == "exact"
        bounds = plain.interval(name)
        assert bounds.low <= snap[name] <= bounds.high


def test_explain_and_reports_are_exact():
    rng = np.random.default_rng(13)
    true, scores = softmax(rng, 2000, 3)
    snap = sa.evaluate(table(true, scores), labels=range(3), exact_auc=True, **SCORED)
    one_hot = np.eye(3)[true]
    values = dict(zip(*(snap.explain("roc_auc")[name].to_pylist() for name in ("label", "value")), strict=True))
    for label in range(3):
        assert values[label] == pytest.approx(sk.roc_auc_score(one_hot[:, label], scores[:, label]), abs=LEAST)
    found = snap.to_dict()["metrics"]["roc_auc_micro"]
    assert found == pytest.approx(sk.roc_auc_score(one_hot, scores, average="micro"), abs=LEAST)
    line = next(line for line in str(snap).splitlines() if line.startswith("roc_auc"))
    assert "[" not in line


# ---- sources


def csv(path, data):
    pyarrow.csv.write_csv(data, path)


def compressed(path, data):
    with pa.CompressedOutputStream(str(path), "gzip") as stream:
        pyarrow.csv.write_csv(data, stream)


WRITERS = {
    "parquet": lambda path, data: pq.write_table(data, path, row_group_size=300),
    "feather": lambda path, data: pyarrow.feather.write_feather(data, str(path), chunksize=300),
    "csv": csv,
    "csv.gz": compressed,
}


@pytest.fixture
def scored():
    rng = np.random.default_rng(14)
    true = rng.random(1000) < 0.4
    return true, np.clip(rng.random(1000) * 0.6 + 0.3 * true, 0, 1)


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_is_read_again(suffix, scored, tmp_path):
    true, scores = scored
    for k in range(2):
        half = slice(500 * k, 500 * k + 500)
        path = tmp_path / f"{k}.{suffix}"
        data = table(np.where(true[half], "yes", "no"), scores[half])
        WRITERS[suffix](path, data)
    options = {**SCORED, "pos_label": "yes", "labels": ["no", "yes"]}
    for memory in ("1GB", TINY):
        assert_binary(
            sa.evaluate(str(tmp_path), exact_auc=True, exact_memory=memory, **options),
            true,
            scores,
        )


def test_classes_may_come_in_another_order():
    rng = np.random.default_rng(15)
    true, scores = softmax(rng, 2000, 3, np.float64)
    first, again = (
        pa.table(
            {"y_true": np.array([*"abc"])[true], **{f"score_{name}": scores[:, "abc".index(name)] for name in order}}
        )
        for order in ("abc", "cab")
    )
    options = {"y_score": "score_*"}
    snap = refined(count(plan(first, None, options), 1, options), plan(again, None, options), 2, options, TINY)
    for average in AVERAGES:
        truth = sk.roc_auc_score(np.eye(3)[true], scores, average=average)
        assert snap[f"roc_auc_{average}"] == pytest.approx(truth, abs=LEAST)


class Frame:
    """Data in memory of another library: a stream each time it is asked for one, and a length."""

    def __init__(self, data):
        self._data = data

    def __len__(self):
        return self._data.num_rows

    def __arrow_c_stream__(self, schema=None):
        return self._data.__arrow_c_stream__(schema)


def test_data_in_memory(scored):
    true, scores = scored
    data = table(true, scores)
    for source in (data, data.combine_chunks().to_batches()[0], {"y_true": true, "y_score": scores}, Frame(data)):
        assert_binary(sa.evaluate(source, exact_auc=True, exact_memory=TINY, **SCORED), true, scores)


def test_what_can_be_read_once_is_refused_before_it_is(scored):
    data = table(*scored)
    reader = data.to_reader()
    with pytest.raises(sa.InputError, match=r"a RecordBatchReader can be read only once.*read_all"):
        sa.evaluate(reader, exact_auc=True, **SCORED)
    assert reader.read_all() == data
    with pytest.raises(sa.InputError, match="can be read only once"):
        sa.evaluate(iter([data]), exact_auc=True, **SCORED)


def test_a_pipe_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(sa.InputError, match="it can be read only once, and exact areas read the rows twice"):
            sa.evaluate(str(path), exact_auc=True, input_format="csv", **SCORED)
    finally:
        os.close(writer)


# ---- what changes between two passes


def changing(path, scored, change, suffix="csv", **options):
    """The exact areas of a file that is changed before it is read again."""
    data = table(scored[0].astype(int), scored[1])
    WRITERS[suffix](path, data)
    passes = []

    def show(work):
        passes.append(work)
        if len(passes) == 2:
            change(path)
        return nullcontext(None)

    return counted(str(path), None, 2, {**SCORED, "task": "binary", **options}, "1GB", show=show)


def nothing(path):
    pass


def touched(path):
    os.utime(path, ns=(0, 0))


def longer(path):
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")


def other(path, old, new):
    """As many bytes, and no sign of it in the time of change."""
    before, text = path.stat(), path.read_text()
    assert old in text
    assert len(old) == len(new)
    path.write_text(text.replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_is_another_one_now(suffix, scored, tmp_path):
    path = tmp_path / f"a.{suffix}"
    assert changing(path, scored, nothing, suffix).interval("roc_auc").method == "exact"
    with pytest.raises(sa.InputError, match=rf"a\.{suffix}: changed while it was being read"):
        changing(path, scored, touched, suffix)


def test_a_file_that_grew(scored, tmp_path):
    with pytest.raises(sa.InputError, match=r"a\.csv: changed while it was being read"):
        changing(tmp_path / "a.csv", scored, longer)


def in_open_slots(true, scores):
    """A score of each kind in the slots that hold several scores of both."""
    slots = Layout("unit").slots_of(scores)
    for slot in np.unique(slots):
        here = np.flatnonzero(slots == slot)
        if true[here].any() and not true[here].all():
            yield int(here[true[here]][0]), int(here[~true[here]][0])


def test_scores_that_are_others_now(scored, tmp_path):
    for k in next(in_open_slots(*scored)):
        text = repr(float(scored[1][k]))
        with pytest.raises(sa.InputError, match=r"changed between two passes: label '1' has other scores from 0\."):
            changing(tmp_path / "a.csv", scored, lambda path, text=text: other(path, text, "0.99" + text[4:]))


def test_truths_that_are_others_now(scored, tmp_path):
    for k in next(in_open_slots(*scored)):
        old, new = (f"\n{int(truth)},{float(scored[1][k])!r}\n" for truth in (scored[0][k], not scored[0][k]))
        with pytest.raises(sa.InputError, match=r"changed between two passes: label '1' has other scores from 0\."):
            changing(tmp_path / "a.csv", scored, lambda path, old=old, new=new: other(path, old, new))


@pytest.mark.parametrize("rows", [999, 1000, 1001])
def test_rows_that_are_more_or_fewer_now(rows, scored):
    """Rows without a score change no slot, but the rows seen."""
    true, scores = (np.r_[column, column[:1]] for column in scored)
    masked = pa.array(scores, mask=np.arange(1001) >= 998)
    data = pa.table({"y_true": true, "y_score": masked, "y_pred": true})
    options = {**SCORED, "y_pred": "y_pred"}
    first = count(plan(data[:1000], None, options), 1, options)
    work = [Unit("rows", 0, None, lambda: map(Piece, data[:rows].to_batches()))]
    if rows == 1000:
        assert refined(first, work, 1, options).interval("roc_auc").method == "exact"
        return
    with pytest.raises(sa.InputError, match=f"there were 1,000 and now are {rows:,}"):
        refined(first, work, 1, options)


def test_classes_that_are_others_now():
    rng = np.random.default_rng(16)
    true, scores = softmax(rng, 500, 3)
    parts = [
        pa.table({"y_true": true, **{f"score_{name}": scores[:, k] for k, name in enumerate(names)}})
        for names in ("012", "345")
    ]
    options = {"y_score": "score_*"}
    first = count(plan(parts[0], None, options), 1, options)
    with pytest.raises(sa.InputError, match="there are scores of other classes"):
        refined(first, plan(parts[1], None, options), 1, options)


def test_an_error_in_a_later_thread_is_raised(scored):
    data = table(*scored)
    first = count(plan(data, None, SCORED), 1, SCORED)

    def broken():
        raise OSError("the disk is gone")
        yield

    units = [Unit(f"part {k}", 0, None, lambda: map(Piece, data.to_batches())) for k in range(3)]
    with pytest.raises(OSError, match="the disk is gone"):
        refined(first, [*units, Unit("broken", 0, None, broken)], 2, SCORED)


# ---- options


def test_sizes():
    assert [memory_of(given) for given in (5, "7", "2 kB", "1.5MB", "1GB", "2GiB", "1TiB")] == [
        *(5, 7, 2000, 1_500_000, 10**9, 2**31, 2**40)
    ]
    for given in (0, -1, "", "GB", "1XB", "0.1", "1e9", "1 GB more", 1.5j):
        with pytest.raises(sa.InputError, match=r"exact_memory is .* such as 500MB, 1GB or 2GiB"):
            memory_of(given)


def test_bad_options_are_refused_before_a_row_is_read(tmp_path):
    nowhere = str(tmp_path / "none.csv")
    with pytest.raises(sa.InputError, match="exact areas are of scores"):
        sa.evaluate(nowhere, exact_auc=True)
    with pytest.raises(sa.InputError, match="exact_memory is '1 apple'"):
        sa.evaluate(nowhere, exact_auc=True, exact_memory="1 apple", **SCORED)
