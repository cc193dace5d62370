"""What a routine knows of the data that it was fitted to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import _check_feature_names, _get_feature_names

from paradime.data import Dataset
from paradime.dr.inputs import Targets, entry_of, shown_classes
from paradime.persistence.values import VALUES
from paradime.refinement import RefinedMap
from paradime.sources import StoredRows
from paradime.types import AnyArray
from paradime.utils.frames import check_distinct_names, text_names

__all__ = ["Drift", "FittedState"]

_ON_DATA = (None, "forward", "embed", "encode", "classify")


@VALUES.register("drift")
@dataclasses.dataclass(frozen=True)
class Drift:
    """How far anchors have moved while the map was updated, in units of the map's spread.

    Where none were held, rows that would have been anchors are looked at.

    Attributes:
        mean: The mean movement.
        largest: The largest one.
        spread: That unit: the root of the mean squared distance of the earlier rows' positions from their mean.
        n_anchors: How many rows were looked at.
        median_of_others: The median movement of the rows of an update with constraints that these do not name;
            ``None`` of an update without constraints.
        adherence: The adherence to the constraints of the update, by key.
    """

    mean: float
    largest: float
    spread: float
    n_anchors: int
    median_of_others: float | None = None
    adherence: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FittedState:
    """What a routine knows of the data of its training; replaced as a whole.

    Attributes:
        row_shape: The shape of a row; ``None`` before the first training.
        feature_names: The names of the columns of a data frame, shape (d,); ``None`` of other data.
        targets: What ``y`` was; ``None`` without one.
        n_rows_seen: How many rows were trained on since the last ``fit``.
        drift: How far the map moved in the last update; ``None`` before one.
        metadata: What was said when the routine was saved, of one that was loaded.
        ranges: The usual ranges of the columns, low and high, of a routine that was loaded without its data.
        source: Which part of an AnnData it was fitted to.
        refined: The refined map; ``None`` where the network's map is not refined.
    """

    row_shape: tuple[int, ...] | None = None
    feature_names: AnyArray | None = None
    targets: Targets | None = None
    n_rows_seen: int | None = None
    drift: Drift | None = None
    metadata: Mapping[str, Any] | None = None
    ranges: tuple[torch.Tensor, torch.Tensor] | None = None
    source: Any = None
    refined: RefinedMap | None = None

    def replace(self, **changes: Any) -> FittedState:
        """Returns a state with some fields changed."""
        return dataclasses.replace(self, **changes)

    def of_other_data(self, X: Any, key: str) -> FittedState:
        """Returns what is known of other data, before anything is trained on them.

        Args:
            X: What was passed: rows, a dict of named entries, or a data set.
            key: The entry that is embedded.

        Raises:
            TypeError: If some columns are named by texts and others are not.
            ValueError: If two columns have the same name.
        """
        return FittedState(
            row_shape=self.row_shape,
            feature_names=_names_of(X, key),
            targets=self.targets,
            n_rows_seen=self.n_rows_seen,
        )

    # -- what fits ------------------------------------------------------------------------------------

    def check_names(self, X: Any, key: str, owner: Any, method: str | None = None) -> Any:
        """Returns the entry that is embedded; raises ValueError if its columns have other names than before.

        Args:
            X: As for :meth:`of_other_data`.
            key: The entry that is embedded.
            owner: The routine, for messages of scikit-learn.
            method: The model's method that is applied; positions to decode have no names.
        """
        rows = entry_of(X, key)
        if method not in _ON_DATA or (self.feature_names is None and not _has_names(X, rows)):
            return rows
        if not isinstance(X, Dataset) and not isinstance(rows, StoredRows):
            check_distinct_names(rows)
            _check_feature_names(owner, _with_names(rows), reset=False)
            return rows
        given = X.names.get(key) if isinstance(X, Dataset) else text_names(rows)
        known = self.feature_names
        if given is not None and known is not None and given != list(known):
            raise ValueError(
                f"The feature names should match those that were passed during fit: {list(known)}, got {given}. "
                "Rename the columns, or bring them into that order."
            )
        return rows

    def check_rows(self, X: Any, key: str, owner: Any) -> None:
        """Raises ValueError if rows are not of the names and the shape that the network takes."""
        rows = self.check_names(X, key, owner)
        shape, expected, name = _shape_of(rows), self.row_shape, type(owner).__name__
        # what is no array, or ragged, is refused where it is read
        if expected is None or not shape or tuple(shape[1:]) == expected:
            return
        if len(expected) == 1 and len(shape) == 2:
            raise ValueError(
                f"X has {shape[1]} features, but {name} is expecting {expected[0]} features as input."
            )
        raise ValueError(f"X has rows of shape {tuple(shape[1:])}, but {name} is expecting {expected}.")

    def check_targets(self, y: Any, owner: Any) -> None:
        """Raises ValueError if targets are not of the kind and the classes of the training."""
        before = self.targets
        if before is None and y is None:
            return
        now = None if y is None else Targets.of(y)[0]
        if before is None or now is None or before.kind != now.kind:
            kinds = ["no y" if one is None else f"{one.kind} y" for one in (before, now)]
            raise ValueError(
                f"this {type(owner).__name__} was trained with {kinds[0]}, and is given {kinds[1]}. Pass such a "
                "y; or fit anew with warm_start=False."
            )
        same = before.classes is None or now.classes is None or np.array_equal(before.classes, now.classes)
        if not same:
            raise ValueError(
                f"y must have the classes of the training, {shown_classes(before.classes)}, got "
                f"{shown_classes(now.classes)}. Fit anew with warm_start=False."
            )


def _shape_of(rows: Any) -> tuple[int, ...]:
    """Returns the shape of an array or of nested lists; () of what has none."""
    shape = getattr(rows, "shape", None)
    try:
        return tuple(np.shape(rows) if shape is None else shape)
    except ValueError:  # lists of unequal lengths
        return ()


def _has_names(X: Any, rows: Any) -> bool:
    return isinstance(X, Dataset) or hasattr(rows, "columns")


def _names_of(X: Any, key: str) -> AnyArray | None:
    """Returns the names of columns; names in part texts are refused, as scikit-learn does."""
    rows = entry_of(X, key)
    check_distinct_names(rows)
    if isinstance(X, Dataset):
        known = X.names.get(key)
        return None if known is None else np.array(known, dtype=object)
    names = text_names(rows)
    return None if names is None else np.array(names, dtype=object)


class _Named:
    """Names of columns, for versions of scikit-learn that read them by the interchange protocol of data frames."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __dataframe__(self) -> _Named:
        return self

    def column_names(self) -> list[str]:
        return self._names


def _with_names(rows: Any) -> Any:
    """Returns an object of which scikit-learn reads the names; polars has left the protocol that 1.6 knows."""
    names = text_names(rows)
    return rows if names is None or _get_feature_names(rows) is not None else _Named(names)
