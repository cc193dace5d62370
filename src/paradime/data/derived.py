"""Data that are computed from data or from relations."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse
import sklearn.decomposition
import torch

from paradime._registry import DATA_FUNCTIONS
from paradime.functional import spectral_positions
from paradime.models.scaling import far_bounds
from paradime.relationdata import RelationData
from paradime.types import FloatArray
from paradime.utils.convert import to_numpy
from paradime.utils.sparse import SparseRows

__all__ = ["DerivedData", "pca", "spectral"]

_TYPES = ("data", "rels")
_FEW_COLUMNS = 500  # whose covariance is made


class DerivedData:
    """A recipe for an entry of the data set that is computed before training.

    Args:
        func: Takes one argument for each of ``type_key_tuples``, in order, and ``kwargs``; returns an array
            of shape (n, …). Data arrive as tensors, sparse ones as SciPy's CSR arrays, relations as their
            containers.
        type_key_tuples: What it is computed from: pairs of ``"data"`` or ``"rels"`` and a key.
        **kwargs: Passed to ``func``.

    Raises:
        TypeError: If ``func`` is no function.
        ValueError: If a pair is malformed.

    Example:
        >>> import torch
        >>> halves = DerivedData(lambda X, by: X / by, by=2)
        >>> halves.compute({"main": torch.ones(2, 1)}, {})
        tensor([[0.5000],
                [0.5000]])
    """

    def __init__(
        self,
        func: Callable[..., Any],
        type_key_tuples: Sequence[tuple[str, str]] = (("data", "main"),),
        **kwargs: Any,
    ) -> None:
        if not callable(func):
            raise TypeError(f"func must be a function, got {type(func).__name__}.")
        self.func = func
        self.type_key_tuples: list[tuple[str, str]] = []
        for pair in type_key_tuples:
            if len(pair) != 2 or pair[0] not in _TYPES:
                close = difflib.get_close_matches(str(pair[0]), _TYPES, n=1) or [" or ".join(_TYPES)]
                raise ValueError(
                    f"type_key_tuples must be pairs of 'data' or 'rels' and a key, got {pair!r}. "
                    f"Did you mean {close[0]!r}?"
                )
            self.type_key_tuples.append((pair[0], pair[1]))
        self.kwargs = kwargs

    @property
    def requires_relations(self) -> bool:
        """Whether it is computed from relations, perhaps among others."""
        return any(kind == "rels" for kind, _ in self.type_key_tuples)

    def compute(self, data: Mapping[str, Any], relation_data: Mapping[str, RelationData]) -> Any:
        """Computes the entry.

        Args:
            data: The data set's entries.
            relation_data: The global relations computed so far.
        """
        sources: dict[str, Mapping[str, Any]] = {"data": data, "rels": relation_data}
        arguments = (sources[kind][key] for kind, key in self.type_key_tuples)
        # functions know SciPy's sparse arrays, not ours
        known = (part.to_scipy() if isinstance(part, SparseRows) else part for part in arguments)
        return self.func(*known, **self.kwargs)

    def __repr__(self) -> str:
        name = getattr(self.func, "__name__", repr(self.func))
        return f"DerivedData({name}, {self.type_key_tuples!r})"


@DATA_FUNCTIONS.register("pca")
def pca(
    X: Any, n_components: int = 2, scale: float | None = None, *, out_dim: int | None = None, **options: Any
) -> FloatArray:
    """Projects onto the first principal components, through scikit-learn.

    With ``scale``, values far beyond the usual range of their column (:func:`~paradime.functional.usual_bounds`)
    are clipped first: an outlier would be the first component, and all other rows one point beside it.

    Args:
        X: Shape (n, …); flattened to rows. A SciPy sparse matrix stays sparse.
        n_components: Number of components; where the data have fewer, the remaining columns are 0.
        scale: The standard deviation that the first component is given, > 0, the others in proportion; that of the
            data if ``None``.
        out_dim: The same as ``n_components``, by the name that version 1 has for it; counts where both are given.
        **options: Passed to ``sklearn.decomposition.PCA``.

    Returns:
        Shape (n, n_components).

    Raises:
        ValueError: If the number of components or ``scale`` is not positive.
    """
    n_components = n_components if out_dim is None else out_dim
    if n_components < 1:
        raise ValueError(f"n_components must be at least 1, got {n_components}.")
    if scale is not None and not 0 < scale < np.inf:
        raise ValueError(f"scale must be a positive number, or None for that of the data, got {scale!r}.")
    options.setdefault("random_state", 0)
    sparse = scipy.sparse.issparse(X)
    # in double precision, which holds the squares of all single-precision numbers
    flat: Any = _double(X) if sparse else to_numpy(X).astype(np.float64).reshape(len(X), -1)
    if scale is not None:
        _clip_far_values(flat)
    if sparse:
        flat = _decomposable(flat, n_components, options)
    else:
        # scikit-learn may take the means from the products of columns, which far from zero leaves no digit right
        flat -= flat.mean(axis=0)
    # identical rows have no variance to take shares of, which says nothing about the projection
    with np.errstate(divide="ignore", invalid="ignore"):
        found = min(n_components, *flat.shape)
        projected: FloatArray = sklearn.decomposition.PCA(found, **options).fit_transform(flat)
    projected = np.pad(projected, ((0, 0), (0, n_components - found)))
    deviation = projected[:, 0].std()
    return projected if scale is None or deviation == 0 else projected * (scale / deviation)


def _double(X: Any) -> scipy.sparse.csr_array:
    """Returns a copy of sparse rows, in double precision."""
    rows = scipy.sparse.csr_array(X, dtype=np.float64, copy=True)
    rows.sum_duplicates()
    return rows


def _clip_far_values(rows: Any) -> None:
    """Clips an array or sparse rows, in place; entries that are not stored stay zero."""
    sparse = scipy.sparse.issparse(rows)
    known = SparseRows(rows) if sparse else torch.from_numpy(rows)
    low, high = (bound.numpy() for bound in far_bounds(known, torch.Generator().manual_seed(0)))
    if sparse:
        np.clip(rows.data, np.minimum(low, 0)[rows.indices], np.maximum(high, 0)[rows.indices], out=rows.data)
    else:
        np.clip(rows, low, high, out=rows)


def _decomposable(rows: scipy.sparse.csr_array, n_components: int, options: dict[str, Any]) -> Any:
    """Returns rows as scikit-learn decomposes them without making them dense, and chooses how."""
    n, dim = rows.shape
    if dim <= _FEW_COLUMNS:
        options.setdefault("svd_solver", "covariance_eigh")
    elif n_components < n:
        options.setdefault("svd_solver", "arpack")
    else:
        return rows.toarray()  # so few rows that all of them are components
    return rows


# so that a mistyped option is known before it is passed on
pca.extra_options = frozenset(inspect.signature(sklearn.decomposition.PCA).parameters)  # type: ignore[attr-defined]


@DATA_FUNCTIONS.register("spectral")
def spectral(
    relations: RelationData, n_components: int = 2, *, out_dim: int | None = None, **options: Any
) -> FloatArray:
    """Spectral positions of a graph given as relations, which stays sparse.

    Args:
        relations: Symmetric relations ≥ 0 between n points.
        n_components: Number of dimensions.
        out_dim: The same as ``n_components``, by the name that version 1 has for it; counts where both are given.
        **options: Passed to :func:`~paradime.functional.spectral_positions`.

    Returns:
        Shape (n, n_components); each column has mean 0 and standard deviation 1.
    """
    n_components = n_components if out_dim is None else out_dim
    graph = scipy.sparse.csr_array(relations.to_sparse_array().data)
    return spectral_positions(graph, n_components, **options)


spectral.extra_options = frozenset(inspect.signature(spectral_positions).parameters)  # type: ignore[attr-defined]
