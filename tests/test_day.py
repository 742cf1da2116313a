"""A day of a stream in 5-minute windows: memory stays flat, and every window is what a brute force counts."""

from __future__ import annotations

import datetime as dt
import os

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.watermark import Watermark

START = 1_700_000_100  # a multiple of 300 s
DAY, WINDOW = 24 * 3600, 5 * 60
LABELS, PLACES = 10, 4
NAMES = pa.array([f"p{k}" for k in range(PLACES)])


def made(step, per_second, rng):
    """The rows of `step` seconds: truth, prediction, place and second, some of them up to 90 s late."""
    rows = step * per_second
    true = rng.integers(0, LABELS, rows)
    pred = np.where(rng.random(rows) < 0.9, true, rng.integers(0, LABELS, rows))
    late = np.where(rng.random(rows) < 0.01, rng.integers(0, 90, rows), 0)
    place = pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, PLACES, rows)), NAMES)
    return pa.array(true.astype(np.int32)), pa.array(pred.astype(np.int32)), place, np.arange(rows) // per_second - late


def resident():
    with open(f"/proc/{os.getpid()}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_a_day(seconds, per_second, step, keep):
    """The snapshot after that long, brute force counts (window, place, truth, prediction), memory, windows, late rows.

    Rows come from a few batches made before, each at its own time, for it takes longer to make rows than to count them.
    """
    rng = np.random.default_rng(5)
    batches = [made(step, per_second, rng) for _ in range(7)]
    acc = sa.Accumulator(by="place", window="5m", time="ts")
    mark = Watermark("ts", WINDOW * 10**6, lateness=30 * 10**6)
    brute = np.zeros((seconds // WINDOW, PLACES, LABELS, LABELS), np.int64)
    memory, closed, late = [], [], 0
    for k, first in enumerate(range(START, START + seconds, step)):
        true, pred, place, second = batches[k % len(batches)]
        ts = np.maximum(second + first, START)
        times = pa.array(ts * 10**6, pa.timestamp("us", "UTC"))
        batch = pa.record_batch({"y_true": true, "y_pred": pred, "place": place, "ts": times})
        acc.update(batch)
        late += mark.observe(batch)
        cells = np.ravel_multi_index(((ts - START) // WINDOW, place.indices, true, pred), brute.shape)
        brute += np.bincount(cells, minlength=brute.size).reshape(brute.shape)
        if k % max(900 // step, 1) == 0:
            snap = acc.snapshot()
            closed += mark.take_closed({key[-1] for key in snap.state.slices.keys if key})
            if keep:
                acc.fold_windows(dt.datetime.fromtimestamp(mark.folds_before(keep, True) / 1e6, dt.UTC))
            memory.append((resident(), snap.state_bytes))
    return acc.snapshot(), brute, memory, closed, late


def check_windows(snap, brute):
    """Every window and place that is held counts what the brute force did."""
    held = 0
    for key, one in snap.slices.items():
        if not key:
            continue
        counts = brute[(int(key[1].timestamp()) - START) // WINDOW, int(key[0][1:])]
        right = np.diagonal(counts)
        expected = np.stack((right, counts.sum(axis=0) - right, counts.sum(axis=1) - right), axis=1)
        assert one.rows == counts.sum()
        assert one.matrix[:, :3].tolist() == expected[one.labels].tolist()
        held += 1
    return held


def test_a_day_of_windows_in_small():
    """24 hours at 5 rows a second, every window kept."""
    snap, brute, _, closed, late = run_a_day(DAY, 5, 60, keep=0)
    assert snap.rows == DAY * 5 == brute.sum()
    assert check_windows(snap, brute) == int((brute.sum(axis=(2, 3)) > 0).sum()) == 288 * PLACES
    assert len(closed) == len(set(closed)) >= 280
    assert 0 < late < snap.rows * 0.01
    assert snap.sliding("1h").rows == brute[-12:].sum()
    assert [one.rows for one in snap.windows.values()] == brute.sum(axis=(1, 2, 3)).tolist()


@pytest.mark.long
def test_a_day_of_windows_at_10_000_rows_a_second():
    """864,000,000 rows; all but the last hour of closed windows is folded, and memory is as after the first hours."""
    snap, brute, memory, closed, _ = run_a_day(DAY, 10_000, 100, keep=12)
    assert snap.rows == 864_000_000 == brute.sum()
    assert snap.matrix[:, 0].tolist() == np.einsum("wpll->l", brute).tolist()
    assert 12 * PLACES <= check_windows(snap, brute) <= 20 * PLACES
    assert sum(snap.slices.values(), sa.Snapshot()) == snap.total
    assert len(closed) >= 280
    held, state = (np.array(column) for column in zip(*memory, strict=True))
    assert held[-1] < held[12] + 50e6
    assert state.max() < 200_000
