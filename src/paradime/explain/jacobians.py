"""The Jacobian of the embedding: local stretch, compression and distortion."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.explain._embedder import Embedder, embedder_of
from paradime.explain._rows import as_rows, feature_scale, first_of
from paradime.types import FloatArray
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import as_numpy

__all__ = ["Distortion", "distortion", "jacobian"]


@recording_gradients()
def jacobian(routine: Any, X: Any) -> FloatArray:
    """Computes the derivative of the embedding with respect to the features, at each row.

    Args:
        routine: A trained routine, or a torch module that embeds rows.
        X: Rows, shape (m, …), like the training rows.

    Returns:
        Shape (m, out_dim, n_features), in the precision of the model: the derivative of each coordinate with
        respect to each feature.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is not an array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> derivatives = jacobian(linear, np.ones((4, 3)))
        >>> np.array_equal(derivatives[0], linear.weight.detach().numpy())
        True
    """
    rows = as_rows(X, routine=routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    return as_numpy(torch.cat([chunk.cpu() for chunk in _jacobians(embedder, rows)]))


@dataclasses.dataclass(frozen=True)
class Distortion:
    """The local distortion at each row: the embedding maps a small ball to an ellipse.

    Lengths are in units of the embedding per unit of ``scale`` in the data.

    Attributes:
        singular_values: Half axes of the ellipse in descending order, shape (m, min(out_dim, n_features)).
        scale: The unit of each feature, shape (n_features,).
    """

    singular_values: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def stretch(self) -> NDArray[np.float64]:
        """The largest stretch of any direction, shape (m,). If it is large, similar rows are separated."""
        return self.singular_values[:, 0]

    @property
    def squeeze(self) -> NDArray[np.float64]:
        """The smallest half axis, shape (m,). If it is near 0, the embedding locally loses a dimension."""
        return self.singular_values[:, -1]

    @property
    def area(self) -> NDArray[np.float64]:
        """The product of the half axes, shape (m,): the growth of areas, or of volumes in three dimensions."""
        product: NDArray[np.float64] = np.prod(self.singular_values, axis=1)
        return product

    @property
    def relative_area(self) -> NDArray[np.float64]:
        """The area divided by its median over the rows, shape (m,): above 1, rows are spread more than usual."""
        median = float(np.median(self.area))
        return self.area / median if median > 0 else self.area

    @property
    def anisotropy(self) -> NDArray[np.float64]:
        """The flatness of the ellipse, in [0, 1], shape (m,): 0 is a circle, 1 a line or a point."""
        stretch = self.stretch
        return 1 - np.divide(self.squeeze, stretch, out=np.zeros_like(stretch), where=stretch > 0)


@recording_gradients()
def distortion(routine: Any, X: Any, *, scale: Any = "std", reference: Any = None) -> Distortion:
    """Measures how the embedding stretches and compresses the neighbourhood of each row.

    Computes the singular values of the Jacobian, with each feature in units of ``scale``. With standard
    deviations, the default, the result does not depend on the units of the features, and constant features are
    ignored. Directions without data count like all others.

    Args:
        routine: A trained routine, or a torch module that embeds rows.
        X: Rows, shape (m, …).
        scale: ``"std"``, ``"none"`` for features with a common unit, such as pixels, or the unit of each feature,
            shape (n_features,).
        reference: Rows for the standard deviations, shape (n, …), such as the training data; by default ``X``.

    Returns:
        A :class:`Distortion`.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is not an array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite, or ``scale`` does not fit.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> _ = linear.weight.data.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]]))
        >>> shape = distortion(linear, np.eye(3), scale="none")
        >>> shape.stretch.round(3), shape.squeeze.round(3), shape.area.round(3)
        (array([3., 3., 3.]), array([0.5, 0.5, 0.5]), array([1.5, 1.5, 1.5]))
    """
    rows = as_rows(X, routine=routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    measured = rows if reference is None else as_rows(reference, name="reference", routine=routine)
    if measured.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"reference must have rows of shape {tuple(rows.shape[1:])}, got {tuple(measured.shape[1:])}. "
            "Pass rows like the training rows."
        )
    lengths = feature_scale(scale, measured, constant="zero")
    n_values = min(embedder.out_dim, len(lengths))
    values = []
    for chunk in _jacobians(embedder, rows):
        scaled = chunk.cpu().to(torch.float64) * lengths
        # the small matrix J Jᵀ has the squared singular values of J as eigenvalues
        squares = torch.linalg.eigvalsh(scaled @ scaled.mT)
        values.append(squares.clamp(min=0).sqrt().flip(1)[:, :n_values])
    return Distortion(as_numpy(torch.cat(values)), as_numpy(lengths))


def _jacobians(embedder: Embedder, rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yields Jacobians of chunks of rows, shape (b, out_dim, n_features).

    In evaluation mode, rows are independent: the gradient of the sum over a batch contains the gradient of each
    row, so that one backward pass per axis is enough.
    """
    with embedder.evaluating():
        for chunk in embedder.chunks(rows):
            chunk = chunk.detach().requires_grad_()
            Y = embedder(chunk)
            gradients = [
                torch.autograd.grad(Y[:, axis].sum(), chunk, retain_graph=True, materialize_grads=True)[0]
                for axis in range(embedder.out_dim)
            ]
            yield torch.stack([gradient.flatten(1) for gradient in gradients], dim=1).detach()
