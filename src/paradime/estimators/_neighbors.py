"""Neighbours that a user has, in place of those that a preset would search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paradime.relations import NeighborBasedPDist, Relations

__all__ = ["use_neighbors"]


def use_neighbors(relations: Mapping[str, Relations], precomputed: Any, owner: str) -> None:
    """Gives neighbours to the relations of a preset that would search for them.

    Args:
        relations: Global relations by key.
        precomputed: What :class:`~paradime.relations.NeighborBasedPDist` takes.
        owner: The preset's name, for messages.

    Raises:
        ValueError: If no relations look for neighbours, or what is given are none.
    """
    searched = [entry for entry in relations.values() if isinstance(entry, NeighborBasedPDist)]
    if not searched:
        raise ValueError(f"{owner} looks for no neighbours. Leave out precomputed_knn.")
    if isinstance(precomputed, tuple) and len(precomputed) == 3:
        precomputed = precomputed[:2]  # umap-learn's third part is an index for its own use
    for entry in searched:
        # checked as what a constructor is given
        NeighborBasedPDist(precomputed=precomputed)
        entry.precomputed = precomputed
