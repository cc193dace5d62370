"""Routines as texts of the grammar, and back."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import torch

from paradime._registry import did_you_mean
from paradime.exceptions import SpecificationError
from paradime.models import ModelRecipe
from paradime.spec import Vocabulary, build, dump, read_spec, write
from paradime.types import Spec

if TYPE_CHECKING:
    from paradime.dr.blocks import Blocks
    from paradime.dr.network import Network

__all__ = ["Specified"]


class Specified:
    """The part of a routine that reads and writes specifications."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    @classmethod
    def from_spec(
        cls,
        file_or_spec: str | os.PathLike[str] | Spec,
        model: torch.nn.Module | ModelRecipe | None = None,
        *,
        allow_imports: Iterable[str] = (),
        **settings: Any,
    ) -> Self:
        """Makes a routine from a specification in the grammar.

        Args:
            file_or_spec: The path of a YAML or JSON file, its text, or its contents as a dict.
            model: A model in place of the one that the specification describes; a fully connected network if
                neither is there.
            allow_imports: Modules or packages from which names such as ``"mine.losses:MyLoss"`` may be imported.
            **settings: Further arguments of the constructor, such as ``random_state`` and ``verbose``.

        Raises:
            SpecificationError: If the specification is wrong; the message has a line for each mistake, which
                starts with the place.
            OSError: If the file cannot be read.
            TypeError: If the constructor does not take a setting.
        """
        known = inspect.signature(cls).parameters
        for name in settings:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no parameter {name!r}. {did_you_mean(name, known)}")
        vocabulary = Vocabulary(_imports(allow_imports))
        made = build(read_spec(file_or_spec, vocabulary), vocabulary)
        if model is not None:
            made["model"] = model
        return cls(**{**made, **settings})

    @overload
    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["yaml", "json"] = ...,
        model: bool = ...,
        allow_imports: Iterable[str] = ...,
    ) -> str: ...

    @overload
    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["dict"],
        model: bool = ...,
        allow_imports: Iterable[str] = ...,
    ) -> dict[str, Any]: ...

    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["yaml", "json", "dict"] = "yaml",  # noqa: A002  what it is
        model: bool = True,
        allow_imports: Iterable[str] = (),
    ) -> str | dict[str, Any]:
        """Writes the routine as a specification: its building blocks, as they are now.

        A routine made from the text trains to the same weights under the same ``random_state``. What is
        learned, data, device and seed are no part of the text.

        Args:
            path: A file to write, too; JSON if its suffix is ``.json``.
            format: ``"yaml"``, ``"json"``, or ``"dict"`` for nested mappings and lists.
            model: Whether to write the section ``model``. Without it the reader passes a model, or gets a fully
                connected network.
            allow_imports: Modules or packages whose classes and functions may be written by their importable
                names, such as ``"mine.losses:MyLoss"``, if they have no name in the grammar.

        Returns:
            The text, or the mapping.

        Raises:
            SpecificationError: If a part has no name in the grammar, or cannot be written; the message starts
                with the place, and says what to do.
            OSError: If the file cannot be written.

        Example:
            >>> from paradime import ParametricTSNE
            >>> print(ParametricTSNE(perplexity=50).to_spec().splitlines()[0])
            version: 2
        """
        blocks = self._blocks_to_write()
        spec = write(
            derived_data=blocks.derived_data,
            global_relations=blocks.global_relations,
            batch_relations=blocks.batch_relations,
            losses=blocks.losses,
            training_phases=blocks.training_phases,
            model=_recipe(blocks.network) if model else None,
            data_fields=blocks.data_fields,
            vocabulary=Vocabulary(_imports(allow_imports)),
        )
        if path is not None:
            suffix = Path(path).suffix.lower()
            Path(path).write_text(dump(spec, "json" if suffix == ".json" else "yaml"), encoding="utf-8")
        return spec if format == "dict" else dump(spec, format)

    def _blocks_to_write(self) -> Blocks:
        return self._blocks


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


def _imports(allowed: Iterable[str]) -> tuple[str, ...]:
    """One name is not a list of letters."""
    return (allowed,) if isinstance(allowed, str) else tuple(allowed)


def _changed(model: torch.nn.Module, recipe: ModelRecipe) -> bool:
    """Whether a model of ours is not as its recipe makes it, its weights aside."""
    options = recipe.options or {}
    if not recipe.model_type.__module__.startswith("paradime."):
        return False  # making it may do anything
    shape = options.get("in_shape") or (options["in_dim"],)
    with torch.device("meta"):  # no memory, no random numbers
        again = recipe.make(tuple(shape))
    return _outline(model) != _outline(again)


def _outline(model: torch.nn.Module) -> list[tuple[Any, ...]]:
    modules = [(name, type(module)) for name, module in model.named_modules()]
    weights = [(name, w.shape, w.dtype, w.requires_grad) for name, w in model.named_parameters()]
    return [*modules, *weights]
