"""Data that are computed from other data or from relations."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse
import torch

from paradime._registry import DATA_FUNCTIONS
from paradime.functional import spectral_positions
from paradime.models.scaling import far_bounds
from paradime.relationdata import RelationData
from paradime.types import AnyArray, FloatArray
from paradime.utils.arguments import check_integer, check_positive
from paradime.utils.convert import as_tensor, to_numpy
from paradime.utils.rows import Rows, rows_of

__all__ = ["DerivedData", "local_radius", "pca", "spectral"]

_TYPES = ("data", "rels")
_FEW_COLUMNS = 500  # up to so many columns, sparse PCA decomposes the covariance matrix
_MOST_BLOCK_COLUMNS, _MOST_DENSE_BYTES, _BLOCK_NUMBERS = 2_000, 1 << 27, 1 << 21
_SMALLEST = 1e-12  # lower bound of radii, relative to their mean: duplicates have radius 0


class DerivedData:
    """A recipe for an entry of the data set that is computed before training.

    Args:
        func: Takes one argument per entry of ``type_key_tuples``, in order, and ``kwargs``; returns an array
            of shape (n, …). Data are passed as tensors, sparse data as SciPy's CSR arrays, relations as
            containers.
        type_key_tuples: The arguments: pairs of ``"data"`` or ``"rels"`` and a key.
        **kwargs: Passed to ``func``.

    Raises:
        TypeError: If ``func`` is not callable.
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
            raise TypeError(f"func must be a function, got {type(func).__name__}. Pass a callable.")
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
        """Whether any argument is a relation."""
        return any(kind == "rels" for kind, _ in self.type_key_tuples)

    def compute(self, data: Mapping[str, Any], relation_data: Mapping[str, RelationData]) -> Any:
        """Computes the entry.

        Args:
            data: The data set's entries.
            relation_data: The global relations computed so far.
        """
        sources: dict[str, Mapping[str, Any]] = {"data": data, "rels": relation_data}
        arguments = ((kind, sources[kind][key]) for kind, key in self.type_key_tuples)
        converted = (self._passed(value) if kind == "data" else value for kind, value in arguments)
        return self.func(*converted, **self.kwargs)

    def _passed(self, value: Any) -> Any:
        """Returns an entry as the function takes it: rows on disk only if it reads them in blocks."""
        rows = rows_of(value)
        stays = not rows.in_memory and not rows.is_sparse and getattr(self.func, "takes_rows", False)
        return rows if stays else rows.exported()

    def __repr__(self) -> str:
        name = getattr(self.func, "__name__", repr(self.func))
        return f"DerivedData({name}, {self.type_key_tuples!r})"


@DATA_FUNCTIONS.register("pca")
def pca(
    X: Any, n_components: int = 2, scale: float | None = None, *, out_dim: int | None = None, **options: Any
) -> FloatArray:
    """Projects data onto the first principal components, with scikit-learn.

    With ``scale``, values far beyond the usual range of their column (:func:`~paradime.functional.usual_bounds`)
    are clipped first; otherwise, an outlier could dominate the first component.

    Args:
        X: Shape (n, …); flattened to rows. A SciPy sparse matrix is not made dense, and rows on disk that would
            take more than 128 MB are read in blocks.
        n_components: Number of components; if the data have fewer, the remaining columns are 0.
        scale: Standard deviation of the first component, > 0, to which the others are scaled in proportion; that
            of the data if ``None``.
        out_dim: Name of ``n_components`` in version 1; takes precedence.
        **options: Passed to ``sklearn.decomposition.PCA``.

    Returns:
        Shape (n, n_components).

    Raises:
        ValueError: If the number of components or ``scale`` is not positive.
    """
    from sklearn.decomposition import PCA

    n_components = n_components if out_dim is None else out_dim
    check_integer("n_components", n_components)
    if scale is not None:
        check_positive("scale", scale, remedy="None keeps the scale of the data.")
    if isinstance(X, Rows) and _suits_blocks(X, options):
        return _pca_by_blocks(X.flat(), n_components, scale)
    X = X.exported() if isinstance(X, Rows) else X
    options.setdefault("random_state", 0)
    sparse = scipy.sparse.issparse(X)
    # in double precision, which holds the squares of all single-precision numbers
    flat: Any = _double(X) if sparse else to_numpy(X).astype(np.float64).reshape(len(X), -1)
    if scale is not None:
        _clip_far_values(flat)
    if sparse:
        flat = _decomposable(flat, n_components, options)
    else:
        # scikit-learn may subtract the means from the products of columns, which loses all digits far from zero
        flat -= flat.mean(axis=0)
    # for identical rows, scikit-learn divides by a total variance of 0, without effect on the projection
    with np.errstate(divide="ignore", invalid="ignore"):
        n_available = min(n_components, *flat.shape)
        projected: FloatArray = PCA(n_available, **options).fit_transform(flat)
    projected = np.pad(projected, ((0, 0), (0, n_components - n_available)))
    deviation = projected[:, 0].std()
    return projected if scale is None or deviation == 0 else projected * (scale / deviation)


def _suits_blocks(rows: Rows, options: Mapping[str, Any]) -> bool:
    few_columns = rows.numel() <= _MOST_BLOCK_COLUMNS * len(rows)
    return (
        not (rows.in_memory or rows.is_sparse or options) and few_columns and 8 * rows.numel() > _MOST_DENSE_BYTES
    )


def _pca_by_blocks(rows: Rows, n_components: int, scale: float | None) -> FloatArray:
    """Projects rows, read in blocks, to the eigenvectors of their covariance matrix; see :func:`pca`."""
    d = rows.shape[1]
    bounds = far_bounds(rows, torch.Generator().manual_seed(0)) if scale is not None else None

    def blocks() -> Iterator[torch.Tensor]:
        for block in rows.split(max(1, _BLOCK_NUMBERS // d)):
            wide = block.to(torch.float64)
            yield wide if bounds is None else wide.clamp(*bounds)

    mean = torch.stack([block.sum(dim=0) for block in blocks()]).sum(dim=0) / len(rows)
    products = torch.zeros(d, d, dtype=torch.float64)
    for block in blocks():
        centered = block - mean
        products.addmm_(centered.T, centered)
    axes = torch.linalg.eigh(products / max(1, len(rows) - 1)).eigenvectors.flip(1)[:, : min(n_components, d)]
    # the sign that scikit-learn chooses: the largest entry of an axis is positive
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    projected = np.zeros((len(rows), n_components))
    start = 0
    for block in blocks():
        projected[start : start + len(block), : axes.shape[1]] = ((block - mean) @ axes).numpy()
        start += len(block)
    deviation = projected[:, 0].std()
    return projected if scale is None or deviation == 0 else projected * (scale / deviation)


def _double(X: Any) -> scipy.sparse.csr_array:
    """Returns a copy of sparse rows, in double precision."""
    rows = scipy.sparse.csr_array(X, dtype=np.float64, copy=True)
    rows.sum_duplicates()
    return rows


def _clip_far_values(rows: Any) -> None:
    """Clips outliers in an array or in the stored entries of sparse rows, in place."""
    sparse = scipy.sparse.issparse(rows)
    low, high = (bound.numpy() for bound in far_bounds(rows_of(rows), torch.Generator().manual_seed(0)))
    if sparse:
        np.clip(rows.data, np.minimum(low, 0)[rows.indices], np.maximum(high, 0)[rows.indices], out=rows.data)
    else:
        np.clip(rows, low, high, out=rows)


def _decomposable(rows: scipy.sparse.csr_array, n_components: int, options: dict[str, Any]) -> Any:
    """Chooses scikit-learn's solver for sparse rows, and returns the rows in the form that it needs."""
    n, dim = rows.shape
    if dim <= _FEW_COLUMNS:
        options.setdefault("svd_solver", "covariance_eigh")
    elif n_components < n:
        options.setdefault("svd_solver", "arpack")
    else:
        return rows.toarray()  # arpack finds fewer components than rows
    return rows


def _options_of_pca() -> frozenset[str]:
    from sklearn.decomposition import PCA

    return frozenset(inspect.signature(PCA).parameters)


pca.takes_rows = True  # type: ignore[attr-defined]
# for the check of option names in specifications
pca.extra_options = _options_of_pca  # type: ignore[attr-defined]


@DATA_FUNCTIONS.register("spectral")
def spectral(
    relations: RelationData, n_components: int = 2, *, out_dim: int | None = None, **options: Any
) -> FloatArray:
    """Computes spectral positions of a graph given as relations, which is not made dense.

    Args:
        relations: Symmetric relations ≥ 0 between n points.
        n_components: Number of dimensions.
        out_dim: Name of ``n_components`` in version 1; takes precedence.
        **options: Passed to :func:`~paradime.functional.spectral_positions`.

    Returns:
        Shape (n, n_components); each column has mean 0 and standard deviation 1.
    """
    n_components = n_components if out_dim is None else out_dim
    graph = scipy.sparse.csr_array(relations.to_sparse_array().data)
    return spectral_positions(graph, n_components, **options)


spectral.extra_options = frozenset(inspect.signature(spectral_positions).parameters)  # type: ignore[attr-defined]


@DATA_FUNCTIONS.register("local radius")
def local_radius(relations: RelationData, X: Any) -> FloatArray:
    """Computes logarithms of local radii, log(Σⱼ pᵢⱼ ‖xᵢ − xⱼ‖² / Σⱼ pᵢⱼ), over the stored relations.

    Args:
        relations: Relations p ≥ 0 between n points, such as those of t-SNE or UMAP, preferably sparse. Relations
            of points to themselves are ignored.
        X: The points, rows of any form, shape (n, …).

    Returns:
        Shape (n,), float32. Points without relations get the mean of the others.

    Raises:
        ValueError: If the numbers of points differ.

    Source: Narayan, Berger, Cho, "Assessing single-cell transcriptomic variability through density-preserving data
        visualization", 2021.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> chain = relation_factory([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
        >>> np.exp(local_radius(chain, [[0.0], [1.0], [3.0]])).round(3)
        array([1. , 2.5, 4. ], dtype=float32)
    """
    points = rows_of(X).flat()
    n = len(points)
    if relations.n_points != n:
        raise ValueError(
            f"relations and data must have the same number of points, got {relations.n_points} and {n}. "
            "Compute the relations from the same data."
        )
    rows, cols, weights = (to_numpy(array) for array in relations.edges())
    weights = np.where(rows == cols, 0, weights).astype(np.float64)
    sq_dists = to_numpy(points.sq_dists(as_tensor(rows), as_tensor(cols)))
    return _logarithms(np.bincount(rows, weights * sq_dists, n), np.bincount(rows, weights, n))


def _logarithms(sums: AnyArray, totals: AnyArray) -> FloatArray:
    related = totals > 0
    radii = sums / np.where(related, totals, 1)
    typical = radii[related].mean() if related.any() else 0.0
    logs = np.log(np.maximum(radii, _SMALLEST * typical if typical > 0 else 1.0))
    logs[~related] = logs[related].mean() if related.any() else 0.0
    result: FloatArray = logs.astype(np.float32)
    return result
