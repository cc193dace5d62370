"""Calls of constructors, whose errors become errors of the specification with their place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from paradime._registry import did_you_mean, with_article
from paradime.exceptions import SpecificationError
from paradime.models import ModelRecipe
from paradime.relationdata import RelationData
from paradime.spec.options import missing_options, options_of
from paradime.training import TrainingPhase

__all__ = ["call", "check_call", "check_known", "try_model", "try_optimizer"]

# shapes of unknown rows; images are large, so that no stack of convolutions is refused
_ANY_ROW = (100,)
_ANY_IMAGE = (1, 4096, 4096)


def call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    path: str,
    places: Mapping[str, str] | None = None,
) -> Any:
    """Calls a constructor.

    Args:
        function: The constructor.
        arguments: Its arguments by name.
        path: The place in the specification.
        places: Places of arguments, relative to ``path``; by default under ``options``.

    Raises:
        SpecificationError: If it raises an error, or if arguments are missing.
    """
    missing = missing_options(function, arguments)
    if missing:
        lines = []
        for name in missing:
            place = (places or {}).get(name, f".options.{name}")
            lines.append(f"{path}{place}: is missing. {options_of(function)[name].description}".strip())
        raise SpecificationError("\n".join(lines))
    try:
        return function(**arguments)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise SpecificationError(f"{path}: {error}") from error


def check_known(name: str, known: Iterable[str], what: str, path: str) -> None:
    """Raises SpecificationError if a name is not known."""
    names = list(known)
    if name not in names:
        raise SpecificationError(f"{path}: unknown {what} {name!r}. {did_you_mean(name, names)}")


def check_call(
    function: Callable[..., Any], kinds: Iterable[str], options: Mapping[str, Any], name: str, path: str
) -> None:
    """Checks that a function for derived data can be called.

    Args:
        function: The function.
        kinds: ``"data"`` or ``"rels"`` for each of its first arguments.
        options: Its other arguments.
        name: Its name in the specification.
        path: The place in the specification.

    Raises:
        SpecificationError: If an argument is missing, given twice, or of another kind.
    """
    given = list(kinds)
    try:
        bound = inspect.signature(function).bind(*given, **options)
    except ValueError:  # it has no signature
        return
    except TypeError as error:
        taken = ", ".join(options_of(function))
        raise SpecificationError(
            f"{path}.keys: {error}. {name!r} takes ({taken}), and 'keys' gives the first {len(given)}."
        ) from None
    for i, (argument, kind) in enumerate(zip(bound.arguments, given, strict=False)):
        option = options_of(function).get(argument)
        if kind == "data" and option is not None and option.wants == with_article(RelationData.__name__):
            raise SpecificationError(
                f"{path}.keys[{i}]: {name!r} takes relations here, got data. Write [rels, …]."
            )


def try_model(recipe: ModelRecipe) -> None:
    """Makes a model of ParaDime without memory for its weights, to check its options.

    Raises:
        SpecificationError: If a constructor raises an error.
    """
    if not recipe.model_type.__module__.startswith("paradime."):
        return  # the constructor of another class may have side effects
    options, decoder = dict(recipe.options or {}), recipe.decoder
    images = decoder.get("image_shape") if isinstance(decoder, Mapping) else None
    kind: Any = recipe.model_type
    of_images = "in_shape" in options_of(kind) or "conv" in str(decoder)
    unknown = _ANY_IMAGE if of_images else _ANY_ROW
    shape = options.get("in_shape") or options.get("in_dim") or images or unknown
    row_shape = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    settings: dict[str, Any] = {"kind": recipe.kind, "out_dim": recipe.out_dim, "options": options}
    heads: dict[str, dict[str, Any]] = {
        "options": {},
        "decoder": {"decoder": decoder},
        "classifier": {"classifier": recipe.classifier},
    }
    for name, head in heads.items():
        if not all(head.values()):
            continue
        try:
            with torch.device("meta"):
                ModelRecipe(**{**settings, **head}).make(row_shape, n_classes=1)
        except (TypeError, ValueError) as error:
            raise SpecificationError(f"model.{name}: {error}") from None
        except RuntimeError as error:
            if shape is not unknown:  # otherwise the assumed shape may be the cause
                raise SpecificationError(f"model.{name}: {error}") from None


def try_optimizer(phase: TrainingPhase, path: str) -> None:
    """Makes an optimizer of torch for one parameter, to check its options.

    Raises:
        SpecificationError: If the optimizer refuses an option.
    """
    if not str(getattr(phase.optimizer, "__module__", "")).startswith("torch.optim"):
        return
    try:
        phase.make_optimizer([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError, LookupError, RuntimeError) as error:
        raise SpecificationError(f"{path}.options: {error}") from None
