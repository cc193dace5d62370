"""Descriptions of models as plain data, and models built from descriptions without executing code of the file."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

import torch

import paradime.models
from paradime._registry import MODELS, with_article
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import EmbeddingModel, ModelRecipe
from paradime.models._options import stored_arguments
from paradime.models.torch_layers import LAYERS, layer_arguments
from paradime.persistence.values import Decoder, Encoder
from paradime.spec import Vocabulary

__all__ = ["GIVEN", "describe_model", "is_ours", "make_model"]

GIVEN: Mapping[str, Any] = {"kind": "given"}
"""The description of a model that is passed when the routine is loaded."""

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
    """Returns a description of a model.

    Args:
        model: The model.
        row_shape: Shape of a row.
        vocabulary: The names that may be written.
        recipe: The recipe of the model, if known.

    Returns:
        Mappings, lists, strings and numbers, from which :func:`make_model` builds a model with the same modules
        and shapes.

    Raises:
        ValueError: If the model cannot be described, or was changed after it was made; the message gives the
            remedies.
    """
    description = _described(model, row_shape, vocabulary)
    if description is None and recipe is not None:
        description = _of_recipe(recipe, model, row_shape, vocabulary)
    if description is not None and is_ours(description):
        if _shapes(make_model(description, vocabulary, meta=True)) != _shapes(model):
            raise UnsupportedConfigurationError(
                f"the model, {with_article(type(model).__name__)}, was changed after it was made, so that it "
                "cannot be made again. Save without its form, save(path, model=False), and pass one when it is "
                "loaded, paradime.load(path, model=…)."
            )
        return description
    if description is not None:
        with contextlib.suppress(Exception):  # a user's constructor may raise anything
            if _outline(make_model(description, vocabulary)) == _outline(model):
                return description
    raise ValueError(_unknown(model))


def make_model(description: Mapping[str, Any], vocabulary: Vocabulary, *, meta: bool = False) -> torch.nn.Module:
    """Builds a model from its description, with arbitrary weights.

    Args:
        description: The result of :func:`describe_model`.
        vocabulary: The names that it may use.
        meta: Whether to build it on the meta device, without memory for weights.

    Raises:
        ValueError: If it uses names that are unknown or not allowed.
        KeyError: If an entry is missing.
        TypeError: If arguments do not fit.
    """
    with torch.device("meta" if meta else "cpu"):
        return _build(description, vocabulary)


def is_ours(description: Mapping[str, Any]) -> bool:
    """Returns whether a model consists of layers of ParaDime and torch, whose constructors only create tensors."""
    kind = description["kind"]
    if kind == "recipe":
        name = description["recipe"]["type"]
        model_type = MODELS[name] if name in MODELS else None  # noqa: SIM401  get() ignores aliases
        return model_type is not None and model_type.__module__.startswith("paradime.")
    if kind == "layer":
        return all(is_ours(child) for _, child in description["children"])
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
        modules: dict[str, Any] = {part: getattr(model, part) for part in _PARTS}
        described = {part: m if m is None else _described(m, row_shape, vocabulary) for part, m in modules.items()}
        missing = any(modules[part] is not None and described[part] is None for part in _PARTS)
        return None if missing else {"kind": "parts", **described}
    arguments = stored_arguments(model)
    if arguments is None:
        return None
    encoded = Encoder(vocabulary).encode(arguments, "model")
    if _OURS.get(name) is type(model):
        return {"kind": "ours", "name": name, "arguments": encoded}
    try:
        return {"kind": "imported", "name": vocabulary.name_of(MODELS, type(model)), "arguments": encoded}
    except ValueError:
        return None


def _of_recipe(
    recipe: ModelRecipe, model: torch.nn.Module, row_shape: tuple[int, ...], vocabulary: Vocabulary
) -> dict[str, Any] | None:
    try:
        spec = recipe.spec(name=vocabulary.name_of(MODELS, recipe.model_type))
    except ValueError:
        return None
    classifier = getattr(model, "classifier", None)
    encoder = model.encoder if isinstance(model, EmbeddingModel) else model
    return {
        "kind": "recipe",
        "recipe": Encoder(vocabulary).encode(spec, "model"),
        "row_shape": list(row_shape),
        "n_classes": getattr(classifier, "out_dim", None),
        "n_rows": getattr(encoder, "n_rows", None),
    }


def _of_layer(
    layer: torch.nn.Module, name: str, row_shape: tuple[int, ...], vocabulary: Vocabulary
) -> dict[str, Any] | None:
    arguments = layer_arguments(layer)
    children = [
        [key, _described(child, row_shape, vocabulary)]
        for key, child in layer._modules.items()
        if child is not None
    ]
    if arguments is None or any(child is None for _, child in children):
        return None
    encoded = Encoder(vocabulary).encode(arguments, "model")
    return {"kind": "layer", "name": name, "arguments": encoded, "children": children}


def _build(description: Mapping[str, Any], vocabulary: Vocabulary) -> torch.nn.Module:
    kind, decode = description["kind"], Decoder(vocabulary, {}).decode
    if kind == "recipe":
        settings = decode(description["recipe"])
        recipe = ModelRecipe(vocabulary.find(MODELS, settings.pop("type")), **settings)
        return recipe.make(
            tuple(description["row_shape"]), n_classes=description["n_classes"], n_rows=description["n_rows"]
        )
    if kind == "parts":
        return EmbeddingModel(
            *(None if description[p] is None else _build(description[p], vocabulary) for p in _PARTS)  # type: ignore[arg-type]
        )
    arguments = decode(description["arguments"])
    if kind == "layer":
        layer = LAYERS[description["name"]](**arguments)
        for name, child in description["children"]:
            layer.add_module(name, _build(child, vocabulary))
        return layer
    if kind == "ours":
        return _OURS[description["name"]](**arguments)  # type: ignore[no-any-return]
    if kind == "imported":
        return vocabulary.find(MODELS, description["name"])(**arguments)  # type: ignore[no-any-return]
    raise ValueError(f"the kind of a model must be a known one, got {str(kind)[:40]!r}.")


def _outline(model: torch.nn.Module) -> list[tuple[Any, ...]]:
    modules = [(name, type(module)) for name, module in model.named_modules(remove_duplicate=False)]
    return [*modules, *_shapes(model).items()]


def _shapes(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _unknown(model: torch.nn.Module) -> str:
    kind = type(model)
    path = f"{kind.__module__}.{kind.__qualname__}"
    importable = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind
    remedies = []
    if importable and kind.__module__ != "__main__" and not kind.__module__.startswith(("torch.", "paradime.")):
        remedies.append(
            f"store its constructor's arguments as attributes of the same names and pass "
            f"allow_imports=[{kind.__module__!r}]"
        )
    remedies.append("save without it, save(path, model=False), and pass a model to paradime.load(path, model=…)")
    remedy = "; or ".join(remedies)
    return (
        f"the constructor's arguments of the model must be known, got {with_article(path)}. {remedy[0].upper()}"
        f"{remedy[1:]}; its weights are saved anyway."
    )
