"""Slice rows: slices and windows as lines of a report, the same words in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.derive.slice_values import ENOUGH
from streamavg.derive.tables import plain
from streamavg.report.escape import label_shown

if TYPE_CHECKING:
    from datetime import datetime

    from streamavg.derive.slice_values import SliceValue, SliceValues

WORST, NEWEST = "Worst slices", "Newest windows"


def part_shown(value: str | datetime | None, column: str) -> str:
    """A part of a slice's key: a label, or the start of a window."""
    if value is None:
        return "(no time)" if column == "window_start" else "(null)"
    return label_shown(value) if isinstance(value, str) else instant(value)


def instant(value: datetime) -> str:
    """A start of a window as ISO 8601, without a fraction of a second where there is none."""
    return value.isoformat().replace("+00:00", "Z")


def key_shown(row: SliceValue, columns: tuple[str, ...]) -> list[str]:
    """The parts of a slice's key; of rows that are no longer told apart, only that."""
    if not row.key:
        return ["(folded)", *[""] * (len(columns) - 1)]
    return [part_shown(part, column) for part, column in zip(row.key, columns, strict=True)]


def tables(shown: SliceValues) -> list[tuple[str, tuple[str, ...], tuple[SliceValue, ...]]]:
    """The tables to show: title, the columns of the key, rows."""
    found = [(WORST, shown.columns, shown.worst)]
    if len(shown.columns) > 1 or shown.columns[:1] != ("window_start",):
        found += [(NEWEST, ("window_start",), shown.newest)] if shown.newest else []
    elif shown.newest:
        found.append((NEWEST, shown.columns, shown.newest))
    return [table for table in found if table[2]]


def words(shown: SliceValues) -> str:
    """How many slices there are, and which of them are not listed among the worst."""
    order = "" if "f1_micro" in shown.metrics else "; worst by f1_micro"
    few = f"; {shown.few:,} of them have fewer than {ENOUGH} rows and are not ranked" if shown.few else ""
    return f"{shown.count:,} {'slice' if shown.count == 1 else 'slices'} by {', '.join(shown.columns)}{few}{order}"


def slices_as_dict(shown: SliceValues) -> dict[str, Any]:
    """The slices as plain Python values; the start of a window is ISO 8601."""

    def row(columns: tuple[str, ...], one: SliceValue) -> dict[str, Any]:
        parts = [instant(part) if part is not None and not isinstance(part, str) else part for part in one.key]
        values = {name: plain(value) for name, value in zip(shown.metrics, one.values, strict=True)}
        return {"key": dict(zip(columns, parts, strict=False)), "rows": one.rows, "seen": one.seen, **values}

    return {
        "by": list(shown.columns),
        "count": shown.count,
        "few": shown.few,
        "worst": [row(shown.columns, one) for one in shown.worst],
        "newest_windows": [row(("window_start",), one) for one in shown.newest],
    }
