"""Sources: paths, directories, globs, URLs or standard input -> record batches of the chosen columns."""

from typing import TYPE_CHECKING

from streamavg.sources.formats import SOURCES, Format
from streamavg.sources.plan import open_rest, open_units
from streamavg.sources.unit import Choose, Piece, Unit

if TYPE_CHECKING:
    from streamavg.sources.batches import follow

__all__ = ["SOURCES", "Choose", "Format", "Piece", "Unit", "follow", "open_rest", "open_units"]


def __getattr__(name: str) -> object:
    """Load what only streams need on first use."""
    if name != "follow":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streamavg.sources.batches import follow

    return follow
