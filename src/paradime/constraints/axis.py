"""The constraint that an axis of the embedding follows an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import average_rank, pearson
from paradime.loss import CorrelationLoss

__all__ = ["AxisConstraint"]

_MOST_LEVELS = 32  # of an exact axis with a learned scale; quantiles stand for more
_SIGNS = {"any": 0, "positive": 1, "negative": -1}


@LOSSES.register("axis constraint")
class AxisConstraint(Constraint, CorrelationLoss):
    """An axis of the embedding follows an attribute.

    As a loss, it is a :class:`~paradime.loss.CorrelationLoss`. With ``exact=True``, the coordinate is the
    attribute, in a scale that is trained, for new rows as well; the attribute is then a column of the embedded
    data.

    Args:
        attribute: An entry with one number per point, or a column of ``data_key``, by name or number.
        axis: The index of the axis of the embedding, from 0.
        exact: Whether the coordinate is a function of the attribute, by an output layer of the network.
        order: Whether only the order of the attribute counts, as for grades: the rank correlation is trained and
            measured; an exact axis has the levels in order, with gaps that are trained.
        sign: The desired sign of the correlation; an exact axis increases with the attribute.
        target: A sufficient level of correlation in (0, 1]; if ``None``, the correlation is maximised.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If an argument is out of range; before training, if the attribute or axis does not exist.
        UnsupportedConfigurationError: If ``exact`` is combined with ``target`` or a negative sign; before
            training, if an exact axis does not follow a column of the data.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricUMAP
        >>> X = load_iris(as_frame=True).data
        >>> routine = ParametricUMAP(epochs=2, random_state=0)
        >>> routine = routine.add_constraint(AxisConstraint("petal length (cm)", exact=True))
        >>> round(routine.fit(X).adherence()["axis 0"].score, 6)
        1.0
    """

    measure = "correlation of the axis with the attribute"

    def __init__(
        self,
        attribute: str | int,
        axis: int = 0,
        exact: bool = False,
        order: bool = False,
        sign: Literal["any", "positive", "negative"] = "any",
        target: float | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        CorrelationLoss.__init__(
            self,
            attribute,
            axis,
            kind="rank" if order else "pearson",
            sign=sign,
            target=target,
            data_key=data_key,
            embedding_method=embedding_method,
            name=name,
        )
        if exact and (target is not None or sign == "negative"):
            raise UnsupportedConfigurationError(
                f"an exact axis increases with the attribute, got target={target!r} and sign={sign!r}. Leave them "
                "out."
            )
        self.exact = bool(exact)
        self.order = bool(order)

    @property
    def key(self) -> str:
        """The axis."""
        return f"axis {self.axis}"

    def output(self, dataset: Dataset) -> Mapping[str, Any]:
        """Returns the column and its scale: two knots, or the levels of an ordinal attribute."""
        self._attribute.resolve(dataset)
        column = self._attribute.column_of(self.data_key)
        if column is None:
            raise UnsupportedConfigurationError(
                f"an exact axis follows a column of the data that are embedded, and {self.attribute!r} is an "
                "entry of its own, which new rows do not have. Add it to the columns of X, or leave exact out."
            )
        values = self._attribute.values(dataset, torch.device("cpu")).to(torch.float64)
        knots = _knots(values) if self.order else _two_knots(values)
        return {"kind": "attribute", "axis": self.axis, "column": column, "knots": knots}

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the correlation of the axis with the attribute, by ranks if only the order counts."""
        if len(positions) < 3:
            return None
        self._attribute.resolve(dataset)
        axis, attribute = positions[:, self.axis], self._attribute.values(dataset, positions.device)
        if self.order:
            axis, attribute = average_rank(axis), average_rank(attribute)
        attribute = attribute.to(torch.float64)
        r = float(pearson(axis.to(torch.float64), attribute - attribute.mean()))
        sign = _SIGNS[self.sign]
        return self.adhered(sign * r if sign else abs(r), len(positions))

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if another constraint sets the same axis exactly."""
        for key, other in others.items():
            if isinstance(other, AxisConstraint) and self.exact and other.exact and other.axis == self.axis:
                raise UnsupportedConfigurationError(
                    f"axis {self.axis} cannot be {self.attribute!r} and {other.attribute!r} ({key!r}) exactly. "
                    "Choose another axis, or leave exact out of one of them."
                )


def _two_knots(values: torch.Tensor) -> list[float]:
    low, high = float(values.min()), float(values.max())
    center = float(values.mean())
    deviation = float((values - center).square().mean().sqrt())
    if not high > low:
        raise UnsupportedConfigurationError(
            f"an exact axis needs an attribute that varies, got {low:g} in all rows. Choose another attribute."
        )
    return [center - 2 * deviation, center + 2 * deviation]


def _knots(values: torch.Tensor) -> list[float]:
    """Returns the levels, or quantiles of more than 32."""
    levels = torch.unique(values)
    if len(levels) < 2:
        return _two_knots(values)
    if len(levels) > _MOST_LEVELS:
        places = torch.linspace(0, len(values) - 1, _MOST_LEVELS).round().to(torch.int64)
        levels = torch.unique(values.sort().values[places])
    return [float(level) for level in levels]
