"""Text: the report as a table for a terminal, made with rich."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from streamavg.derive.explain import sentence
from streamavg.report import slice_rows
from streamavg.report.build import HEADLINE, ClassRow, Report, class_rows, errors_shown, policy_words
from streamavg.report.difference import SHOWN
from streamavg.report.escape import label_shown, visible
from streamavg.report.score_rows import cause_words, interval_text, scored_rows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from streamavg.derive.slice_values import SliceValues
    from streamavg.report.difference import Difference
    from streamavg.report.score_rows import ScoreRows
    from streamavg.state.state import State

CAUSE_WORDS = {
    "malformed": "malformed line",
    "null_true": "no truth (null)",
    "unknown_true": "truth outside the declared labels",
    "null_pred": "no prediction (null), skipped as abstained",
    "invalid_score": "invalid score",
}
LEAST, LEAST_SCORED = 80, 92  # columns that the table of classes needs
SCORES_SHOWN = ("roc_auc", "average_precision", "ks")
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
    if shown.total_weight is not None:
        lines[0] += f", sample weights {shown.total_weight:,.12g} in all"
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
    if state.config.scores and (scored := scored_rows(state)) != state.rows:
        lines.append(f"{scored:,} of them have scores")
    if why := cause_words(state):
        lines.append(why)
    return lines


def skipped_words(state: State) -> str:
    """Why rows were skipped, for the end of a message; "" if none was."""
    causes = ", ".join(f"{rows:,} {CAUSE_WORDS[cause]}" for cause, rows in state.skipped.items())
    why = cause_words(state)
    return (f", all skipped: {causes}" if causes else "") + (f" ({why})" if why else "")


def table_text(shown: Report, width: int = 100) -> str:
    """The report as plain text of at most `width` columns."""
    from rich.console import Console

    out = io.StringIO()
    print_report(shown, Console(file=out, width=width, color_system=None, highlight=False, emoji=False, markup=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def print_report(shown: Report, console: Console) -> None:
    """Print the report to a console, with its colours if it has any.

    On a terminal that is narrower than the table of classes lines are too long, for rich would leave names out.
    """
    console.width = max(console.width, LEAST_SCORED if shown.state.config.scores else LEAST)
    for line in facts(shown):
        console.print(visible(line))
    if shown.chosen:
        heads = () if shown.slices is None else (*shown.slices.columns, *shown.slices.metrics)
        console.width = max(console.width, sum(max(len(head), 12) + 3 for head in heads))
        console.print(_chosen_table(shown))
        _print_slices(shown.slices, console)
        console.print(visible(policy_words(shown)))
        return
    console.print(_averages_table(shown))
    if shown.scores is not None:
        console.print(_scores_table(shown.scores))
        console.print("   ".join(f"{name} {interval_text(found)}" for name, found in shown.scores.whole.items()))
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
    if shown.ranking is not None:
        console.print(visible(sentence(shown.ranking)), style="bold")
    for found in (shown.explanation, shown.ranking):
        if found is not None and found.metric == "roc_auc" and abs(found.residual) >= 0.00005:
            console.print(f"Comparing scores across classes, as only micro does, makes {found.residual:+.4f} of it.")
    console.print(_classes_table(shown))
    if shown.confusion is not None:
        table = _grid("truth", "answered", "rows", "share of truth")
        for true, pred, rows, share in errors_shown(shown):
            table.add_row(true, pred, f"{rows:,}", number(share))
        console.print("\nCommonest errors")
        console.print(table)
    _print_slices(shown.slices, console)
    console.print(visible(policy_words(shown)), style="dim")


def _print_slices(slices: SliceValues | None, console: Console) -> None:
    if slices is None:
        return
    console.print(visible(slice_rows.words(slices)))
    for title, columns, rows in slice_rows.tables(slices):
        table = _grid(*map(label_shown, columns), "rows", *slices.metrics)
        for row in rows:
            table.add_row(*slice_rows.key_shown(row, columns), count(row.rows), *map(number, row.values))
        console.print(f"\n{title}")
        console.print(table)


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
        found = shown.interval(name)
        table.add_row(visible(name), number(value) if found is None else interval_text(found))
    return table


def _averages_table(shown: Report) -> Table:
    positive = ("positive",) if shown.state.config.task == "binary" and shown.policy.labels is None else ()
    table = _grid("", *positive, *shown.averages)
    for name in HEADLINE:
        names = [*([name] if positive else []), *(f"{name}_{average}" for average in shown.averages)]
        table.add_row(name, *(number(shown.metrics[each]) for each in names))
    return table


def _scores_table(scores: ScoreRows) -> Table:
    table = _grid("scores", *(average or "value" for average in scores.averages))
    for name in SCORES_SHOWN:
        found = scores.rows.get(name, [])
        table.add_row(name, *map(interval_text, found))
    return table


def _classes_table(shown: Report) -> Table:
    ranked = bool(shown.state.config.scores)
    table = _grid("class", "support", "predicted", *HEADLINE, *(("roc_auc",) if ranked else ()), "part of gap")
    rows, rest = class_rows(shown)
    for row in (*rows, *((rest,) if rest else ())):
        values = (*row.values, *((row.roc_auc,) if ranked else ()))
        table.add_row(_row_name(row), count(row.support), count(row.predicted), *map(number, values), _part(row))
    return table


def _row_name(row: ClassRow) -> str:
    return f"({row.count:,} others, pooled)" if row.label is None else label_shown(row.label)


def _part(row: ClassRow) -> str:
    return _signed(row.contribution)


def difference_text(shown: Difference) -> str:
    """Two states side by side as plain text."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=110, color_system=None, highlight=False, emoji=False, markup=False)
    for letter, name, state in zip("AB", shown.names, shown.states, strict=True):
        console.print(visible(f"{letter}: {name} ({state.config.task})"), overflow="fold")
    if shown.states[0].fingerprint == shown.states[1].fingerprint:
        console.print("equal: the same rows, whatever their order")
    table = _grid("", "A", "B", "B - A")
    for name, (first, second) in shown.counts().items():
        table.add_row(visible(name), f"{first:,}", f"{second:,}", f"{second - first:+,}")
    table.add_section()
    for name, values in shown.metrics.items():
        table.add_row(visible(name), *map(number, values), _signed(values[1] - values[0]))
    console.print(table)
    if shown.classes:
        console.print(f"\n{len(shown.classes):,} classes differ" + _first(len(shown.classes)))
        console.print(_changes_table(shown))
    division = shown.policy.zero_division
    words = "leaves the mean" if math.isnan(division) else f"counts as {division:g}"
    console.print(f"means over {shown.policy.over} classes; 0/0 {words}")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _first(classes: int) -> str:
    return f"; the {SHOWN} that changed most:" if classes > SHOWN else ":"


def _changes_table(shown: Difference) -> Table:
    table = _grid("class", "rows A", "rows B", "f1 A", "f1 B", *(f"{name} B - A" for name in HEADLINE))
    place = HEADLINE.index("f1")
    for each in shown.classes[:SHOWN]:
        sizes = (f"{rows:,}" for rows in each.support)
        values = (number(side[place]) for side in each.values)
        table.add_row(label_shown(each.label), *sizes, *values, *map(_signed, each.changes))
    return table


def _signed(change: float) -> str:
    return "-" if math.isnan(change) else f"{change:+.4f}"
