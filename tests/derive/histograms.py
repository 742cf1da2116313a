"""Scores sorted into slots the plain way, for tests of what is derived from histograms; and data sets to sort."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np

from streamavg.derive.bins import Bins


def binned(truth, scores, edges, witness=True):
    """The bins of scores between edges (each slot is edges[k] <= s < edges[k + 1]); all scores must lie inside."""
    truth, scores = np.asarray(truth, bool), np.asarray(scores, np.float64)
    slot = np.searchsorted(edges, scores, side="right") - 1
    slots = len(edges) - 1
    positive, negative = (np.bincount(slot[truth == side], minlength=slots) for side in (True, False))
    low, high = np.array(edges[:-1]), np.nextafter(edges[1:], -np.inf)
    atom = np.zeros(slots, bool)
    if witness:
        for k in np.unique(slot):
            inside = scores[slot == k]
            if (inside == inside[0]).all():
                atom[k], low[k], high[k] = True, inside[0], inside[0]
    return Bins.of(positive, negative, atom, low, high)


def exact_bins(truth, scores):
    """A slot for each distinct score: every bin is an atom."""
    values = np.unique(scores)
    return binned(truth, scores, np.r_[values, np.inf])


def random_edges(rng, slots):
    """Edges over [0, 1]: evenly spaced, or anywhere."""
    inner = np.linspace(0, 1, slots + 1)[1:-1] if rng.random() < 0.5 else np.sort(rng.random(slots - 1))
    return np.r_[0.0, inner, np.nextafter(1, 2)]


def both_kinds(rng, truth):
    """The truth with one positive and one negative made, if a kind is missing."""
    truth = np.array(truth, bool)
    if truth.all() or not truth.any():
        truth[rng.integers(len(truth))] ^= True
    return truth


def data_sets(rng, rows):
    """(name, truth, scores) of every awkward kind."""
    truth = both_kinds(rng, rng.random(rows) < rng.choice([0.02, 0.3, 0.5, 0.9]))
    spread = np.clip(rng.random(rows) * 0.7 + 0.3 * truth * rng.random(rows), 0, 1)
    yield "spread", truth, spread
    yield "three decimals", truth, spread.round(3)
    yield "all tied", truth, np.full(rows, 0.25)
    yield "saturated", truth, np.where(rng.random(rows) < 0.4, 1.0, 1 - 10 ** (-9 * rng.random(rows)))
    yield "rare and small", truth, 1e-4 * spread
    base = rng.choice(spread, rows)
    yield "1e-11 apart", truth, np.clip(base + 1e-11 * rng.integers(0, 2, rows), 0, 1)
    yield "one positive", np.arange(rows) == rng.integers(rows), spread
    yield "one negative", np.arange(rows) != rng.integers(rows), spread
    yield "separated", truth, np.where(truth, 0.6, 0.1) + 0.3 * spread
    yield "reversed", truth, np.where(truth, 0.1, 0.6) + 0.3 * spread


def orders(p, n):
    """Every ranking with ties of p positives and n negatives: tuples of (positives, negatives), best group first."""
    if not p and not n:
        yield ()
    for i, j in product(range(p + 1), range(n + 1)):
        if i or j:
            for rest in orders(p - i, n - j):
                yield ((i, j), *rest)


def rankings(slots):
    """Every ranking that bins allow; `slots` are (positives, negatives, atom), best first."""
    choices = [[((p, n),)] if atom else list(orders(p, n)) for p, n, atom in slots]
    for parts in product(*choices):
        yield [group for part in parts for group in part]


def bins_of(slots):
    """The bins of (positives, negatives, atom), best first."""
    p, n, atom = (np.array(side) for side in zip(*slots[::-1], strict=True))
    low = np.arange(len(slots)) / len(slots)
    return Bins.of(p, n, atom.astype(bool), low, np.where(atom, low, low + 0.5 / len(slots)))


def cuts_of(ranking):
    """(true, false positives) above all rows, then below each group."""
    tp = fp = 0
    cuts = [(0, 0)]
    for p, n in ranking:
        tp, fp = tp + p, fp + n
        cuts.append((tp, fp))
    return cuts


def true_auc(ranking):
    """The AUC of a ranking as a fraction, by counting pairs."""
    won = sum(
        (Fraction(p * n, 2) if i == j else p * n if i < j else 0)
        for i, (p, _) in enumerate(ranking)
        for j, (_, n) in enumerate(ranking)
    )
    return Fraction(won) / (sum(p for p, _ in ranking) * sum(n for _, n in ranking))


def true_ap(ranking):
    """The average precision of a ranking as a fraction, from its definition."""
    cuts = cuts_of(ranking)
    gained = sum((tp - before) * Fraction(tp, tp + fp) for (before, _), (tp, fp) in pairwise(cuts))
    return gained / cuts[-1][0]


SMALL = [
    [(1, 1, False)],
    [(2, 2, False), (1, 0, False)],
    [(0, 1, False), (2, 1, False), (1, 2, True), (1, 1, False)],
    [(3, 0, False), (0, 2, False), (1, 1, False)],
    [(1, 1, False), (2, 1, True), (3, 1, False)],
    [(0, 2, False), (4, 0, False), (1, 1, True)],
    [(2, 3, False), (2, 0, False)],
]
