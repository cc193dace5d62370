"""The base class of relation transforms, the identity, and transforms by a user's function."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from paradime.relationdata import RelationData, relation_factory

__all__ = ["Functional", "Identity", "RelationTransform"]


class RelationTransform:
    """Transforms relations. Subclass it and write :meth:`transform`.

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
            reldata: Relations in any layout. Assigning its ``data``, or changing them in place, has no effect on
                the caller's relations.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no transform(). Write it: it takes and returns RelationData."
        )

    def neighbors_wanted(self) -> int | None:
        """Returns the number of neighbours to search for this transform, or ``None`` if any number suffices."""
        return None

    def neighbors_needed(self) -> int | None:
        """Returns the smallest number of neighbours without a warning."""
        return self.neighbors_wanted()

    def of_share(self, share: float) -> tuple[RelationTransform, float]:
        """Returns the transform for a part of each point's neighbours, and by what the result is to be multiplied.

        Args:
            share: The share of the neighbours that the part is of, in (0, 1].
        """
        return self, 1.0

    def check_points(self, n_points: int) -> None:
        """Raises a ValueError if the settings are impossible for a number of points; called before the search."""

    def __call__(self, reldata: Any) -> RelationData:
        """Transforms relations, or data that ``relation_factory`` takes."""
        # borrowed, so that a transform that changes reldata.data does not change the caller's container or arrays
        return relation_factory(self.transform(relation_factory(reldata).borrowed()))

    def __repr__(self) -> str:
        # users' transforms are plain classes, whose attributes are their settings
        shown = (f"{k}={v!r}" for k, v in vars(self).items() if isinstance(v, (bool, int, float, str)))
        return f"{type(self).__name__}({', '.join(shown)})"


class Identity(RelationTransform):
    """Returns relations unchanged."""

    def transform(self, reldata: RelationData) -> RelationData:
        return reldata


class Functional(RelationTransform):
    """Applies a function to relations, or to their data.

    Args:
        f: With ``in_place``, takes the ``data`` of the relations (NumPy array, tensor, CSR matrix, or pair of
            neighbour indices and values) and returns the new data. Otherwise takes the relations themselves
            (``RelationData``) and returns others, or data of any layout. Its argument is a copy, which it may
            change in place and return nothing.
        in_place: Whether the result has the layout of the input. Otherwise the layout is that of the result, or
            chosen from its shape.
        check_valid: Whether to check that the result has the same number of points, with ``in_place``.

    Raises:
        ValueError: If no layout has the shape of the result, or a checked result has another number of points.

    Example:
        >>> import numpy as np
        >>> Functional(np.sqrt)([1.0, 4.0, 9.0]).data
        array([1., 2., 3.])
        >>> Functional(lambda reldata: reldata.to_square_array(), in_place=False)([1.0, 4.0, 9.0]).data
        array([[0., 1., 4.],
               [1., 0., 9.],
               [4., 9., 0.]])
    """

    def __init__(self, f: Callable[[Any], Any], in_place: bool = True, check_valid: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"f must be a function of relations, got {type(f).__name__}. Pass a callable.")
        self.f = f
        self.in_place = in_place
        self.check_valid = check_valid

    def transform(self, reldata: RelationData) -> RelationData:
        # borrowed relations copy their data on access, so that the function may change them
        argument = reldata.data if self.in_place else reldata
        result = self.f(argument)
        result = argument if result is None else result
        if not self.in_place:
            return relation_factory(result)
        transformed = copy.copy(reldata)
        transformed.data = result
        if self.check_valid and transformed.n_points != reldata.n_points:
            raise ValueError(
                f"the function of a Functional transform must keep the number of points, {reldata.n_points}, "
                f"got data of {transformed.n_points}. Use in_place=False for another layout."
            )
        return transformed
