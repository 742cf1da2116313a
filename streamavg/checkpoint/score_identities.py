"""Score identities: what the sums behind metrics of scores share with the counts, of any rows and any difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.state.config import ANY
from streamavg.state.counts import TP
from streamavg.state.layout import Layout
from streamavg.state.score_sums import BANDS, CAUSES, LOSSES, ScoreSums
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from fractions import Fraction

    from streamavg.state.state import State

_RANKINGS = ("coverage_error", "label_ranking_average_precision", "label_ranking_loss")
_ALWAYS = ("rows", *CAUSES)


def check_score_sums(state: State) -> None:
    """ValueError if sums are there that the options do not have, or that do not add up with the counts."""
    config, sums, weighted = state.config, state.score_sums, state.weighted_score_sums
    if not config.sample_weight and not (weighted.is_empty and state.weighted_scores.holds_nothing):
        raise ValueError("there are weights of scores, but rows have none")
    if not config.scores and not (sums.is_empty and weighted.is_empty):
        raise ValueError("there are sums over scores, but rows have none")
    causes = sum(sums.loss(name) for name in CAUSES)
    if causes != state.skipped.get("invalid_score", 0) or any(weighted.loss(name) for name in CAUSES):
        raise ValueError("the causes of invalid scores do not add up to the rows that were skipped for them")
    for each in (sums, weighted):
        _check_names(state, each)
    _check_rows(state)


def _has_losses(state: State) -> bool:
    config = state.config
    return config.losses and config.scores not in ("", ANY) and Layout.named(config.scores).family == "unit"


def _check_names(state: State, sums: ScoreSums) -> None:
    """Refuse sums of metrics that this task, these options or these scores do not have."""
    task, known = state.config.task, set(LOSSES if _has_losses(state) else _ALWAYS)
    if task != "multilabel":
        known -= set(_RANKINGS)
    if odd := {str(name) for name in sums.losses.keys} - known:
        raise ValueError(f"there are sums of {', '.join(sorted(odd))}")
    if sums.ranks.keys and task != "multiclass":
        raise ValueError("there are ranks of a true class, but the task has no such")
    if sums.bands.keys and (not _has_losses(state) or max(map(int, sums.bands.keys)) >= BANDS):
        raise ValueError("there are bands of score that cannot be")
    if task != "multilabel" and _has_losses(state) and _banded(sums, 0) != sums.loss("rows"):
        raise ValueError("the bands of score do not hold the rows with scores")


def _banded(sums: ScoreSums, column: int) -> Fraction:
    """All rows (column 0) or hits (1) in bands."""
    return sums.bands.sums.at(range(column, 3 * len(sums.bands.keys), 3)).total().fraction()


def _check_rows(state: State) -> None:
    """Refuse sums over rows that are not whole, or not those of the histograms and the label counts."""
    sums, task = state.score_sums, state.config.task
    whole = ["rows", *CAUSES, *(["log_loss_zeros"] if task != "multilabel" else [])]
    if any(sums.loss(name).denominator > 1 for name in whole) or min(sums.ranks.sums.low, sums.bands.sums.low) < 0:
        raise ValueError("there are parts of rows among the sums over scores")
    every, positive = (sum(map(exact_sum, table)) for table in (state.scores.every, state.scores.positive))
    wrong = False
    if task == "binary":
        wrong = every != sums.loss("rows")
    if task == "multiclass":
        wrong = sums.ranks.sums.total().fraction() != positive
    if _has_losses(state):
        if task == "multilabel":
            wrong = wrong or _banded(sums, 0) != every
        if task != "multiclass":
            wrong = wrong or _banded(sums, 1) != positive
        elif state.config.decision == "argmax":
            wrong = wrong or _banded(sums, 1) != exact_sum(state.counts.cells[:, TP])
    if wrong:
        raise ValueError("the sums over scores are not those of the rows in the histograms")
