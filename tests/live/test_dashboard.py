"""The dashboard in scripts/ asks for nothing that the page does not have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamavg.live.figures import Reader
from streamavg.live.moment import Moment
from streamavg.live.page import Page
from tests.live import samples

DASHBOARD = json.loads((Path(__file__).resolve().parents[2] / "scripts" / "grafana.json").read_text())
PANELS = DASHBOARD["panels"]
BUILT_IN = {"job", "instance", "le"}  # labels that Prometheus gives


def texts(value) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(scope="module")
def page() -> dict[str, set[str]]:
    """Name of a series -> its labels."""
    shown = samples.moment(3)
    snap = shown.snapshot + samples.counted([None], ["a"])
    full = samples.moment(3, snapshot=snap)
    raw, _ = Page(Moment(), Reader()).texts(full, 1, shown.windows[0])
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(raw.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_name_is_on_the_page(page):
    asked = {name for text in texts(DASHBOARD) for name in re.findall(r"\bstreamavg_\w+", text)}
    assert len(asked) > 20
    assert asked <= page.keys()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_label_of_a_panel_is_on_its_series(panel, page):
    for target in panel["targets"]:
        names = re.findall(r"\bstreamavg_\w+", target["expr"])
        assert names
        held = set.union(*(page[name] for name in names)) | BUILT_IN
        asked = {*re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]), *re.findall(r"by \((\w+)\)", target["expr"])}
        asked |= set(re.findall(r"(\w+)=~", target["expr"]))
        assert asked <= held
        assert target["expr"].count("(") == target["expr"].count(")")


def test_panels_do_not_overlap():
    cells = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
