"""Training that goes on from the present weights: warm starts, and data that come in parts."""

from __future__ import annotations

import contextlib
import math
import numbers
import os
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from paradime.data import Dataset
from paradime.dr.blocks import Blocks
from paradime.dr.learned import as_dataset, entry_of
from paradime.dr.resuming import Resumed
from paradime.dr.targets import Targets, shown_classes
from paradime.loss import PositionLoss
from paradime.training import Callback, TrainingPhase
from paradime.types import Data
from paradime.utils.autograd import recording_gradients

__all__ = ["ANNOUNCE", "Continued", "check_epochs", "main_phases", "share_of_epochs"]

ANNOUNCE = "Name all of them at the first call, partial_fit(X, y, classes=…)."


class Continued(Resumed):
    """The part of a routine that trains further what is trained already.

    Attributes:
        n_samples_seen_: How many rows were trained on since the last :meth:`fit`, by :meth:`partial_fit` and
            ``update``, too.
    """

    warm_start: bool
    n_samples_seen_: int

    _is_warm = False

    @recording_gradients()
    def fit(
        self,
        X: Data,
        y: Any = None,
        *,
        validation_data: Any = None,
        callbacks: Sequence[Callback] = (),
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Trains on data; see :meth:`Resumed.fit`."""
        self._is_warm = bool(self.warm_start) and resume_from is None and self.__sklearn_is_fitted__()
        try:
            if self._is_warm:
                self._check_rows(X)
                self._check_classes(y)
            return super().fit(X, y, validation_data=validation_data, callbacks=callbacks, resume_from=resume_from)
        finally:
            del self._is_warm

    fit.__doc__ = Resumed.fit.__doc__

    def _start_afresh(self) -> None:
        before: Blocks | None = self.__dict__.get("_blocks")
        if self._is_warm and before is not None:
            with self._restored_on_error():
                self._renew_blocks()
        else:
            super()._start_afresh()

    def _renew_blocks(self) -> None:
        """Makes the building blocks of the present parameters, with the present network."""
        self._require_made_components("training further")
        before: Blocks = self.__dict__.pop("_blocks")
        blocks = self._blocks
        if blocks.network.recipe != before.network.recipe:
            raise ValueError(
                f"the parameters of this {type(self).__name__} describe another network than the one that is "
                "trained, which cannot be trained further. Undo the change, or set warm_start=False."
            )
        if blocks.network.recipe is not None or blocks.model is before.model:
            blocks.network, blocks.initial_weights = before.network, before.initial_weights
            blocks.trained = before.trained
        blocks.history = before.history

    @contextlib.contextmanager
    def _restored_on_error(self) -> Iterator[None]:
        """If the block raises, the building blocks are those from before, whose network is as it is now."""
        before, n_seen = self._blocks, self._n_rows_seen()
        try:
            yield
        except BaseException:
            self.__dict__["_blocks"], self.n_samples_seen_ = before, n_seen
            raise

    # -- data in parts --------------------------------------------------------------------------------

    @recording_gradients()
    def partial_fit(
        self,
        X: Data,
        y: Any = None,
        classes: Any = None,
        *,
        epochs: int | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Trains on a part of the data, the first time as :meth:`fit`, then further on the new rows alone.

        Each part gets its share of the steps that :meth:`fit` would take for all rows that were seen, but at least
        one epoch; phases that only teach initial positions are left out. What the network was not shown again it
        may forget: :meth:`update` holds the map in place.

        Args:
            X: The rows of this part, at least as many as the method needs for its neighbours.
            y: Their targets, as for :meth:`fit`.
            classes: All classes that any part will have, at the first call; those of the first part if ``None``.
            epochs: Epochs of each phase, in place of that rule.
            callbacks: What to call during training, in addition to the routine's own.

        Returns:
            This routine.

        Raises:
            ValueError: If rows have other columns than before, or ``y`` other classes; and as :meth:`fit` does.

        Example:
            >>> from sklearn.datasets import load_digits
            >>> from paradime import ParametricMDS
            >>> X, mds = load_digits().data, ParametricMDS(epochs=2, random_state=0)
            >>> for part in (X[:900], X[900:]):
            ...     mds = mds.partial_fit(part)
            >>> mds.n_samples_seen_
            1797
        """
        check_epochs(epochs)
        is_first = not self.__sklearn_is_fitted__()
        if is_first and classes is None:
            return self.fit(X, y, callbacks=callbacks)
        if not is_first:
            self._check_rows(X)
            if classes is not None:
                self._check_classes(classes)
        dataset = as_dataset(X, getattr(self, "data_key", "main"))
        if is_first:
            self._begin_with_classes(X, y, classes, dataset, callbacks)
            seen = 0
        else:
            seen = self._n_rows_seen()
            dataset = self._with_targets(dataset, y)
            self._train_further(dataset, seen + len(dataset), epochs, callbacks)
        self.n_samples_seen_ = seen + len(dataset)
        return self

    def _begin_with_classes(
        self, X: Data, y: Any, classes: Any, dataset: Dataset, callbacks: Sequence[Callback]
    ) -> None:
        targets, _ = Targets.of(classes)
        if y is None:
            raise ValueError("classes are those of y, which is missing. Pass both: partial_fit(X, y, classes).")
        dataset.add({"labels": targets.encode(y, n=len(dataset), remedy=ANNOUNCE)})
        self._remember_names(X)
        self._targets = targets
        self._start_afresh()
        self._spare_parameters()
        self._train(dataset, callbacks=callbacks)

    def _with_targets(self, dataset: Dataset, y: Any) -> Dataset:
        """Adds targets as the routine numbers them."""
        if y is not None and self._targets is not None:
            encoded = self._targets.encode(y, n=len(dataset), remedy=ANNOUNCE)
            dataset.add({"labels": encoded})
        elif self._targets is not None:
            dataset.add({"labels": self._targets.unlabeled(len(dataset))})
        return dataset

    def _train_further(
        self, dataset: Dataset, n_total: int, epochs: int | None, callbacks: Sequence[Callback]
    ) -> None:
        with self._restored_on_error():
            self._renew_blocks()
            self._spare_parameters()
            self._train_phases(
                [
                    phase.replace(
                        epochs=share_of_epochs(phase, len(dataset), n_total) if epochs is None else epochs
                    )
                    for phase in main_phases(self._blocks)
                ],
                dataset,
                callbacks,
            )

    def _train_phases(
        self, phases: Sequence[TrainingPhase], dataset: Dataset, callbacks: Sequence[Callback]
    ) -> None:
        """Trains other phases than the routine's own, which it has again afterwards."""
        blocks = self._blocks
        own = list(blocks.training_phases)
        blocks.training_phases[:] = phases
        try:
            self._train(dataset, callbacks=callbacks)
        finally:
            blocks.training_phases[:] = own

    # -- what fits ------------------------------------------------------------------------------------

    def _n_rows_seen(self) -> int:
        return int(self.__dict__.get("n_samples_seen_", 0))  # not known where trained was set by hand

    def _check_rows(self, X: Data) -> None:
        """Refuses rows that the present network does not take."""
        rows = entry_of(X, getattr(self, "data_key", "main"))
        self._check_names(X, rows)
        shape = getattr(rows, "shape", None)
        shape = np.shape(rows) if shape is None else shape
        expected = self.__dict__.get("_row_shape")
        if expected is None or tuple(shape[1:]) == expected:
            return
        if len(expected) == 1 and len(shape) == 2:
            raise ValueError(
                f"X has {shape[1]} features, but {type(self).__name__} is expecting {expected[0]} features as "
                "input."
            )
        raise ValueError(
            f"X has rows of shape {tuple(shape[1:])}, but {type(self).__name__} is expecting {expected}."
        )

    def _check_classes(self, y: Any) -> None:
        """Refuses targets that the present network does not number in the same way."""
        before = self._targets
        if before is None and y is None:
            return
        now = None if y is None else Targets.of(y)[0]
        if before is None or now is None or before.kind != now.kind:
            kinds = ["no y" if one is None else f"{one.kind} y" for one in (before, now)]
            raise ValueError(
                f"this {type(self).__name__} was trained with {kinds[0]}, and is given {kinds[1]}. Pass such a "
                "y; or fit anew with warm_start=False."
            )
        same = before.classes is None or now.classes is None or np.array_equal(before.classes, now.classes)
        if not same:
            raise ValueError(
                f"y must have the classes of the training, {shown_classes(before.classes)}, got "
                f"{shown_classes(now.classes)}. Fit anew with warm_start=False."
            )


def check_epochs(epochs: Any) -> None:
    """Raises ValueError if nothing would be learned in so many epochs; ``None`` leaves them to a rule."""
    if epochs is not None and (not isinstance(epochs, numbers.Integral) or epochs < 1):
        raise ValueError(f"epochs must be an integer of at least 1, or None, got {epochs!r}.")


def main_phases(blocks: Blocks) -> list[TrainingPhase]:
    """Returns the phases but for those that only teach positions; all if there are no others."""
    chosen = [
        phase
        for phase in blocks.training_phases
        if not all(isinstance(blocks.losses.get(key), PositionLoss) for key in phase.loss_keys)
    ]
    return chosen or list(blocks.training_phases)


def share_of_epochs(phase: TrainingPhase, n_new: int, n_total: int) -> int:
    """Returns the epochs on new rows that are their share of a phase on all rows, in steps.

    At least 1, but 0 for a phase that is skipped.

    Example:
        >>> share_of_epochs(TrainingPhase(epochs="auto", batch_size=100), 1_000, 2_000)
        75
    """
    whole, part = phase.extent(n_total), phase.extent(n_new)
    if whole.epochs == 0:
        return 0
    steps = whole.epochs * _batches(whole.batches_per_epoch, n_total, whole.batch_size) * n_new / n_total
    return max(1, math.ceil(steps / _batches(part.batches_per_epoch, n_new, part.batch_size)))


def _batches(per_epoch: int, n_rows: int, size: int) -> int:
    return per_epoch if per_epoch > 0 else math.ceil(n_rows / size)
