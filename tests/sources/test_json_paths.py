"""Field paths: columns inside objects, whichever parser reads them, and keys that only look like paths."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.sources.json_lines import MalformedError
from streamavg.sources.json_paths import Keys, value_at
from streamavg.sources.json_rows import Rows

if TYPE_CHECKING:
    from pathlib import Path

TWICE = object()
PATHS = {"r.t": ("r", "t"), "r.p.q": ("r", "p", "q")}


def rows_of(block: bytes) -> tuple[list[Any], int]:
    pieces = list(Rows(dict.fromkeys(PATHS, pa.string()), PATHS).pieces(block))
    return [row for piece in pieces for row in piece.batch.to_pylist()], sum(piece.malformed for piece in pieces)


def plainly(line: bytes) -> dict[str, Any] | None:
    """What a line means, by the plainest means: None for one that is malformed."""

    def object_of(pairs: list[tuple[str, Any]]) -> Any:
        keys = [key for key, _ in pairs]
        return dict(pairs) if len(set(keys)) == len(keys) else TWICE

    def at(found: Any, path: tuple[str, ...]) -> Any:
        for key in path:
            if found is None:
                return None
            if not isinstance(found, dict):
                raise ValueError
            found = found.get(key)
        if found is not None and not isinstance(found, str):
            raise ValueError
        return found

    try:
        found = json.loads(line, object_pairs_hook=object_of)
        return {name: at(found, path) for name, path in PATHS.items()} if isinstance(found, dict) else None
    except ValueError:
        return None


def lines(draw: random.Random, n: int) -> list[bytes]:
    leaf = ['"a"', '"b"', "null"] * 9 + ["{}", '[["x"]]', '"\\u00e9"']
    inner = ['{"q": %s}'] * 9 + ['{"z": 1, "q": %s}', "null", "[%s]", '{"q": %s, "q": "a"}', '{"\\u0071": %s}']
    outer = ['{"r": {"t": %s, "p": %s}}'] * 12 + ['{"id": {"t": 1}, "r": {"p": %s, "t": %s}}', '{"r": null}', "{}"]
    outer += ['{"r": 3}', '{"r": {"t": "a"}, "r": {}}', '{"r.t": "no", "r": {"t": %s, "p": %s}}', '{"r": {"t": %s']

    def line() -> str:
        text = draw.choice(outer)
        fill = [draw.choice(leaf) for _ in range(text.count("%s"))]
        if len(fill) == 2:
            form = draw.choice(inner)
            at = text.index('"p": ') < text.index('"t": ')
            fill[0 if at else 1] = form % draw.choice(leaf) if "%s" in form else form
        return text % tuple(fill) if fill else text

    return [line().encode() for _ in range(n)]


@pytest.mark.parametrize("seed", range(2))
def test_both_parsers_read_what_the_plainest_reads(seed: int) -> None:
    made = lines(random.Random(seed), 1_500)
    expected = [plainly(line) for line in made]
    found, malformed = rows_of(b"\n".join(made) + b"\n")  # blocks that pyarrow refuses are halved
    assert found == [row for row in expected if row is not None]
    assert malformed == expected.count(None)
    good = [line for line, row in zip(made, expected, strict=True) if row is not None]
    assert rows_of(b"\n".join(good)) == ([row for row in expected if row is not None], 0)


def test_a_key_that_is_spelled_like_a_path_comes_first() -> None:
    keys = Keys()
    keys.add({"r": {"t": "inside", "x.y": 1}, "r.t": "outside"})
    assert keys.paths(["r.t", "r.x.y", "never.seen", "r"]) == {"r.x.y": ("r", "x.y"), "never.seen": ("never", "seen")}
    keys = Keys()
    keys.add({"r": {"t": "inside"}})
    keys.add({"r.t": 1})
    assert keys.paths(["r.t"]) == {}
    assert keys.types()["r.t"] == pa.int64()


def test_what_stands_in_the_place_of_an_object() -> None:
    assert value_at({"a": None}, ("a", "b")) is None
    assert value_at({}, ("a", "b")) is None
    for wrong in ("text", 1, [], (("b", 1), ("b", 2))):
        with pytest.raises(MalformedError):
            value_at({"a": wrong}, ("a", "b"))


def test_eval_takes_paths_and_patterns_of_them(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    records = [{"truth": {"label": t}, "scores": {"a": s, "b": 1 - s}} for t, s in (("a", 0.9), ("b", 0.2), ("b", 0.6))]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    snap = sa.evaluate(str(log), y_true="truth.label", y_score="scores.*")
    assert snap["accuracy"] == pytest.approx(2 / 3)
    with pytest.raises(sa.InputError, match=r"field 'truth' holds objects.*such as its field 'truth.label'"):
        sa.evaluate(str(log), y_true="truth", y_score="scores.*")
