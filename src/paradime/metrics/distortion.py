"""Stress: how far distances in the embedding are from those in the data."""

from __future__ import annotations

import torch

from paradime.metrics._chunks import as_pair, distance_blocks
from paradime.types import TensorLike

__all__ = ["stress"]


def stress(X: TensorLike, embedding: TensorLike, *, rescale: bool = False, chunk_size: int | None = None) -> float:
    """Computes the normalised stress ``sqrt(Σ (d_X - d_embedding)² / Σ d_X²)`` over all pairs of points.

    Args:
        X: Data, shape (n, dim), not all equal.
        embedding: Embedding of the same points, shape (n, out_dim).
        rescale: Whether to multiply the embedding by the factor that makes the stress least. Embeddings whose
            scale means nothing, such as those of t-SNE or UMAP, can be compared only so.
        chunk_size: Rows to compute at a time; by default as many as make a block of moderate size.

    Returns:
        A number from 0 on; 0 where all distances agree. At most 1 if ``rescale``.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite matrices of equally many rows, if all points in ``X``
            coincide, or if ``chunk_size`` is not positive.

    Source:
        Kruskal (1964), Multidimensional scaling by optimizing goodness of fit to a nonmetric hypothesis,
        Psychometrika 29; on the scale: Smelser, Miller and Kobourov (2024), "Normalized stress" is not
        normalized: how to interpret stress correctly.

    Example:
        >>> X = [[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]
        >>> stress(X, [[0.0], [5.0], [10.0]])
        0.0
        >>> stress(X, [[0.0], [10.0], [20.0]]), stress(X, [[0.0], [10.0], [20.0]], rescale=True)
        (1.0, 0.0)
    """
    points, embedded = as_pair(X, embedding)
    if bool((points == points[0]).all()):
        raise ValueError(
            f"X must hold distances to compare with, got {len(points)} points at one place. "
            "Pass points that differ."
        )
    factor = _best_factor(points, embedded, chunk_size) if rescale else 1.0
    residual, total = points.new_zeros(()), points.new_zeros(())
    for (_, near), (_, shown) in zip(
        distance_blocks(points, chunk_size=chunk_size),
        distance_blocks(embedded, chunk_size=chunk_size),
        strict=True,
    ):
        residual += (near - factor * shown).square().sum()
        total += near.square().sum()
    return float((residual / total).sqrt())


def _best_factor(points: torch.Tensor, embedded: torch.Tensor, chunk_size: int | None) -> float:
    """Returns the factor of least squares, ``Σ d_X d_embedding / Σ d_embedding²``."""
    product, square = points.new_zeros(()), points.new_zeros(())
    for (_, near), (_, shown) in zip(
        distance_blocks(points, chunk_size=chunk_size),
        distance_blocks(embedded, chunk_size=chunk_size),
        strict=True,
    ):
        product += (near * shown).sum()
        square += shown.square().sum()
    # where all embedded points coincide, no factor changes anything
    return float(product / square) if square > 0 else 0.0
