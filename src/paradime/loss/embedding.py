"""What losses of the embedded rows of a batch share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from paradime._registry import did_you_mean
from paradime.data import Batch, Dataset
from paradime.exceptions import RelationsNotComputedError
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, as_batch, check_shape
from paradime.models import unit_of

__all__ = [
    "EmbeddingLoss",
    "check_choice",
    "check_positive",
    "check_relations",
    "rows_with_target",
    "single_column",
]


class EmbeddingLoss(Loss):
    """A loss of the embedded rows of a batch. Subclass it and write :meth:`of_embedding`.

    Args:
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Raises:
        ValueError: Before training, if the model's output has not one row a point.

    Example:
        >>> class Size(EmbeddingLoss):
        ...     def of_embedding(self, embedded, batch, global_relations):
        ...         return embedded.square().mean()
        >>> Size()(torch.nn.Identity(), {}, {}, {"main": torch.ones(3, 2)}, torch.device("cpu"))
        tensor(1.)
    """

    in_unit: ClassVar[bool] = False
    """Whether :meth:`of_embedding` gets positions in the model's unit, whatever the unit of the data."""

    def __init__(self, data_key: str = "main", embedding_method: str = "embed", name: str | None = None) -> None:
        super().__init__(name)
        self.data_key = data_key
        self.embedding_method = embedding_method

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Computes the loss of embedded rows.

        Args:
            embedded: Shape (b, out_dim), on the device where to compute; in the model's unit if :attr:`in_unit`.
            batch: The rows.
            global_relations: The relations between all points, by key.

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} has no of_embedding(). Write it: it returns a scalar.")

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        batch = as_batch(batch)
        embedded = batch.encode(model, self.embedding_method, self.data_key, device)
        unit = unit_of(model) if self.in_unit else 1.0
        return self.of_embedding(embedded if unit == 1 else embedded / unit, batch, global_relations)

    def check_setup(self, trial: Trial) -> None:
        check_shape(
            f"loss {self.name!r}: the model's embedding",
            trial.encode(self.embedding_method, self.data_key),
            (len(trial.batch["indices"]), -1),
            f"Check method {self.embedding_method!r} of model {type(trial.model).__name__}.",
        )


def check_choice(what: str, value: Any, known: Iterable[str]) -> None:
    """Raises ValueError if an argument is none of the names that are known."""
    known = list(known)
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}. {did_you_mean(value, known)}")


def check_positive(what: str, value: float) -> None:
    """Raises ValueError if an argument is not a positive number."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{what} must be a positive number, got {value!r}.")


def single_column(loss: Loss, dataset: Dataset, key: str, *, may_miss: bool = False) -> torch.Tensor:
    """Returns an entry of one number a row, shape (n,).

    Args:
        loss: The loss that needs it.
        dataset: The data set.
        key: The entry's name.
        may_miss: Whether the loss does without the numbers of some rows, which are NaN.

    Raises:
        KeyError: If there is no such entry.
        ValueError: If it has more than one number a row; or misses one that the loss needs.
    """
    entry: torch.Tensor = dataset[key]
    if entry.shape not in ((len(dataset),), (len(dataset), 1)):
        raise ValueError(
            f"loss {loss.name!r}: data {key!r} must have one number a row, shape ({len(dataset)},), got "
            f"{tuple(entry.shape)}. Add the column as an entry of its own."
        )
    missing = entry.reshape(-1).isnan()
    if not may_miss and bool(missing.any()):
        raise ValueError(
            f"loss {loss.name!r}: data {key!r} must have a number in each row, got none in {int(missing.sum())} "
            f"rows, first in row {int(missing.nonzero()[0])}. Fill them in, or leave such rows out."
        )
    return entry.reshape(-1)


def rows_with_target(targets: torch.Tensor, some_miss: bool) -> torch.Tensor | None:
    """Returns the places of the targets of a batch that are not missing; ``None`` for all.

    Args:
        targets: Shape (b,), NaN where there is none.
        some_miss: Whether some of the training rows have none. Where all have one, only batches of other rows, of
            which no gradients are recorded, are looked at: that waits for the device.
    """
    if not some_miss and torch.is_grad_enabled():
        return None
    places = (~targets.isnan()).nonzero().squeeze(1)
    return None if len(places) == len(targets) else places


def check_relations(loss: Loss, trial: Trial, key: str) -> None:
    """Raises RelationsNotComputedError if there are no global relations of a key."""
    if key not in trial.global_relations:
        raise RelationsNotComputedError(
            f"loss {loss.name!r} needs global relations {key!r}. {did_you_mean(key, trial.global_relations)}"
        )
