"""Follow arguments: the options of `streamavg follow`."""

from __future__ import annotations

import argparse
from typing import Any

from streamavg.arguments import (
    FORMATS,
    add_meaning,
    add_output,
    add_reading,
    add_scoring,
    add_slicing,
    named,
    positive,
    seconds,
)

FOLLOWED = ("jsonl", "csv", "tsv", "logfmt", "pattern", "arrow")

EXAMPLES = """examples:
  streamavg follow service.jsonl --y-true result.label --y-pred result.prediction --checkpoint service.sav
  streamavg follow 'logs/*.jsonl' --checkpoint logs.sav --rejects bad.jsonl
  streamavg follow kafka://localhost:9092/pred kafka://localhost:9092/true --join id --join-limit 24h --checkpoint m.sav
"""


def add_follow(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "follow",
        help="count streams that do not end: files that grow",
        description="Count what is and what comes in SOURCE..., through rotation and restarts, each record once.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    where = "file, directory, glob, kafka://HOST:PORT/TOPIC, or - for standard input"
    command.add_argument("source", nargs="+", metavar="SOURCE", help=where)
    add_meaning(command)
    command.add_argument("--input-format", choices=FOLLOWED, help="where the file name does not tell")
    _add_windows(add_slicing(command))
    add_scoring(command)
    _add_stream(command)
    _add_kafka(command)
    _add_join(command)
    _add_keeping(command)
    _add_live(command)
    add_reading(command, "keep all label pairs and show the commonest errors")
    output = add_output(command, FORMATS)
    output.add_argument("--no-progress", action="store_true", help="no view of the stream on a terminal")


def _add_windows(slices: Any) -> None:
    slices.add_argument("--lateness", type=seconds, default=0.0, metavar="1m", help="windows close so much later (0s)")
    slices.add_argument("--keep-windows", type=positive, metavar="N", help="older closed ones only stay in the total")
    slices.add_argument(
        "--fold-slices",
        action="store_true",
        help="past --max-slices put new ones into one; then only the total's fingerprint is independent of the order",
    )


def _add_stream(command: Any) -> None:
    stream = command.add_argument_group("how the stream is read")
    stream.add_argument("--batch-rows", type=positive, default=65_536, metavar="N", help="rows of a batch (65536)")
    stream.add_argument(
        "--batch-age", type=seconds, default=1.0, metavar="1s", help="or its age, if there are fewer (1s)"
    )
    stream.add_argument("--pattern", type=named, metavar="REGEX", help="lines it matches; (?P<NAME>...) is a column")
    stream.add_argument("--stdin-at", type=_place, metavar="N|end", help="the byte at which what comes on - begins")
    stream.add_argument("--until-end", action="store_true", help="stop when everything there now is read")
    stream.add_argument("--rejects", type=named, metavar="FILE", help="keep bad lines with their places and causes")
    stream.add_argument("--max-rejects", type=int, metavar="N", help="stop if there are more bad lines")


def _add_kafka(command: Any) -> None:
    kafka = command.add_argument_group("how a topic of Kafka is read (the extra streamavg[kafka])")
    kafka.add_argument("--partitions", type=numbers, metavar="0,1", help="only these (all, also those to come)")
    kafka.add_argument(
        "--on-gap", choices=("error", "skip"), default="error", help="messages that were deleted unread (error)"
    )
    kafka.add_argument(
        "--beside", type=named, action="append", default=[], metavar="STATE", help="leave out what it has counted"
    )
    kafka.add_argument("--kafka-config", type=named, metavar="FILE", help="settings of librdkafka, KEY=VALUE a line")


def numbers(text: str) -> list[int]:
    """Numbers of partitions, with commas between them."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers of partitions, such as 0,1")
    return sorted({int(part) for part in parts})


def _add_join(command: Any) -> None:
    join = command.add_argument_group("how predictions are paired with truths that come later")
    join.add_argument("--join", type=named, metavar="ID", help="pair records by the id in this column")
    join.add_argument(
        "--join-limit", type=named, metavar="1e6|24h", help="how many later records, or how long, one waits"
    )


def _place(text: str) -> int | str:
    if text != "end" and not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of bytes nor end")
    return text if text == "end" else int(text)


def _add_keeping(command: Any) -> None:
    keeping = command.add_argument_group("how it survives")
    keeping.add_argument("--checkpoint", type=named, metavar="FILE", help="save to FILE, and go on from there")
    keeping.add_argument("--every", type=seconds, metavar="10s", help="how often (10s; 500ms, 5m, 1h)")


def _add_live(command: Any) -> None:
    live = command.add_argument_group("how it is shown as it goes, beside the view on a terminal")
    live.add_argument("--emit", type=named, metavar="FILE", help="append a JSON line a closed window or interval; or -")
    live.add_argument("--emit-every", type=seconds, metavar="10s", help="the interval (10s; with --window none)")
    live.add_argument("--serve", type=named, metavar="HOST:PORT", help="metrics for Prometheus, 127.0.0.1:9464")
