"""Arguments: the parser of the command line; commands that read a state in the same way share their options."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

FORMATS = ("table", "json", "csv", "markdown", "parquet")
INPUT_FORMATS = ("parquet", "arrow", "csv", "tsv", "jsonl")

EXAMPLES = """examples:
  streamavg eval 'preds/*.parquet' --y-true label --y-pred prediction
  streamavg eval preds.csv --fail-under f1_macro=0.8
  zcat log.jsonl.gz | streamavg eval - --input-format jsonl --format json -o report.json
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {visible(message)}; see {self.prog} --help\n")


def visible(text: str) -> str:
    """The text without control characters; the module that knows them is loaded on first use."""
    from streamavg.report import escape

    return escape.visible(text)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from streamavg.commands.follow_arguments import add_follow

    top = _Parser(prog="streamavg", description="Evaluate classifiers over any amount of data.", allow_abbrev=False)
    top.add_argument("--version", action="store_true", help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _add_eval(commands)
    add_follow(commands)
    _add_show(commands)
    _add_diff(commands)
    _add_merge(commands)
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
    command.add_argument(
        "source", nargs="+", metavar="SOURCE", help="path, directory, glob, URL, or - for standard input"
    )
    add_meaning(command)
    command.add_argument("--input-format", choices=INPUT_FORMATS, help="where the file name does not tell")
    add_slicing(command)
    add_scoring(command)
    _add_exact(command)
    _add_keeping(command)
    add_reading(command, "keep all label pairs and show the commonest errors")
    output = add_output(command, FORMATS)
    output.add_argument("--threads", type=positive, metavar="N", help="how many count at once (all cores)")
    output.add_argument("--no-progress", action="store_true", help="no progress bar on a terminal")


def add_meaning(command: Any) -> None:
    """The options that say what the data means."""
    data = command.add_argument_group("what the data means")
    data.add_argument("--y-true", metavar="COLUMN", default="y_true", help='truth: a column, or "true_*" (y_true)')
    data.add_argument(
        "--y-pred", metavar="COLUMN", help='prediction, or "pred_*" (y_pred; made from scores if there are)'
    )
    data.add_argument("--y-score", metavar="COLUMN", help='scores: a column of numbers or lists, or "score_*"')
    data.add_argument("--weight", metavar="COLUMN", help="the weight of each row, added up by metrics")
    data.add_argument("--task", choices=("binary", "multiclass", "multilabel"), help="default: by the column's type")
    data.add_argument("--labels", metavar="FILE", help="declared labels, one a line")
    data.add_argument("--pos-label", metavar="LABEL", help="the positive label of a binary task (1)")
    data.add_argument("--null-pred", choices=("wrong", "abstain", "error"), default="wrong", help="a null prediction")
    data.add_argument("--unknown", choices=("grow", "count", "error"), default="grow", help="an undeclared label")
    data.add_argument("--max-labels", type=positive, default=1_000_000, metavar="N", help="refuse more (1000000)")


def add_slicing(command: Any) -> Any:
    """The options that say which rows are told apart."""
    slices = command.add_argument_group("which rows are told apart")
    slices.add_argument("--by", action="append", metavar="COLUMN", help="a slice for each value (repeat for several)")
    slices.add_argument("--window", metavar="5m", help="a slice for each window of time (500ms, 90s, 5m, 1h, 1d)")
    slices.add_argument(
        "--time", metavar="COLUMN", help="the time of each row: a timestamp, date, ISO 8601 text or seconds since 1970"
    )
    slices.add_argument("--op", metavar="COLUMN", help='"+": the row counts; "-": it is taken away again')
    slices.add_argument("--max-slices", type=positive, default=100_000, metavar="N", help="refuse more (100000)")
    return slices


def add_scoring(command: Any) -> None:
    """The options that say how scores are counted."""
    scores = command.add_argument_group("how scores are counted (--y-score)")
    scores.add_argument("--threshold", metavar="X", default="0.5", help="positive from X on (0.5), or LABEL=X,LABEL=X")
    scores.add_argument(
        "--score-layout",
        choices=("auto", "unit", "signed", "bfloat16", "signed bfloat16"),
        default="auto",
        help="unit: probabilities (auto); signed: margins, logits, any finite numbers",
    )
    scores.add_argument(
        "--score-bins", type=int, choices=(268, 1042, 4092, 16100), help="a class (4092, fewer if many)"
    )
    scores.add_argument("--ovo", action="store_true", help="also compare every pair of classes (roc_auc_ovo)")
    scores.add_argument("--no-losses", action="store_true", help="leave out log loss and the like, for speed")
    scores.add_argument("--weight-quantum", type=float, metavar="W", help="round fractional weights to multiples of W")


def _add_exact(command: Any) -> None:
    scores = command.add_argument_group("exact areas")
    scores.add_argument("--exact-auc", action="store_true", help="read the source again for areas without bounds")
    scores.add_argument(
        "--exact-memory", metavar="1GB", default="1GB", help="for that; with less it is read more often"
    )


def _add_keeping(command: Any) -> None:
    keeping = command.add_argument_group("how it survives")
    keeping.add_argument("--checkpoint", type=named, metavar="FILE", help="save to FILE, and go on from there")
    keeping.add_argument("--every", type=seconds, metavar="10s", help="how often (10s; 500ms, 5m, 1h)")
    keeping.add_argument("--retract", action="store_true", help="take the rows away from what --checkpoint FILE holds")
    keeping.add_argument("--force", action="store_true", help="retract even rows that FILE does not hold")


def _add_merge(commands: Any) -> None:
    command = commands.add_parser(
        "merge",
        help="add state files into one",
        description="Add the states in STATE... and save the sum. Labels are matched by name; the order is all one.",
        allow_abbrev=False,
    )
    command.add_argument("state", nargs="+", metavar="STATE", help="a state file")
    command.add_argument("-o", "--output", metavar="STATE", required=True, help="the state file to write")
    command.add_argument("--force", action="store_true", help="add them even if rows are counted twice")


def _add_show(commands: Any) -> None:
    command = commands.add_parser(
        "show",
        help="report what state files hold; several are added",
        description="Report what STATE... hold, as `streamavg eval` does. Several are added: shards of one evaluation.",
        allow_abbrev=False,
    )
    command.add_argument("state", nargs="+", metavar="STATE", help="a state file")
    add_reading(command, "show the commonest errors")
    add_output(command, FORMATS)


def _add_diff(commands: Any) -> None:
    command = commands.add_parser(
        "diff",
        help="compare two state files",
        description="Show the counts and metrics of two states side by side, and the classes that changed most.",
        allow_abbrev=False,
    )
    command.add_argument("a", metavar="A", help="a state file")
    command.add_argument("b", metavar="B", help="another one")
    add_policy(command.add_argument_group("how it is read"))
    add_output(command, ("table", "json"))


def add_policy(reading: Any) -> None:
    """The options that say what a metric is."""
    reading.add_argument("--metrics", metavar="A,B", help="only these, see `streamavg metrics`")
    reading.add_argument("--zero-division", choices=("0", "1", "nan"), default="0", help="what 0/0 is (0)")
    reading.add_argument("--over", choices=("seen", "declared", "supported"), default="seen", help="classes of a mean")


def add_reading(command: Any, confusion: str) -> None:
    """The options that say how counts are read."""
    reading = command.add_argument_group("how it is read")
    add_policy(reading)
    reading.add_argument("--explain", metavar="METRIC", default="f1", help="part micro from macro by class (f1)")
    reading.add_argument("--unweighted", action="store_true", help="let metrics count rows, whatever their weights")
    reading.add_argument("--confusion", action="store_true", help=confusion)
    reading.add_argument("--fail-under", action="append", default=[], metavar="METRIC=X", help="exit 1 if below X")


def add_output(command: Any, formats: tuple[str, ...]) -> Any:
    """The options that say where a report goes, and as what."""
    output = command.add_argument_group("output")
    output.add_argument("--format", choices=formats, help="of the report (table, or by the suffix of -o)")
    output.add_argument("-o", "--output", type=named, metavar="FILE", help="write the report there")
    return output


def seconds(text: str) -> float:
    """A time in seconds, such as 500ms or 5m."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 10s, 500ms, 5m or 1h")
    return float(found[1]) * {"ms": 1e-3, "s": 1, "m": 60, "h": 3600}[found[2] or "s"]


def named(text: str) -> str:
    """A name that is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; is a variable not set?")
    return text


def positive(text: str) -> int:
    """A number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value
