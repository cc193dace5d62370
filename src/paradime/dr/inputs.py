"""What a routine is given, as data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paradime.data import Dataset
from paradime.dr.targets import Targets
from paradime.types import Data
from paradime.utils.sparse import is_sparse

__all__ = ["as_dataset", "embedded_entry", "entry_of", "number_of_rows", "with_targets"]


def names_entries(X: Any) -> bool:
    """Returns whether data are a dict of named entries; a sparse matrix by keys, which is a dict, too, is not."""
    return isinstance(X, Mapping) and not is_sparse(X)


def as_dataset(X: Data, key: str) -> Dataset:
    """Returns a data set of what was passed, to which entries can be added: rows are the entry of a name.

    A data set is copied without its arrays; it keeps the precision and the names of what it was made of.
    """
    if isinstance(X, Dataset):
        return X.subset(slice(None))
    return Dataset(X if names_entries(X) else {key: X})


def embedded_entry(dataset: Dataset, key: str) -> str:
    """Returns the entry of a data set that is embedded: the one of that name, or the first one.

    Example:
        >>> embedded_entry(Dataset({"first": [[1.0]], "main": [[2.0]]}), "main")
        'main'
        >>> embedded_entry(Dataset({"first": [[1.0]]}), "main")
        'first'
    """
    return key if key in dataset else next(iter(dataset))


def entry_of(X: Any, key: str) -> Any:
    """Returns the rows that are embedded: of a dict of named entries, the one of that name.

    Raises:
        ValueError: If it has none.
    """
    if not names_entries(X):
        return X
    if key not in X:
        raise ValueError(f"X has no entry {key!r}, which is embedded, got {sorted(map(str, X))}.")
    return X[key]


def with_targets(dataset: Dataset, y: Any) -> Targets | None:
    """Adds targets to a data set as the entry ``"labels"``; returns what they are, ``None`` if there are none."""
    if y is None:
        return None
    targets, numbers = Targets.of(y, n=len(dataset))
    dataset.add({"labels": numbers})
    return targets


def number_of_rows(rows: Any) -> int:
    """Returns how many rows there are."""
    shape = getattr(rows, "shape", None)
    return int(shape[0]) if shape else len(rows)
