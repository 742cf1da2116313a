"""Causes: the names of the numbers that are counted of rows beside those of labels."""

from __future__ import annotations

CAUSES = ("malformed", "null_true", "unknown_true", "null_pred", "invalid_score")  # why a row is not scored
TALLIES = ("unanswered", "other")  # answers that are no label: none, or one outside the declared labels
