"""What every test shares: the hypothesis profile, the option --long, and the versions in the header."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = 40


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run tests marked long, and twice the examples")


def pytest_configure(config: pytest.Config) -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        # numba numbers the files of a kernel as types come: two processes that compile at once may take the same number
        folder = Path(os.environ.get("NUMBA_CACHE_DIR", config.rootpath / ".pytest_cache"), f"kernels-{worker}")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
    # the first call of a kernel compiles it, which no deadline survives
    settings.register_profile(
        "streamavg",
        deadline=None,
        max_examples=EXAMPLES * (2 if config.getoption("--long") else 1),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    settings.load_profile("streamavg")


def pytest_collection_modifyitems(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="runs only with --long"))


def pytest_report_header() -> str:
    names = ("streamavg", "numba", "numpy", "pyarrow", "scikit-learn")
    return ", ".join(f"{name} {version(name)}" for name in names)
