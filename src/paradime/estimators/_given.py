"""Neighbours and initial positions that a user has, in place of those that a preset would compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paradime._registry import did_you_mean
from paradime.data import Dataset, checked_rows
from paradime.estimators._parts import COMPUTED_POSITIONS
from paradime.relations import NeighborBasedPDist, Relations

__all__ = ["GIVEN_POSITIONS", "check_positions", "is_array", "use_neighbors"]

GIVEN_POSITIONS = "initial_positions"
"""The entry of the data that an array of positions becomes."""


def is_array(initialization: Any) -> bool:
    """Whether the parameter is an array of positions, and no name or ``None``."""
    return initialization is not None and not isinstance(initialization, str)


def check_positions(initialization: Any, dataset: Dataset, out_dim: int) -> None:
    """Raises ValueError if there are no positions of these rows, one each.

    Args:
        initialization: The parameter of a preset.
        dataset: The rows that are trained on, and their other entries.
        out_dim: Number of dimensions of the embedding.
    """
    if initialization is None or (not is_array(initialization) and initialization in COMPUTED_POSITIONS):
        return
    if is_array(initialization):
        positions, what = checked_rows("initialization", initialization), "initialization"
    elif initialization in dataset:
        positions, what = dataset[initialization], f"the entry {initialization!r}, which initialization names,"
    else:
        known = [*COMPUTED_POSITIONS, *(key for key in dataset if key != "indices")]
        raise ValueError(
            "initialization must be 'pca', 'spectral', the name of an entry of the data, an array of positions, "
            f"or None, got {initialization!r}. {did_you_mean(initialization, known)}"
        )
    if tuple(positions.shape) != (len(dataset), out_dim):
        raise ValueError(
            f"{what} must hold a position of {out_dim} coordinates for each of the {len(dataset)} rows, shape "
            f"({len(dataset)}, {out_dim}), got {tuple(positions.shape)}. Pass those of the rows that are trained "
            "on, or 'pca'."
        )


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
