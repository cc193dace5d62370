"""Random draws in tests: their counts are compared with chances at a level that any stream of numbers passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.stats

__all__ = ["assert_drawn_by"]

# of a million streams of random numbers one fails; counts of thousands of draws tell wrong chances all the same
LEVEL = 1e-6


def assert_drawn_by(counts: Sequence[int] | np.ndarray, weights: Sequence[float] | np.ndarray) -> None:
    """Asserts that independent draws have chances proportional to weights, by Pearson's test.

    Args:
        counts: How often each was drawn.
        weights: Of each, at least 0; what has weight 0 must not have been drawn.
    """
    counts, weights = np.asarray(counts, dtype=float), np.asarray(weights, dtype=float)
    assert counts.shape == weights.shape
    assert not counts[weights == 0].any(), f"drawn without a chance: {np.flatnonzero(counts * (weights == 0))}"
    expected = weights[weights > 0] / weights.sum() * counts.sum()
    found = counts[weights > 0]
    # the distribution of the statistic is known where more than a few draws are expected
    rare = expected < 5
    if rare.any():
        found, expected = (np.append(part[~rare], part[rare].sum()) for part in (found, expected))
    if len(found) > 1:
        level = scipy.stats.chisquare(found, expected).pvalue
        assert level > LEVEL, f"drawn {found} times, expected {expected.round(1)}: a chance of {level:.1e}"
