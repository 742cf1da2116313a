"""The row table's key: three sizes in one number, and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamavg.state.rowtable import BITS, pack, unpack
from streamavg.state.tables import KeyTable

most = 2**BITS - 1
sizes = st.one_of(st.integers(0, 9), st.integers(0, most), st.sampled_from([0, 1, most]))


@given(st.lists(st.tuples(sizes, sizes, sizes), unique=True))
def test_keys_hold_three_sizes_and_stay_apart(rows):
    triples = np.array(rows, np.int64).reshape(-1, 3)
    keys = pack(*triples.T)
    assert (keys >= 0).all()
    assert len(set(keys.tolist())) == len(rows)
    table = KeyTable.of(keys, np.ones(len(rows), np.int64))
    assert sorted(map(tuple, unpack(table.keys).tolist())) == sorted(rows)
