"""Score rows: the metrics of scores as lines of a report, each with the ends that its histogram guarantees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamavg.derive.catalogue import METRICS
from streamavg.derive.score_values import score_names
from streamavg.derive.values import metric_interval

if TYPE_CHECKING:
    from streamavg.derive.interval import Interval
    from streamavg.derive.policy import Policy
    from streamavg.state.state import State

CAUSE_WORDS = {"nan": "nan", "below": "below 0", "above": "above 1", "infinite": "infinite"}
SIGNED_HINT = "for margins or logits use score_layout 'signed' (--score-layout signed)"


@dataclass(frozen=True)
class ScoreRows:
    """rows: metric -> an interval an average (plain alone for binary); whole: metric of all rows -> interval."""

    averages: tuple[str, ...]
    rows: dict[str, list[Interval]]
    whole: dict[str, Interval]


def score_rows(state: State, policy: Policy) -> ScoreRows | None:
    """The metrics of scores of a state; None if it has no scores."""
    if not state.config.scores:
        return None
    names = score_names(state, policy)
    averages = ("",) if state.config.task == "binary" else ("micro", "macro", "weighted")
    rows: dict[str, list[Interval]] = {}
    for metric in METRICS.values():
        each = [f"{metric.name}_{average}" if average else metric.name for average in averages]
        if metric.kind == "score" and metric.of_scores and all(name in names for name in each):
            rows[metric.name] = [metric_interval(state, name, policy) for name in each]
    used = {f"{name}_{average}" if average else name for name in rows for average in averages}
    whole = {name: metric_interval(state, name, policy) for name in names if name not in used}
    return ScoreRows(averages, rows, whole)


def scored_rows(state: State) -> int:
    """Rows with scores."""
    return int(state.score_sums.loss("rows"))


def score_causes(state: State) -> dict[str, int]:
    """Rows whose scores are none, by the first reason of each."""
    found = {name: int(state.score_sums.loss(name)) for name in CAUSE_WORDS}
    return {name: rows for name, rows in found.items() if rows}


def cause_words(state: State) -> str:
    """Why scores were none, with the way out where they look like margins; "" if none was wrong."""
    causes = score_causes(state)
    if not causes:
        return ""
    text = ", ".join(f"{rows:,} {CAUSE_WORDS[name]}" for name, rows in causes.items())
    margins = causes.get("below", 0) + causes.get("above", 0)
    return f"scores that are none: {text}" + (f"; {SIGNED_HINT}" if margins else "")


def interval_text(found: Interval) -> str:
    """The estimate with four decimals, and the ends where they differ from it there."""
    if not found.defined:
        return "-"
    low, value, high = (f"{x:.4f}" for x in (found.low, found.estimate, found.high))
    return value if low == value == high else f"{value} [{low}, {high}]"
