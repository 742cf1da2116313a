"""Write synthetic predictions of 43 diseases, shaped like a published study: a few common ones, many rare ones.

Shape after Guncar et al., Scientific Reports 8:411 (2018), doi 10.1038/s41598-017-18564-8: a model names one of 43
haematological diseases from blood tests, .59 right at the first guess and .88 within five. The rows here are drawn, not
measured; the names d01 to d43 run from common to rare.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OUTPUT = Path(__file__).resolve().parents[1] / "data" / "haematology.parquet"
ROWS, CLASSES, LEAST = 8233, 43, 5
STEEP = 1.35  # class sizes fall with this power of their rank: 3,000 rows of the commonest, 23 of the rarest
EASY, HARD = 1.9, 1.6  # how far the true class stands out, from the commonest to the rarest
SPREAD = 1.2  # how much that differs from row to row


def table(seed: int = 0) -> pa.Table:
    """y_true, and a probability a disease in the columns score_d01 to score_d43."""
    rng = np.random.default_rng(seed)
    share = np.arange(1, CLASSES + 1) ** -STEEP
    sizes = LEAST + np.floor(share / share.sum() * (ROWS - CLASSES * LEAST)).astype(int)
    sizes[0] += ROWS - sizes.sum()
    true = rng.permutation(np.repeat(np.arange(CLASSES), sizes))
    logit = 0.9 * np.log(sizes / ROWS) + rng.normal(0, 1, (ROWS, CLASSES))
    stands_out = np.linspace(EASY, HARD, CLASSES) + rng.normal(0, 0.4, CLASSES)
    logit[np.arange(ROWS), true] += rng.normal(stands_out[true], SPREAD)
    chances = np.exp(logit - logit.max(axis=1, keepdims=True))
    # six decimals, so that the last bits of another machine's exp do not show
    chances = np.round(chances / chances.sum(axis=1, keepdims=True), 6).astype(np.float32)
    names = [f"d{k:02}" for k in range(1, CLASSES + 1)]
    scores = {f"score_{name}": pa.array(chances[:, k]) for k, name in enumerate(names)}
    return pa.table({"y_true": pa.array(names).take(pa.array(true)), **scores})


def main() -> None:
    """Write the file."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("-o", "--output", type=Path, default=OUTPUT, metavar="FILE", help="file to write")
    path: Path = arguments.parse_args().output
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(), path)
    print(f"{ROWS:,} rows, {CLASSES} diseases, {path}")


if __name__ == "__main__":
    main()
