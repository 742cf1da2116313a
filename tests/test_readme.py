"""README.md: its generated blocks are current, its Python examples run, and the command line knows its commands."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

from streamavg.arguments import parser

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_generated_blocks_are_current() -> None:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "scripts" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    assert readme.rewritten(TEXT) == TEXT


def test_python_examples_run(tmp_path: Path, monkeypatch: object) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_commands_are_such() -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = [re.match(r"(?:\S+ \| |\S*/|\$ )?streamavg (.*)", line) for line in lines]
    commands = [match[1] for match in found if match and not re.search(r"\.\.\.|\[-| A B", match[1])]
    assert len(commands) > 5
    for command in commands:
        parser().parse_args(shlex.split(command, comments=True))
