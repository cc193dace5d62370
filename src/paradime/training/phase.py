"""The settings of a training phase."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch

from paradime._registry import SCHEDULES, did_you_mean
from paradime.data import Edges, Items, Sampling
from paradime.loss import Loss
from paradime.loss.weights import Weight
from paradime.training.budget import AUTO, SHORT, Count, Epochs, TrainingBudget, budget_for
from paradime.training.callbacks import Callback, checked_callbacks
from paradime.training.early_stopping import EarlyStopping
from paradime.training.execution import PRECISIONS
from paradime.training.optimizers import make_optimizer
from paradime.training.schedules import Schedule
from paradime.utils.annotations import from_numpy
from paradime.utils.arguments import (
    check_choice,
    check_instance,
    check_integer,
    check_positive,
    check_strings,
    is_integer,
    is_positive,
    shown,
)

__all__ = ["TrainingPhase"]

# those whose settings are settings of the phase
_PLAIN_SAMPLINGS: dict[str, type[Sampling]] = {"standard": Items, "negative_edge": Edges}
_BY_RULE: Mapping[str, tuple[str, ...]] = {"epochs": (AUTO, SHORT), "batch_size": (AUTO,)}
_CHOICES = {"negatives": ("random", "batch", "degree"), "precision": PRECISIONS}


@dataclasses.dataclass(init=False, eq=False)
class TrainingPhase:
    """What is sampled, which losses are weighted how, and how steps are taken.

    Args:
        name: The phase's name in messages.
        epochs: Number of epochs, at least 0, which skips the phase; with ``"auto"`` or ``"short"``, the number of
            steps follows from the number of rows (:func:`~paradime.training.steps_for`,
            :func:`~paradime.training.short_steps_for`).
        batch_size: Rows in a batch, or positive edges, at least 1; or ``"auto"``, likewise
            (:func:`~paradime.training.batch_size_for`).
        batches_per_epoch: Batches in an epoch; one pass over the data if −1.
        sampling: ``"standard"`` for rows, ``"negative_edge"`` for edges with random negatives, or a
            :class:`~paradime.data.Sampling`.
        edge_rel_key: The global relations whose edges are sampled.
        neg_sampling_rate: Negatives for each edge, at least 0.
        loss_keys: Which losses, by the routine's keys.
        loss_weights: One number per loss; 1 each if ``None``. A pair (start, end) instead of a number changes
            linearly during the phase. ``"balanced"`` finds weights under which each loss keeps its share of the
            gradient, whatever the scale of the losses and the data.
        optimizer: A class of ``torch.optim``, or a function of parameters and settings.
        learning_rate: Learning rate, > 0.
        report_interval: Epochs between reports of the loss, at least 1.
        negatives: Where the negatives of edges come from: ``"random"`` for all points, ``"degree"`` for all points
            by their weight in the graph, or ``"batch"`` for the other edges' points in the batch, so that each row
            is encoded once and a step costs least.
        precision: ``"float32"``, or ``"bfloat16"`` for the layers of the model that torch's autocast lowers;
            weights, distances and losses stay in single precision.
        compile: Whether the model's methods are compiled by ``torch.compile``, or the name of its backend.
        schedule: How the learning rate changes from step to step: ``"constant"``, ``"linear"``, ``"cosine"``,
            ``"exponential"``, ``"step"``, ``"one cycle"``, or a :class:`~paradime.training.Schedule`, which has
            settings such as a warm-up. ``None`` means ``"constant"``.
        clip_norm: The largest norm of the gradient with respect to all that is trained, > 0; longer gradients are
            shortened to it. Not limited if ``None``.
        early_stopping: When the phase ends early; never if ``None``.
        callbacks: What to call during this phase, after the routine's callbacks.
        loss_shares: For ``loss_weights="balanced"``, the share of each loss in the gradient, by its key; positive,
            for all losses of the phase. They need not sum to 1. Equal shares if ``None``. With other weights, the
            shares of some losses, which sum to less than 1: the others, with their weights, keep the rest.
        **optimizer_kwargs: Further settings of the optimizer.

    Attributes:
        loss: The loss that the phase names, if it is one without a weight; else the weighted sum of all of them,
            which is made anew whenever the phase is trained. ``loss.history`` has one value an epoch. ``None``
            until a routine has said which losses the keys mean.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> TrainingPhase(epochs=10).replace(batch_size=100).epochs
        10
    """

    name: str | None
    epochs: Epochs
    batch_size: Count
    batches_per_epoch: int
    sampling: str | Sampling
    edge_rel_key: str
    neg_sampling_rate: int
    loss_keys: list[str]
    loss_weights: list[Weight] | Literal["balanced"] | None
    optimizer: Callable[..., torch.optim.Optimizer]
    learning_rate: float
    report_interval: int
    negatives: str
    precision: str
    compile: bool | str
    schedule: str | Schedule
    clip_norm: float | None
    early_stopping: EarlyStopping | None
    callbacks: tuple[Callback, ...]
    loss_shares: Mapping[str, float] | None
    optimizer_kwargs: dict[str, Any]
    loss: Loss | None = dataclasses.field(default=None, repr=False)

    _is_frozen: ClassVar[bool] = False

    def __init__(
        self,
        name: str | None = None,
        epochs: int | Literal["auto", "short"] = 5,
        batch_size: int | Literal["auto"] = 50,
        batches_per_epoch: int = -1,
        sampling: str | Sampling = "standard",
        edge_rel_key: str = "rel",
        neg_sampling_rate: int = 5,
        loss_keys: Sequence[str] = ("loss",),
        loss_weights: Sequence[Weight] | Literal["balanced"] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        learning_rate: float = 0.01,
        report_interval: int = 5,
        *,
        negatives: str = "random",
        precision: str = "float32",
        compile: bool | str = False,  # noqa: A002  torch's name for it
        schedule: str | Schedule | None = "constant",
        clip_norm: float | None = None,
        early_stopping: EarlyStopping | None = None,
        callbacks: Sequence[Callback] = (),
        loss_shares: Mapping[str, float] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:
        self.name = name
        self.epochs = from_numpy(epochs)
        self.batch_size = from_numpy(batch_size)
        self.batches_per_epoch = from_numpy(batches_per_epoch)
        self.sampling = sampling
        self.edge_rel_key = edge_rel_key
        self.neg_sampling_rate = from_numpy(neg_sampling_rate)
        self.loss_keys = check_strings("loss_keys", loss_keys)
        self.loss_weights = _plain(loss_weights)
        self.optimizer = optimizer
        self.learning_rate = from_numpy(learning_rate)
        self.report_interval = from_numpy(report_interval)
        self.negatives = negatives
        self.precision = precision
        self.compile = from_numpy(compile)
        self.schedule = "constant" if schedule is None else schedule
        self.clip_norm = from_numpy(clip_norm)
        self.early_stopping = early_stopping
        self.callbacks = checked_callbacks(callbacks)
        self.loss_shares = _plain(loss_shares)
        self.optimizer_kwargs = optimizer_kwargs
        self.loss = None
        self.check()

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_frozen:
            raise dataclasses.FrozenInstanceError(
                f"the settings of training phase {self.name!r} stay as they are while it is trained, got "
                f"{name}={value!r}. Change them before the training; state.stop = True ends the phase."
            )
        super().__setattr__(name, value)

    def frozen(self) -> Self:
        """Returns a copy whose settings cannot be changed: what a training works on.

        Example:
            >>> TrainingPhase("main").frozen().epochs = 3
            Traceback (most recent call last):
            ...
            dataclasses.FrozenInstanceError: the settings of training phase 'main' stay as they are while it is ...
        """
        made = copy.copy(self)
        object.__setattr__(made, "_is_frozen", True)
        return made

    def check(self) -> None:
        """Raises ValueError if a setting is out of range; also called when the phase is run."""
        for name, least in (("epochs", 0), ("batch_size", 1), ("neg_sampling_rate", 0), ("report_interval", 1)):
            value: Any = getattr(self, name)
            words = _BY_RULE.get(name, ())
            if not (isinstance(value, str) and value in words):
                check_integer(name, value, least, also="".join(f", or {word!r}" for word in words))
        batches: Any = self.batches_per_epoch
        if not is_integer(batches) or (batches != -1 and batches < 1):
            raise ValueError(
                "batches_per_epoch must be at least 1, or -1 for one pass over the data, "
                f"got {self.batches_per_epoch!r}."
            )
        for name in ("name", "edge_rel_key"):
            key: Any = getattr(self, name)
            if key is not None:
                check_instance(name, key, str)
        if not isinstance(self.sampling, Sampling):
            check_choice("sampling", self.sampling, _PLAIN_SAMPLINGS)
        for name, known in _CHOICES.items():
            check_choice(name, getattr(self, name), known)
        check_positive("learning_rate", self.learning_rate)
        if self.clip_norm is not None:
            check_positive("clip_norm", self.clip_norm, also=" or None")
        self._check_blocks()
        self._check_weights()

    def _check_blocks(self) -> None:
        if not callable(self.optimizer):
            raise ValueError(
                f"optimizer must be a class of torch.optim, or a function of parameters and settings, got "
                f"{shown(self.optimizer)}. Pass a class, such as torch.optim.AdamW."
            )
        if isinstance(self.schedule, str):
            if self.schedule not in SCHEDULES:
                raise ValueError(SCHEDULES.describe_unknown(self.schedule))
        elif not isinstance(self.schedule, Schedule):
            raise ValueError(
                f"schedule must be a name or a Schedule, got {type(self.schedule).__name__}. "
                f"{did_you_mean('', SCHEDULES)}"
            )
        if self.early_stopping is not None and not isinstance(self.early_stopping, EarlyStopping):
            raise ValueError(
                f"early_stopping must be an EarlyStopping or None, got {self.early_stopping!r}. "
                "Pass EarlyStopping(patience=…)."
            )
        checked_callbacks(self.callbacks)

    def _check_weights(self) -> None:
        if not self.loss_keys:
            raise ValueError("loss_keys must name at least one loss, got none.")
        balanced = self.loss_weights == "balanced"
        if isinstance(self.loss_weights, str) and not balanced:
            raise ValueError(
                f"unknown loss_weights {self.loss_weights!r}. Pass 'balanced' or one number per loss."
            )
        weights: Any = self.loss_weights
        if (
            weights is not None
            and not balanced
            and not (isinstance(weights, list) and len(weights) == len(self.loss_keys))
        ):
            raise ValueError(
                f"loss_weights must be one number per loss, got {weights!r} for {len(self.loss_keys)} losses "
                f"{self.loss_keys}."
            )
        if self.loss_shares is None:
            return
        if not isinstance(self.loss_shares, Mapping):
            raise ValueError(
                f"loss_shares must be a dict of shares by the loss's key, or None, got {self.loss_shares!r}. "
                f"Pass such as {{{self.loss_keys[0]!r}: 0.5}}."
            )
        shares = dict(self.loss_shares)
        for key in shares:
            if key not in self.loss_keys:
                raise ValueError(f"loss_shares name an unknown loss {key!r}. {did_you_mean(key, self.loss_keys)}")
        complete = set(shares) == set(self.loss_keys)
        if complete and self.loss_weights is not None and not balanced:
            raise ValueError(
                f"loss_weights {self.loss_weights} have no meaning beside loss_shares of all losses, {shares}. "
                "Leave one of them out."
            )
        if not all(map(is_positive, shares.values())) or (balanced and not complete):
            raise ValueError(
                f"loss_shares must be a positive number for each of the losses {self.loss_keys}, got {shares}."
            )
        if not complete and not sum(shares.values()) < 1:
            raise ValueError(
                f"loss_shares of some losses must sum to less than 1, the others keep the rest; got {shares}."
            )

    @property
    def kwargs(self) -> dict[str, Any]:
        """The settings of the optimizer, by the name that 1.x has for ``optimizer_kwargs``."""
        return self.optimizer_kwargs

    def settings(self) -> dict[str, Any]:
        """Returns the settings as the constructor takes them."""
        names = [field.name for field in dataclasses.fields(self)]
        settings = {name: getattr(self, name) for name in names if name not in ("optimizer_kwargs", "loss")}
        return {**settings, **self.optimizer_kwargs}

    def replace(self, **changes: Any) -> Self:
        """Returns a phase with some settings changed; this one stays as it is.

        Settings of the optimizer are dropped along with the optimizer they belong to.
        """
        settings = self.settings()
        if changes.get("optimizer", self.optimizer) is not self.optimizer:
            settings = {name: value for name, value in settings.items() if name not in self.optimizer_kwargs}
        return type(self)(**{**settings, **changes})

    def budget(self, n_rows: int) -> TrainingBudget:
        """Returns the number and size of batches on data of so many rows.

        Example:
            >>> TrainingPhase(epochs="auto", batch_size=100).budget(1_000)
            TrainingBudget(epochs=150, batch_size=100, batches_per_epoch=10)
        """
        return budget_for(self.epochs, self.batch_size, self.batches_per_epoch, n_rows)

    def plan(self) -> Sampling:
        """Returns what batches are made of, with its settings."""
        if isinstance(self.sampling, Sampling):
            return self.sampling
        kind = _PLAIN_SAMPLINGS[self.sampling]
        return kind(**{field.name: getattr(self, field.name) for field in dataclasses.fields(kind)})  # type: ignore[arg-type]

    def make_optimizer(self, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Makes the optimizer for some parameters.

        Raises:
            ValueError: If the optimizer does not take its settings.
        """
        try:
            return make_optimizer(self.optimizer, parameters, lr=self.learning_rate, **self.optimizer_kwargs)
        except TypeError as error:
            raise ValueError(
                f"training phase {self.name!r}: {error}. Settings that TrainingPhase does not know, here "
                f"{sorted(self.optimizer_kwargs)}, are passed to the optimizer."
            ) from error


def _plain(values: Any) -> Any:
    """Returns numbers in a dict, list or array as Python's; anything else, such as a name, as it is."""
    if isinstance(values, Mapping):
        return {key: from_numpy(value) for key, value in values.items()}
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values
    return [from_numpy(value) for value in values]
