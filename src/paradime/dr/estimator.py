"""What scikit-learn calls."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.dr.targets import Targets
from paradime.exceptions import ParaDimeError, UnsupportedConfigurationError
from paradime.types import AnyArray, Data

__all__ = ["Estimator"]


class Estimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The scikit-learn side of a routine, in terms of :meth:`train` and :meth:`embed`."""

    _targets: Targets | None = None

    @property
    @abstractmethod
    def trained(self) -> bool:
        """Whether a training phase was run."""

    @abstractmethod
    def train(self, data: Dataset | Data | None = None) -> None:
        """Runs all training phases."""

    @abstractmethod
    def embed(self, X: Any) -> torch.Tensor:
        """Embeds points."""

    @abstractmethod
    def apply(self, X: Any, method: str | None = None) -> torch.Tensor:
        """Applies the trained model to points."""

    def fit(self, X: Data, y: Any = None) -> Self:
        """Trains on data from the start, as scikit-learn calls it; :meth:`train` goes on where it was.

        Args:
            X: The data: rows, or a dict of named entries. Rows become the entry that is embedded.
            y: Targets, shape (n,), which become the entry ``"labels"``, or ``None``. Floating-point numbers are
                standardised; anything else is classes, which are numbered from 0, and of which −1 (or, among
                texts, a missing value) means unlabelled.

        Raises:
            ValueError: If ``y`` is not one target a row, or not finite; and as :meth:`train` does.
        """
        named = dict(X) if isinstance(X, Mapping) else {getattr(self, "data_key", "main"): X}
        targets: Targets | None = None
        if y is not None:
            targets, named["labels"] = Targets.of(y)
        dataset = Dataset(named)  # data that are refused leave what was learned as it is
        self._targets = targets
        self._start_afresh()
        self.train(dataset)
        return self

    @property
    def classes_(self) -> AnyArray:
        """The classes that ``y`` had, in the order of the scores of :meth:`predict_proba`."""
        if self._targets is None or self._targets.classes is None:
            raise AttributeError(f"this {type(self).__name__} was not fitted with classes, fit(X, y).")
        return self._targets.classes

    def predict(self, X: Any) -> AnyArray:
        """Predicts the targets of points, by the model's method ``classify``.

        Args:
            X: Points, shape (m, …).

        Returns:
            Classes as ``y`` had them, or numbers, shape (m,).

        Raises:
            NotTrainedError: If the routine is not trained.
            NotImplementedError: If the model does not classify; presets do with ``classifier=True``.
        """
        scores = self._apply_part(X, "classify", "classifier").numpy()
        return (self._targets or Targets("classes")).decode(scores)

    def predict_proba(self, X: Any) -> AnyArray:
        """Returns the probabilities of classes, shape (m, n_classes), the columns in the order of ``classes_``.

        Args:
            X: Points, shape (m, …).

        Raises:
            NotTrainedError: If the routine is not trained.
            NotImplementedError: If the model does not classify.
            UnsupportedConfigurationError: If it predicts numbers.
        """
        if self._targets is not None and self._targets.kind == "numbers":
            raise UnsupportedConfigurationError("y was numbers, which have no probabilities. Call predict(X).")
        return torch.softmax(self._apply_part(X, "classify", "classifier"), dim=1).numpy()

    def inverse_transform(self, X: Any) -> AnyArray:
        """Returns the points that belong to places in the embedding, by the model's method ``decode``.

        Args:
            X: Places, shape (m, out_dim).

        Returns:
            Points, shape (m, …).

        Raises:
            NotTrainedError: If the routine is not trained.
            NotImplementedError: If the model does not decode; presets do with ``decoder=True``.
            ValueError: If ``X`` has another number of dimensions than the embedding.
        """
        try:
            return self._apply_part(X, "decode", "decoder").numpy()
        except RuntimeError as error:
            if isinstance(error, (ParaDimeError, NotImplementedError)):
                raise
            raise ValueError(f"the model cannot decode places of shape {np.shape(X)}: {error}") from error

    def _apply_part(self, X: Any, method: str, part: str) -> torch.Tensor:
        """Applies a method of a part that not every model has, and says how to get one."""
        try:
            return self.apply(X, method)
        except (NotImplementedError, UnsupportedConfigurationError) as error:
            name = type(self).__name__
            takes_part = part in self._get_param_names()
            remedy = f"{name}({part}=True)" if takes_part else f"{name}(ModelRecipe({part}=True), …)"
            raise type(error)(f"{error} Or fit {remedy}, which has one.") from error

    def transform(self, X: Any) -> AnyArray:
        """Embeds points, as scikit-learn calls it.

        Args:
            X: Points, shape (m, …).

        Returns:
            The embedding as NumPy array, shape (m, out_dim).
        """
        return self.embed(X).numpy()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the constructor's arguments as they were given."""
        return {name: self.__dict__[name] for name in self._get_param_names() if name in self.__dict__}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; what is trained stays until the next :meth:`fit`."""
        super().set_params(**params)
        if not self.__sklearn_is_fitted__():
            self._start_afresh()
        return self

    def __sklearn_clone__(self) -> Self:
        """Clones what was added by methods along with the parameters."""
        made: Self = super().__sklearn_clone__()
        if "_additions" in self.__dict__:
            made.__dict__["_additions"] = copy.deepcopy(self.__dict__["_additions"])
        return made

    def _start_afresh(self) -> None:
        """Forgets what was learned: the next use makes the blocks anew, of the present parameters."""
        blocks: Blocks | None = self.__dict__.pop("_blocks", None)
        if blocks is not None and blocks.model is not None and blocks.initial_weights is not None:
            blocks.model.load_state_dict(blocks.initial_weights)

    def __sklearn_is_fitted__(self) -> bool:
        # blocks that are not made yet stay so: parameters that do not fit are refused by what uses them
        return "_blocks" in self.__dict__ and self.trained

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"{type(self).__name__}(trained={self.__sklearn_is_fitted__()})"
