"""Escaping: whatever a label holds, it is data in a terminal, a spreadsheet, a Markdown table and JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from streamavg.report.escape import json_safe, label_shown, markdown_safe, spreadsheet_safe, visible

ANY = st.text(st.characters(), max_size=30)  # surrogates included
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def is_harmless(text):
    return not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") or each in BIDI for each in text)


@settings(deadline=None)
@given(ANY)
def test_visible_text_is_harmless_and_the_same_if_it_was(text):
    assert is_harmless(visible(text))
    if is_harmless(text) and "\ufeff" not in text:
        assert visible(text) == text


def test_every_control_character_and_direction_is_written_out():
    for code in [*range(32), *range(127, 160), *map(ord, BIDI), 0x2028, 0x2029, 0xD800]:
        assert is_harmless(visible(chr(code))), hex(code)
    assert visible("\x1b[31m\r\n\t\x7f\x9b\u202e") == r"\x1b[31m\r\n\t\x7f\x9b\u202e"


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("cat", "cat"),
        (7, "7"),
        ("", '""'),
        (" ", '" "'),
        (" cat", '" cat"'),
        ("cat\u3000", '"cat\u3000"'),
        ("nan", "nan"),
        ("\n", r"\n"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
        ("x" * 10_000, "x" * 37 + "..."),
    ],
)
def test_label_shown(label, shown):
    assert label_shown(label) == shown


@settings(deadline=None)
@given(ANY)
def test_label_shown_is_short_and_never_blank(label):
    assert 0 < len(label_shown(label)) <= 40
    assert label_shown(label).strip()


@settings(deadline=None)
@given(ANY | st.sampled_from("=+-@\t\r").flatmap(lambda first: ANY.map(lambda rest: first + rest)))
def test_no_spreadsheet_cell_starts_a_formula(text):
    """OWASP: a cell must not begin with = + - @, tab or carriage return."""
    safe = spreadsheet_safe(text)
    assert safe[:1] not in tuple("=+-@\t\r\n")
    assert is_harmless(safe)
    assert safe.removeprefix("'") == visible(text) if text[:1] in "=+-@'" else safe == visible(text)


def test_formulas():
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"]
    assert [spreadsheet_safe(text) for text in formulas] == ["'" + text for text in formulas]
    assert [spreadsheet_safe(text) for text in ("cat", "", "1-1", "a=b")] == ["cat", "", "1-1", "a=b"]


def rendered(text):
    """What a Markdown reader shows for inline text, by markdown-it: the text, and the kinds of what it is made of."""
    (inline,) = (token for token in MarkdownIt("commonmark").enable("strikethrough").parse(text) if token.children)
    return "".join(child.content for child in inline.children), {child.type for child in inline.children}


@settings(deadline=None)
@given(st.text(st.sampled_from("ab \\`*_{}[]()<>#|~&!;-+.:\n"), min_size=1, max_size=20))
def test_markdown_shows_the_text_itself(text):
    text = "x" + text + "x"  # the beginning of a line is the renderer's business
    content, kinds = rendered(markdown_safe(text))
    assert content == visible(text)
    assert kinds <= {"text", "text_special"}


@pytest.mark.parametrize("text", ["<script>", "![x](y)", "`code`", "a|b", "&lt;", "~~x~~", "\\", "**x**", "[a](b)"])
def test_markdown_of_the_usual_suspects(text):
    content, kinds = rendered(markdown_safe("x" + text))
    assert content == "x" + text
    assert kinds <= {"text", "text_special"}


@settings(deadline=None)
@given(st.text())
def test_json_without_raw_del_reads_back(text):
    safe = json_safe(json.dumps([text]))
    assert json.loads(safe) == [text]
    assert is_harmless(safe)
    assert "\x7f" not in json_safe(json.dumps([text], ensure_ascii=False))
