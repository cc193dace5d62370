"""Recipes of models, from which a model is made once the shape of the rows is known."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import torch

from paradime._registry import MODELS
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models._heads import (
    check_classifier,
    check_decoder,
    classifier_options,
    decoder_options,
    make_classifier,
    make_decoder,
)
from paradime.models._options import check_options, defaults_of, frozen, named_options, stored_arguments, thawed
from paradime.models.base import resolve_method
from paradime.models.embedding import EmbeddingModel
from paradime.utils.annotations import from_numpy

__all__ = ["ModelRecipe"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ModelRecipe:
    """The type of a model and its options, with an optional decoder and classifier; immutable.

    Args:
        kind: A name in the specification format, such as ``"mlp"`` or ``"conv"``, or a class of modules. Its
            constructor gets, if it has these parameters, the shape of the rows as ``in_shape``, the number of
            their elements as ``in_dim``, the number of rows as ``n_rows``, and ``out_dim``.
        out_dim: Number of dimensions of the embedding, at least 1; also accepted in ``options``.
        options: Further arguments of the constructor. An ``in_dim`` or ``in_shape`` given here must match the
            number of elements of the rows.
        decoder: Whether to add a decoder, or its options: ``type`` (``"mlp"``, ``"conv"``; by default that of the
            encoder) and the arguments of that decoder. Options that are not given mirror the encoder.
        classifier: Whether to add a classifier of the embedding, or its options: ``n_classes``, and arguments
            of :class:`~paradime.models.FullyConnected`; by default it has one hidden layer of 50 units.

    Raises:
        TypeError: If ``kind`` is not a class of modules, or options are not a mapping.
        ValueError: If a name or an option is unknown, or ``out_dim`` is not positive.

    Example:
        >>> recipe = ModelRecipe("mlp", options={"hidden_dims": [20]}, decoder=True)
        >>> recipe
        ModelRecipe('mlp', options={'hidden_dims': [20]}, decoder=True)
        >>> model = recipe.make((64,))
        >>> model.decode(model.embed(torch.ones(5, 64))).shape
        torch.Size([5, 64])
        >>> ModelRecipe("mlp", options={"hiden_dims": [20]})
        Traceback (most recent call last):
        ...
        ValueError: model 'mlp' has no option 'hiden_dims'. Did you mean 'hidden_dims'?
    """

    kind: str | type[torch.nn.Module] = "mlp"
    _: dataclasses.KW_ONLY
    out_dim: int = 2
    options: Mapping[str, Any] | None = None
    decoder: bool | Mapping[str, Any] = False
    classifier: bool | Mapping[str, Any] = False

    def __post_init__(self) -> None:
        options = _checked_options("options", self.options or {})
        if "out_dim" in options and self.out_dim not in (2, options["out_dim"]):
            raise ValueError(
                f"out_dim must be given once, got {self.out_dim}, and {options['out_dim']} in options. "
                "Omit one of them."
            )
        out_dim = from_numpy(options.pop("out_dim", self.out_dim))
        if not isinstance(out_dim, int) or out_dim < 1:
            raise ValueError(f"out_dim must be a positive integer, got {out_dim!r}. 2 suits a picture.")
        heads = {name: _checked_head(name, from_numpy(getattr(self, name))) for name in ("decoder", "classifier")}
        for name, value in {"out_dim": out_dim, "options": options, **heads}.items():
            object.__setattr__(self, name, frozen(value))
        kind = self.model_type
        check_options(f"model {self._name!r}", kind, [*options, "out_dim"] if out_dim != 2 else options)
        if self.decoder:
            check_decoder(kind, _options_of(self.decoder))
        if self.classifier:
            check_classifier(_options_of(self.classifier))

    @property
    def model_type(self) -> type[torch.nn.Module]:
        """The class of the model, or of its encoder."""
        if isinstance(self.kind, str) and self.kind not in MODELS:
            raise ValueError(MODELS.describe_unknown(self.kind))
        model_type = MODELS[self.kind] if isinstance(self.kind, str) else self.kind
        if not (isinstance(model_type, type) and issubclass(model_type, torch.nn.Module)):
            raise TypeError(
                f"the kind of a model must be a name or a subclass of torch.nn.Module, got {model_type!r}. "
                "Pass a model instance directly, without a recipe."
            )
        return model_type

    @property
    def _name(self) -> str:
        return self.kind if isinstance(self.kind, str) else MODELS.name_of(self.kind) or self.kind.__name__

    @property
    def needs_n_rows(self) -> bool:
        """Whether the model depends on the number of rows, so that it cannot be made without data."""
        return "n_rows" in named_options(self.model_type) and "n_rows" not in (self.options or {})

    # -- construction ---------------------------------------------------------------------------------

    def make(
        self, row_shape: tuple[int, ...], *, n_classes: int | None = None, n_rows: int | None = None
    ) -> torch.nn.Module:
        """Makes the model: the encoder first, then the decoder, then the classifier.

        The encoder's initial weights are therefore the same with and without decoder and classifier.

        Args:
            row_shape: Shape of a row of the data, at least one axis.
            n_classes: Number of outputs of the classifier if its options do not contain it: the number of
                classes, or 1 for a regression. Ignored without classifier.
            n_rows: Number of rows of the data, for encoders whose size depends on it; ``None`` if unknown.

        Returns:
            An :class:`~paradime.models.EmbeddingModel` if there is a decoder or a classifier, else the encoder.

        Raises:
            ValueError: If the options do not match the rows, or the constructor raises it.
            UnsupportedConfigurationError: If the number of classes is unknown.

        Example:
            >>> ModelRecipe("conv", classifier={"n_classes": 10}).make((28, 28)).classify(
            ...     torch.ones(5, 28, 28)
            ... ).shape
            torch.Size([5, 10])
        """
        shape = tuple(row_shape)
        if not shape or any(size < 1 for size in shape):
            raise ValueError(f"row_shape must have at least one axis, all positive, got {shape}.")
        n_classes = _options_of(self.classifier).get("n_classes") or n_classes
        if self.classifier and n_classes is None:
            raise UnsupportedConfigurationError(
                "a model with a classifier needs the number of classes, got none. Pass labels with the data, or "
                "set it: classifier: {n_classes: 10}."
            )
        encoder = self._make_encoder(shape, n_rows)
        if not self.decoder and not self.classifier:
            return encoder
        code_dim = self._code_dim(encoder, shape)
        decoder = make_decoder(encoder, code_dim, shape, _options_of(self.decoder)) if self.decoder else None
        if not self.classifier or n_classes is None:
            return EmbeddingModel(encoder, decoder)
        classifier = make_classifier(code_dim, n_classes, _options_of(self.classifier))
        return EmbeddingModel(encoder, decoder, classifier)

    def _make_encoder(self, shape: tuple[int, ...], n_rows: int | None) -> torch.nn.Module:
        accepted = named_options(self.model_type)
        available = {"in_dim": math.prod(shape), "in_shape": shape, "out_dim": self.out_dim}
        if n_rows is not None:
            available["n_rows"] = n_rows
        arguments = {name: value for name, value in available.items() if name in accepted}
        for name in ("in_dim", "in_shape"):
            given = (self.options or {}).get(name)
            if given is not None and math.prod(given if isinstance(given, tuple) else [given]) != math.prod(shape):
                raise ValueError(
                    f"model {self._name!r} needs rows of {name}={given}, got rows of shape {shape}. "
                    f"Omit {name}: it follows from the data."
                )
        return self.model_type(**{**arguments, **thawed(self.options)})

    def _code_dim(self, encoder: torch.nn.Module, shape: tuple[int, ...]) -> int:
        if "out_dim" in named_options(self.model_type):
            return self.out_dim
        training = encoder.training
        encoder.eval()
        with torch.no_grad():
            embedded = resolve_method(encoder, "embed")(torch.zeros(2, *shape))
        encoder.train(training)
        return int(embedded.shape[1])

    # -- specification --------------------------------------------------------------------------------

    def spec(self, *, name: str | None = None) -> dict[str, Any]:
        """Returns the section ``model`` of a specification for this recipe, without defaults.

        Args:
            name: The name of the kind in the specification; its registered name if ``None``.

        Raises:
            UnsupportedConfigurationError: If the kind is a class without a registered name.

        Example:
            >>> ModelRecipe("mlp", out_dim=3, classifier=True).spec()
            {'type': 'mlp', 'options': {'out_dim': 3}, 'classifier': True}
        """
        name = name or MODELS.name_of(self.model_type)
        if name is None:
            raise UnsupportedConfigurationError(
                f"a specification needs a model with a registered name, got {self.model_type.__name__}. "
                "Register it."
            )
        out_dim = {"out_dim": self.out_dim} if self.out_dim != 2 else {}
        sections = {
            "options": {**out_dim, **(self.options or {})},
            "decoder": self.decoder,
            "classifier": self.classifier,
        }
        return {"type": name, **{section: thawed(value) for section, value in sections.items() if value}}

    @classmethod
    def of(cls, model: torch.nn.Module) -> ModelRecipe | None:
        """Returns the recipe of a model instance, without its weights.

        Args:
            model: An instance of a class with a registered name, or an :class:`~paradime.models.EmbeddingModel`
                of one, as :meth:`make` makes it.

        Returns:
            The recipe; ``None`` if the class has no registered name, or does not store its arguments as attributes
            of the same names.

        Example:
            >>> ModelRecipe.of(ModelRecipe("mlp", options={"dropout": 0.1}).make((8,)))
            ModelRecipe('mlp', options={'in_dim': 8, 'dropout': 0.1})
            >>> ModelRecipe.of(torch.nn.Linear(2, 2)) is None
            True
        """
        encoder = model.encoder if type(model) is EmbeddingModel else model
        name, arguments = MODELS.name_of(type(encoder)), stored_arguments(encoder)
        if name is None or arguments is None:
            return None
        heads: dict[str, Any] = {}
        if type(model) is EmbeddingModel:
            heads = {"decoder": decoder_options(model), "classifier": classifier_options(model)}
        if None in heads.values():
            return None
        out_dim, defaults = arguments.pop("out_dim", 2), defaults_of(type(encoder))
        options = {k: value for k, value in arguments.items() if k not in defaults or value != frozen(defaults[k])}
        return cls(name, out_dim=out_dim, options=options, **heads)

    # -- identity -------------------------------------------------------------------------------------

    def _content(self) -> tuple[Any, ...]:
        return self.model_type, self.out_dim, self.options, self.decoder, self.classifier

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, ModelRecipe) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.model_type, self.out_dim))

    def __repr__(self) -> str:
        arguments = {"out_dim": self.out_dim} if self.out_dim != 2 else {}
        sections = {name: thawed(getattr(self, name)) for name in ("options", "decoder", "classifier")}
        arguments |= {name: value for name, value in sections.items() if value}
        kind = repr(self.kind) if isinstance(self.kind, str) else self.kind.__name__
        return f"ModelRecipe({', '.join([kind, *(f'{name}={value!r}' for name, value in arguments.items())])})"

    def __reduce__(self) -> tuple[Any, ...]:
        # mapping proxies can neither be copied nor pickled
        arguments = {name: thawed(getattr(self, name)) for name in ("out_dim", "options", "decoder", "classifier")}
        return functools.partial(ModelRecipe, self.kind, **arguments), ()


def _options_of(head: bool | Mapping[str, Any]) -> Mapping[str, Any]:
    return head if isinstance(head, Mapping) else {}


def _checked_head(name: str, head: bool | Mapping[str, Any]) -> bool | dict[str, Any]:
    """Returns the options of a head; an empty mapping becomes ``True``."""
    return head if isinstance(head, bool) else _checked_options(name, head) or True


def _checked_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options as a dict, with spaces in their names replaced by underscores."""
    if not isinstance(options, Mapping):
        raise TypeError(
            f"{name} of a model must be a mapping of options, got {type(options).__name__}. Pass a dict."
        )
    return {str(key).replace(" ", "_"): value for key, value in options.items()}
