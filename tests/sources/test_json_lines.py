"""Single lines: what is malformed, and the text of a label."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from streamavg.sources.json_blocks import DEPTH
from streamavg.sources.json_lines import MalformedError, label, parse

LINES: dict[bytes, dict[str, Any]] = {
    b'{"y": "a", "p": 1}': {"y": "a", "p": 1},
    b'{"x": {"y": "z", "y": "w"}, "y": "a"}': {"y": "a"},
    b'{"x": 1, "x": 2, "y": "a"}': {"y": "a"},
    b'{"\\u0079": "a"}': {"y": "a"},
    b'{"y": "say \\"y\\""}': {"y": 'say "y"'},
    b'{"x": "\\"y\\":", "y": "a"}': {"y": "a"},
    b'{"x": "\xff", "y": "a"}': {"y": "a"},
    b'{"x": "\\ud800", "y": "a"}': {"y": "a"},
    b'{"x": Inf, "y": "Inf"}': {"y": "Inf"},
    b'{"x": [-Infinity, -NaN, NaN, -Inf], "y": "-NaN \\" Inf"}': {"y": '-NaN " Inf'},
    b'{"x": 1e999, "y": "a"}': {"y": "a"},
    b'{"x": ' + b"9" * 5000 + b', "y": "a"}': {"y": "a"},
    b'{"y": -0, "p": 12345678901234567890}': {"y": 0, "p": 12345678901234567890},
    b'{"x": ' + b"[" * (DEPTH - 1) + b"]" * (DEPTH - 1) + b', "y": "a"}': {"y": "a"},
    b'{"x": "' + b"[{" * 5000 + b'", "y": "a"}': {"y": "a"},
    b"{}": {},
    b' {"y"\t: "a" } \r': {"y": "a"},
}


@pytest.mark.parametrize("line", LINES)
def test_an_object_is_read(line: bytes) -> None:
    found = parse(line, ["y", "p"])
    assert {key: found[key] for key in ("y", "p") if key in found} == LINES[line]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"null",
        b"[]",
        b'[["y", "a"]]',
        b'"x"',
        b"1",
        b'{"y": "a"',
        b'{"y": "a",}',
        b'{"y": "a"}{"y": "b"}',
        b'{"y": "a"}\r{"y": "b"}',
        b'{"y": "a"} null',
        b'{"y": "a"}\x00',
        b'\x0c{"y": "a"}',
        b'\xef\xbb\xbf{"y": "a"}',
        b'{"y": "a\tb"}',
        b'{"y": 01}',
        b'{"y": +1}',
        b'{"y": nan}',
        b'{"y": INF}',
        b'{"y": 1Inf}',
        b'{"y": "\\x"}',
        b"{'y': 1}",
        b'{"y": "a", "y": "a"}',
        b'{"y": null, "y": "a"}',
        b'{"y": "a", "\\u0079": "a"}',
        b'{"x": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
        b'{"x": ' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1),
        b"[" * 100_000,
        b'{"x": ' * 100_000,
    ],
)
def test_everything_else_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(line, ["y", "p"])


def test_a_line_above_the_limit_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamavg.sources.json_lines.LONGEST", 10)
    assert parse(b'{"y": "a"}', ["y"]) == {"y": "a"}
    with pytest.raises(MalformedError):
        parse(b'{"y": "ab"}', ["y"])


@pytest.mark.parametrize(
    "line",
    [
        b'\\"' * 500_000,
        b'"\\' * 500_000,
        b'{"x": Inf, "y": "' + b"\\" * 999_999,
        b'["' * 500_000 + b"Inf",
        b'"' * 999_999,
    ],
)
def test_hostile_lines_take_time_in_proportion(line: bytes) -> None:
    began = time.perf_counter()
    with pytest.raises(MalformedError):
        parse(line, ["y"])
    assert time.perf_counter() - began < 1  # quadratic would be minutes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        ("né\0", "né\0"),
        ("007", "007"),
        (7, "7"),
        (-0, "0"),
        (True, "1"),
        (False, "0"),
        (3.0, "3"),
        (-0.0, "0"),
        (1e2, "100"),
        (2**63 - 1, str(2**63 - 1)),
        (-(2**63), str(-(2**63))),
        (None, None),
    ],
)
def test_labels_are_text(value: Any, text: str | None) -> None:
    assert label(value) == text


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), float("inf"), 2**63, -(2**63) - 1, 1e19, [], {}, (), json.loads('"\\ud800"'), "\udcff"]
)
def test_other_values_are_malformed(value: Any) -> None:
    with pytest.raises(MalformedError):
        label(value)
