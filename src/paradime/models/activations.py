"""Activations of the grammar, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch

from paradime._registry import did_you_mean

__all__ = ["ACTIVATIONS", "activation_function"]


def _identity(X: torch.Tensor) -> torch.Tensor:
    return X


# a plain dict of functions: models look their activation up in every call, also while torch.compile traces them
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "identity": _identity,
    "leaky relu": torch.nn.functional.leaky_relu,
    "mish": torch.nn.functional.mish,
    "relu": torch.relu,
    "selu": torch.selu,
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "tanh": torch.tanh,
}
"""Elementwise functions by the name that models take as ``activation``; names of one's own may be added."""


def activation_function(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Returns the function that models apply between their layers.

    Args:
        name: A name in :data:`ACTIVATIONS`; underscores count as spaces.

    Raises:
        ValueError: If there is no such activation.

    Example:
        >>> activation_function("leaky_relu")(torch.tensor([-1.0, 1.0]))
        tensor([-0.0100,  1.0000])
        >>> activation_function("rleu")
        Traceback (most recent call last):
        ...
        ValueError: unknown activation 'rleu'. Did you mean 'relu'?
    """
    found = ACTIVATIONS.get(str(name)) or ACTIVATIONS.get(str(name).replace("_", " "))
    if found is None:
        raise ValueError(f"unknown activation {name!r}. {did_you_mean(name, ACTIVATIONS)}")
    return found
