"""The contract of all relation containers, the table of them, and one entry for all layouts."""

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

    A container knows the maths of its layout through a few primitives; everything else (transforms,
    conversions, losses) is written in terms of these. No method changes the container or what it was made
    of. Entries that are not stored count as zero, and elementwise maps touch stored entries only.
    """

    layout: ClassVar[str]
    """The layout in words, for messages."""

    known_symmetric: bool = False
    """Whether the full matrix is known to be symmetric; ``False`` says nothing."""

    # -- primitives -----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def data(self) -> Any:
        """What is stored: NumPy for an ``Array``, torch for a ``Tensor``, a ``csr_matrix`` for ``Sparse``."""

    @data.setter
    @abstractmethod
    def data(self, data: Any) -> None:
        """Binds other data of the same layout to this object; what was bound before stays as it is."""

    @property
    @abstractmethod
    def n_points(self) -> int:
        """Number of points n."""

    @property
    @abstractmethod
    def values(self) -> torch.Tensor:
        """The stored entries as a tensor, in any shape; memory is shared with the container."""

    @abstractmethod
    def with_values(self, values: torch.Tensor) -> RelationData:
        """Returns the same layout with other values of the shape of :attr:`values`."""

    @abstractmethod
    def total(self) -> torch.Tensor:
        """Sum over the full n × n matrix, a scalar."""

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
                k = n − 1 others. Infinite entries fill up rows that store fewer than k. What it takes is a copy,
                which it may change in place.

        Returns:
            The relations to the others: sparse ones in the same layout, all others as neighbours.
        """

    @abstractmethod
    def without_diagonal(self) -> RelationData:
        """Returns relations in which every point's relation to itself is zero."""

    @abstractmethod
    def to_square(self) -> torch.Tensor:
        """Returns the full matrix as a dense tensor, shape (n, n)."""

    @abstractmethod
    def sub(self, indices: torch.Tensor | AnyArray | list[int]) -> torch.Tensor:
        """Returns the block of the matrix at some points.

        Args:
            indices: Which points, shape (b,), without repetition.

        Returns:
            A dense tensor of shape (b, b). Only the rows asked for are read.
        """

    @abstractmethod
    def edges(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns rows, columns and values of all stored entries that are not zero, each of shape (m,)."""

    @abstractmethod
    def _copy_storage(self) -> None:
        """Replaces the storage of this object by a copy of its own, and forgets what was derived from it."""

    # -- derived --------------------------------------------------------------------------------------

    _borrowed = False

    def borrowed(self) -> Self:
        """Returns the same relations for somebody who may change ``data``, which are copied when asked for."""
        made = copy.copy(self)
        made._borrowed = True
        return made

    def detached(self) -> RelationData:
        """Returns the same relations without an autograd graph, if there is one."""
        values = self.values
        return self.with_values(values.detach()) if values.requires_grad else self

    def _take_storage(self) -> None:
        """Called by ``data``: what is handed out of borrowed relations may be changed in place."""
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
        """Returns the relations of some pairs.

        Args:
            rows: First points, shape (m,), int64.
            cols: Second points, shape (m,), each another than the first.

        Returns:
            Shape (m,); gradients flow through where they do through :attr:`values`.
        """
        return self.to_square()[rows, cols]

    def sub_pairs(
        self, indices: torch.Tensor | AnyArray | list[int]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Returns what the block at some points stores, if the layout makes that cheaper than the block.

        Args:
            indices: Which points, shape (b,), without repetition.

        Returns:
            Rows and columns in [0, b) and values, each of shape (m,): once each unordered pair whose relation is
            not zero. ``None`` if the relations are not known to be symmetric with a zero diagonal, or not sparse.
        """
        return None

    def sub_pairs_of(
        self, batches: Sequence[torch.Tensor]
    ) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None:
        """Returns :meth:`sub_pairs` of several disjoint sets of points, where all at once cost less.

        Args:
            batches: At least one set of points, each of shape (b,).
        """
        return None

    def normalized(self) -> RelationData:
        """Returns relations whose full matrix sums to 1; all zeros stay zero."""
        total = self.total()
        return self.map(lambda values: values / torch.where(total == 0, 1, total))

    def to_flat_array(self) -> RelationData:
        """Returns the values one after another, as NumPy array of shape (m,)."""
        return self._converted("flat array")

    def to_flat_tensor(self) -> RelationData:
        """Returns the values one after another, as tensor of shape (m,)."""
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

        Shorter rows are filled up with the point itself at value 0.
        """
        return self._converted("neighbor tuple")

    def to_sparse_array(self) -> RelationData:
        """Returns the entries that are not zero, as SciPy CSR matrix of shape (n, n)."""
        return self._converted("sparse array")

    def _converted(self, name: str) -> RelationData:
        made: RelationData = container(name)._from(self)
        return made

    def _condensed(self) -> torch.Tensor:
        square = self.to_square()
        if not torch.allclose(square, square.T, rtol=1e-4, atol=1e-6 * float(square.detach().abs().max())):
            raise UnsupportedConfigurationError(
                "only symmetric relations have a triangular layout, and these differ from their transpose. "
                "Apply Symmetrize() first."
            )
        return square_to_condensed(square)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_points={self.n_points}, stored={self.values.numel()})"


_CONTAINERS: dict[str, Any] = {}
_Container = TypeVar("_Container", bound=type[RelationData])


def register_container(name: str) -> Callable[[_Container], _Container]:
    """Enters a class into the table by which containers convert to each other.

    Such a class has two constructors beside its own: ``_of`` takes its storage, without checks or a copy, and
    ``_from`` relations in any layout, of which it reads the primitive that suits its own layout best.

    Args:
        name: The layout and what shows it, such as ``"square array"``.
    """

    def enter(kind: _Container) -> _Container:
        _CONTAINERS[name] = kind
        return kind

    return enter


def container(name: str) -> Any:
    """Returns the class that was entered under a name."""
    return _CONTAINERS[name]


def relation_factory(relations: Any, force_flat: bool = False) -> RelationData:
    """Puts relations into the container that fits their shape and kind.

    Args:
        relations: One of: a container, which is returned as it is; a pair (indices, values) of neighbours,
            each (n, k); a SciPy sparse matrix (n, n); an array or tensor of shape (n, n), (n(n − 1)/2,),
            or (m,).
        force_flat: Whether one-dimensional input is a plain list even if its length would fit a triangle.

    Returns:
        The container: an ``Array`` for NumPy arrays and lists, a ``Tensor`` for tensors.

    Raises:
        ValueError: If no layout fits.

    Example:
        >>> relation_factory(torch.ones(3))
        TriangularRelationTensor(n_points=3, stored=3)
        >>> relation_factory(torch.ones(3), force_flat=True)
        FlatRelationTensor(stored=3)
    """
    if isinstance(relations, RelationData):
        return relations
    name, storage = _layout_of(relations, force_flat)
    made: RelationData = container(name)(storage)
    return made


def _layout_of(relations: Any, force_flat: bool) -> tuple[str, Any]:
    """Returns the name of the container that fits, and what it takes."""
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
        f"neighbours, or a SciPy sparse matrix, got shape {tuple(tensor.shape)}."
    )
