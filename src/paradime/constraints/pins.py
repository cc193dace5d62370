"""The constraint that rows lie at given positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.bounds import BoundsConstraint
from paradime.constraints.indexed import IndexedConstraint, index_table
from paradime.data import Batch, Dataset, checked_rows
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional.clustering import covering_points
from paradime.loss.base import BatchRelations, GlobalRelations, Trial, check_shape
from paradime.loss.position import anchored_loss, spread_of
from paradime.models import unit_of
from paradime.types import TensorLike
from paradime.utils.autograd import copyable

__all__ = ["PinConstraint"]


@LOSSES.register("pin constraint")
class PinConstraint(IndexedConstraint):
    """Rows lie at given positions, and the map follows.

    The loss is that of :class:`~paradime.loss.AnchorLoss`: the mean squared distance of pinned rows from their
    positions, in the model's unit.

    Args:
        rows: Indices of rows in what ``fit`` is given, from 0, shape (m,); or rows themselves as in the model's
            input, shape (m, …), which need not be among the data, such as rows of an earlier map.
        positions: Their positions in the map, shape (m, out_dim).
        max_rows: The largest number of pins per step, at least 1; successive steps use different ones.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        TypeError: If rows or positions are not arrays of numbers.
        ValueError: If there is not one position per row, or indices are no integers; before training, if there are
            not so many rows, or the map has other dimensions.
        UnsupportedConfigurationError: If a row is pinned twice, or a pin lies outside of exact bounds.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> pins = PinConstraint([0, 149], [[3.0, 0.0], [-3.0, 0.0]])
        >>> routine = ParametricMDS(epochs=30, random_state=0).add_constraint(pins, share=0.5)
        >>> positions = routine.fit_transform(load_iris().data)
        >>> bool(positions[0, 0] > positions[149, 0])
        True
    """

    measure = "1 minus the mean distance from the pins in spreads of the map, at least 0"
    in_unit: ClassVar[bool] = False

    def __init__(
        self,
        rows: TensorLike,
        positions: TensorLike,
        max_rows: int = 512,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(max_rows, data_key, embedding_method, name)
        given, targets = checked_rows("rows", rows), checked_rows("positions", positions)
        if targets.ndim != 2 or len(given) != len(targets):
            raise ValueError(
                f"positions must have one row per pin, shape ({len(given)}, out_dim), got {tuple(targets.shape)}. "
                "Pass the positions of these rows."
            )
        self._by_index = given.ndim == 1
        self.rows: Any = copyable(rows)
        if self._by_index:
            self.rows = [index for (index,) in index_table("rows", np.asarray(given)[:, None], 1)]
            _refuse_twice(self.rows)
        self.positions = copyable(positions)
        self.max_rows = int(max_rows)
        self._targets = targets.to(torch.float32)

    @classmethod
    def to_map(cls, routine: Any, X: Any = None, n: int = 500, **settings: Any) -> Self:
        """Pins rows that cover an earlier map to where they lie in it: rotation, scale and places stay.

        Args:
            routine: A trained routine.
            X: Rows to choose from, as for its ``transform``; the rows that it was trained on if ``None``.
            n: How many rows are pinned.
            **settings: Further arguments of the constructor.

        Raises:
            ValueError: If the routine does not hold its rows, as one that was loaded, and none are given.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> X = load_iris().data
            >>> earlier = ParametricMDS(epochs=5, random_state=0).fit(X[:100])
            >>> pins = PinConstraint.to_map(earlier, n=50)
            >>> later = ParametricMDS(epochs=30, random_state=1).add_constraint(pins, share=0.8).fit(X)
            >>> bool(abs(later.transform(X[:100]) - earlier.transform(X[:100])).mean() < 0.5)
            True
        """
        if X is None:
            X = routine.dataset
            if X is None:
                raise ValueError(
                    f"this {type(routine).__name__} does not hold the rows it was trained on. Pass some of them: "
                    "to_map(routine, X)."
                )
            X = X.source(routine.data_key) if isinstance(X, Dataset) else X
        rows = checked_rows("X", X)
        positions = torch.as_tensor(np.asarray(routine.transform(X)))
        chosen = covering_points(positions, n, generator=torch.Generator().manual_seed(0))
        return cls(rows[chosen], positions[chosen], **settings)

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if a row is pinned twice, or pins lie outside of exact bounds."""
        for key, other in others.items():
            if isinstance(other, PinConstraint) and self._by_index and other._by_index:
                _refuse_twice([*self.rows, *other.rows])
            if not (isinstance(other, BoundsConstraint) and other.exact):
                continue
            if other.region.n_dims == self._targets.shape[1] and other.region.share_within(self._targets) < 1:
                place = self._targets[int(other.region.excess(self._targets).argmax())].tolist()
                raise UnsupportedConfigurationError(
                    f"a pin at {place} lies outside of the exact bounds {key!r}. Move it, or widen the bounds."
                )

    def index_tuples(self, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(self.rows, dtype=torch.int64)[:, None], torch.ones(len(self.rows))

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Keeps the pinned rows."""
        if self._by_index:
            super().take_data(dataset)
            return
        n = len(self._targets)
        nowhere = torch.full((n,), -1)
        self.keep(checked_rows("rows", self.rows)[:], nowhere, torch.arange(n)[:, None], torch.ones(n))

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        embedded, _, chosen = self.next_positions(model, device)
        targets = self._targets.to(embedded.device)
        own = targets.index_select(0, chosen.to(embedded.device))
        return anchored_loss(embedded[:, 0], own, unit_of(model), spread_of(targets))

    def settle(self, positions: torch.Tensor, unit: float) -> torch.Tensor:
        """Returns the positions of the pins, shape (m, out_dim)."""
        assert self.kept_tuples is not None
        return positions.index_copy(0, self.kept_tuples[:, 0], self._targets.to(positions.dtype))

    def score(self, tuples: torch.Tensor, positions: torch.Tensor) -> Adherence:
        distances = (tuples[:, 0] - self._targets).norm(dim=1)
        spread = positions.var(dim=0, unbiased=False).sum().sqrt()
        return self.adhered(1 - float(distances.mean() / spread), len(tuples))

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        check_shape(
            f"constraint {self.name!r}: the model's embedding",
            trial.encode(self.embedding_method, self.data_key),
            (len(trial.batch["indices"]), self._targets.shape[1]),
            "It needs as many dimensions as the positions of the pins.",
        )


def _refuse_twice(rows: Sequence[int]) -> None:
    row, count = Counter(rows).most_common(1)[0]
    if count > 1:
        raise UnsupportedConfigurationError(f"row {row} is pinned {count} times. Leave one of the pins.")
