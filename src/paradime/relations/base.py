"""The base class of relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from paradime.relationdata import RelationData, relation_factory
from paradime.transforms import RelationTransform

__all__ = ["Relations", "Transform"]

Transform: TypeAlias = RelationTransform | Sequence[RelationTransform]
"""One transform of relations, or several that are applied in order."""


class Relations:
    """Computes relations between points. Subclass it and write :meth:`compute_relations`.

    Args:
        transform: One transform, or several that are applied in order.
        data_key: The entry of the data set or batch from which the relations are computed.

    Raises:
        TypeError: If a transform is not a ``RelationTransform``.

    Example:
        >>> import numpy as np
        >>> class Differences(Relations):
        ...     def compute_relations(self, X=None, **kwargs):
        ...         x = np.asarray(X)[:, 0]
        ...         return self.apply_transforms(np.abs(x[:, None] - x))
        >>> Differences().compute_relations([[1.0], [4.0]]).data
        array([[0., 3.],
               [3., 0.]])
    """

    levels: ClassVar[frozenset[str]] = frozenset({"global", "batch"})
    """Whether the relations can be computed for the whole data set, for a batch, or both."""

    needs: ClassVar[str] = "items"
    """Required content of a batch: ``"items"``, or ``"pairs"``, which edge sampling provides."""

    full_precision: ClassVar[bool] = False
    """Whether global relations get the data in the precision of the user, before conversion to float32."""

    on_cuda: ClassVar[bool] = False
    """Whether global relations are faster on CUDA, and get the data there if the routine uses CUDA."""

    data_key: str = "main"
    transform: Sequence[RelationTransform] = ()
    _relations: RelationData | None = None

    def __init__(
        self,
        transform: RelationTransform | Iterable[RelationTransform] | None = None,
        data_key: str = "main",
    ) -> None:
        if transform is None:
            transform = []
        self.transform = list(transform) if isinstance(transform, Iterable) else [transform]
        for entry in self.transform:
            if not isinstance(entry, RelationTransform):
                raise TypeError(
                    f"a transform must be a RelationTransform, got {type(entry).__name__}. "
                    "Wrap a function as Functional(f)."
                )
        self.data_key = data_key

    def compute_relations(self, X: Any = None, **kwargs: Any) -> RelationData:
        """Computes the relations of points.

        Args:
            X: The points: for global relations the whole entry ``data_key`` of the data set, shape (n, …);
                for batch relations their embedding, shape (b, out_dim).
            **kwargs: Further arguments of subclasses.

        Returns:
            The transformed relations.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no compute_relations(). Write it: it takes points and returns "
            "RelationData."
        )

    def further_entries(self) -> Mapping[str, str]:
        """Returns further entries of the data set that :meth:`compute_relations` takes, by argument."""
        return {}

    def summed_power(self) -> int | None:
        """Returns the power of column differences that are summed in these relations, which depend on units then.

        Returns:
            2 for Euclidean distances, 1 for Manhattan distances, ``None`` for other relations.
        """
        return None

    @property
    def relations(self) -> RelationData:
        """The relations of the last call; a subclass may assign data that ``relation_factory`` takes.

        Raises:
            AttributeError: If none were computed yet.
        """
        if self._relations is None:
            raise AttributeError(
                f"this {type(self).__name__} has computed no relations yet. Call compute_relations(X) first."
            )
        return self._relations

    @relations.setter
    def relations(self, relations: Any) -> None:
        self._relations = None if relations is None else relation_factory(relations)

    def apply_transforms(self, relations: Any) -> RelationData:
        """Applies the transforms in order to relations, or to data that ``relation_factory`` takes.

        The result is stored in :attr:`relations`.
        """
        self._relations = None  # frees the memory of the last result before the next one is computed
        reldata = relation_factory(relations)
        for transform in self.transform:
            reldata = transform(reldata)
        self._relations = reldata
        return reldata

    _transform = apply_transforms  # the name in version 1, which subclasses call

    def __getstate__(self) -> dict[str, Any]:
        # only settings are copied and saved, because results may be large, or part of an autograd graph
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_relations"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(transform={self.transform!r}, data_key={self.data_key!r})"


def require_points(X: Any, kind: str) -> None:
    """Raises a ValueError if no points were given."""
    if X is None:
        raise ValueError(f"{kind} needs points: call compute_relations(X) with X of shape (n, d).")
