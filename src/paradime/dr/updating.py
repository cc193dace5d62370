"""Training that goes on with new rows and leaves the map where it was."""

from __future__ import annotations

import dataclasses
import logging
import numbers
from collections.abc import Sequence
from typing import Any, Self

import scipy.sparse
import torch

from paradime.data import Dataset
from paradime.dr.additions import AddedLoss
from paradime.dr.continuing import ANNOUNCE, Continued, check_epochs, main_phases
from paradime.dr.learned import as_dataset
from paradime.dr.targets import Targets
from paradime.exceptions import NotTrainedError
from paradime.functional.spreading import covering_points, relative_movement
from paradime.loss import AnchorLoss
from paradime.persistence.values import VALUES
from paradime.training import Callback
from paradime.types import Data
from paradime.utils.autograd import recording_gradients
from paradime.utils.logging import report
from paradime.utils.sparse import SparseRows

__all__ = ["Drift", "Updated"]

log = logging.getLogger(__name__)

_LANDMARKS = "landmarks"  # the key of the loss that holds them
_USUAL_LANDMARKS = 500


@VALUES.register("drift")
@dataclasses.dataclass(frozen=True)
class Drift:
    """How far landmarks have moved while the map was updated, in units of the map's spread.

    Where none were held, rows that would have been landmarks are looked at.

    Attributes:
        mean: The mean movement.
        largest: The largest one.
        spread: That unit: the root of the mean squared distance of the earlier rows' positions from their mean.
        n_landmarks: How many rows were looked at.
    """

    mean: float
    largest: float
    spread: float
    n_landmarks: int


class Updated(Continued):
    """The part of a routine that learns new rows beside those it knows.

    Attributes:
        drift_: How far the landmarks have moved in the last :meth:`update`, a :class:`Drift`.
    """

    drift_: Drift

    def _given_positions(self) -> frozenset[str]:
        raise NotImplementedError

    @recording_gradients()
    def update(
        self,
        X: Data,
        y: Any = None,
        *,
        old: Data | None = None,
        keep: int | float = 10_000,
        landmarks: int = _USUAL_LANDMARKS,
        share: float = 0.5,
        epochs: int | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Trains further on new rows and earlier ones, with landmarks that hold the map in place.

        Landmarks are earlier rows that cover the map: a loss ties them to the positions that they have. Afterwards
        :attr:`drift_` tells how far they have moved nevertheless. Phases that only teach initial positions are
        left out. The rows of this training, kept and new, are then the routine's data.

        Args:
            X: The new rows, or a dict of named entries, as for :meth:`fit`.
            y: Their targets, where the routine was fitted with targets; unlabelled if ``None``.
            old: Earlier rows, as ``X``, for a routine that does not hold its data, such as one that was loaded; a
                sample is enough. The routine's data if ``None``.
            keep: How many earlier rows are trained along, at least 0, or their share as a fraction; more are
                drawn from. With 0, the landmarks alone stand for them.
            landmarks: How many landmarks there are, at least 0; none are held with 0.
            share: Their share of the gradient, in (0, 1).
            epochs: Epochs of each phase; those of the phase if ``None``.
            callbacks: What to call during training, in addition to the routine's own.

        Returns:
            This routine.

        Raises:
            NotTrainedError: If the routine is not trained.
            ValueError: If a setting is out of range, rows have other columns than before, or the routine holds no
                earlier rows and none are given.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> X = load_iris().data
            >>> mds = ParametricMDS(epochs=50, random_state=0).fit(X[:100]).update(X[100:])
            >>> mds.drift_.n_landmarks, mds.drift_.mean < 0.5
            (100, True)
        """
        _check_settings(keep, landmarks, share)
        check_epochs(epochs)
        if not self.__sklearn_is_fitted__():
            raise NotTrainedError(f"this {type(self).__name__} is not trained yet. Call fit(X) first.")
        self._check_rows(X)
        earlier = self._earlier_rows(old)
        new, targets = self._new_rows(X, y, earlier)
        n_seen = self._n_rows_seen() + len(new)
        anchors, positions, spread = self._landmarks(earlier, landmarks or _USUAL_LANDMARKS)
        if keep:
            n_kept = round(keep * len(earlier)) if isinstance(keep, float) else int(keep)
            kept = torch.randperm(len(earlier), generator=self._own_generator())[:n_kept].sort().values
            new = _joined(earlier.subset(kept), new)
        before, self._targets = self._targets, targets
        try:
            self._train_held(new, (anchors, positions) if landmarks else None, share, epochs, callbacks)
        except BaseException:
            self._targets = before
            raise
        self.n_samples_seen_ = n_seen
        self._report_drift(anchors, positions, spread)
        return self

    def _earlier_rows(self, old: Data | None) -> Dataset:
        blocks = self._blocks
        if old is not None:
            self._check_rows(old)
            return self._as_dataset(old)
        if blocks.dataset is None:
            raise ValueError(
                f"this {type(self).__name__} does not hold the rows it was trained on, as one that was loaded. "
                "Pass some of them: update(X, old=X_old)."
            )
        dataset = blocks.dataset
        derived = [key for key in blocks.derived_data if key in dataset]
        return _without(dataset, derived)

    def _as_dataset(self, X: Data) -> Dataset:
        return as_dataset(X, getattr(self, "data_key", "main"))

    def _new_rows(self, X: Data, y: Any, earlier: Dataset) -> tuple[Dataset, Targets | None]:
        """Returns the new rows with all entries of the earlier ones, and the classes of both."""
        dataset, targets = self._as_dataset(X), self._targets
        if y is not None and targets is not None:
            targets = targets.extended(y) if not getattr(self, "classifier", False) else targets
            encoded = targets.encode(y, n=len(dataset), remedy=ANNOUNCE)
            dataset.add({"labels": encoded})
        elif y is not None:
            raise ValueError(f"this {type(self).__name__} was fitted without y. Leave y out: update(X).")
        elif targets is not None:
            dataset = self._with_targets(dataset, None)
        missing = [key for key in earlier if key not in dataset and key not in self._given_positions()]
        if "labels" in dataset and "labels" not in earlier and targets is not None:
            earlier.add({"labels": targets.unlabeled(len(earlier))})
        if missing:
            raise ValueError(
                f"X has no entries {missing}, which the earlier rows have. Pass a dict with all entries."
            )
        return dataset, targets

    def _landmarks(self, earlier: Dataset, n_landmarks: int) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Returns rows that cover the map, their positions, and the map's spread."""
        key = self._key_of(earlier)
        positions = self._apply_rows(earlier[key], "embed")
        # in double precision, which holds the squares of all numbers of single precision
        deviations = (positions - positions.mean(dim=0)).to(torch.float64)
        spread = float(deviations.square().sum(dim=1).mean().sqrt())
        chosen = covering_points(positions, n_landmarks, generator=self._own_generator())
        return earlier[key][chosen], positions[chosen], spread

    def _key_of(self, dataset: Dataset) -> str:
        key = getattr(self, "data_key", "main")
        return key if key in dataset else next(iter(dataset))

    def _own_generator(self) -> torch.Generator | None:
        seed = self._blocks.seed
        return None if seed is None else torch.Generator().manual_seed(seed)

    def _train_held(
        self,
        dataset: Dataset,
        anchors: tuple[torch.Tensor, torch.Tensor] | None,
        share: float,
        epochs: int | None,
        callbacks: Sequence[Callback],
    ) -> None:
        with self._restored_on_error():
            self._renew_blocks()
            self._spare_parameters()
            blocks = self._blocks
            phases = [
                phase.replace(**({} if epochs is None else {"epochs": epochs})) for phase in main_phases(blocks)
            ]
            if anchors is not None:
                AddedLoss(_LANDMARKS, AnchorLoss(*anchors), share=share).apply(blocks.losses, phases)
            try:
                self._train_phases(phases, dataset, callbacks)
            finally:
                blocks.losses.pop(_LANDMARKS, None)

    def _report_drift(self, anchors: torch.Tensor, positions: torch.Tensor, spread: float) -> None:
        moved = relative_movement(positions, self._apply_rows(anchors, "embed"), spread)
        self.drift_ = Drift(float(moved.mean()), float(moved.max()), spread, len(anchors))
        with self._working():
            report(
                log,
                f"{len(anchors)} landmarks moved by {self.drift_.mean:.3g} of the map's spread on average, by "
                f"{self.drift_.largest:.3g} at most.",
            )


def _check_settings(keep: Any, landmarks: Any, share: Any) -> None:
    is_share = isinstance(keep, float) and 0 <= keep <= 1
    if not is_share and (not isinstance(keep, numbers.Integral) or keep < 0):
        raise ValueError(f"keep must be a number of rows, at least 0, or a share in [0, 1], got {keep!r}.")
    if not isinstance(landmarks, numbers.Integral) or landmarks < 0:
        raise ValueError(f"landmarks must be an integer of at least 0, got {landmarks!r}.")
    if not 0 < share < 1:
        raise ValueError(f"share must lie in (0, 1), got {share!r}. Set landmarks=0 to hold none.")


def _without(dataset: Dataset, keys: Sequence[str]) -> Dataset:
    made = dataset.subset(slice(None))
    for key in keys:
        made.data.pop(key, None)
    return made


def _joined(first: Dataset, second: Dataset) -> Dataset:
    """Returns the rows of both, with the entries that both have."""
    keys = [key for key in second if key in first and key != "indices"]
    made = Dataset({key: _stacked(first.source(key), second.source(key)) for key in keys})
    made.columns, made.names = dict(first.columns), dict(first.names)
    return made


def _stacked(first: Any, second: Any) -> Any:
    if isinstance(first, SparseRows) or isinstance(second, SparseRows):
        parts = [one.to_scipy() if isinstance(one, SparseRows) else one.numpy() for one in (first, second)]
        return scipy.sparse.vstack([scipy.sparse.csr_array(part) for part in parts])
    return torch.cat([first, second.to(first.device)])
