"""The values that sources hand out."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streamavg.sources import Piece, Unit


def test_a_piece_has_no_malformed_lines_unless_told() -> None:
    assert Piece(pa.record_batch({"a": [1]})).malformed == 0


def test_a_unit_cannot_be_changed() -> None:
    unit = Unit("a", 1, None, lambda: iter(()))
    with pytest.raises(AttributeError):
        unit.size = 2  # type: ignore[misc]
