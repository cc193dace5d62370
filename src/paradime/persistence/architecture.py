"""How the model of a routine is made, as text; and a model made of such a text, without a line of its code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import torch

import paradime.models
from paradime._registry import MODELS, with_article
from paradime.models import EmbeddingModel, ModelRecipe
from paradime.models._options import stored_arguments
from paradime.models.torch_layers import LAYERS, layer_arguments
from paradime.persistence.values import Decoder, Encoder
from paradime.spec import Vocabulary

__all__ = ["GIVEN", "describe_model", "is_ours", "make_model"]

GIVEN: Mapping[str, Any] = {"kind": "given"}
"""Stands for a model that whoever loads the routine passes."""

_PARTS = ("encoder", "decoder", "classifier")
_OURS = {
    name: getattr(paradime.models, name)
    for name in (
        "FullyConnected",
        "FullyConnectedDecoder",
        "ConvolutionalDecoder",
        "InputScaling",
        "SoftAssignments",
    )
}


def describe_model(
    model: torch.nn.Module, row_shape: tuple[int, ...], vocabulary: Vocabulary, recipe: ModelRecipe | None = None
) -> dict[str, Any]:
    """Returns how a model is made.

    Args:
        model: The model.
        row_shape: Shape of a row.
        vocabulary: The names that may be written.
        recipe: What it was made of, if that is known.

    Returns:
        Mappings, lists, texts and numbers, from which :func:`make_model` makes a model of the same outline.

    Raises:
        ValueError: If nothing tells how it was made; the message says what to do.
    """
    made = _described(model, row_shape, vocabulary)
    if made is None and recipe is not None:
        made = _of_recipe(recipe, model, row_shape, vocabulary)
    if made is not None and is_ours(made):
        return made  # whether it fits is seen when the files are read again
    if made is not None:
        with contextlib.suppress(Exception):  # a constructor of a user's may raise anything
            if _outline(make_model(made, vocabulary)) == _outline(model):
                return made
    raise ValueError(_unknown(model))


def make_model(description: Mapping[str, Any], vocabulary: Vocabulary, *, meta: bool = False) -> torch.nn.Module:
    """Makes a model of its description; its weights are any.

    Args:
        description: What :func:`describe_model` returned.
        vocabulary: The names that it may use.
        meta: Whether to make it without memory for its weights.

    Raises:
        ValueError: If it uses names that are not known, or not allowed.
        KeyError: If something is missing.
        TypeError: If arguments do not fit.
    """
    with torch.device("meta" if meta else "cpu"):
        return _made(description, vocabulary)


def is_ours(description: Mapping[str, Any]) -> bool:
    """Whether a model consists of ParaDime's and torch's own layers, whose constructors only make tensors."""
    kind = description["kind"]
    if kind == "recipe":
        name = description["recipe"]["type"]
        found = MODELS[name] if name in MODELS else None  # noqa: SIM401  get() knows no aliases
        return found is not None and found.__module__.startswith("paradime.")
    if kind == "layer":
        return all(is_ours(part) for _, part in description["children"])
    if kind == "parts":
        return all(is_ours(description[part]) for part in _PARTS if description[part] is not None)
    return kind == "ours"  # type: ignore[no-any-return]


def _described(
    model: torch.nn.Module, row_shape: tuple[int, ...], vocabulary: Vocabulary
) -> dict[str, Any] | None:
    recipe = ModelRecipe.of(model)
    if recipe is not None:
        return _of_recipe(recipe, model, row_shape, vocabulary)
    name = type(model).__name__
    if LAYERS.get(name) is type(model):
        return _of_layer(model, name, row_shape, vocabulary)
    if type(model) is EmbeddingModel:
        parts: dict[str, Any] = {part: getattr(model, part) for part in _PARTS}
        told = {p: m if m is None else _described(m, row_shape, vocabulary) for p, m in parts.items()}
        missing = any(parts[part] is not None and told[part] is None for part in _PARTS)
        return None if missing else {"kind": "parts", **told}
    arguments = stored_arguments(model)
    if arguments is None:
        return None
    said = Encoder(vocabulary).encode(arguments, "model")
    if _OURS.get(name) is type(model):
        return {"kind": "ours", "name": name, "arguments": said}
    try:
        return {"kind": "imported", "name": vocabulary.name_of(MODELS, type(model)), "arguments": said}
    except ValueError:
        return None


def _of_recipe(
    recipe: ModelRecipe, model: torch.nn.Module, row_shape: tuple[int, ...], vocabulary: Vocabulary
) -> dict[str, Any] | None:
    try:
        said = recipe.spec(name=vocabulary.name_of(MODELS, recipe.model_type))
    except ValueError:
        return None
    classifier = getattr(model, "classifier", None)
    encoder = model.encoder if isinstance(model, EmbeddingModel) else model
    return {
        "kind": "recipe",
        "recipe": Encoder(vocabulary).encode(said, "model"),
        "row_shape": list(row_shape),
        "n_classes": getattr(classifier, "out_dim", None),
        "n_rows": getattr(encoder, "n_rows", None),
    }


def _of_layer(
    layer: torch.nn.Module, name: str, row_shape: tuple[int, ...], vocabulary: Vocabulary
) -> dict[str, Any] | None:
    arguments = layer_arguments(layer)
    children = [
        [key, _described(part, row_shape, vocabulary)] for key, part in layer._modules.items() if part is not None
    ]
    if arguments is None or any(part is None for _, part in children):
        return None
    said = Encoder(vocabulary).encode(arguments, "model")
    return {"kind": "layer", "name": name, "arguments": said, "children": children}


def _made(description: Mapping[str, Any], vocabulary: Vocabulary) -> torch.nn.Module:
    kind, decode = description["kind"], Decoder(vocabulary, {}).decode
    if kind == "recipe":
        said = decode(description["recipe"])
        recipe = ModelRecipe(vocabulary.find(MODELS, said.pop("type")), **said)
        return recipe.make(
            tuple(description["row_shape"]), n_classes=description["n_classes"], n_rows=description["n_rows"]
        )
    if kind == "parts":
        return EmbeddingModel(
            *(None if description[p] is None else _made(description[p], vocabulary) for p in _PARTS)  # type: ignore[arg-type]
        )
    arguments = decode(description["arguments"])
    if kind == "layer":
        layer = LAYERS[description["name"]](**arguments)
        for name, part in description["children"]:
            layer.add_module(name, _made(part, vocabulary))
        return layer
    if kind == "ours":
        return _OURS[description["name"]](**arguments)  # type: ignore[no-any-return]
    if kind == "imported":
        return vocabulary.find(MODELS, description["name"])(**arguments)  # type: ignore[no-any-return]
    raise ValueError(f"there is no kind of model {str(kind)[:40]!r}.")


def _outline(model: torch.nn.Module) -> list[tuple[Any, ...]]:
    modules = [(name, type(module)) for name, module in model.named_modules(remove_duplicate=False)]
    return [*modules, *((name, tuple(tensor.shape)) for name, tensor in model.state_dict().items())]


def _unknown(model: torch.nn.Module) -> str:
    kind = type(model)
    place = f"{kind.__module__}.{kind.__qualname__}"
    importable = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind
    ways = []
    if importable and kind.__module__ != "__main__" and not kind.__module__.startswith(("torch.", "paradime.")):
        ways.append(
            f"keep its constructor's arguments as attributes of the same names and pass "
            f"allow_imports=[{kind.__module__!r}]"
        )
    ways.append(
        "save without it, save(path, model=False), and pass one when it is loaded, paradime.load(path, model=…)"
    )
    said = "; or ".join(ways)
    model_kind = with_article(place)
    return f"nothing tells how the model, {model_kind}, was made. Either {said}; its weights are saved anyway."
