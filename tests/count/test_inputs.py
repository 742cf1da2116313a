"""Inputs: data of any kind as a table or as batches; tests/test_accumulator.py counts each of them."""

import numpy as np
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


def test_bfloat16_is_widened_exactly():
    upper = np.array([[0x3F80, 0x3DCD, 0x0001], [0x8000, 0xFF80, 0x7FC0]], np.uint16)
    wide = inputs.from_bfloat16(upper)
    assert wide.dtype == np.float32
    assert wide.tolist()[0] == [1.0, 0.10009765625, 2.0**-133]
    assert str(wide.tolist()[1]) == "[-0.0, -inf, nan]"
    assert inputs.from_bfloat16(upper[:, ::2]).tolist()[0] == [1.0, 2.0**-133]


def test_arrays_of_bfloat16_become_columns():
    kind = pytest.importorskip("ml_dtypes").bfloat16
    scores = np.random.default_rng(0).random((5, 3)).astype(kind)
    table = inputs.table_of({"list": scores, "scalar": scores[:, 1]})
    assert table["list"].type == pa.list_(pa.float32(), 3)
    assert table["list"].to_pylist() == scores.astype(np.float32).tolist()
    assert table["scalar"].to_pylist() == scores[:, 1].astype(np.float32).tolist()


def test_what_numpy_cannot_read_is_named():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("Got unsupported ScalarType BFloat16\nat line 3")

    with pytest.raises(
        InputError, match="column 'a' cannot become an Arrow array: Got unsupported ScalarType BFloat16;"
    ):
        inputs.table_of({"a": Tensor()})


def test_the_metadata_of_a_field_stays_with_the_data():
    field = pa.field("s", pa.list_(pa.float32()), metadata={b"labels": b"[1, 2]"})
    table = pa.table([pa.array([[0.5, 0.5]], field.type)], schema=pa.schema([field]))
    for data in (table, table.to_batches()[0]):
        batches = inputs.table_or_none(data).to_batches()
        assert batches[0].schema.field("s").metadata == field.metadata
    for data in (as_reader(table), Capsule(table)):
        assert next(inputs.batches_of(data)).schema.field("s").metadata == field.metadata
