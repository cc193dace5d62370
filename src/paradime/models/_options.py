"""Options of constructors: their names and defaults, checks, and the arguments that an instance stores."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from paradime._registry import did_you_mean
from paradime.utils.annotations import as_lists, from_numpy

__all__ = [
    "check_options",
    "checked_integers",
    "checked_widths",
    "defaults_of",
    "frozen",
    "named_options",
    "stored_arguments",
    "thawed",
]

_PLAIN = (int, float, str, type(None))  # values that a specification can express; booleans are integers


def frozen(value: Any) -> Any:
    """Returns mappings and lists as immutable copies, NumPy's numbers as Python's, and other values unchanged.

    Example:
        >>> frozen({"hidden_dims": [5, 6]})
        mappingproxy({'hidden_dims': (5, 6)})
    """
    if isinstance(value, Mapping):
        return MappingProxyType({str(name): frozen(entry) for name, entry in value.items()})
    value = from_numpy(value)
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value


def thawed(value: Any) -> Any:
    """Converts the result of :func:`frozen` to dicts and lists, as in a specification."""
    if isinstance(value, Mapping):
        return {name: thawed(entry) for name, entry in value.items()}
    return list(map(thawed, value)) if isinstance(value, (list, tuple)) else value


def checked_widths(name: str, widths: int | Sequence[int], each: str = "layer") -> Sequence[int]:
    """Returns the widths of layers: a list or tuple of integers unchanged, any other sequence as a list.

    Args:
        name: Name of the widths in messages.
        widths: One integer per layer, or an integer for a single layer.
        each: Name of the thing that has one width, in messages.

    Raises:
        ValueError: If the widths are neither an integer nor a sequence of integers.

    Example:
        >>> checked_widths("hidden_dims", (100, 50)), checked_widths("hidden_dims", 20)
        ((100, 50), [20])
    """
    plain = as_lists(widths)
    listed = plain if isinstance(plain, list) else [plain]
    if not all(type(width) is int for width in listed):
        raise ValueError(
            f"{name} must be a list of integers, one per {each}, or an integer for a single {each}, got "
            f"{widths!r}. Pass, for example, {name}=[100, 50]."
        )
    if isinstance(widths, (list, tuple)) and all(type(width) is int for width in widths):
        return widths
    return listed


def checked_integers(**sizes: int) -> list[int]:
    """Returns named sizes as Python's integers.

    Raises:
        ValueError: If a size is not an integer.

    Example:
        >>> checked_integers(in_dim=3, out_dim=2)
        [3, 2]
    """
    plain = {name: as_lists(size) for name, size in sizes.items()}
    for name, size in plain.items():
        if type(size) is not int:
            raise ValueError(f"{name} must be an integer, got {sizes[name]!r}. Pass a single integer.")
    return list(plain.values())


@functools.cache
def _signature_of(kind: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind).parameters


def named_options(kind: Any) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters that a constructor takes by name."""
    by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return MappingProxyType({name: p for name, p in _signature_of(kind).items() if p.kind in by_name})


def defaults_of(kind: Callable[..., Any]) -> dict[str, Any]:
    """Returns the defaults of a constructor, by parameter; required parameters are left out."""
    return {name: p.default for name, p in named_options(kind).items() if p.default is not inspect.Parameter.empty}


def check_options(
    owner: str,
    kind: Callable[..., Any],
    options: Iterable[str],
    *,
    without: Iterable[str] = (),
    more: Iterable[str] = (),
) -> None:
    """Checks that a constructor has the given options.

    Args:
        owner: Name of the constructed object in the message.
        kind: The class.
        options: Names of the options.
        without: Parameters that are set from elsewhere and are not options.
        more: Options that are not parameters of the constructor.

    Raises:
        ValueError: If an option is unknown.
    """
    known = {*named_options(kind), *more} - set(without)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in _signature_of(kind).values()):
        return
    for name in options:
        if name not in known:
            raise ValueError(f"{owner} has no option {name!r}. {did_you_mean(name, known)}")


def stored_arguments(instance: object) -> dict[str, Any] | None:
    """Returns the constructor's arguments that an instance stores as attributes.

    Returns:
        The arguments by parameter; ``None`` if one is not stored under its name, or a specification cannot
        express it.
    """
    arguments = {}
    kind: Any = type(instance)
    if len(named_options(kind)) < len(_signature_of(kind)):
        return None  # some parameters cannot be passed by name
    for name in named_options(kind):
        value = frozen(getattr(instance, name, instance))  # the instance itself marks a missing attribute
        if not _is_plain(value):
            return None
        arguments[name] = value
    return arguments


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, _PLAIN)
