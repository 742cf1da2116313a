"""How narrow the guaranteed AUC interval is: no wider than that of the layout as it was first specified and measured.

The widths wanted were measured on eight distributions when the layout was designed; the distributions are rebuilt
here from what was noted of them: AUC and, for fraud and softmax, also average precision and the widths of uniform and
of logit slots, which fix four parameters. The width depends on the two densities only, so each has as many positives as
negatives, drawn apart.
"""

from __future__ import annotations

import numpy as np
import pytest

from streamavg.count.histogram import ScoreTable
from streamavg.state.layout import Layout

ROWS = 200_000


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def calibrated(scores, rng):
    """Positives and negatives of scores that are the probabilities of their rows."""
    return tuple(rng.choice(scores, ROWS, p=weight / weight.sum()) for weight in (scores, 1 - scores))


def normals(rng, negative, positive):
    """Scores whose logits are normal, each kind with its own mean and spread."""
    return tuple(sigmoid(mean + spread * rng.standard_normal(ROWS)) for mean, spread in (positive, negative))


def forest(rng):
    return tuple(np.round(500 * part) / 500 for part in normals(rng, (-3.2, 1.8), (0.5, 1.8)))


def saturated(rng):
    """A fifth of all scores exactly 1."""
    return tuple(
        np.where(rng.random(ROWS) < part, 1.0, scores)
        for part, scores in zip((0.31, 0.03), normals(rng, (-1.9, 2.5), (1.9, 2.5)), strict=True)
    )


DISTRIBUTIONS = {  # what makes them, AUC, width wanted
    "calibrated": (lambda rng: calibrated(sigmoid(-1.98 + 2.01 * rng.standard_normal(4 * ROWS)), rng), 0.870, 3.6e-4),
    "overconfident": (lambda rng: normals(rng, (-9.6, 6.0), (9.6, 6.0)), 0.988, 2.3e-5),
    "fraud": (lambda rng: normals(rng, (-9.076, 2.555), (2.137, 4.087)), 0.990, 4.7e-5),
    "rare": (
        lambda rng: calibrated(2e-4 * np.exp(1.58 * rng.standard_normal(4 * ROWS) - 1.25), rng),
        0.868,
        1.3e-3,
    ),
    "softmax": (lambda rng: normals(rng, (-8.781, 1.739), (-0.886, 3.144)), 0.986, 9.5e-5),
    "beta": (lambda rng: (rng.beta(0.8, 0.3, ROWS), rng.beta(0.3, 0.8, ROWS)), 0.849, 2.4e-4),
    "forest": (forest, 0.929, 0.0),
    "saturated": (saturated, 0.880, 2.9e-4),
}


def graded(scores):
    """Slots as they were first designed: octaves of t = s or 1 - s that begin with a power of two."""
    scores = scores.astype(np.float32)
    side = scores >= 0.5
    bits = np.where(side, np.float32(1) - scores, scores).view(np.int32).astype(np.int64)
    octave, mantissa = 126 - (bits >> 23), bits & 0x7FFFFF
    low = np.array([0, *[8] * 4, *[7] * 4, *[6] * 5, *[5] * 8, *[3] * 11])
    high = np.array([0, *[8] * 4, *[7] * 3, *[6] * 3, *[5] * 8, 4, 3, 2, 1, *[0] * 10])
    held = np.clip(octave, 0, 32)
    return side << 50 | octave << 30 | mantissa >> (23 - np.where(side, high[held], low[held]))


def width_of(slots, scores, true):
    """Guaranteed width, slots that hold one score left out, and AUC with half a point for ties; by brute force."""
    _, places = np.unique(slots, return_inverse=True)
    p, n = np.bincount(places, true), np.bincount(places, ~true)
    values, which = np.unique(scores, return_inverse=True)
    distinct = np.bincount(places[np.unique(which, return_index=True)[1]], minlength=len(p))
    wide = (p * n)[distinct > 1].sum()
    p_value, n_value = np.bincount(which, true), np.bincount(which, ~true)
    area = (p_value * (np.cumsum(n_value) - n_value / 2)).sum()
    assert len(values) == len(p_value)
    return wide / true.sum() / (~true).sum(), area / true.sum() / (~true).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_interval_is_no_wider_than_it_should_be(name, dtype, record_property):
    make, expected_area, wanted = DISTRIBUTIONS[name]
    positives, negatives = make(np.random.default_rng(5))
    scores = np.concatenate((positives, negatives)).astype(dtype)
    true = np.arange(len(scores)) < len(positives)
    table = ScoreTable(Layout("unit"), ["a"])
    table.count(scores[:, None], true[:, None])
    bins = table.state().bins("a")
    below = np.cumsum(bins.negative) - bins.negative
    lowest = (bins.positive * (below + bins.atom * bins.negative / 2)).sum() / len(positives) / len(negatives)
    width = (bins.positive * bins.negative * ~bins.atom).sum() / len(positives) / len(negatives)
    specified, area = width_of(graded(scores), scores, true)
    record_property("width", float(width))
    print(
        f"{name} {np.dtype(dtype)}: AUC {area:.4f}, width {width:.2e}, wanted {wanted:.1e}, specified {specified:.2e}"
    )
    assert area == pytest.approx(expected_area, abs=0.006)
    assert lowest - 1e-12 <= area <= lowest + width + 1e-12
    assert width <= 1.02 * specified
    assert width <= 1.03 * wanted  # two digits, and of 4,074 positives where the class is rare
