"""Any function as a transform."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from paradime.relationdata import RelationData, relation_factory
from paradime.transforms.base import RelationTransform

__all__ = ["Functional"]


class Functional(RelationTransform):
    """Applies a function to relations, or to their data.

    Args:
        f: With ``in_place``, takes the ``data`` of the relations (NumPy array, tensor, CSR matrix, or pair of
            neighbour indices and values) and returns the new data. Otherwise takes the relations themselves
            (``RelationData``) and returns others, or data of any layout. It may change what it is given, which is
            a copy, and return nothing.
        in_place: Whether the result keeps the layout of the input. With ``False`` the layout is that of the
            result, or chosen from its shape.
        check_valid: Whether to check the result for the shape of its layout, when ``in_place``; a result
            whose layout is chosen is always checked.

    Raises:
        ValueError: If a result that is checked fits no layout, or another number of points.

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
            raise TypeError(f"f must be a function of relations, got {type(f).__name__}.")
        self.f = f
        self.in_place = in_place
        self.check_valid = check_valid

    def transform(self, reldata: RelationData) -> RelationData:
        # a copy, or what copies its data when asked for them: transforms get borrowed relations
        given = reldata.data if self.in_place else reldata
        result = self.f(given)
        result = given if result is None else result
        if not self.in_place:
            return relation_factory(result)
        made = copy.copy(reldata)
        made.data = result
        if self.check_valid and made.n_points != reldata.n_points:
            raise ValueError(
                f"the function of a Functional transform must keep the number of points, {reldata.n_points}, "
                f"got data of {made.n_points}. Use in_place=False for another layout."
            )
        return made
