"""Attributes of points that losses refer to by name or number."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from paradime._registry import did_you_mean
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError

__all__ = ["Attribute"]


class Attribute:
    """One number per point: a column of an entry of the data set, or a separate entry.

    Args:
        attribute: The index of a column of ``data_key``, from 0; or the name of an entry of shape (n,) or (n, 1),
            or else of a column of ``data_key`` if that was a data frame.
        data_key: The entry that contains the column.

    Raises:
        ValueError: If the index is negative.

    Example:
        >>> Attribute(1).values({"main": torch.eye(2)}, torch.device("cpu"))
        tensor([0., 1.])
    """

    def __init__(self, attribute: str | int, data_key: str = "main") -> None:
        if not isinstance(attribute, str) and attribute < 0:
            raise ValueError(f"attribute must be a name, or a column's index from 0, got {attribute}.")
        self.attribute = attribute
        self.data_key = data_key
        # an entry, and the index of its column if it has several
        self._place: tuple[str, int | None] = (
            (attribute, None) if isinstance(attribute, str) else (data_key, int(attribute))
        )

    def resolve(self, dataset: Dataset) -> None:
        """Finds the attribute in a data set.

        Raises:
            KeyError: If the attribute is a column's index, and the data set has no entry ``data_key``.
            UnsupportedConfigurationError: If the attribute does not exist, is not unique, or has missing values.
        """
        if isinstance(self.attribute, str):
            self._place = self._named(self.attribute, dataset)
            missing = self.values(dataset, torch.device("cpu")).isnan()
            if bool(missing.any()):
                raise UnsupportedConfigurationError(
                    f"attribute {self.attribute!r} must have a value in each row, got none in "
                    f"{int(missing.sum())} rows, first in row {int(missing.nonzero()[0])}. Impute values, or drop "
                    "such rows."
                )
            return
        shape = tuple(dataset[self.data_key].shape)
        if len(shape) != 2 or self.attribute >= shape[1]:
            raise UnsupportedConfigurationError(
                f"attribute must be the index of a column of data {self.data_key!r}, whose shape is {shape}, got "
                f"{self.attribute}. Indices begin with 0."
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
                f"attribute must be the name of one column of data {self.data_key!r}, got {name!r} for "
                f"{columns.count(name)} columns. Pass the index of the column."
            )
        if name in dataset:
            raise UnsupportedConfigurationError(
                f"attribute {name!r} must have one number per row, shape ({len(dataset)},), got "
                f"{tuple(dataset[name].shape)}. Pass the index of one of its columns, and data_key={name!r}."
            )
        raise UnsupportedConfigurationError(
            f"attribute {name!r} is neither an entry of the data set nor a column of data {self.data_key!r}. "
            f"{did_you_mean(name, (entries - {'indices'}) | set(columns))}"
        )

    def column_of(self, key: str) -> int | None:
        """Returns the index of the column of an entry that the attribute is; ``None`` if it is no such column."""
        entry, column = self._place
        return column if entry == key else None

    def column(self, entries: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns the stored values of the attribute in a batch or the data set, shape (b,)."""
        key, number = self._place
        values = entries[key]
        return values.reshape(-1) if number is None else values[:, number]

    def values(self, batch: Mapping[str, torch.Tensor], device: torch.device) -> torch.Tensor:
        """Returns the attribute of a batch as floating-point numbers on a device, shape (b,)."""
        column = self.column(batch).to(device)
        return column if column.is_floating_point() else column.to(torch.float32)


def _is_column(values: torch.Tensor) -> bool:
    return values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)
