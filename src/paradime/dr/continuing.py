"""Training that goes on from the present weights: warm starts, and data that come in parts."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from paradime.data import Dataset
from paradime.dr.components import Components
from paradime.dr.estimator import Estimator
from paradime.dr.targets import Targets
from paradime.training import TrainingPhase

__all__ = [
    "ANNOUNCE",
    "add_known_targets",
    "check_epochs",
    "new_targets",
    "renewed_components",
    "share_of_epochs",
    "warn_without_map",
]

ANNOUNCE = "Name all of them at the first call, partial_fit(X, y, classes=…)."


def renewed_components(routine: Estimator) -> Components:
    """Makes the components of the present parameters, with the present network.

    Raises:
        UnsupportedConfigurationError: If components were changed in place.
        ValueError: If the parameters describe another network; the routine then has its components from before.
    """
    routine._require_made_components("training further")
    before, routine._made_components = routine._components, None
    try:
        blocks = routine._components
        if blocks.network.recipe != before.network.recipe:
            raise ValueError(
                f"the parameters of this {type(routine).__name__} describe another network than the one that is "
                f"trained, which cannot be trained further. {_remedy(routine)}"
            )
    except BaseException:
        routine._made_components = before
        raise
    if blocks.network.recipe is not None or blocks.model is before.model:
        blocks.network, blocks.initial_weights = before.network, before.initial_weights
        blocks.trained = before.trained
    blocks.history = before.history
    return blocks


def _remedy(routine: Estimator) -> str:
    if bool(routine.refine) == (routine._fitted.refined is not None):
        return "Undo the change, or set warm_start=False."
    return (
        f"refine={routine.refine} was set after the training, and decides how wide the network is. Set "
        f"refine={not routine.refine} again, or train anew: fit(X) with warm_start=False."
    )


def warn_without_map(routine: Estimator) -> None:
    """Warns if a routine with ``refine=True`` is trained further that has no refined map."""
    if routine.refine and routine._fitted.refined is None:
        warnings.warn(
            "refine=True, and there is no refined map: update and partial_fit train the network alone, and refine "
            "no positions. Call fit(X) to have them refined.",
            stacklevel=3,
        )


def new_targets(dataset: Dataset, y: Any, classes: Any, known: Targets | None) -> Targets | None:
    """Adds targets to rows of ``partial_fit``; returns what they are.

    Args:
        dataset: The rows; they get an entry ``"labels"``.
        y: Their targets.
        classes: All classes that any part will have, where they are named now.
        known: What the targets of earlier rows are.

    Raises:
        ValueError: If ``y`` is missing where classes are named, or has others.
    """
    if classes is not None:
        if y is None:
            raise ValueError("classes are those of y, which is missing. Pass both: partial_fit(X, y, classes).")
        known, _ = Targets.of(classes)
    add_known_targets(dataset, y, known)
    return known


def add_known_targets(dataset: Dataset, y: Any, known: Targets | None) -> None:
    """Adds targets as those of earlier rows are numbered; rows without any are unlabelled."""
    if known is None:
        return
    missing = y is None
    labels = known.unlabeled(len(dataset)) if missing else known.encode(y, n=len(dataset), remedy=ANNOUNCE)
    dataset.add({"labels": labels})


def check_epochs(epochs: Any) -> None:
    """Raises ValueError if nothing would be learned in so many epochs; ``None`` leaves them to a rule."""
    if epochs is not None and (not isinstance(epochs, numbers.Integral) or epochs < 1):
        raise ValueError(f"epochs must be an integer of at least 1, or None, got {epochs!r}.")


def share_of_epochs(phase: TrainingPhase, n_new: int, n_total: int) -> int:
    """Returns the epochs on new rows that are their share of a phase on all rows, in steps.

    At least 1, but 0 for a phase that is skipped.

    Example:
        >>> share_of_epochs(TrainingPhase(epochs="auto", batch_size=100), 1_000, 2_000)
        75
    """
    whole, part = phase.budget(n_total), phase.budget(n_new)
    if whole.epochs == 0:
        return 0
    steps = whole.epochs * _batches(whole.batches_per_epoch, n_total, whole.batch_size) * n_new / n_total
    return max(1, math.ceil(steps / _batches(part.batches_per_epoch, n_new, part.batch_size)))


def _batches(per_epoch: int, n_rows: int, size: int) -> int:
    return per_epoch if per_epoch > 0 else math.ceil(n_rows / size)
