"""The interface of relation containers, their registry, and the factory for all layouts."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import scipy.sparse
import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import points_of_condensed, square_to_condensed
from paradime.types import AnyArray
from paradime.utils.convert import as_tensor

__all__ = ["RelationData", "container", "register_container", "relation_factory"]


class RelationData(ABC):
    """Relations between n points in one layout.

    A container implements a few primitives for its layout, and everything else (transforms, conversions, losses)
    uses these. No method changes the container or the data that it was made of. Entries that are not stored are
    zero, and elementwise maps are applied to stored entries only.
    """

    layout: ClassVar[str]
    """Name of the layout, for messages."""

    known_symmetric: bool = False
    """Whether the full matrix is known to be symmetric; ``False`` means unknown."""

    # -- primitives -----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def data(self) -> Any:
        """The stored data: NumPy for an ``Array``, torch for a ``Tensor``, a ``csr_matrix`` for ``Sparse``."""

    @data.setter
    @abstractmethod
    def data(self, data: Any) -> None:
        """Replaces the data of this object by others of the same layout, without changing the old data."""

    @property
    @abstractmethod
    def n_points(self) -> int:
        """Number of points n."""

    @property
    @abstractmethod
    def values(self) -> torch.Tensor:
        """The stored entries as a tensor of any shape, which shares memory with the container."""

    @abstractmethod
    def with_values(self, values: torch.Tensor) -> RelationData:
        """Returns the same layout with other values of the shape of :attr:`values`."""

    @abstractmethod
    def total(self) -> torch.Tensor:
        """Returns the sum over the full n × n matrix, a scalar."""

    @abstractmethod
    def row_normalized(self) -> RelationData:
        """Returns relations whose rows each sum to 1; rows of zeros stay zero."""

    @abstractmethod
    def symmetrized(self, *, subtract_product: bool = False) -> RelationData:
        """Returns ½(M + Mᵀ), or the fuzzy union M + Mᵀ − M∘Mᵀ."""

    @abstractmethod
    def map_rows(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        """Applies a function to every point's relations to the others, all points at once.

        Args:
            function: Takes and returns a tensor of shape (n, k): the relations to k neighbours, or to all
                k = n − 1 others. Rows that store fewer than k are padded with infinity. The tensor is a copy, and
                may be changed in place.

        Returns:
            The relations to the others, in the sparse layout if this is sparse, else in the neighbour layout.
        """

    @abstractmethod
    def without_diagonal(self) -> RelationData:
        """Returns relations in which every point's relation to itself is zero."""

    @abstractmethod
    def to_square(self) -> torch.Tensor:
        """Returns the full matrix as a dense tensor, shape (n, n)."""

    @abstractmethod
    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        """Returns the block of the matrix at given points.

        Args:
            indices: Indices of the points, shape (b,), distinct.

        Returns:
            A dense tensor of shape (b, b). Only the given rows are read.
        """

    @abstractmethod
    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns rows, columns and values of all stored entries that are not zero, each of shape (m,)."""

    @abstractmethod
    def _copy_storage(self) -> None:
        """Replaces the storage of this object by a copy, and clears derived values."""

    # -- derived --------------------------------------------------------------------------------------

    _borrowed = False

    def borrowed(self) -> Self:
        """Returns the same relations, with ``data`` that are copied on access and may be changed in place."""
        borrowed = copy.copy(self)
        borrowed._borrowed = True
        return borrowed

    def detached(self) -> RelationData:
        """Returns the same relations without an autograd graph, if there is one."""
        values = self.values
        return self.with_values(values.detach()) if values.requires_grad else self

    def _take_storage(self) -> None:
        """Copies the storage of borrowed relations before ``data`` returns it."""
        if self._borrowed:
            self._copy_storage()
            self._borrowed = False

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        """Applies an elementwise function to the stored entries."""
        return self.with_values(function(self.values))

    def map_squares(self, function: Callable[[torch.Tensor], torch.Tensor]) -> RelationData:
        """Applies an elementwise function, with a finite gradient at 0, to the squares of the stored entries."""
        return self.map(lambda values: function(values.square()))

    def at(self, rows: torch.Tensor, cols: torch.Tensor) -> torch.Tensor:
        """Returns the relations of given pairs.

        Args:
            rows: First points, shape (m,), int64.
            cols: Second points, shape (m,), different from the first.

        Returns:
            Shape (m,); differentiable if :attr:`values` are.
        """
        return self.to_square()[rows, cols]

    def sub_pairs(
        self, indices: torch.Tensor | AnyArray | list[int]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Returns the entries of the block at given points, if this is cheaper than the dense block.

        Args:
            indices: Indices of the points, shape (b,), distinct.

        Returns:
            Rows and columns in [0, b) and values, each of shape (m,), with each unordered pair once whose relation
            is not zero; ``None`` if the relations are not sparse, or not known to be symmetric with a zero
            diagonal.
        """
        return None

    def sub_pairs_of(
        self, batches: Sequence[torch.Tensor]
    ) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None:
        """Returns :meth:`sub_pairs` of several disjoint sets of points, if computing all at once is cheaper.

        Args:
            batches: At least one set of points, each of shape (b,).
        """
        return None

    def normalized(self) -> RelationData:
        """Returns relations whose full matrix sums to 1; all zeros stay zero."""
        total = self.total()
        return self.map(lambda values: values / torch.where(total == 0, 1, total))

    def to_flat_array(self) -> RelationData:
        """Returns the values as flat NumPy array of shape (m,)."""
        return self._converted("flat array")

    def to_flat_tensor(self) -> RelationData:
        """Returns the values as flat tensor of shape (m,)."""
        return self._converted("flat tensor")

    def to_square_array(self) -> RelationData:
        """Returns the full matrix as NumPy array of shape (n, n)."""
        return self._converted("square array")

    def to_square_tensor(self) -> RelationData:
        """Returns the full matrix as tensor of shape (n, n)."""
        return self._converted("square tensor")

    def to_triangular_array(self) -> RelationData:
        """Returns each unordered pair once, as NumPy array of shape (n(n − 1)/2,).

        Raises:
            UnsupportedConfigurationError: If the relations are not symmetric.
        """
        return self._converted("triangular array")

    def to_triangular_tensor(self) -> RelationData:
        """Returns each unordered pair once, as tensor of shape (n(n − 1)/2,).

        Raises:
            UnsupportedConfigurationError: If the relations are not symmetric.
        """
        return self._converted("triangular tensor")

    def to_neighbor_tuple(self) -> RelationData:
        """Returns neighbour indices and values, each of shape (n, k) with k the longest row's length.

        Shorter rows are padded with the point itself at value 0.
        """
        return self._converted("neighbor tuple")

    def to_sparse_array(self) -> RelationData:
        """Returns the non-zero entries as SciPy CSR matrix of shape (n, n)."""
        return self._converted("sparse array")

    def _converted(self, name: str) -> RelationData:
        converted: RelationData = container(name)._from(self)
        return converted

    def _condensed(self) -> torch.Tensor:
        square = self.to_square()
        if not torch.allclose(square, square.T, rtol=1e-4, atol=1e-6 * float(square.detach().abs().max())):
            raise UnsupportedConfigurationError(
                "the triangular layout needs symmetric relations, got relations that differ from their transpose. "
                "Apply Symmetrize() first."
            )
        return square_to_condensed(square)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_points={self.n_points}, stored={self.values.numel()})"


_CONTAINERS: dict[str, Any] = {}
_Container = TypeVar("_Container", bound=type[RelationData])


def register_container(name: str) -> Callable[[_Container], _Container]:
    """Registers a container class, for conversions between containers.

    The class has two more constructors: ``_of`` takes its storage, without checks or a copy, and ``_from`` takes
    relations in any layout.

    Args:
        name: The layout and the kind of data, such as ``"square array"``.
    """

    def enter(kind: _Container) -> _Container:
        _CONTAINERS[name] = kind
        return kind

    return enter


def container(name: str) -> Any:
    """Returns the registered class of a name."""
    return _CONTAINERS[name]


def relation_factory(relations: Any, force_flat: bool = False) -> RelationData:
    """Makes the container for relations of any shape and type.

    Args:
        relations: One of: a container, which is returned unchanged; a pair (indices, values) of neighbours,
            each (n, k); a SciPy sparse matrix (n, n); an array or tensor of shape (n, n), (n(n − 1)/2,),
            or (m,).
        force_flat: Whether one-dimensional input is flat even if its length is that of a triangular layout.

    Returns:
        The container: an ``Array`` for NumPy arrays and lists, a ``Tensor`` for tensors.

    Raises:
        ValueError: If no layout has this shape.

    Example:
        >>> relation_factory(torch.ones(3))
        TriangularRelationTensor(n_points=3, stored=3)
        >>> relation_factory(torch.ones(3), force_flat=True)
        FlatRelationTensor(stored=3)
    """
    if isinstance(relations, RelationData):
        return relations
    name, storage = _layout_of(relations, force_flat)
    relation_data: RelationData = container(name)(storage)
    return relation_data


def _layout_of(relations: Any, force_flat: bool) -> tuple[str, Any]:
    """Returns the name of the container for relations, and its storage."""
    if scipy.sparse.issparse(relations):
        return "sparse array", relations
    if isinstance(relations, tuple) and len(relations) == 2:
        return "neighbor tuple", relations
    kind, tensor = "tensor" if isinstance(relations, torch.Tensor) else "array", as_tensor(relations)
    if tensor.ndim == 2:
        return f"square {kind}", tensor
    if tensor.ndim == 1:
        is_flat = force_flat or points_of_condensed(len(tensor)) is None
        return f"{'flat' if is_flat else 'triangular'} {kind}", tensor
    raise ValueError(
        "relations must be a square matrix, a condensed or flat vector, a pair (indices, values) of "
        f"neighbours, or a SciPy sparse matrix, got shape {tuple(tensor.shape)}. Reshape them."
    )
