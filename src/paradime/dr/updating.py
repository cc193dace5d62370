"""Training that goes on from the present weights: warm starts, data that come in parts, and updates."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from paradime.constraints import PinConstraint
from paradime.data import Dataset
from paradime.dr.components import Components
from paradime.dr.editing import ImposedConstraints, is_among, keys_of_rows
from paradime.dr.estimator import Estimator
from paradime.dr.fitted import Drift
from paradime.dr.inference import apply_model
from paradime.dr.inputs import Targets, as_dataset, embedded_entry
from paradime.dr.overrides import AddedLoss, added_constraint
from paradime.functional.clustering import covering_points, relative_movement
from paradime.loss import AnchorLoss, Loss
from paradime.loss.base import Trial
from paradime.training import TrainingPhase
from paradime.types import Data
from paradime.utils.arguments import check_integer, check_within, is_integer, shown
from paradime.utils.logging import report
from paradime.utils.rows import stacked

__all__ = [
    "Anchors",
    "are_the_same",
    "check_epochs",
    "check_update",
    "held_phases",
    "new_targets",
    "renewed_components",
    "rows_to_update",
    "share_of_epochs",
    "warn_without_map",
    "with_kept",
]

log = logging.getLogger(__name__)

_ANCHORS = "anchors"  # the key of the loss that holds them
_USUAL_ANCHORS = 500
_SHARE = 0.5  # of the gradient, of anchors
# of what other constraints leave, of anchors with pins: the embedding pulls pinned rows back, and two opposed
# gradients of equal shares cancel wherever the rows are
_SHARE_WITH_PINS = 0.9
_STEPS_WITH_PINS = 2_000  # at least: to part pinned rows from near ones, a network has to become steep
_ANNOUNCE = "Name all of them at the first call, partial_fit(X, y, classes=…)."


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
    refines = routine._refines()
    if refines == (routine._fitted.refined is not None):
        return "Undo the change, or set warm_start=False."
    return (
        f"refine={routine.refine!r} was set after the training, and decides how wide the network is. Set "
        f"refine={not refines} again, or train anew: fit(X) with warm_start=False."
    )


def warn_without_map(routine: Estimator) -> None:
    """Warns if a routine with ``refine=True`` is trained further that has no refined map."""
    if routine._refines() and routine._fitted.refined is None:
        warnings.warn(
            f"refine={routine.refine!r}, and there is no refined map: update and partial_fit train the network "
            "alone, and refine no positions. Call fit(X) to have them refined.",
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
        ValueError: If ``y`` is missing where classes are named, or has others; or if earlier rows had none.
    """
    if classes is not None:
        if y is None:
            raise ValueError("classes are those of y, which is missing. Pass both: partial_fit(X, y, classes).")
        known, _ = Targets.of(classes)
    if y is not None and known is None:
        raise ValueError(
            "y must be left out of partial_fit, since the first part of the data had none. Fit anew with y."
        )
    _add_known_targets(dataset, y, known)
    return known


def _add_known_targets(dataset: Dataset, y: Any, known: Targets | None) -> None:
    """Adds targets as those of earlier rows are numbered; rows without any are unlabelled."""
    if known is None:
        return
    missing = y is None
    labels = known.unlabeled(len(dataset)) if missing else known.encode(y, n=len(dataset), remedy=_ANNOUNCE)
    dataset.add({"labels": labels})


def check_epochs(epochs: Any) -> None:
    """Raises ValueError if nothing would be learned in so many epochs; ``None`` leaves them to a rule."""
    if epochs is not None:
        check_integer("epochs", epochs, also=", or None")


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


@dataclasses.dataclass(frozen=True)
class Anchors:
    """Earlier rows that cover the map, and where they are.

    Attributes:
        rows: The rows, shape (a, …).
        positions: Their positions before the update, shape (a, out_dim).
        spread: The map's spread: the root of the mean squared distance of positions from their mean.
    """

    rows: torch.Tensor
    positions: torch.Tensor
    spread: float

    @classmethod
    def of(
        cls, routine: Estimator, earlier: Dataset, n_anchors: int, imposed: ImposedConstraints | None = None
    ) -> Anchors:
        """Chooses anchors among earlier rows that no constraint names; 500 to look at if there are to be none."""
        blocks = routine._components
        rows = earlier[embedded_entry(earlier, routine.data_key)]
        positions = apply_model(blocks, rows, "embed", routine._fitted, owner=type(routine).__name__, refine=False)
        # in double precision, which holds the squares of all numbers of single precision
        deviations = (positions - positions.mean(dim=0)).to(torch.float64)
        spread = float(deviations.square().sum(dim=1).mean().sqrt())
        if imposed is not None:
            free = (~is_among(keys_of_rows(rows), imposed.named_keys)).nonzero().squeeze(1)
            rows, positions = rows[free], positions[free]
        chosen = torch.arange(0)
        if len(positions):
            chosen = covering_points(positions, n_anchors or _USUAL_ANCHORS, generator=_generator(blocks.seed))
        return cls(rows[chosen], positions[chosen], spread)

    def drift(self, routine: Estimator) -> Drift:
        """Returns how far the anchors have moved, and logs it."""
        now = apply_model(
            routine._components, self.rows, "embed", routine._fitted, owner=type(routine).__name__, refine=False
        )
        moved = relative_movement(self.positions, now, self.spread)
        if not len(moved):
            return Drift(0.0, 0.0, self.spread, 0)
        drift = Drift(float(moved.mean()), float(moved.max()), self.spread, len(self.rows))
        report(
            log,
            f"{len(self.rows)} anchors moved by {drift.mean:.3g} of the map's spread on average, by "
            f"{drift.largest:.3g} at most.",
        )
        return drift


def check_update(keep: Any, anchors: Any, share: Any) -> None:
    """Raises ValueError if a setting of ``update`` is out of range."""
    is_share = isinstance(keep, float) and 0 <= keep <= 1
    if not is_share and (not is_integer(keep) or keep < 0):
        raise ValueError(f"keep must be a number of rows, at least 0, or a share in [0, 1], got {shown(keep)}.")
    check_integer("anchors", anchors, 0)
    if share is not None:
        check_within("share", share, "(0, 1)", remedy="Set anchors=0 to hold none.")


def rows_to_update(
    routine: Estimator, X: Data, y: Any, old: Data | None, *, edits: bool = False
) -> tuple[Dataset, Dataset, Targets | None]:
    """Returns the earlier rows, the new ones with all entries of these, and what the targets of both are.

    Args:
        routine: The routine.
        X: The new rows.
        y: Their targets.
        old: Earlier rows; those that the routine holds if ``None``.
        edits: Whether the rows of a map are updated by constraints on these: ``X`` then stands for the earlier
            rows of a routine that holds none.

    Raises:
        ValueError: If the routine holds no earlier rows and none are given, or entries are missing.
    """
    old = X if edits and old is None and routine._components.dataset is None else old
    earlier = _earlier_rows(routine, old)
    new, targets = as_dataset(X, routine.data_key), routine._fitted.targets
    if y is not None and targets is None:
        raise ValueError(f"this {type(routine).__name__} was fitted without y. Leave y out: update(X).")
    if y is not None and targets is not None:
        targets = targets if getattr(routine, "classifier", False) else targets.extended(y)
    _add_known_targets(new, y, targets)
    missing = [key for key in earlier if key not in new and key not in routine._given_positions()]
    if "labels" in new and "labels" not in earlier and targets is not None:
        earlier.add({"labels": targets.unlabeled(len(earlier))})
    if missing:
        raise ValueError(f"X has no entries {missing}, which the earlier rows have. Pass a dict with all entries.")
    return earlier, new, targets


def are_the_same(earlier: Dataset, new: Dataset, key: str) -> bool:
    """Returns whether the new rows are the earlier ones, in the same order."""
    entry = embedded_entry(new, key)
    first, second = earlier[entry], new[entry]
    return first.shape == second.shape and torch.equal(keys_of_rows(first), keys_of_rows(second))


def with_kept(earlier: Dataset, new: Dataset, keep: int | float, seed: int | None) -> Dataset:
    """Returns the new rows, with some of the earlier ones before them."""
    if not keep:
        return new
    n_kept = round(keep * len(earlier)) if isinstance(keep, float) else int(keep)
    kept = torch.randperm(len(earlier), generator=_generator(seed))[:n_kept].sort().values
    return _joined(earlier.subset(kept), new)


@contextlib.contextmanager
def held_phases(
    blocks: Components,
    anchors: Anchors | None,
    share: float | None,
    epochs: int | None,
    imposed: ImposedConstraints | None = None,
) -> Iterator[None]:
    """Within the block, the phases are the main ones, with imposed constraints, and a loss that holds anchors."""
    share = _share_of_held(share, imposed)
    phases = _longer(blocks.main_phases(), epochs, imposed)
    before = set(blocks.losses)
    constraints = [] if imposed is None else imposed.constraints
    pins = [one for one in constraints if isinstance(one, PinConstraint)]
    for pin in pins:  # whether it contradicts constraints of the routine
        added_constraint(pin, blocks.losses, key=None, weight=None, share=share, phases=None)
    held: list[Loss] = list(pins)
    if anchors is not None and len(anchors.rows):
        held.insert(0, AnchorLoss(anchors.rows, anchors.positions))
    others = [one for one in constraints if not isinstance(one, PinConstraint)]
    later = (share if held else 0.0) + (0.0 if imposed is None else imposed.share_of_others)
    for one in others:
        assert imposed is not None
        later = max(0.0, later - imposed.share_of_each)
        # a loss that is added takes its share from those before it
        own = imposed.share_of_each / (1 - later)
        added_constraint(one, blocks.losses, key=None, weight=None, share=own, phases=None).apply(
            blocks.losses, phases
        )
    if held:
        loss = held[0] if len(held) == 1 else _HeldRows(held)
        AddedLoss(_ANCHORS, loss, share=share).apply(blocks.losses, phases)
    try:
        with blocks.other_phases(phases):
            yield
    finally:
        for key in set(blocks.losses) - before:
            del blocks.losses[key]


def _longer(
    phases: Sequence[TrainingPhase], epochs: int | None, imposed: ImposedConstraints | None
) -> list[TrainingPhase]:
    """Returns phases with the epochs of an update: by default their own, and together enough for pins."""
    if epochs is not None:
        return [phase.replace(epochs=epochs) for phase in phases]
    if imposed is None or not imposed.has_pins:
        return list(phases)
    n_rows = len(imposed.dataset)
    budgets = [phase.budget(n_rows) for phase in phases]
    steps = sum(one.epochs * _batches(one.batches_per_epoch, n_rows, one.batch_size) for one in budgets)
    factor = max(1.0, _STEPS_WITH_PINS / max(1, steps))
    return [
        phase.replace(epochs=math.ceil(one.epochs * factor)) for phase, one in zip(phases, budgets, strict=True)
    ]


def _share_of_held(share: float | None, imposed: ImposedConstraints | None) -> float:
    """Returns the gradient share of anchors and pins.

    Raises:
        ValueError: If it leaves nothing beside that of other constraints.
    """
    others = 0.0 if imposed is None else imposed.share_of_others
    if share is None:
        has_pins = imposed is not None and imposed.has_pins
        return _SHARE_WITH_PINS * (1 - others) if has_pins else min(_SHARE, _SHARE_WITH_PINS * (1 - others))
    if share + others >= 1:
        raise ValueError(
            f"share and constraint_share must sum to less than 1, got {share} and {others}. Lower one of them."
        )
    return share


class _HeldRows(Loss):
    """The sum of losses of anchors and of pins, which have one gradient share.

    With shares of their own, a few anchors that hardly moved would have the same say as pins that are far off.
    """

    def __init__(self, losses: Sequence[Loss]) -> None:
        super().__init__(_ANCHORS)
        self.losses = torch.nn.ModuleList(losses)

    def forward(self, *arguments: Any) -> torch.Tensor:
        values = [loss(*arguments) for loss in self._losses()]
        return torch.stack(values).sum()

    def check_setup(self, trial: Trial) -> None:
        for loss in self._losses():
            loss.check_setup(trial)

    def _losses(self) -> list[Loss]:
        return [loss for loss in self.losses if isinstance(loss, Loss)]


def _generator(seed: int | None) -> torch.Generator | None:
    return None if seed is None else torch.Generator().manual_seed(seed)


def _earlier_rows(routine: Estimator, old: Data | None) -> Dataset:
    if old is not None:
        routine._fitted.check_rows(old, routine.data_key, routine)
        return as_dataset(old, routine.data_key)
    blocks = routine._components
    if blocks.dataset is None:
        raise ValueError(
            f"this {type(routine).__name__} does not hold the rows it was trained on, as one that was loaded. "
            "Pass some of them: update(X, old=X_old)."
        )
    made = blocks.dataset.subset(slice(None))
    for key in blocks.derived_data:
        made.data.pop(key, None)
    return made


def _joined(first: Dataset, second: Dataset) -> Dataset:
    """Returns the rows of both, with the entries that both have."""
    keys = [key for key in second if key in first and key != "indices"]
    rows = {key: stacked(first.source(key), second.source(key)) for key in keys}
    made = Dataset(rows, titles={key: first.title(key) for key in keys})
    made.columns, made.names = dict(first.columns), dict(first.names)
    return made
