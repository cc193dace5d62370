"""Checks of options against the arguments of constructors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from paradime._registry import did_you_mean
from paradime.models import DECODERS, FullyConnected
from paradime.spec.options import options_model, options_of, takes_anything
from paradime.spec.values import shown
from paradime.training import TrainingPhase
from paradime.utils.annotations import as_lists, from_numpy

__all__ = [
    "OF_CLASSIFIER",
    "OF_DECODER",
    "check_classifier",
    "check_decoder",
    "check_heads",
    "check_options",
    "missing_options",
]

# arguments that follow from the encoder and the data
OF_DECODER = frozenset({"in_dim", "out_shape"})
OF_CLASSIFIER = frozenset({"in_dim", "out_dim"})


def check_options(
    block: Any,
    options: Mapping[str, Any],
    *,
    hidden: frozenset[str],
    also: frozenset[str] = frozenset(),
    owner: Any = TrainingPhase,
) -> None:
    """Checks options against a constructor's arguments.

    Args:
        block: The class or function.
        options: Options by name.
        hidden: Arguments that are no options.
        also: Names of further options, which are arguments of ``owner``.
        owner: The class or function of these options.

    Raises:
        pydantic.ValidationError: With an error for each option that does not fit.
    """
    further = takes_anything(block)
    arguments = {name: option for name, option in options_of(block).items() if name not in hidden}
    known = {*arguments, *also}
    errors = [
        _error(f"unknown option {name!r}. {did_you_mean(name, known)}", name)
        for name in options
        if further is not None and name not in {*known, *further}
    ]
    errors += _of_wrong_type(block, {n: v for n, v in options.items() if n in arguments and n not in also}, hidden)
    errors += _of_wrong_type(owner, {n: v for n, v in options.items() if n in also}, frozenset())
    if errors:
        raise pydantic.ValidationError.from_exception_data("options", errors)


def _of_wrong_type(block: Any, options: Mapping[str, Any], hidden: frozenset[str]) -> list[InitErrorDetails]:
    if not options:
        return []
    model = options_model(block, hidden)
    try:
        model.model_validate(options)
    except pydantic.ValidationError as refused:
        arguments = options_of(block)
        wrong = dict.fromkeys(str(detail["loc"][0]) for detail in refused.errors(include_url=False))
        # NumPy's numbers are read as Python's, and any sequence as a list
        wrong = {
            name: None
            for name in wrong
            if not any(_fits(model, name, read(options[name])) for read in (from_numpy, as_lists))
        }
        return [_error(f"must be {arguments[n].wants}, got {shown(options[n])}.", n) for n in wrong]
    return []


def _fits(model: type[pydantic.BaseModel], name: str, value: Any) -> bool:
    try:
        model.model_validate({name: value})
    except pydantic.ValidationError:
        return False
    return True


def _error(message: str, *location: str | int) -> InitErrorDetails:
    # passed as an argument, since braces in a message would be placeholders
    kind = PydanticCustomError("option", "{message}", {"message": message})
    return InitErrorDetails(type=kind, loc=location, input=None)


def check_decoder(encoder: Any, options: Mapping[str, Any]) -> None:
    """Checks the options of a model's decoder.

    Args:
        encoder: The class of the encoder, which determines the decoder if ``type`` is not among the options.
        options: ``type`` and options of this decoder.

    Raises:
        pydantic.ValidationError: If there is no such decoder, or with an error for each option that does not fit.
    """
    name = options.get("type", getattr(encoder, "decoder_type", "mlp"))
    if not isinstance(name, str) or name not in DECODERS:
        error = _error(DECODERS.describe_unknown(name), "type")
        raise pydantic.ValidationError.from_exception_data("options", [error])
    check_options(DECODERS[name], {n: v for n, v in options.items() if n != "type"}, hidden=OF_DECODER)


def check_classifier(options: Mapping[str, Any]) -> None:
    """Checks the options of a model's classifier.

    Raises:
        pydantic.ValidationError: With an error for each option that does not fit.
    """
    own = {name: value for name, value in options.items() if name != "n_classes"}
    errors: list[InitErrorDetails] = []
    n_classes = from_numpy(options.get("n_classes", 1))
    if n_classes is not None and (type(n_classes) is not int or n_classes < 1):
        errors.append(_error(f"must be an integer of at least 1, got {shown(n_classes)}.", "n_classes"))
    try:
        check_options(FullyConnected, own, hidden=OF_CLASSIFIER, also=frozenset({"n_classes"}), owner=_head)
    except pydantic.ValidationError as refused:
        errors += [_error(detail["msg"], *detail["loc"]) for detail in refused.errors(include_url=False)]
    if errors:
        raise pydantic.ValidationError.from_exception_data("options", errors)


def check_heads(encoder: Any, decoder: bool | Mapping[str, Any], classifier: bool | Mapping[str, Any]) -> None:
    """Checks the options of a model's decoder and classifier, if there are any.

    Raises:
        ValueError: If there is no such decoder, or with a line for each option that does not fit.
    """
    lines = []
    for name, head in (("decoder", decoder), ("classifier", classifier)):
        options = {
            str(key).replace(" ", "_"): value for key, value in ({} if isinstance(head, bool) else head).items()
        }
        try:
            check_decoder(encoder, options) if name == "decoder" else check_classifier(options)
        except pydantic.ValidationError as refused:
            lines += [_line(name, detail) for detail in refused.errors(include_url=False)]
    if lines:
        raise ValueError("\n".join(lines))


def _line(head: str, detail: Any) -> str:
    option, message = ".".join(map(str, detail["loc"])), detail["msg"]
    return f"{head}.{option} {message}" if message.startswith("must ") else f"{head}: {message}"


def _head(n_classes: int) -> None:
    """Declares what a classifier takes besides the arguments of its layers.

    Args:
        n_classes: Number of classes, at least 1; that of the labels if left out.
    """


def missing_options(block: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Returns the arguments that a constructor needs and that are not given."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [
        name
        for name, option in options_of(block).items()
        if option.required and option.kind in named and name not in given
    ]
