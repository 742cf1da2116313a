"""Wire: the format of a state file, a state as bytes and back; no disk. Pickling uses the same bytes.

| bytes | field |
| --- | --- |
| 8 | MAGIC |
| 2, 2, 4 | format, least format a reader must know, flags |
| 8, 8, 8 | sequence of the save, length of meta, of body |
| 16, 8 | lineage of the run, reserved (zeros) |
| 32 | SHA-256 over all bytes before it, meta and body |
| meta | JSON, padded with blanks so that the body is aligned |
| body | an Arrow IPC file, not compressed: one row, each column a list; then the bytes attached |

Integers are little-endian. Every format ever written stays readable; a meta field may be added without a new format.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint.body import arrow_file, batch_of
from streamavg.checkpoint.contents import about_state, check, state_of
from streamavg.checkpoint.parts import parts_of
from streamavg.errors import StateError

if TYPE_CHECKING:
    from streamavg.state.state import State

MAGIC = b"\x89SAV\r\n\x1a\n"  # like PNG's: a text-mode copy or a cut file shows at once
ATTACHED = 1  # a flag: bytes of their own meaning follow the body, and belong to it
FORMAT, LEAST_READER, KNOWN_FLAGS = 1, 1, ATTACHED
HEAD = struct.Struct("<8sHHIQQQ16s8s32s")
SEALED = HEAD.size - 32  # the part of the head that the digest covers
MOST_META, MOST_BODY = 64 << 20, 2 << 30
MOST_BYTES = HEAD.size + MOST_META + MOST_BODY
NO_LINEAGE = bytes(16)
_ALIGNED = 64
_UNREADABLE = (LookupError, TypeError, ValueError, OverflowError, StopIteration, OSError, RecursionError, struct.error)


@dataclass(frozen=True)
class Unpacked:
    """What a state file holds: the state, the caller's `sources` and `attached`, and which save of which run it is."""

    state: State
    sources: dict[str, Any]
    lineage: bytes
    sequence: int
    format: int
    attached: bytes = b""


def pack(
    state: State,
    sources: dict[str, Any] | None = None,
    lineage: bytes = NO_LINEAGE,
    sequence: int = 0,
    attached: bytes = b"",
) -> bytes:
    """The state file of a state; equal arguments give equal bytes.

    sources: any JSON object, given back as it is, as are bytes that are `attached`. StateError if the state breaks its
    own identities (a memory fault, a bug: it must not be kept) or is too large.
    """
    try:
        check(state)
    except (ValueError, OverflowError) as error:
        raise StateError(f"the state is damaged and was not saved: {error}") from None
    about = {**about_state(state), "streamavg": _version(), "sources": sources or {}}
    about |= {"attached": len(attached)} if attached else {}
    meta = json.dumps(about, sort_keys=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    meta += b" " * (-(HEAD.size + len(meta)) % _ALIGNED)
    body = arrow_file(state) + attached
    if len(meta) > MOST_META or len(body) > MOST_BODY:
        raise StateError(
            f"the state is too large to save: {len(meta):,} bytes of metadata and sources (at most {MOST_META:,}), "
            f"{len(body):,} of counts and what waits (at most {MOST_BODY:,})"
        )
    fields = (
        MAGIC,
        FORMAT,
        LEAST_READER,
        ATTACHED if attached else 0,
        sequence,
        len(meta),
        len(body),
        lineage,
        bytes(8),
    )
    sealed = HEAD.pack(*fields, bytes(32))[:SEALED]
    return b"".join((sealed, _digest(sealed, meta, body), meta, body))


def unpack(data: bytes | bytearray | memoryview, name: str = "these bytes") -> Unpacked:
    """What a state file holds; StateError, naming `name`, if it is damaged, newer, or nothing that counting can give.

    The digest is verified before JSON or Arrow see a byte: Arrow's reader trusts offsets, and 5 to 10 % of damaged
    streams killed the process (https://arrow.apache.org/docs/format/Security.html).
    """
    import pyarrow as pa

    view = memoryview(data).cast("B")
    fault = _damage(view)
    if fault:
        raise StateError(f"{name}: {fault}", damaged=True)
    _, number, least, flags, sequence, long, _, lineage, reserved, _ = HEAD.unpack(view[: HEAD.size])
    try:
        about = _json(view[HEAD.size : HEAD.size + long])
        fault = _newer(about, number, least, flags)
        if fault:
            raise StateError(f"{name}: {fault}")
        if any(reserved) or not number:
            raise ValueError("the head has bytes that no format sets")
        body, attached = _parted(view[HEAD.size + long :], about, flags)
        state = state_of(about, batch_of(body, parts_of(about)))
        sources = about["sources"]
        if type(sources) is not dict:
            raise TypeError("sources is no object")
    except StateError:
        raise
    except (*_UNREADABLE, pa.ArrowException) as error:
        raise StateError(f"{name}: the digest is right, but no counting can give this state: {_short(error)}") from None
    return Unpacked(state, sources, lineage, sequence, number, attached)


def _parted(body: memoryview, about: dict[str, Any], flags: int) -> tuple[memoryview, bytes]:
    """The Arrow file and what is attached to it."""
    size = about.get("attached", 0)
    if type(size) is not int or not 0 <= size <= len(body) or (size > 0) != bool(flags & ATTACHED):
        raise ValueError(f"{str(size)[:40]} bytes are attached, or none")
    return body[: len(body) - size], bytes(body[len(body) - size :])


def _damage(view: memoryview) -> str:
    """What is wrong with the head, the lengths or the digest; empty if nothing."""
    if view[: len(MAGIC)] != MAGIC:
        return "no streamavg state (it does not begin like one)"
    if len(view) < HEAD.size:
        return f"a damaged state: {len(view)} bytes, less than its head of {HEAD.size}"
    *_, long, longer, _, _, digest = HEAD.unpack(view[: HEAD.size])
    size = HEAD.size + long + longer
    if long > MOST_META or longer > MOST_BODY or size != len(view):
        return f"a damaged state, cut or extended: {len(view):,} bytes, its head says {size:,}"
    if _digest(view[:SEALED], view[HEAD.size :]) != digest:
        return "a damaged state: its content does not match its digest"
    return ""


def to_bytes(state: State) -> bytes:
    """The state file of a state without sources, for pickling."""
    return pack(state)


def from_bytes(data: bytes | bytearray | memoryview) -> State:
    """The state in a state file; StateError as `unpack`."""
    return unpack(data).state


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


@lru_cache(1)
def _version() -> str:
    from importlib.metadata import version

    return version("streamavg")


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def _newer(about: dict[str, Any], number: int, least: int, flags: int) -> str:
    if least <= FORMAT and not flags & ~KNOWN_FLAGS:
        return ""
    writer = about.get("streamavg")
    writer = writer[:40] if isinstance(writer, str) else "(version not said)"
    marks = f" with flags {flags:#x}" if flags & ~KNOWN_FLAGS else ""
    return f"written by streamavg {writer}, format {number}{marks}; this one reads <= {FORMAT}; update streamavg"


def _json(meta: memoryview) -> dict[str, Any]:
    found = json.loads(bytes(meta).decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    if type(found) is not dict:
        raise TypeError("the metadata is no object")
    return found


def _object(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(entries)
    if len(found) < len(entries):
        raise ValueError("the metadata names a field twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"the metadata holds {name}")
