"""Chains of links between rows, and how links spread to their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.neighbors import nearest_neighbors
from paradime.types import AnyArray

__all__ = ["linked_groups", "propagated", "refuse_contradiction"]


def linked_groups(must_link: Sequence[Sequence[int]], n: int) -> AnyArray:
    """Returns the group of each of n rows: rows that a chain of must-links joins have the same number.

    Example:
        >>> linked_groups([[0, 1], [1, 3]], 4).tolist()
        [0, 0, 1, 0]
    """
    pairs = np.asarray(must_link, np.int64).reshape(-1, 2)
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    groups: AnyArray = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    return groups


def refuse_contradiction(must_link: Sequence[Sequence[int]], cannot_link: Sequence[Sequence[int]]) -> None:
    """Raises UnsupportedConfigurationError if a pair must be linked, also through others, and cannot be."""
    if not must_link or not cannot_link:
        return
    groups = linked_groups(must_link, 1 + max(map(max, [*must_link, *cannot_link])))
    direct = {frozenset(pair) for pair in must_link}
    for pair in cannot_link:
        if groups[pair[0]] == groups[pair[1]]:
            way = "" if frozenset(pair) in direct else " through a chain of must-links"
            raise UnsupportedConfigurationError(
                f"rows {pair[0]} and {pair[1]} cannot be linked, and must be{way}. Leave one of both out."
            )


def propagated(
    must_link: Sequence[Sequence[int]], cannot_link: Sequence[Sequence[int]], rows: Any, n_neighbors: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Spreads links to the neighbours of linked rows: (a, b) to (a', b) and (a, b').

    Args:
        must_link: Pairs of rows.
        cannot_link: Pairs of rows.
        rows: All rows, shape (n, d).
        n_neighbors: The number of neighbours k of a row that its links spread to.

    Returns:
        Further pairs that must and that cannot be linked, each (m', 2), without those that contradict the given
        ones.

    Example:
        >>> must, cannot = propagated([[0, 2]], [], torch.tensor([[0.0], [0.1], [5.0], [5.1]]), 1)
        >>> must.tolist()
        [[1, 2], [0, 3]]
    """
    n = len(rows)
    neighbors = nearest_neighbors(rows, n_neighbors)[0]
    groups = torch.as_tensor(linked_groups(must_link, n)).to(torch.int64)
    apart = torch.tensor(cannot_link, dtype=torch.int64).reshape(-1, 2)
    forbidden = _unordered(groups[apart], n)
    found = []
    for pairs, must in ((must_link, True), (cannot_link, False)):
        first, second = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).unbind(dim=1)
        k = neighbors.shape[1]
        further = torch.cat(
            [
                torch.stack([neighbors[first].reshape(-1), second.repeat_interleave(k)], dim=1),
                torch.stack([first.repeat_interleave(k), neighbors[second].reshape(-1)], dim=1),
            ]
        )
        own = groups[further]
        contradicts = torch.isin(_unordered(own, n), forbidden) if must else own[:, 0] == own[:, 1]
        found.append(further[~contradicts & (further[:, 0] != further[:, 1])])
    return found[0], found[1]


def _unordered(pairs: torch.Tensor, n: int) -> torch.Tensor:
    """Returns a number for each pair, whatever its order."""
    return pairs.amin(dim=1) * n + pairs.amax(dim=1)
