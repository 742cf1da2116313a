"""Rankings: which slots of a histogram must be looked into for exact areas, and what was found in them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.refine import Distinct, Ranks, ranks_of
from streamavg.derive.exact import insides, mixed, ranked
from streamavg.errors import CountOverflowError, InputError
from streamavg.state.areas import Areas
from streamavg.state.labels import MOST
from streamavg.state.tables import exact_sum
from streamavg.state.witness import EMPTY, MIXED, met_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from streamavg.derive.exact import Inside
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

TOGETHER = 1 << 18  # scores ranked at once


class Ranking:
    """The slots of one class, or of all pooled: which are open, and what those give that were looked into."""

    def __init__(self, positive: Ints, negative: Ints, atom: Mask) -> None:
        self.positive, self.negative = positive, negative
        self.open = mixed(positive, negative, atom)
        self._inside: dict[int, Inside] = {}

    @cached_property
    def _above(self) -> tuple[Any, Any]:
        tops, falls = (counts.sum() - np.cumsum(counts) for counts in (self.positive, self.negative))
        return tops, falls

    def settle(self, first: int, edges: Floats, ranks: Ranks) -> None:
        """Note the order of scores from slot `first` on, each slot from its edge up; only open slots are looked at."""
        slots = first + np.repeat(np.arange(len(edges)), np.diff(_cuts(ranks.scores, edges)))
        kept = self.open[slots]
        if kept.any():
            self._inside.update(insides(slots[kept], ranks.positive[kept], ranks.negative[kept], self._above))

    def areas(self) -> tuple[Any, float]:
        """ROC AUC, None if there are rows of one kind only, and average precision."""
        found = ranked(self.positive, self.negative, self._inside)
        return found.roc_auc, found.average_precision


class Rankings:
    """Every class and all of them pooled, of a state whose rows can be read again."""

    def __init__(self, state: State) -> None:
        self._weighted = state.config.sample_weight
        scores = state.weighted_scores if self._weighted else state.scores
        self.layout, self.labels, self.narrow = scores.layout, scores.labels, scores.narrow
        self._positive, self._negative = scores.positive, scores.every - scores.positive
        if exact_sum(scores.every.reshape(-1)) > MOST:
            raise CountOverflowError("a count of pooled scores would pass 2**63 - 1")
        self._edges = self.layout.edges(self.narrow) if self.layout else (np.empty(0), np.empty(0))
        self._atom, self._witness = scores.atoms, scores.witness
        self._each = [Ranking(*tables) for tables in zip(self._positive, self._negative, self._atom, strict=True)]
        self._pooled = self._pool(scores.every)
        self.open = np.array([each.open for each in self._each], bool).reshape(scores.every.shape)
        if self._pooled is not None:
            self.open |= self._pooled.open & (scores.every > 0) & ~self._atom
        self._sizes = np.where(self.open, np.minimum(state.scores.every, 2 * self._values()), 0).sum(axis=0)

    def _pool(self, every: Ints) -> Ranking | None:
        """All classes as one ranking, where there are several."""
        if self.layout is None or len(self.labels) < 2:
            return None
        single = self.layout.single(self.narrow)
        atom = (met_over(np.where(every != 0, self._witness, EMPTY)) < MIXED) | single
        return Ranking(self._positive.sum(axis=0), self._negative.sum(axis=0), atom)

    def _values(self) -> Ints:
        """How many distinct scores each slot can hold."""
        if self.layout is None:
            return np.empty(0, np.int64)
        if not self.narrow:
            return np.full(self.layout.slots, MOST // 2)
        bits = [np.asarray(edge, np.float32).view(np.int32).astype(np.int64) for edge in self.layout.edges(narrow=True)]
        low, high = (np.where(edge < 0, -(edge & 0x7FFFFFFF), edge) for edge in bits)
        return np.asarray(high - low + 1)

    def runs(self, most: int) -> Iterator[tuple[int, int]]:
        """Runs of slots with no more than so many distinct scores, or of one slot that may have more."""
        start = total = 0
        for slot in np.flatnonzero(self._sizes).tolist():
            size = int(self._sizes[slot])
            if total and total + size > most:
                yield start, slot
                start, total = slot, 0
            total += size
        yield start, len(self._sizes)

    def wanted(self, start: int, stop: int) -> Mask:
        """The slots of a run that are to be looked into, (classes, slots)."""
        wanted = np.zeros_like(self.open)
        wanted[:, start:stop] = self.open[:, start:stop]
        return wanted

    def settle(self, start: int, stop: int, of_class: Callable[[int], tuple[Distinct, Distinct]]) -> None:
        """Note the order of what was found in a run of slots; InputError if that is not what was counted there."""
        found = [of_class(code) for code in range(len(self.labels))]
        edges = self._edges[0][start:stop]
        cuts = [[_cuts(side.scores, edges) for side in sides] for sides in found]
        for code, sides in enumerate(found):
            for counted, side, cut in zip((self._positive, self._negative), sides, cuts[code], strict=True):
                expected = np.where(self.open[code], counted[code], 0)[start:stop]
                self._refuse_others(code, start + np.flatnonzero(_sums(side.counts, cut) != expected))
        for first, end in _blocks(self._sizes, start, stop):
            parts = [
                [_part(side, cut[first - start], cut[end - start]) for side, cut in zip(*both, strict=True)]
                for both in zip(found, cuts, strict=True)
            ]
            self._settle_block(first, end, parts)

    def _settle_block(self, first: int, end: int, found: list[list[Distinct]]) -> None:
        edges = self._edges[0][first:end]
        for ranking, (positives, negatives) in zip(self._each, found, strict=True):
            if len(positives.scores) or len(negatives.scores):
                ranking.settle(first, edges, ranks_of([positives], [negatives]))
        if self._pooled is not None and self._pooled.open[first:end].any():
            every = [*found, *self._atoms(first, end)]
            ranks = ranks_of([positives for positives, _ in every], [negatives for _, negatives in every])
            self._pooled.settle(first, edges, ranks)

    def _atoms(self, first: int, end: int) -> Iterator[tuple[Distinct, Distinct]]:
        """The scores of slots that hold one only, which need not be read again, from `first` to before `end`."""
        assert self._pooled is not None
        part = slice(first, end)
        taken = self._atom[:, part] & self._pooled.open[part] & ((self._positive + self._negative)[:, part] > 0)
        for code in np.flatnonzero(taken.any(axis=1)).tolist():
            here = first + np.flatnonzero(taken[code])
            witness = self._witness[code, here]
            scores = np.where(witness < MIXED, witness.view(np.float64), self._edges[0][here])
            yield Distinct(scores, self._positive[code, here]), Distinct(scores, self._negative[code, here])

    def _refuse_others(self, code: int, odd: Ints) -> None:
        if odd.size:
            low, high = (edge[odd[0]] for edge in self._edges)
            raise InputError(
                f"the rows changed between two passes: label {self.labels[code]!r} has other scores from {low:.6g} to "
                f"{high:.6g} than before; run again when nobody writes to them"
            )

    def settled(self, state: State) -> State:
        """The state with the exact areas of each class, and of all pooled, that has rows of both kinds."""
        rankings: dict[tuple[str, ...], Ranking] = {
            (label,): each for label, each in zip(self.labels, self._each, strict=True)
        }
        if self._pooled is not None:
            rankings[self.labels] = self._pooled
        found = {labels: ranking.areas() for labels, ranking in rankings.items()}
        found = {labels: areas for labels, areas in found.items() if areas[0] is not None}
        return replace(
            state,
            areas=Areas(
                self._weighted,
                {labels: areas[0] for labels, areas in found.items()},
                {labels: areas[1] for labels, areas in found.items()},
            ),
        )


def _blocks(sizes: Ints, start: int, stop: int) -> list[tuple[int, int]]:
    """A run of slots in parts that are ranked at once."""
    reached = np.cumsum(sizes[start:stop]) // TOGETHER
    firsts = start + np.flatnonzero(np.diff(reached, prepend=-1))
    firsts[:1] = start
    return list(zip(firsts.tolist(), [*firsts[1:].tolist(), stop], strict=True))


def _cuts(scores: Any, edges: Floats) -> Ints:
    """Where the scores of each edge begin in ascending ones, and the end of all."""
    return np.append(np.searchsorted(scores, edges.astype(scores.dtype)), len(scores))


def _sums(counts: Ints, cuts: Ints) -> Ints:
    return np.diff(np.append(0, np.cumsum(counts))[cuts])


def _part(side: Distinct, first: int, end: int) -> Distinct:
    return Distinct(side.scores[first:end], side.counts[first:end])
