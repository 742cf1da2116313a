"""Layout: into which slots scores are counted; layouts of a family coarsen into one another without loss of a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from streamavg.errors import InputError, MismatchError
from streamavg.state.slots import SIZES, first_bits, float_of, graded, lowest_rounding_to

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.slots import Floats
    from streamavg.state.tables import Ints

    Flags = NDArray[np.bool_]

Family = Literal["unit", "signed"]
Exact = Literal["", "float16", "bfloat16", "uint8", "int8"]
DEFAULT_SIZE = 4092
BUDGET = 64 << 20  # bytes of state that the default layout may take for all classes
CELL_BYTES = 24  # a slot of a label: scores, positives, witness
_HIGHEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, order=True)
class Layout:
    """The slots of scores in [0, 1] ("unit") or of any finite ones ("signed"), ascending.

    size: the nominal number of graded slots; exact: a type with a slot for each of its values, which becomes the
    graded layout of this size where it meets another.

    >>> Layout("unit", 4092).joined(Layout.named("float16:unit/1042")).name
    'unit/1042'
    """

    family: Family
    size: int = DEFAULT_SIZE
    exact: Exact = ""

    def __post_init__(self) -> None:
        known = self.family in get_args(Family) and self.exact in get_args(Exact) and self.size in SIZES
        if not known or type(self.size) is not int or (self.family == "unit" and self.exact in ("uint8", "int8")):
            sizes = ", ".join(map(str, SIZES))
            raise InputError(
                f"there is no score layout {self.name!r}; a layout is 'unit' or 'signed' with a size ({sizes}), "
                "such as 'unit/4092', or 'float16:unit/4092'"
            )

    @property
    def name(self) -> str:
        """The text that stands for it in options and files, such as "unit/4092" or "float16:unit/4092"."""
        return f"{self.exact}:{self.family}/{self.size}" if self.exact else f"{self.family}/{self.size}"

    @staticmethod
    def named(name: str) -> Layout:
        """The layout of a name; InputError if there is none."""
        for layout in _all_layouts():
            if layout.name == name:
                return layout
        raise InputError(f"there is no score layout {name[:40]!r}; the plain ones are {', '.join(_plain_names())}")

    @staticmethod
    def default(family: Family, kind: str, classes: int, bins: int | None = None) -> Layout:
        """The layout for scores of a numpy type (by name, or "bfloat16") when nobody names one.

        A table of every value for half precision and 8 bits if all classes fit BUDGET, otherwise the largest graded
        layout of up to 4,092 slots that does, or the smallest there is. `bins` is the size to take instead of all that;
        InputError if there is none of that size.
        """
        if bins is not None:
            if bins not in SIZES:
                raise InputError(f"bins is {bins!r}; it must be one of {', '.join(map(str, SIZES))}")
            return Layout(family, bins)
        sizes = [size for size in SIZES if size <= DEFAULT_SIZE]
        fitting = (Layout(family, size) for size in sizes if Layout(family, size).bytes_for(classes) <= BUDGET)
        plain = next(fitting, Layout(family, sizes[-1]))
        if kind in ("float16", "bfloat16") or (kind in ("uint8", "int8") and family == "signed"):
            exact = Layout(family, plain.size, kind)  # type: ignore[arg-type]
            if exact.bytes_for(classes) <= BUDGET:
                return exact
        return plain

    def bytes_for(self, classes: int) -> int:
        """Bytes of state for so many classes."""
        return classes * self.slots * CELL_BYTES

    @property
    def slots(self) -> int:
        """The number of slots."""
        return len(exact_values(self)) if self.exact else graded(self.family, self.size).slots

    def slots_of(self, scores: Any) -> Ints:
        """The slot of each score of a float or integer array, all of them members of the family and type."""
        if not self.exact:
            return graded(self.family, self.size).slots_of(scores)
        return np.searchsorted(exact_values(self), np.asarray(scores, np.float64))

    def edges(self, narrow: bool = False) -> tuple[Floats, Floats]:
        """The least and the greatest score of each slot, both within it.

        narrow: every score was float32 or narrower; otherwise a slot has the float64 values that round into it too.
        """
        return _edges(self, narrow)

    def single(self, narrow: bool) -> Flags:
        """Which slots hold one representable score only, so that all in them are ties."""
        low, high = self.edges(narrow)
        return np.equal(low, high)

    def joined(self, other: Layout) -> Layout:
        """The finest layout that both coarsen into; MismatchError for two families."""
        if self.family != other.family:
            raise MismatchError(
                f"scores in layout {self.name!r} and {other.name!r} cannot be added: one holds scores in [0, 1], "
                "the other any finite ones"
            )
        return Layout(self.family, min(self.size, other.size), self.exact if self.exact == other.exact else "")

    def coarser(self, other: Layout) -> Ints:
        """The slot of `other` that takes each slot of this one, ascending; MismatchError if `other` is no coarser."""
        if self.joined(other) != other:
            raise MismatchError(f"scores in layout {self.name!r} cannot be told apart as {other.name!r} does")
        if other.exact:
            return np.arange(self.slots)
        return other.slots_of(self.edges(narrow=True)[0])

    def slots_of_bits(self) -> NDArray[np.uint32]:
        """For an exact layout, the slot of every bit pattern of the type, as unsigned; of no member, any slot."""
        return _slots_of_bits(self)


@lru_cache
def exact_values(layout: Layout) -> Floats:
    """The values of an exact layout, ascending."""
    values = _values_of_bits(layout.exact)
    least, most = (0.0, 1.0) if layout.family == "unit" else (-_HIGHEST, _HIGHEST)
    found = np.unique(values[(values >= least) & (values <= most)] + 0.0)
    found.flags.writeable = False
    return found


@lru_cache
def _slots_of_bits(layout: Layout) -> NDArray[np.uint32]:
    values = _values_of_bits(layout.exact)
    low, high = exact_values(layout)[[0, -1]]
    inside = (values >= low) & (values <= high)
    slots = np.where(inside, layout.slots_of(np.where(inside, values, low)), 0).astype(np.uint32)
    slots.flags.writeable = False
    return slots


def _values_of_bits(exact: str) -> Floats:
    """The value of every bit pattern of a type."""
    if exact in ("uint8", "int8"):
        return np.arange(256, dtype=np.uint8).view(exact).astype(np.float64)
    bits = np.arange(1 << 16, dtype=np.uint16)
    if exact == "float16":
        return bits.view(np.float16).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


@lru_cache
def _edges(layout: Layout, narrow: bool) -> tuple[Floats, Floats]:
    if layout.exact:
        return exact_values(layout), exact_values(layout)
    grid = graded(layout.family, layout.size)
    bits = first_bits(grid)
    if narrow:
        low = float_of(bits).astype(np.float64)
        high = float_of(np.append(bits[1:] - 1, grid.bounds[1])).astype(np.float64)
    else:
        low = lowest_rounding_to(float_of(bits))
        high = np.nextafter(np.append(low[1:], np.inf), -np.inf)
        least, most = (0.0, 1.0) if layout.family == "unit" else (-_HIGHEST, _HIGHEST)
        low[0], high[-1] = least, most
    low.flags.writeable = high.flags.writeable = False
    return low, high


@lru_cache
def _all_layouts() -> tuple[Layout, ...]:
    exacts: dict[Family, tuple[Exact, ...]] = {"unit": ("", "float16", "bfloat16"), "signed": get_args(Exact)}
    return tuple(Layout(family, size, exact) for family in exacts for exact in exacts[family] for size in SIZES)


def _plain_names() -> list[str]:
    return [layout.name for layout in _all_layouts() if not layout.exact]
