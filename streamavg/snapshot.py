"""Snapshot: an immutable state with one-line delegations to derive and report; the only module that knows both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.checkpoint import wire
from streamavg.derive import explain_auc, panes, score_tables, tables, values
from streamavg.derive.policy import Policy
from streamavg.errors import InputError
from streamavg.report import build
from streamavg.report.render import RENDERERS, render
from streamavg.report.text import skipped_words
from streamavg.state.labels import public_labels
from streamavg.state.spans import microseconds, moment, public_key
from streamavg.state.state import State

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    import pyarrow as pa

    from streamavg.derive.interval import Interval
    from streamavg.state.sums import Floats
    from streamavg.state.tables import Ints


class Snapshot:
    """What was counted up to one moment. Adds (+), subtracts (-), compares (== by fingerprint); never changes.

    Hints are no part of ==: label pairs, which score a slot has met, exact areas (lost in a sum and in a file).

    >>> snap = from_confusion(["cat", "dog"], [[8, 2], [1, 9]])
    >>> snap["accuracy"], (snap + snap).rows
    (0.85, 40)
    """

    __slots__ = ("state",)

    state: State

    def __init__(self, state: State | None = None) -> None:
        object.__setattr__(self, "state", state or State())

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Snapshot never changes; {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Snapshot never changes; {name} cannot be deleted")

    @property
    def labels(self) -> list[int] | list[str]:
        """The labels: declared ones as declared, then the rest ascending; ints if every one is an integer."""
        return public_labels(self.state.order)

    @property
    def matrix(self) -> Ints:
        """TP, FP, FN, TN of each label in the order of `labels`; int64, shape (C, 4)."""
        return self.state.matrix

    @property
    def weighted(self) -> Floats | None:
        """The weight of TP, FP, FN, TN of each label, each rounded once from its exact sum; None without weights."""
        values.refuse_negative(self.state)
        return self.state.weighted_matrix if self.state.config.sample_weight else None

    @property
    def rows(self) -> int:
        """Rows in the matrix."""
        return self.state.rows

    @property
    def skipped(self) -> dict[str, int]:
        """Rows not scored, by cause."""
        return dict(self.state.skipped)

    @property
    def seen(self) -> int:
        """Rows offered: `rows` and all skipped ones."""
        return self.state.seen

    @property
    def tallies(self) -> dict[str, int]:
        """`unanswered`: scored rows without a prediction; `other`: predictions outside the declared labels."""
        return dict(self.state.tallies)

    @property
    def state_bytes(self) -> int:
        """The size of the counts in memory, in bytes; it depends on labels, never on rows."""
        return self.state.size

    @property
    def slices(self) -> dict[tuple[Any, ...], Snapshot]:
        """The slices, which add up to this, by key: the text of each `by` value (None: null), then the start of the
        window (UTC; None: no time). Rows that are no longer told apart have the key ()."""
        size = self.state.config.window
        return {public_key(key, bool(size)): Snapshot(state) for key, state in self.state.slice_states.items()}

    @property
    def total(self) -> Snapshot:
        """The same rows, no longer told apart by slices; its fingerprint is that of an evaluation without them."""
        return Snapshot(self.state.total)

    @property
    def windows(self) -> dict[datetime, Snapshot]:
        """The windows by their start (UTC), ascending, whatever the `by` values; InputError if there are none."""
        return {moment(start): Snapshot(state) for start, state in panes.windows(self.state).items()}

    def sliding(self, length: str | timedelta, end: datetime | None = None) -> Snapshot:
        """The rows of the last windows: of a `length` of time before `end` (None: the end of the newest window).

        Still told apart by `by`. InputError if that is no whole number of windows.

        >>> from streamavg import evaluate
        >>> data = {"y_true": [1, 1, 0], "y_pred": [0, 1, 0], "ts": [0, 300, 600]}
        >>> snap = evaluate(data, pos_label=1, window="5m", time="ts")
        >>> snap["accuracy"], snap.sliding("10m")["accuracy"]
        (0.6666666666666666, 1.0)
        """
        return Snapshot(panes.sliding(self.state, length, None if end is None else microseconds(end)))

    def decayed(self, half_life: str | timedelta, end: datetime | None = None) -> Snapshot:
        """All rows up to `end` (None: the end of the newest window), each window half as heavy for every half-life
        that it ended before: metrics are of `weighted`, counts are still of rows. Scores are left out.

        >>> from streamavg import evaluate
        >>> data = {"y_true": [1, 1], "y_pred": [0, 1], "ts": [0, 300]}
        >>> evaluate(data, pos_label=1, window="5m", time="ts").decayed("5m")["recall"]
        0.6666666666666666
        """
        return Snapshot(panes.decayed(self.state, half_life, None if end is None else microseconds(end)))

    def value(
        self,
        name: str,
        average: str | None = None,
        *,
        zero_division: float = 0.0,
        over: str = "seen",
        labels: Iterable[object] | None = None,
        weighted: bool = True,
    ) -> float:
        """One metric: `value("f1", average="macro")` or `value("f1_macro")`.

        zero_division: what 0/0 is, 0.0, 1.0 or nan (leaves the mean). over: the classes of macro and weighted means,
        "seen", "declared" or "supported". labels: mean and pool exactly these instead. weighted: add up sample weights
        where there are any; False: rows. InputError if there is no such metric, or none for this task.
        """
        return values.metric_value(self.state, name, Policy.of(zero_division, over, labels, weighted), average).value

    def __getitem__(self, name: str) -> float:
        return self.value(name)

    def metrics(self, *, zero_division: float = 0.0, over: str = "seen", weighted: bool = True) -> dict[str, float]:
        """Every metric that this task has, by name."""
        return values.metric_values(self.state, Policy.of(zero_division, over, weighted=weighted))

    def table(
        self, *, zero_division: float = 0.0, labels: Iterable[object] | None = None, weighted: bool = True
    ) -> pa.Table:
        """A row a class: label, tp, fp, fn, tn, support, predicted, then each per-class metric."""
        return tables.class_table(self.state, Policy.of(zero_division, labels=labels, weighted=weighted))

    def confusion(self, normalize: str | None = None) -> pa.Table:
        """y_true, y_pred, count, largest first; normalize "true", "pred" or "all" adds the column `share`."""
        return tables.confusion_table(self.state, normalize)

    def explain(
        self,
        metric: str,
        *,
        zero_division: float = 0.0,
        over: str = "seen",
        labels: Iterable[object] | None = None,
        weighted: bool = True,
    ) -> pa.Table:
        """Which classes part micro from macro: label, weight, value, contribution, largest share of the gap first.

        Contributions and the residual (schema metadata) sum to micro - macro.

        >>> from_confusion(["a", "b"], [[97, 1], [2, 0]]).explain("recall")["label"].to_pylist()
        ['b', 'a']
        """
        policy = Policy.of(zero_division, over, labels, weighted)
        values.refuse_negative(self.state)
        return tables.explanation_table(self.state, explain_auc.explained(self.state, metric, policy), policy)

    def interval(
        self,
        name: str,
        kind: str = "bounds",
        *,
        over: str = "seen",
        labels: Iterable[object] | None = None,
        weighted: bool = True,
    ) -> Interval:
        """Between which ends a metric lies for certain: `.low`, `.estimate`, `.high`, `.method`.

        kind: "bounds", what the slots of a score histogram leave open; a metric of counts is exact, and so are areas
        that `evaluate` found with exact_auc, until rows are added. InputError as of `value`.
        """
        if kind != "bounds":
            raise InputError(f"interval kind {kind!r} is not known; there is 'bounds'")
        return values.metric_interval(self.state, name, Policy.of(over=over, labels=labels, weighted=weighted))

    def curve(self, kind: str, label: object = None, average: str | None = None, *, weighted: bool = True) -> pa.Table:
        """The "roc", "pr", "threshold" or "calibration" curve of a label, or average "micro" or "macro".

        Exact points at the edges of slots, with the envelope in which the curve lies between them.
        """
        return score_tables.curve_table(self.state, kind, label, average, Policy.of(weighted=weighted))

    def thresholds(self, goal: str = "f1", at: float | None = None, *, weighted: bool = True) -> pa.Table:
        """The best threshold of each class: for "f1" or "youden", or for a "precision" or "recall" of `at` or more.

        A row a class: label, threshold (score >= threshold is positive), value, most (no threshold passes it), tp, fp,
        fn, tn.
        """
        return score_tables.best_thresholds(self.state, goal, at, Policy.of(weighted=weighted))

    def __add__(self, other: object) -> Snapshot:
        return Snapshot(self.state + other.state) if isinstance(other, Snapshot) else NotImplemented

    def __sub__(self, other: object) -> Snapshot:
        return Snapshot(self.state - other.state) if isinstance(other, Snapshot) else NotImplemented

    def __radd__(self, other: object) -> Snapshot:
        return self if other == 0 else NotImplemented  # so that sum(snapshots) works

    def __eq__(self, other: object) -> bool:
        return self.fingerprint() == other.fingerprint() if isinstance(other, Snapshot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def fingerprint(self) -> str:
        """A text that is equal for the same rows under the same options, however cut, ordered or encoded."""
        return self.state.fingerprint

    def to_bytes(self) -> bytes:
        """The snapshot as the bytes of a state file, for process pools and caches; `from_bytes` reads them."""
        return wire.to_bytes(self.state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the snapshot to a state file that `load` reads: whole or, if an error is raised, not at all.

        A state file already there stays as `path.1`; any other file is not overwritten. InUseError if another process
        has it open, StateError if what is there is no state file, OSError if the disk fails.
        """
        from streamavg.checkpoint.writer import Checkpoint

        with Checkpoint(path, fresh=True) as checkpoint:
            checkpoint.save(self.state, {})

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return from_bytes, (self.to_bytes(),)

    def why_nothing(self) -> str:
        """Why no row was scored, for a message that begins with the rows seen; "" if nothing was skipped."""
        return skipped_words(self.state)

    def report(self, **policy: Any) -> build.Report:
        """The neutral report that every renderer shows.

        Keywords as of `value`, plus `metrics` (the names to show), `explain_metric` and `confusion` (show errors).
        """
        return build.report(self.state, **policy)

    def to_dict(self, **policy: Any) -> dict[str, Any]:
        """The report as plain Python values, the structure of `to_json`."""
        return build.as_dict(self.report(**policy))

    def to_json(self, **policy: Any) -> str:
        """The report as strict JSON; nan is null."""
        return str(render(self.report(**policy), "json"))

    def to_csv(self, **policy: Any) -> str:
        """The per-class table as CSV (RFC 4180), safe to open in a spreadsheet."""
        return str(render(self.report(**policy), "csv"))

    def to_markdown(self, **policy: Any) -> str:
        """The report as Markdown."""
        return str(render(self.report(**policy), "markdown"))

    def __str__(self) -> str:
        held = self.state.seen or self.state.first_negative
        return str(render(self.report(), "table")) if held else "nothing counted yet"

    def __repr__(self) -> str:
        return f"<Snapshot {self.state.config.task or 'undecided'}, {len(self.state.order)} labels, {self.rows} rows>"


def from_bytes(data: bytes) -> Snapshot:
    """The snapshot that `to_bytes` wrote; StateError if the bytes are damaged or are something else."""
    return Snapshot(wire.from_bytes(data))


__all__ = ["RENDERERS", "Snapshot", "from_bytes"]
