"""The contract of relation transforms."""

from __future__ import annotations

from typing import Any

from paradime.relationdata import RelationData, relation_factory

__all__ = ["Identity", "RelationTransform"]


class RelationTransform:
    """Turns relations into other relations. Subclass it and write :meth:`transform`.

    Example:
        >>> class Square(RelationTransform):
        ...     def transform(self, reldata):
        ...         return reldata.map(lambda values: values**2)
        >>> Square()(relation_factory([1.0, 2.0, 3.0])).data
        array([1., 4., 9.])
    """

    def transform(self, reldata: RelationData) -> RelationData:
        """Returns the transformed relations.

        Args:
            reldata: Relations in any layout. Assigning its ``data``, or changing them in place, does not show
                outside.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no transform(). Write it: it takes and returns RelationData."
        )

    def neighbors_wanted(self) -> int | None:
        """Returns how many neighbours this transform needs to work on, or ``None`` if it does not matter."""
        return None

    def neighbors_needed(self) -> int | None:
        """Returns how many of these it cannot do without: a search that finds fewer warns."""
        return self.neighbors_wanted()

    def check_points(self, n_points: int) -> None:
        """Raises ValueError if the settings do not suit a number of points; called before the search."""

    def __call__(self, reldata: Any) -> RelationData:
        """Transforms relations, or data that ``relation_factory`` makes relations of."""
        # borrowed, so that a transform that changes reldata.data does not reach the caller's container or arrays
        return relation_factory(self.transform(relation_factory(reldata).borrowed()))

    def __repr__(self) -> str:
        shown = (f"{k}={v!r}" for k, v in vars(self).items() if isinstance(v, (bool, int, float, str)))
        return f"{type(self).__name__}({', '.join(shown)})"


class Identity(RelationTransform):
    """Leaves relations as they are."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata
