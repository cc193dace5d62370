"""Decoders and classifiers of recipes: built from options, and described as options again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from paradime.models._options import check_options, defaults_of, frozen, named_options, stored_arguments, thawed
from paradime.models.centers import CenterModel
from paradime.models.decoders import DECODERS, mirrored_options
from paradime.models.embedding import EmbeddingModel
from paradime.models.layers import FullyConnected

__all__ = [
    "check_classifier",
    "check_decoder",
    "classifier_options",
    "decoder_options",
    "make_classifier",
    "make_decoder",
]

_CLASSIFIER = {"hidden_dims": (50,)}
# parameters that follow from the encoder and the data
_OF_DECODER = {"in_dim", "out_shape"}
_OF_CLASSIFIER = {"in_dim", "out_dim"}


def check_decoder(encoder: type[torch.nn.Module], options: Mapping[str, Any]) -> None:
    """Checks the names of a decoder's options.

    Raises:
        ValueError: If the decoder or one of its options is unknown.
    """
    name = options.get("type", _default_type(encoder))
    if name not in DECODERS:
        raise ValueError(DECODERS.describe_unknown(name))
    check_options(f"decoder {name!r}", DECODERS[name], set(options) - {"type"}, without=_OF_DECODER)


def check_classifier(options: Mapping[str, Any]) -> None:
    """Checks the names of a classifier's options.

    Raises:
        ValueError: If an option is unknown.
    """
    check_options("the classifier", FullyConnected, options, without=_OF_CLASSIFIER, more=["n_classes"])


def make_decoder(
    encoder: torch.nn.Module, code_dim: int, row_shape: tuple[int, ...], options: Mapping[str, Any]
) -> torch.nn.Module:
    """Makes a decoder; options that are not given mirror the encoder."""
    arguments = dict(thawed(options))
    kind = DECODERS[arguments.pop("type", _default_type(type(encoder)))]
    return kind(code_dim, row_shape, **{**_mirrored(encoder, kind), **arguments})


def make_classifier(code_dim: int, n_classes: int, options: Mapping[str, Any]) -> torch.nn.Module:
    """Makes a classifier, (b, code_dim) to (b, n_classes)."""
    arguments = {name: value for name, value in thawed(options).items() if name != "n_classes"}
    return FullyConnected(code_dim, n_classes, **{**_CLASSIFIER, **arguments})


def decoder_options(model: EmbeddingModel) -> dict[str, Any] | bool | None:
    """Returns the options of a model's decoder, ``False`` without one, ``None`` if options cannot describe it."""
    decoder = model.decoder
    if decoder is None:
        return False
    kind, name, arguments = type(decoder), DECODERS.name_of(type(decoder)), stored_arguments(decoder)
    if name is None or arguments is None:
        return None
    options = _differing(arguments, {**defaults_of(kind), **_mirrored(model.encoder, kind)}, _OF_DECODER)
    return (options if name == _default_type(type(model.encoder)) else {"type": name, **options}) or True


def classifier_options(model: EmbeddingModel) -> dict[str, Any] | bool | None:
    """Returns the options of a model's classifier, with the number of classes; see :func:`decoder_options`."""
    classifier = model.classifier
    if classifier is None:
        return False
    arguments = stored_arguments(classifier) if type(classifier) is FullyConnected else None
    if arguments is None:
        return None
    options = _differing(arguments, {**defaults_of(FullyConnected), **_CLASSIFIER}, _OF_CLASSIFIER)
    return {"n_classes": arguments["out_dim"], **options}


def _default_type(encoder: type[torch.nn.Module]) -> str:
    """The default type of decoder for an encoder of this class."""
    return str(getattr(encoder, "decoder_type", "mlp"))


def _mirrored(encoder: torch.nn.Module, kind: type[torch.nn.Module]) -> dict[str, Any]:
    """The options of a decoder of this class that follow from the encoder."""
    accepted = named_options(kind)
    # the layers have the widths also where these follow from the data
    layers = encoder.network if isinstance(encoder, CenterModel) else encoder
    return {name: value for name, value in mirrored_options(layers).items() if name in accepted}


def _differing(arguments: Mapping[str, Any], expected: Mapping[str, Any], implied: set[str]) -> dict[str, Any]:
    """The arguments that differ from the expected ones, without the implied ones."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in implied and (name not in expected or value != frozen(expected[name]))
    }
