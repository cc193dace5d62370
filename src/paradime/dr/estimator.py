"""What scikit-learn calls."""

from __future__ import annotations

import copy
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import ClassifierTags, Tags

from paradime._version import __version__
from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.dr.learned import Learned, as_dataset
from paradime.dr.parts import has_part, needs_part
from paradime.dr.targets import Targets
from paradime.dr.validating import held_out_rows
from paradime.exceptions import (
    InconsistentVersionWarning,
    NotTrainedError,
    ParaDimeError,
    UnsupportedConfigurationError,
)
from paradime.training import Callback
from paradime.types import AnyArray, Data
from paradime.utils.autograd import copyable

__all__ = ["Estimator"]

_VERSION = "_paradime_version"  # in pickles


class Estimator(Learned, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The scikit-learn side of a routine, in terms of :meth:`train` and :meth:`apply`."""

    _targets: Targets | None = None

    own_parts: ClassVar[frozenset[str]] = frozenset()
    """Parts beside the encoder that every model of the routine has."""

    @abstractmethod
    def _set_components(self) -> dict[str, Any]:
        """Returns the components that were set though they are no parameters."""

    @abstractmethod
    def _require_made_components(self, by: str) -> None:
        """Refuses components that were changed in place."""

    @property
    @abstractmethod
    def trained(self) -> bool:
        """Whether a training phase was run."""

    @abstractmethod
    def train(
        self,
        data: Dataset | Data | None = None,
        *,
        callbacks: Sequence[Callback] = (),
        validation_data: Dataset | Data | None = None,
    ) -> None:
        """Runs all training phases."""

    @abstractmethod
    def _train(
        self,
        data: Dataset | None,
        *,
        callbacks: Sequence[Callback] = (),
        validation_data: Dataset | Data | None = None,
    ) -> None:
        """Does the same with data of which the routine knows what it is to remember."""

    @abstractmethod
    def _check_hold_out(self, n_rows: int, validation_data: Any) -> None:
        """Refuses settings of held-out rows."""

    def _check_data(self, dataset: Dataset) -> None:
        """Refuses data that do not fit the parameters; presets override it."""

    @abstractmethod
    def _apply_to_rows(self, X: Any, method: str | None = None) -> torch.Tensor:
        """Applies the trained model to points, shape (m, …)."""

    def fit(
        self, X: Data, y: Any = None, *, validation_data: Any = None, callbacks: Sequence[Callback] = ()
    ) -> Self:
        """Trains on data from the start, as scikit-learn calls it; :meth:`train` goes on where it was.

        Args:
            X: The data: rows, or a dict of named entries. Rows become the entry that is embedded.
            y: Targets, shape (n,), which become the entry ``"labels"``, or ``None``. Floating-point numbers are
                standardised; anything else is classes, which are numbered from 0. A missing value, or −1 among
                integers, means unlabelled: such rows are embedded, and nothing is learned of their targets.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``: as
                ``X``, or a pair of such rows and their targets. They take no part in the training.
            callbacks: What to call during training, in addition to the routine's own.

        Raises:
            ValueError: If ``y`` is not one target a row, or infinite; and as :meth:`train` does.
        """
        self._require_made_components("fit")
        # data that are refused leave what was learned as it is
        dataset = as_dataset(X, getattr(self, "data_key", "main"))
        targets: Targets | None = None
        if y is not None:
            targets, numbers = Targets.of(y, n=len(dataset))
            dataset.add({"labels": numbers})
        held_out = None
        self._check_hold_out(len(dataset), validation_data)
        self._check_data(dataset)
        if validation_data is not None:
            held_out = held_out_rows(validation_data, targets, getattr(self, "data_key", "main"))
        self._remember_names(X)
        self._targets = targets
        self._start_afresh()
        self._spare_parameters()
        self._train(dataset, callbacks=callbacks, validation_data=held_out)
        if not self.trained:
            raise ValueError(
                "fit learns nothing where all phases have epochs=0. Give one of them at least 1 epoch."
            )
        return self

    @property
    def classes_(self) -> AnyArray:
        """The classes that ``y`` had, in the order of the scores of :meth:`predict_proba`."""
        if self._targets is None or self._targets.classes is None:
            if not self.__sklearn_is_fitted__():
                raise NotTrainedError(
                    f"this {type(self).__name__} has no classes_ before it is fitted. Call fit(X, y)."
                )
            raise AttributeError(f"this {type(self).__name__} was not fitted with classes, fit(X, y).")
        return self._targets.classes

    @needs_part("classify")
    def predict(self, X: Any) -> AnyArray:
        """Predicts the targets of points, by the model's method ``classify``.

        Args:
            X: Points, shape (m, …).

        Returns:
            Classes as ``y`` had them, or numbers, shape (m,).

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not classify; presets do with ``classifier=True``.
        """
        scores = self._apply_to_rows(X, "classify").numpy()
        return (self._targets or Targets("classes")).decode(scores)

    @needs_part("classify")
    def predict_proba(self, X: Any) -> AnyArray:
        """Returns the probabilities of classes, shape (m, n_classes), the columns in the order of ``classes_``.

        Args:
            X: Points, shape (m, …).

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not classify.
            UnsupportedConfigurationError: If it predicts numbers.
        """
        if self._targets is not None and self._targets.kind == "numbers":
            raise UnsupportedConfigurationError("y was numbers, which have no probabilities. Call predict(X).")
        scores = self._apply_to_rows(X, "classify").to(torch.float64)
        return torch.softmax(scores, dim=1).to(torch.float32).numpy()

    @needs_part("decode")
    def inverse_transform(self, X: Any) -> AnyArray:
        """Returns the points that belong to places in the embedding, by the model's method ``decode``.

        Args:
            X: Places, shape (m, out_dim).

        Returns:
            Points, shape (m, …), in the units of the data; float32, or float64 where columns lie so far from zero
            that single precision does not tell their values apart.

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not decode; presets do with ``decoder=True``.
            ValueError: If ``X`` has another number of dimensions than the embedding.
        """
        shape = np.shape(X)
        if len(shape) == 1 and self.__sklearn_is_fitted__():
            raise ValueError(
                f"Expected 2D array, got shape {shape}. inverse_transform takes places, one a row: reshape a "
                "single one with .reshape(1, -1)."
            )
        try:
            return self._apply_to_rows(X, "decode").numpy()
        except RuntimeError as error:
            if isinstance(error, (ParaDimeError, NotImplementedError)):
                raise
            raise ValueError(
                f"inverse_transform takes places as transform returns them, shape (m, {self._n_features_out}), "
                f"got shape {shape}: the model cannot decode them ({error})."
            ) from error

    def transform(self, X: Any) -> Any:
        """Embeds points, as scikit-learn calls it.

        Args:
            X: Points, shape (m, …).

        Returns:
            The embedding as NumPy array, shape (m, out_dim), float32, unless :meth:`set_output` asks for something
            else.
        """
        embedded = self._apply_to_rows(X, "embed")
        if not self._returns_tensors:
            return embedded.numpy()
        return embedded.to(X.device) if isinstance(X, torch.Tensor) else embedded

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the constructor's arguments as they were given."""
        return {name: self.__dict__[name] for name in self._get_param_names() if name in self.__dict__}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; what is trained stays until the next :meth:`fit`."""
        is_fitted = self.__sklearn_is_fitted__()
        if not is_fitted:
            self._require_made_components("set_params")
        super().set_params(**params)
        if not is_fitted:
            self._start_afresh()
        return self

    def __sklearn_clone__(self) -> Self:
        """Clones what was added by methods, and the components that were set, along with the parameters."""
        self._require_made_components("clone")
        made: Self = super(
            Estimator, copy.copy(self)
        ).__sklearn_clone__()  # the copy's parameters have deep copies
        made.__dict__.update(copy.deepcopy(self._set_components()))
        if self._returns_tensors:
            made._returns_tensors = True
        if "_additions" in self.__dict__:
            made.__dict__["_additions"] = copy.deepcopy(self.__dict__["_additions"])
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Returns what copies and pickles hold, with the version that wrote it."""
        state = {**super().__getstate__(), _VERSION: __version__}
        return state | {name: copyable(state[name]) for name in self._get_param_names() if name in state}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Takes what a copy or a pickle holds; warns if another version wrote it."""
        written_by = state.get(_VERSION)
        if written_by != __version__:
            said = f"ParaDime {written_by}" if written_by else "an earlier version of ParaDime"
            warnings.warn(
                f"this {type(self).__name__} was pickled by {said}, and this is ParaDime {__version__}: what was "
                "pickled by another version may fail, or give other results. Load it with that version and call "
                "routine.save(path): paradime.load(path) reads such files in later versions, too.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__({name: value for name, value in state.items() if name != _VERSION})

    def _start_afresh(self) -> None:
        """Forgets what was learned: the next use makes the blocks anew, of the present parameters."""
        blocks: Blocks | None = self.__dict__.pop("_blocks", None)
        if blocks is not None and blocks.model is not None and blocks.initial_weights is not None:
            blocks.model.load_state_dict(blocks.initial_weights)

    def _spare_parameters(self) -> None:
        """Lets ``fit`` train copies of losses and phases that are parameters, which it must not change.

        Copies share the parameters that losses train, which may be the model's.
        """
        losses, phases = self.__dict__.get("losses"), self.__dict__.get("training_phases") or ()
        given = losses.values() if isinstance(losses, Mapping) else [losses]
        blocks = self._blocks
        for key, loss in blocks.losses.items():
            if any(loss is one for one in given):
                blocks.losses[key] = copied = copy.copy(loss)
                copied.history = []
        for i, phase in enumerate(blocks.training_phases):
            if any(phase is one for one in phases):
                blocks.training_phases[i] = phase.replace()
        blocks.remember_components()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True  # with a model that fits
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = bool(getattr(self, "classifier", False))
        if has_part(self, "classify"):
            # of what predict_proba returns; the routine stays a transformer
            tags.classifier_tags = ClassifierTags()
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        # blocks that are not made yet stay so: parameters that do not fit are refused by what uses them
        return "_blocks" in self.__dict__ and self.trained

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"{type(self).__name__}(trained={self.__sklearn_is_fitted__()})"
