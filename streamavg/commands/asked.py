"""Asked: what the arguments of a command mean, checked before hours of counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg import output
from streamavg.errors import InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def known(names: list[str]) -> list[str]:
    """The names, if there are such metrics; found out before hours of counting."""
    from streamavg.derive.values import find

    for name in names:
        find(name)
    return names


def asked(chosen: argparse.Namespace) -> tuple[list[str] | None, list[tuple[str, float]]]:
    """The metrics to show and the gates, with everything refused that can be before the rows are read."""
    gates = [_gate(text) for text in chosen.fail_under]
    names = chosen.metrics.split(",") if chosen.metrics else None
    known([*(names or ()), *(name for name, _ in gates), chosen.explain])
    _refuse_losses(name for name, _ in gates)
    chosen.format = chosen.format or output.format_of(chosen.output)
    read = [*chosen.source, *filter(None, (chosen.labels, chosen.checkpoint))] if "source" in chosen else chosen.state
    output.check(chosen.output, chosen.format, read)
    return names, gates


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


def options(chosen: argparse.Namespace) -> dict[str, Any]:
    """The keywords of the accumulator that is asked for."""
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
        "by": chosen.by,
        "window": chosen.window,
        "time": chosen.time,
        "op": chosen.op,
        "max_slices": chosen.max_slices,
        "fold_slices": getattr(chosen, "fold_slices", False),
    }
