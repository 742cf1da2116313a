"""Who may import whom, what importing costs, and how large things may be: the house rules of DESIGN section 1."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import streamavg

HOUSE = Path(streamavg.__file__).parent
MODULES = sorted(HOUSE.rglob("*.py"))
MOST_LINES, MOST_IN_A_FUNCTION, MOST_IN_A_KERNEL = 300, 40, 25
NAMES = [str(path.relative_to(HOUSE)) for path in MODULES]

# package or module -> what it may import, the standard library and itself aside; () marks imports inside functions only
ALLOWED = {
    "errors": [],
    "state": ["numpy", "errors"],
    "derive": ["numpy", "state", "errors", "(pyarrow)"],
    "count": ["numpy", "pyarrow", "state", "errors"],
    "count.kernels": ["numpy", "numba"],
    "position": ["errors"],
    "numeric": [],
    "unbroken": [],
    "sources": ["numpy", "pyarrow", "position", "numeric", "errors"],
    "sources.pages": ["numpy", "pyarrow", "errors", "(count.kernels)"],  # whose loops read pages
    "sources.json_fields": ["numpy", "pyarrow", "(count.kernels)", "count.small"],  # whose loops read lines
    "sources.broker": ["errors", "(confluent_kafka)"],
    "join": ["numpy", "pyarrow", "checkpoint.batches", "count", "errors"],
    "joining": ["join", "count.selection", "errors"],
    "report": ["numpy", "derive", "state.labels", "errors", "(pyarrow)"],
    "report.text": ["rich", "derive", "state.labels", "errors", "report"],
    "checkpoint": ["numpy", "(pyarrow)", "position", "state", "errors"],
    "progress": ["rich"],
    "snapshot": ["numpy", "pyarrow", "state", "derive", "report", "checkpoint.wire", "(checkpoint)", "errors"],
    "loading": ["snapshot", "(checkpoint)"],
    "given": ["numpy", "snapshot", "state", "errors"],
    "options": ["count", "numeric", "state", "errors"],
    "counters": ["pyarrow", "count", "options", "state", "errors"],
    "slicer": ["numpy", "pyarrow", "count", "state", "errors"],
    "tally": ["numpy", "count", "counters", "options", "slicer", "state", "unbroken", "errors"],
    "accumulator": [
        "checkpoint.kept",
        "count",
        "options",
        "position",
        "snapshot",
        "state.spans",
        "tally",
        "unbroken",
        "errors",
    ],
    "worker": ["position", "errors"],
    "rankings": ["numpy", "count.refine", "derive.exact", "state", "errors"],
    "refining": ["accumulator", "count", "counters", "rankings", "snapshot", "worker", "errors"],
    "saving": ["accumulator", "position", "snapshot", "state", "worker"],
    "run": ["pyarrow", "accumulator", "count.inputs", "refining", "sources", "snapshot", "worker", "errors"],
    "resume": [
        "(join)",
        "(live.words)",
        "accumulator",
        "checkpoint",
        "position",
        "run",
        "saving",
        "snapshot",
        "state",
        "errors",
    ],
    "live": ["numpy", "position", "snapshot", "derive", "report", "errors"],
    "live.picture": ["rich", "live", "report"],
    "live.view": ["rich", "live", "report"],
    "live.page": ["(prometheus_client)", "live", "errors"],
    "signals": [],
    "output": ["(checkpoint.wire)", "(sources)", "errors"],
    "watermark": ["numpy", "count.times", "derive.panes", "snapshot", "state", "errors"],
    "following": ["sources.unit", "live.moment", "position", "state.spans", "errors"],
    "resumed": ["checkpoint", "position", "state", "errors"],
    "arguments": ["(report.escape)", "(commands.follow_arguments)"],
    "commands": ["*"],
    "cli": ["*"],
    "__init__": [],
    "__main__": ["cli"],
}


def name_of(path: Path) -> str:
    """The module without the package: "count.columns"."""
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(node: ast.AST, inside: bool = False):
    """(imported module, whether inside a function) of everything that runs; imports for types are left out."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide who is imported"
            yield from ((f"{child.module}.{alias.name}", inside) for alias in child.names)
        yield from imports_of(child, inside or isinstance(child, ast.FunctionDef))


def short(name: str) -> str | None:
    """What the rules call it: "pyarrow", "count.columns"; None for the standard library."""
    first, _, rest = name.partition(".")
    if first == "streamavg":
        return rest
    return None if first in sys.stdlib_module_names else first


def within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def forbidden(path: Path) -> list[str]:
    module = name_of(path)
    home = max((package for package in ALLOWED if within(module, package)), key=len)
    rules = [home.partition(".")[0], *ALLOWED[home]]
    found = []
    for name, inside in imports_of(ast.parse(path.read_text())):
        imported = short(name)
        allowed = imported is None or any(
            rule == "*" or within(imported, rule) or (inside and within(imported, rule.strip("()"))) for rule in rules
        )
        if not allowed:
            found.append(f"{module} imports {imported}{' in a function' if inside else ''}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_point_one_way(path):
    assert forbidden(path) == []


def test_the_rules_would_notice(tmp_path):
    """The checker sees what it is there to see."""
    tree = ast.parse(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numba\n"
        "import numpy as np\ndef f():\n    from streamavg.count import kernels\n"
    )
    assert list(imports_of(tree)) == [
        ("typing.TYPE_CHECKING", False),
        ("numpy", False),
        ("streamavg.count.kernels", True),
    ]
    assert within("count.kernels", "count")
    assert not within("counter", "count")
    assert short("json.decoder") is None


def test_every_module_has_a_rule():
    assert [name for name in map(name_of, MODULES) if not any(within(name, rule) for rule in ALLOWED)] == []


def test_only_snapshot_knows_both_states_and_reports():
    both = []
    for path in MODULES:
        imported = {short(name) or "" for name, _ in imports_of(ast.parse(path.read_text()))}
        imported = {
            name for name in imported if not within(name, "state.labels")
        }  # what a label is, everybody may know
        if any(within(name, "state") for name in imported) and (
            any(within(name, "report") for name in imported) or within(name_of(path), "report")
        ):
            both.append(name_of(path))
    assert both == ["snapshot"]


def loaded_by(*arguments: str) -> set[str]:
    """The heavy packages that a fresh Python has loaded after running streamavg like this."""
    heavy = ("numba", "pyarrow", "numpy", "rich", "pandas", "sklearn")
    run = "import runpy, sys\nsys.argv = ['streamavg', *sys.argv[1:]]\n"
    run += "try:\n    runpy.run_module('streamavg', run_name='__main__')\n"
    run += "except SystemExit as end:\n    assert not end.code\n"
    code = run if arguments else "import sys, streamavg\n"
    code += f"print('loaded:', *[name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["eval", "--help"], ["follow", "--help"], ["show", "--help"], ["--version"]], ids=str
)
def test_starting_loads_nothing_heavy(arguments):
    assert loaded_by(*arguments) == set()


def test_listing_the_metrics_loads_neither_arrow_nor_numba():
    assert loaded_by("metrics", "--format", "json").isdisjoint({"numba", "pyarrow", "pandas"})


# ---- sizes


def functions_of(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def body_lines(function: ast.FunctionDef) -> int:
    """Lines from the first statement to the last, without the signature and the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_modules_are_short_and_say_what_they_hold(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "a module says what it holds"
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_functions_are_short(path):
    most = MOST_IN_A_KERNEL if within(name_of(path), "count.kernels") else MOST_IN_A_FUNCTION
    assert {function.name: n for function in functions_of(path) if (n := body_lines(function)) > most} == {}
