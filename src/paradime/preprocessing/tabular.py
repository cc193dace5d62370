"""Encoder of tables with numbers and categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pydantic
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from paradime.preprocessing.columns import Column, Kind, columns_of
from paradime.types import AnyArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TabularEncoder"]

_CHOICES = {"numbers": ("standardize", "keep"), "unknown": ("zeros", "error"), "missing": ("fill", "error")}
_MOST_NAMED = 5

_Finite = Annotated[float, pydantic.Field(allow_inf_nan=False)]


class _Fitted(pydantic.BaseModel):
    """What a fitted encoder knows, in the form of JSON."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    numbers: Literal["standardize", "keep"] = "keep"
    unknown: Literal["zeros", "error"] = "zeros"
    missing: Literal["fill", "error"] = "error"
    columns: list[str]
    categories: dict[str, list[str | None]]
    fill: list[float]
    mean: list[_Finite]
    scale: list[_Finite]
    features: list[str]

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if list(self.categories) != [name for name in self.columns if name in self.categories]:
            raise ValueError("categories must be those of columns, in their order")
        n_numbers = sum(name not in self.categories for name in self.columns)
        n_features = n_numbers + sum(map(len, self.categories.values()))
        lengths = {"fill": n_numbers, "mean": n_numbers, "scale": n_numbers, "features": n_features}
        for name, expected in lengths.items():
            if len(getattr(self, name)) != expected:
                raise ValueError(f"{name} must have {expected} entries, got {len(getattr(self, name))}")
        return self


class TabularEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encodes data frames with numeric and categorical columns as arrays of numbers.

    Numbers (and booleans) are standardised. Categories and strings are one-hot encoded: each category becomes a
    column of zeros and ones. The encoder precedes a routine in a scikit-learn ``Pipeline``, which
    :func:`~paradime.preprocessing.save_pipeline` saves; the command line uses it for its tables.

    Args:
        numbers: ``"standardize"`` for mean 0 and standard deviation 1, or ``"keep"``.
        unknown: Treatment of categories that were not in the data of ``fit``: ``"zeros"`` encodes them as zeros,
            ``"error"`` raises an error.
        missing: Treatment of missing values: ``"fill"`` replaces missing numbers by the median and encodes missing
            categories as a category; ``"error"`` raises an error.

    Attributes:
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns; x0, x1, … for arrays.
        categories_: Categories by the name of the column, in order; ``None`` among them are missing ones.

    Raises:
        ValueError: In ``fit``, if a parameter has another value.

    Example:
        >>> import polars
        >>> frame = polars.DataFrame({"size": [1.0, 3.0, None], "colour": ["red", "blue", "red"]})
        >>> encoder = TabularEncoder().fit(frame)
        >>> encoder.get_feature_names_out().tolist()
        ['size', 'colour=blue', 'colour=red']
        >>> encoder.transform(frame).round(2)
        array([[-1.22,  0.  ,  1.  ],
               [ 1.22,  1.  ,  0.  ],
               [ 0.  ,  0.  ,  1.  ]])
    """

    def __init__(
        self,
        *,
        numbers: Literal["standardize", "keep"] = "standardize",
        unknown: Literal["zeros", "error"] = "zeros",
        missing: Literal["fill", "error"] = "fill",
    ) -> None:
        self.numbers = numbers
        self.unknown = unknown
        self.missing = missing

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits means, scales and categories.

        Args:
            X: A data frame of pandas, polars or PyArrow, or an array, shape (n, d); or its columns, as a list of
                :class:`~paradime.preprocessing.columns.Column`.
            y: Ignored.

        Raises:
            ValueError: If a column has neither numbers nor categories, or missing values with ``missing="error"``.
        """
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {choices}, got {getattr(self, name)!r}. The default is {choices[0]!r}."
                )
        columns = columns_of(X)
        self._check_missing(columns)
        self.feature_names_in_ = np.array([column.name for column in columns], dtype=object)
        self.n_features_in_ = len(columns)
        self.categories_ = {
            column.name: _categories_of(column.values) for column in columns if column.kind == "categories"
        }
        values = _numbers_of(columns)
        n_numbers = values.shape[1]
        self._fill, self._mean, self._scale = np.zeros(n_numbers), np.zeros(n_numbers), np.ones(n_numbers)
        if n_numbers and self.missing == "fill":
            # a column without any number is 0
            self._fill = np.nanmedian(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0)
        if n_numbers and self.numbers == "standardize":
            from sklearn.preprocessing import StandardScaler

            scaler = StandardScaler().fit(np.where(np.isnan(values), self._fill, values))
            self._mean, self._scale = scaler.mean_, scaler.scale_
        self._features = [column.name for column in columns if column.kind == "numbers"]
        for name, categories in self.categories_.items():
            self._features += [f"{name}={'missing' if value is None else value}" for value in categories]
        return self

    def transform(self, X: Any) -> FloatArray:
        """Encodes a table.

        Args:
            X: A table with the columns of ``fit``, in any form that ``fit`` takes.

        Returns:
            Shape (m, number of features), float64: numeric columns first, then categorical ones.

        Raises:
            NotFittedError: If it is not fitted.
            ValueError: If columns differ from those of ``fit``, or have missing or unknown values that raise an
                error.
        """
        check_is_fitted(self)
        columns = columns_of(X)
        self._check_columns(columns)
        self._check_missing(columns)
        values = _numbers_of(columns)
        if (missing := np.isnan(values)).any():
            values = np.where(missing, self._fill, values)
        if not self.keeps_numbers:
            values = (values - self._mean) / self._scale
        codes = [self._one_hot(column) for column in columns if column.kind == "categories"]
        encoded: FloatArray = np.concatenate((values, *codes), axis=1) if codes else values
        return encoded

    def inverse_transform(self, X: Any) -> pd.DataFrame:
        """Returns the rows of a table whose features are given; of each column of categories the most likely one.

        Args:
            X: Features, shape (m, number of features).

        Returns:
            The columns of ``fit``, shape (m, d), as a data frame of pandas.

        Raises:
            NotFittedError: If it is not fitted.
            ValueError: If the number of features differs.
        """
        import pandas as pd

        check_is_fitted(self)
        features = np.asarray(X, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != len(self._features):
            raise ValueError(f"X must have shape (m, {len(self._features)}), got {features.shape}.")
        start = len(self._mean)
        values = features[:, :start] * self._scale + self._mean
        numeric = [name for name, kind in self.kinds.items() if kind == "numbers"]
        columns: dict[str, AnyArray] = dict(zip(numeric, values.T, strict=True))
        for name, categories in self.categories_.items():
            likely = features[:, start : start + len(categories)].argmax(axis=1)
            columns[name] = np.array(categories, dtype=object)[likely]
            start += len(categories)
        return pd.DataFrame({name: columns[name] for name in self.feature_names_in_})

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Returns the names of the features: those of numeric columns, then ``column=category`` for each category.

        Args:
            input_features: Ignored.
        """
        check_is_fitted(self)
        return np.array(self._features, dtype=object)

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the columns of ``fit`` hold, by name and in their order: ``"numbers"`` or ``"categories"``."""
        check_is_fitted(self)
        return {name: "categories" if name in self.categories_ else "numbers" for name in self.feature_names_in_}

    @property
    def keeps_columns(self) -> bool:
        """Whether the features are the columns of the table, unchanged except for missing values."""
        return self.keeps_numbers and not self.categories_

    @property
    def keeps_numbers(self) -> bool:
        """Whether the features of numeric columns are their numbers, unchanged except for missing values."""
        check_is_fitted(self)
        return not self._mean.any() and bool((self._scale == 1).all())

    def to_dict(self) -> dict[str, Any]:
        """Returns what the encoder has learned, in a form that JSON can hold; :meth:`from_dict` reads it."""
        check_is_fitted(self)
        return {
            **self.get_params(),
            "columns": self.feature_names_in_.tolist(),
            "categories": self.categories_,
            "fill": self._fill.tolist(),
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
            "features": self._features,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Returns a fitted encoder, from what :meth:`to_dict` returned.

        Args:
            saved: What was saved.

        Raises:
            ValueError: If it was not written by :meth:`to_dict`.

        Example:
            >>> encoder = TabularEncoder().fit(np.array([[1.0], [3.0]]))
            >>> TabularEncoder.from_dict(encoder.to_dict()).transform(np.array([[5.0]]))
            array([[3.]])
        """
        try:
            fitted = _Fitted.model_validate(saved)
        except pydantic.ValidationError as error:
            wrong = error.errors()[0]
            place = "".join(f"{part}: " for part in wrong["loc"])
            raise ValueError(
                f"the saved encoder is damaged: {place}{wrong['msg']}. Save the model again."
            ) from error
        encoder = cls(numbers=fitted.numbers, unknown=fitted.unknown, missing=fitted.missing)
        encoder.feature_names_in_ = np.array(fitted.columns, dtype=object)
        encoder.n_features_in_ = len(fitted.columns)
        encoder.categories_ = fitted.categories
        encoder._fill, encoder._mean, encoder._scale = map(np.array, (fitted.fill, fitted.mean, fitted.scale))
        encoder._features = fitted.features
        return encoder

    def _one_hot(self, column: Column) -> AnyArray:
        """Returns a column of zeros and ones per category, shape (m, number of categories)."""
        categories = self.categories_[column.name]
        known = {category: j for j, category in enumerate(categories)}
        found = np.array([known.get(value, -1) for value in column.values], dtype=np.int64)
        rows = np.flatnonzero(found >= 0)
        if self.unknown == "error" and len(rows) < len(found):
            unknown = sorted({str(value) for value in column.values[found < 0]})
            shown = ", ".join(map(repr, unknown[:_MOST_NAMED])) + (", …" if len(unknown) > _MOST_NAMED else "")
            raise ValueError(
                f"column {column.name!r} must hold categories of the training, got unknown categories {shown}. "
                "Set unknown='zeros', or drop such rows."
            )
        encoded = np.zeros((len(found), len(categories)))
        encoded[rows, found[rows]] = 1.0
        return encoded

    def _check_columns(self, columns: list[Column]) -> None:
        names, expected = [column.name for column in columns], self.feature_names_in_.tolist()
        if len(names) != len(expected):
            raise ValueError(
                f"X has {len(names)} features, but {type(self).__name__} is expecting {len(expected)} features as "
                "input."
            )
        if names != expected:
            raise ValueError(
                f"The feature names should match those that were passed during fit: {expected}, got {names}. "
                "Select the columns in that order."
            )
        for i, (column, kind) in enumerate(zip(columns, self.kinds.values(), strict=True)):
            if kind == "categories" and column.kind == "numbers" and bool(np.isnan(column.values).all()):
                columns[i] = Column(column.name, kind, np.full(len(column.values), None))
            elif column.kind != kind:
                raise ValueError(
                    f"column {column.name!r} must have {kind} as in fit, got {column.kind}. Convert the column."
                )

    def _check_missing(self, columns: list[Column]) -> None:
        for column in columns:
            if column.kind == "numbers" and bool(np.isinf(column.values).any()):
                raise ValueError(f"column {column.name!r} contains infinity. Clip or drop these values.")
            if self.missing == "error" and (missing := column.missing).any():
                raise ValueError(
                    f"column {column.name!r} has a missing value (NA), first at row {int(missing.argmax())}. "
                    "Set missing='fill', or drop these rows."
                )


def _numbers_of(columns: list[Column]) -> AnyArray:
    """Returns the columns of numbers, shape (n, number of such columns)."""
    chosen = [column.values for column in columns if column.kind == "numbers"]
    return np.column_stack(chosen) if chosen else np.empty((len(columns[0].values), 0))


def _categories_of(values: AnyArray) -> list[str | None]:
    """Returns the categories in order; a missing one is ``None``, and the last."""
    present = set(values.tolist())
    return [*sorted(present - {None}), *({None} & present)]
