"""Correlation coefficients, 0 for constant input, and the alignment of axes and directions with attributes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.metrics._chunks import as_points
from paradime.metrics._comparison import check_columns, check_together
from paradime.types import TensorLike
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.frames import feature_names

__all__ = [
    "KINDS",
    "Alignment",
    "axis_alignment",
    "axis_correlation",
    "check_kind",
    "pearson",
    "ranks",
    "spearman",
    "standardized",
]


def axis_correlation(embedding: TensorLike, values: TensorLike) -> NDArray[np.float64]:
    """Computes the absolute Pearson correlation of every axis of the embedding with an attribute.

    Args:
        embedding: Embedded points, shape (n, out_dim).
        values: The attribute of each point, shape (n,), not constant.

    Returns:
        One correlation per axis, in [0, 1], shape (out_dim,); 0 for a constant axis.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If ``embedding`` is not a finite matrix; if ``values`` are not flat and finite, have another
            length, or are all equal.

    Example:
        >>> axis_correlation([[0.0, 1.0], [1.0, -1.0], [2.0, 1.0]], [5.0, 4.0, 3.0])
        array([1., 0.])
    """
    axes = as_points(embedding, name="embedding")
    attribute = as_tensor(values)
    if attribute.shape != axes.shape[:1]:
        raise ValueError(
            f"values must have shape ({len(axes)},), one value per point, got {tuple(attribute.shape)}. "
            "Select one column, as in X[:, 0]."
        )
    attribute = as_points(attribute[:, None], name="values", device=axes.device)
    if bool((attribute == attribute[0]).all()):
        raise ValueError(
            f"values must differ for a correlation, got {attribute[0].item():g} for all {len(attribute)} "
            "points. Choose an attribute that varies."
        )
    correlations = (standardized(axes) * standardized(attribute)).sum(dim=0)
    # rounding may leave the range by a unit in the last place
    return correlations.abs().clamp(max=1).cpu().numpy()


KINDS = ("pearson", "spearman")


def check_kind(kind: Any) -> None:
    """Raises an error for an unknown kind of correlation."""
    if kind not in KINDS:
        raise ValueError(f"kind must be 'pearson' or 'spearman', got {kind!r}. 'spearman' compares ranks.")


def standardized(columns: torch.Tensor) -> torch.Tensor:
    """Centres columns and scales them to norm 1; constant columns become 0.

    Args:
        columns: Shape (n, dim), float64.

    Example:
        >>> standardized(torch.tensor([[1.0, 2.0], [3.0, 2.0]])).tolist()
        [[-0.7071067690849304, 0.0], [0.7071067690849304, 0.0]]
    """
    low, high = columns.aminmax(dim=0)
    centered = columns - columns.mean(dim=0)
    # scaled to 1 before squaring, because the squares of tiny numbers underflow
    centered = centered / centered.abs().amax(dim=0)
    # the mean of equal numbers is rounded, so that a constant column may be noise or 0 / 0 after centring
    return torch.where(low != high, centered / centered.norm(dim=0), 0.0)


def pearson(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Pearson's correlation of two vectors, shape (n,); 0 if either is constant.

    Example:
        >>> round(pearson(torch.tensor([1.0, 2.0]).double(), torch.tensor([5.0, 3.0]).double()), 9)
        -1.0
    """
    # rounding may leave the range by a few units in the last place
    return float((standardized(a[:, None]) * standardized(b[:, None])).sum().clamp(-1, 1))


def spearman(a: torch.Tensor, b: torch.Tensor) -> float:
    """Returns Spearman's correlation of two vectors, shape (n,); 0 if either is constant."""
    return pearson(ranks(a), ranks(b))


def ranks(values: torch.Tensor) -> torch.Tensor:
    """Returns the ranks of numbers, from 1, shape (n,); equal numbers get the mean of their ranks.

    Example:
        >>> ranks(torch.tensor([5.0, 3.0, 5.0]))
        tensor([2.5000, 1.0000, 2.5000], dtype=torch.float64)
    """
    _, indices, counts = torch.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).to(torch.float64)
    means: torch.Tensor = last - (counts - 1) / 2
    return means[indices]


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Alignment of an embedding with attributes of its points.

    Attributes:
        names: Names of the attributes.
        correlations: Signed correlation of each attribute with each axis, in [-1, 1], shape
            (n_attributes, out_dim); 0 where either is constant.
        strength: Correlation of each attribute with its least-squares prediction from the embedding, in [0, 1],
            shape (n_attributes,). For held-out rows the prediction is fitted to the other rows, and the
            correlation may be negative.
        directions: Unit vectors in the embedding along which attributes grow, shape (n_attributes, out_dim);
            zeros if there is no such direction.
    """

    names: list[str]
    correlations: NDArray[np.float64]
    strength: NDArray[np.float64]
    directions: NDArray[np.float64]


def axis_alignment(
    embedding: TensorLike,
    attributes: TensorLike,
    *,
    kind: Literal["pearson", "spearman"] = "pearson",
    test_embedding: TensorLike | None = None,
    test_attributes: TensorLike | None = None,
    names: Sequence[str] | None = None,
) -> Alignment:
    """Measures the alignment of axes and directions of an embedding with attributes.

    The axes of t-SNE and UMAP have no meaning, so that an attribute may grow along a diagonal: ``strength`` and
    ``directions`` describe this. Axes that were guided should correlate with their attribute: ``correlations``
    describe this.

    Args:
        embedding: Embedded points, shape (n, out_dim), n at least 2.
        attributes: One column per attribute, shape (n, n_attributes), or one attribute, shape (n,).
        kind: ``"pearson"``, or ``"spearman"`` to compare ranks, of axes and attributes.
        test_embedding: Embedded held-out rows, shape (m, out_dim). If given, correlations are computed for these
            rows, and directions are fitted to the others.
        test_attributes: Their attributes, shape (m, n_attributes) or (m,).
        names: Names of the attributes; by default those of a data frame's columns, else ``"x0"``, ``"x1"``, ….

    Returns:
        An :class:`Alignment`.

    Raises:
        TypeError: If the inputs are not real numbers.
        ValueError: If the inputs are not finite, or lengths differ.

    Example:
        >>> result = axis_alignment([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 2.0])
        >>> result.correlations.round(3), result.strength.round(3), result.directions.round(3)
        (array([[0.707, 0.707]]), array([1.]), array([[0.707, 0.707]]))
    """
    check_kind(kind)
    check_together(test_embedding=test_embedding, test_attributes=test_attributes)
    axes, columns = _as_columns(embedding, attributes, prefix="", device=None)
    attribute_names = (
        [str(name) for name in names]
        if names is not None
        else feature_names(attributes, row_shape=columns.shape[1:])
    )
    if len(attribute_names) != columns.shape[1]:
        raise ValueError(
            f"names must have one name per attribute, got {len(attribute_names)} for {columns.shape[1]} "
            "attributes. Omit them to have them chosen."
        )
    train = (axes, columns)
    test = train
    if test_embedding is not None:
        test = _as_columns(test_embedding, test_attributes, prefix="test_", device=axes.device)
        check_columns("embedding", axes, "test_embedding", test[0])
        check_columns("attributes", columns, "test_attributes", test[1])
    if kind == "spearman":
        train, test = ((_ranked(a), _ranked(b)) for a, b in (train, test))
    slopes = torch.linalg.pinv(train[0] - train[0].mean(dim=0)) @ standardized(train[1])
    values = standardized(test[1])
    correlations = (values.T @ standardized(test[0])).clamp(-1, 1)
    strength = (standardized(test[0] @ slopes) * values).sum(dim=0).clamp(-1, 1)
    directions = torch.nn.functional.normalize(slopes.T, dim=1, eps=torch.finfo(torch.float64).tiny)
    return Alignment(attribute_names, as_numpy(correlations), as_numpy(strength), as_numpy(directions))


def _as_columns(
    embedding: Any, attributes: Any, *, prefix: str, device: torch.device | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Checks embedded points and their attributes; one attribute becomes a column."""
    axes = as_points(embedding, name=f"{prefix}embedding", device=device)
    values = as_tensor(attributes)
    columns = as_points(
        values[:, None] if values.ndim == 1 else values, name=f"{prefix}attributes", device=axes.device
    )
    if len(axes) != len(columns):
        raise ValueError(
            f"{prefix}embedding and {prefix}attributes must have the same number of rows, got {len(axes)} and "
            f"{len(columns)}. Pass the attributes of the same points in the same order."
        )
    return axes, columns


def _ranked(columns: torch.Tensor) -> torch.Tensor:
    return torch.stack([ranks(column) for column in columns.T], dim=1)
