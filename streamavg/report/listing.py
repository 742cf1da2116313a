"""Listing: the catalogue of metrics as text, JSON or Markdown; the README's table is made by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from streamavg.derive.values import every_metric
from streamavg.report.escape import markdown_safe

if TYPE_CHECKING:
    from streamavg.derive.catalogue import Metric

LEGEND = (
    "TP, FP, FN, TN: the cells of a class; n rows, c = sum TP, s support, p predicted of each class, "
    "u unanswered rows, o predictions outside the declared labels, L labels."
)


def _names(metric: Metric) -> str:
    return f"{metric.name}[_{'|'.join(metric.averages)}]" if metric.averages else metric.name


def _fields(metric: Metric) -> tuple[str, str, str, str, str]:
    least, most = metric.bounds
    return metric.name, ", ".join(metric.averages) or "-", metric.formula, f"{least:g} to {most:g}", metric.title


def listing_text() -> str:
    """One entry a metric: its name with the averages it has, its formula, and what it says."""
    blocks = [f"{_names(metric)}\n    {metric.title}\n    = {metric.formula}" for metric in every_metric()]
    any_beta = "Any beta is known: f3, f0.25_macro. Plain names such as f1 are for binary tasks: the positive class."
    return "\n".join([*blocks, "", LEGEND, any_beta]) + "\n"


def listing_json() -> str:
    """The catalogue as a JSON list of objects."""
    entries = [
        {
            "name": metric.name,
            "averages": list(metric.averages),
            "formula": metric.formula,
            "better": metric.better,
            "bounds": list(metric.bounds),
            "title": metric.title,
        }
        for metric in every_metric()
    ]
    return json.dumps(entries, indent=2) + "\n"


def listing_markdown() -> str:
    """The catalogue as a Markdown table."""
    head = ("metric", "averages", "formula", "range", "what it says")
    lines = ["| " + " | ".join(head) + " |", "| :-- " * len(head) + "|"]
    for metric in every_metric():
        name, averages, formula, bounds, title = _fields(metric)
        lines.append(f"| `{name}` | {averages} | `{formula}` | {bounds} | {markdown_safe(title)} |")
    return "\n".join([*lines, "", LEGEND]) + "\n"


LISTINGS = {"table": listing_text, "json": listing_json, "markdown": listing_markdown}
