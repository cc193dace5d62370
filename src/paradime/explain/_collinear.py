"""Groups of collinear features, whose single importances are arbitrary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.cluster.hierarchy
import torch
from scipy.spatial.distance import squareform

__all__ = ["COLLINEAR", "collinear_groups", "names_of_groups", "summed_by", "with_singles"]

COLLINEAR = 0.95
"""The absolute correlation from which two features count as collinear."""

# fewer rows are correlated by chance; more features, such as pixels or genes, take too long
_FEWEST_ROWS, _MOST_ROWS, _MOST_FEATURES = 20, 5_000, 2_000


def collinear_groups(rows: torch.Tensor) -> tuple[tuple[int, ...], ...]:
    """Finds groups of features of which any two have an absolute correlation of 0.95 or more.

    Args:
        rows: Shape (n, d); from 20 rows on, and for up to 2,000 features.

    Returns:
        The indices of the features of each group, at least two, ascending; the groups by their first feature.

    Example:
        >>> x = torch.linspace(-1, 1, 50, dtype=torch.float64)
        >>> collinear_groups(torch.stack([x, x.square(), 3 - 2 * x, torch.ones(50)], dim=1))
        ((0, 2),)
    """
    if rows.ndim != 2 or len(rows) < _FEWEST_ROWS or not 2 <= rows.shape[1] <= _MOST_FEATURES:
        return ()
    rows = rows[:: -(-len(rows) // _MOST_ROWS)].to(torch.float64)
    lowest, highest = rows.aminmax(dim=0)
    varying = (lowest < highest).nonzero().flatten()
    if len(varying) < 2:
        return ()
    centered = rows[:, varying] - rows[:, varying].mean(dim=0)
    scaled = centered / centered.norm(dim=0)
    distances = 1 - (scaled.T @ scaled).abs().clamp(max=1)
    condensed = squareform(distances.numpy(), checks=False)
    tree = scipy.cluster.hierarchy.complete(condensed)
    labels = scipy.cluster.hierarchy.fcluster(tree, 1 - COLLINEAR, criterion="distance")
    members = [varying[torch.from_numpy(labels == label)].tolist() for label in np.unique(labels)]
    return tuple(sorted(tuple(group) for group in members if len(group) > 1))


def with_singles(groups: Sequence[tuple[int, ...]], n_features: int) -> list[tuple[int, ...]]:
    """Returns the groups, and all other features as groups of one, by their first feature.

    Example:
        >>> with_singles([(0, 2)], 4)
        [(0, 2), (1,), (3,)]
    """
    grouped = {feature for group in groups for feature in group}
    return sorted([*groups, *((feature,) for feature in range(n_features) if feature not in grouped)])


def names_of_groups(groups: Sequence[tuple[int, ...]], names: Sequence[str]) -> list[str]:
    """Returns names of groups: one or two features, or the first feature with the number of the others.

    Example:
        >>> names_of_groups([(0, 3), (1,), (2, 4, 5)], ["radius", "age", "width", "area", "length", "height"])
        ['radius + area', 'age', 'width + 2 alike']
    """
    return [
        " + ".join(names[feature] for feature in group)
        if len(group) < 3
        else f"{names[group[0]]} + {len(group) - 1} alike"
        for group in groups
    ]


def summed_by(groups: Sequence[tuple[int, ...]], attributions: torch.Tensor) -> torch.Tensor:
    """Sums contributions, shape (m, n_features, n_axes), over the features of groups: (m, n_groups, n_axes)."""
    group_of = torch.empty(attributions.shape[1], dtype=torch.int64)
    for i, group in enumerate(groups):
        group_of[list(group)] = i
    m, _, n_axes = attributions.shape
    return attributions.new_zeros(m, len(groups), n_axes).index_add_(1, group_of, attributions)
