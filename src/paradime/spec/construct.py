"""Calls of constructors, whose refusals become errors of the specification with their place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from paradime._registry import did_you_mean, with_article
from paradime.exceptions import SpecificationError
from paradime.models import ModelRecipe
from paradime.relationdata import RelationData
from paradime.spec.checks import missing_options
from paradime.spec.options import options_of
from paradime.training import TrainingPhase

__all__ = ["call", "check_call", "check_known", "try_model", "try_optimizer"]

# rows of which nothing is known; larger than the images of most, so that no stack of convolutions is refused
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
        path: The place in the text.
        places: Where arguments stand in the text, relative to ``path``; under ``options`` if not said.

    Raises:
        SpecificationError: If it refuses the arguments, or if some are missing.
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
        name: What the text calls it.
        path: The place in the text.

    Raises:
        SpecificationError: If an argument is missing, given twice, or of the other kind.
    """
    given = list(kinds)
    try:
        bound = inspect.signature(function).bind(*given, **options)
    except ValueError:  # it does not tell
        return
    except TypeError as error:
        taken = ", ".join(options_of(function))
        raise SpecificationError(
            f"{path}.keys: {error}. {name!r} takes ({taken}), of which 'keys' fill the first, here {len(given)}."
        ) from None
    for i, (argument, kind) in enumerate(zip(bound.arguments, given, strict=False)):
        option = options_of(function).get(argument)
        if kind == "data" and option is not None and option.wants == with_article(RelationData.__name__):
            raise SpecificationError(
                f"{path}.keys[{i}]: {name!r} is computed of relations here, got data. Write [rels, …]."
            )


def try_model(recipe: ModelRecipe) -> None:
    """Makes a model of ours without memory for its weights, to learn what its constructors refuse.

    Raises:
        SpecificationError: If they refuse something.
    """
    if not recipe.model_type.__module__.startswith("paradime."):
        return  # who knows what it does
    options, decoder = dict(recipe.options or {}), recipe.decoder
    images = decoder.get("image_shape") if isinstance(decoder, Mapping) else None
    kind: Any = recipe.model_type
    of_images = "in_shape" in options_of(kind) or "conv" in str(decoder)
    unknown = _ANY_IMAGE if of_images else _ANY_ROW
    shape = options.get("in_shape") or options.get("in_dim") or images or unknown
    row_shape = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    said: dict[str, Any] = {"kind": recipe.kind, "out_dim": recipe.out_dim, "options": options}
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
                ModelRecipe(**{**said, **head}).make(row_shape, n_classes=1)
        except (TypeError, ValueError) as error:
            raise SpecificationError(f"model.{name}: {error}") from None
        except RuntimeError as error:
            if shape is not unknown:  # or the shape is to blame
                raise SpecificationError(f"model.{name}: {error}") from None


def try_optimizer(phase: TrainingPhase, path: str) -> None:
    """Makes an optimizer of torch for a number, to learn what it refuses.

    Raises:
        SpecificationError: If it refuses a setting.
    """
    if not str(getattr(phase.optimizer, "__module__", "")).startswith("torch.optim"):
        return
    try:
        phase.make_optimizer([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError, LookupError, RuntimeError) as error:
        raise SpecificationError(f"{path}.options: {error}") from None
