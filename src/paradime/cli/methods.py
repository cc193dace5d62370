"""Methods by their names on the command line, and their parameters in options."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from paradime._registry import did_you_mean
from paradime.cli.console import InputError
from paradime.exceptions import SpecificationError

__all__ = ["METHODS", "make_routine", "map_dimensions", "method_class", "parse_guide", "parse_settings"]

METHODS = {
    "umap": "ParametricUMAP",
    "tsne": "ParametricTSNE",
    "contrastive": "ParametricContrastive",
    "pacmap": "ParametricPaCMAP",
    "largevis": "ParametricLargeVis",
    "mds": "ParametricMDS",
    "autoencoder": "ParametricAutoencoder",
}
"""Names of presets by the names of methods."""

_AXES = {"x": 0, "y": 1, "z": 2}
_SHARE = 0.2


def method_class(name: str) -> Any:
    """Returns the preset of a method.

    Raises:
        InputError: If there is none.
    """
    from paradime import estimators

    key = name.lower().replace("-", "").removeprefix("parametric")
    if key not in METHODS:
        raise InputError(f"--method: no method {name!r}. {did_you_mean(key, METHODS)}")
    return getattr(estimators, METHODS[key])


def parse_settings(given: Iterable[str], kind: Any) -> dict[str, Any]:
    """Returns parameters from options such as ``"n_neighbors=30"``, whose values are JSON or strings.

    Args:
        given: The options.
        kind: The class of the routine.

    Raises:
        InputError: If an option has no name, or the class has no such parameter.

    Example:
        >>> from paradime import ParametricUMAP
        >>> parse_settings(["epochs=5", "initialization=pca", "decoder=true"], ParametricUMAP)
        {'epochs': 5, 'initialization': 'pca', 'decoder': True}
    """
    from paradime.dr.parameters import describe_unknown

    known = inspect.signature(kind).parameters
    parameters = {}
    for option in given:
        name, equals, value = option.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InputError(f"--set: must have the form NAME=VALUE, got {option!r}. An example: --set epochs=20.")
        if name not in known:
            raise InputError(f"--set: {describe_unknown(kind, name, known)}")
        parameters[name] = _value(value.strip())
    return parameters


def _value(text: str) -> Any:
    try:
        return json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except ValueError:
        return text


def make_routine(
    method: str, spec: str | None, seed: int, given: Iterable[str], *, with_target: bool = False
) -> Any:
    """Makes a routine.

    Args:
        method: The name of a method.
        spec: A file with a specification, in place of a method.
        seed: Seed of all random choices.
        given: Options with further parameters.
        with_target: Whether there will be targets, which add components.

    Raises:
        InputError: If the method or a parameter is unknown, or a value is wrong.
        SpecificationError: If the specification is wrong.
    """
    if spec is None:
        kind = method_class(method)
        settings = {"random_state": seed, **parse_settings(given, kind)}
        maker = kind
    else:
        from paradime.dr import ParametricDR

        settings = {"random_state": seed, **parse_settings(given, ParametricDR)}

        def maker(**chosen: Any) -> Any:
            return ParametricDR.from_spec(spec, **chosen)

    def make(**chosen: Any) -> Any:
        routine = maker(**chosen)
        if not with_target:
            _ = routine.losses  # making the components checks the ranges of the parameters
        return routine

    try:
        return make(**settings)
    except SpecificationError as error:
        if spec is not None:
            raise
        raise InputError(_of_parameters(str(error), settings)) from error
    except ValueError as error:
        raise InputError(_of_parameters(str(error), settings)) from error
    except (TypeError, AttributeError) as error:
        raise InputError(_of_unfit_value(make, settings, error)) from error


def _of_parameters(message: str, settings: dict[str, Any]) -> str:
    """Returns a message in which each line names its parameter: the one it begins with, or whose value it has."""
    messages: dict[str, str] = {}
    for line in message.splitlines():
        subject = re.split(r"[ .:]", line, maxsplit=1)[0]
        by_value = [name for name, value in settings.items() if repr(value) in line]
        name = next((name for name in (subject, *by_value) if name in settings), "")
        message_of = f"--set{' ' * bool(name)}{name}: {line.removeprefix(f'{name} ')}"
        value = settings.get(name)
        if isinstance(value, str) and "," in value and " a list" in line:
            message_of += f" Lists have brackets: --set '{name}=[{value}]'."
        messages.setdefault(name, message_of)
    return "\n".join(messages.values())


def _of_unfit_value(make: Callable[..., Any], settings: dict[str, Any], error: Exception) -> str:
    """Returns a message with the parameter whose value has a wrong type."""
    for name, value in settings.items():
        try:
            make(**{name: value})
        except (TypeError, AttributeError):
            if str(error).startswith(f"{name} "):
                return f"--set {name}: {str(error).removeprefix(f'{name} ')}"
            return f"--set {name}: cannot be {value!r} ({error})."
        except ValueError:
            continue
    return f"--set: {error}"


def map_dimensions(routine: Any) -> int | None:
    """Returns the number of dimensions of a routine's map, or ``None`` if only the fitted model knows."""
    from paradime.estimators import Preset

    # reading the component of this name would make it
    is_plain = isinstance(routine, Preset) and routine.get_params(deep=False).get("model") is None
    return int(routine.n_components) if is_plain else None


def parse_guide(text: str, columns: Iterable[str]) -> tuple[str, int, float]:
    """Returns the column, axis and share of a guide such as ``"age:x:0.3"``; the share may be left out.

    Args:
        text: The guide.
        columns: Names of the columns; they may contain colons.

    Raises:
        InputError: If it has another form, or there is no such column.

    Example:
        >>> parse_guide("age:y", ["age", "height"])
        ('age', 1, 0.2)
    """
    known = list(columns)
    for n_parts in (2, 1):
        column, *rest = text.rsplit(":", n_parts)
        if column in known and len(rest) == n_parts:
            break
    else:
        column, *rest = text.split(":")
    axis_text = rest[0].lower() if rest else "x"
    try:
        axis = _AXES[axis_text] if axis_text in _AXES else int(axis_text)
        share = float(rest[1]) if len(rest) > 1 else _SHARE
    except ValueError:
        raise InputError(
            f"--guide: must have the form COLUMN:AXIS:WEIGHT, got {text!r}. An example: age:x:0.2."
        ) from None
    if column not in known:
        raise InputError(f"--guide: no column {column!r}. {did_you_mean(column, known)}")
    if axis < 0 or not 0 < share < 1 or len(rest) > 2:
        raise InputError(
            f"--guide: the axis must be x, y or a number from 0 on, and the weight, its share of the gradient, "
            f"lie in (0, 1), got {text!r}. An example: age:x:0.2."
        )
    return column, axis, share
