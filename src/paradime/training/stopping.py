"""When a phase ends early."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Sequence

__all__ = ["Stopping"]


@dataclasses.dataclass(frozen=True)
class Stopping:
    """Ends a phase when the loss of its epochs has not improved for a while.

    The model keeps the weights of the last epoch. Where the weights of losses change during the phase, so does
    what their sum means: a sum that falls because a weight falls counts as improved.

    Args:
        patience: Epochs without an improvement after which the phase ends, at least 1.
        min_delta: By how much the loss must fall below the best one to count as improved, relative to the
            latter's size; at least 0.
        warmup_epochs: Epochs at the beginning that do not count, at least 0.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> stopping = Stopping(patience=2)
        >>> stopping.ends([3.0, 2.0, 2.1]), stopping.ends([3.0, 2.0, 2.1, 1.9999])
        (False, True)
    """

    patience: int = 10
    min_delta: float = 1e-3
    warmup_epochs: int = 0

    def __post_init__(self) -> None:
        for name, least in (("patience", 1), ("warmup_epochs", 0)):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
        if not 0 <= self.min_delta < math.inf:
            raise ValueError(f"min_delta must be a number of at least 0, got {self.min_delta!r}.")

    def ends(self, history: Sequence[float]) -> bool:
        """Returns whether the phase is to end.

        Args:
            history: The loss of each epoch so far.
        """
        best, waited = math.inf, 0
        for loss in history[self.warmup_epochs :]:
            if math.isinf(best) or best - loss > self.min_delta * abs(best):
                best, waited = loss, 0
            else:
                waited += 1
        return waited >= self.patience
