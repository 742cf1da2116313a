"""Words: what a moment says beside its metrics, as short pieces of text that are safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.report.escape import label_shown, visible
from streamavg.report.text import CAUSE_WORDS, TALLY_WORDS, count, number

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    return [*map(visible, words), *run_words(moment.run)]


def run_words(run: Mapping[str, int]) -> list[str]:
    """The run counters that are not zero."""
    return [visible(of(count(rows), name.replace("_", " "))) for name, rows in run.items() if rows]


def end_words(run: Mapping[str, int], readings: Mapping[str, float | int]) -> str:
    """The run counters in one line for the end of a run, pairs and what waits for a truth first; "" without any."""
    words = run_words({"matched": run.get("matched", 0)})
    if waiting := readings.get("waiting"):
        words.append(
            f"{count(int(waiting))} waiting ({100 * readings['unlabelled']:.1f} % of predictions without a truth)"
        )
    return ", ".join(words + run_words({name: rows for name, rows in run.items() if name != "matched"}))


def wait_words(rows: int, what: str) -> str:
    """How many of something wait."""
    return f"{rows:,} {what} waits" if rows == 1 else f"{rows:,} {what}s wait"


def nothing_words(run: Mapping[str, int], predictions: int, truths: int) -> str:
    """Why a join scored no row, for the end of a message, and the way out; records still wait for their other half."""
    apart = ", ".join(run_words({name: run.get(name, 0) for name in ("expired", "orphan")}))
    if apart:
        return f"; of the records {apart}: raise --join-limit"
    waiting = {("prediction", "truth"): predictions, ("truth", "prediction"): truths}
    words = " and ".join(f"{wait_words(rows, one)} for a {other}" for (one, other), rows in waiting.items() if rows)
    if predictions and truths:
        return f"; {words}: no id of the one is among those of the other; is --join the right column?"
    return f"; {words}: is the second source missing?" if words else ""


def reading_words(moment: Moment) -> list[str]:
    """More readings, by name; shares with four decimals."""
    shown = (f"{value:,}" if isinstance(value, int) else number(value) for value in moment.readings.values())
    return [f"{label_shown(name)} {value}" for name, value in zip(moment.readings, shown, strict=True)]
