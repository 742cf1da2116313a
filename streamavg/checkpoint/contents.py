"""Contents: what a state file says about a state, made into the state again, and whether it can be true."""

from __future__ import annotations

from dataclasses import asdict, fields
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.checkpoint.parts import about_parts, read_parts
from streamavg.checkpoint.score_columns import check_scores, held_scores
from streamavg.checkpoint.score_identities import check_score_sums
from streamavg.checkpoint.slice_columns import check_rest, check_slices
from streamavg.state.causes import CAUSES, TALLIES
from streamavg.state.config import Config
from streamavg.state.counts import FN, FP, TP, Counts
from streamavg.state.pairs import NO_LABEL, Pairs
from streamavg.state.rowtable import unpack
from streamavg.state.score_debts import score_debt
from streamavg.state.state import State
from streamavg.state.tables import KeyTable, checked_add, checked_int, exact_sum
from streamavg.state.weighted import NAMES

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.state.tables import Ints

# options that older files do not have, which therefore stand in a file only if they are not at their default
LATER = {"by", "decision", "losses", "ovo", "sample_weight", "scores", "weight_quantum", "window"}


def about_state(state: State) -> dict[str, Any]:
    """The metadata of a state: everything but its labels and arrays."""
    config, plain = asdict(state.config), asdict(Config())
    return {
        "config": {
            name: value
            for name, value in config.items()
            if name != "labels" and (name not in LATER or value != plain[name])
        },
        "rows": state.rows,
        "skipped": dict(state.skipped),
        "tallies": dict(state.tallies),
        "pairs": state.pairs is not None,
        "signed": is_signed(state),
        **about_parts(state),
    }


def state_of(about: dict[str, Any], batch: pa.RecordBatch) -> State:
    """The state that metadata and columns stand for, checked; any of several errors if there is none."""
    pairs = Pairs(_ascending(batch, "pair_label"), _table(batch, "pair"))
    if pairs.table.keys.size and max(codes.max() for codes in pairs.codes()) >= len(pairs.labels):
        raise ValueError("a pair is outside its labels")
    labels = _ascending(batch, "label")
    if {len(_numbers(batch, name)) for name in ("tp", "fp", "fn")} != {len(labels)}:
        raise ValueError("labels and cells differ in number")
    if not _of_type(about["pairs"], bool) and pairs.labels:
        raise ValueError("there are pairs although they are said to be lost")
    state = State(
        _config(about["config"], tuple(_column(batch, "declared").to_pylist())),
        Counts.of(labels, np.stack([_numbers(batch, name) for name in ("tp", "fp", "fn")], axis=1)),
        _whole(about["rows"]),
        _named(about["skipped"], CAUSES),
        _named(about["tallies"], TALLIES),
        _table(batch, "row"),
        pairs if about["pairs"] else None,
        **read_parts(about, batch),
    )
    check(state)
    check_rest(state)
    if is_signed(state) is not _of_type(about["signed"], bool):
        raise ValueError("negative counts and the mark for them do not agree")
    return state


def check(state: State) -> None:
    """ValueError or OverflowError if the parts of a state do not belong together."""
    state.check_binary()
    state.check_identities()
    checked_int(state.seen)
    multilabel, cells = state.config.task == "multilabel", state.counts.cells
    if state.config.task is None and (state.rows or state.counts.labels):
        raise ValueError("rows were counted but the task is undecided")
    if state.config.unknown != "grow" and not set(state.counts.labels) <= set(state.config.labels):
        raise ValueError("labels were counted that are not declared")
    _scored(state)  # so that no TN wraps
    both, predicted, true = unpack(state.row_table.keys).T
    if (both > np.minimum(predicted, true)).any() or (both.size and not multilabel):
        raise ValueError("the row table holds rows that cannot be")
    if multilabel and state.config.samples:
        tp, fp, fn = (exact_sum(cells[:, k]) for k in range(3))
        expected = [state.rows, tp, tp + fp + state.tallies.get("other", 0), tp + fn]
        counts = state.row_table.counts.tolist()
        held = [sum(counts), *(sum(map(mul, sizes.tolist(), counts)) for sizes in (both, predicted, true))]
        if held != expected:
            raise ValueError("the row table does not hold the rows that the cells do")
    if state.pairs is not None:
        _check_pairs(state, state.pairs)
    if not state.weighted.is_empty:
        _check_weights(state)
    check_slices(state)
    for scores in held_scores(state).values():
        check_scores(scores, state.config.scores)
    check_score_sums(state)


def _check_weights(state: State) -> None:
    """ValueError if the sums of weights are not those that rows can give."""
    weighted, multilabel = state.weighted, state.config.task == "multilabel"
    tp, fp, fn = (weighted.labels.sums.at(range(k, 3 * len(weighted.labels.keys), 3)).total() for k in range(3))
    rows, unanswered, other = map(weighted.total, ("rows", "unanswered", "other"))
    wrong = not state.config.sample_weight or not set(weighted.named.keys) <= set(NAMES)
    if state.config.unknown != "grow":
        wrong = wrong or not set(weighted.labels.keys) <= set(state.config.labels)
    if multilabel and state.config.samples:
        sizes = unpack(np.array(weighted.row_table.keys, np.int64)).T
        held = [weighted.row_table.sums.total(), *(weighted.row_table.sums.total(size) for size in sizes)]
        wrong = wrong or held != [rows, tp, tp + fp + other, tp + fn] or bool((sizes[0] > sizes[1:].min(axis=0)).any())
    else:
        wrong = wrong or bool(weighted.row_table.keys)
    if not multilabel:
        wrong = wrong or tp + fn != rows or tp + fp + unanswered + other != rows
    if wrong:
        raise ValueError("the sums of weights are not those of any rows")


def _check_pairs(state: State, pairs: Pairs) -> None:
    """ValueError if the label pairs are others than those that gave the cells."""
    true, pred = pairs.codes()
    counts = pairs.table.counts
    if state.config.task == "multilabel":
        held = bool(counts.size)
    else:
        cells = np.zeros((len(pairs.labels) + 1, 3), np.int64)  # the last row takes what has no label
        wrong = true != pred
        np.add.at(cells[:, TP], true[~wrong], counts[~wrong])
        np.add.at(cells[:, FN], true[wrong], counts[wrong])
        np.add.at(cells[:, FP], pred[wrong], counts[wrong])
        counted = Counts.of((*pairs.labels, ""), np.concatenate((cells[:NO_LABEL], np.zeros((1, 3), np.int64))))
        held = counted.labels != state.counts.labels or bool((counted.cells != state.counts.cells).any())
        held = held or exact_sum(counts) != state.rows
    if held:
        raise ValueError("the label pairs are not those of the cells")


def is_signed(state: State) -> bool:
    """Whether anything in a checked state is below zero, so that it is a difference that owes rows, TN included."""
    numbers = (state.rows, *state.skipped.values(), *state.tallies.values(), state.rows - _most(_scored(state)))
    arrays = (state.counts.cells, state.row_table.counts, *((state.pairs.table.counts,) if state.pairs else ()))
    owing = any(scores.first_negative for scores in held_scores(state).values())
    owing = owing or any(True for sums in (state.score_sums, state.weighted_score_sums) for _ in sums.negatives())
    owing = owing or (
        state.config.sample_weight and state.weighted.first_negative(state.order, state.weighted_cells) is not None
    )
    owing = owing or state.slices.has_negative or any(is_signed(state.slice_states[key]) for key in state.slices.rest)
    owing = min(numbers) < 0 or owing or any(bool((array < 0).any()) for array in arrays)
    return bool(owing or score_debt(state))


def _scored(state: State) -> Ints:
    """TP + FN + FP of each label: rows less this is its TN."""
    cells = state.counts.cells
    return checked_add(checked_add(cells[:, TP], cells[:, FN]), cells[:, FP])


def _most(numbers: Ints) -> int:
    return int(numbers.max()) if numbers.size else 0


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch[name].flatten()


def _ascending(batch: pa.RecordBatch, name: str) -> tuple[str, ...]:
    found = tuple(_column(batch, name).to_pylist())
    if list(found) != sorted(set(found)):
        raise ValueError(f"{name} is not ascending and unique")
    return found


def _numbers(batch: pa.RecordBatch, name: str) -> Any:
    return _column(batch, name).to_numpy()


def _table(batch: pa.RecordBatch, prefix: str) -> KeyTable:
    keys, counts = _numbers(batch, f"{prefix}_key"), _numbers(batch, f"{prefix}_count")
    if len(keys) != len(counts) or (keys < 0).any() or (np.diff(keys) <= 0).any() or (counts == 0).any():
        raise ValueError(f"{prefix}_key is not ascending and unique, or {prefix}_count does not count it")
    return KeyTable.of(keys, counts)


def _of_type(value: Any, kind: type) -> Any:
    """The value, if it has exactly this type: in JSON, true is no number and 1.0 no integer."""
    if type(value) is not kind:
        raise TypeError(f"{str(value)[:40]!r} is not {kind.__name__}")
    return value


def _whole(value: Any) -> int:
    return checked_int(_of_type(value, int))


def _named(found: Any, known: tuple[str, ...]) -> dict[str, int]:
    if not _of_type(found, dict).keys() <= set(known):
        raise ValueError(f"unknown counters {sorted(found.keys() - set(known))}")
    counters = {name: _whole(count) for name, count in sorted(found.items())}
    return {name: count for name, count in counters.items() if count}


def _config(found: Any, labels: tuple[str, ...]) -> Config:
    known = {field.name for field in fields(Config)} - {"labels"}
    if not known - LATER <= _of_type(found, dict).keys() <= known:
        raise ValueError(f"unknown options {sorted(found)}")
    if found["pos_label"] is not None:
        _of_type(found["pos_label"], str).encode("utf-8")
    if len(set(labels)) < len(labels):
        raise ValueError("a label is declared twice")
    if type(found.get("weight_quantum", 1.0)) is not float:
        raise TypeError("weight_quantum is no number")
    if "by" in found and type(found["by"]) is not list:
        raise TypeError("the columns of slices are no list")
    config = Config(**{**found, "by": tuple(found.get("by", ()))}, labels=labels).checked()
    multilabel = config.task == "multilabel"
    if (config.task == "binary") != (config.pos_label is not None) or not (config.samples or multilabel):
        raise ValueError("the options do not suit the task")
    return config
