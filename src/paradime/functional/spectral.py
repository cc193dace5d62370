"""Positions from eigenvectors: principal axes, and spectral positions of a sparse graph."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch

from paradime.types import FloatArray
from paradime.utils.arguments import check_integer
from paradime.utils.seed import generator_of

__all__ = ["axes_of_covariance", "axes_of_rows", "spectral_positions", "whitening_factors"]

_DOUBLE_UP_TO = 100_000
_NONE = 1e-6  # deviations below this, relative to the largest, are rounding errors of single precision
_LITTLE = 1e-4  # deviations below this, relative to the root mean square, are not magnified
_CHUNK_ELEMENTS = 1 << 22


def axes_of_covariance(covariance: torch.Tensor, n_axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes principal axes and the standard deviations along them from a covariance matrix.

    Args:
        covariance: Shape (d, d), float64.
        n_axes: Number of axes, at most d.

    Returns:
        The axes, shape (n_axes, d), with the sign that makes the element of largest absolute value positive, and
        the standard deviations, shape (n_axes,), in decreasing order.

    Source: Pearson, "On lines and planes of closest fit to systems of points in space", 1901.

    Example:
        >>> axes, deviations = axes_of_covariance(torch.diag(torch.tensor([1.0, 4.0])), 1)
        >>> axes, deviations
        (tensor([[0., 1.]]), tensor([2.]))
    """
    variances, directions = torch.linalg.eigh(covariance)
    axes = directions.T.flip(0)[:n_axes]
    return _signed(axes), variances.flip(0)[:n_axes].clamp_min(0).sqrt()


def axes_of_rows(rows: torch.Tensor, n_axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes principal axes and standard deviations of few rows with many columns, without a d × d matrix.

    Args:
        rows: Centred rows, shape (n, d).
        n_axes: Number of axes; axes and deviations beyond the number of rows are zero.

    Returns:
        Axes, shape (n_axes, d), and standard deviations, shape (n_axes,), both float64.

    Example:
        >>> axes, deviations = axes_of_rows(torch.tensor([[0.0, 3.0, 4.0], [0.0, -3.0, -4.0]]), 2)
        >>> axes[0], deviations
        (tensor([0.0000, 0.6000, 0.8000], dtype=torch.float64), tensor([5., 0.], dtype=torch.float64))
    """
    n, d = rows.shape
    blocks = torch.split(rows, max(1, _CHUNK_ELEMENTS // n), dim=1)
    products = torch.zeros(n, n, dtype=torch.float64, device=rows.device)
    for block in blocks:
        block = block.to(torch.float64)
        products.addmm_(block, block.T)
    eigenvectors, deviations = axes_of_covariance(products / n, min(n, n_axes))
    varies = deviations > _NONE * deviations[0]
    # an axis is the sum of the rows, weighted by an eigenvector of their products
    weights = torch.where(varies, 1 / torch.where(varies, deviations, 1), 0)[:, None] * eigenvectors / n**0.5
    axes = rows.new_zeros(n_axes, d, dtype=torch.float64)
    axes[: len(eigenvectors)] = torch.cat([weights @ block.to(torch.float64) for block in blocks], dim=1)
    padded = torch.nn.functional.pad(torch.where(varies, deviations, 0), (0, n_axes - len(eigenvectors)))
    return _signed(axes), padded


def whitening_factors(deviations: torch.Tensor, whitening: float) -> torch.Tensor:
    """Returns factors that partially whiten components, and scale them to about unit size.

    The component j of standard deviation s_j is divided by s_j^w s^(1 − w), where s is the root mean square of
    the s_j that are not zero. Components with a very small s_j are divided by s, so that rounding errors are not
    magnified; constant components have factor 0.

    Args:
        deviations: The standard deviations s_j, shape (p,).
        whitening: The exponent w, in [0, 1]: 0 keeps the proportions of the s_j, 1 makes all equal.

    Returns:
        Shape (p,), finite.

    Example:
        >>> whitening_factors(torch.tensor([7.0, 1.0, 0.0]), 1.0) * 7
        tensor([1., 7., 0.])
    """
    varies = deviations > _NONE * deviations.max()
    usual = (deviations.square().sum() / varies.sum().clamp_min(1)).sqrt()
    usual = torch.where(usual > 0, usual, 1)
    relative = deviations / usual
    powers = torch.where(relative > _LITTLE, relative, 1).pow(-whitening)
    return torch.where(varies, powers / usual, 0)


def _signed(axes: torch.Tensor) -> torch.Tensor:
    """Gives axes the sign that makes the element of largest absolute value positive."""
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    return torch.where(largest < 0, -axes, axes)


def spectral_positions(graph: scipy.sparse.csr_array, out_dim: int = 2, *, random_state: int = 0) -> FloatArray:
    """Computes Laplacian eigenmaps: solutions of L y = λ D y for a graph's Laplacian, from the second smallest λ.

    No dense n × n matrix is formed.

    Args:
        graph: Symmetric weights ≥ 0, shape (n, n), sparse.
        out_dim: Number of dimensions, at least 1; those beyond n − 1 are zero.
        random_state: Seed of the solver's starting vector.

    Returns:
        Positions, shape (n, out_dim), float32; each column has mean 0 and standard deviation 1.

    Raises:
        ValueError: If ``out_dim`` is not positive.

    Source: Belkin and Niyogi, "Laplacian eigenmaps", 2003.
    """
    n = graph.shape[0]
    check_integer("out_dim", out_dim, remedy="2 suits a picture.")
    count, _ = scipy.sparse.csgraph.connected_components(graph, directed=False)
    if count > 1:
        warnings.warn(
            f"spectral positions need a connected graph, got {count} connected components, whose relative "
            "positions have little meaning. Raise n_neighbors, or initialize with 'pca'.",
            stacklevel=2,
        )
    degree = np.asarray(graph.sum(axis=0), dtype=np.float64).ravel()
    root = np.where(degree > 0, degree, 1) ** -0.5
    inverse_root = scipy.sparse.dia_array((root[None], 0), shape=(n, n))
    # I + D^-1/2 W D^-1/2 has the Laplacian's eigenvectors in reverse order, and no negative eigenvalue: Lanczos
    # finds the largest eigenvalues without a factorisation
    operator = scipy.sparse.eye_array(n) + inverse_root @ graph.astype(np.float64) @ inverse_root
    start = generator_of(random_state).uniform(-1, 1, n)
    k = out_dim + 1
    if n <= 4 * k + 20:
        values, vectors = np.linalg.eigh(operator.toarray())
    else:
        # initial positions need no double precision, and Lanczos is limited by memory bandwidth
        dtype = np.float32 if n > _DOUBLE_UP_TO else np.float64
        values, vectors = scipy.sparse.linalg.eigsh(
            operator.tocsr().astype(dtype),
            k,
            which="LA",
            v0=start.astype(dtype),
            ncv=max(2 * k + 1, 20),
            tol=1e-4,
            maxiter=n * 5,
        )
    chosen = vectors[:, np.argsort(-values)[1:k]] * root[:, None]
    # the sign of an eigenvector is arbitrary; fixing it makes results reproducible
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    centered = chosen - chosen.mean(axis=0)
    positions: FloatArray = np.zeros((n, out_dim), np.float32)
    spread = centered.std(axis=0, ddof=1)
    positions[:, : chosen.shape[1]] = centered / np.where(spread > 0, spread, 1)
    return positions
