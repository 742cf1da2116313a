"""Paging: Parquet page headers and dictionary-encoded pages to codes; every read is checked against the page's end."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamavg.count.kernels.compile import kernel


@kernel
def varint(raw: Any, pos: Any) -> tuple[Any, Any]:
    """The unsigned number at `pos` in base 128, low digits first, and the position behind it (-1: it leaves `raw`)."""
    value, shift = np.uint64(0), 0
    while 0 <= pos < len(raw) and shift < 64:
        byte = raw[pos]
        value |= np.uint64(byte & 127) << np.uint64(shift)
        pos += 1
        if byte < 128:
            return value, pos
        shift += 7
    return value, -1


@kernel
def page_field(raw: Any, pos: Any, kind: Any, slot: Any, fields: Any) -> Any:
    """Read a field of a page header that is no struct into fields[slot]; returns the position behind it, or -1."""
    if kind < 4 or kind == 7:
        return pos + (0 if kind < 3 else 1 if kind == 3 else 8)
    if kind > 8:
        return np.int64(-1)
    value, pos = varint(raw, pos)
    if pos < 0 or (kind == 8 and value > np.uint64(len(raw) - pos)):
        return np.int64(-1)
    if kind == 8:
        return pos + np.int64(value)
    fields[slot] = np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))
    fields[17] |= slot == 4
    return pos


@kernel
def page_header(raw: Any, pos: Any, last: Any, fields: Any) -> Any:
    """Read one Parquet page header (Thrift compact protocol) at `pos`; returns the position behind it, or -1.

    last: int64 scratch, a field number a depth. fields int64 (18,): field f of the header at f, of the struct in it at
    8 + f, 17 whether there is a CRC; https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
    """
    depth, last[0], fields[:] = 0, 0, 0
    while 0 <= pos < len(raw):
        kind, delta = raw[pos] & 15, np.int64(raw[pos] >> 4)
        pos += 1
        if kind == 0 and depth == 0:
            return pos
        if kind == 0:
            depth -= 1
            continue
        if delta == 0:
            return -1  # a field number of its own: none of these structs has so many fields
        last[depth] += delta
        slot = last[depth] + 8 * depth if depth < 2 and last[depth] < 9 else 0
        if kind == 12 and depth + 1 < len(last):
            fields[slot] = 1
            depth += 1
            last[depth] = 0
        else:
            pos = page_field(raw, pos, kind, slot, fields)
    return -1


@kernel
def page_index(raw: Any, last: Any, pages: Any) -> Any:
    """Find the pages of a column chunk: fields of each header in a row of `pages`, at 0 where its data begins.

    Returns their number; len(pages) + 1 if there are more than fit; -1 if the bytes are no run of pages.
    """
    pos = 0
    for page in range(len(pages)):
        if pos == len(raw):
            return page
        start = page_header(raw, pos, last, pages[page])
        size = pages[page, 3]
        if start < 0 or size < 0 or size > len(raw) - start:
            return -1
        pages[page, 0] = start
        pos = start + size
    return len(pages) if pos == len(raw) else len(pages) + 1


@kernel
def whole_word(b: Any) -> Any:
    """Eight bytes as a little-endian number; LLVM makes one load of this sum. `b` must hold eight."""
    low = np.uint64(b[0]) | np.uint64(b[1]) << np.uint64(8) | np.uint64(b[2]) << np.uint64(16)
    middle = np.uint64(b[3]) << np.uint64(24) | np.uint64(b[4]) << np.uint64(32) | np.uint64(b[5]) << np.uint64(40)
    return low | middle | np.uint64(b[6]) << np.uint64(48) | np.uint64(b[7]) << np.uint64(56)


@kernel
def word_at(raw: Any, at: int) -> Any:
    """Eight bytes from `at` on as a little-endian number, zeros behind the end."""
    if at + 8 <= len(raw):
        return whole_word(raw[at : at + 8])
    word = np.uint64(0)
    for k in range(at, len(raw)):
        word |= np.uint64(raw[k]) << np.uint64(8 * (k - at))
    return word


@kernel
def unpack_eights(raw: Any, width: int, out: Any) -> Any:
    """As unpack_bits for widths up to 8, eight numbers from one load, as far as whole loads reach; returns how many."""
    groups = min(len(out) // 8, max(len(raw) - 8, 0) // max(width, 1))
    w, mask = np.uint64(width), (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    w2, w3, w4 = w * np.uint64(2), w * np.uint64(3), w * np.uint64(4)
    for group in range(groups):
        word, eight = whole_word(raw[group * width : group * width + 8]), out[8 * group : 8 * group + 8]
        high = word >> w4
        eight[0], eight[1] = word & mask, (word >> w) & mask
        eight[2], eight[3] = (word >> w2) & mask, (word >> w3) & mask
        eight[4], eight[5] = high & mask, (high >> w) & mask
        eight[6], eight[7] = (high >> w2) & mask, (high >> w3) & mask
    return 8 * groups


@kernel
def unpack_bits(raw: Any, width: int, out: Any) -> None:
    """out[i] = the i-th number of `width` bits, width at most 32; zeros behind the end of `raw`."""
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    done = unpack_eights(raw, width, out) if width <= 8 else 0
    for i in range(done, len(out)):
        bit = i * width
        out[i] = (word_at(raw, bit >> 3) >> np.uint64(bit & 7)) & mask


@kernel
def unpack(raw: Any, width: int, out: Any) -> bool:
    """Fill `out` from runs of equal or bit-packed numbers (Parquet's hybrid encoding); False if they do not suffice."""
    pos, done = np.int64(0), np.int64(0)
    while done < len(out):
        head, pos = varint(raw, pos)
        count = np.int64(head >> np.uint64(1))
        if pos < 0 or count <= 0 or count > 2**31:
            return False
        if head & np.uint64(1):
            if count * width > len(raw) - pos:
                return False
            take = min(8 * count, len(out) - done)
            unpack_bits(raw[pos:], width, out[done : done + take])  # whole loads may reach beyond the run
            pos += count * width
        else:
            if (width + 7) // 8 > len(raw) - pos:
                return False
            take = min(count, len(out) - done)
            value = word_at(raw, pos) & ((np.uint64(1) << np.uint64((width + 7) // 8 * 8)) - np.uint64(1))
            if value >> np.uint64(width):
                return False
            out[done : done + take] = value
            pos += (width + 7) // 8
        done += take
    return True


@kernel
def levels(page: Any, valid: Any) -> tuple[Any, Any]:
    """Read the definition levels before a page's codes into `valid`; returns the valid rows and where the codes begin.

    Returns -1 rows if the levels are not what they say. One run of ones, the common case, is not written out.
    """
    size = np.int64(word_at(page, 0) & np.uint64(0xFFFFFFFF))
    if size > len(page) - 4:
        return np.int64(-1), size
    head, pos = varint(page, 4)
    if pos == 3 + size and head == np.uint64(2 * len(valid)) and page[pos] == 1:
        return np.int64(len(valid)), 4 + size
    if not unpack(page[4 : 4 + size], 1, valid):
        return np.int64(-1), size
    return np.int64(valid.sum()), 4 + size


@kernel
def decode_page(page: Any, nullable: bool, widest: int, valid: Any, out: Any) -> Any:
    """Codes of a dictionary-encoded data page (version 1) into `out`, 0 where the row is null; returns valid rows.

    widest: the bits that `out` holds. valid uint8: set to 0 or 1 if the page has nulls, otherwise left as it is.
    Returns -1 for a page that is not what it says.
    """
    rows, pos = levels(page, valid) if nullable else (np.int64(len(out)), np.int64(0))
    if rows <= 0:
        out[:] = 0
        return rows
    if pos >= len(page) or page[pos] > widest or not unpack(page[pos + 1 :], np.int64(page[pos]), out[:rows]):
        return np.int64(-1)
    source = rows
    if rows < len(out):
        for i in range(len(out) - 1, -1, -1):
            source -= valid[i]
            out[i] = out[source] if valid[i] else 0
    return rows


@kernel
def copy(source: Any, target: Any) -> None:
    """target = source, of equal length; over slices that start at 0, which LLVM makes one block move (20 x faster)."""
    for k in range(len(target)):
        target[k] = source[k]


@kernel
def snap_tag(raw: Any, pos: Any) -> tuple[Any, Any, Any]:
    """One Snappy element at `pos`: its length, how far back it copies (0: a literal), and where its data begins."""
    tag, extra = np.int64(raw[pos]), np.int64(0)
    kind, length = tag & 3, (tag >> 2) + 1
    if kind != 0 or length > 60:
        extra = length - 60 if kind == 0 else 1 << (kind - 1)
    number = np.int64(word_at(raw, pos + 1) & ((np.uint64(1) << np.uint64(8 * extra)) - np.uint64(1)))
    if kind == 0:
        return (number + 1 if extra else length), np.int64(0), pos + 1 + extra
    if kind == 1:
        length, number = (tag >> 2 & 7) + 4, number | (tag >> 5) << 8
    return length, (number if number else np.int64(-1)), pos + 1 + extra


@kernel
def unsnap(raw: Any, out: Any) -> Any:
    """Decompress one Snappy block into `out`, which it must fill exactly; False if it is not such a block.

    https://github.com/google/snappy/blob/main/format_description.txt; here and not in Arrow because a call a page from
    Python passes the interpreter lock to and fro: two threads were slower than one.
    """
    size, pos = varint(raw, 0)
    done = np.int64(0)
    if pos < 0 or size != np.uint64(len(out)):
        return False
    while pos < len(raw):
        length, back, pos = snap_tag(raw, pos)
        if pos > len(raw) or length > len(out) - done or back < 0 or back > done:
            return False
        if back == 0:
            if length > len(raw) - pos:
                return False
            copy(raw[pos : pos + length], out[done : done + length])
            pos += length
        for k in range(length if back else 0):
            out[done + k] = out[done - back + k]
        done += length
    return done == len(out)


@kernel
def decode_chunk(raw: Any, pages: Any, snappy: bool, nullable: bool, scratch: Any, valid: Any, out: Any) -> Any:
    """The codes of all data pages of a column chunk; pages as page_index gives them, without the dictionary page.

    scratch uint8 holds one decompressed page. Returns the rows that are not null, -1 if a page is not what it says.
    """
    row, held = np.int64(0), np.int64(0)
    for page in pages:
        body, rows, size = raw[page[0] : page[0] + page[3]], page[9], page[2]
        if rows < 0 or rows > len(out) - row:
            return np.int64(-1)
        if snappy:
            if size < 0 or size > len(scratch) or not unsnap(body, scratch[:size]):
                return np.int64(-1)
            body = scratch[:size]
        found = decode_page(body, nullable, 8 * out.itemsize, valid[row : row + rows], out[row : row + rows])
        if found < 0:
            return found
        row, held = row + rows, held + found
    return held if row == len(out) else np.int64(-1)
