"""The interface of losses."""

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
]

_ABSENT: Any = object()
_EXTRA_STATE = "_extra_state"  # torch's name

GlobalRelations = Mapping[str, RelationData]
BatchRelations = Mapping[str, Relations]


@dataclasses.dataclass(frozen=True)
class Trial:
    """The model and data with which a loss is checked before training.

    Attributes:
        model: The model.
        global_relations: The relations between all points, by key.
        batch_relations: The relations to compute between embedded points, by key.
        batch: A few rows.
        device: The device of the computation.
        dataset: All rows.
    """

    model: torch.nn.Module
    global_relations: GlobalRelations
    batch_relations: BatchRelations
    batch: Batch
    device: torch.device
    dataset: Dataset

    def encode(self, method: str | None, data_key: str) -> Any:
        """Returns the output of a method of the model for an entry of the batch."""
        return self.batch.encode(self.model, method, data_key, self.device)


class Loss(torch.nn.Module):
    """A term of the objective. Subclass it and write :meth:`forward`.

    A loss may have parameters, which are trained together with the model's. Its ``state_dict()`` contains these,
    its buffers, and its training state: its history, and the attributes in :attr:`state_attributes`. Checkpoints
    store it.

    Args:
        name: The name of the loss in histories; the name of the class if ``None``.

    Attributes:
        history: The loss of each epoch, summed over its batches.

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
    """The constructor's arguments in the lists ``data``, ``rels`` and ``methods`` of a specification."""

    state_attributes: ClassVar[tuple[str, ...]] = ()
    """The names of attributes that :meth:`forward` sets and reads in later steps: numbers, strings, tensors, and
    lists, tuples and dicts of these. Parameters and buffers need not be listed."""

    _before: dict[str, Any] | None = None
    # the former values of attributes that an evaluation has set; None outside evaluations

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
            model: The model.
            global_relations: The relations between all points, by key; ``.sub(batch["indices"])`` returns the
                block of the batch.
            batch_relations: The relations to compute between embedded points, by key.
            batch: The sampled rows, by name.
            device: The device of the computation.

        Returns:
            A scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(). Write it: it returns a scalar tensor.")

    def __call__(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Computes the loss of a batch and adds it to the epoch's sum."""
        value: torch.Tensor = super().__call__(*args, **kwargs)
        if self._is_evaluating:
            return value
        detached = value.detach()
        # keep it on the device: reading it would wait for the device in every step
        self._accumulated = detached if self._accumulated is None else self._accumulated + detached
        return value

    def evaluate(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        """Computes the loss of a batch that is not part of the training, such as held-out rows.

        Histories do not change, and attributes that :meth:`forward` sets are restored, also those of component
        losses. Changes in place, such as appending to a list, are not undone.

        Args:
            model: The model.
            global_relations: The relations between all points, by key.
            batch_relations: The relations to compute between embedded points, by key.
            batch: The rows, by name.
            device: The device of the computation.

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
        with self._restoring_attributes():
            value: torch.Tensor = self(model, global_relations, batch_relations, batch, device)
        return value

    @property
    def _is_evaluating(self) -> bool:
        """Whether values are not part of the training."""
        return self._before is not None

    @contextlib.contextmanager
    def _restoring_attributes(self) -> Iterator[None]:
        """Restores the attributes of this loss and its components at the end of the block."""
        losses = [part for part in self.modules() if isinstance(part, Loss) and not part._is_evaluating]
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
        """Returns a copy with an empty history, which shares parameters and components with the original."""
        copied = copy.copy(self)
        copied._reset_history()
        return copied

    def _reset_history(self) -> None:
        self.history, self._accumulated = [], None

    def get_extra_state(self) -> dict[str, Any]:
        """Returns the training state, which torch includes in ``state_dict()``.

        Overrides of this method and :meth:`set_extra_state` must call the method of the base class.
        """
        attributes = {name: getattr(self, name) for name in self.state_attributes}
        return {"history": list(self.history), "accumulated": self._accumulated, "attributes": attributes}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Sets the training state that :meth:`get_extra_state` returned."""
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
        # the training state is optional: saved routines and states of 1.x have weights only
        if prefix + _EXTRA_STATE in missing:
            missing.remove(prefix + _EXTRA_STATE)

    # -- requirements ---------------------------------------------------------------------------------

    def needs(self, batch_relations: BatchRelations) -> str:
        """Returns the required kind of batches: ``"items"``, or ``"pairs"`` of edge sampling."""
        return "items"

    def n_outputs(self, dataset: Dataset) -> int | None:
        """Returns the required number of outputs of the model's head, such as classes, or ``None``."""
        return None

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        """Returns the root mean square of the distances that the embedding should have.

        ``fit`` builds networks with this unit, so that they need not learn it.

        Args:
            dataset: The training data.
            global_relations: The relations between all points, by key.
            batch_relations: The relations to compute between embedded points, by key.

        Returns:
            A positive length, or ``None`` if the loss does not compare distances with those of the data.
        """
        return None

    def check_setup(self, trial: Trial) -> None:
        """Raises an error if the loss cannot work with the model and data; called before training.

        Args:
            trial: The model and data, with a batch of two rows. The model is in evaluation mode and computes no
                gradients.
        """

    def checkpoint(self) -> None:
        """Ends an epoch: appends its loss, summed over batches, to the history."""
        self.history.append(0.0 if self._accumulated is None else float(self._accumulated))
        self._accumulated = None

    def detailed_history(self) -> torch.Tensor:
        """Returns the loss of each component in each epoch, shape (components, epochs); here of one component."""
        return torch.tensor([self.history])

    def weight_history(self) -> torch.Tensor:
        """Returns the weight of each component at the end of each epoch, shape (components, epochs); here 1."""
        return torch.ones(1, len(self.history))

    def extra_repr(self) -> str:
        return repr(self.name)


def trained_state(loss: torch.nn.Module) -> dict[str, Any]:
    """Returns the parameters and buffers of a loss by name, without its training state.

    ``load_state_dict`` accepts the result.

    Example:
        >>> list(Loss().state_dict()), list(trained_state(Loss()))
        (['_extra_state'], [])
    """
    parts = [name for name, part in loss.named_modules() if isinstance(part, Loss)]
    training_state = {f"{name}.{_EXTRA_STATE}" if name else _EXTRA_STATE for name in parts}
    return {name: value for name, value in loss.state_dict().items() if name not in training_state}


def as_batch(batch: Mapping[str, torch.Tensor]) -> Batch:
    """Converts a dict of tensors to a batch."""
    return batch if isinstance(batch, Batch) else Batch(batch)


def is_squared_error(function: object) -> bool:
    """Returns whether a loss function is torch's mean squared error, as a function or as a module."""
    module = isinstance(function, torch.nn.MSELoss) and function.reduction == "mean"
    return module or function is torch.nn.functional.mse_loss


def check_shape(what: str, got: Any, expected: tuple[int, ...], remedy: str) -> None:
    """Raises ValueError if a model's output is not a tensor of the expected shape.

    Args:
        what: A description of the output.
        got: The model's output.
        expected: The shape; −1 for any size.
        remedy: The remedy, as a sentence.
    """
    if not isinstance(got, torch.Tensor):
        raise ValueError(f"{what} must be a tensor, got {type(got).__name__}. {remedy}")
    fits = got.ndim == len(expected) and all(e in (-1, g) for g, e in zip(got.shape, expected, strict=True))
    if not fits:
        shown = ", ".join("any" if e == -1 else str(e) for e in expected)
        raise ValueError(f"{what} must have shape ({shown}), got {tuple(got.shape)}. {remedy}")
