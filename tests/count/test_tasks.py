"""Tasks: types decide the task, never values."""

import pyarrow as pa
import pytest

from streamavg.count.selection import Chosen
from streamavg.count.tasks import check_kind, task_of
from streamavg.errors import InputError

ONE, SEVERAL, STARRED = Chosen(("y",), ()), Chosen(("a", "b"), ()), Chosen(("true_a",), ("a",))


@pytest.mark.parametrize(
    ("side", "kind", "task"),
    [
        (ONE, pa.bool_(), "binary"),
        (ONE, pa.int8(), "multiclass"),
        (ONE, pa.string(), "multiclass"),
        (ONE, pa.float32(), "multiclass"),
        (ONE, pa.dictionary(pa.int8(), pa.string()), "multiclass"),
        (ONE, pa.list_(pa.string()), "multilabel"),
        (ONE, pa.list_view(pa.int8()), "multilabel"),
        (ONE, pa.list_(pa.bool_(), 3), "multilabel"),
        (SEVERAL, pa.bool_(), "multilabel"),
        (STARRED, pa.bool_(), "multilabel"),
    ],
    ids=str,
)
def test_the_type_of_the_truth_decides(side, kind, task):
    assert task_of(side, kind) == task
    for each in (task, None):
        check_kind(each, side, kind)
    if task == "multilabel":
        for each in ("binary", "multiclass"):
            with pytest.raises(InputError, match=f"the task is {each}"):
                check_kind(each, side, kind)
    else:
        with pytest.raises(InputError, match=r"multilabel.*'y'.*one label a row"):
            check_kind("multilabel", side, kind)


def test_the_null_type_suits_every_task():
    for task in (None, "binary", "multiclass", "multilabel"):
        check_kind(task, ONE, pa.null())


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.decimal128(5, 2), pa.struct([]), pa.time32("s"), pa.binary(3)], ids=str
)
def test_types_that_are_no_truth(kind):
    with pytest.raises(InputError) as error:
        check_kind(None, ONE, kind)
    assert str(kind) in str(error.value)
    assert "'y'" in str(error.value)
