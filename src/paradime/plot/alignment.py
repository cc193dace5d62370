"""Alignment of embeddings by rotation, reflection and scaling, for visual comparison."""

from __future__ import annotations

import numpy as np

from paradime.types import FloatArray, TensorLike
from paradime.utils.convert import as_tensor, to_numpy

__all__ = ["align"]


def align(Y: TensorLike, reference: TensorLike, *, scale: bool = True, reflect: bool = True) -> FloatArray:
    """Translates, rotates, reflects and scales an embedding to match another as closely as possible.

    The result minimises the sum of squared distances between equal rows (Procrustes analysis). Proportions of
    distances within the embedding do not change.

    Args:
        Y: Positions, shape (n, d).
        reference: The positions of the same points in the other embedding, shape (n, d).
        scale: Whether the embedding is scaled.
        reflect: Whether reflection is allowed.

    Returns:
        Shape (n, d), float64.

    Raises:
        TypeError: If positions are not numbers.
        ValueError: If shapes differ, or positions are not finite.

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966; Gower, "Generalized
        Procrustes analysis", 1975.

    Example:
        >>> Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        >>> rotated = 3 * Y @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 5
        >>> bool(np.allclose(align(rotated, Y), Y))
        True
    """
    moving, fixed = _checked(Y, "Y"), _checked(reference, "reference")
    if moving.shape != fixed.shape:
        raise ValueError(
            f"Y and reference must hold the same points, got shapes {moving.shape} and {fixed.shape}. "
            "Select the same rows of both."
        )
    if not len(moving):
        return moving
    center = fixed.mean(axis=0)
    moving, fixed = moving - moving.mean(axis=0), fixed - center
    # scale to numbers around 1, so that products neither overflow nor underflow
    size, fixed_size = (float(np.abs(points).max()) for points in (moving, fixed))
    if size == 0 or fixed_size == 0:
        return np.asarray(moving + center)
    unit, target = moving / size, fixed / fixed_size
    left, strengths, right = np.linalg.svd(unit.T @ target)
    if not reflect and np.linalg.det(left @ right) < 0:
        left[:, -1] *= -1
        strengths[-1] *= -1
    factor = fixed_size * strengths.sum() / (unit**2).sum() if scale else size
    return np.asarray(factor * (unit @ left @ right) + center)


def _checked(Y: TensorLike, name: str) -> FloatArray:
    points: FloatArray = to_numpy(as_tensor(Y).detach().cpu().double())
    if points.ndim != 2:
        raise ValueError(f"{name} must have shape (n, d), got {points.shape}.")
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise ValueError(f"{name} must be finite, got NaN or infinity, first in row {int(bad.argmax())}.")
    return points
