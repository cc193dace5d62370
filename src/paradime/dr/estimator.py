"""What scikit-learn calls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from sklearn.base import BaseEstimator, TransformerMixin

from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.types import AnyArray, Data

__all__ = ["Estimator"]


class Estimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The scikit-learn side of a routine, in terms of :meth:`train` and :meth:`embed`."""

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

    def fit(self, X: Data, y: Any = None) -> Self:
        """Trains on data from the start, as scikit-learn calls it; :meth:`train` goes on where it was.

        Args:
            X: The data.
            y: Labels, shape (n,), which become the entry ``"labels"``, or ``None``.
        """
        named = dict(X) if isinstance(X, Mapping) else {"main": X}
        if y is not None:
            named["labels"] = y
        dataset = Dataset(named)  # data that are refused leave what was learned as it is
        self._start_afresh()
        self.train(dataset)
        return self

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
        if not self.trained:
            self._start_afresh()
        return self

    def _start_afresh(self) -> None:
        """Forgets what was learned: the next use makes the blocks anew, of the present parameters."""
        blocks: Blocks | None = self.__dict__.pop("_blocks", None)
        if blocks is not None and blocks.model is not None and blocks.initial_weights is not None:
            blocks.model.load_state_dict(blocks.initial_weights)

    def __sklearn_is_fitted__(self) -> bool:
        return self.trained

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"{type(self).__name__}(trained={self.trained})"
