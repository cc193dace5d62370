"""Local properties of an embedding: its derivative, its distortion, and errors of neighbourhoods."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.explain._embedder import Embedder, embedder_of
from paradime.explain._rows import as_rows, feature_scale, first_of
from paradime.metrics._comparison import as_comparison
from paradime.metrics.overlap import preserved_at
from paradime.metrics.ranks import check_half, exchanged, rank_excess_at, worst_excess
from paradime.types import FloatArray, TensorLike
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import as_numpy, as_tensor

__all__ = ["Distortion", "NeighborhoodError", "distortion", "jacobian", "neighborhood_error"]


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


@dataclasses.dataclass(frozen=True)
class NeighborhoodError:
    """Errors of the neighbourhood of each point.

    Attributes:
        preserved: Share of neighbours preserved: of the k neighbours in the data, those that are neighbours in the
            embedding, in [0, 1], shape (m,).
        false: Excess of the distance ranks in the data of the neighbours in the embedding, in [0, 1], shape (m,):
            0 if none is false. The mean is 1 - trustworthiness.
        missing: Excess of the distance ranks in the embedding of the neighbours in the data, in [0, 1], shape
            (m,): 0 if none is missing. The mean is 1 - continuity.
    """

    preserved: NDArray[np.float64]
    false: NDArray[np.float64]
    missing: NDArray[np.float64]


def neighborhood_error(
    X: TensorLike,
    embedding: TensorLike,
    *,
    n_neighbors: int = 15,
    test_X: TensorLike | None = None,
    test_embedding: TensorLike | None = None,
    chunk_size: int | None = None,
) -> NeighborhoodError:
    """Measures for each point how its neighbours in the embedding differ from those in the data.

    Args:
        X: Data, shape (n, …); rows with several axes are flattened.
        embedding: Embedding of the same points, shape (n, out_dim).
        n_neighbors: Size k of the neighbourhoods, in [1, n / 2).
        test_X: Held-out rows, shape (m, …), to measure instead, among the rows of ``X``.
        test_embedding: Their embedding, shape (m, out_dim).
        chunk_size: Rows to compute at a time; by default chosen for blocks of moderate size.

    Returns:
        A :class:`NeighborhoodError` of all points, or of the held-out rows.

    Raises:
        TypeError: If the inputs are not real numbers, or ``n_neighbors`` is not an integer.
        ValueError: If the inputs are not finite or differ in length, or a number is out of range.

    Source:
        Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods, ICANN, for the ranks.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(50, 3))
        >>> errors = neighborhood_error(X, X[:, :2], n_neighbors=5)
        >>> errors.preserved.shape, bool((errors.false > 0).any())
        ((50,), True)
    """
    compared = as_comparison(_flat(X), embedding, test_X=_flat(test_X), test_embedding=test_embedding)
    k = check_half(n_neighbors, compared)
    worst = worst_excess(k, compared.n_others)
    excess = rank_excess_at(k)
    preserved, false, missing = compared.row_values(
        preserved_at([k]), excess, exchanged(excess), chunk_size=chunk_size
    )
    return NeighborhoodError(as_numpy(preserved[:, 0]) / k, as_numpy(false) / worst, as_numpy(missing) / worst)


def _flat(X: Any) -> Any:
    """Flattens rows with several axes."""
    if X is None:
        return None
    tensor = as_tensor(X)
    return tensor.flatten(1) if tensor.ndim > 2 else tensor
