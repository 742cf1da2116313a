"""Rewrite the generated blocks of README.md; --check fails where one is out of date."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from streamavg.report.listing import listing_markdown

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
README, LANGID = ROOT / "README.md", ROOT / "data" / "langid.parquet"
BLOCK = re.compile(r"(?P<head><!-- generated: (?P<name>\w+) -->\n)(?P<body>.*?)(?P<foot><!-- end -->)", re.DOTALL)


def metrics() -> str:
    """The table of metrics, from the catalogue."""
    return listing_markdown()


def demo() -> str | None:
    """What `scripts/demo` prints; None where its data has not been made."""
    if not LANGID.exists():
        return None
    return _printed("data/langid.parquet --y-score y_score", LANGID, "--y-score", "y_score")


def haematology() -> str:
    """The report on the synthetic diseases."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "haematology.parquet"
        make = [sys.executable, str(ROOT / "scripts" / "make_haematology.py"), "-o", str(path)]
        subprocess.run(make, capture_output=True, check=True)
        arguments = "data/haematology.parquet --y-score 'score_*' --explain roc_auc"
        return _printed(arguments, path, "--y-score", "score_*", "--explain", "roc_auc")


def _printed(arguments: str, path: Path, *flags: str) -> str:
    command = [sys.executable, "-m", "streamavg", "eval", str(path), *flags]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"```\n$ streamavg eval {arguments}\n{run.stdout}```\n"


def example() -> str:
    """The Python example with its output, run."""
    code = """import streamavg as sa

snap = sa.from_counts(["a", "b", "c"], tp=[2, 1, 1], fp=[8, 5, 3], fn=[0, 1, 2], rows=23)
print(snap["precision_micro"], round(snap["precision_macro"], 4))
print(snap.explain("precision").to_pandas().round(4).to_string(index=False))
"""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})  # noqa: S102 the text above, nothing else
    return f"```python\n{code}```\n\n```\n{printed.getvalue()}```\n"


BLOCKS: dict[str, Callable[[], str | None]] = {
    "metrics": metrics,
    "demo": demo,
    "example": example,
    "haematology": haematology,
}


def rewritten(text: str) -> str:
    """The text with every block made anew that can be made here."""

    def block(found: re.Match[str]) -> str:
        made = BLOCKS[found["name"]]()
        return found[0] if made is None else found["head"] + made + found["foot"]

    return BLOCK.sub(block, text)


def main() -> int:
    """Rewrite or check; returns the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing, fail if a block is out of date")
    held = README.read_text(encoding="utf-8")
    made = rewritten(held)
    if arguments.parse_args().check and made != held:
        print("README.md is out of date: run .venv/bin/python scripts/readme.py", file=sys.stderr)
        return 1
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
