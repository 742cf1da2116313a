"""Sources: paths, directories, globs, URLs or standard input -> record batches of the chosen columns."""

from streamavg.sources.formats import SOURCES, Format
from streamavg.sources.plan import open_rest, open_units
from streamavg.sources.unit import Choose, Piece, Unit

__all__ = ["SOURCES", "Choose", "Format", "Piece", "Unit", "open_rest", "open_units"]
