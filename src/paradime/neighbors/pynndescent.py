"""Search through PyNNDescent, for its many metrics."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import ClassVar

import torch

from paradime.neighbors.backend import without_self
from paradime.neighbors.euclidean import EuclideanRows, is_euclidean
from paradime.types import Metric
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["PynndescentBackend", "threads_of_torch_kept"]


@contextlib.contextmanager
def threads_of_torch_kept() -> Iterator[None]:
    """Within the block, numba may start its threads; torch has as many afterwards as before.

    Both may share one OpenMP library, in which numba sets the number of threads for all.
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

    def available(self) -> bool:
        """Returns whether PyNNDescent is installed."""
        return importlib.util.find_spec("pynndescent") is not None

    def supports(self, metric: Metric) -> bool:
        """Knows every metric's name of PyNNDescent, and functions of two rows compiled by numba."""
        if callable(metric):
            return True
        from pynndescent.distances import named_distances

        return metric in named_distances

    def search(
        self, X: torch.Tensor, k: int, *, metric: Metric, random_state: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds neighbours, see :meth:`NeighborBackend.search`."""
        import numba
        import pynndescent

        points = EuclideanRows(X, metric) if is_euclidean(metric) else None
        rows = as_numpy(X.to(torch.float32) if points is None else points.centered(torch.float32))
        with threads_of_torch_kept():
            index = pynndescent.NNDescent(
                rows,
                metric=metric if points is None else "euclidean",
                n_neighbors=k + 1,
                random_state=random_state,
                n_jobs=min(torch.get_num_threads(), numba.get_num_threads()),
            )
            indices, dists = (as_tensor(part) for part in index.neighbor_graph)
        indices, dists = without_self(indices.to(torch.int64), dists)
        if points is not None:
            dists = points.distances(dists.to(torch.float64).square())
        return indices.to(X.device), dists.to(X.device, torch.float32)
