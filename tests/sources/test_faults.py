"""Faults: what is the file's fault is InputError, what is the disk's or the network's stays OSError."""

from __future__ import annotations

import errno
import sys
from types import SimpleNamespace

import pyarrow as pa
import pytest

from streamavg.errors import InputError
from streamavg.sources.faults import reading, unsaid


def through(error: BaseException) -> None:
    with reading("a.parquet", "Parquet"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowInvalid("Parquet magic bytes\nnot found"),
        OSError("Couldn't deserialize thrift: TProtocolException"),
        OSError("Truncated compressed stream"),
        pa.ArrowNotImplementedError("x"),
        pa.ArrowKeyError("x"),
        pa.ArrowMemoryError("malloc of size 2**60 failed"),
        EOFError("x"),
        OverflowError("x"),
    ],
)
def test_damage_is_an_input_error_in_one_line(error: Exception) -> None:
    with pytest.raises(
        InputError, match=r"^a\.parquet: damaged or not Parquet \(.*\); write it again or .*$"
    ) as caught:
        through(error)
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__  # the command line shows no traceback; nor is one wanted in a notebook


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EACCES, errno.ECONNRESET, errno.ETIMEDOUT])
def test_faults_of_the_disk_stay_as_they_are(code: int) -> None:
    error = OSError(code, "failed")
    with pytest.raises(OSError, match="failed") as caught:
        through(error)
    assert caught.value is error


@pytest.mark.parametrize(
    "words",
    [
        "When reading information for key 'a' in bucket 'b': AWS Error NETWORK_CONNECTION during HeadObject operation",
        "google::cloud::Status(UNAVAILABLE: ...)",
        "Operation Timed out",
        "HDFS list directory failed",
    ],
)
def test_faults_of_the_network_stay_although_they_have_no_number(words: str) -> None:
    with pytest.raises(OSError, match="^" + words[:8]):
        through(OSError(words))


def test_a_missing_file_says_so() -> None:
    with pytest.raises(InputError, match=r"^a\.parquet: no such file$"):
        through(FileNotFoundError(errno.ENOENT, "x"))


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowInvalid("CSV conversion error to string: invalid UTF8 data"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
    ],
)
def test_text_in_another_encoding_says_how_to_convert_it(error: Exception) -> None:
    with pytest.raises(
        InputError, match=r"^a\.parquet: Parquet text is not valid UTF-8; .*: iconv -f LATIN1 -t UTF-8$"
    ):
        through(error)


@pytest.mark.parametrize(
    "error", [InputError("as it is"), KeyboardInterrupt(), pa.ArrowCancelled("x"), ZeroDivisionError()]
)
def test_everything_else_goes_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        through(error)
    assert caught.value is error


def test_only_what_cannot_be_decoded_for_a_handler_is_left_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", hook := told.append)
    one, two = object(), object()
    undecoded = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    errors = [
        SimpleNamespace(exc_value=value, object=handler)
        for value, handler in ((undecoded, one), (undecoded, two), (ValueError(), one))
    ]
    first, second = unsaid(one), unsaid(two)  # as two threads would, the first one out before the second
    first.__enter__()
    second.__enter__()
    for error in errors:
        sys.unraisablehook(error)
    assert told == errors[2:]
    first.__exit__(None, None, None)
    for error in errors:
        sys.unraisablehook(error)
    assert told == [errors[2], errors[0], errors[2]]
    second.__exit__(None, None, None)
    assert sys.unraisablehook is hook
