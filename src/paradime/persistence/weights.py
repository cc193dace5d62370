"""Weights of a model that is built from its description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from paradime._registry import with_article
from paradime.exceptions import ModelFileError
from paradime.persistence.architecture import is_ours, make_model
from paradime.spec import Vocabulary

__all__ = ["frozen_names", "restored_model", "take_weights", "tie", "tied_names"]


def restored_model(
    description: Mapping[str, Any], weights: Mapping[str, torch.Tensor], vocabulary: Vocabulary, what: str
) -> torch.nn.Module:
    """Builds a model and assigns its weights.

    Args:
        description: The description of the model.
        weights: Its weights by name, which are not copied.
        vocabulary: The names that the description may use.
        what: The path, for messages.

    Raises:
        ModelFileError: If the weights are not those of the model.
        ValueError: If the description uses names that are unknown or not allowed.
    """
    model = make_model(description, vocabulary, meta=is_ours(description))
    take_weights(model, weights, what)
    if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        # non-persistent buffers follow from the arguments; the shapes have been checked
        model = make_model(description, vocabulary)
        take_weights(model, weights, what)
    return model


def take_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], what: str) -> None:
    """Assigns weights to a model with their dtypes.

    Raises:
        ModelFileError: If their names or shapes are not those of the model.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in [*own, *given]:
        if own.get(name) != given.get(name):
            raise ModelFileError(
                f"{what}: {name!r} has shape {given.get(name, 'none')} among the weights, and "
                f"{own.get(name, 'none')} in the model, {with_article(type(model).__name__)}. They do not "
                "belong together."
            )
    model.load_state_dict(dict(weights), assign=True)


def tied_names(model: torch.nn.Module) -> list[tuple[str, str]]:
    """Returns pairs of names of the same parameter in a model.

    Example:
        >>> layer = torch.nn.Linear(2, 2)
        >>> tied_names(torch.nn.Sequential(layer, layer))
        [('0.weight', '1.weight'), ('0.bias', '1.bias')]
    """
    first: dict[int, str] = {}
    pairs = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first_name = first.setdefault(id(parameter), name)
        if first_name != name:
            pairs.append((first_name, name))
    return pairs


def tie(model: torch.nn.Module, pairs: Iterable[tuple[str, str]]) -> None:
    """Ties pairs of parameters again."""
    for first, second in pairs:
        owner, _, name = second.rpartition(".")
        setattr(model.get_submodule(owner), name, model.get_parameter(first))


def frozen_names(model: torch.nn.Module) -> list[str]:
    """Returns the names of parameters that are not trained."""
    return [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
