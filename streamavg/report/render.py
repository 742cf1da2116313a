"""Render: a report as bytes or text in one of the declared formats."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

from streamavg.report import slice_rows
from streamavg.report.build import HEADLINE, Report, as_dict, class_rows, errors_shown, policy_words
from streamavg.report.difference import Difference, difference_as_dict
from streamavg.report.escape import json_safe, label_shown, markdown_safe, spreadsheet_safe
from streamavg.report.text import difference_text, facts, number, table_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def json_text(shown: Report) -> str:
    """The report as strict JSON, two blanks a level; nan is null, every character outside ASCII is escaped."""
    return json_safe(json.dumps(as_dict(shown), indent=2, allow_nan=False)) + "\n"


def csv_text(shown: Report) -> str:
    """The per-class table as CSV, behind it the worst slices and the newest windows, each table after an empty line;
    where metrics were chosen, their names and values instead of the classes.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if shown.chosen:
        writer.writerow(("metric", "value"))
        writer.writerows((name, _csv_number(value)) for name, value in shown.metrics.items())
    else:
        columns = shown.classes.to_pydict()
        writer.writerow(columns)
        writer.writerows(map(_csv_cell, row) for row in zip(*columns.values(), strict=True))
    if shown.slices is not None:
        for _, heads, rows in slice_rows.tables(shown.slices):
            out.write("\n")
            writer.writerow([*map(spreadsheet_safe, heads), "rows", *shown.slices.metrics])
            for row in rows:
                values = map(_csv_number, row.values)
                writer.writerow([*map(spreadsheet_safe, slice_rows.key_shown(row, heads)), row.rows, *values])
    return out.getvalue()


def _csv_cell(value: object) -> object:
    return spreadsheet_safe(value) if isinstance(value, str) else "" if value is None else value


def _csv_number(value: float) -> object:
    return "" if math.isnan(value) else value


def markdown_text(shown: Report) -> str:
    """The report as Markdown: facts, averages side by side, the explanation, the classes."""
    lines = [f"- {markdown_safe(fact)}" for fact in facts(shown)] + [""]
    if shown.chosen:
        lines += _grid(("metric", "value"), [(name, number(value)) for name, value in shown.metrics.items()])
        return "\n".join([*lines, *_slices(shown)]) + "\n"
    values = shown.metrics
    rows = [(name, *(number(values[f"{name}_{average}"]) for average in shown.averages)) for name in HEADLINE]
    lines += [
        *_grid(("", *shown.averages), rows),
        "",
        f"**{markdown_safe(shown.sentence)}** {markdown_safe(shown.roles)}",
        "",
    ]
    listed, rest = class_rows(shown)
    cells = [
        (
            markdown_safe(f"{row.count:,} others" if row.label is None else label_shown(row.label)),
            f"{row.support:,}",
            f"{row.predicted:,}",
            *map(number, row.values),
            number(row.contribution),
        )
        for row in (*listed, *((rest,) if rest else ()))
    ]
    lines += _grid(("class", "support", "predicted", *HEADLINE, "part of gap"), cells)
    if shown.confusion is not None:
        errors = [
            (markdown_safe(true), markdown_safe(pred), f"{rows:,}", number(share))
            for true, pred, rows, share in errors_shown(shown)
        ]
        lines += ["", "Commonest errors", "", *_grid(("truth", "answered", "rows", "share of truth"), errors)]
    lines += [*_slices(shown), "", markdown_safe(policy_words(shown))]
    return "\n".join(lines) + "\n"


def _slices(shown: Report) -> list[str]:
    if shown.slices is None:
        return []
    lines = ["", markdown_safe(slice_rows.words(shown.slices))]
    for title, columns, rows in slice_rows.tables(shown.slices):
        heads = (*map(markdown_safe, columns), "rows", *shown.slices.metrics)
        cells = [
            (*map(markdown_safe, slice_rows.key_shown(row, columns)), f"{row.rows:,}", *map(number, row.values))
            for row in rows
        ]
        lines += ["", title, "", *_grid(heads, cells)]
    return lines


def _grid(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    rule = "|" + "|".join([" :-- ", *[" --: "] * (len(head) - 1)]) + "|"
    first, *others = ("| " + " | ".join(row) + " |" for row in (head, *rows))
    return [first, rule, *others]


def parquet_bytes(shown: Report) -> bytes:
    """The per-class table as Parquet, the rest of the report as JSON in its schema metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {name: value for name, value in as_dict(shown).items() if name != "classes"}
    sink = pa.BufferOutputStream()
    pq.write_table(shown.classes.replace_schema_metadata({"streamavg": json.dumps(about)}), sink)
    return bytes(sink.getvalue().to_pybytes())


RENDERERS: dict[str, Callable[[Report], str | bytes]] = {
    "table": table_text,
    "json": json_text,
    "csv": csv_text,
    "markdown": markdown_text,
    "parquet": parquet_bytes,
}


def difference_json(shown: Difference) -> str:
    """Two states side by side as strict JSON; nan is null."""
    return json_safe(json.dumps(difference_as_dict(shown), indent=2, allow_nan=False)) + "\n"


DIFFERENCES: dict[str, Callable[[Difference], str]] = {"table": difference_text, "json": difference_json}


def render(shown: Report, name: str) -> str | bytes:
    """The report in the format of that name."""
    return RENDERERS[name](shown)


__all__ = ["DIFFERENCES", "RENDERERS", "render"]
