"""The constraint that classes lie in columns along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence
from paradime.constraints.classes import ClassesOfConstraint, class_codes, codes_of
from paradime.data import Batch, Dataset
from paradime.functional.columns import column_loss
from paradime.loss.base import GlobalRelations, Trial

__all__ = ["ColumnsConstraint", "checked_order", "order_by_data"]

_MOST_ROWS = 1_000  # of a class, whose mean is computed


@LOSSES.register("columns constraint")
class ColumnsConstraint(ClassesOfConstraint):
    """The classes of a nominal attribute lie in separate columns along an axis of the map.

    The loss is the cross-entropy of the columns, by the squared distances of rows from the middles of columns that
    are equally far apart, in the scale of the batch. A row well within its column has no loss, and is free to move
    there.

    Args:
        attribute: The entry with one integer per row, −1 for rows without a class; ``"labels"`` for ``y``.
        axis: The index of the axis, from 0.
        order: The classes in the order of their columns, as they are in ``y``, or as integers of the entry. Rows
            of others are free. If ``None``, columns are in the order of the classes' means along the first
            principal axis of these in the data, in either direction.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If the axis is negative, or the order has less than two classes or one of them twice; before
            training, if a class is not known, there are less than two, the entry has no integers, or the map has
            no such axis.
        KeyError: Before training, if the entry does not exist.

    Source: Multinomial logistic regression on one coordinate with fixed, equally spaced centres.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> columns = ColumnsConstraint("labels", axis=1, order=[1, 0, 2])
        >>> routine = ParametricMDS(epochs=50, random_state=0).add_constraint(columns, share=0.8)
        >>> routine.fit(X, y).adherence()["columns"].score > 0.8
        True
    """

    measure = "share of rows nearer along the axis to their own column than to others, columns being in order"

    def __init__(
        self,
        attribute: str,
        axis: int = 0,
        order: Sequence[Any] | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(attribute, data_key, embedding_method, name)
        if axis < 0:
            raise ValueError(f"axis must be the index of an axis from 0, got {axis}.")
        self.attribute, self.axis, self.order = attribute, int(axis), checked_order(order)

    def class_names(self) -> Sequence[Any] | None:
        return self.order

    def ordered(self, dataset: Dataset) -> torch.Tensor:
        return order_by_data(super().ordered(dataset), self.name, dataset, self.attribute, self.data_key)

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Returns the cross-entropy of the columns, shape (b, out_dim) to ()."""
        assert self.codes is not None
        places = self.places_of(codes_of(batch[self.attribute])).to(embedded.device)
        known = places >= 0
        axis, places = embedded[known, self.axis], places[known]
        if self.order is None:  # in the direction that the map has taken
            own = places - places.to(axis.dtype).mean()
            axis = torch.where((axis.detach() * own).sum() < 0, -axis, axis)
        return column_loss(axis, places, len(self.codes))

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Measures rows by the means of their classes; ``None`` without the entry, or with one class."""
        if self.attribute not in dataset or self.codes is None:
            return None
        places = self.places_of(class_codes(self.name, dataset, self.attribute)).cpu()
        known = places >= 0
        axis, places = positions[known, self.axis], places[known]
        present, own = torch.unique(places, return_inverse=True)
        if len(present) < 2:
            return None
        means = torch.stack([axis[own == i].mean() for i in range(len(present))])
        if self.order is None:  # any order of the columns holds
            own, means = means.argsort().argsort()[own], means.sort().values
        else:
            means = means.sort().values
        nearest = (axis[:, None] - means).abs().argmin(dim=1)
        return self.adhered(float((nearest == own).double().mean()), len(axis))

    def check_setup(self, trial: Trial) -> None:
        """Raises ValueError if the map has no such axis, or there are less than two classes."""
        super().check_setup(trial)
        n_dims = trial.encode(self.embedding_method, self.data_key).shape[1]
        if self.axis >= n_dims:
            raise ValueError(
                f"constraint {self.name!r}: axis must lie in [0, {n_dims}), got {self.axis}. Lower it, or raise "
                "n_components."
            )


def checked_order(order: Sequence[Any] | None) -> list[Any] | None:
    """Returns an order of classes as a list.

    Raises:
        ValueError: If it has less than two classes, or one of them twice.
    """
    if order is None:
        return None
    classes = [one.item() if hasattr(one, "item") else one for one in order]
    if len(set(map(str, classes))) < max(2, len(classes)):
        raise ValueError(f"order must have at least two different classes, got {classes}.")
    return classes


def order_by_data(
    codes: torch.Tensor, owner: str, dataset: Dataset, class_key: str, data_key: str
) -> torch.Tensor:
    """Orders classes by their means along the first principal axis of these in the data.

    Args:
        codes: The integers of the classes, shape (k,).
        owner: The name of the constraint, for messages.
        dataset: All rows.
        class_key: The entry with the classes.
        data_key: The entry whose means are compared.

    Raises:
        ValueError: If there are less than two classes.
    """
    if len(codes) < 2:
        raise ValueError(
            f"constraint {owner!r}: entry {class_key!r} must have at least two classes, got {codes.tolist()}."
        )
    of_rows, rows = class_codes(owner, dataset, class_key).cpu(), dataset[data_key]
    means = torch.stack(
        [
            rows[(of_rows == code).nonzero()[:_MOST_ROWS, 0]].flatten(1).to("cpu", torch.float64).mean(dim=0)
            for code in codes.cpu()
        ]
    )
    centered = means - means.mean(dim=0)
    axis = torch.linalg.svd(centered, full_matrices=False).Vh[0]
    axis = axis * torch.where(axis[axis.abs().argmax()] < 0, -1, 1)
    return codes.cpu()[(centered @ axis).argsort()]
