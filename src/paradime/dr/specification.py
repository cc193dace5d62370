"""Routines as specifications, and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch

from paradime.dr.components import Components
from paradime.dr.network import Network
from paradime.dr.parameters import handed_on
from paradime.exceptions import SpecificationError
from paradime.models import ModelRecipe
from paradime.spec import Vocabulary, build, dump, read_spec, write
from paradime.types import Spec
from paradime.utils.arguments import check_choice, check_path, check_strings, check_switch
from paradime.utils.files import atomic_write

__all__ = ["read_components", "written"]


def read_components(
    kind: Any,
    file_or_spec: str | os.PathLike[str] | Spec,
    model: torch.nn.Module | ModelRecipe | None,
    allow_imports: Iterable[str],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the constructor's arguments that a specification describes, and further settings.

    Raises:
        SpecificationError: If the specification is wrong.
        OSError: If the file cannot be read.
        TypeError: If the constructor does not take a setting.
    """
    handed_on(kind, settings)  # raises for names that the constructor does not take
    vocabulary = Vocabulary(tuple(check_strings("allow_imports", allow_imports)))
    components = build(read_spec(file_or_spec, vocabulary), vocabulary)
    if model is not None:
        components["model"] = model
    return {**components, **settings}


def written(
    blocks: Components,
    path: str | os.PathLike[str] | None,
    *,
    format: Literal["yaml", "json", "dict"],  # noqa: A002  what it is
    model: bool,
    allow_imports: Iterable[str],
    refine: bool,
) -> str | dict[str, Any]:
    """Writes components as a specification; see ``to_spec``."""
    check_choice("format", format, ("yaml", "json", "dict"))
    check_switch("model", model, remedy="True writes the section model.")
    target = None if path is None else check_path(path, example="routine.yaml")
    spec = write(
        derived_data=blocks.derived_data,
        global_relations=blocks.global_relations,
        batch_relations=blocks.batch_relations,
        losses=blocks.losses,
        training_phases=blocks.training_phases,
        model=_recipe(blocks.network) if model else None,
        data_fields=blocks.data_fields,
        refine=refine,
        vocabulary=Vocabulary(tuple(check_strings("allow_imports", allow_imports))),
    )
    if target is not None:
        text = dump(spec, "json" if target.suffix.lower() == ".json" else "yaml")
        with atomic_write(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return spec if format == "dict" else dump(spec, format)


def _recipe(network: Network) -> ModelRecipe:
    known = network.recipe
    if known is not None:
        return known
    assert network.model is not None
    recipe = ModelRecipe.of(network.model)
    name = type(network.model).__name__
    if recipe is None:
        raise SpecificationError(
            f"model: a text cannot say how this {name} was made. Register its class, "
            f'@paradime.spec.register("{name.lower()}"), and keep its arguments as attributes; or write '
            "the rest, to_spec(model=False), and pass the model to from_spec(…, model=…)."
        )
    if _changed(network.model, recipe):
        raise SpecificationError(
            f"model: this {name} was changed after it was made: its layers, their types, or whether they are "
            "trained. Write the rest, to_spec(model=False), and pass the model to from_spec(…, model=…)."
        )
    return recipe


def _changed(model: torch.nn.Module, recipe: ModelRecipe) -> bool:
    """Whether a model of ours is not as its recipe makes it, its weights aside."""
    options = recipe.options or {}
    if not recipe.model_type.__module__.startswith("paradime."):
        return False  # a constructor of another library may have side effects
    shape = options.get("in_shape") or (options["in_dim"],)
    with torch.device("meta"):  # on this device, weights take no memory and draw no random numbers
        again = recipe.make(tuple(shape))
    return _outline(model) != _outline(again)


def _outline(model: torch.nn.Module) -> list[tuple[Any, ...]]:
    modules = [(name, type(module)) for name, module in model.named_modules()]
    weights = [(name, w.shape, w.dtype, w.requires_grad) for name, w in model.named_parameters()]
    return [*modules, *weights]
