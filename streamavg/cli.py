"""The command line: arguments to the functions that do the work, errors to one line and an exit status."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from streamavg import output
from streamavg.arguments import parser, visible
from streamavg.errors import CountOverflowError, InputError, InUseError, MismatchError, StateError
from streamavg.signals import Signals, Stopped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from streamavg.report.build import Report
    from streamavg.snapshot import Snapshot
    from streamavg.worker import Progress

FINE, GATE_FAILED, BAD_INPUT, DISK_OR_NETWORK, BAD_STATE, STATE_IN_USE = range(6)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 closed by the shell (>&-), it is None
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    top = parser()
    chosen = top.parse_args(argv)
    if chosen.version:
        from importlib.metadata import version

        print("streamavg", version("streamavg"))
        return FINE
    if chosen.command is None:
        top.print_help()
        return BAD_INPUT
    return _guarded(COMMANDS[chosen.command], chosen)


def _guarded(command: Callable[[argparse.Namespace], int], chosen: argparse.Namespace) -> int:
    """Run a command; what it raises on purpose becomes one line and a status."""
    try:
        return command(chosen)
    except (InputError, MismatchError, CountOverflowError) as error:
        return _failed(str(error), BAD_INPUT)
    except StateError as error:
        return _failed(str(error), BAD_STATE)
    except InUseError as error:
        return _failed(str(error), STATE_IN_USE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains when it flushes at exit
        return FINE
    except OSError as error:
        return _failed(f"disk or network failed: {error}", DISK_OR_NETWORK)
    except KeyboardInterrupt:
        return _failed("interrupted", 128 + 2)
    except Stopped as stop:
        return _failed(f"stopped by {stop}", 128 + stop.number)


def _failed(message: str, status: int) -> int:
    print(f"streamavg: {visible(message)}", file=sys.stderr)
    return status


def _note(text: str) -> None:
    print(visible(text), file=sys.stderr)


def _noted(text: str) -> None:
    _note(text if text.startswith(("note: ", "warning: ")) else f"note: {text}")


def _metrics(chosen: argparse.Namespace) -> int:
    from streamavg.report.listing import LISTINGS

    print(LISTINGS[chosen.format](), end="", flush=True)
    return FINE


def _eval(chosen: argparse.Namespace) -> int:
    names, gates = _asked(chosen)
    if chosen.checkpoint is None and (chosen.retract or chosen.every):
        raise InputError(f"{'--retract' if chosen.retract else '--every'} needs --checkpoint FILE: which state?")
    if chosen.checkpoint and chosen.exact_auc:
        raise InputError("--exact-auc reads all rows twice, and no state file keeps what it finds; drop --checkpoint")
    counted = (_kept if chosen.checkpoint else _counted)(chosen, _options(chosen))
    if isinstance(counted, int):
        return counted
    if chosen.retract and not counted.rows:
        _note(f"{chosen.checkpoint} holds no rows now")
        return FINE
    return _reported(counted, names, gates, chosen)


def _merge(chosen: argparse.Namespace) -> int:
    from streamavg.resume import merge

    total = merge(chosen.state, chosen.output, chosen.force, _noted)
    _note(f"{total.rows:,} rows in {chosen.output}")
    return FINE


def _show(chosen: argparse.Namespace) -> int:
    names, gates = _asked(chosen)
    return _reported(_loaded(chosen.state), names, gates, chosen)


def _diff(chosen: argparse.Namespace) -> int:
    from streamavg.report.difference import difference
    from streamavg.report.render import DIFFERENCES

    names = _known(chosen.metrics.split(",")) if chosen.metrics else None
    chosen.format = chosen.format or ("json" if output.format_of(chosen.output) == "json" else "table")
    paths = (chosen.a, chosen.b)
    output.check(chosen.output, chosen.format, paths)
    states = (_loaded(paths[:1]).state, _loaded(paths[1:]).state)
    shown = difference(paths, states, float(chosen.zero_division), chosen.over, names)
    output.put(DIFFERENCES[chosen.format](shown).encode("utf-8"), chosen.output)
    return FINE


def _known(names: list[str]) -> list[str]:
    """The names, if there are such metrics; found out before hours of counting."""
    from streamavg.derive.values import find

    for name in names:
        find(name)
    return names


def _asked(chosen: argparse.Namespace) -> tuple[list[str] | None, list[tuple[str, float]]]:
    """The metrics to show and the gates, with everything refused that can be before the rows are read."""
    gates = [_gate(text) for text in chosen.fail_under]
    names = chosen.metrics.split(",") if chosen.metrics else None
    _known([*(names or ()), *(name for name, _ in gates), chosen.explain])
    _refuse_losses(name for name, _ in gates)
    chosen.format = chosen.format or output.format_of(chosen.output)
    read = [*chosen.source, *filter(None, (chosen.labels, chosen.checkpoint))] if "source" in chosen else chosen.state
    output.check(chosen.output, chosen.format, read)
    return names, gates


def _loaded(paths: Sequence[str]) -> Snapshot:
    """The sum of the states in these files, with a warning if rows are in it twice."""
    from streamavg.resume import added

    total, _, _ = added(paths, _noted, lambda message: _note(f"warning: {message}; they are counted twice"))
    return total


def _reported(
    snap: Snapshot, names: list[str] | None, gates: list[tuple[str, float]], chosen: argparse.Namespace
) -> int:
    if not snap.rows:
        raise InputError(f"no row could be scored: {snap.seen:,} rows seen{snap.why_nothing()}")
    shown = snap.report(
        zero_division=float(chosen.zero_division),
        over=chosen.over,
        metrics=names,
        explain_metric=chosen.explain,
        confusion=chosen.confusion,
        weighted=not chosen.unweighted,
    )
    missed = [_missed(snap, name, limit, chosen) for name, limit in gates]
    _write(shown, chosen)
    for line in filter(None, missed):
        _failed(line, GATE_FAILED)
    return GATE_FAILED if any(missed) else FINE


def _gate(text: str) -> tuple[str, float]:
    name, equals, limit = text.rpartition("=")
    try:
        value = float(limit)
    except ValueError:
        value = float("nan")
    if not equals or value != value:
        raise InputError(f"--fail-under {text!r} must be METRIC=NUMBER, such as f1_macro=0.8")
    return name, value


def _refuse_losses(names: Iterable[str]) -> None:
    from streamavg.derive.values import find

    for name in names:
        if find(name)[0].better == "lower":
            raise InputError(f"--fail-under {name}: it is better when lower; name a metric that is better when higher")


def _missed(snap: Snapshot, name: str, limit: float, chosen: argparse.Namespace) -> str:
    policy = {"zero_division": float(chosen.zero_division), "over": chosen.over, "weighted": not chosen.unweighted}
    value = snap.value(name, **policy)
    return "" if value >= limit else f"{name} is {value:.6g}, under the required {limit:g}"


def _labels(path: str | None) -> list[str] | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            return [line.rstrip("\r\n") for line in file if line.rstrip("\r\n")]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"--labels {path}: not a readable UTF-8 text file with a label a line ({error})") from None


def _thresholds(text: str) -> Any:
    """One number, or a number a label."""
    if "=" not in text:
        return text
    pairs = [pair.rpartition("=")[::2] for pair in text.split(",")]
    if len(dict(pairs)) < len(pairs):
        raise InputError(f"--threshold {text!r} names a label twice; give each one")
    return dict(pairs)


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    return {
        "y_true": chosen.y_true,
        "y_pred": chosen.y_pred,
        "task": chosen.task,
        "labels": _labels(chosen.labels),
        "pos_label": chosen.pos_label,
        "unknown": chosen.unknown,
        "null_pred": chosen.null_pred,
        "sample_weight": chosen.weight,
        "y_score": chosen.y_score,
        "threshold": _thresholds(chosen.threshold),
        "score_layout": chosen.score_layout,
        "score_bins": chosen.score_bins,
        "ovo": chosen.ovo,
        "losses": not chosen.no_losses,
        "weight_quantum": chosen.weight_quantum,
        "confusion": chosen.confusion or "auto",
        "max_labels": chosen.max_labels,
    }


def _counted(chosen: argparse.Namespace, options: dict[str, Any]) -> Snapshot:
    from streamavg.run import counted

    memory, show = chosen.exact_memory if chosen.exact_auc else None, partial(_shown, chosen=chosen)
    with Signals(leave=True):
        return counted(chosen.source, chosen.input_format, chosen.threads, options, memory, _noted, show)


def _kept(chosen: argparse.Namespace, options: dict[str, Any]) -> Snapshot | int:
    """What the checkpoint holds once the rows are counted, or the exit status if a signal came before that."""
    from streamavg.resume import Request, resume, retract

    show = partial(_shown, chosen=chosen)
    request = Request(chosen.source, chosen.input_format, options, chosen.threads, _noted, show)
    with Signals() as signals:
        if chosen.retract:
            outcome = retract(chosen.checkpoint, request, chosen.force, signals)
        else:
            outcome = resume(chosen.checkpoint, request, chosen.every or 10.0, signals)
    if not outcome.stopped or signals.number is None:
        return outcome.snapshot
    saved = "nothing was taken away" if chosen.retract else f"{outcome.snapshot.seen:,} rows are counted and saved"
    again = f"in {chosen.checkpoint}; the same command goes on from there"
    return _failed(f"stopped by {signals.name}: {saved} {again}", 128 + signals.number)


@contextmanager
def _shown(work: Any, chosen: argparse.Namespace) -> Iterator[Progress | None]:
    """The function that shows progress, on a terminal."""
    if chosen.no_progress or not sys.stderr.isatty():
        yield None
        return
    from streamavg.progress import Bar

    with Bar(work) as bar:
        yield bar.step


def _write(shown: Report, chosen: argparse.Namespace) -> None:
    from streamavg.report.render import render

    if chosen.output is None and chosen.format == "table" and sys.stdout.isatty():
        from rich.console import Console

        from streamavg.report.text import print_report

        print_report(shown, Console(highlight=False, emoji=False, markup=False))
        return
    made = render(shown, chosen.format)
    output.put(made if isinstance(made, bytes) else made.encode("utf-8"), chosen.output)


COMMANDS = {"eval": _eval, "show": _show, "diff": _diff, "merge": _merge, "metrics": _metrics}
