"""Inputs: data of any kind as a table or as batches; tests/test_accumulator.py counts each of them."""

import pyarrow as pa
import pytest

from streamavg.count import inputs
from streamavg.errors import InputError
from tests.strategies import Capsule, as_reader

TABLE = pa.table({"a": pa.chunked_array([[1, 2], [], [3, 4, 5]]), "b": list("vwxyz")})


def test_what_can_be_read_again_is_a_table():
    for data in (TABLE, TABLE.combine_chunks().to_batches()[0], dict(zip("ab", TABLE.columns, strict=True))):
        assert inputs.table_or_none(data).equals(TABLE)
    for data in (as_reader(TABLE), Capsule(TABLE), 7, "text", None, [1]):
        assert inputs.table_or_none(data) is None


@pytest.mark.parametrize("form", [as_reader, Capsule])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_streams_come_in_slices_that_lose_no_row(monkeypatch, form, size):
    monkeypatch.setattr(inputs, "SLICE", size)
    batches = list(inputs.batches_of(form(TABLE)))
    assert pa.Table.from_batches(batches).equals(TABLE)
    assert max(batch.num_rows for batch in batches) <= size


def test_an_empty_stream_still_shows_its_columns():
    empty = TABLE.slice(0, 0)
    reader = pa.RecordBatchReader.from_batches(empty.schema, [pa.record_batch(empty.to_pydict(), empty.schema)])
    assert [batch.schema for batch in inputs.batches_of(reader)] == [empty.schema]


def test_a_table_of_nothing():
    assert inputs.table_of({}).num_columns == 0
    with pytest.raises(InputError, match="differ in length: a has 1, b has 2"):
        inputs.table_of({"a": [1], "b": [1, 2]})
