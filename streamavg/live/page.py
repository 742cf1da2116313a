"""Page: a moment as OpenMetrics, for Prometheus and its kin.

Counters count from the start of the process, as everywhere: a state that a killed run goes on from is a little behind,
and a counter that fell by 10 rows would be read as a new one that has already met all of them. What the state holds in
all is in gauges. Where rows can be taken away again the counts are gauges too, of all that the state holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from streamavg.errors import InputError
from streamavg.live.series import Series, cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from streamavg.live.figures import Reader
    from streamavg.live.moment import Moment, Window

PREFIX = "streamavg_"
KINDS = {"tp": "True positives", "fp": "False positives", "fn": "False negatives"}


def metrics_client() -> Any:
    """The library that knows the format; InputError where it is not installed."""
    try:
        import prometheus_client.core
        import prometheus_client.exposition
        import prometheus_client.openmetrics.exposition
    except ImportError:
        raise InputError('--serve needs prometheus-client: pip install "streamavg[metrics]"') from None
    return prometheus_client


class _Made(NamedTuple):
    """Families as the library wants to have them."""

    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


class Page:
    """Makes the families of metrics of moments of one run; `start` is the moment before its first record."""

    def __init__(self, start: Moment, reader: Reader, signed: bool = False, labels: int = 100) -> None:
        """signed: whether rows can be taken away again. labels: how many have series of their own."""
        self._start, self._reader, self._signed = start, reader, signed
        self._series = Series(labels)
        self._core = metrics_client().core

    def families(self, moment: Moment, closed: int = 0, window: Window | None = None) -> list[Metric]:
        """All families; closed: windows that closed since the start, window: the one that did last."""
        return [
            *self._about(moment),
            *self._counts(moment),
            *self._flow(moment, closed),
            *self._values(moment),
            *(() if window is None else self._window(window)),
        ]

    def texts(self, moment: Moment, closed: int = 0, window: Window | None = None) -> tuple[bytes, bytes]:
        """The families in the older text of Prometheus, and in OpenMetrics."""
        families = _Made(self.families(moment, closed, window))
        client = metrics_client()
        return client.exposition.generate_latest(families), client.openmetrics.exposition.generate_latest(families)

    def _gauge(self, name: str, words: str, value: float) -> Metric:
        family: Metric = self._core.GaugeMetricFamily(PREFIX + name, words, value=value)
        return family

    def _named(self, name: str, words: str, label: str, values: Iterable[tuple[str, float]]) -> Iterator[Metric]:
        """A gauge with a label; nothing if there are no values."""
        family = self._core.GaugeMetricFamily(PREFIX + name, words, labels=[label])
        for text, value in values:
            family.add_metric([text], value)
        if family.samples:
            yield family

    def _count(self, name: str, words: str, values: Iterable[tuple[tuple[str, ...], int]], label: str = "") -> Metric:
        kind = self._core.GaugeMetricFamily if self._signed else self._core.CounterMetricFamily
        family: Metric = kind(PREFIX + name, words, labels=[label] if label else [])
        for texts, value in values:
            family.add_metric(list(texts), value)  # type: ignore[attr-defined]
        return family

    def _grown(self, read: Callable[[Moment], Mapping[str, int]], moment: Moment) -> list[tuple[tuple[str, ...], int]]:
        """By name what has been added since the start; where counts are signed, what there is."""
        now, then = read(moment), {} if self._signed else read(self._start)
        return [((name,), value - then.get(name, 0)) for name, value in sorted(now.items())]

    def _about(self, moment: Moment) -> Iterator[Metric]:
        from importlib.metadata import version

        info = {"version": version("streamavg"), "lineage": moment.lineage}
        yield self._core.InfoMetricFamily("streamavg", "The program, and the run that the state belongs to", info)
        state = moment.snapshot
        yield self._gauge("state_rows", "Rows scored that the state holds", state.rows)
        yield self._gauge("state_seen_rows", "Rows that the state holds, scored or skipped", state.seen)
        yield self._gauge("state_labels", "Labels that the state holds", len(state.state.counts.labels))
        yield self._gauge("state_bytes", "Size of the counts in memory", state.state_bytes)
        readable = state.state.first_negative is None
        yield self._gauge("readable", "0 while a correction is ahead of the row that it takes away", float(readable))

    def _counts(self, moment: Moment) -> Iterator[Metric]:
        then = 0 if self._signed else self._start.snapshot.rows
        yield self._count("rows", "Rows scored", [((), moment.snapshot.rows - then)])
        skipped = self._grown(lambda each: each.snapshot.skipped, moment)
        yield self._count("skipped_rows", "Rows not scored, by cause", skipped, "cause")
        tallies = self._grown(lambda each: each.snapshot.tallies, moment)
        yield self._count("tallied_rows", "Rows scored without an answer or with one not declared", tallies, "tally")
        texts = self._series.texts(moment.snapshot)
        own, rest = cells(moment.snapshot, tuple(texts))
        if not self._signed:
            own_then, rest_then = cells(self._start.snapshot, tuple(texts))
            own, rest = own - own_then, rest - rest_then
        for k, (name, words) in enumerate(KINDS.items()):
            columns = zip(((text,) for text in texts.values()), own[:, k].tolist(), strict=True)
            yield self._count(name, f"{words}, by label", columns, "label")
        for k, (name, words) in enumerate(KINDS.items()):
            yield self._count(f"rest_{name}", f"{words} of all labels without series", [((), int(rest[k]))])
        others = len(moment.snapshot.state.counts.labels) - len(texts)
        yield self._gauge("rest_labels", "Labels without series of their own", max(others, 0))

    def _flow(self, moment: Moment, closed: int) -> Iterator[Metric]:
        counter = self._core.CounterMetricFamily
        records = moment.sequence - self._start.sequence
        yield counter(PREFIX + "records", "Records taken in, counted or not", value=records)
        yield counter(PREFIX + "windows_closed", "Windows closed", value=closed)
        run = counter(PREFIX + "run_events", "Replays, duplicates, late rows and the like", labels=["event"])
        for name, value in sorted(moment.run.items()):
            run.add_metric([name], value - self._start.run.get(name, 0))
        yield run
        yield self._gauge("rows_per_second", "Rows taken in a second, lately", moment.rows_per_second)
        lag = ((unit, float(value)) for unit, value in sorted(moment.lag.items()))
        yield from self._named("lag", "What is known to be unread, in bytes or records", "unit", lag)
        readings = ((name, float(value)) for name, value in sorted(moment.readings.items()))
        yield from self._named("reading", "More readings, such as the unlabelled share", "name", readings)
        yield self._gauge("taken_timestamp_seconds", "When these values were taken", moment.taken.timestamp())
        if moment.watermark is not None:
            watermark = moment.watermark.timestamp()
            yield self._gauge("watermark_timestamp_seconds", "Event time up to which windows are closed", watermark)

    def _values(self, moment: Moment) -> Iterator[Metric]:
        for name, value in self._reader.values(moment.snapshot).items():
            yield self._gauge(name, f"{name} of all rows that the state holds", value)

    def _window(self, window: Window) -> Iterator[Metric]:
        start, snap = window
        words = "of the window that closed last"
        yield self._gauge("window_start_timestamp_seconds", f"Start {words}", start.timestamp())
        yield self._gauge("window_rows", f"Rows scored {words}", snap.rows)
        for name, value in self._reader.values(snap).items():
            yield self._gauge(f"window_{name}", f"{name} {words}", value)
