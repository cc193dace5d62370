"""A training by several processes: each encodes its share of the rows of every batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from paradime.models import ROW_METHODS, view_of
from paradime.utils.ranks import Ranks

__all__ = ["average_gradients", "encoding_shares"]

_LEAST_ROWS = 8  # of a share: below, the exchange costs more than it saves


def encoding_shares(model: torch.nn.Module, ranks: Ranks) -> torch.nn.Module:
    """Returns a view of a model whose methods compute a share of the rows in each process.

    All processes call the view with the same rows. They exchange the results, so that each gets those of all rows,
    and then compute the same loss, whichever it is: relations between all rows of a batch, negatives and
    normalisers are those of one process with the whole batch. With :func:`average_gradients`, so is the gradient.

    A model with batch normalisation, whose result for a row depends on the other rows, is returned unchanged, with
    a warning; so is any model of a process that is alone.

    Args:
        model: The model. Its result for a row must not depend on other rows.
        ranks: The processes.

    Example:
        >>> model = torch.nn.Linear(3, 2)
        >>> encoding_shares(model, Ranks()) is model
        True
    """
    if ranks.size == 1:
        return model
    if any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        warnings.warn(
            f"model {type(model).__name__} has batch normalisation, which needs all rows of a batch: every "
            "process encodes all of them, and several are not faster than one. Use LayerNorm instead.",
            stacklevel=4,
        )
        return model
    is_within = False

    def sharing(_: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_within
            # a method that calls another one already has a share of the rows
            if is_within or not _can_be_split(args, kwargs, ranks):
                return method(*args, **kwargs)
            rows, is_within = args[0], True
            try:
                share = ranks.split(rows)
                result = method(share, **kwargs)
                if _is_per_row(result, len(share)):
                    return ranks.gather(result, len(rows))
                if type(result) is tuple and all(_is_per_row(one, len(share)) for one in result):
                    return tuple(ranks.gather(one, len(rows)) for one in result)
                return method(rows, **kwargs)
            finally:
                is_within = False

        return call

    return view_of(model, ROW_METHODS, sharing)


def _can_be_split(args: Sequence[Any], kwargs: dict[str, Any], ranks: Ranks) -> bool:
    """Returns whether rows are the only tensor that a method is called with, and enough of them."""
    if len(args) != 1 or not isinstance(args[0], torch.Tensor) or args[0].ndim == 0:
        return False
    return len(args[0]) >= _LEAST_ROWS * ranks.size and not any(
        isinstance(value, torch.Tensor) for value in kwargs.values()
    )


def _is_per_row(result: Any, n: int) -> bool:
    return isinstance(result, torch.Tensor) and result.ndim > 0 and len(result) == n


def average_gradients(parameters: Sequence[torch.nn.Parameter], ranks: Ranks) -> None:
    """Replaces the gradients of parameters by their means over all processes.

    Args:
        parameters: The parameters; those without gradient have none in any process.
        ranks: The processes.
    """
    if ranks.size > 1:
        ranks.average([parameter.grad for parameter in parameters if parameter.grad is not None])
