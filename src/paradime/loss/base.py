"""The contract of losses."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import torch

from paradime.data import Batch, Dataset
from paradime.relationdata import RelationData
from paradime.relations import Relations

__all__ = [
    "BatchRelations",
    "GlobalRelations",
    "Loss",
    "Trial",
    "as_batch",
    "check_shape",
    "is_squared_error",
    "trained_state",
    "usual_length",
]

_ABSENT: Any = object()
_EXTRA_STATE = "_extra_state"  # how torch names it
_FAR_LENGTH = 3  # times the median length: what is longer counts as this

GlobalRelations = Mapping[str, RelationData]
BatchRelations = Mapping[str, Relations]


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a loss is tried on before training.

    Attributes:
        model: The model.
        global_relations: The relations between all points, by key.
        batch_relations: How to compute the relations between embedded points, by key.
        batch: A few rows.
        device: Where to compute.
        dataset: All rows.
    """

    model: torch.nn.Module
    global_relations: GlobalRelations
    batch_relations: BatchRelations
    batch: Batch
    device: torch.device
    dataset: Dataset

    def encode(self, method: str | None, data_key: str) -> Any:
        """Returns what a method of the model makes of an entry of the batch."""
        return self.batch.encode(self.model, method, data_key, self.device)


class Loss(torch.nn.Module):
    """A term of the objective. Subclass it and write :meth:`forward`.

    A loss may have parameters; they are trained along with the model's. Its ``state_dict()`` has these, its
    buffers, and what it remembers of the training: its history, and the attributes that :attr:`state_attributes`
    names. A checkpoint stores that state.

    Args:
        name: The loss's name in histories; the class's name if ``None``.

    Attributes:
        history: The loss of each epoch, the sum over its batches.

    Example:
        >>> class Size(Loss):
        ...     def forward(self, model, global_relations, batch_relations, batch, device):
        ...         return model(batch["main"].to(device)).square().mean()
        >>> loss = Size()
        >>> value = loss(torch.nn.Identity(), {}, {}, {"main": torch.ones(3, 2)}, torch.device("cpu"))
        >>> loss.checkpoint()
        >>> loss.history
        [1.0]
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The constructor arguments that ``data``, ``rels`` and ``methods`` of a specification give, in order."""

    state_attributes: ClassVar[tuple[str, ...]] = ()
    """The names of attributes that :meth:`forward` sets and reads again in later steps: numbers, texts, tensors,
    and lists, tuples and dicts of such. Parameters and buffers need not be named."""

    _before: dict[str, Any] | None = None
    # attributes as they were before an evaluation, as far as they were set since; None while values count

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self.name = name if name is not None else type(self).__name__
        self.history: list[float] = []
        self._accumulated: torch.Tensor | None = None

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        """Computes the loss of a batch.

        Args:
            model: The model that is trained.
            global_relations: The relations between all points, by key; ``.sub(batch["indices"])`` gives the
                block of the batch.
            batch_relations: How to compute the relations between embedded points, by key.
            batch: The sampled rows, by name.
            device: Where to compute.

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(). Write it: it returns a scalar tensor.")

    def __call__(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Computes the loss of a batch and adds it to the epoch's sum."""
        value: torch.Tensor = super().__call__(*args, **kwargs)
        if not self._counts:
            return value
        seen = value.detach()
        # stays on the device: reading it would wait for the device at every step
        self._accumulated = seen if self._accumulated is None else self._accumulated + seen
        return value

    def evaluate(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        """Computes the loss of a batch that does not count, such as one of held-out rows.

        Nothing is added to histories, and attributes that :meth:`forward` sets are set back, those of losses
        within this one, too. What ``forward`` changes in place, such as a list that it appends to, stays changed.

        Args:
            model: The model.
            global_relations: The relations between all points, by key.
            batch_relations: How to compute the relations between embedded points, by key.
            batch: The rows, by name.
            device: Where to compute.

        Returns:
            A scalar.

        Example:
            >>> class Steps(Loss):
            ...     n_steps = 0
            ...
            ...     def forward(self, model, global_relations, batch_relations, batch, device):
            ...         self.n_steps += 1
            ...         return torch.tensor(float(self.n_steps))
            >>> loss = Steps()
            >>> loss.evaluate(None, {}, {}, {}, None), loss.n_steps
            (tensor(1.), 0)
        """
        with self._leaving_no_trace():
            computed: torch.Tensor = self(model, global_relations, batch_relations, batch, device)
        return computed

    @property
    def _counts(self) -> bool:
        """Whether values are part of the training."""
        return self._before is None

    @contextlib.contextmanager
    def _leaving_no_trace(self) -> Iterator[None]:
        """Within the block, no value counts; afterwards all attributes are set back."""
        losses = [part for part in self.modules() if isinstance(part, Loss) and part._counts]
        for loss in losses:
            object.__setattr__(loss, "_before", {})
        try:
            yield
        finally:
            for loss in losses:
                before = loss._before or {}
                object.__delattr__(loss, "_before")
                for name, attribute in before.items():
                    if attribute is _ABSENT:
                        delattr(loss, name)
                    else:
                        setattr(loss, name, attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._before is not None and name not in self._before:
            self._before[name] = getattr(self, name, _ABSENT)
        super().__setattr__(name, value)

    # -- state ----------------------------------------------------------------------------------------

    def without_history(self) -> Self:
        """Returns a copy that shares parameters and components, and has a history of its own, which is empty."""
        made = copy.copy(self)
        made._forget()
        return made

    def _forget(self) -> None:
        self.history, self._accumulated = [], None

    def get_extra_state(self) -> dict[str, Any]:
        """Returns what the loss remembers of the training, which torch makes part of ``state_dict()``.

        Whoever overrides it, and :meth:`set_extra_state`, extends what the method of the base class returns.
        """
        own = {name: getattr(self, name) for name in self.state_attributes}
        return {"history": list(self.history), "accumulated": self._accumulated, "attributes": own}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Takes what :meth:`get_extra_state` returned."""
        self.history, self._accumulated = list(state["history"]), state["accumulated"]
        for name in self.state_attributes:
            setattr(self, name, state["attributes"][name])

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        metadata: Any,
        strict: bool,
        missing: list[str],
        *rest: Any,
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, *rest)
        # weights alone may be loaded: saved routines have no more, nor do states that 1.x has written
        if prefix + _EXTRA_STATE in missing:
            missing.remove(prefix + _EXTRA_STATE)

    # -- what it asks for -----------------------------------------------------------------------------

    def needs(self, batch_relations: BatchRelations) -> str:
        """Returns what a batch must hold: ``"items"``, or ``"pairs"``, which edge sampling provides."""
        return "items"

    def n_outputs(self, dataset: Dataset) -> int | None:
        """Returns how many outputs it needs of the model's head, such as classes; ``None`` if it needs none."""
        return None

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        """Returns how long distances in the embedding are to be, at the root of their mean square.

        ``fit`` gives the networks that it makes such a unit, so that they need not learn it.

        Args:
            dataset: The training data.
            global_relations: The relations between all points, by key.
            batch_relations: How to compute the relations between embedded points, by key.

        Returns:
            A positive length, or ``None`` if the loss does not compare lengths with those of the data.
        """
        return None

    def check_setup(self, trial: Trial) -> None:
        """Raises an error if the loss cannot work with the model and data; called before training.

        Args:
            trial: What the loss would work on, with a batch of two rows; the model is in evaluation mode and
                computes no gradients.
        """

    def checkpoint(self) -> None:
        """Ends an epoch: appends the sum over its batches to the history."""
        self.history.append(0.0 if self._accumulated is None else float(self._accumulated))
        self._accumulated = None

    def detailed_history(self) -> torch.Tensor:
        """Returns the loss of each component in each epoch, shape (components, epochs); it is the only one."""
        return torch.tensor([self.history])

    def weight_history(self) -> torch.Tensor:
        """Returns the weight of each component at the end of each epoch, shape (components, epochs); here 1."""
        return torch.ones(1, len(self.history))

    def extra_repr(self) -> str:
        return repr(self.name)


def trained_state(loss: torch.nn.Module) -> dict[str, Any]:
    """Returns the parameters and buffers of a loss by name, without what it remembers of the training.

    ``load_state_dict`` takes that as well.

    Example:
        >>> list(Loss().state_dict()), list(trained_state(Loss()))
        (['_extra_state'], [])
    """
    parts = [name for name, part in loss.named_modules() if isinstance(part, Loss)]
    remembered = {f"{name}.{_EXTRA_STATE}" if name else _EXTRA_STATE for name in parts}
    return {name: value for name, value in loss.state_dict().items() if name not in remembered}


def as_batch(batch: Mapping[str, torch.Tensor]) -> Batch:
    """Returns a batch, also of a plain dict of tensors."""
    return batch if isinstance(batch, Batch) else Batch(batch)


def is_squared_error(function: object) -> bool:
    """Returns whether a loss function is torch's mean squared error, as a function or as a module."""
    module = isinstance(function, torch.nn.MSELoss) and function.reduction == "mean"
    return module or function is torch.nn.functional.mse_loss


def usual_length(values: torch.Tensor) -> float | None:
    """Returns the root mean square of lengths, none of which counts more than three times the median.

    A single row far from all others, which is in few of many distances, does not matter.

    Args:
        values: Lengths, of any shape.

    Returns:
        A positive number, or ``None`` if there is none.
    """
    lengths = values[values > 0]
    if not lengths.numel() or not bool(lengths.isfinite().all()):
        return None
    # about the median, so that squares stay within the type's range
    median = float(lengths.median())
    within = (values / median).clamp(max=_FAR_LENGTH)
    return median * float(within.square().mean(dtype=torch.float64).sqrt())


def check_shape(what: str, got: Any, expected: tuple[int, ...], remedy: str) -> None:
    """Raises ValueError if a model's output is no tensor of a shape.

    Args:
        what: What was computed, in words.
        got: The model's output.
        expected: The shape; −1 stands for any size.
        remedy: What the user can do.
    """
    if not isinstance(got, torch.Tensor):
        raise ValueError(f"{what} must be a tensor, got {type(got).__name__}. {remedy}")
    fits = got.ndim == len(expected) and all(e in (-1, g) for g, e in zip(got.shape, expected, strict=True))
    if not fits:
        shown = ", ".join("any" if e == -1 else str(e) for e in expected)
        raise ValueError(f"{what} must have shape ({shown}), got {tuple(got.shape)}. {remedy}")
