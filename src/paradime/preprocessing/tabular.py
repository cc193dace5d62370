"""Encoder of tables with numbers and categories."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted

from paradime.preprocessing.columns import Column, columns_of
from paradime.types import AnyArray, FloatArray
from paradime.utils.columns import is_missing

__all__ = ["TabularEncoder"]

_CHOICES = {"numbers": ("standardize", "keep"), "unknown": ("zeros", "error"), "missing": ("fill", "error")}


class TabularEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encodes data frames with numeric and categorical columns as arrays of numbers.

    Numbers (and booleans) are standardised; categories and strings are one-hot encoded. It precedes a routine in a
    scikit-learn ``Pipeline``.

    Args:
        numbers: ``"standardize"`` for mean 0 and standard deviation 1, or ``"keep"``.
        unknown: Treatment of categories that were not in the data of ``fit``: ``"zeros"`` encodes them as zeros,
            ``"error"`` raises an error.
        missing: Treatment of missing values: ``"fill"`` replaces missing numbers by the median and encodes missing
            categories as a category; ``"error"`` raises an error.

    Attributes:
        n_features_in_: Number of columns.
        feature_names_in_: Their names; x0, x1, … for arrays.

    Raises:
        ValueError: In ``fit``, if a parameter has another value.

    Example:
        >>> import polars
        >>> frame = polars.DataFrame({"size": [1.0, 3.0, None], "colour": ["red", "blue", "red"]})
        >>> encoder = TabularEncoder().fit(frame)
        >>> encoder.get_feature_names_out().tolist()
        ['size', 'colour_blue', 'colour_red']
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
            X: A data frame of pandas, polars or PyArrow, or an array, shape (n, d).
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
        self._kinds = [column.kind for column in columns]
        self._scaler, self._encoder = None, None
        if "numbers" in self._kinds:
            scaler = StandardScaler() if self.numbers == "standardize" else FunctionTransformer()
            # keep_empty_features: a column without any number becomes 0
            fill = SimpleImputer(strategy="median", keep_empty_features=True)
            self._scaler = make_pipeline(fill, scaler).fit(_stacked(columns, "numbers"))
        if "categories" in self._kinds:
            unknown = "ignore" if self.unknown == "zeros" else "error"
            self._encoder = OneHotEncoder(handle_unknown=unknown, sparse_output=False)
            self._encoder.fit(_stacked(columns, "categories"))
        return self

    def transform(self, X: Any) -> FloatArray:
        """Encodes a table.

        Args:
            X: A table with the columns of ``fit``.

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
        blocks: list[AnyArray] = []
        if self._scaler is not None:
            blocks.append(self._scaler.transform(_stacked(columns, "numbers")))
        if self._encoder is not None:
            blocks.append(self._encoder.transform(_stacked(columns, "categories")))
        encoded: FloatArray = np.concatenate(blocks, axis=1)
        return encoded

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Returns the names of the features: those of numeric columns, then ``column_category`` for each category.

        Args:
            input_features: Ignored.
        """
        check_is_fitted(self)
        by_kind = {
            kind: [n for n, k in zip(self.feature_names_in_, self._kinds, strict=True) if k == kind]
            for kind in ("numbers", "categories")
        }
        names = list(by_kind["numbers"])
        if self._encoder is not None:
            for name, categories in zip(by_kind["categories"], self._encoder.categories_, strict=True):
                names += [f"{name}_{'missing' if category is None else category}" for category in categories]
        return np.array(names, dtype=object)

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
        for i, (column, kind) in enumerate(zip(columns, self._kinds, strict=True)):
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
            missing = np.array([is_missing(value) for value in column.values], dtype=bool)
            if self.missing == "error" and missing.any():
                raise ValueError(
                    f"column {column.name!r} has a missing value (NA), first at row {int(missing.argmax())}. "
                    "Set missing='fill', or drop these rows."
                )


def _stacked(columns: list[Column], kind: str) -> AnyArray:
    """Returns the columns of a kind as a matrix, shape (n, c)."""
    return np.column_stack([column.values for column in columns if column.kind == kind])
