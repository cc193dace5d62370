"""What an object remembers in its attributes, as far as that is plain."""

from __future__ import annotations

import collections
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["load_plain", "plain_state"]

_MOST_NUMBERS = 1 << 16  # of a tensor that counts as a memory; larger ones are data
_DEPTH = 8


def plain_state(
    owner: object, *, skip: Collection[str] = (), tensors: bool = True, parts: tuple[type, ...] = ()
) -> dict[str, Any]:
    """Returns the attributes of an object that are plain: numbers, texts, ``None``, and containers of such.

    Args:
        owner: The object.
        skip: Names of attributes that do not count.
        tensors: Whether tensors and arrays of at most 65,536 numbers count, too.
        parts: Types of attributes that are objects with such attributes of their own.

    Example:
        >>> import types
        >>> plain_state(types.SimpleNamespace(steps=3, file=print))
        {'values': {'steps': 3}, 'parts': {}}
    """
    own = {name: value for name, value in vars(owner).items() if name not in skip}
    inner = {name: value for name, value in own.items() if isinstance(value, parts)}
    return {
        "values": {
            name: value for name, value in own.items() if name not in inner and _is_plain(value, tensors, _DEPTH)
        },
        "parts": {name: plain_state(value, tensors=tensors, parts=parts) for name, value in inner.items()},
    }


def load_plain(owner: object, state: Mapping[str, Any]) -> None:
    """Gives an object the attributes that :func:`plain_state` returned of another one of its kind."""
    vars(owner).update(state["values"])
    for name, part in state["parts"].items():
        load_plain(getattr(owner, name), part)


def _is_plain(value: Any, tensors: bool, depth: int) -> bool:
    if isinstance(value, torch.nn.Parameter):
        return False  # part of a module's state
    if isinstance(value, torch.Tensor):
        fits = value.layout == torch.strided and not value.is_complex() and value.numel() <= _MOST_NUMBERS
        return tensors and fits
    if isinstance(value, np.ndarray):
        return tensors and value.dtype.kind in "biuf" and value.size <= _MOST_NUMBERS
    if value is None or type(value) in (bool, int, float, str):
        return True
    if not depth:
        return False
    if type(value) is dict:
        keys_fit = all(type(key) in (int, str) for key in value)
        return keys_fit and all(_is_plain(part, tensors, depth - 1) for part in value.values())
    if type(value) in (list, tuple, collections.deque):
        return all(_is_plain(part, tensors, depth - 1) for part in value)
    return isinstance(value, np.generic) and value.dtype.kind in "biuf"
