"""Kept: what a state file holds beside the counts: the options they were counted with, and what of which files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.errors import StateError
from streamavg.position import Position

if TYPE_CHECKING:
    from os import PathLike

    from streamavg.checkpoint.writer import Saved
    from streamavg.options import Options
    from streamavg.state.state import State

_COLUMNS, _TEXTS = ("y_true", "y_pred", "y_score"), ("task", "pos_label", "sample_weight", "window", "time", "op")
_LATER: dict[str, Any] = {  # what files from before an option mean by leaving it out
    "sample_weight": None,
    "y_score": None,
    "threshold": 0.5,
    "score_layout": "auto",
    "score_bins": None,
    "ovo": False,
    "losses": True,
    "weight_quantum": None,
    "by": [],
    "window": None,
    "time": None,
    "op": None,
}
_NAMES = ("y_true", "y_pred", "task", "labels", "pos_label", "unknown", "null_pred", "samples", *_LATER)


def sources_of(position: Position, options: dict[str, Any] | None) -> dict[str, Any]:
    """The JSON to save beside a state; `options` as `Options.to_json` gives them."""
    return {**position.to_json(), **({"options": options} if options is not None else {})}


def position_in(saved: Saved) -> Position:
    """What was counted of which files; StateError if the file says what cannot be."""
    if "files" not in saved.sources:
        return Position()
    try:
        return Position.from_json({"files": saved.sources["files"]})
    except ValueError as error:
        raise StateError(f"{saved.path}: {error}; restore the file from a copy, or count from the start") from None


def options_in(saved: Saved) -> dict[str, Any]:
    """The keywords of the accumulator that counted this; of a state saved without them, those that the state shows."""
    found, config = saved.sources.get("options"), saved.state.config
    if found is None:
        found = {name: getattr(config, name) for name in ("task", "pos_label", "unknown", "null_pred", "samples")}
        found |= {"y_true": "y_true", "y_pred": "y_pred", "labels": list(config.labels) or None}
        found["sample_weight"] = "sample_weight" if config.sample_weight else None
        found |= {name: getattr(config, name) for name in ("ovo", "losses", "weight_quantum")}
        found |= {"by": list(config.by), "window": config.window or None, "time": "time" if config.window else None}
        if config.scores:
            found |= {"y_score": "y_score", "y_pred": None if config.decision else "y_pred"}
    if isinstance(found, dict):
        found = {**_LATER, **found}
    if not isinstance(found, dict) or set(found) != set(_NAMES) or not _are_sound(found):
        raise StateError(f"{saved.path}: it holds options that cannot be; restore the file from a copy")
    return dict(found)


def _are_sound(found: dict[str, Any]) -> bool:
    """Whether the types are right; values are checked where options are used."""
    texts = all(value is None or isinstance(value, str) for value in map(found.get, _TEXTS))
    columns = all(found[name] is None or isinstance(found[name], str) or _is_texts(found[name]) for name in _COLUMNS)
    columns = columns and found["y_true"] is not None and (found["y_pred"] or found["y_score"]) is not None
    labels = found["labels"] is None or _is_texts(found["labels"])
    flags = all(isinstance(found[name], bool) for name in ("samples", "ovo", "losses"))
    return texts and columns and labels and flags and _is_texts(found["by"])


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def keep(path: str | PathLike[str], state: State, position: Position, options: Options) -> None:
    """Save these as a run of their own; what the file held before is its previous generation then."""
    from streamavg.checkpoint.writer import Checkpoint

    with Checkpoint(path, fresh=True) as file:
        file.save(state, sources_of(position, options.to_json()))


def kept(path: str | PathLike[str]) -> tuple[dict[str, Any], State, Position]:
    """The keywords for an accumulator, the state and the position in a state file; StateError if it cannot be used."""
    from streamavg.checkpoint.writer import read, waiting_error

    saved = read(path)
    if saved.attached:
        raise waiting_error(saved.path)
    return options_in(saved), saved.state, position_in(saved)


def refuse_other_options(saved: Saved, options: Options) -> None:
    """StateError, with both values of each option that differs, if the state was counted with other options."""
    if "options" not in saved.sources:
        return  # a state of other origin; its configuration is compared when it is added
    then, now = options_in(saved), options.to_json()
    compared = [name for name in _NAMES if name != "labels" or options.config.unknown != "grow"]  # else they join
    differing = [
        f"{name} was {then[name]!r} then and is {now[name]!r} now" for name in compared if then[name] != now[name]
    ]
    if differing:
        raise StateError(
            f"{saved.path}: counted with other options: {'; '.join(differing)}; "
            "use the same ones, or another state file"
        )
