"""Defaults of ParaDime 1.x, which are told from the same numbers said by a user."""

from __future__ import annotations

from typing import Any

__all__ = ["Unsaid", "unsaid"]


class Unsaid:
    """Marks a value as nobody's choice: ``train`` takes it, as 1.x did; ``fit`` takes a value of its own."""

    plain: type
    """The type of the value itself."""


class _Int(Unsaid, int):
    plain = int


class _Float(Unsaid, float):
    plain = float


class _Text(Unsaid, str):
    plain = str


class _Tuple(Unsaid, tuple[int, ...]):
    plain = tuple


_KINDS: dict[type, Any] = {kind.plain: kind for kind in (_Int, _Float, _Text, _Tuple)}


def unsaid(value: Any) -> Any:  # of the same type, also where that is a Literal
    """Returns a value that equals this one, and is known as a default.

    Example:
        >>> unsaid(30) == 30, isinstance(unsaid(30), Unsaid), isinstance(30, Unsaid)
        (True, True, False)
    """
    return _KINDS[type(value)](value)
