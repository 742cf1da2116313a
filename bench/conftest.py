"""The benchmarks' rivals side by side: after the run, each group's ratios to streamavg are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS = "streamavg"
LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def race(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Time one contestant of a group: one warm-up and five rounds, one for slow ones; returns its answer."""

    def run(group: str, name: str, work: Callable[[], Any], units: int, slow: bool = False) -> Any:
        benchmark.group = group
        benchmark.extra_info.update(contestant=name, units=units)
        return benchmark.pedantic(work, rounds=1 if slow else 5, warmup_rounds=0 if slow else 1)

    return run


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at the end of the run."""
    return request.config.stash.setdefault(LINES, []).append


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of this run."""
    return tmp_path_factory.mktemp("bench")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print, group by group, the median, the rate and how many times faster streamavg was."""
    session = getattr(config, "_benchmarksession", None)
    groups: dict[str, dict[str, tuple[float, int]]] = {}
    for bench in session.benchmarks if session else ():
        if bench.extra_info.get("contestant") and bench.stats.data:
            found = groups.setdefault(bench.group, {})
            found[bench.extra_info["contestant"]] = (bench.stats.median, bench.extra_info["units"])
    if groups:
        terminalreporter.section("ratios from this run (how many times the time a row of the fastest streamavg)")
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)
    for group, found in groups.items():
        ours = min((time / units for name, (time, units) in found.items() if name.startswith(OURS)), default=None)
        cells = []
        for name, (time, units) in found.items():
            against = "" if name.startswith(OURS) or not ours else f" = {time / units / ours:.1f}x"
            cells.append(f"{name} {1000 * time:.1f} ms, {units / time / 1e6:,.0f} M/s{against}")
        terminalreporter.write_line(f"{group}: " + "; ".join(cells))
