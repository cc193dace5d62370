"""Attributes of points that losses refer to by name or number."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from paradime._registry import did_you_mean
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError

__all__ = ["Attribute"]


class Attribute:
    """One number a point: a column of an entry of the data set, or an entry of its own.

    Args:
        attribute: The number of a column of ``data_key``, from 0 on; or the name of an entry of shape (n,) or
            (n, 1), or else that of a column of ``data_key``, where that was a data frame.
        data_key: The entry whose columns are meant.

    Raises:
        ValueError: If a number is negative.

    Example:
        >>> Attribute(1).values({"main": torch.eye(2)}, torch.device("cpu"))
        tensor([0., 1.])
    """

    def __init__(self, attribute: str | int, data_key: str = "main") -> None:
        if not isinstance(attribute, str) and attribute < 0:
            raise ValueError(f"attribute must be a name, or a column's number from 0 on, got {attribute}.")
        self.attribute = attribute
        self.data_key = data_key
        # an entry, and the number of its column if it has several
        self._place: tuple[str, int | None] = (
            (attribute, None) if isinstance(attribute, str) else (data_key, int(attribute))
        )

    def resolve(self, dataset: Dataset) -> None:
        """Finds the attribute in a data set.

        Raises:
            KeyError: If a column's number is given, and the data set has no entry ``data_key``.
            UnsupportedConfigurationError: If there is no such attribute, or no single one.
        """
        if isinstance(self.attribute, str):
            self._place = self._named(self.attribute, dataset)
            missing = self.values(dataset, torch.device("cpu")).isnan()
            if bool(missing.any()):
                raise UnsupportedConfigurationError(
                    f"attribute {self.attribute!r} must be there for each row, got none in {int(missing.sum())} "
                    f"rows, first in row {int(missing.nonzero()[0])}. Fill it in, or leave such rows out."
                )
            return
        shape = tuple(dataset[self.data_key].shape)
        if len(shape) != 2 or self.attribute >= shape[1]:
            raise UnsupportedConfigurationError(
                f"attribute {self.attribute} is no column of data {self.data_key!r} of shape {shape}. Columns are "
                "numbered from 0."
            )

    def _named(self, name: str, dataset: Dataset) -> tuple[str, int | None]:
        entries = {key for key, values in dataset.items() if _is_column(values)}
        columns = dataset.columns.get(self.data_key, [])
        if name in entries:
            return name, None
        if columns.count(name) == 1:
            return self.data_key, columns.index(name)
        if name in columns:
            raise UnsupportedConfigurationError(
                f"attribute {name!r} is the name of {columns.count(name)} columns of data {self.data_key!r}. "
                "Give the column's number."
            )
        if name in dataset:
            raise UnsupportedConfigurationError(
                f"attribute {name!r} must have one number a row, shape ({len(dataset)},), got "
                f"{tuple(dataset[name].shape)}. Give a column of it: its number, with data_key={name!r}."
            )
        raise UnsupportedConfigurationError(
            f"attribute {name!r} is neither an entry of the data set nor a column of data {self.data_key!r}. "
            f"{did_you_mean(name, (entries - {'indices'}) | set(columns))}"
        )

    def column(self, entries: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns the attribute as it is stored, shape (b,), of a batch or of the data set."""
        key, number = self._place
        values = entries[key]
        return values.reshape(-1) if number is None else values[:, number]

    def values(self, batch: Mapping[str, torch.Tensor], device: torch.device) -> torch.Tensor:
        """Returns the attribute of a batch as floating-point numbers on a device, shape (b,)."""
        column = self.column(batch).to(device)
        return column if column.is_floating_point() else column.to(torch.float32)


def _is_column(values: torch.Tensor) -> bool:
    return values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
