"""The command line: arguments to the functions that do the work, errors to one line and an exit status."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from streamavg import output
from streamavg.arguments import parser
from streamavg.commands.asked import asked, known, options
from streamavg.commands.reported import reported
from streamavg.commands.told import (
    BAD_INPUT,
    BAD_STATE,
    DISK_OR_NETWORK,
    FINE,
    STATE_IN_USE,
    failed,
    note,
    noted,
)
from streamavg.errors import CountOverflowError, InputError, InUseError, MismatchError, StateError
from streamavg.signals import Signals, Stopped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from streamavg.snapshot import Snapshot
    from streamavg.worker import Progress


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
        return failed(str(error), BAD_INPUT)
    except StateError as error:
        return failed(str(error), BAD_STATE)
    except InUseError as error:
        return failed(str(error), STATE_IN_USE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains when it flushes at exit
        return FINE
    except OSError as error:
        return failed(f"disk or network failed: {error}", DISK_OR_NETWORK)
    except KeyboardInterrupt:
        return failed("interrupted", 128 + 2)
    except Stopped as stop:
        return failed(f"stopped by {stop}", 128 + stop.number)


def _follow(chosen: argparse.Namespace) -> int:
    from streamavg.commands.follow import follow

    return follow(chosen)


def _metrics(chosen: argparse.Namespace) -> int:
    from streamavg.report.listing import LISTINGS

    print(LISTINGS[chosen.format](), end="", flush=True)
    return FINE


def _eval(chosen: argparse.Namespace) -> int:
    names, gates = asked(chosen)
    if chosen.checkpoint is None and (chosen.retract or chosen.every):
        raise InputError(f"{'--retract' if chosen.retract else '--every'} needs --checkpoint FILE: which state?")
    if chosen.checkpoint and chosen.exact_auc:
        raise InputError("--exact-auc reads all rows twice, and no state file keeps what it finds; drop --checkpoint")
    counted = (_kept if chosen.checkpoint else _counted)(chosen, options(chosen))
    if isinstance(counted, int):
        return counted
    if chosen.retract and not counted.rows and counted.state.first_negative is None:
        note(f"{chosen.checkpoint} holds no rows now")
        return FINE
    return reported(counted, names, gates, chosen)


def _merge(chosen: argparse.Namespace) -> int:
    from streamavg.resume import merge

    total = merge(chosen.state, chosen.output, chosen.force, noted)
    note(f"{total.rows:,} rows in {chosen.output}")
    return FINE


def _show(chosen: argparse.Namespace) -> int:
    names, gates = asked(chosen)
    return reported(_loaded(chosen.state), names, gates, chosen)


def _diff(chosen: argparse.Namespace) -> int:
    from streamavg.report.difference import difference
    from streamavg.report.render import DIFFERENCES

    names = known(chosen.metrics.split(",")) if chosen.metrics else None
    chosen.format = chosen.format or ("json" if output.format_of(chosen.output) == "json" else "table")
    paths = (chosen.a, chosen.b)
    output.check(chosen.output, chosen.format, paths)
    states = (_loaded(paths[:1]).state, _loaded(paths[1:]).state)
    shown = difference(paths, states, float(chosen.zero_division), chosen.over, names)
    output.put(DIFFERENCES[chosen.format](shown).encode("utf-8"), chosen.output)
    return FINE


def _loaded(paths: Sequence[str]) -> Snapshot:
    """The sum of the states in these files, with a warning if rows are in it twice."""
    from streamavg.resume import added

    total, _, _ = added(paths, noted, lambda message: note(f"warning: {message}; they are counted twice"))
    return total


def _counted(chosen: argparse.Namespace, options: dict[str, Any]) -> Snapshot:
    from streamavg.run import counted

    memory, show = chosen.exact_memory if chosen.exact_auc else None, partial(_shown, chosen=chosen)
    with Signals(leave=True):
        return counted(chosen.source, chosen.input_format, chosen.threads, options, memory, noted, show)


def _kept(chosen: argparse.Namespace, options: dict[str, Any]) -> Snapshot | int:
    """What the checkpoint holds once the rows are counted, or the exit status if a signal came before that."""
    from streamavg.resume import Request, resume, retract

    show = partial(_shown, chosen=chosen)
    request = Request(chosen.source, chosen.input_format, options, chosen.threads, noted, show)
    with Signals() as signals:
        if chosen.retract:
            outcome = retract(chosen.checkpoint, request, chosen.force, signals)
        else:
            outcome = resume(chosen.checkpoint, request, chosen.every or 10.0, signals)
    if not outcome.stopped or signals.number is None:
        return outcome.snapshot
    saved = "nothing was taken away" if chosen.retract else f"{outcome.snapshot.seen:,} rows are counted and saved"
    again = f"in {chosen.checkpoint}; the same command goes on from there"
    return failed(f"stopped by {signals.name}: {saved} {again}", 128 + signals.number)


@contextmanager
def _shown(work: Any, chosen: argparse.Namespace) -> Iterator[Progress | None]:
    """The function that shows progress, on a terminal."""
    if chosen.no_progress or not sys.stderr.isatty():
        yield None
        return
    from streamavg.progress import Bar

    with Bar(work) as bar:
        yield bar.step


COMMANDS = {"eval": _eval, "follow": _follow, "show": _show, "diff": _diff, "merge": _merge, "metrics": _metrics}
