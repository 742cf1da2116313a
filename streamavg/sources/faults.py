"""Faults of reading, told apart in one place: a file that cannot be used, or a disk or network that failed."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Object stores raise OSError without errno for the network too, so their words decide; damage has none of these words.
_NETWORK = re.compile(r"AWS Error|curlCode|google::cloud|GetObject|Azure|HDFS|HTTP|[Tt]ime(d )?out|[Cc]onnection")
_LENGTH = 200  # characters kept of a message from Arrow, which may quote a whole row


@contextmanager
def reading(file: str, what: str) -> Iterator[None]:
    """Run a block that reads `file`: raises InputError for damage; OSError of disk and network goes through."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{file}: a directory; expected a file") from None
    except pa.ArrowCancelled:
        raise
    except UnicodeError:
        raise InputError(_not_utf8(file, what)) from None
    except OSError as error:
        if error.errno is not None or _NETWORK.search(str(error)):
            raise
        raise InputError(_damaged(file, what, error)) from None
    except (pa.ArrowException, EOFError, OverflowError) as error:
        raise InputError(_damaged(file, what, error)) from None


def _damaged(file: str, what: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if "UTF8" in reason:
        return _not_utf8(file, what)
    return f"{file}: damaged or not {what} ({reason[:_LENGTH]}); write it again or name its format with --input-format"


def _not_utf8(file: str, what: str) -> str:
    return f"{file}: {what} text is not valid UTF-8; convert it first, for example: iconv -f LATIN1 -t UTF-8"
