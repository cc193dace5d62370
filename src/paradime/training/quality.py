"""How well the neighbours of held-out rows are kept while a model is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from paradime.data import Dataset
from paradime.models import projection_for
from paradime.neighbors.metrics import canonical, comparison_of, is_metric
from paradime.relations import Relations
from paradime.training.inference import embed_rows
from paradime.types import AnyArray
from paradime.utils.convert import as_numpy
from paradime.utils.rows import rows_of
from paradime.utils.sparse import without_offset

__all__ = ["HeldOutQuality", "metric_of", "nearest_training_rows"]

_MOST_HELD_OUT, _MOST_TRAINING, _N_NEIGHBORS = 1_000, 20_000, 15
_BASES = ("euclidean", "sqeuclidean", "cosine", "cityblock", "correlation", "chebyshev", "canberra", "braycurtis")
_SPARSE_METRICS = ("euclidean", "cosine", "manhattan")
_OF_DIFFERENCES = ("euclidean", "cityblock", "chebyshev")


class HeldOutQuality:
    """The share of the nearest training rows of held-out rows that are the nearest in the embedding, too.

    At most 1,000 held-out rows are looked at, and at most 20,000 training rows; which ones does not depend on
    torch's generators. The neighbours in the data are found once.

    Args:
        held_out: The held-out rows.
        training: The training rows.
        data_key: The entry that is embedded.
        metric: Which rows are near in the data; see :func:`metric_of`.
    """

    def __init__(self, held_out: Dataset, training: Dataset, *, data_key: str, metric: str = "euclidean") -> None:
        self._held_out = _taken(held_out[data_key], _sample(len(held_out), _MOST_HELD_OUT))
        self._training = _taken(training[data_key], _sample(len(training), _MOST_TRAINING))
        self.n_neighbors = min(_N_NEIGHBORS, max(1, len(self._training) // 2))
        self._near = _nearest(self._training, self._held_out, self.n_neighbors, metric)

    def of(self, model: torch.nn.Module, device: torch.device) -> float:
        """Measures a model; call it within :func:`~paradime.training.inference.evaluating`.

        Returns:
            A share in [0, 1], or NaN if the embedding is not finite.
        """
        self._held_out, self._training = (_projected(model, rows) for rows in (self._held_out, self._training))
        shown, places = (embed_rows(model, rows, device).flatten(1) for rows in (self._held_out, self._training))
        if not bool(shown.isfinite().all() & places.isfinite().all()):
            return float("nan")
        found = _nearest(places, shown, self.n_neighbors, "euclidean")
        kept = (self._near[:, :, None] == found[:, None, :]).any(axis=2)
        return float(kept.mean())


def nearest_training_rows(
    held_out: Dataset, training: Dataset, n_neighbors: int, *, data_key: str, metric: str = "euclidean"
) -> torch.Tensor:
    """Returns the numbers of the nearest ones among at most 20,000 training rows, shape (m, k), nearest first."""
    places = _sample(len(training), _MOST_TRAINING)
    rows = _taken(training[data_key], places)
    near = _nearest(rows, held_out[data_key], min(n_neighbors, len(places)), metric)
    return torch.from_numpy(places[near])


def metric_of(relations: Mapping[str, Relations]) -> str:
    """Returns the metric of the first global relations whose metric compares single rows; Euclidean otherwise."""
    for relation in relations.values():
        metric = getattr(relation, "metric", None)
        if isinstance(metric, str) and is_metric(metric):
            comparison = comparison_of(metric)
            if comparison.by_row and comparison.base in _BASES:
                return str(canonical(metric))
    return "euclidean"


def _projected(model: torch.nn.Module, rows: Any) -> Any:
    """Rows that the model's first layer has seen once, where that pays."""
    found = projection_for(model, rows)
    return rows if found is None else found.rows


def _taken(rows: Any, places: AnyArray) -> Any:
    if len(places) == len(rows):
        return rows  # a sample of all rows needs no copy
    return rows_of(rows).take(torch.from_numpy(places)).stored


def _nearest(rows: Any, points: Any, n_neighbors: int, metric: str) -> AnyArray:
    is_sparse = rows_of(rows).is_sparse
    if is_sparse and metric not in _SPARSE_METRICS:
        metric = "euclidean"
    comparison = comparison_of(metric)
    prepared = [_array_of(part) for part in (rows, points)]
    if not is_sparse and metric not in _BASES:
        prepared = [comparison.prepare(part.astype(np.float64)) for part in prepared]
    if prepared[0].dtype == np.float64 and comparison.base in _OF_DIFFERENCES:
        # squares of large numbers lose the digits in which rows differ
        prepared = without_offset(*prepared)
    search = NearestNeighbors(n_neighbors=n_neighbors, metric=comparison.base).fit(prepared[0])
    found: AnyArray = search.kneighbors(prepared[1], return_distance=False)
    return found


def _array_of(rows: Any) -> Any:
    """Returns rows as scikit-learn takes them; those far from zero are in double precision."""
    dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
    flat = rows_of(rows).flat().to("cpu", dtype)
    return flat.exported() if flat.is_sparse else as_numpy(flat.dense())


def _sample(n: int, most: int) -> AnyArray:
    """Returns the numbers of at most so many of n rows, in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))
