"""Slices in a state file: they come back, and a file whose slices are not those of its total is refused."""

from __future__ import annotations

import base64
import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.checkpoint.slice_columns import column_names, columns_of, slices_of
from streamavg.checkpoint.wire import pack, unpack
from streamavg.errors import StateError
from streamavg.state.slices import Slices
from tests.checkpoint.test_wire import forged

ROWS = {
    "y_true": ["a", "b", "a", "c", None],
    "y_pred": ["a", "a", None, "c", "a"],
    "place": ["de", "fr", "de", None, "fr"],
    "ts": [0.0, 61.0, 30.0, None, 61.0],
    "w": [1.0, 2.0, 0.5, 3.0, 1.0],
    "score": [0.25, 0.5, 0.75, 0.125, 1.0],
}


def snap(**options):
    return sa.evaluate(ROWS, by="place", window="1m", time="ts", **options)


def batch_of(columns):
    texts = column_names()
    arrays = [pa.array([list(columns[name])], pa.list_(pa.string() if texts[name] else pa.int64())) for name in texts]
    return pa.record_batch(arrays, list(texts))


@pytest.mark.parametrize("options", [{}, {"sample_weight": "w"}], ids=["rows", "weights"])
def test_they_come_back(options, tmp_path):
    held = snap(**options)
    held.save(tmp_path / "s.sav")
    back = sa.load(tmp_path / "s.sav")
    assert back == held
    assert back.slices == held.slices
    assert back.state.slices.keys == held.state.slices.keys
    assert unpack(held.to_bytes()).state.slices.places.tolist() == held.state.slices.places.tolist()


def spoilt(columns):
    """One thing after the other that no writer writes."""
    keys, places, numbers = (list(columns[name]) for name in ("slice_key", "slice_place", "slice_number"))
    yield {"slice_key": keys[::-1]}
    yield {"slice_key": [keys[0], keys[0], *keys[2:]]}
    yield {"slice_key": ["{}", *keys[1:]]}
    yield {"slice_key": ["[1.5,0]", *keys[1:]]}
    yield {"slice_key": ['[ "a",0]', *keys[1:]]}
    yield {"slice_key": ["[null,[]]", *keys[1:]]}
    yield {"slice_key": ["not json", *keys[1:]]}
    yield {"slice_label": ["b", "a", "c"]}
    yield {"slice_label": ["a", "a", "c"]}
    yield {"slice_label": ["a", "b", "c", "d"]}
    yield {"slice_place": places[::-1]}
    yield {"slice_place": [*places[:-1], 99 << 32]}
    yield {"slice_place": [-1, *places[1:]]}
    yield {"slice_place": [*places[:-1], places[-1] | 99]}
    yield {"slice_place": places[:-1]}
    yield {name: [0, *list(columns[name])[1:]] for name in ("slice_tp", "slice_fp", "slice_fn")}
    yield {"slice_tp": list(columns["slice_tp"])[:-1]}
    yield {"slice_number": numbers[:-1]}
    yield {"slice_state": [""], "slice_state_key": [0]}
    yield {"slice_state": ["%%%"], "slice_state_key": [0]}
    yield {"slice_state": [base64.b64encode(snap().to_bytes()).decode()], "slice_state_key": [0]}
    yield {"slice_state": [base64.b64encode(sa.Snapshot().to_bytes()).decode()], "slice_state_key": [0]}
    yield {"slice_state": [], "slice_state_key": [0]}
    yield {"slice_state": ["", ""], "slice_state_key": [-1, 0]}


def refused(batch):
    try:
        slices_of(True, batch)
    except (ValueError, TypeError, StateError):
        return True
    return False


def test_no_other_form_is_taken():
    columns = columns_of(snap().state)
    assert slices_of(True, batch_of(columns)).keys == snap().state.slices.keys
    for place, change in enumerate(spoilt(columns)):
        assert refused(batch_of(columns | change)), f"case {place} was taken: {change}"
    for about in (False, 1, {}, None):
        with pytest.raises(TypeError):
            slices_of(about, batch_of(columns))


def moved(slices, **change):
    return dataclasses.replace(slices, **change)


def wrong_states():
    """States whose slices are not their rows told apart."""
    state = snap().state
    slices = state.slices
    more = slices.cells.copy()
    more[0, 0] += 1
    yield "other counts", {"slices": moved(slices, cells=more)}
    numbers = slices.numbers.copy()
    numbers[0, 0] += 1
    yield "other rows", {"slices": moved(slices, numbers=numbers)}
    yield "other rows", {"slices": Slices()}
    yield "other counts", {"slices": moved(slices, labels=("a", "b", "d"))}
    yield "nothing tells them apart", {"config": dataclasses.replace(state.config, by=(), window="")}
    yield "the key", {"config": dataclasses.replace(state.config, by=("place", "other"))}
    yield "a window starts at", {"config": dataclasses.replace(state.config, window="7m")}
    swapped = numbers.copy()
    swapped[:] = np.roll(slices.numbers, 1, axis=0)
    yield "cannot give the counts of a slice", {"slices": moved(slices, numbers=swapped)}


@pytest.mark.parametrize(
    ("words", "change"), list(wrong_states()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_slices_that_are_not_those_of_the_total_are_not_saved(words, change):
    with pytest.raises(StateError, match=words):
        pack(dataclasses.replace(snap().state, **change))


def test_numbers_that_would_wrap_are_refused():
    state = snap().state
    huge = state.slices.cells.copy()
    huge[0, 0], huge[1, 0] = huge[0, 0] + 2**62, huge[1, 0] - 2**62
    with pytest.raises(StateError):
        pack(dataclasses.replace(state, slices=moved(state.slices, cells=huge)))


def test_weights_of_slices_that_do_not_add_up_are_refused():
    state = snap(sample_weight="w").state
    key = state.slices.keys[1]
    rest = dict(state.slices.rest)
    other = next(part for one, part in rest.items() if one != key)
    rest[key] = other
    data = pack_unchecked(state, moved(state.slices, rest=rest))
    with pytest.raises(StateError):
        unpack(data)


def pack_unchecked(state, slices):
    """The file of a state with other slices, where saving itself does not refuse them."""
    try:
        return pack(dataclasses.replace(state, slices=slices))
    except StateError as error:
        pytest.skip(f"refused when saving already: {error}")


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about["config"].update(by="place"),
        lambda about: about["config"].update(by=["place", "place"]),
        lambda about: about["config"].update(by=[1]),
        lambda about: about["config"].update(window="60s"),
        lambda about: about["config"].update(window="soon"),
        lambda about: about["config"].update(window=60),
        lambda about: about["config"].pop("by"),
        lambda about: about["config"].pop("window"),
        lambda about: about.update(slices=False),
        lambda about: about.pop("slices"),
        lambda about: about.update(signed=True),
    ],
)
def test_forged_metadata_is_refused(change):
    with pytest.raises(StateError):
        unpack(forged(snap(), change))


def test_an_accumulator_goes_on_with_its_slices(tmp_path):
    acc = sa.Accumulator(by="place", window="1m", time="ts")
    acc.update(ROWS)
    acc.save(tmp_path / "half.sav")
    again = sa.Accumulator.resume(tmp_path / "half.sav")
    for each in (acc, again):
        each.update(ROWS)
    assert again.snapshot() == acc.snapshot() == snap() + snap()


def test_differences_with_slices_are_signed(tmp_path):
    owed = sa.Snapshot() - snap()
    owed.save(tmp_path / "owed.sav")
    assert sa.load(tmp_path / "owed.sav") + snap() == sa.Snapshot()
    moved_rows = {**ROWS, "place": ["fr", "fr", "de", None, "de"]}
    odd = snap() - sa.evaluate(moved_rows, by="place", window="1m", time="ts")
    assert odd.rows == 0
    assert odd != sa.Snapshot()
    assert sa.from_bytes(odd.to_bytes()) == odd


def test_file_of_ten_thousand_slices_is_small():
    rng = np.random.default_rng(0)
    rows = 300_000
    data = {name: rng.integers(0, 50, rows) for name in ("y_true", "y_pred")} | {"c": rng.integers(0, 10_000, rows)}
    held = sa.evaluate(data, by="c")
    assert len(held.state.slices.keys) == 10_000
    assert held.state_bytes < 30e6
    assert len(held.to_bytes()) < 30e6
    assert sa.from_bytes(held.to_bytes()) == held
