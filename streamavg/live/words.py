"""Words: what a moment says beside its metrics, as short pieces of text that are safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.report.escape import label_shown, visible
from streamavg.report.text import CAUSE_WORDS, TALLY_WORDS, count, number

if TYPE_CHECKING:
    from streamavg.live.moment import Moment

UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size(amount: float) -> str:
    """Bytes in the unit that keeps them short."""
    step = 0
    while amount >= 1000 and step < len(UNITS) - 1:
        amount, step = amount / 1000, step + 1
    return of(f"{amount:.0f}", UNITS[step]) if not step else f"{amount:.1f} {UNITS[step]}"


def of(number: str, plural: str) -> str:
    """So many of something.

    >>> of("1", "rows"), of("2", "rows")
    ('1 row', '2 rows')
    """
    return f"{number} {plural.removesuffix('s') if number == '1' else plural}"


def lag_words(moment: Moment) -> str:
    """What is known to be unread."""
    known = [size(n) if unit == "bytes" else of(count(n), visible(unit)) for unit, n in moment.lag.items()]
    return "lag " + " ".join(known) if known else ""


def flow_words(moment: Moment) -> list[str]:
    """Rows, rows a second, lag, watermark."""
    snap = moment.snapshot
    labels = len(snap.state.order)
    task = snap.state.config.task or "no task yet"
    words = [of(count(snap.rows), "rows"), f"{moment.rows_per_second:,.0f} rows/s", lag_words(moment)]
    words += [of(f"{labels:,}", "labels"), task]
    if moment.watermark is not None:
        words.append(f"watermark {moment.watermark:%Y-%m-%d %H:%M:%S}")
    return [word for word in words if word]


def trouble_words(moment: Moment) -> list[str]:
    """Skipped rows by cause, tallies, and the run counters that are not zero."""
    snap = moment.snapshot
    words = [f"{count(rows)} {CAUSE_WORDS.get(cause, cause)}" for cause, rows in snap.skipped.items()]
    words += [f"{count(rows)} {TALLY_WORDS.get(name, name)}" for name, rows in snap.tallies.items()]
    words += [of(count(rows), name.replace("_", " ")) for name, rows in moment.run.items() if rows]
    return [visible(word) for word in words]


def reading_words(moment: Moment) -> list[str]:
    """More readings, by name; shares with four decimals."""
    shown = (f"{value:,}" if isinstance(value, int) else number(value) for value in moment.readings.values())
    return [f"{label_shown(name)} {value}" for name, value in zip(moment.readings, shown, strict=True)]
