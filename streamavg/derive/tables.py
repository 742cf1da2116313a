"""Tables: the per-class table, the confusion table and the explanation as Arrow tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.averages import class_values, predicted_and_support
from streamavg.derive.catalogue import METRICS
from streamavg.derive.policy import all_classes, mean_classes
from streamavg.derive.score_values import class_interval
from streamavg.derive.values import refuse_negative
from streamavg.errors import InputError
from streamavg.state.labels import LEAST, MOST, all_integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.derive.explain import Explanation
    from streamavg.derive.policy import Policy
    from streamavg.state.state import State

CELLS = ("tp", "fp", "fn", "tn")


def class_table(state: State, policy: Policy) -> pa.Table:
    """A row a class: label, tp, fp, fn, tn, support, predicted (int64), then each ratio and class metric (float64).

    Where metrics are of weights, weighted_tp to weighted_tn stand before them; the integers stay numbers of rows.
    Labels are int64 if all are integers of that size, otherwise string. 0/0 is the policy's value; with nan, null.
    """
    import pyarrow as pa

    refuse_negative(state)
    classes = all_classes(state, policy) if policy.labels is None else mean_classes(state, policy)
    predicted, support = predicted_and_support(classes.matrix)
    columns: dict[str, Any] = {"label": label_array(state, classes.labels)}
    columns |= {name: pa.array(classes.matrix[:, k]) for k, name in enumerate(CELLS)}
    columns |= {"support": pa.array(support), "predicted": pa.array(predicted)}
    if classes.weights is not None:
        columns |= {f"weighted_{name}": pa.array(classes.weights[:, k]) for k, name in enumerate(CELLS)}
    for metric in METRICS.values():
        if metric.kind in ("ratio", "class"):
            values, _ = class_values(metric, classes.cells, state.rows, policy)
            columns[metric.name] = pa.array(values, from_pandas=True)
    for name in ("roc_auc", "average_precision") if state.config.scores else ():
        found = [class_interval(METRICS[name], state, policy, label).estimate for label in classes.labels]
        columns[name] = pa.array(found, pa.float64(), from_pandas=True)
    return pa.table(columns)


def shown_labels(state: State, labels: Sequence[str]) -> list[int] | list[str]:
    """Labels for a table: ints if those and all of the state are integers within int64, otherwise str."""
    every = (*state.order, *labels)
    numeric = bool(every) and all_integers(every) and all(LEAST <= int(label) <= MOST for label in every)
    return [int(label) for label in labels] if numeric else list(labels)


def label_array(state: State, labels: Sequence[str], missing: bool = False) -> pa.Array:
    """Labels as int64 or string, in the type that all labels of the state have; `missing` adds a null behind them."""
    import pyarrow as pa

    values = shown_labels(state, labels)
    kind = pa.int64() if shown_labels(state, state.order[:1]) != list(state.order[:1]) else pa.string()
    return pa.array([*values, None] if missing else values, kind if not values else None)


def confusion_table(state: State, normalize: str | None) -> pa.Table:
    """y_true, y_pred, count, largest first; y_pred is null for rows without an answer among the labels.

    normalize "true", "pred" or "all" adds `share`: of the true label's rows, of the answer's rows, of all rows.
    """
    import pyarrow as pa

    if normalize not in (None, "true", "pred", "all"):
        raise InputError(f"normalize is {normalize!r}; it must be None, 'true', 'pred' or 'all'")
    if state.config.task == "multilabel":
        raise InputError("a confusion table needs one label a row; for multilabel read the per-class table")
    if state.pairs is None:
        raise InputError(
            "the label pairs were not kept (more than 512 labels); count with confusion=True (--confusion) to keep them"
        )
    refuse_negative(state)
    counts = state.pairs.table.counts
    true, pred = state.pairs.codes()
    order = np.argsort(-counts, kind="stable")  # of entries by truth, then prediction
    true, pred, counts = true[order], pred[order], counts[order]
    labels = label_array(state, state.pairs.labels, missing=True)
    columns = {"y_true": labels.take(pa.array(true)), "y_pred": labels.take(pa.array(pred % len(labels)))}
    columns["count"] = pa.array(counts)
    if normalize is not None:
        whole = np.full(len(counts), counts.sum())
        if normalize != "all":
            side = (true if normalize == "true" else pred) % len(labels)
            sums = np.zeros(len(labels), np.int64)
            np.add.at(sums, side, counts)
            whole = sums[side]
        columns["share"] = pa.array(counts / whole)
    return pa.table(columns)


def explanation_table(state: State, found: Explanation, policy: Policy) -> pa.Table:
    """label, weight, value, contribution, largest share of the gap first; the rest is in the schema metadata."""
    import pyarrow as pa

    table = pa.table(
        {
            "label": label_array(state, found.labels),
            "weight": pa.array(found.weight),
            "value": pa.array(found.value),
            "contribution": pa.array(found.contribution),
        }
    )
    about = {
        "metric": found.metric,
        "micro": plain(found.micro),
        "macro": plain(found.macro),
        "gap": plain(found.gap),
        "residual": plain(found.residual),
        "pooled_only": shown_labels(state, found.pooled_only),
        "zero_division": plain(policy.zero_division),
        "over": policy.over if policy.labels is None else "labels",
    }
    return table.replace_schema_metadata({key: json.dumps(value) for key, value in about.items()})


def plain(value: float) -> float | None:
    """A float as JSON has it: nan is None."""
    return None if np.isnan(value) else float(value)
