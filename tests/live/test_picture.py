"""What the terminal shows, at widths from 60 to 120 columns, with labels that would break it."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from streamavg.accumulator import Accumulator
from streamavg.live.figures import Reader
from streamavg.live.moment import Moment
from streamavg.live.picture import flow, picture
from streamavg.snapshot import Snapshot
from tests.live import samples

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def drawn(moment: Moment, width: int = 80, height: int = 40, plain: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, markup=False, highlight=False, emoji=False)
    console.print(picture(moment, Reader(), width, height, plain))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("number", [0, 1, 30])
def test_it_fits(width, number):
    shown = samples.moment(number, snapshot=samples.moment(3).snapshot)
    lines = drawn(shown, width)
    assert max(map(cell_len, lines)) <= width
    assert not any(UNPRINTABLE.search(line) for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_shows_total_windows_trend_and_worst_classes(width):
    shown = samples.moment(30)
    text = "\n".join(drawn(shown, width))
    micro, macro = (f"{shown.snapshot[name]:.4f}" for name in ("f1_micro", "f1_macro"))
    total = next(line for line in text.splitlines() if line.startswith("total"))
    assert total.split()[1:4] == ["15,000", micro, macro]
    newest = next(line for line in text.splitlines() if "02:25:00" in line)
    assert newest.split()[2:5] == ["500", *(f"{shown.windows[-1][1][name]:.4f}" for name in ("f1_micro", "f1_macro"))]
    assert "macro f1 by window" in text
    worst = Reader().worst(shown.snapshot, 1)[0]
    assert f"{worst.f1:.4f}" in text
    assert "5 replayed" in text
    assert "unlabelled share 0.0321" in text


def test_labels_are_escaped_and_cut():
    text = "\n".join(drawn(samples.moment(5), 120))
    for expected in ("\\x1b[31mred", "[bold]markup[/bold]", "\\u202egnp.exe", "new\\nline 1", 'quo"te'):
        assert expected in text
    assert samples.HOSTILE[8] not in text


def test_fewer_classes_are_shown_where_lines_are_few():
    heights = {height: len(drawn(samples.moment(5), 80, height)) for height in (15, 18, 24, 50)}
    assert all(lines <= height for height, lines in heights.items()), heights
    assert heights[24] > heights[18]


def test_plain_is_ascii_where_labels_are():
    shown = samples.moment(8, labels=["a", "b", "c"])
    lines = drawn(shown, plain=True)
    trend = next(line for line in lines if line.startswith("macro f1"))
    assert trend.isascii()


@pytest.mark.parametrize(
    ("data", "head"),
    [
        ({"y_true": [True, False], "y_pred": [True, True]}, "accuracy"),
        ({"y_true": [["a"], ["b"]], "y_pred": [["a"], []]}, "subset acc."),
        ({"y_true": [True, False], "y_pred": [True, True], "s": [0.7, 0.2]}, "roc_auc"),
    ],
    ids=["binary", "sets", "scores"],
)
def test_every_task_is_shown(data, head):
    acc = Accumulator(y_score="s" if "s" in data else None, y_pred="y_pred")
    acc.update(data)
    assert any(head in line for line in drawn(Moment(acc.snapshot())))


def test_it_says_why_there_is_nothing():
    ahead = Accumulator()
    ahead.retract({"y_true": ["a\x1b"], "y_pred": ["a\x1b"]})
    assert drawn(Moment())[-1] == "no row yet"
    assert drawn(Moment(samples.counted([None], ["a"])))[-1] == "no row could be scored yet"
    last = " ".join(drawn(Moment(ahead.snapshot()), 200))
    assert "corrections are ahead" in last
    assert "\x1b" not in last


def test_a_window_that_cannot_be_read_is_a_dash():
    shown = samples.moment(2)
    held = [*shown.windows, (samples.START.replace(hour=3), Snapshot())]
    line = next(line for line in drawn(samples.moment(2, windows=held)) if "03:00:00" in line)
    assert set(line.split()[3:]) == {"-"}


def test_pieces_are_never_parted():
    words = [f"{k} rows with a cause" for k in range(9)]
    for width in range(10, 100):
        lines = flow(words, width)
        assert "   ".join(lines).split("   ") == words
        assert all(len(line) <= width or line in words for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_worst_slices_are_shown_where_rows_are_told_apart(width):
    acc = Accumulator(by=["pl\x1bace"])
    places = ["\u202enorth", "south" * 30, None]
    true, pred = ["a", "b"] * 60, (["a", "b"] * 20 + ["a", "a"] * 20 + ["b", "a"] * 20)
    acc.update({"y_true": true, "y_pred": pred, "pl\x1bace": [places[k // 40] for k in range(120)]})
    shown = Moment(acc.snapshot())
    lines = drawn(shown, width)
    assert max(map(cell_len, lines)) <= width
    assert not any(UNPRINTABLE.search(line) for line in lines)
    first = lines.index(next(line for line in lines if line.startswith("worst slice")))
    names = [line.split()[0] for line in lines[first + 2 : first + 5]]
    assert names[0] == "(null)"
    assert names[1].startswith("southsouth")
    assert names[2] == "\\u202enorth"
    assert [line.split()[-2:] for line in lines[first + 2 : first + 5]] == [
        ["0.0000", "0.0000"],
        ["0.5000", "0.3333"],
        ["1.0000", "1.0000"],
    ]
    assert len(drawn(shown, width, 18)) <= 18
