"""The constraint that a row is nearer to one row than to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.indexed import IndexedConstraint, index_table
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional.links import order_loss
from paradime.types import TensorLike

__all__ = ["OrderConstraint"]


@LOSSES.register("order constraint")
class OrderConstraint(IndexedConstraint):
    """Rows are nearer to one row than to another: of a triplet (a, b, c), a is nearer to b than to c.

    The loss is the mean of −log(s(a, b)/(s(a, b) + s(a, c))) over triplets, with Cauchy similarities
    s = 1/(1 + d²) and distances d in the map's unit: stochastic triplet embedding. It depends on the ratio of both
    similarities alone, and a triplet that is far from its order pulls no harder than others.

    Args:
        triplets: Indices (a, b, c) of rows in what ``fit`` is given, from 0, shape (m, 3); also a data frame of
            three columns.
        max_triplets: The largest number of triplets per step, at least 1; successive steps use different ones.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If triplets are not shaped (m, 3), there are none, or they are no indices; before training, if
            there are not so many rows.
        UnsupportedConfigurationError: If there are a triplet (a, b, c) and its opposite (a, c, b). Longer chains
            that contradict each other, as answers of several people do, are not refused: the adherence shows them.

    Source: van der Maaten, Weinberger, "Stochastic triplet embedding", 2012, eq. 5.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> order = OrderConstraint([[0, 149, 50], [1, 148, 51]])
        >>> routine = ParametricMDS(epochs=30, random_state=0).add_constraint(order, share=0.5)
        >>> adherence = routine.fit(load_iris().data).adherence()["order"]
        >>> adherence.n, 0 <= adherence.score <= 1
        (2, True)
    """

    measure = "share of triplets in the right order"

    def __init__(
        self,
        triplets: TensorLike,
        max_triplets: int = 512,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(max_triplets, data_key, embedding_method, name)
        self.triplets = index_table("triplets", triplets, 3)
        self.max_triplets = int(max_triplets)
        if not self.triplets:
            raise ValueError("triplets must be at least one, (a, b, c), got none. Leave the constraint out.")
        _refuse_opposites(self.triplets)

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if triplets of both contradict each other."""
        for other in others.values():
            if isinstance(other, OrderConstraint):
                _refuse_opposites([*self.triplets, *other.triplets])

    def index_tuples(self, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(self.triplets, dtype=torch.int64), torch.ones(len(self.triplets))

    def of_tuples(self, positions: torch.Tensor, weights: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Returns the mean over triplets, shape (c, 3, out_dim) to ()."""
        near, far = _squares(positions)
        return order_loss(near, far).mean()

    def score(self, tuples: torch.Tensor, positions: torch.Tensor) -> Adherence:
        near, far = _squares(tuples)
        return self.adhered(float((near < far).double().mean()), len(tuples))


def _squares(triplets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first, second, third = triplets.unbind(dim=1)
    return (first - second).square().sum(dim=1), (first - third).square().sum(dim=1)


def _refuse_opposites(triplets: Sequence[Sequence[int]]) -> None:
    known = {tuple(triplet) for triplet in triplets}
    for a, b, c in triplets:
        if (a, c, b) in known:
            raise UnsupportedConfigurationError(
                f"row {a} cannot be nearer to {b} than to {c} and nearer to {c} than to {b}. Leave one of both "
                "out."
            )
