"""The base of constraints on rows that are named by their indices."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from paradime.constraints.base import Adherence, Constraint
from paradime.data import Batch, Dataset
from paradime.loss.base import BatchRelations, GlobalRelations, Trial
from paradime.models import as_input, resolve_method, unit_of

__all__ = ["IndexedConstraint", "index_table"]


class IndexedConstraint(Constraint, abc.ABC):
    """A constraint on tuples of rows, such as pairs, that are named by their indices in what ``fit`` was given.

    A batch rarely has both rows of a pair. The constraint therefore keeps the rows that it is about, and embeds
    some of them in every step. They are saved with a routine, so that ``update`` of one that was loaded observes
    them. Subclass it, and write :meth:`index_tuples`, :meth:`of_tuples` and :meth:`score`.

    Args:
        max_tuples: The largest number of tuples per step, at least 1; successive steps use different ones.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Attributes:
        kept_rows: The rows that the constraint is about, shape (m, …); ``None`` before training.
        kept_indices: Their indices in what ``fit`` was given, shape (m,); −1 for rows that need not be among
            these.
        kept_tuples: The tuples, as indices into ``kept_rows``, shape (t, k).
        kept_weights: The weight of each tuple, shape (t,).

    Raises:
        ValueError: If ``max_tuples`` is out of range; before training, if an index is.
    """

    in_unit: ClassVar[bool] = True
    state_attributes: ClassVar[tuple[str, ...]] = ("_next",)

    kept_rows: torch.Tensor | None
    kept_indices: torch.Tensor | None
    kept_tuples: torch.Tensor | None
    kept_weights: torch.Tensor | None

    _KEPT: ClassVar[tuple[str, ...]] = ("kept_rows", "kept_indices", "kept_tuples", "kept_weights")

    def __init__(
        self,
        max_tuples: int,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        if max_tuples < 1:
            raise ValueError(f"the number per step must be at least 1, got {max_tuples}.")
        self._max_tuples = int(max_tuples)
        self._next = 0
        for buffer in self._KEPT:
            self.register_buffer(buffer, None)

    @abc.abstractmethod
    def index_tuples(self, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the tuples as indices of all rows, shape (t, k), and their weights, shape (t,)."""

    def of_tuples(self, positions: torch.Tensor, weights: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Computes the loss of some tuples.

        Args:
            positions: Their embedded rows, shape (c, k, out_dim); in the model's unit if :attr:`in_unit`.
            weights: Their weights, shape (c,).
            chosen: Their indices among all tuples, shape (c,).

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} has no of_tuples(). Write it: it returns a scalar.")

    @abc.abstractmethod
    def score(self, tuples: torch.Tensor, positions: torch.Tensor) -> Adherence | None:
        """Measures the adherence of all tuples, shape (t, k, out_dim), among positions (n, out_dim)."""

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Keeps the rows that the constraint is about."""
        tuples, weights = self.index_tuples(dataset)
        n, highest = len(dataset), int(tuples.max())
        if highest >= n:
            raise ValueError(
                f"constraint {self.name!r} must name rows by indices from 0 to {n - 1} of the data that fit is "
                f"given, got {highest}. Count the rows from 0."
            )
        indices, places = torch.unique(tuples, return_inverse=True)
        rows = dataset.in_need(self.data_key)
        self.keep(rows[indices.to(rows.device)], indices, places, weights)

    def keep(self, rows: torch.Tensor, indices: torch.Tensor, tuples: torch.Tensor, weights: torch.Tensor) -> None:
        """Sets what is kept, see the attributes."""
        self.kept_rows, self.kept_indices, self.kept_tuples = rows.detach().clone(), indices, tuples
        self.kept_weights = weights.to(torch.float32)
        self._next = 0

    def settle(self, positions: torch.Tensor, unit: float) -> torch.Tensor:
        """Moves free positions a step towards where the constraint holds.

        Args:
            positions: Positions of :attr:`kept_rows`, shape (m, out_dim).
            unit: The unit of the map.

        Returns:
            The moved positions; here, the same ones.
        """
        return positions

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        return self.of_tuples(*self.next_positions(model, device))

    def next_positions(
        self, model: torch.nn.Module, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Embeds the tuples of the next step; returns the arguments of :meth:`of_tuples`."""
        assert self.kept_rows is not None
        assert self.kept_tuples is not None
        assert self.kept_weights is not None
        chosen = self._next_tuples(len(self.kept_tuples))
        tuples, rows = self.kept_tuples.index_select(0, chosen), self.kept_rows
        if len(tuples) < len(self.kept_tuples):
            used, tuples = torch.unique(tuples, return_inverse=True)
            rows = rows[used]
        embedded = resolve_method(model, self.embedding_method)(as_input(model, rows.to(device)))
        if self.in_unit:
            embedded = embedded / unit_of(model)
        picked = embedded.index_select(0, tuples.reshape(-1).to(embedded.device))
        weights = self.kept_weights.index_select(0, chosen).to(embedded.device)
        return picked.view(*tuples.shape, -1), weights, chosen

    def _next_tuples(self, n: int) -> torch.Tensor:
        """Returns the indices of the tuples of the next step: every so many, so that all kinds are among them."""
        assert self.kept_tuples is not None
        n_parts = math.ceil(n / self._max_tuples)
        first, self._next = self._next % n_parts, (self._next + 1) % n_parts
        return torch.arange(first, n, n_parts, device=self.kept_tuples.device)

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Measures the tuples if these are the rows that ``fit`` was given; ``None`` for other rows."""
        if self.kept_rows is None or self.kept_indices is None or self.kept_tuples is None:
            return None
        indices = self.kept_indices.cpu()
        if int(indices.max()) >= len(dataset) or self.data_key not in dataset:
            return None
        found = dataset[self.data_key][indices]
        if found.shape != self.kept_rows.shape or not torch.equal(_single(found), _single(self.kept_rows)):
            return None
        return self.score(positions[indices[self.kept_tuples.cpu()]], positions)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        if self.kept_rows is None:  # a training that was given its data earlier
            self.take_data(trial.dataset)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for buffer in self._KEPT:
            if prefix + buffer in state_dict:
                setattr(self, buffer, torch.empty_like(state_dict[prefix + buffer]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def index_table(name: str, values: Any, width: int) -> list[list[int]]:
    """Returns a table of row indices as lists.

    Args:
        name: Its name in messages.
        values: Shape (m, width): an array, nested lists, or a data frame.
        width: The number of its columns.

    Raises:
        ValueError: If it is no such table, indices are negative, or a row has one of them twice.

    Example:
        >>> index_table("pairs", np.array([[0, 3], [2, 1]]), 2)
        [[0, 3], [2, 1]]
    """
    try:
        table = np.asarray(values)
    except ValueError:  # rows of different lengths
        table = np.empty(0, object)
    if table.size == 0 and table.ndim < 2:
        table = table.reshape(0, width) if isinstance(values, (list, tuple)) and not len(values) else table
    if table.ndim != 2 or table.shape[1] != width:
        raise ValueError(
            f"{name} must have {width} row indices each, shape (m, {width}), got shape {tuple(table.shape)}."
        )
    if table.size and not (table.dtype.kind in "iuf" and (table == np.floor(table)).all() and table.min() >= 0):
        raise ValueError(
            f"{name} must be row indices, integers from 0, got {table.ravel()[:4].tolist()}. Pass the numbers of "
            "the rows, instead of their names."
        )
    rows: list[list[int]] = table.astype(np.int64).tolist()
    for row in rows:
        if len(set(row)) < width:
            raise ValueError(f"{name} must name {width} different rows each, got {row}. Leave it out.")
    return rows


def _single(rows: torch.Tensor) -> torch.Tensor:
    return rows.to("cpu", torch.float32)
