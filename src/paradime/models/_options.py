"""Options of constructors: what they are called, whether they fit, and what an instance was made with."""

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

_PLAIN = (int, float, str, type(None))  # what a text can express; booleans are integers


def frozen(value: Any) -> Any:
    """Returns mappings and lists as copies that nobody can change, NumPy's numbers as Python's, all else as it is.

    Example:
        >>> frozen({"hidden_dims": [5, 6]})
        mappingproxy({'hidden_dims': (5, 6)})
    """
    if isinstance(value, Mapping):
        return MappingProxyType({str(name): frozen(entry) for name, entry in value.items()})
    value = from_numpy(value)
    return tuple(map(frozen, value)) if isinstance(value, (list, tuple)) else value


def thawed(value: Any) -> Any:
    """Returns what :func:`frozen` made as dicts and lists, as a text has them."""
    if isinstance(value, Mapping):
        return {name: thawed(entry) for name, entry in value.items()}
    return list(map(thawed, value)) if isinstance(value, (list, tuple)) else value


def checked_widths(name: str, widths: int | Sequence[int], each: str = "layer") -> Sequence[int]:
    """Returns the widths of layers: a list or tuple of integers as it is, any other sequence as a list.

    Args:
        name: What they are called, for the message.
        widths: One integer per layer, or an integer for a single layer.
        each: What has one of them, for the message.

    Raises:
        ValueError: If they are something else.

    Example:
        >>> checked_widths("hidden_dims", (100, 50)), checked_widths("hidden_dims", 20)
        ((100, 50), [20])
    """
    plain = as_lists(widths)
    listed = plain if isinstance(plain, list) else [plain]
    if not all(type(width) is int for width in listed):
        raise ValueError(
            f"{name} must be a list of integers, one per {each}, or an integer for a single {each}, got "
            f"{widths!r}. Pass such as {name}=[100, 50]."
        )
    if isinstance(widths, (list, tuple)) and all(type(width) is int for width in widths):
        return widths
    return listed


def checked_integers(**sizes: int) -> list[int]:
    """Returns sizes, given by their names, as Python's integers.

    Raises:
        ValueError: If one is something else.

    Example:
        >>> checked_integers(in_dim=3, out_dim=2)
        [3, 2]
    """
    plain = {name: as_lists(size) for name, size in sizes.items()}
    for name, size in plain.items():
        if type(size) is not int:
            raise ValueError(f"{name} must be an integer, got {sizes[name]!r}.")
    return list(plain.values())


@functools.cache
def _signature_of(kind: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind).parameters


def named_options(kind: Any) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters that can be given to a constructor by name."""
    by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return MappingProxyType({name: p for name, p in _signature_of(kind).items() if p.kind in by_name})


def defaults_of(kind: Callable[..., Any]) -> dict[str, Any]:
    """Returns the defaults of a constructor, by parameter; those that must be given are left out."""
    return {name: p.default for name, p in named_options(kind).items() if p.default is not inspect.Parameter.empty}


def check_options(
    owner: str,
    kind: Callable[..., Any],
    options: Iterable[str],
    *,
    without: Iterable[str] = (),
    more: Iterable[str] = (),
) -> None:
    """Checks that a constructor takes options of these names.

    Args:
        owner: What is made, in words, for the message.
        kind: The class.
        options: The names.
        without: Parameters that are not options, since they follow from something else.
        more: Options that are no parameters of the constructor.

    Raises:
        ValueError: If it does not take one of them.
    """
    known = {*named_options(kind), *more} - set(without)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in _signature_of(kind).values()):
        return
    for name in options:
        if name not in known:
            raise ValueError(f"{owner} has no option {name!r}. {did_you_mean(name, known)}")


def stored_arguments(made: object) -> dict[str, Any] | None:
    """Returns the arguments with which an instance was made, as far as its attributes tell.

    Returns:
        The arguments by parameter; ``None`` if one is not stored under its name, or could not be told by a text.
    """
    arguments = {}
    kind: Any = type(made)
    if len(named_options(kind)) < len(_signature_of(kind)):
        return None  # some have no name of their own
    for name in named_options(kind):
        value = frozen(getattr(made, name, made))  # the instance stands for "not there"
        if not _is_plain(value):
            return None
        arguments[name] = value
    return arguments


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if isinstance(value, tuple) else isinstance(value, _PLAIN)
