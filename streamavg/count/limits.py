"""Limits: what a counter may hold before it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamavg.errors import InputError
from streamavg.state.labels import ascending

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.state.config import Config


@dataclass(frozen=True)
class Limits:
    """The number of labels, whether the positive label was named, and whether label pairs are kept (None: if few)."""

    max_labels: int = 1_000_000
    pos_label_given: bool = False
    confusion: bool | None = None

    def check(self, used: int, labels: Callable[[], list[str]] | None, config: Config) -> None:
        """InputError if more than max_labels labels have counts, or if a binary task met a label it cannot hold."""
        if used > self.max_labels:
            raise InputError(
                f"{used} labels, but max_labels is {self.max_labels}; is this a label column? "
                "If it is, raise max_labels (--max-labels), or declare the labels that matter"
            )
        if labels is None or config.pos_label is None:
            return
        met = {*labels(), *config.labels}
        if not self.pos_label_given and not met <= {"0", "1"}:
            names = ", ".join(map(repr, ascending(met)))
            raise InputError(f"a binary task with the labels {names} needs pos_label (--pos-label): which is positive?")
        if self.pos_label_given and config.pos_label not in met and len(met) > 1:
            names = ", ".join(map(repr, ascending(met)))
            raise InputError(f"pos_label {config.pos_label!r} is none of the labels {names}; name one (--pos-label)")
        if len(met | {config.pos_label}) > 2:
            names = ", ".join(map(repr, ascending(met | {config.pos_label})))
            raise InputError(f"a binary task has two labels, here are {names}; use task='multiclass' (--task)")
