"""Times: a column of points in time as microseconds since 1970, whatever it is stored as."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.texts import flags, is_text, raw_codes, runs, solid, validated
from streamavg.errors import InputError
from streamavg.state.spans import EPOCH
from streamavg.state.spans import LEAST_START as LEAST
from streamavg.state.spans import MOST_START as MOST

if TYPE_CHECKING:
    Ints = np.ndarray[Any, np.dtype[np.int64]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

_A_DAY = 86400 * 10**6
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
_ZONE = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?"
ISO = rf"^\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]{_CLOCK}{_ZONE})?$"
_NUMBER = r"^-?\d{1,18}(\.\d+)?$"


def times_of(array: pa.Array, name: str) -> tuple[Ints, Mask]:
    """Microseconds since 1970, rounded down, and which rows have a time at all; anything where there is none.

    A row without a usable time, which no window can take: null, nan, a text that is neither ISO 8601 nor a number, a
    time outside the years 1 to 9999. Numbers are seconds since 1970; what has no zone is UTC. InputError for a column
    of another type.
    """
    validated(array, name, full=is_text(array.type))
    kind = array.type
    if pa.types.is_null(kind):
        return np.zeros(len(array), np.int64), np.zeros(len(array), bool)
    if pa.types.is_dictionary(kind):
        return _repeated(array, name)
    if pa.types.is_run_end_encoded(kind):
        values, lengths = runs(validated(array, name, full=True))
        times, known = times_of(values, name)
        return np.repeat(times, lengths), np.repeat(known, lengths)
    valid = flags(array.is_valid()).view(bool) if array.null_count else np.ones(len(array), bool)
    if is_text(kind):
        return _of_texts(solid(array), valid)
    if pa.types.is_floating(kind):
        return _of_floats(np.asarray(array.cast(pa.float64()).fill_null(np.nan)))
    return _of_whole(array, valid, name)


def _repeated(array: pa.Array, name: str) -> tuple[Ints, Mask]:
    """The times of dictionary entries, each read once."""
    validated(array, name, full=True)
    times, known = times_of(array.dictionary, name)
    codes = np.asarray(array.indices.fill_null(0)).astype(np.int64)
    missing = ~flags(array.indices.is_valid()).view(bool)
    if not len(times):
        return np.zeros(len(array), np.int64), np.zeros(len(array), bool)
    return times[codes], known[codes] & ~missing


def _of_whole(array: pa.Array, valid: Mask, name: str) -> tuple[Ints, Mask]:
    """Timestamps, dates and whole numbers, which are stored as integers of some unit."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        per_second, wide = _PER_SECOND[kind.unit], pa.int64()
    elif pa.types.is_date64(kind):
        per_second, wide = 1000, pa.int64()
    elif pa.types.is_date32(kind) or pa.types.is_integer(kind):
        per_second, wide = 1, kind if pa.types.is_integer(kind) else pa.int32()
    else:
        raise InputError(
            f"column {name!r} has type {kind}; times are timestamps, dates, seconds since 1970 or ISO 8601 texts"
        )
    raw = raw_codes(array.view(wide))
    given = raw if pa.types.is_unsigned_integer(kind) else raw.view(np.dtype(f"i{raw.dtype.itemsize}"))
    if per_second > 10**6:
        return _inside(given // (per_second // 10**6), valid)
    scale = _A_DAY if pa.types.is_date32(kind) else 10**6 // per_second
    least, most = LEAST // scale, MOST // scale
    if len(given) and valid.all() and least <= int(given.min()) and int(given.max()) < most:  # in a fifth of the time
        return (given.astype(np.int64, copy=False) if scale == 1 else given.astype(np.int64) * scale), valid
    fits = valid & (given >= least) & (given <= most)
    return _inside(np.where(fits, given, 0).astype(np.int64) * scale, fits)


def _inside(times: Ints, valid: Mask) -> tuple[Ints, Mask]:
    return times, valid & (times >= LEAST) & (times < MOST)


def _of_floats(seconds: Any) -> tuple[Ints, Mask]:
    fits = (seconds >= LEAST / 1e6) & (seconds < MOST / 1e6)  # nan is not
    return _inside(np.floor(np.where(fits, seconds, 0.0) * 1e6).astype(np.int64), fits)


def _of_texts(array: pa.Array, valid: Mask) -> tuple[Ints, Mask]:
    import pyarrow.compute as pc

    times, known = np.zeros(len(array), np.int64), np.zeros(len(array), bool)
    for pattern, read in ((ISO, _of_iso), (_NUMBER, _of_numbers)):
        fits = pc.match_substring_regex(array, pattern).fill_null(False)
        mask = flags(fits).view(bool) & valid
        if mask.any():
            times[mask], known[mask] = read(array if mask.all() else array.filter(fits))
        if (mask | ~valid).all():
            break
    return times, known


def _of_numbers(texts: pa.Array) -> tuple[Ints, Mask]:
    return _of_floats(np.asarray(texts.cast(pa.float64())))


def _of_iso(texts: pa.Array) -> tuple[Ints, Mask]:
    """ISO 8601 texts; in Arrow, and where a day is in no calendar, one by one."""
    import pyarrow.compute as pc

    texts = pc.replace_substring_regex(texts.cast(pa.large_string()), r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(texts, r":\d\d(\.\d+)?(Z|[+-][\d:]+)$")
    short = pc.match_substring_regex(texts, r"^.{10}$")
    clock = pc.if_else(short, "T00:00Z", pc.if_else(zoned, "", "Z"))
    whole = pc.binary_join_element_wise(texts, clock.cast(pa.large_string()), pa.scalar("", pa.large_string()))
    try:
        found = raw_codes(whole.cast(pa.timestamp("us", "UTC")).view(pa.int64())).view(np.int64)
        return _inside(found, np.ones(len(found), bool))
    except pa.ArrowInvalid:
        each = [_one(text) for text in whole.to_pylist()]
        return _inside(
            np.array([0 if time is None else time for time in each], np.int64),
            np.array([time is not None for time in each], bool),
        )


def _one(text: str) -> int | None:
    """The microseconds of one ISO 8601 text; None if it is no day of the calendar."""
    try:
        time = datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", text))
        return (time - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
