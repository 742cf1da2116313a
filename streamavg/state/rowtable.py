"""The row table of multilabel data: (|Y and P|, |P|, |Y|) -> rows, a KeyTable with the sizes packed in its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from streamavg.state.tables import Ints

BITS = 21  # three sizes of up to 2**21 - 1 labels fit one non-negative int64


def pack(both: Ints, predicted: Ints, true: Ints) -> Ints:
    """One key for each row; sizes must be below 2**21, which max_labels and the input length guarantee."""
    return (both << (2 * BITS)) | (predicted << BITS) | true


def unpack(keys: Ints) -> Ints:
    """The sizes behind the keys, shape (entries, 3): |Y and P|, |P|, |Y|."""
    mask = (1 << BITS) - 1
    return np.stack((keys >> (2 * BITS), (keys >> BITS) & mask, keys & mask), axis=1)
