"""Text: the report as a table for a terminal, made with rich."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from streamavg.report.build import HEADLINE, ClassRow, Report, class_rows, errors_shown, policy_words
from streamavg.report.escape import label_shown, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

CAUSE_WORDS = {
    "malformed": "malformed line",
    "null_true": "no truth (null)",
    "unknown_true": "truth outside the declared labels",
    "null_pred": "no prediction (null), skipped as abstained",
    "invalid_score": "invalid score",
}
TALLY_WORDS = {"unanswered": "no prediction, counted wrong", "other": "prediction outside the declared labels"}
WHOLE = {
    "binary": ("accuracy", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa"),
    "multiclass": ("accuracy", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa", "f1_of_macro"),
    "multilabel": ("subset_accuracy", "hamming_loss", "f1_of_macro"),
}


def number(value: float) -> str:
    """A metric with four decimals."""
    return "-" if math.isnan(value) else f"{value:.4f}"


def count(rows: int) -> str:
    """A number of rows, its thousands parted unless that would push the names out of the table."""
    return f"{rows:,}" if rows < 10**12 else str(rows)


def facts(shown: Report) -> list[str]:
    """What was read: rows, labels, and every row that was not scored or not answered, by cause."""
    state = shown.state
    labels = len(state.order)
    task = state.config.task or "no task yet"
    lines = [f"{state.rows:,} rows scored, {labels:,} {'label' if labels == 1 else 'labels'}, {task}"]
    if state.config.task == "binary":
        lines[0] += f", positive is {label_shown(state.config.pos_label)}"
    if state.skipped:
        causes = "; ".join(f"{count:,} {CAUSE_WORDS[name]}" for name, count in state.skipped.items())
        lines.append(f"{state.seen - state.rows:,} of {state.seen:,} rows skipped: {causes}")
    if state.tallies:
        lines.append(
            "; ".join(
                f"{count:,} {'row' if count == 1 else 'rows'} with {TALLY_WORDS[name]}"
                for name, count in state.tallies.items()
            )
        )
    return lines


def table_text(shown: Report, width: int = 100) -> str:
    """The report as plain text of at most `width` columns."""
    from rich.console import Console

    out = io.StringIO()
    print_report(shown, Console(file=out, width=width, color_system=None, highlight=False, emoji=False, markup=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def print_report(shown: Report, console: Console) -> None:
    """Print the report to a console, with its colours if it has any."""
    for line in facts(shown):
        console.print(visible(line))
    if shown.chosen:
        console.print(_chosen_table(shown))
        console.print(visible(policy_words(shown)))
        return
    console.print(_averages_table(shown))
    values = shown.metrics
    whole = [name for name in WHOLE[shown.state.config.task or "multiclass"] if name in values]
    if values.get("coverage", 1.0) < 1:
        whole.append("coverage")
    if whole:
        console.print("   ".join(f"{name} {number(values[name])}" for name in whole))
    console.print()
    console.print(visible(shown.sentence), style="bold")
    if shown.roles:
        console.print(visible(shown.roles))
    console.print(_classes_table(shown))
    if shown.confusion is not None:
        table = _grid("truth", "answered", "rows", "share of truth")
        for true, pred, rows, share in errors_shown(shown):
            table.add_row(true, pred, f"{rows:,}", number(share))
        console.print("\nCommonest errors")
        console.print(table)
    console.print(visible(policy_words(shown)), style="dim")


def _grid(*heads: str) -> Table:
    from rich import box
    from rich.table import Table as RichTable

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", overflow="fold", no_wrap=place > 0, min_width=6)
    return table


def _chosen_table(shown: Report) -> Table:
    table = _grid("metric", "value")
    for name, value in shown.metrics.items():
        table.add_row(visible(name), number(value))
    return table


def _averages_table(shown: Report) -> Table:
    positive = ("positive",) if shown.state.config.task == "binary" and shown.policy.labels is None else ()
    table = _grid("", *positive, *shown.averages)
    for name in HEADLINE:
        names = [*([name] if positive else []), *(f"{name}_{average}" for average in shown.averages)]
        table.add_row(name, *(number(shown.metrics[each]) for each in names))
    return table


def _classes_table(shown: Report) -> Table:
    table = _grid("class", "support", "predicted", *HEADLINE, "part of gap")
    rows, rest = class_rows(shown)
    for row in (*rows, *((rest,) if rest else ())):
        table.add_row(_row_name(row), count(row.support), count(row.predicted), *map(number, row.values), _part(row))
    return table


def _row_name(row: ClassRow) -> str:
    return f"({row.count:,} others, pooled)" if row.label is None else label_shown(row.label)


def _part(row: ClassRow) -> str:
    return "-" if math.isnan(row.contribution) else f"{row.contribution:+.4f}"
