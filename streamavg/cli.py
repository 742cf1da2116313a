"""The command line: arguments to the functions that do the work, errors to one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from streamavg.errors import CountOverflowError, InputError, InUseError, MismatchError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamavg.report.build import Report
    from streamavg.snapshot import Snapshot

FINE, GATE_FAILED, BAD_INPUT, DISK_OR_NETWORK, BAD_STATE, STATE_IN_USE = range(6)
FORMATS = ("table", "json", "csv", "markdown", "parquet")
SUFFIXES = {".json": "json", ".csv": "csv", ".md": "markdown", ".parquet": "parquet", ".txt": "table"}
INPUT_FORMATS = ("parquet", "arrow", "csv", "tsv", "jsonl")

EXAMPLES = """examples:
  streamavg eval 'preds/*.parquet' --y-true label --y-pred prediction
  streamavg eval preds.csv --fail-under f1_macro=0.8
  zcat log.jsonl.gz | streamavg eval - --input-format jsonl --format json -o report.json
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {_visible(message)}; see {self.prog} --help\n")


def _visible(text: str) -> str:
    from streamavg.report.escape import visible

    return visible(text)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(prog="streamavg", description="Evaluate classifiers over any amount of data.", allow_abbrev=False)
    top.add_argument("--version", action="store_true", help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _add_eval(commands)
    listing = commands.add_parser("metrics", help="list the metrics with their formulas", allow_abbrev=False)
    listing.add_argument("--format", choices=("table", "json", "markdown"), default="table")
    return top


def _add_eval(commands: Any) -> None:
    command = commands.add_parser(
        "eval",
        help="count files, directories, globs, URLs or standard input, and report",
        description="Count the rows of SOURCE... and report micro, macro, weighted and per-class metrics.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    add("source", nargs="+", metavar="SOURCE", help="path, directory, glob, URL, or - for standard input")
    data = command.add_argument_group("what the data means")
    data.add_argument("--y-true", metavar="COLUMN", default="y_true", help='truth: a column, or "true_*" (y_true)')
    data.add_argument("--y-pred", metavar="COLUMN", default="y_pred", help='prediction, or "pred_*" (y_pred)')
    data.add_argument("--task", choices=("binary", "multiclass", "multilabel"), help="default: by the column's type")
    data.add_argument("--labels", metavar="FILE", help="declared labels, one a line")
    data.add_argument("--pos-label", metavar="LABEL", help="the positive label of a binary task (1)")
    data.add_argument("--null-pred", choices=("wrong", "abstain", "error"), default="wrong", help="a null prediction")
    data.add_argument("--unknown", choices=("grow", "count", "error"), default="grow", help="an undeclared label")
    data.add_argument("--max-labels", type=_positive, default=1_000_000, metavar="N", help="refuse more (1000000)")
    data.add_argument("--input-format", choices=INPUT_FORMATS, help="where the file name does not tell")
    reading = command.add_argument_group("how it is read")
    reading.add_argument("--metrics", metavar="A,B", help="only these, see `streamavg metrics`")
    reading.add_argument("--zero-division", choices=("0", "1", "nan"), default="0", help="what 0/0 is (0)")
    reading.add_argument("--over", choices=("seen", "declared", "supported"), default="seen", help="classes of a mean")
    reading.add_argument("--explain", metavar="METRIC", default="f1", help="part micro from macro by class (f1)")
    reading.add_argument("--confusion", action="store_true", help="keep all label pairs and show the commonest errors")
    reading.add_argument("--fail-under", action="append", default=[], metavar="METRIC=X", help="exit 1 if below X")
    output = command.add_argument_group("output")
    output.add_argument("--format", choices=FORMATS, help="of the report (table, or by the suffix of -o)")
    output.add_argument("-o", "--output", metavar="FILE", help="write the report there")
    output.add_argument("--threads", type=_positive, metavar="N", help="how many count at once (all cores)")
    output.add_argument("--no-progress", action="store_true", help="no progress bar on a terminal")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    top = parser()
    chosen = top.parse_args(argv)
    if chosen.version:
        from importlib.metadata import version

        print("streamavg", version("streamavg"))
        return FINE
    if chosen.command is None:
        top.print_help()
        return BAD_INPUT
    return _guarded(_metrics if chosen.command == "metrics" else _eval, chosen)


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


def _failed(message: str, status: int) -> int:
    print(f"streamavg: {_visible(message)}", file=sys.stderr)
    return status


def _metrics(chosen: argparse.Namespace) -> int:
    from streamavg.report.listing import LISTINGS

    print(LISTINGS[chosen.format](), end="", flush=True)
    return FINE


def _eval(chosen: argparse.Namespace) -> int:
    from streamavg.derive import whole
    from streamavg.derive.catalogue import find

    assert whole.WHOLE  # importing it declares the metrics of the whole table
    gates = [_gate(text) for text in chosen.fail_under]
    names = chosen.metrics.split(",") if chosen.metrics else None
    for name in [*(names or ()), *(name for name, _ in gates), chosen.explain]:
        find(name)
    chosen.format = chosen.format or _format_of(chosen.output)
    _check_output(chosen)
    snap = _counted(chosen)
    if not snap.rows:
        causes = ", ".join(f"{count:,} {cause}" for cause, count in snap.skipped.items())
        raise InputError(
            f"no row could be scored: {snap.seen:,} rows seen" + (f", skipped: {causes}" if causes else "")
        )
    shown = snap.report(
        zero_division=float(chosen.zero_division),
        over=chosen.over,
        metrics=names,
        explain_metric=chosen.explain,
        confusion=chosen.confusion,
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


def _missed(snap: Snapshot, name: str, limit: float, chosen: argparse.Namespace) -> str:
    value = snap.value(name, zero_division=float(chosen.zero_division), over=chosen.over)
    return "" if value >= limit else f"{name} is {value:.6g}, under the required {limit:g}"


def _format_of(output: str | None) -> str:
    return SUFFIXES.get(os.path.splitext(output or "")[1].lower(), "table")


def _check_output(chosen: argparse.Namespace) -> None:
    """Refuse what cannot be written before hours of counting."""
    if chosen.output is None:
        if chosen.format == "parquet" and sys.stdout.isatty():
            raise InputError("parquet is not for a terminal; add -o FILE")
        return
    folder = os.path.dirname(os.path.abspath(chosen.output))
    if not os.path.isdir(folder):
        raise InputError(f"-o {chosen.output}: there is no folder {folder}")
    if os.path.isdir(chosen.output):
        raise InputError(f"-o {chosen.output}: it is a folder; name a file")


def _labels(path: str | None) -> list[str] | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            return [line.rstrip("\r\n") for line in file if line.rstrip("\r\n")]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise InputError(f"--labels {path}: not a readable UTF-8 text file with a label a line ({error})") from None


def _counted(chosen: argparse.Namespace) -> Snapshot:
    from streamavg.run import count, plan

    options = {
        "y_true": chosen.y_true,
        "y_pred": chosen.y_pred,
        "task": chosen.task,
        "labels": _labels(chosen.labels),
        "pos_label": chosen.pos_label,
        "unknown": chosen.unknown,
        "null_pred": chosen.null_pred,
        "confusion": chosen.confusion or "auto",
        "max_labels": chosen.max_labels,
    }
    work = plan(
        chosen.source, chosen.input_format, options, lambda text: print(f"note: {_visible(text)}", file=sys.stderr)
    )
    if chosen.no_progress or not sys.stderr.isatty():
        return count(work, chosen.threads, options)
    from streamavg.progress import Bar

    with Bar(work) as bar:
        return count(work, chosen.threads, options, bar.step)


def _write(shown: Report, chosen: argparse.Namespace) -> None:
    from streamavg.report.render import render

    if chosen.output is None and chosen.format == "table" and sys.stdout.isatty():
        from rich.console import Console

        from streamavg.report.text import print_report

        print_report(shown, Console(highlight=False, emoji=False, markup=False))
        return
    made = render(shown, chosen.format)
    raw = made if isinstance(made, bytes) else made.encode("utf-8")
    if chosen.output is None:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    with open(chosen.output, "wb") as file:
        file.write(raw)
