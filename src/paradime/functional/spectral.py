"""Spectral positions of a sparse graph."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from paradime.types import FloatArray

__all__ = ["spectral_positions"]

_DOUBLE_UP_TO = 100_000


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
    if out_dim < 1:
        raise ValueError(f"out_dim must be at least 1, got {out_dim}. 2 suits a picture.")
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
    start = np.random.default_rng(random_state).uniform(-1, 1, n)
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
