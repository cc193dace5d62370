"""The constraint that the ends of an axis are two concepts, each given by a group of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch

from paradime._registry import LOSSES
from paradime.constraints.axis import AxisConstraint
from paradime.constraints.classes import class_codes, named_codes
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss.base import Trial
from paradime.utils.arguments import check_within
from paradime.utils.rows import rows_of

__all__ = ["ConceptConstraint"]

Group: TypeAlias = Any
"""A class by its name or integer, row indices, or a mask with one boolean per row."""

_MOST_ROWS = 10_000  # of a group; evenly spaced ones of more


@LOSSES.register("concept constraint")
class ConceptConstraint(AxisConstraint):
    """The ends of an axis are two concepts, each given by a group of rows, such as "small" and "large".

    The attribute of a row x is a linear function wᵀx + b that is 0 at the mean of ``low_group`` and 1 at that of
    ``high_group``. Its direction is w ∝ ((1 − γ) Σ + γ τ I)⁻¹ (m₁ − m₀), with the means m of the groups, the
    covariance Σ within them, the mean variance τ of the columns, and γ = ``regularization``: the difference of the
    means, in which directions count less along which the groups themselves vary. New rows have the attribute, too.

    As a loss, and with ``exact=True``, it is an :class:`~paradime.constraints.AxisConstraint` of this attribute.

    Args:
        low_group: The group at the lower end: a class of ``y`` or integer of ``label_key``, a list of row indices
            that count what ``fit`` is given, or a mask with one boolean per row.
        high_group: The group at the upper end, likewise.
        axis: The index of the axis of the embedding, from 0.
        exact: Whether the coordinate is the attribute, in a scale that is trained, by an output layer of the
            network.
        regularization: γ in (0, 1]; 1 is the direction of the difference of the means alone.
        target: A sufficient level of correlation in (0, 1]; if ``None``, the correlation is maximized.
        label_key: The entry of classes, if groups are classes; the one of ``y`` by default.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Attributes:
        weights: w, shape (d,), float64; ``None`` before training.
        center: The place at which the attribute is 0.5, the middle of the groups' means, shape (d,), float64.

    Raises:
        ValueError: If ``regularization`` is out of range; before training, if a group is empty, is not known, or
            has indices of rows that do not exist.
        UnsupportedConfigurationError: If ``exact`` is combined with ``target``; before training, if both groups
            have the same mean.

    Source: Kim et al., "Interpretability beyond feature attribution: quantitative testing with concept activation
        vectors", 2018, for directions of groups; Friedman, "Regularized discriminant analysis", 1989.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> routine = ParametricMDS(epochs=2, random_state=0)
        >>> routine = routine.add_constraint(ConceptConstraint(0, 2, exact=True)).fit(X, y)
        >>> round(routine.adherence()["axis 0"].score, 6)
        1.0
    """

    measure = "correlation of the axis with the direction between the groups"

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    weights: torch.Tensor | None
    center: torch.Tensor | None

    def __init__(
        self,
        low_group: Group,
        high_group: Group,
        axis: int = 0,
        exact: bool = False,
        regularization: float = 0.5,
        target: float | None = None,
        label_key: str = "labels",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        sign: Literal["positive"] = "positive"
        super().__init__(
            0,
            axis,
            exact,
            sign=sign,
            target=target,
            data_key=data_key,
            embedding_method=embedding_method,
            name=name,
        )
        check_within("regularization", regularization, "(0, 1]", remedy="0.5 suits most data.")
        self.low_group, self.high_group = _plain("low_group", low_group), _plain("high_group", high_group)
        self.attribute = "the direction between the groups"
        self.regularization = regularization
        self.label_key = label_key
        self.register_buffer("weights", None)
        self.register_buffer("center", None)

    @property
    def _attribute(self) -> Any:
        """The attribute; made when it is read, so that that of a copy is a copy's own."""
        return _Direction(self)

    @_attribute.setter
    def _attribute(self, column: Any) -> None:
        """Does nothing: the attribute is no column, in contrast to that of other axes."""

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Computes the direction of the rows that ``fit`` was given."""
        given = {"low_group": self.low_group, "high_group": self.high_group}
        groups = [self._rows_of(group, name, dataset, classes) for name, group in given.items()]
        self.weights, self.center = _direction(groups[0], groups[1], self.regularization)

    def output(self, dataset: Dataset) -> Mapping[str, Any]:
        """Returns the linear function."""
        if self.weights is None or self.center is None:
            self.take_data(dataset)
        assert self.weights is not None
        assert self.center is not None
        weights, center = self.weights.tolist(), self.center.tolist()
        return {"kind": "linear", "axis": self.axis, "weights": weights, "center": center}

    def check_setup(self, trial: Trial) -> None:
        if self.weights is None:  # a training that was given its data earlier
            self.take_data(trial.dataset)
        super().check_setup(trial)

    def _rows_of(self, group: Group, name: str, dataset: Dataset, classes: Sequence[Any] | None) -> torch.Tensor:
        """Returns the rows of a group, shape (m, d), float64."""
        n = len(dataset)
        if not isinstance(group, list):
            codes = class_codes(self.name, dataset, self.label_key)
            code = named_codes(self.name, [group], classes if self.label_key == "labels" else None)
            indices = (codes.cpu() == code).nonzero().squeeze(1)
        else:
            indices = torch.tensor(group, dtype=torch.int64)
        if not len(indices) or int(indices.max()) >= n:
            received = "no rows" if not len(indices) else f"index {int(indices.max())}"
            raise ValueError(
                f"constraint {self.name!r}: {name} must name rows of the {n} that fit is given, got {received}. "
                "Pass a class, row indices from 0, or a mask."
            )
        places = torch.linspace(0, len(indices) - 1, min(len(indices), _MOST_ROWS)).round().to(torch.int64)
        points = rows_of(dataset.in_need(self.data_key)).flat()
        return torch.as_tensor(points[indices[places].to(points.device)]).to("cpu", torch.float64)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for buffer in ("weights", "center"):
            if prefix + buffer in state_dict:
                setattr(self, buffer, torch.empty_like(state_dict[prefix + buffer]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _Direction:
    """The attribute of a constraint on concepts, in place of a column: a linear function of the rows."""

    def __init__(self, owner: ConceptConstraint) -> None:
        self._owner = owner

    def resolve(self, dataset: Mapping[str, Any]) -> None:
        """Raises KeyError if the data set has not the rows."""
        dataset[self._owner.data_key]

    def values(self, batch: Mapping[str, Any], device: torch.device) -> torch.Tensor:
        """Returns the attribute of rows, shape (b,)."""
        owner = self._owner
        assert owner.weights is not None
        assert owner.center is not None
        points = rows_of(batch[owner.data_key]).flat()
        rows = torch.as_tensor(points[torch.arange(len(points), device=points.device)])
        kind = torch.float32 if device.type == "mps" else torch.float64
        centered = rows.to(device, kind) - owner.center.to(device, kind)
        return centered @ owner.weights.to(device, kind) + 0.5


def _direction(low: torch.Tensor, high: torch.Tensor, regularization: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the weights of the attribute, and the middle of the groups, both of shape (d,)."""
    means = low.mean(dim=0), high.mean(dim=0)
    difference, center = means[1] - means[0], (means[0] + means[1]) / 2
    size = float(torch.maximum(means[0].abs(), means[1].abs()).max())
    if not float(difference.abs().max()) > 1e-12 * size:
        raise UnsupportedConfigurationError(
            "low_group and high_group of an axis must have different means, got equal ones. Choose groups of "
            "different rows."
        )
    within = torch.cat([low - means[0], high - means[1]])
    variance = float(within.square().mean())
    if not variance > 0:  # each group is a single place
        return difference / difference.square().sum(), center
    within = within / variance**0.5 * ((1 - regularization) / len(within)) ** 0.5
    n, d = within.shape
    if d <= n:
        regular = within.T @ within
        regular.diagonal().add_(regularization)
        direction = torch.linalg.solve(regular, difference)
    else:  # the same by the products of the rows
        regular = within @ within.T
        regular.diagonal().add_(regularization)
        direction = (difference - within.T @ torch.linalg.solve(regular, within @ difference)) / regularization
    return direction / (direction @ difference), center


def _plain(name: str, group: Group) -> Any:
    """Returns a group as a class, or as a list of row indices, so that it can be written."""
    if isinstance(group, (str, int, np.integer, np.str_)) and not isinstance(group, bool):
        return int(group) if isinstance(group, (int, np.integer)) else str(group)
    values = np.asarray(group)
    if values.ndim == 1 and values.dtype.kind == "b":
        return [int(index) for index in np.flatnonzero(values)]
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "iu" or values.min() < 0:
        raise ValueError(
            f"{name} must be a class, row indices from 0, or a mask with one boolean per row, got {group!r}. Pass "
            "one of these."
        )
    return [int(index) for index in values]
