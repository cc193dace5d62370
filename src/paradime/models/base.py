"""The interface of models, and the unit of their embeddings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, runtime_checkable

import torch

from paradime._registry import did_you_mean
from paradime.exceptions import UnsupportedConfigurationError
from paradime.utils.arguments import check_instance

__all__ = [
    "ROW_METHODS",
    "Completable",
    "Model",
    "Preparable",
    "as_input",
    "centers_rows",
    "checked_unit",
    "computed_type",
    "in_unit",
    "is_torn",
    "needs_double",
    "resolve_method",
    "scaling_of",
    "unit_of",
    "without_unit",
]


ROW_METHODS = ("forward", "embed", "encode", "decode", "decode_standardized", "classify")
"""The methods of models that map rows to rows."""


class Model(torch.nn.Module):
    """A module with the methods that losses call. Subclass it and write the methods that your losses use.

    ``embed``, ``encode`` and calling the model are the same unless a subclass overrides one; it is enough to write
    ``forward`` or ``embed``.

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
            f"model {type(self).__name__} has no method {method!r}, which a loss or call uses. Write the method."
        )


@runtime_checkable
class Preparable(Protocol):
    """A model with components that are fitted to the training rows instead of trained, such as a scaling.

    If the model of a routine, or its encoder, has both attributes, the routine calls ``prepare`` before the first
    training, unless the model is prepared already. ``fit`` makes and prepares the model of a recipe anew; a model
    instance is prepared once. Store what ``prepare`` fits in buffers of a fixed shape, so that a loaded model is
    prepared.

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
        """Fits the model's fixed components.

        Args:
            rows: The training rows, shape (n, …).
            generator: Source of randomness, seeded from the routine's; torch's global generator if ``None``.
        """


@runtime_checkable
class Completable(Preparable, Protocol):
    """A model that can be prepared with further rows for columns that were constant in all rows so far."""

    def complete(self, rows: Any, generator: torch.Generator | None = None) -> None:
        """Fits the scale of these columns to further rows; arguments as for :meth:`Preparable.prepare`."""


def as_input(model: torch.nn.Module | None, rows: Any) -> Any:
    """Converts rows to the dtype of a model's first floating-point parameter.

    Args:
        model: The model; rows become float32 if it is ``None``, a function, or has no such parameter.
        rows: A tensor, or sparse rows. Integers are not converted for a model with a ``torch.nn.Embedding``, and
            float64 is not converted for a model that centres its input.

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
    """Returns the dtype of a model's first floating-point parameter, or float32."""
    dtypes = (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point())
    return next(dtypes, torch.float32)


def scaling_of(model: torch.nn.Module | None) -> Any:
    """Returns the layer by which a model, or its encoder, centres and scales its input; ``None`` without it."""
    scaling = getattr(getattr(model, "encoder", model), "scaling", None)
    return scaling if hasattr(type(scaling), "is_far") else None


def centers_rows(model: torch.nn.Module | None) -> bool:
    """Returns whether a model centres its input, in the precision of the input."""
    return scaling_of(model) is not None


def needs_double(model: torch.nn.Module | None) -> bool:
    """Returns whether the training rows are so far from zero that the model needs double-precision input."""
    scaling = scaling_of(model)
    return scaling is not None and scaling.center.device.type != "mps" and bool(scaling.is_far)


def resolve_method(model: torch.nn.Module, method: str | None) -> Callable[[torch.Tensor], Any]:
    """Returns a method of a model by name.

    Args:
        model: Any module.
        method: The method's name; ``None`` or ``"forward"`` is the model itself, and so is ``"embed"`` for a
            module without this method.

    Raises:
        UnsupportedConfigurationError: If the model does not have the method.

    Example:
        >>> resolve_method(torch.nn.Linear(3, 2), "embed")(torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """
    if method is None:
        return model
    check_instance("method", method, str, remedy="Pass the name of a method of the model.")
    if method == "forward":
        return model
    bound = getattr(model, method, None)
    if callable(bound):
        return bound  # type: ignore[no-any-return]
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
    if unit is not None and not 0 < unit <= sys.float_info.max:
        raise ValueError(f"unit must be a positive number or None, got {unit!r}. None lets training choose it.")
    return None if unit is None else float(unit)


def in_unit(result: torch.Tensor, unit: float | None) -> torch.Tensor:
    """Scales the output of layers to the unit of the embedding."""
    return result if unit is None else result * unit


def is_torn(model: object) -> bool:
    """Returns whether the embedding of a model, or its encoder, jumps between rows that are near each other.

    Such models have an attribute ``is_torn``. Their derivatives describe moves between the jumps only.
    """
    return bool(getattr(getattr(model, "encoder", model), "is_torn", False))


def unit_of(model: object) -> float:
    """Returns the unit of the embedding of a model or its encoder; 1 if it has none."""
    unit = getattr(getattr(model, "encoder", model), "unit", None)
    return float(unit) if isinstance(unit, (int, float)) else 1.0


def without_unit(embedded: torch.Tensor, encoder: object) -> torch.Tensor:
    """Returns the output of an encoder's layers, before :func:`in_unit`, as input for decoders and classifiers."""
    return embedded / unit_of(encoder)
