"""Escape: text from data made harmless for terminals, CSV, Markdown and JSON."""

from __future__ import annotations

import re

# control characters (C0, DEL, C1), line separators and bidirectional overrides, which reorder what a reader sees
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def visible(text: str) -> str:
    r"""The text with control characters and direction overrides written out: ESC becomes \x1b."""
    return _UNSAFE.sub(lambda found: _written(ord(found[0])), text)


def _written(code: int) -> str:
    return {9: r"\t", 10: r"\n", 13: r"\r"}.get(code, f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def label_shown(label: object, most: int = 40) -> str:
    """A label for a table: visible, quoted if blank or with outer blanks, shortened if long."""
    text = visible(str(label))
    if text != text.strip() or not text:
        text = f'"{text}"'
    return text if len(text) <= most else text[: most - 3] + "..."


def spreadsheet_safe(text: str) -> str:
    """Visible text that no spreadsheet takes for a formula: a leading = + - @ gets an apostrophe (OWASP)."""
    text = visible(text)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r", "'") else text


def markdown_safe(text: str) -> str:
    """Visible text in which no character means anything to Markdown."""
    return _MARKDOWN.sub(r"\\\1", visible(text))


def json_safe(text: str) -> str:
    """JSON text without the one control character that JSON allows raw in strings: DEL."""
    return text.replace("\x7f", "\\u007f")
