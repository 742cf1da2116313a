"""Score histograms in a state file: forged ones are refused, and files without them are what they always were."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.checkpoint.score_columns import MOST_BYTES, column_names
from streamavg.checkpoint.wire import from_bytes, to_bytes, unpack
from streamavg.errors import StateError
from streamavg.state.config import Config
from streamavg.state.layout import Layout
from streamavg.state.state import State
from streamavg.state.witness import MIXED, witness_of
from tests.checkpoint.test_wire import forged, listed, refused, single, taken

SLOTS = Layout("unit", 268).slots


def scored():
    """Two labels with three cells: one of a mixture, one of a single score, one whose counts cancelled."""
    acc = sa.Accumulator(y_score="s", labels=["b", "a"], sample_weight="w", score_bins=268, ovo=True)
    scores = pa.array([[0.25, 0.75], [0.26, 0.75], [0.9, 0.5]], pa.list_(pa.float32()))
    rows = pa.table({"y_true": ["b", "a", "a"], "s": scores, "w": [3, 4, 0]})
    for change in (acc.update, acc.update, acc.retract):
        change(rows.slice(2) if change == acc.retract else rows.slice(0, 2))
    acc.update(rows.slice(2))
    return acc.snapshot().state


class Snap:
    """What `forged` takes."""

    def __init__(self, state):
        self.state = state


def columns():
    """The columns of the scores as lists."""
    _, _, body = taken(to_bytes(scored()))
    batch = pa.ipc.open_file(body).get_batch(0)
    return {
        name: batch[name].flatten().to_pylist() for part in ("scores", "weighted_scores") for name in column_names(part)
    }


def changed(name, change):
    values = columns()[name]
    change(values)
    if not values:
        return {name: listed(pa.array([], pa.int64()))}
    return {name: values}


def test_it_comes_back():
    state = scored()
    assert state.scores.every.sum() == 8
    assert len(columns()["scores_key"]) == 4
    assert from_bytes(to_bytes(state)).fingerprint == state.fingerprint
    assert not refused(forged(Snap(state)))


def test_a_state_without_scores_has_the_file_it_always_had():
    _, meta, body = taken(single().to_bytes())
    assert "scores" not in json.loads(meta)
    assert "scores" not in json.loads(meta)["config"]
    assert len(pa.ipc.open_file(body).schema) == 10


def setter(place, value):
    def change(values):
        values[place] = value

    return change


SCORE = int(witness_of([0.9]).view(np.int64)[0])
FORGED_COLUMNS = {
    "a key below zero": ("scores_key", setter(0, -1)),
    "a key behind the table": ("scores_key", setter(-1, 2 * SLOTS)),
    "a key far behind": ("scores_key", setter(-1, 2**62)),
    "keys out of order": ("scores_key", lambda keys: keys.reverse()),
    "a key twice": ("scores_key", lambda keys: keys.__setitem__(1, keys[0])),
    "a key too many": ("scores_key", lambda keys: keys.append(2 * SLOTS - 1)),
    "no keys": ("scores_key", lambda keys: keys.clear()),
    "a count too few": ("scores_every", lambda counts: counts.pop()),
    "more positives than scores": ("scores_positive", setter(0, 9)),
    "negative counts without the mark": ("scores_every", setter(0, -1)),
    "scores that nothing was seen of": ("scores_witness", setter(0, -1)),
    "a witness of another slot": ("scores_witness", setter(0, SCORE)),
    "a witness that is nan": ("scores_witness", setter(0, int(np.array([np.nan]).view(np.int64)[0]))),
    "a witness that is negative": ("scores_witness", setter(0, int(np.array([-0.5]).view(np.int64)[0]))),
    "a witness that is no float32": (
        "scores_witness",
        lambda held: held.__setitem__(
            held.index(int(witness_of([0.75]).view(np.int64)[0])), int(witness_of([0.75 + 1e-12]).view(np.int64)[0])
        ),
    ),
    "labels out of order": ("scores_label", lambda labels: labels.reverse()),
    "a label twice": ("scores_label", lambda labels: labels.__setitem__(1, labels[0])),
    "a label without scores": ("scores_label", lambda labels: labels.append("z")),
    "a label too few": ("scores_label", lambda labels: labels.pop()),
    "one-vs-one behind the table": ("scores_versus_key", setter(-1, 4 * SLOTS)),
    "one-vs-one of other rows": ("scores_versus_count", setter(0, 7)),
    "one-vs-one of nothing": ("scores_versus_count", setter(0, 0)),
    "one-vs-one owed": ("scores_versus_count", setter(0, -1)),
    "weights behind the table": ("weighted_scores_key", setter(-1, 2 * SLOTS)),
    "weights below zero": ("weighted_scores_every", setter(0, -5)),
    "weighted one-vs-one": ("weighted_scores_versus_key", lambda keys: keys.append(0)),
}


@pytest.mark.parametrize("name", FORGED_COLUMNS)
def test_forged_columns_are_refused(name):
    column, change = FORGED_COLUMNS[name]
    assert refused(forged(Snap(scored()), columns=changed(column, change)))


def test_cells_that_hold_nothing_are_refused():
    held = columns()
    where = next(k for k in range(4) if not held["scores_every"][k])
    assert refused(forged(Snap(scored()), columns=changed("scores_witness", setter(where, -1))))


FORGED_META = {
    "another layout": lambda meta: meta["scores"].update(layout="unit/1042"),
    "no layout there is": lambda meta: meta["scores"].update(layout="unit/269"),
    "another family": lambda meta: (
        meta["scores"].update(layout="signed/268"),
        meta["config"].update(scores="signed/268"),
    ),
    "another option": lambda meta: meta["config"].update(scores="unit/1042"),
    "no option": lambda meta: meta["config"].pop("scores"),
    "an option of another type": lambda meta: meta["config"].update(scores=5),
    "an option that names none": lambda meta: meta["config"].update(scores="unit/1"),
    "narrow as a number": lambda meta: meta["scores"].update(narrow=1),
    "a field too many": lambda meta: meta["scores"].update(more=True),
    "a field too few": lambda meta: meta["scores"].pop("narrow"),
    "no entry": lambda meta: meta.pop("scores"),
    "no weights": lambda meta: meta.pop("weighted_scores"),
    "a list": lambda meta: meta.update(scores=[]),
    "no one-vs-one": lambda meta: meta["scores"].update(versus=False),
}


@pytest.mark.parametrize("name", FORGED_META)
def test_forged_metadata_is_refused(name):
    assert refused(forged(Snap(scored()), FORGED_META[name]))


def test_scores_that_are_said_but_not_there_are_refused():
    about = {"layout": "unit/268", "narrow": True, "versus": False}
    assert refused(forged(single(), lambda meta: meta.update(scores=about)))


def test_an_option_without_scores_is_fine():
    assert not refused(forged(single(), lambda meta: meta["config"].update(scores="unit/268")))


def test_a_short_file_cannot_ask_for_much_memory():
    """A cell for each of a million labels is a few megabytes, and its table would be 2 TB with one-vs-one."""
    many = 300_000
    labels = pa.array([f"{k:07d}" for k in range(many)], pa.large_string())
    columns = {"scores_label": labels, "scores_key": pa.array(np.arange(many) * 4092)}
    for name, value in (("every", 1), ("positive", 0), ("witness", int(MIXED.view(np.int64)))):
        columns[f"scores_{name}"] = pa.array(np.full(many, value))
    raw = forged(Snap(scored()), lambda meta: meta["scores"].update(layout="unit/4092"), columns)
    assert many * Layout("unit").slots * 24 > MOST_BYTES
    with pytest.raises(StateError, match="do not fit in memory"):
        unpack(raw)


def test_a_state_whose_scores_are_not_of_its_options_is_not_written():
    state = scored()
    with pytest.raises(StateError, match="not saved"):
        to_bytes(State(Config(task="multilabel", samples=False), rows=4, scores=state.scores))


def test_a_file_with_scores_reads_as_a_snapshot():
    assert sa.from_bytes(to_bytes(scored())).state.fingerprint == scored().fingerprint
