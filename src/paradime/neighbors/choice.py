"""The choice of a search backend for dense data."""

from __future__ import annotations

from typing import NamedTuple

import torch

from paradime._registry import Registry, did_you_mean
from paradime.neighbors.backend import NeighborBackend
from paradime.neighbors.blocks import BlocksBackend
from paradime.neighbors.exact import ExactBackend
from paradime.neighbors.faiss import FaissBackend
from paradime.neighbors.metrics import check_metric
from paradime.neighbors.pynndescent import PynndescentBackend
from paradime.types import Metric

__all__ = ["BACKENDS", "EXACT_UP_TO", "Choice", "check_search", "choose_backend", "reasoned_choice"]

BACKENDS: Registry[NeighborBackend] = Registry("neighbor backend")
for _backend in (ExactBackend(), BlocksBackend(), FaissBackend(), PynndescentBackend()):
    BACKENDS.add(_backend.name, _backend)

EXACT_UP_TO = 20_000  # up to so many points, comparing all pairs takes a few seconds at most
_EXACT_UP_TO_ON_CUDA = 200_000
_MANY_COLUMNS = 64  # with more columns, matrix products are faster than comparing single points


class Choice(NamedTuple):
    """A backend and the reason for its choice."""

    backend: NeighborBackend
    reason: str


def choose_backend(
    n: int, metric: Metric = "euclidean", *, dim: int = 2, device: torch.device | str = "cpu"
) -> NeighborBackend:
    """Chooses the backend by number of points and columns, metric and device: exact search up to 20,000 points.

    Args:
        n: Number of points.
        metric: The metric.
        dim: Number of columns.
        device: Device of the points.

    Raises:
        ValueError: If the metric is unknown.

    Example:
        >>> choose_backend(1000).name
        'exact'
        >>> choose_backend(70_000, dim=784).name
        'blocks'
    """
    return reasoned_choice(n, metric, dim=dim, device=device).backend


def check_search(metric: Metric | None, backend: str) -> None:
    """Raises a ValueError if a metric or backend is unknown."""
    if metric == "precomputed":
        raise ValueError(
            "metric must be a distance between rows, got 'precomputed'. The model needs the rows: pass them to "
            "fit, and the distances or neighbours as precomputed_knn=… (of relations: precomputed=…)."
        )
    if backend != "auto" and backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r}. {did_you_mean(backend, ['auto', *BACKENDS])}")
    check_metric(metric or "euclidean")


def reasoned_choice(n: int, metric: Metric, *, dim: int, device: torch.device | str) -> Choice:
    """Returns the backend of :func:`choose_backend` with the reason."""
    check_metric(metric)
    by_preference = _by_preference(n, dim, torch.device(device).type == "cuda")
    return next(
        Choice(BACKENDS[name], reason)
        for name, reason in by_preference
        if BACKENDS[name].available() and BACKENDS[name].supports(metric)
    )


def _by_preference(n: int, dim: int, on_cuda: bool) -> list[tuple[str, str]]:
    few = _EXACT_UP_TO_ON_CUDA if on_cuda else EXACT_UP_TO
    compares_all = f"up to {few:,} points all pairs are compared"
    exact = ("exact", compares_all if n <= few else "no other backend supports the metric")
    blocks = ("blocks", "matrix products of whole lists suit the device" if on_cuda else "there are many columns")
    faiss = ("faiss", f"there are more than {few:,} points of at most {_MANY_COLUMNS} columns")
    others = ("pynndescent", "it is the backend for many points that supports the metric")
    if n <= few:
        return [exact]
    if on_cuda or dim > _MANY_COLUMNS:
        return [blocks, others, exact]
    # with few columns, the search by blocks spends more time on lists than it saves in products
    return [faiss, others, ("blocks", "neither faiss nor pynndescent is installed"), exact]
