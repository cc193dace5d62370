"""Options of components: read from the signatures and docstrings of their constructors, and checked."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, ConfigDict, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from paradime._registry import did_you_mean
from paradime.models import ACTIVATIONS, DECODERS, FullyConnected
from paradime.spec.values import shown
from paradime.training import TrainingPhase
from paradime.utils.annotations import as_lists, from_numpy, hints_of, readable

__all__ = [
    "OF_CLASSIFIER",
    "OF_DECODER",
    "Option",
    "check_classifier",
    "check_decoder",
    "check_heads",
    "check_options",
    "chosen",
    "first_sentence",
    "missing_options",
    "options_model",
    "options_of",
    "parameters_of",
    "takes_anything",
]

# tables of the names that a string argument takes
_CHOICES: Mapping[str, Mapping[str, Any]] = {"activation": ACTIVATIONS}
_FILLED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
# arguments that follow from the encoder and the data
OF_DECODER = frozenset({"in_dim", "out_shape"})
OF_CLASSIFIER = frozenset({"in_dim", "out_dim"})


@dataclasses.dataclass(frozen=True)
class Option:
    """An argument of a constructor of a component.

    Attributes:
        name: Its name.
        type: Its type, as pydantic checks it; what YAML cannot express is not part of the JSON Schema.
        default: Its default; ``inspect.Parameter.empty`` if it is required.
        description: Its description in the docstring.
        wants: The values that it takes, in words.
        kind: Whether it is given by position, by name, or both, as ``inspect.Parameter.kind``.
    """

    name: str
    type: Any
    default: Any
    description: str
    wants: str
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


@functools.cache
def options_of(block: Any) -> Mapping[str, Option]:
    """Returns the named arguments of a component, in order.

    Args:
        block: A class, or a function.

    Example:
        >>> from paradime.transforms import Symmetrize
        >>> options_of(Symmetrize)["subtract_product"].wants
        'true or false'
    """
    hints, docs = hints_of(block), _argument_docs(block)
    found = {}
    for name, parameter in parameters_of(block).items():
        if parameter.kind in _FILLED:
            continue
        checked, wants = readable(hints.get(name, Any))
        if inspect.isclass(block):
            checked, wants = chosen(name, checked, wants)
        found[name] = Option(name, checked, parameter.default, docs.get(name, ""), wants, parameter.kind)
    return types.MappingProxyType(found)


def parameters_of(block: Any) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a class or function; ``**options`` for one without a signature."""
    try:
        return inspect.signature(block).parameters
    except (ValueError, TypeError):  # written in C
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def takes_anything(block: Callable[..., Any]) -> frozenset[str] | None:
    """Returns the further options that a component takes; ``None`` means any.

    The component's ``extra_options`` names them, as a set, or as a function that returns one where the names are
    those of a library that is imported on first use.
    """
    parameters = parameters_of(block).values()
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return frozenset()
    extra: Any = getattr(block, "extra_options", None)
    if callable(extra):
        extra = extra()
    # named arguments are options with a type
    return None if extra is None else extra - set(parameters_of(block))


@functools.cache
def options_model(block: Any, hidden: frozenset[str]) -> type[pydantic.BaseModel]:
    """Returns a pydantic model of the options of a component.

    Args:
        block: A class, or a function.
        hidden: Arguments that other keys of the specification give.
    """
    fields: dict[str, Any] = {}
    for option in options_of(block).values():
        if option.name not in hidden:
            # an alias, since a pydantic field cannot be called "copy" or "json". Missing arguments are checked
            # later, since other keys of the specification may give them
            default = option.default if _in_json(option.default) else None
            fields[f"option_{option.name}"] = (
                option.type,
                pydantic.Field(default, alias=option.name, description=option.description or None),
            )
    further = takes_anything(block)
    for name in sorted(further or ()):
        fields[f"option_{name}"] = (Any, pydantic.Field(None, alias=name))
    config = ConfigDict(
        extra="forbid" if further is not None else "allow",
        strict=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )
    return pydantic.create_model(getattr(block, "__name__", "Options"), __config__=config, **fields)


def first_sentence(block: Any) -> str:
    """Returns the first paragraph of a docstring, on one line."""
    text = inspect.getdoc(block) or ""
    return re.sub(r"\s+", " ", text.split("\n\n")[0]).strip()


def _in_json(default: Any) -> bool:
    """Whether a default can stand in a JSON Schema."""
    if isinstance(default, (list, tuple)):
        return all(map(_in_json, default))
    return default is None or (type(default) in (bool, int, float, str) and default == default)


def chosen(name: str, kind: Any, wants: str) -> tuple[Any, str]:
    """Returns the type of an argument and its values in words; the names of a table are those it has now.

    Args:
        name: The argument.
        kind: Its type, as pydantic checks it.
        wants: The values that it takes, in words.
    """
    if name not in _CHOICES or kind is not str:
        return kind, wants
    table = _CHOICES[name]

    def check(value: str) -> str:
        if value.replace("_", " ") not in table:
            raise ValueError(value)
        return value

    schema = WithJsonSchema({"type": "string", "enum": sorted(table)})
    return Annotated[str, AfterValidator(check), schema], f"one of {', '.join(map(repr, sorted(table)))}"


def _argument_docs(block: Callable[..., Any]) -> dict[str, str]:
    """Returns the descriptions in the section ``Args`` of a docstring by argument, each on one line.

    Example:
        >>> from paradime.transforms import Symmetrize
        >>> _argument_docs(Symmetrize)["subtract_product"][:28]
        'Whether to take the fuzzy un'
    """
    text = inspect.getdoc(block) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)*)", text, flags=re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^ {4}\*{0,2}(\w+): (.*(?:\n(?: {5,}.*|\s*$))*)", section[1], flags=re.MULTILINE)
    return {name: re.sub(r"\s+", " ", description).replace("``", "`").strip() for name, description in entries}


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
