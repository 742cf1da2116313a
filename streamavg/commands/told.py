"""Told: what a command says on standard error, and the statuses it may exit with."""

from __future__ import annotations

import sys

from streamavg.arguments import visible

FINE, GATE_FAILED, BAD_INPUT, DISK_OR_NETWORK, BAD_STATE, STATE_IN_USE = range(6)


def failed(message: str, status: int) -> int:
    """Say why in one line; returns the exit status."""
    print(f"streamavg: {visible(message)}", file=sys.stderr)
    return status


def note(text: str) -> None:
    """A line on standard error."""
    print(visible(text), file=sys.stderr)


def noted(text: str) -> None:
    """The same, marked as a note unless it is a warning."""
    note(text if text.startswith(("note: ", "warning: ")) else f"note: {text}")
