"""Rest: what is left of pieces, compared with single rows marked one by one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.position import ALL, END, Source, Span, joined
from streamavg.sources import rest
from streamavg.sources.file import File
from streamavg.sources.rest import is_done, rest_of_parts, rest_of_rows
from streamavg.sources.unit import Piece

LOG = Source("a.csv", "csv", 100, "0" * 32)
PACKED = Source("a.csv.gz", "csv.gzip", 100, "0" * 32)


@pytest.fixture(autouse=True, scope="module")
def _small_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rest, "STEP_ROWS", 3)
        patch.setattr(rest, "before_end", lambda file: "1" * 32)
        yield


@given(st.data())
def test_rows_of_parts(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    rows = [(part, row) for part, size in enumerate(sizes) for row in range(size)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    pieces, spans = [], {}
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        held: list[Span] = []
        for part, row in rows[start:stop]:
            after = ((part + 1, 0) if part + 1 < len(sizes) else END) if row + 1 == sizes[part] else (part, row + 1)
            if held and held[-1].part == part:
                held[-1] = Span(part, held[-1].start, held[-1].rows + 1, after)
            else:
                held.append(Span(part, row, 1, after))
            spans[part, row] = after
        pieces.append(Piece(pa.record_batch({"row": list(range(start, stop))}), spans=held))
    done = joined((p, r, *spans[p, r]) for p, r in rows if data.draw(st.booleans()))
    left = [i for i, at in enumerate(rows) if not any(d[:2] <= at < d[2:] for d in done)]
    found, total = [], done
    for piece in rest_of_parts(iter(pieces), done):
        assert piece.batch.num_rows <= 3
        assert sum(span.rows for span in piece.spans) == piece.batch.num_rows
        found += piece.batch["row"].to_pylist()
        total = joined((*total, *((span.part, span.start, *span.after) for span in piece.spans)))
    assert found == left
    assert total == joined((p, r, *spans[p, r]) for p, r in rows)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), min_size=1, max_size=5),
    st.integers(0, 20),
    st.integers(0, 6),
    st.sampled_from([LOG, PACKED]),
)
def test_rows_from_the_start(sizes: list[tuple[int, int]], rows: int, bad: int, source: Source) -> None:
    total, lost = (sum(each) for each in zip(*sizes, strict=True))
    rows, bad = min(rows, total), min(bad, lost)
    numbers = iter(range(total))
    pieces = [
        Piece(pa.record_batch({"row": pa.array([next(numbers) for _ in range(n)], pa.int64())}), k) for n, k in sizes
    ]
    done = joined([(0, 0, 0, rows), (1, 0, 1, bad)])
    found = list(rest_of_rows(iter(pieces), done, File("a", "a", None), source))
    assert [row for piece in found for row in piece.batch["row"].to_pylist()] == list(range(rows, total))
    assert sum(piece.malformed for piece in found) == lost - bad
    after = joined((*done, *((s.part, s.start, *s.after) for piece in found for s in piece.spans)))
    assert is_done(source, after)
    assert after == (joined([(0, 0, 0, total), (1, 0, 1, lost), (2, 0, 2, 100)]) if source is LOG else ALL)
    for k in range(len(found)):  # no step before the last one ends the file
        steps = joined((*done, *((s.part, s.start, *s.after) for piece in found[:k] for s in piece.spans)))
        assert not is_done(source, steps)


def test_a_log_that_has_grown_is_not_done() -> None:
    assert is_done(LOG, ((2, 0, 2, 100),))
    assert not is_done(LOG._replace(size=101), ((2, 0, 2, 100),))
    assert not is_done(PACKED, ((0, 0, 0, 100),))
