"""Reported: a snapshot as the report that was asked for, and the gates it must pass."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from streamavg import output
from streamavg.commands.told import FINE, GATE_FAILED, failed, noted
from streamavg.errors import InputError

if TYPE_CHECKING:
    import argparse

    from streamavg.report.build import Report
    from streamavg.snapshot import Snapshot


def reported(
    snap: Snapshot,
    names: list[str] | None,
    gates: list[tuple[str, float]],
    chosen: argparse.Namespace,
    why: str = "",
) -> int:
    """Write the report that is asked for; returns the exit status. why: what else to say where no row was scored."""
    if not snap.rows:
        from streamavg.derive.values import refuse_negative

        refuse_negative(snap.state)  # what owes rows may add up to none
        raise InputError(f"no row could be scored: {snap.seen:,} rows seen{snap.why_nothing()}{why}")
    shown = snap.report(
        zero_division=float(chosen.zero_division),
        over=chosen.over,
        metrics=names,
        explain_metric=chosen.explain,
        confusion=chosen.confusion,
        weighted=not chosen.unweighted,
    )
    if snap.state.config.window:
        _tell_untimed(snap, getattr(chosen, "time", None))
    missed = [_missed(snap, name, limit, chosen) for name, limit in gates]
    write(shown, chosen)
    for line in filter(None, missed):
        failed(line, GATE_FAILED)
    return GATE_FAILED if any(missed) else FINE


def _tell_untimed(snap: Snapshot, column: str | None) -> None:
    """Say how many rows are in no window, if there are any."""
    from streamavg.derive.panes import starts_of, untimed_rows

    rows = untimed_rows(snap.state)
    if rows > 0 and not starts_of(snap.state):
        noted(
            "no row has a time that a window can take; times are timestamps, dates, ISO 8601 texts, or seconds "
            "since 1970 (not milliseconds)"
        )
    elif rows > 0:
        where = "" if column is None else f" in column {column!r}"
        words = "has no usable time" if rows == 1 else "have no usable time"
        noted(f"{rows:,} of {snap.seen:,} rows {words}{where} and {'is' if rows == 1 else 'are'} in the window None")


def _missed(snap: Snapshot, name: str, limit: float, chosen: argparse.Namespace) -> str:
    policy = {"zero_division": float(chosen.zero_division), "over": chosen.over, "weighted": not chosen.unweighted}
    value = snap.value(name, **policy)
    return "" if value >= limit else f"{name} is {value:.6g}, under the required {limit:g}"


def write(shown: Report, chosen: argparse.Namespace) -> None:
    """Write a report where it is to go; nowhere if standard output is taken."""
    if getattr(chosen, "emit", None) == "-" and chosen.output is None:
        return
    from streamavg.report.render import render

    if chosen.output is None and chosen.format == "table" and sys.stdout.isatty():
        from rich.console import Console

        from streamavg.report.text import print_report

        print_report(shown, Console(highlight=False, emoji=False, markup=False))
        return
    made = render(shown, chosen.format)
    output.put(made if isinstance(made, bytes) else made.encode("utf-8"), chosen.output)
