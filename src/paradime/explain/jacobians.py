"""The derivative of the map: where it stretches, squeezes and tears the data."""

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
        X: Rows, shape (m, …), as those of the training.

    Returns:
        Shape (m, out_dim, n_features), in the precision of the model: how far the place moves along each axis when
        a feature grows by 1.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is no array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> found = jacobian(linear, np.ones((4, 3)))
        >>> np.array_equal(found[0], linear.weight.detach().numpy())
        True
    """
    rows = as_rows(X, routine=routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    return as_numpy(torch.cat([part.cpu() for part in _jacobians(embedder, rows)]))


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How the map treats a small neighbourhood of each row: it turns a small ball into an ellipse.

    All lengths are units of the embedding for a unit of ``scale`` in the data.

    Attributes:
        singular_values: Half axes of the ellipse, largest first, shape (m, min(out_dim, n_features)).
        scale: What counts as 1 in each feature, shape (n_features,).
    """

    singular_values: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def stretch(self) -> NDArray[np.float64]:
        """The largest stretch of any direction, shape (m,). Where it is large, the map pulls like rows apart."""
        return self.singular_values[:, 0]

    @property
    def squeeze(self) -> NDArray[np.float64]:
        """The smallest half axis, shape (m,). Where it is near 0, the map has fewer dimensions than it could."""
        return self.singular_values[:, -1]

    @property
    def area(self) -> NDArray[np.float64]:
        """The product of the half axes, shape (m,): by how much areas grow, or volumes in three dimensions."""
        product: NDArray[np.float64] = np.prod(self.singular_values, axis=1)
        return product

    @property
    def relative_area(self) -> NDArray[np.float64]:
        """The area divided by its median over the rows, shape (m,): above 1, rows are spread more than usual."""
        median = float(np.median(self.area))
        return self.area / median if median > 0 else self.area

    @property
    def anisotropy(self) -> NDArray[np.float64]:
        """How flat the ellipse is, in [0, 1], shape (m,): 0 is a circle, 1 a line or a point."""
        stretch = self.stretch
        return 1 - np.divide(self.squeeze, stretch, out=np.zeros_like(stretch), where=stretch > 0)


@recording_gradients()
def distortion(routine: Any, X: Any, *, scale: Any = "std", reference: Any = None) -> Distortion:
    """Measures how the map stretches and squeezes the surroundings of each row.

    The singular values of the Jacobian, with each feature measured in units of ``scale``. With standard
    deviations, the default, the result does not depend on the units of the features, and features that do not
    vary do not count. Directions in which no data lie count like others.

    Args:
        routine: A trained routine, or a torch module that embeds rows.
        X: Rows, shape (m, …).
        scale: ``"std"``, ``"none"`` where features are comparable as they are, such as pixels, or what counts as 1
            in each feature, shape (n_features,).
        reference: Rows whose standard deviations to take, shape (n, …), such as the training data; ``X`` if
            ``None``.

    Returns:
        A :class:`Distortion`.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is no array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite, or ``scale`` does not fit.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> _ = linear.weight.data.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]]))
        >>> found = distortion(linear, np.eye(3), scale="none")
        >>> found.stretch.round(3), found.squeeze.round(3), found.area.round(3)
        (array([3., 3., 3.]), array([0.5, 0.5, 0.5]), array([1.5, 1.5, 1.5]))
    """
    rows = as_rows(X, routine=routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    measured = rows if reference is None else as_rows(reference, name="reference", routine=routine)
    if measured.shape[1:] != rows.shape[1:]:
        raise ValueError(
            f"reference must have rows of shape {tuple(rows.shape[1:])}, got {tuple(measured.shape[1:])}. "
            "Pass rows such as those of the training."
        )
    lengths = feature_scale(scale, measured, constant="zero")
    n_values = min(embedder.out_dim, len(lengths))
    parts = []
    for part in _jacobians(embedder, rows):
        scaled = part.cpu().to(torch.float64) * lengths
        # a few rows of many columns: their products have the same singular values, squared
        squares = torch.linalg.eigvalsh(scaled @ scaled.mT)
        parts.append(squares.clamp(min=0).sqrt().flip(1)[:, :n_values])
    return Distortion(as_numpy(torch.cat(parts)), as_numpy(lengths))


def _jacobians(embedder: Embedder, rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yields Jacobians of some rows, shape (b, out_dim, n_features).

    Rows do not see each other in evaluation mode, so that the gradient of a sum over a batch is the gradient of
    each row: one way back an axis, whatever the model is made of.
    """
    with embedder.evaluating():
        for chunk in embedder.chunks(rows):
            chunk = chunk.detach().requires_grad_()
            places = embedder(chunk)
            parts = [
                torch.autograd.grad(places[:, axis].sum(), chunk, retain_graph=True, allow_unused=True)[0]
                for axis in range(embedder.out_dim)
            ]
            found = [torch.zeros_like(chunk) if part is None else part for part in parts]
            yield torch.stack([part.flatten(1) for part in found], dim=1).detach()
