"""The contract of models, and the unit of their embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, runtime_checkable

import torch

from paradime._registry import did_you_mean
from paradime.exceptions import UnsupportedConfigurationError

__all__ = [
    "Completable",
    "Model",
    "Preparable",
    "as_input",
    "centers_rows",
    "checked_unit",
    "computed_type",
    "in_unit",
    "needs_double",
    "resolve_method",
    "scaling_of",
    "unit_of",
    "without_unit",
]


class Model(torch.nn.Module):
    """A module with the methods that losses ask for. Subclass it and write those that your losses use.

    ``embed``, ``encode`` and calling the model mean the same unless a subclass says otherwise; write
    ``forward`` or ``embed``, and the others follow.

    Example:
        >>> class TwoHeads(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.trunk, self.head = torch.nn.Linear(4, 2), torch.nn.Linear(2, 3)
        ...
        ...     def embed(self, X):
        ...         return self.trunk(X)
        ...
        ...     def classify(self, X):
        ...         return self.head(torch.relu(self.trunk(X)))
        >>> TwoHeads()(torch.ones(5, 4)).shape
        torch.Size([5, 2])
    """

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, …) to (b, out_dim), through :meth:`embed` or :meth:`encode`."""
        if type(self).embed is not Model.embed:
            return self.embed(X)
        if type(self).encode is not Model.encode:
            return self.encode(X)
        return self._missing("forward")

    def embed(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, …) to (b, out_dim)."""
        if type(self).forward is not Model.forward or type(self).encode is not Model.encode:
            return self(X)  # type: ignore[no-any-return]
        return self._missing("embed")

    def encode(self, X: torch.Tensor) -> torch.Tensor:
        """Encodes points for :meth:`decode`, shape (b, …) to (b, code_dim)."""
        return self.embed(X)

    def decode(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstructs points from their code, shape (b, code_dim) to (b, …)."""
        return self._missing("decode")

    def classify(self, X: torch.Tensor) -> torch.Tensor:
        """Scores classes, shape (b, …) to (b, n_classes)."""
        return self._missing("classify")

    def _missing(self, method: str) -> NoReturn:
        raise NotImplementedError(
            f"model {type(self).__name__} has no method {method!r}, and a loss or call asks for it. Write it."
        )


@runtime_checkable
class Preparable(Protocol):
    """A model with parts that are not trained, but fitted to the rows of the training, such as a scaling.

    A routine whose model, or whose model's encoder, has both attributes calls ``prepare`` once: before the first
    training, unless the model is prepared already. Models of recipes are therefore prepared whenever
    ``fit`` starts afresh; a model that was given, unless it comes with the state of a prepared one. What
    ``prepare`` fits belongs into buffers of a fixed shape, so that a model that is saved is prepared when it is
    loaded.

    Attributes:
        prepared: Whether the model was prepared.

    Example:
        >>> class Centered(torch.nn.Linear):
        ...     prepared = False
        ...
        ...     def prepare(self, rows, generator=None):
        ...         self.bias.data = -self.weight.data @ rows.mean(dim=0)
        ...         self.prepared = True
        >>> isinstance(Centered(3, 2), Preparable), isinstance(torch.nn.Linear(3, 2), Preparable)
        (True, False)
    """

    @property
    def prepared(self) -> bool:
        """Whether the model was prepared."""

    def prepare(self, rows: torch.Tensor, generator: torch.Generator | None = None) -> None:
        """Fits the model's fixed parts.

        Args:
            rows: The rows of the training, shape (n, …).
            generator: Source of randomness, seeded by the routine's; torch's global one if ``None``.
        """


@runtime_checkable
class Completable(Preparable, Protocol):
    """A model that was prepared with some rows, and lets columns count that had one value in all of these."""

    def complete(self, rows: Any, generator: torch.Generator | None = None) -> None:
        """Finds what is missing of such columns in further rows; arguments as for :meth:`Preparable.prepare`."""


def as_input(model: torch.nn.Module | None, rows: Any) -> Any:
    """Returns rows in the type in which a model computes, that of its first floating-point parameter.

    Args:
        model: The model; single precision is meant if it is ``None`` or a function, or has no such parameter.
        rows: A tensor, or sparse rows. Whole numbers stay as they are for a model that looks them up in a table,
            ``torch.nn.Embedding``; double precision stays for one that centres rows on its own.

    Example:
        >>> as_input(torch.nn.Linear(2, 1), torch.ones(3, 2, dtype=torch.int64)).dtype
        torch.float32
        >>> as_input(torch.nn.Embedding(5, 2), torch.ones(3, 1, dtype=torch.int64)).dtype
        torch.int64
    """
    if not isinstance(model, torch.nn.Module):
        return rows.to(torch.float32)
    if rows.dtype == torch.float64 and centers_rows(model):
        return rows
    tables = torch.nn.Embedding, torch.nn.EmbeddingBag
    if not rows.is_floating_point() and any(isinstance(module, tables) for module in model.modules()):
        return rows
    return rows.to(computed_type(model))


def computed_type(model: torch.nn.Module) -> torch.dtype:
    """Returns the type in which a model computes: that of its first floating-point parameter, or float32."""
    dtypes = (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
    return next(dtypes, torch.float32)


def scaling_of(model: torch.nn.Module | None) -> Any:
    """Returns what a model, or its encoder, centres and scales rows by before its layers; ``None`` without it."""
    found = getattr(getattr(model, "encoder", model), "scaling", None)
    return found if hasattr(type(found), "is_far") else None


def centers_rows(model: torch.nn.Module | None) -> bool:
    """Returns whether a model centres rows, in the precision in which they come."""
    return scaling_of(model) is not None


def needs_double(model: torch.nn.Module | None) -> bool:
    """Returns whether rows of a model lie so far from zero that they must come in double precision."""
    scaling = scaling_of(model)
    return scaling is not None and scaling.center.device.type != "mps" and bool(scaling.is_far)


def resolve_method(model: torch.nn.Module, method: str | None) -> Callable[[torch.Tensor], Any]:
    """Returns the method of a model by its name.

    Args:
        model: Any module.
        method: The method's name; ``None`` calls the model. A module that is no :class:`Model` and has no
            ``embed`` embeds by being called.

    Raises:
        UnsupportedConfigurationError: If the model has no such method.

    Example:
        >>> resolve_method(torch.nn.Linear(3, 2), "embed")(torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """
    if method is None or method == "forward":
        return model
    found = getattr(model, method, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if method == "embed":
        return model
    own = {name for name in set(dir(type(model))) - set(dir(torch.nn.Module)) if not name.startswith("_")}
    raise UnsupportedConfigurationError(
        f"model {type(model).__name__} has no method {method!r}. {did_you_mean(method, own | {'forward'})} "
        "Write the method, or name another in the loss (embedding_method=…, classification_method=…)."
    )


def checked_unit(unit: float | None) -> float | None:
    """Returns the unit.

    Raises:
        ValueError: If it is not positive.
    """
    if unit is not None and not 0 < unit < math.inf:
        raise ValueError(f"unit must be a positive number, or None, got {unit!r}.")
    return unit


def in_unit(result: torch.Tensor, unit: float | None) -> torch.Tensor:
    """Returns what layers made, as lengths in the embedding."""
    return result if unit is None else result * unit


def unit_of(model: object) -> float:
    """Returns the unit of a model's embedding, or of its encoder's; 1 where it has none."""
    unit = getattr(getattr(model, "encoder", model), "unit", None)
    return float(unit) if isinstance(unit, (int, float)) else 1.0


def without_unit(embedded: torch.Tensor, encoder: object) -> torch.Tensor:
    """Returns positions as the layers of an encoder made them, which decoders and classifiers start from."""
    return embedded / unit_of(encoder)
