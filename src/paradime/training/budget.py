"""How long a phase is: the rule by which epochs and batches follow from the number of rows."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

__all__ = [
    "AUTO",
    "SHORT",
    "Count",
    "Epochs",
    "TrainingBudget",
    "batch_size_for",
    "budget_for",
    "short_steps_for",
    "steps_for",
]

AUTO: Literal["auto"] = "auto"
SHORT: Literal["short"] = "short"
Count = int | Literal["auto"]
Epochs = int | Literal["auto", "short"]

_SMALLEST, _LARGEST = 32, 512
_FEWEST_STEPS, _STEPS, _AT, _GROWTH = 1_500, 3_000, 60_000, 0.4
_FEWEST_SHORT = 400
_LEAST_EPOCHS = 20


@dataclasses.dataclass(frozen=True)
class TrainingBudget:
    """The length of a phase in numbers.

    Attributes:
        epochs: Number of epochs.
        batch_size: Rows or pairs in a batch.
        batches_per_epoch: Batches in an epoch; one pass over the data if −1.
    """

    epochs: int
    batch_size: int
    batches_per_epoch: int


def batch_size_for(n_rows: int) -> int:
    """Returns the size of batches for data of so many rows: a quarter of them, as a power of 2 from 32 to 512.

    Points of a batch are each other's negatives, so that large batches show more of the data at once; beyond 512,
    the cost of all pairs outgrows the network's.

    Example:
        >>> [batch_size_for(n) for n in (100, 1_000, 100_000)]
        [32, 256, 512]
    """
    power = 1 << round(math.log2(max(n_rows, 1) / 4)) if n_rows >= 4 else 1
    return min(max(power, _SMALLEST), _LARGEST)


def steps_for(n_rows: int) -> int:
    """Returns the number of steps for data of so many rows: 3,000 (n/60,000)^0.4, but at least 1,500.

    Each row is seen less often, the more there are: what the network learns of one region serves others.

    Example:
        >>> [steps_for(n) for n in (1_000, 60_000, 600_000)]
        [1500, 3000, 7536]
    """
    return max(_FEWEST_STEPS, round(_STEPS * math.pow(max(n_rows, 1) / _AT, _GROWTH)))


def short_steps_for(n_rows: int) -> int:
    """Returns the number of steps of a short training: 1,500 (n/60,000)^0.4, but at least 400.

    It suffices for the large structure of a map. Neighbourhoods are then preserved less well by the network, and
    as well as after a long training where positions are refined.

    Example:
        >>> [short_steps_for(n) for n in (1_000, 60_000, 600_000)]
        [400, 1500, 3768]
    """
    short = round(_STEPS / 2 * math.pow(max(n_rows, 1) / _AT, _GROWTH))
    return min(steps_for(n_rows), max(_FEWEST_SHORT, short))


def budget_for(epochs: Epochs, batch_size: Count, batches_per_epoch: int, n_rows: int) -> TrainingBudget:
    """Returns the length of a phase, with what is left to the rule.

    Args:
        epochs: Number of epochs; if ``"auto"``, as many as take :func:`steps_for` steps, if ``"short"``,
            :func:`short_steps_for` steps.
        batch_size: Rows in a batch; if ``"auto"``, :func:`batch_size_for` rows.
        batches_per_epoch: Batches in an epoch, or −1 for one pass over the data; where the rule chooses the
            epochs, for a pass or a twentieth of all steps, whichever is less.
        n_rows: Number of rows of the data.

    Example:
        >>> budget_for("auto", "auto", -1, 60_000)
        TrainingBudget(epochs=26, batch_size=512, batches_per_epoch=118)
        >>> budget_for(5, "auto", -1, 60_000)
        TrainingBudget(epochs=5, batch_size=512, batches_per_epoch=-1)
    """
    size = batch_size_for(n_rows) if batch_size == AUTO else batch_size
    if not isinstance(epochs, str):
        return TrainingBudget(epochs, size, batches_per_epoch)
    steps = steps_for(n_rows) if epochs == AUTO else short_steps_for(n_rows)
    if batches_per_epoch < 0:
        batches_per_epoch = min(math.ceil(max(n_rows, 1) / size), steps // _LEAST_EPOCHS)
    return TrainingBudget(math.ceil(steps / batches_per_epoch), size, batches_per_epoch)
