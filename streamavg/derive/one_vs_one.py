"""One-vs-one ROC AUC of Hand and Till (2001): the mean over pairs of classes, blind to how common they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.bins import exactly
from streamavg.derive.interval import UNDEFINED, Interval, between

if TYPE_CHECKING:
    from streamavg.derive.bins import Flags, Floats
    from streamavg.state.tables import Ints


def one_vs_one(versus: Ints, atom: Flags) -> Interval:
    """Hand and Till's M = 2 / (C (C - 1)) sum over i < j of (A(i|j) + A(j|i)) / 2, over the classes that have rows.

    As `roc_auc_score(multi_class="ovo", average="macro")` of scikit-learn. `versus` has shape (C, C, K): rows by true
    class, column whose score it is, and slot; `atom` has shape (K,) or (C, K): column and slot. Undefined if fewer than
    two classes have rows.
    """
    sides = pair_areas(versus, atom)
    met = ~np.isnan(sides[1])
    pairs = int(met.sum())
    if not pairs:
        return UNDEFINED
    low, estimate, high = (math.fsum(side[met].tolist()) / pairs for side in sides)
    return between(low, estimate, high)


def pair_areas(versus: Ints, atom: Flags) -> tuple[Floats, Floats, Floats]:
    """A(i|j) as low, estimate, high, each (C, C): the AUC of column i on rows of class i against rows of class j.

    nan on the diagonal and where a class has no rows.
    """
    classes, _, slots = versus.shape
    atoms = np.broadcast_to(atom, (classes, slots))
    sides = np.full((3, classes, classes), math.nan)
    for i in range(classes):
        here = _areas(versus[i, i], np.delete(versus[:, i], i, axis=0), atoms[i])
        sides[:, i, np.arange(classes) != i] = here
    return sides[0], sides[1], sides[2]


def _areas(positive: Ints, negative: Ints, atom: Flags) -> Floats:
    """Low, estimate, high of one class against each other one: (K,) against (C - 1, K) gives (3, C - 1)."""
    positives = float(np.sum(positive, dtype=np.float64))
    negatives = np.sum(negative, axis=1, dtype=np.float64)
    # float64 totals tell whether int64 has room, with a factor 4 to spare for their rounding
    room = int(8 * max(positives, 1.0) * max(negatives.max(initial=1.0), 1.0))
    p, n = exactly(positive, room), exactly(negative, room)
    below = np.cumsum(n, axis=1) - n
    least = 2 * (below @ p) + n[:, atom] @ p[atom]
    open_ = n[:, ~atom] @ p[~atom]
    whole = p.sum() * n.sum(axis=1)
    found = np.full((3, len(negative)), math.nan)
    met = np.asarray(whole > 0, bool)
    for row, twice in enumerate((least, least + open_, least + 2 * open_)):
        found[row, met] = (twice[met] / (2 * whole[met])).astype(np.float64)
    return found
