"""Draws the bundled forest cover sample from the complete data set.

Usage: ``python tools/make_covertype_sample.py COVERTYPE.npz [--out FILE]``. The archive holds the complete
UCI Covertype data in its published order: ``numeric``, shape (n, 10), int16, the ten numeric columns; and
``target``, shape (n,), the classes 1 to 7. The same archive gives the same sample.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROWS_PER_CLASS = 1000
SEED = 0
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "src" / "paradime" / "datasets" / "covertype.npz"


def draw_sample(target: NDArray[np.integer], rows_per_class: int, seed: int) -> NDArray[np.int64]:
    """Draws the same number of rows from every class, without replacement.

    Args:
        target: Class of every row, shape (n,).
        rows_per_class: Rows to draw from each class, at most the size of the smallest class.
        seed: Seed of NumPy's default generator.

    Returns:
        Row indices in shuffled order, so that no slice of the sample holds a single class; shape
        (n_classes * rows_per_class,).
    """
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(target == label), size=rows_per_class, replace=False)
        for label in np.unique(target)
    ]
    return rng.permutation(np.concatenate(drawn))


def main() -> None:
    """Reads the archive, draws the sample, writes it."""
    parser = argparse.ArgumentParser(description="Draw the bundled forest cover sample.")
    parser.add_argument("archive", type=Path, help="npz with `numeric` (n, 10) int16 and `target` (n,) 1-7")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="file to write")
    args = parser.parse_args()

    with np.load(args.archive) as archive:
        numeric, target = archive["numeric"], archive["target"]
    rows = draw_sample(target, ROWS_PER_CLASS, SEED)
    # uint8 holds the classes 1 to 7; int16 holds every value of the ten columns
    np.savez_compressed(args.out, data=numeric[rows].astype(np.int16), target=target[rows].astype(np.uint8))
    print(f"{args.out.name}: {len(rows)} rows, {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
