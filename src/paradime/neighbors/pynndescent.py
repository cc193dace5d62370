"""Approximate search with PyNNDescent, for its many metrics."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from paradime.neighbors.backend import without_self
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.neighbors.metrics import canonical, comparison_of, is_metric
from paradime.types import FloatArray, Metric
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["PynndescentBackend", "threads_of_torch_kept"]

_NAMES: dict[Metric, str] = {"cityblock": "manhattan", "circular-wasserstein": "circular_kantorovich"}
_OF_DIFFERENCES = ("euclidean", "cityblock", "chebyshev")


@contextlib.contextmanager
def threads_of_torch_kept() -> Iterator[None]:
    """Restores torch's number of threads after the ``with`` block.

    torch and numba may share one OpenMP library, in which numba sets the number of threads for both.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


class PynndescentBackend:
    """Approximate search by nearest-neighbour descent (Dong, Moses and Li, 2011)."""

    name: ClassVar[str] = "pynndescent"
    library: ClassVar[str | None] = "pynndescent"

    def available(self) -> bool:
        """Returns whether PyNNDescent is installed."""
        return importlib.util.find_spec("pynndescent") is not None

    def supports(self, metric: Metric) -> bool:
        """Returns True for all metrics of :func:`~paradime.neighbors.metrics.check_metric`, and for functions."""
        return callable(metric) or is_metric(metric)

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        import numba
        import pynndescent

        points = EuclideanRows(X, metric) if is_euclidean(metric) else None
        arguments = (
            _arguments(X, metric) if points is None else _Arguments("euclidean", points.centered(torch.float32))
        )
        with threads_of_torch_kept():
            index = pynndescent.NNDescent(
                as_numpy(arguments.rows),
                metric=arguments.metric,
                n_neighbors=k + 1,
                random_state=random_state,
                n_jobs=min(torch.get_num_threads(), numba.get_num_threads()),
            )
            neighbors, values = index.neighbor_graph
        indices, dists = without_self(as_tensor(neighbors).to(torch.int64), as_tensor(arguments.finish(values)))
        if points is not None:
            dists = points.distances(dists.to(torch.float64).square())
        return indices.to(X.device), dists.to(X.device, torch.float32)


class _Arguments(NamedTuple):
    """PyNNDescent's metric and rows for a search, and the conversion of its distances."""

    metric: Metric
    rows: Any
    finish: Callable[[FloatArray], FloatArray] = np.asarray


def _arguments(X: torch.Tensor, metric: Metric) -> _Arguments:
    comparison, rows = comparison_of(metric), as_numpy(X.to(torch.float64))
    if comparison.by_blocks:
        own = canonical(metric)
        return _Arguments(_NAMES.get(own, own), X.to(torch.float32))
    prepared = torch.from_numpy(comparison.prepare(rows))
    if comparison.base in _OF_DIFFERENCES:
        prepared = EuclideanRows(prepared, "euclidean").centered(torch.float32)
    prepared = prepared.to(torch.float32)
    if comparison.base == "jensenshannon":  # PyNNDescent computes the divergence, whose root is the distance
        return _Arguments("jensen-shannon", prepared, lambda dists: comparison.finish(np.sqrt(dists)))
    return _Arguments(_NAMES.get(comparison.base, comparison.base), prepared, comparison.finish)
