"""Use of a trained model on points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from paradime.constraints import Adherence
from paradime.data import Dataset
from paradime.dr.components import Components
from paradime.dr.fitted import FittedState
from paradime.dr.inputs import as_dataset, entry_of, number_of_rows
from paradime.exceptions import UnsupportedConfigurationError
from paradime.metrics import trustworthiness
from paradime.training import apply_in_chunks
from paradime.types import Data

__all__ = ["UnknownAttributeError", "adherence_of", "apply_model", "score_of"]

_EMBEDDING = (None, "forward", "embed")  # the methods whose result is the map
_SCORED_ROWS, _SCORED_NEIGHBORS = 2000, 15


class UnknownAttributeError(UnsupportedConfigurationError, AttributeError):
    """A routine of this kind has no such attribute; to ``hasattr`` it is not there."""


def apply_model(
    blocks: Components,
    X: Any,
    method: str | None,
    fitted: FittedState,
    *,
    owner: str,
    single: bool = False,
    gradients: bool = False,
    refine: bool = True,
) -> torch.Tensor:
    """Applies the model to points in chunks.

    Args:
        blocks: The components, with a model.
        X: Points, shape (m, …), or one of them if ``single``.
        method: The name of a method of the model; the model itself is called if ``None``.
        fitted: What is known of the rows that it takes.
        owner: The name of the routine, for messages.
        single: Whether a single point may be given.
        gradients: Whether the result is differentiable.
        refine: Whether rows are embedded in the refined map, if there is one, in place of the network's.
    """
    assert blocks.model is not None
    is_refined = refine and fitted.refined is not None and method in _EMBEDDING
    return apply_in_chunks(
        blocks.model,
        X,
        method=method,
        device=blocks.device,
        row_shape=fitted.row_shape,
        owner=owner,
        single=single,
        gradients=gradients,
        place=fitted.refined.place if is_refined and fitted.refined is not None else None,
    )


def score_of(X: Any, key: str, embed: Callable[[Any], torch.Tensor]) -> float:
    """Returns the trustworthiness of the embedding of rows, or of 2,000 of them.

    Args:
        X: Points, shape (m, …), or named entries.
        key: The entry that is embedded.
        embed: Embeds ``X``, shape (m, out_dim).

    Raises:
        ValueError: If there are fewer than 3 points.
    """
    rows = entry_of(X, key)
    n_rows = number_of_rows(rows)
    if n_rows < 3:
        raise ValueError(f"score needs at least 3 rows, which have neighbours to compare, got {n_rows}.")
    embedded = embed(X)
    dataset = Dataset({"rows": rows})
    chosen = np.arange(n_rows)
    if n_rows > _SCORED_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(n_rows, _SCORED_ROWS, replace=False))
    points = dataset.source("rows")[torch.from_numpy(chosen)].flatten(1)
    n_neighbors = min(_SCORED_NEIGHBORS, (len(chosen) - 1) // 2)
    return float(trustworthiness(points, embedded[torch.from_numpy(chosen)], n_neighbors=n_neighbors))


def adherence_of(routine: Any, X: Data | None, y: Any, only: str | None = None) -> dict[str, Adherence]:
    """Measures how far rows adhere to the constraints of a trained routine; see ``ParametricDR.adherence``.

    Args:
        routine: The routine.
        X: Rows, or a dict of named entries; the training rows if ``None``.
        y: Their targets.
        only: The key of the only constraint to measure; all if ``None``.
    """
    blocks, targets = routine._components, routine._fitted.targets
    if X is None:
        dataset, positions = blocks.workspace.require_dataset(), routine.embedding_
    else:
        dataset, positions = as_dataset(X, routine.data_key), routine._apply(X, "embed")
        if y is not None and targets is not None:
            dataset.add({"labels": targets.encode(y, n=len(dataset))})
    wide = torch.as_tensor(positions).to("cpu", torch.float64)
    chosen = {key: one for key, one in blocks.constraints().items() if only in (None, key)}
    found = {key: constraint.adherence(wide, dataset) for key, constraint in chosen.items()}
    return {key: adherence for key, adherence in found.items() if adherence is not None}
