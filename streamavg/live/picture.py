"""Picture: a moment as lines and tables for a terminal of any width."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streamavg.live.figures import ENOUGH, Reader, Worst
from streamavg.live.sparkline import gauge, sparkline
from streamavg.live.words import flow_words, reading_words, trouble_words
from streamavg.report import slice_rows
from streamavg.report.escape import label_shown, visible
from streamavg.report.text import count, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from streamavg.derive.slice_values import SliceValues
    from streamavg.live.moment import Moment
    from streamavg.snapshot import Snapshot

WINDOWS, TREND = 5, 40  # windows listed; windows in the line of bars
WORST, SLICES = 8, 4
ROOM = 8  # lines for slices, below which only classes are shown
NARROW, WIDE = 72, 100  # columns
BESIDE = (24, 29)  # columns that the start of a window and its rows take, narrow and not
COLUMNS = {
    "binary": (("f1", "f1"), ("f1_macro", "macro f1"), ("accuracy", "accuracy"), ("roc_auc", "roc_auc")),
    "multiclass": (
        ("f1_micro", "micro f1"),
        ("f1_macro", "macro f1"),
        ("f1_weighted", "weighted f1"),
        ("balanced_accuracy", "balanced acc."),
    ),
    "multilabel": (
        ("f1_micro", "micro f1"),
        ("f1_macro", "macro f1"),
        ("f1_weighted", "weighted f1"),
        ("subset_accuracy", "subset acc."),
    ),
}
MEAN = "f1_macro"  # what the line of bars shows


def picture(moment: Moment, reader: Reader, width: int, height: int = 40, plain: bool = False) -> RenderableType:
    """What to draw in so many columns and lines; plain: in ASCII."""
    kinds = ((flow_words(moment), "bold"), (trouble_words(moment), "yellow"), (reading_words(moment), ""))
    lines = [
        Text(line, style, no_wrap=True, overflow="ellipsis") for pieces, style in kinds for line in flow(pieces, width)
    ]
    parts: list[RenderableType] = [*lines, Text("")]
    values = reader.values(moment.snapshot)
    if not values:
        return Group(*parts, Text(why_nothing(moment.snapshot)))
    parts.append(_averages(moment, reader, width, values))
    if moment.windows:
        parts.append(_trend(moment, reader, width, plain))
    room = height - len(lines) - min(len(moment.windows), WINDOWS) - 10
    slices = reader.slices(moment.snapshot) if room >= 2 * ROOM else None
    if slices is not None and slices.worst:
        parts += [
            Text(f"\n{visible(slice_rows.words(slices))}", no_wrap=True, overflow="ellipsis"),
            _slices(slices, width),
        ]
        room -= min(len(slices.worst), SLICES) + 4
    worst = reader.worst(moment.snapshot, min(room, WORST)) if room > 0 else []
    if worst:
        parts += [Text(f"\nlowest f1 of classes with {ENOUGH} rows or more"), _classes(worst, width, plain)]
    return Group(*parts)


def why_nothing(snap: Snapshot) -> str:
    """Why no metric can be read."""
    if snap.state.first_negative is not None:
        return visible(f"corrections are ahead of the rows they take away: {snap.state.first_negative}")
    return "no row could be scored yet" if snap.seen else "no row yet"


def flow(words: Iterable[str], width: int) -> list[str]:
    """Short pieces side by side in lines of at most so many columns, none of them parted.

    >>> flow(["one two", "three", "four"], 16)
    ['one two   three', 'four']
    """
    lines: list[str] = []
    for word in words:
        if lines and cell_len(lines[-1]) + 3 + cell_len(word) <= width:
            lines[-1] += f"   {word}"
        else:
            lines.append(word)
    return lines


def _grid(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=True, overflow="ellipsis")
    return table


def _fitting(columns: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """The first of these (metric, head) that fit into so many columns."""
    ends = accumulate(max(len(head), 6) + 3 for _, head in columns)
    return [column for column, end in zip(columns, ends, strict=True) if end <= width]


def _averages(moment: Moment, reader: Reader, width: int, total: dict[str, float]) -> Table:
    """The total and the newest windows, a row each."""
    task = moment.snapshot.state.config.task or "multiclass"
    chosen = _fitting([(name, head) for name, head in COLUMNS[task] if name in total], width - BESIDE[width >= NARROW])
    table = _grid("start (UTC)" if moment.windows else "", "rows", *(head for _, head in chosen))
    table.add_row("total", count(moment.snapshot.rows), *(number(total[name]) for name, _ in chosen), style="bold")
    for start, snap in list(moment.windows)[-WINDOWS:][::-1]:
        values = reader.values(snap, scores="roc_auc" in total)
        cells = (number(values.get(name, float("nan"))) for name, _ in chosen)
        table.add_row(f"{start:%Y-%m-%d %H:%M:%S}"[0 if width >= NARROW else 5 :], count(snap.rows), *cells)
    return table


def _trend(moment: Moment, reader: Reader, width: int, plain: bool) -> Text:
    """macro F1 of the windows as bars, oldest first."""
    newest = list(moment.windows)[-min(TREND, width - 38) :]
    values = [reader.one(snap, MEAN) for _, snap in newest]
    known = [value for value in values if value == value]
    line = f"macro f1 by window {sparkline(values, plain)}"
    return Text(line + (f" {min(known):.4f} to {max(known):.4f}" if known else ""), no_wrap=True, overflow="ellipsis")


def _slices(slices: SliceValues, width: int) -> Table:
    """The slices of the lowest micro F1."""
    table = _grid("worst slice", "rows", *slices.metrics)
    most = width - 12 - sum(max(len(name), 6) + 3 for name in slices.metrics)
    for each in slices.worst[:SLICES]:
        name = Text(", ".join(slice_rows.key_shown(each, slices.columns)))
        name.truncate(most, overflow="ellipsis")
        table.add_row(name, count(each.rows), *map(number, each.values))
    return table


def _classes(worst: Sequence[Worst], width: int, plain: bool) -> Table:
    """The classes of the lowest F1."""
    parts = ("precision", "recall") if width >= NARROW else ()
    bar, most = (20, 40) if width >= WIDE else (10, 24)
    table = _grid("class", "support", *parts, "f1", "")
    for each in worst:
        name = Text(label_shown(each.label))
        name.truncate(most, overflow="ellipsis")
        cells = (number(value) for value in (*((each.precision, each.recall) if parts else ()), each.f1))
        table.add_row(name, count(each.support), *cells, gauge(each.f1, bar, plain))
    return table
