"""Declarations of the data entries that a routine requires."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from paradime._registry import did_you_mean
from paradime.data.dataset import Dataset

__all__ = ["DataField", "check_fields"]

_Content = Literal["numbers", "classes"]


@dataclasses.dataclass(frozen=True)
class DataField:
    """An entry that the data must have.

    Args:
        name: The entry's name.
        content: ``"numbers"``, or ``"classes"`` for integers, where −1 means unlabelled.
        shape: The shape of a row, such as (10,) or (1, 28, 28), with ``None`` for any size; any shape if ``None``.
        description: Description of the content, for messages.

    Raises:
        ValueError: If the content is unknown.

    Example:
        >>> DataField("labels", "classes").check(Dataset({"main": [[1.0], [2.0]], "labels": [0, 1]}))
    """

    name: str
    content: _Content = "numbers"
    shape: Sequence[int | None] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if self.content not in get_args(_Content):
            raise ValueError(f"unknown content {self.content!r}. {did_you_mean(self.content, get_args(_Content))}")

    def check(self, dataset: Dataset) -> None:
        """Raises a ValueError if a data set lacks this entry, or it has another content or shape."""
        if self.name not in dataset:
            raise ValueError(
                f"the routine expects data {self.name!r}{self._described()}, which are missing. "
                f"Pass them by name: train({{'main': …, {self.name!r}: …}})."
            )
        entry = dataset[self.name]
        if self.content == "classes" and entry.is_floating_point():
            raise ValueError(
                f"data {self.name!r}{self._described()} must be integer class labels, got {entry.dtype}. "
                "Convert them to integers."
            )
        got = tuple(entry.shape[1:])
        fits = self.shape is None or (
            len(got) == len(self.shape) and all(w in (None, g) for w, g in zip(self.shape, got, strict=True))
        )
        if not fits:
            raise ValueError(
                f"rows of data {self.name!r}{self._described()} must have shape {tuple(self.shape or ())}, "
                f"got {got}. Reshape the data."
            )

    def _described(self) -> str:
        return f" ({self.description})" if self.description else ""


def check_fields(fields: Iterable[DataField], dataset: Dataset) -> None:
    """Raises a ValueError if a data set does not have the declared entries."""
    for field in fields:
        field.check(dataset)
