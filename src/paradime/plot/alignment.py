"""Embeddings turned, mirrored and scaled, so that they can be compared by eye."""

from __future__ import annotations

import numpy as np

from paradime.types import FloatArray, TensorLike
from paradime.utils.convert import as_tensor, to_numpy

__all__ = ["align"]


def align(Y: TensorLike, reference: TensorLike, *, scale: bool = True, reflect: bool = True) -> FloatArray:
    """Moves, turns, mirrors and scales an embedding such that it comes as near to another as it can.

    The result minimises the sum of squared distances between equal rows (Procrustes analysis). Distances
    within the embedding keep their proportions.

    Args:
        Y: Positions, shape (n, d).
        reference: Where the same points lie in the other embedding, shape (n, d).
        scale: Whether sizes are made to agree.
        reflect: Whether mirroring is allowed.

    Returns:
        Shape (n, d), float64.

    Raises:
        TypeError: If positions are not numbers.
        ValueError: If shapes differ, or positions are not finite.

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", 1966; Gower, "Generalized
        Procrustes analysis", 1975.

    Example:
        >>> Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
        >>> turned = 3 * Y @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 5
        >>> bool(np.allclose(align(turned, Y), Y))
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
    # numbers around 1, whose products neither overflow nor vanish
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
