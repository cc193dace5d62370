"""The base of losses of the embedded rows of a batch, with checks and typical lengths that losses share."""

from __future__ import annotations

from typing import ClassVar

import torch

from paradime._registry import did_you_mean
from paradime.data import Batch, Dataset
from paradime.exceptions import RelationsNotComputedError
from paradime.loss.base import BatchRelations, GlobalRelations, Loss, Trial, as_batch, check_shape
from paradime.models import unit_of

__all__ = [
    "EmbeddingLoss",
    "check_relations",
    "rows_with_target",
    "sample_of_rows",
    "single_column",
    "typical_length",
]

_MAX_SAMPLE = 500  # rows between which distances are computed to measure their typical length

_MAX_LENGTH = 3  # in units of the median; longer lengths are clipped


class EmbeddingLoss(Loss):
    """A loss of the embedded rows of a batch. Subclass it and write :meth:`of_embedding`.

    Args:
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: Before training, if the model's output does not have one row per point.

    Example:
        >>> class Size(EmbeddingLoss):
        ...     def of_embedding(self, embedded, batch, global_relations):
        ...         return embedded.square().mean()
        >>> Size()(torch.nn.Identity(), {}, {}, {"main": torch.ones(3, 2)}, torch.device("cpu"))
        tensor(1.)
    """

    in_unit: ClassVar[bool] = False
    """Whether :meth:`of_embedding` receives positions in the model's unit, whatever the unit of the data."""

    def __init__(self, data_key: str = "main", embedding_method: str = "embed", name: str | None = None) -> None:
        super().__init__(name)
        self.data_key = data_key
        self.embedding_method = embedding_method

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Computes the loss of embedded rows.

        Args:
            embedded: Shape (b, out_dim), on the device of the computation; in the model's unit if :attr:`in_unit`.
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


def single_column(loss: Loss, dataset: Dataset, key: str, *, may_miss: bool = False) -> torch.Tensor:
    """Returns an entry with one number per row, shape (n,).

    Args:
        loss: The loss that needs the entry.
        dataset: The data set.
        key: The name of the entry.
        may_miss: Whether numbers may be missing, that is, NaN.

    Raises:
        KeyError: If the entry does not exist.
        ValueError: If it does not have one number per row, or a number is missing.
    """
    entry: torch.Tensor = dataset[key]
    if entry.shape not in ((len(dataset),), (len(dataset), 1)):
        raise ValueError(
            f"loss {loss.name!r}: {dataset.title(key)} must have one number per row, shape ({len(dataset)},), got "
            f"{tuple(entry.shape)}. Add the column as a separate entry."
        )
    missing = entry.reshape(-1).isnan()
    if not may_miss and bool(missing.any()):
        raise ValueError(
            f"loss {loss.name!r}: {dataset.title(key)} must have a number in each row, got none in "
            f"{int(missing.sum())} rows, first in row {int(missing.nonzero()[0])}. Impute them, or drop such rows."
        )
    return entry.reshape(-1)


def rows_with_target(targets: torch.Tensor, some_miss: bool) -> torch.Tensor | None:
    """Returns the indices of the rows of a batch with a target; ``None`` for all rows.

    Args:
        targets: Shape (b,), NaN for rows without a target.
        some_miss: Whether some training rows have no target. If not, only batches without gradients, which are of
            other rows, are examined, since this waits for the device.
    """
    if not some_miss and torch.is_grad_enabled():
        return None
    indices = (~targets.isnan()).nonzero().squeeze(1)
    return None if len(indices) == len(targets) else indices


def check_relations(loss: Loss, trial: Trial, key: str) -> None:
    """Raises RelationsNotComputedError if there are no global relations with a key."""
    if key not in trial.global_relations:
        raise RelationsNotComputedError(
            f"loss {loss.name!r} needs global relations {key!r}. {did_you_mean(key, trial.global_relations)}"
        )


def sample_of_rows(dataset: Dataset) -> torch.Tensor:
    """Returns the indices of up to 500 evenly spaced rows, whose distances :func:`typical_length` summarises."""
    n = len(dataset)
    return torch.linspace(0, n - 1, min(n, _MAX_SAMPLE), device=dataset["indices"].device).to(torch.int64)


def typical_length(values: torch.Tensor) -> float | None:
    """Returns the root mean square of lengths, after clipping them at three times the median.

    A single row far from all others, which takes part in few distances, has little effect.

    Args:
        values: Lengths, of any shape.

    Returns:
        A positive number, or ``None`` without positive, finite lengths.
    """
    lengths = values[values > 0]
    if not lengths.numel() or not bool(lengths.isfinite().all()):
        return None
    # in units of the median, so that squares are within the range of the type
    median = float(lengths.median())
    clipped = (values / median).clamp(max=_MAX_LENGTH)
    return median * float(clipped.square().mean(dtype=torch.float64).sqrt())
