"""What a fitted routine shows of what it learned, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils.validation import _check_feature_names, _get_feature_names

from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.dr.html import fitted_attributes, html_of
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError
from paradime.metrics import trustworthiness
from paradime.types import AnyArray, Data, FloatArray
from paradime.utils.frames import check_distinct_names
from paradime.utils.sparse import is_sparse

__all__ = ["Learned", "as_dataset", "entry_of", "names_entries"]

_SCORED_ROWS, _SCORED_NEIGHBORS = 2000, 15
_ON_DATA = (None, "forward", "embed", "encode", "classify")


class UnknownAttributeError(UnsupportedConfigurationError, AttributeError):
    """A routine of this kind has no such attribute; to ``hasattr`` it is not there."""


class Learned(ClassNamePrefixFeaturesOutMixin):  # type: ignore[misc]
    """The part of a routine that tells what it was fitted to and what came out.

    Attributes:
        n_features_in_: Number of columns of the data; not there for data of another shape.
        feature_names_in_: Names of the columns of a data frame; not there for other data.
    """

    n_features_in_: int
    feature_names_in_: AnyArray

    told_of_data: ClassVar[frozenset[str]] = frozenset({"_anndata_source", "_ranges", "drift_", "metadata_"})
    """Attributes that tell of the data of a training and are not set by each; other data drop them."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    def _model_key(self) -> str:
        raise NotImplementedError

    def _apply_rows(self, X: Any, method: str | None) -> torch.Tensor:
        raise NotImplementedError

    def _apply_to_rows(self, X: Any, method: str | None = None) -> torch.Tensor:
        """Applies the trained model to points, shape (m, …)."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        raise NotImplementedError

    # -- what it was fitted to ------------------------------------------------------------------------

    def _remember_names(self, X: Any) -> None:
        """Keeps the names of a data frame's columns, and nothing of earlier data.

        Names in part texts are refused, as scikit-learn does.
        """
        rows = entry_of(X, getattr(self, "data_key", "main"))
        for name in ("feature_names_in_", *self.told_of_data):
            self.__dict__.pop(name, None)
        check_distinct_names(rows)
        if isinstance(X, Dataset):
            known = X.names.get(getattr(self, "data_key", "main"))
            names = None if known is None else np.array(known, dtype=object)
        else:
            names = None if isinstance(rows, (np.ndarray, torch.Tensor)) else _get_feature_names(rows)
        if names is not None:
            self.feature_names_in_ = names

    def _remember_shape(self, rows: Any) -> None:
        """Keeps the shape of a row, which points to embed must have, and forgets what was embedded."""
        self._row_shape: tuple[int, ...] = tuple(rows.shape[1:])
        self.__dict__.pop("n_features_in_", None)
        self.__dict__.pop("_embedding", None)
        if len(self._row_shape) == 1:
            self.n_features_in_ = self._row_shape[0]

    def _as_remembered(self, X: Any, method: str | None) -> Any:
        """Returns the entry that is embedded, if its columns have the names of the training."""
        rows = entry_of(X, getattr(self, "data_key", "main"))
        if method in _ON_DATA and ("feature_names_in_" in self.__dict__ or hasattr(rows, "columns")):
            self._check_names(X, rows)
        return rows

    def _check_names(self, X: Any, rows: Any) -> None:
        """Raises ValueError if columns have other names than those of the training."""
        if not isinstance(X, Dataset):
            check_distinct_names(rows)
            _check_feature_names(self, rows, reset=False)
            return
        given, known = X.names.get(getattr(self, "data_key", "main")), self.__dict__.get("feature_names_in_")
        if given is not None and known is not None and given != list(known):
            raise ValueError(
                f"The feature names should match those that were passed during fit: {list(known)}, got {given}. "
                "Rename the columns, or bring them into that order."
            )

    # -- what came out --------------------------------------------------------------------------------

    @property
    def embedding_(self) -> FloatArray:
        """The embedding of the rows that were trained on, shape (n, out_dim); computed when it is first read."""
        found: FloatArray | None = self.__dict__.get("_embedding")
        if found is None:
            dataset = self._trained_blocks("embedding_").dataset
            if dataset is None:
                raise UnknownAttributeError(
                    f"this {type(self).__name__} does not hold the data it was trained on. Call transform(X)."
                )
            found = self._apply_rows(dataset[self._model_key()], "embed").numpy()
            self.__dict__["_embedding"] = found
        return found

    @property
    def graph_(self) -> scipy.sparse.csr_array:
        """The weighted graph of the rows that was trained on, shape (n, n): the global relations ``"rel"``."""
        relations = self._trained_blocks("graph_").workspace.relation_data
        key = "rel" if "rel" in relations else next(iter(relations), None)
        if key is None:
            raise UnknownAttributeError(
                f"this {type(self).__name__} has no graph_: it holds no global relations between its rows."
            )
        # a copy, since further training reads the relations
        return scipy.sparse.csr_array(relations[key].to_sparse_array().data, copy=True)

    def _trained_blocks(self, attribute: str) -> Blocks:
        if not self.__sklearn_is_fitted__():
            raise NotTrainedError(
                f"this {type(self).__name__} has no {attribute} before it is fitted. Call fit(X)."
            )
        return self._blocks

    @property
    def _n_features_out(self) -> int:
        """Number of dimensions of the embedding, which for models of users' own only their output tells."""
        shape = self.__dict__.get("_row_shape")
        if shape is None:
            raise NotTrainedError(f"this {type(self).__name__} is not fitted yet. Call fit(X) first.")
        return int(self._apply_rows(torch.zeros(1, *shape), "embed").shape[1])

    def score(self, X: Any, y: Any = None) -> float:
        """Measures how far the neighbours that the embedding shows are neighbours in the data.

        This is the trustworthiness of 15 neighbours (fewer of less than 32 rows) by Euclidean distances, of at
        most 2,000 rows, which are always the same of the same number of rows. Cross-validation can compare
        settings by it.

        Args:
            X: Points, shape (m, …), at least 3.
            y: Ignored.

        Returns:
            A number in [0, 1]; 1 is best.

        Raises:
            NotTrainedError: If the routine is not trained.
            ValueError: If there are fewer than 3 points, and as :meth:`transform` does.

        Source: Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> X = load_iris().data
            >>> 0.8 < ParametricMDS(random_state=0).fit(X).score(X) <= 1
            True
        """
        self._trained_blocks("score")
        rows = entry_of(X, getattr(self, "data_key", "main"))
        n_rows = _n_rows(rows)
        if n_rows < 3:
            raise ValueError(f"score needs at least 3 rows, which have neighbours to compare, got {n_rows}.")
        embedded = self._apply_to_rows(X, "embed")
        dataset = Dataset({"rows": rows})
        chosen = np.arange(n_rows)
        if n_rows > _SCORED_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(n_rows, _SCORED_ROWS, replace=False))
        points = dataset.source("rows")[torch.from_numpy(chosen)].flatten(1)
        n_neighbors = min(_SCORED_NEIGHBORS, (len(chosen) - 1) // 2)
        return float(trustworthiness(points, embedded[torch.from_numpy(chosen)], n_neighbors=n_neighbors))

    # -- how it is shown ------------------------------------------------------------------------------

    def set_output(self, *, transform: str | None = None) -> Self:
        """Sets what :meth:`transform` and ``fit_transform`` return.

        Args:
            transform: ``"default"`` for NumPy arrays, ``"pandas"`` or ``"polars"`` for data frames, or ``"torch"``
                for tensors, on the device of a tensor that came in. What was set stays if ``None``.

        Raises:
            ValueError: If it is something else.

        Example:
            >>> from paradime import ParametricMDS
            >>> X = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
            >>> ParametricMDS(epochs=1).set_output(transform="torch").fit_transform(X).shape
            torch.Size([50, 2])
        """
        if transform is None:
            return self
        if transform not in ("default", "pandas", "polars", "torch"):
            raise ValueError(
                f"transform must be 'default', 'pandas', 'polars', 'torch' or None, got {transform!r}."
            )
        self._returns_tensors = transform == "torch"
        # scikit-learn knows no tensors, and leaves what it need not convert as it is
        super().set_output(transform="default" if transform == "torch" else transform)
        return self

    _returns_tensors = False

    def _html_repr(self) -> str:
        return html_of(self)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        return fitted_attributes(self, doc_link)


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


def _n_rows(rows: Any) -> int:
    shape = getattr(rows, "shape", None)
    return int(shape[0]) if shape else len(rows)
