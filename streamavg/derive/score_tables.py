"""Score tables: curves and best thresholds of a state as Arrow tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.derive import calibration, curves, mean_curve, thresholds
from streamavg.derive.policy import mean_classes
from streamavg.derive.score_values import bins_of, pooled_labels
from streamavg.derive.scored import PROBABILITY, refusal, scores_of, sums_of
from streamavg.derive.tables import label_array
from streamavg.derive.values import refuse_negative
from streamavg.errors import InputError
from streamavg.state.labels import label_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from streamavg.derive.bins import Bins
    from streamavg.derive.policy import Policy
    from streamavg.derive.thresholds import BestThreshold
    from streamavg.state.state import State

KINDS: dict[str, Callable[[Bins], pa.Table]] = {
    "roc": curves.roc_table,
    "pr": curves.pr_table,
    "threshold": curves.threshold_table,
    "calibration": lambda bins: calibration.reliability(calibration.equal_mass(bins)),
}
MEANS: dict[str, Callable[..., pa.Table]] = {"roc": mean_curve.mean_roc_table, "pr": mean_curve.mean_pr_table}
GOALS: dict[str, Callable[[Bins, float], BestThreshold]] = {
    "f1": lambda bins, _: thresholds.best_f(bins),
    "youden": lambda bins, _: thresholds.best_youden(bins),
    "precision": thresholds.best_recall,
    "recall": thresholds.best_precision,
}


def curve_table(state: State, kind: str, label: object, average: str | None, policy: Policy) -> pa.Table:
    """The curve of one label, or the "micro" or "macro" one; without either, of the positive label or of the bands."""
    refuse_negative(state)
    if kind not in KINDS:
        raise InputError(f"there is no curve {kind!r}; choose one of {', '.join(KINDS)}")
    reason = refusal(PROBABILITY[0] if kind == "calibration" else "roc_auc", state)
    if reason:
        raise InputError(f"the {kind} curve cannot be read here: {reason}")
    if average is None:
        return _of_one(state, kind, label, policy)
    if label is not None or average not in ("micro", "macro"):
        raise InputError(f"average is {average!r} and label {label!r}; give one label, or average 'micro' or 'macro'")
    if average == "micro":
        return KINDS[kind](bins_of(state, policy, pooled_labels(state, policy)))
    if kind not in MEANS:
        raise InputError(f"there is no macro {kind} curve; there is one of {', '.join(MEANS)}")
    labels = mean_classes(state, policy).labels
    return MEANS[kind]([bins for each in labels if not (bins := bins_of(state, policy, [each])).one_sided])


def _of_one(state: State, kind: str, label: object, policy: Policy) -> pa.Table:
    task = state.config.task
    if label is None and task != "binary":
        if kind != "calibration":
            raise InputError(f"the {kind} curve is of one label or of an average: give label=..., or average='micro'")
        return calibration.reliability(calibration.equal_width(sums_of(state, policy).bands_table()))
    text = str(state.config.pos_label) if label is None else label_text(label)
    if text not in scores_of(state, policy).labels:
        raise InputError(
            f"label {text!r} has no scores; those that have: {', '.join(pooled_labels(state, policy)[:12])}"
        )
    return KINDS[kind](bins_of(state, policy, [text]))


def best_thresholds(state: State, goal: str, at: float | None, policy: Policy) -> pa.Table:
    """A row a class: label, threshold, what it reaches (value), what no threshold can pass (most), and its cells."""
    import pyarrow as pa

    refuse_negative(state)
    if goal not in GOALS or (at is None) != (goal in ("f1", "youden")):
        raise InputError(
            f"goal is {goal!r} and at is {at!r}; expected 'f1' or 'youden', or 'precision' or 'recall' with at=, the "
            "least that is required of it"
        )
    reason = refusal("roc_auc", state)
    if reason:
        raise InputError(f"there are no thresholds here: {reason}")
    labels = pooled_labels(state, policy)
    ranked = [bins_of(state, policy, [label]) for label in labels]
    found = [GOALS[goal](bins, at or 0.0) for bins in ranked]
    columns: dict[str, Any] = {
        "label": label_array(state, labels),
        "threshold": pa.array([one.threshold for one in found], pa.float64(), from_pandas=True),
        "value": pa.array([one.value.estimate for one in found], pa.float64(), from_pandas=True),
        "most": pa.array([one.value.high for one in found], pa.float64(), from_pandas=True),
    }
    kind = pa.float64() if ranked and ranked[0].unit != 1.0 else pa.int64()
    for name in ("tp", "fp", "fn", "tn"):
        cells = [bins.counted(getattr(one, name)).item() for bins, one in zip(ranked, found, strict=True)]
        columns[name] = pa.array(cells, kind)
    return pa.table(columns)
