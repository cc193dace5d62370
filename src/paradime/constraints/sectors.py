"""The constraint that classes lie in sectors around a centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence
from paradime.constraints.classes import ClassesOfConstraint, class_codes, codes_of
from paradime.constraints.columns import checked_order, order_by_data
from paradime.data import Batch, Dataset
from paradime.functional.columns import sector_directions, sector_loss
from paradime.loss.base import GlobalRelations, Trial

__all__ = ["SectorsConstraint"]


@LOSSES.register("sectors constraint")
class SectorsConstraint(ClassesOfConstraint):
    """The classes of a nominal attribute lie in equal sectors around a centre, as the slices of a pie.

    The loss is the cross-entropy of the sectors, by how far rows lie in the directions of their middles, in the
    scale of the batch. Sectors go counter-clockwise from the right, and maps have two dimensions.

    Args:
        attribute: The entry with one integer per row, −1 for rows without a class; ``"labels"`` for ``y``.
        order: The classes in the order of their sectors, as they are in ``y``, or as integers of the entry. Rows
            of others are free. If ``None``, sectors are in the order of the classes' means along the first
            principal axis of these in the data.
        center: The centre in the map; the origin if ``None``.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If the order has less than two classes or one of them twice, or the centre is not two numbers;
            before training, if a class is not known, there are less than two, the entry has no integers, or the
            map has not two dimensions.
        KeyError: Before training, if the entry does not exist.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> routine = ParametricMDS(epochs=50, random_state=0).add_constraint(
        ...     SectorsConstraint("labels"), share=0.8
        ... )
        >>> routine.fit(X, y).adherence()["sectors"].score > 0.8
        True
    """

    measure = "share of rows within the sector of their class"

    def __init__(
        self,
        attribute: str,
        order: Sequence[Any] | None = None,
        center: Sequence[float] | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(attribute, data_key, embedding_method, name)
        if center is not None and len(center) != 2:
            raise ValueError(f"center must be two numbers, got {list(center)}.")
        self.attribute, self.order = attribute, checked_order(order)
        self.center = None if center is None else [float(value) for value in center]

    def class_names(self) -> Sequence[Any] | None:
        return self.order

    def ordered(self, dataset: Dataset) -> torch.Tensor:
        return order_by_data(super().ordered(dataset), self.name, dataset, self.attribute, self.data_key)

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Returns the cross-entropy of the sectors, shape (b, 2) to ()."""
        assert self.codes is not None
        places = self.places_of(codes_of(batch[self.attribute])).to(embedded.device)
        known = places >= 0
        return sector_loss(self._relative(embedded)[known], places[known], len(self.codes))

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the share of rows within their sectors; ``None`` without the entry."""
        if self.attribute not in dataset or self.codes is None:
            return None
        places = self.places_of(class_codes(self.name, dataset, self.attribute)).cpu()
        known = places >= 0
        if not bool(known.any()):
            return None
        relative = self._relative(positions)[known]
        nearest = (relative @ sector_directions(len(self.codes), relative).T).argmax(dim=1)
        return self.adhered(float((nearest == places[known]).double().mean()), int(known.sum()))

    def _relative(self, positions: torch.Tensor) -> torch.Tensor:
        return positions if self.center is None else positions - positions.new_tensor(self.center)

    def check_setup(self, trial: Trial) -> None:
        """Raises ValueError if the map has not two dimensions, or there are less than two classes."""
        super().check_setup(trial)
        n_dims = trial.encode(self.embedding_method, self.data_key).shape[1]
        if n_dims != 2:
            raise ValueError(f"constraint {self.name!r}: sectors need a map of 2 dimensions, got {n_dims}.")
