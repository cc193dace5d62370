"""Nested states as tensors and JSON, and back."""

from __future__ import annotations

import collections
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["assemble", "take_apart"]

_KIND = "@"


def take_apart(tree: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Splits a nested state into what JSON can hold and tensors.

    Args:
        tree: Numbers, strings, booleans, ``None``, dense tensors, arrays, and lists, tuples, deques and dicts of
            such.

    Returns:
        The first part, which refers to tensors by name, and the tensors: copies on the CPU.

    Raises:
        TypeError: If something else is in it, with its place.

    Example:
        >>> form, tensors = take_apart({"step": 3, "mean": torch.ones(2)})
        >>> assemble(form, tensors)
        {'step': 3, 'mean': tensor([1., 1.])}
    """
    tensors: dict[str, torch.Tensor] = {}
    return _form(tree, "state", tensors), tensors


def assemble(form: Any, tensors: Mapping[str, torch.Tensor], device: torch.device | None = None) -> Any:
    """Puts together again what :func:`take_apart` has split.

    Args:
        form: The first part.
        tensors: The tensors.
        device: Where tensors go that were not on the CPU; the CPU if ``None``.

    Raises:
        KeyError: If a tensor is missing.
        TypeError: If the first part is none that was made here.
        ValueError: If it is not well-formed.
    """
    if isinstance(form, list):
        return [assemble(part, tensors, device) for part in form]
    if not isinstance(form, dict):
        return form
    kind, value = form.get(_KIND), form.get("value")
    if kind == "tensor":
        tensor = tensors[str(value)]
        return tensor if form.get("on_cpu") or device is None else tensor.to(device)
    if kind == "array":
        return tensors[str(value)].numpy()
    if not isinstance(value, list):
        raise TypeError(f"unknown part {form!r}")
    parts = [assemble(part, tensors, device) for part in value]
    try:
        if kind == "tuple":
            return tuple(parts)
        if kind == "deque":
            return collections.deque(parts, maxlen=form.get("maxlen"))
        if kind == "dict":
            return dict(parts)
    except ValueError as error:  # an entry is not a pair, or a length is negative
        raise TypeError(f"malformed {kind} ({error})") from None
    raise TypeError(f"unknown kind {kind!r}")


def _form(tree: Any, place: str, tensors: dict[str, torch.Tensor]) -> Any:
    if tree is None or type(tree) in (bool, int, float, str):
        return tree
    if isinstance(tree, torch.Tensor):
        return _tensor_form(tree, place, tensors)
    if isinstance(tree, np.ndarray) and tree.dtype.kind in "biuf":
        tensors[place] = torch.from_numpy(tree.copy())
        return {_KIND: "array", "value": place}
    if isinstance(tree, Mapping):
        items = [[key, _form(part, f"{place}.{key}", tensors)] for key, part in tree.items()]
        if all(type(key) in (int, str) for key in tree):
            return {_KIND: "dict", "value": items}
    if isinstance(tree, (list, tuple, collections.deque)):
        parts = [_form(part, f"{place}.{i}", tensors) for i, part in enumerate(tree)]
        if isinstance(tree, collections.deque):
            return {_KIND: "deque", "value": parts, "maxlen": tree.maxlen}
        return {_KIND: "tuple", "value": parts} if isinstance(tree, tuple) else parts
    if isinstance(tree, (np.bool_, numbers.Integral)):
        return bool(tree) if isinstance(tree, np.bool_) else int(tree)
    if isinstance(tree, (str, numbers.Real)):
        return str(tree) if isinstance(tree, str) else float(tree)
    raise TypeError(f"{place} is of type {type(tree).__name__}, which is neither numbers nor strings.")


def _tensor_form(tensor: torch.Tensor, place: str, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    if tensor.layout != torch.strided or tensor.is_complex():
        raise TypeError(f"{place} is a tensor that is sparse or complex, which cannot be stored.")
    # a copy, because further training changes the tensor
    tensors[place] = tensor.detach().to("cpu", copy=True).contiguous()
    return {_KIND: "tensor", "value": place, "on_cpu": tensor.device.type == "cpu"}
