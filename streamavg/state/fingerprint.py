"""Fingerprint: a text that is equal for states of the same rows under the same options, and only for those."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamavg.state.slices import Slices
    from streamavg.state.state import State
    from streamavg.state.tables import Ints


class _Digest:
    """SHA-256 over texts, each behind its length, and little-endian int64 numbers."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def text(self, value: str) -> None:
        raw = value.encode("utf-8")
        self._sha.update(len(raw).to_bytes(8, "little") + raw)

    def numbers(self, array: Ints) -> None:
        self._sha.update(np.ascontiguousarray(array, "<i8").tobytes())

    def named(self, counters: Mapping[str, int]) -> None:
        self.numbers(np.array([len(counters)]))
        for name in sorted(counters):
            self.text(name)
            self.numbers(np.array([counters[name]]))

    def hex(self) -> str:
        return self._sha.hexdigest()


def fingerprint_of(state: State) -> str:
    """The text sa1: and the SHA-256 of all that was counted; equal for the same rows however cut or encoded."""
    digest = _Digest()
    config = {} if state.is_empty else state.config.canonical()
    digest.text(json.dumps(config, sort_keys=True, separators=(",", ":")))
    digest.numbers(np.array([len(state.counts.labels)]))
    for label, cells in zip(state.counts.labels, state.counts.cells, strict=True):
        digest.text(label)
        digest.numbers(cells)
    digest.numbers(np.array([state.rows]))
    digest.named(state.skipped)
    digest.named(state.tallies)
    if state.row_table.keys.size:
        digest.text("row_table")
        digest.numbers(np.array([state.row_table.keys.size]))
        digest.numbers(state.row_table.keys)
        digest.numbers(state.row_table.counts)
    for name, sums in state.sum_tables():
        digest.text(name)
        digest.text(json.dumps(sums.keys, separators=(",", ":")))
        digest.numbers(np.array([sums.sums.low, sums.sums.digits]))
        digest.numbers(sums.sums.limbs)
    for name, scores in (("scores", state.scores), ("weighted_scores", state.weighted_scores)):
        for k, part in enumerate(scores.parts()):
            if not k:
                digest.text(name)
            digest.text(part) if isinstance(part, str) else digest.numbers(part)
    if not state.slices.is_empty:
        _add_slices(digest, state.slices.canonical())
    return "sa1:" + digest.hex()


def _add_slices(digest: _Digest, slices: Slices) -> None:
    digest.text("slices")
    for held in (slices.keys, slices.labels):
        digest.text(json.dumps(held, separators=(",", ":")))
    digest.numbers(np.array([len(slices.places)]))
    for array in (slices.places, slices.cells, slices.numbers):
        digest.numbers(array)
    for key in slices.keys:
        if key in slices.rest:
            digest.text(json.dumps(key, separators=(",", ":")))
            digest.text(fingerprint_of(replace(slices.rest[key], config=Config())))
