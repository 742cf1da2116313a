"""Pages: a dictionary-encoded Parquet column chunk straight to its codes, without making a value for each row.

What is not of the common shape (one dictionary, version 1 pages, a flat text or integer column) is left to Arrow: None.
Arrow decodes every code to four bytes first; the codes as they are take a third of the time of a whole evaluation.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    Bytes = np.ndarray[Any, np.dtype[np.uint8]]
    Fields = np.ndarray[Any, np.dtype[np.int64]]

MOST_ROWS = 1 << 22  # larger row groups would hold more memory than Arrow's small batches
MOST_BYTES = 1 << 26
DATA_PAGE, DICTIONARY_PAGE = 0, 2
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
# the places that kernels.page_header gives to the fields of a header
START, KIND, RAW_SIZE, SIZE, CRC, VALUES, ENCODING, LEVELS, HAS_CRC = 0, 1, 2, 3, 4, 9, 10, 11, 17
CODECS = {"UNCOMPRESSED": None, "SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "BROTLI": "brotli"}
NUMBERS = {"INT32": "<i4", "INT64": "<i8"}


def suits(chunk: Any, leaf: Any, kind: pa.DataType) -> bool:
    """Whether a column chunk, by its metadata, may be read by `codes`: flat text or integers with a dictionary."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = leaf.physical_type == "BYTE_ARRAY" and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
    number = leaf.physical_type in NUMBERS and pa.types.is_signed_integer(kind)
    flat = leaf.max_repetition_level == 0 and leaf.max_definition_level <= 1
    small = chunk.num_values <= MOST_ROWS and chunk.total_uncompressed_size <= MOST_BYTES
    return bool((text or number) and flat and small and chunk.has_dictionary_page and chunk.compression in CODECS)


def place(chunk: Any) -> tuple[int, int]:
    """Where the pages of a column chunk begin in the file, and how many bytes they take."""
    return min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset))), chunk.total_compressed_size


def codes(raw: bytes, chunk: Any, leaf: Any) -> pa.Array | None:
    """The column chunk as a dictionary array, or None if its pages are not of the common shape.

    The codes are not compared with the dictionary: the counters do that. InputError if a checksum does not match.
    """
    from streamavg.count.kernels import decode_chunk

    data = np.frombuffer(raw, np.uint8)
    pages = _pages(data)
    nullable = leaf.max_definition_level == 1
    if not _common(pages, chunk.num_values, nullable):
        return None
    _check(data, pages)
    codec = CODECS[chunk.compression]
    first = pages[:1]
    dictionary = _dictionary(_unpacked(data, first, codec)[0], int(pages[0, VALUES]), leaf.physical_type)
    if dictionary is None:
        return None
    snappy, pages = codec == "snappy", pages[1:]
    if codec is not None and not snappy:
        data, pages = _unpacked(data, pages, codec)
    kind = np.dtype(_narrowest(len(dictionary)))
    # memory from the pool of Arrow, which keeps it: fresh memory from numpy cost 270 us of page faults a million rows
    out = np.frombuffer(pa.allocate_buffer(chunk.num_values * kind.itemsize), kind)
    scratch = np.empty(int(pages[:, RAW_SIZE].max()) if snappy else 0, np.uint8)
    valid = np.empty(chunk.num_values, np.uint8)
    held = decode_chunk(data, pages, snappy, nullable, scratch, valid, out)
    if held < 0:
        return None
    if held < len(out):  # pages without nulls leave `valid` as it is, so where some have them it starts as ones
        valid[:] = 1
        decode_chunk(data, pages, snappy, nullable, scratch, valid, out)
    bits = None if held == len(out) else pa.py_buffer(np.packbits(valid, bitorder="little"))
    # from buffers: pa.array would load pandas where it is installed, 0.3 s
    indices = pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(out), [bits, pa.py_buffer(out)])
    return pa.DictionaryArray.from_arrays(indices, dictionary, safe=False)


def _pages(data: Bytes) -> Fields:
    from streamavg.count.kernels import page_index

    room, last = 128, np.zeros(8, np.int64)
    while True:
        fields = np.zeros((room, 18), np.int64)
        found = page_index(data, last, fields)
        if found <= room:
            return fields[: max(found, 0)]
        room *= 8


def _common(pages: Fields, rows: int, nullable: bool) -> bool:
    """Whether the pages are a plain dictionary and version 1 data pages in its codes, of so many rows together."""
    if len(pages) < 2 or pages[0, KIND] != DICTIONARY_PAGE or pages[0, ENCODING] not in (PLAIN, PLAIN_DICTIONARY):
        return False
    rest = pages[1:]
    coded = np.isin(rest[:, ENCODING], (PLAIN_DICTIONARY, RLE_DICTIONARY)) & (rest[:, KIND] == DATA_PAGE)
    leveled = (rest[:, LEVELS] == RLE).all() or not nullable
    sized = (pages[:, RAW_SIZE] >= 0).all() and (pages[:, RAW_SIZE] <= MOST_BYTES).all()
    return bool(coded.all() and leveled and sized and rest[:, VALUES].sum() == rows)


def _check(data: Bytes, pages: Fields) -> None:
    buffer = pa.py_buffer(data)
    for page in pages[pages[:, HAS_CRC] != 0].tolist():
        if zlib.crc32(buffer.slice(page[START], page[SIZE])) != page[CRC] & 0xFFFFFFFF:
            raise InputError("damaged Parquet: the checksum of a page does not match; write the file again")


def _unpacked(data: Bytes, pages: Fields, codec: str | None) -> tuple[Bytes, Fields]:
    """The pages decompressed one behind the other, and where they are now."""
    buffer, parts, pages, at = pa.py_buffer(data), [], pages.copy(), 0
    for page in pages:
        part = buffer.slice(int(page[START]), int(page[SIZE]))
        parts.append(bytes(part if codec is None else pa.decompress(part, int(page[RAW_SIZE]), codec)))
        page[START], page[SIZE] = at, len(parts[-1])
        at += len(parts[-1])
    return np.frombuffer(b"".join(parts), np.uint8), pages


def _narrowest(entries: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if entries <= 1 << 8 else np.uint16 if entries <= 1 << 16 else np.uint32


def _dictionary(page: Any, entries: int, physical: str) -> pa.Array | None:
    """The values of a dictionary page in plain encoding."""
    raw = memoryview(page)
    if physical in NUMBERS:
        kind = np.dtype(NUMBERS[physical])
        held = pa.Array.from_buffers(pa.from_numpy_dtype(kind), entries, [None, pa.py_buffer(raw)])
        return held if len(raw) == entries * kind.itemsize else None
    ends, parts, at = np.zeros(entries + 1, np.int32), [], 0
    for entry in range(entries):
        if at + 4 > len(raw):
            return None
        (size,) = struct.unpack_from("<I", raw, at)
        if size > len(raw) - at - 4:
            return None
        parts.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
        ends[entry + 1] = at - 4 * (entry + 1)
    if at != len(raw):
        return None
    return pa.Array.from_buffers(pa.binary(), entries, [None, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))])
