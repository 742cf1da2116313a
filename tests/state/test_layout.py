"""Layouts: every score in the slot that exact fractions say, edges that hold all of it, joins, coarsening, names."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamavg.errors import InputError, MismatchError
from streamavg.state.layout import BUDGET, Layout, exact_values
from streamavg.state.slots import SIZES, graded
from tests import naive

PLAIN = [Layout(family, size) for family in ("unit", "signed") for size in SIZES]
EXACT = [Layout("unit", size, kind) for kind in ("float16", "bfloat16") for size in SIZES]
EXACT += [Layout("signed", size, kind) for kind in ("float16", "bfloat16", "uint8", "int8") for size in SIZES]
ALL = [*PLAIN, *EXACT]
layouts, plain = st.sampled_from(ALL), st.sampled_from(PLAIN)
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def members(family, scores):
    with np.errstate(invalid="ignore"):
        keep = (scores >= 0) & (scores <= 1) if family == "unit" else np.isfinite(scores)
    return scores[keep]


def scores_of(rng, family, many=200):
    """Floats of any bit pattern, plain ones, discrete ones and the ends; float32 and float64."""
    with np.errstate(invalid="ignore"):
        raw = rng.integers(0, 2**32, many, dtype=np.uint64).astype(np.uint32).view(np.float32).astype(np.float64)
    longer = rng.integers(0, 2**64, many, dtype=np.uint64).view(np.float64)
    below_one = rng.integers(0, 0x3F800001, many).astype(np.uint32).view(np.float32).astype(np.float64)
    scale = 10.0 ** rng.integers(-12, 6)
    plain = [
        rng.random(many),
        1 - rng.random(many) ** 8,
        rng.standard_normal(many) * scale,
        np.round(rng.random(many), 2),
    ]
    ends = [0.0, -0.0, 1.0, 0.5, 5e-324, -5e-324, 1e-46, 1e-40, 1 - 2**-53, 1 - 2**-25, 1e300, -1e300, 3.4e38, -3.5e38]
    return members(family, np.concatenate((raw, longer, below_one, *plain, ends)))


def neighbours(layout, narrow):
    """The scores on either side of every edge, and the edges."""
    edges = np.concatenate(layout.edges(narrow))
    with np.errstate(over="ignore"):
        if narrow:
            edges = edges.astype(np.float32)
        found = [edges, *(np.nextafter(edges, edges.dtype.type(way)) for way in (-np.inf, np.inf))]
    return members(layout.family, np.concatenate(found).astype(np.float64))


@pytest.mark.parametrize("layout", PLAIN, ids=lambda layout: layout.name)
@pytest.mark.parametrize("narrow", [True, False])
def test_slots_are_those_of_exact_fractions_around_every_edge(layout, narrow):
    scores = neighbours(layout, narrow)
    if len(scores) > 12_000:
        scores = scores[np.random.default_rng(1).integers(0, len(scores), 12_000)]
    expected = [naive.slot_of(layout.family, layout.size, score) for score in scores.tolist()]
    assert layout.slots_of(scores).tolist() == expected
    assert layout.slots == len(naive.slot_starts(layout.family, layout.size))


@given(seeds, plain)
def test_slots_are_those_of_exact_fractions(rng, layout):
    scores = scores_of(rng, layout.family)
    expected = [naive.slot_of(layout.family, layout.size, score) for score in scores.tolist()]
    assert layout.slots_of(scores).tolist() == expected
    assert layout.slots_of(np.float32(members("unit", scores))).tolist() == [
        naive.slot_of(layout.family, layout.size, score) for score in members("unit", scores).tolist()
    ]


@pytest.mark.parametrize("layout", ALL, ids=lambda layout: layout.name)
@pytest.mark.parametrize("narrow", [True, False])
def test_edges_hold_their_slot_and_nothing_else(layout, narrow):
    low, high = layout.edges(narrow)
    assert len(low) == layout.slots
    assert (low <= high).all()
    assert (high[:-1] < low[1:]).all()
    assert (layout.slots_of(low) == np.arange(layout.slots)).all()
    assert (layout.slots_of(high) == np.arange(layout.slots)).all()
    if not layout.exact:
        step = np.float32 if narrow else np.float64
        assert (np.nextafter(high[:-1].astype(step), step(np.inf)) == low[1:]).all(), "a score is in no slot"
        assert layout.family == "signed" or (low[0], high[-1]) == (0, 1)
    assert (layout.single(narrow) == ((low == high) if narrow or layout.exact else False)).all()


@given(seeds, layouts)
def test_every_score_is_within_the_edges_of_its_slot(rng, layout):
    scores = rng.choice(exact_values(layout), 100) if layout.exact else scores_of(rng, layout.family)
    slots = layout.slots_of(scores)
    low, high = layout.edges()
    assert ((low[slots] <= scores) & (scores <= high[slots])).all()
    with np.errstate(over="ignore"):
        narrow = np.float32(scores)[np.isfinite(np.float32(scores))]
    slots = layout.slots_of(narrow)
    low, high = layout.edges(narrow=True)
    assert ((low[slots] <= narrow) & (narrow <= high[slots])).all()


@pytest.mark.parametrize("layout", PLAIN, ids=lambda layout: layout.name)
def test_a_slot_is_single_only_if_it_holds_one_float32(layout):
    """Counted on the integers that float32 values are, for slots of each kind."""
    low, high = (edge.astype(np.float32).view(np.int32).astype(np.int64) for edge in layout.edges(narrow=True))
    assert (layout.single(narrow=True) == (low == high)).all()
    single = layout.edges(narrow=True)[0][layout.single(narrow=True)]
    assert {0.0, 1.0} <= {*single.tolist()} if layout.family == "unit" else single.tolist() == [0.0]


def test_the_top_of_the_default_layout_is_every_float32():
    layout = Layout("unit")
    top = layout.slots_of(1 - np.arange(64) * 2.0**-24)
    assert top.tolist() == list(range(layout.slots - 1, layout.slots - 65, -1))


@pytest.mark.parametrize("layout", PLAIN, ids=lambda layout: layout.name)
def test_no_float_can_leave_the_table(layout):
    """All 512 entries, whatever mantissa comes with them: nan, infinities and scores of no family included."""
    grid = graded(layout.family, layout.size)
    base, most = grid.table.astype(np.int64) >> 5, 0x7FFFFF >> (grid.table.astype(np.int64) & 31)
    far = np.arange(512) >= 256
    lowest, highest = np.where(far, base - 1 - most, base), np.where(far, base - 1, base + most)
    assert lowest.min() == 0
    assert highest.max() == layout.slots - 1


@pytest.mark.parametrize(
    ("kind", "family", "slots"),
    [
        ("float16", "unit", 15_361),
        ("bfloat16", "unit", 16_257),
        ("float16", "signed", 63_487),
        ("bfloat16", "signed", 65_279),
        ("uint8", "signed", 256),
        ("int8", "signed", 256),
    ],
)
def test_exact_layouts_have_a_slot_for_each_value(kind, family, slots):
    layout = Layout(family, 4092, kind)
    assert layout.slots == slots
    assert layout.single(narrow=False).all()
    bits = np.arange(2 ** (8 if kind.endswith("int8") else 16), dtype=np.uint8 if kind.endswith("int8") else np.uint16)
    if kind == "bfloat16":
        with np.errstate(invalid="ignore"):
            values = (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    else:
        values = bits.view(kind).astype(np.float64)
    kept = np.isfinite(values) & ((family == "signed") | ((values >= 0) & (values <= 1)))
    assert len(np.unique(values[kept])) == slots
    assert (layout.edges()[0][layout.slots_of_bits()[kept]] == values[kept]).all()
    assert (layout.slots_of_bits() < slots).all()


# ---- the semilattice


@given(layouts, layouts, layouts)
def test_joins_are_associative_commutative_and_idempotent(a, b, c):
    if len({a.family, b.family, c.family}) > 1:
        return
    assert a.joined(b) == b.joined(a)
    assert a.joined(a) == a
    assert a.joined(b).joined(c) == a.joined(b.joined(c))
    assert a.joined(a.joined(b)) == a.joined(b)


def test_joins_by_name():
    def joined(a, b):
        return Layout.named(a).joined(Layout.named(b)).name

    assert joined("float16:unit/4092", "unit/4092") == "unit/4092"
    assert joined("float16:unit/4092", "float16:unit/1042") == "float16:unit/1042"
    assert joined("float16:unit/4092", "bfloat16:unit/1042") == "unit/1042"
    with pytest.raises(MismatchError, match="cannot be added"):
        joined("unit/4092", "signed/4092")


@given(seeds, layouts, layouts)
def test_coarsening_commutes_with_binning(rng, fine, other):
    if fine.family != other.family:
        with pytest.raises(MismatchError):
            fine.coarser(other)
        return
    coarse = fine.joined(other)
    scores = rng.choice(exact_values(fine), 100) if fine.exact else scores_of(rng, fine.family)
    places = fine.coarser(coarse)
    assert (np.diff(places) >= 0).all()
    assert (places[fine.slots_of(scores)] == coarse.slots_of(scores)).all()
    low, high = fine.edges()
    assert (coarse.slots_of(low) == places).all()
    assert (coarse.slots_of(high) == places).all(), "a slot of the finer layout is in two of the coarser"


def test_a_coarser_layout_is_no_finer_one():
    with pytest.raises(MismatchError, match="told apart"):
        Layout("unit", 1042).coarser(Layout("unit", 4092))


# ---- names and defaults


def test_names_parse_back():
    assert len({layout.name for layout in ALL}) == len(ALL) == 32
    for layout in ALL:
        assert Layout.named(layout.name) == layout
    assert Layout("unit", 4092, "float16").name == "float16:unit/4092"


STRANGE = ["", "unit", " unit/4092", "unit/", "unit/4093", "unit/04092", "unit/4092 ", "Unit/4092", "float32:unit/4092"]
STRANGE += ["uint8:unit/4092", "int8:unit/268", ":unit/4092", "float16:float16:unit/4092", "signed/1", "unit/4092\n"]
STRANGE += ["unit/\u0664\u0660\u0669\u0662", "unit/4092/4092", "x" * 10**6]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: repr(name[:30]))
def test_strange_names_are_refused(name):
    with pytest.raises(InputError, match="no score layout") as caught:
        Layout.named(name)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "made", [("unit", 4093, ""), ("unit", 4092.0, ""), ("unit", True, ""), ("unit", 4092, "uint8"), ("flat", 4092, "")]
)
def test_strange_layouts_are_refused(made):
    with pytest.raises(InputError, match="no score layout"):
        Layout(*made)


def test_defaults_fit_the_budget():
    for family, kind, classes in product(("unit", "signed"), ("float32", "float16", "int8"), (1, 43, 600, 2000, 9000)):
        layout = Layout.default(family, kind, classes)
        assert layout.bytes_for(classes) <= BUDGET
        finer = [other for other in PLAIN if other.family == family and layout.size < other.size <= 4092]
        assert all(other.bytes_for(classes) > BUDGET for other in finer)
    assert Layout.default("unit", "float64", 1).name == "unit/4092"
    assert Layout.default("unit", "float32", 1000).name == "unit/1042"
    assert Layout.default("unit", "float16", 1).name == "float16:unit/4092"
    assert Layout.default("unit", "float16", 1000).name == "unit/1042"
    assert Layout.default("signed", "int8", 5).name == "int8:signed/4092"
    assert Layout.default("unit", "int8", 5).name == "unit/4092"
    assert Layout.default("unit", "float32", 10**6).name == "unit/268"
    assert Layout.default("unit", "float16", 1, bins=16100).name == "unit/16100"
    with pytest.raises(InputError, match="must be one of 16100, 4092"):
        Layout.default("unit", "float32", 1, bins=1000)
