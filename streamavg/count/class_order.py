"""Class order: which class each column of a score matrix is for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from streamavg.count.selection import listed
from streamavg.errors import InputError
from streamavg.state.labels import label_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.count.selection import Chosen

METADATA = b"labels"  # of the field of a list column: the labels as a JSON list


def class_order(chosen: Chosen, field: pa.Field | None, labels: Sequence[str] | None, width: int) -> tuple[str, ...]:
    """The label of each of `width` columns of scores: the declared ones, else those of the field's metadata. A width
    of 0 is one that no row tells yet.

    Columns found by `*` have their names; declared labels must be the same ones then, in any order. Metadata must
    agree with declared labels in order too, since one of both would be wrong. Raises InputError where they do not
    agree, where their number is another, and where nothing tells the order.
    """
    if chosen.stems:
        return _named(chosen, labels)
    held = None if chosen.is_several or field is None else _in_metadata(field)
    if width and labels is not None and len(labels) != width:
        raise InputError(
            f"{_where(chosen)} {width} scores a row but {len(labels)} labels are declared; declare one for each score"
        )
    if width and held is not None and len(held) != width:
        raise InputError(f"{_where(chosen)} {width} scores a row but its metadata names {len(held)} labels")
    if labels is not None and held is not None and tuple(labels) != held:
        place = next((k for k, (mine, theirs) in enumerate(zip(labels, held, strict=False)) if mine != theirs), None)
        if place is None:
            raise InputError(
                f"{_where(chosen)} {len(held)} labels in its metadata but {len(labels)} are declared; leave labels out"
            )
        raise InputError(
            f"{_where(chosen)} its own order of labels in its metadata, and it is not the declared one: "
            f"score {place} is for {held[place]!r} there, for {labels[place]!r} here; leave labels out, or mend one"
        )
    if labels is None and held is None:
        raise InputError(
            f"{_where(chosen)} {width or 'no'} scores a row, and nothing says which class each is for: declare the "
            "labels in their order (labels=[...], --labels FILE), write them as JSON into the field's metadata "
            '("labels"), or name columns score_<label> and give y_score "score_*"'
        )
    return _distinct(tuple(labels or held or ()), "labels")


def _named(chosen: Chosen, labels: Sequence[str] | None) -> tuple[str, ...]:
    if labels is not None and set(labels) != set(chosen.stems):
        odd = sorted(set(labels) ^ set(chosen.stems))
        raise InputError(
            f"the columns of scores are named {listed(chosen.stems)}, but other labels are declared: "
            f"{listed([repr(label) for label in odd])} on one side only"
        )
    return _distinct(chosen.stems, "y_score")


def _in_metadata(field: pa.Field) -> tuple[str, ...] | None:
    """The labels in the metadata of a column; None if there are none. Raises InputError for what is no list of them."""
    text = (field.metadata or {}).get(METADATA)
    if text is None:
        return None
    where = f"the metadata {METADATA.decode()!r} of column {field.name!r}"
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, list):
        raise InputError(f'{where} is no JSON list of labels; write one such as ["cat", "dog"]')
    try:
        labels = tuple(label_text(label) for label in given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return _distinct(labels, where)


def _distinct(labels: tuple[str, ...], who: str) -> tuple[str, ...]:
    if len(set(labels)) < len(labels):
        twice = next(label for k, label in enumerate(labels) if label in labels[:k])
        raise InputError(f"{who} names the label {twice!r} twice; each score is for a class of its own")
    return labels


def _where(chosen: Chosen) -> str:
    if not chosen.is_several:
        return f"column {chosen.columns[0]!r} has"
    return f"the columns {listed(chosen.columns)} have"
