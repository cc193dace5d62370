"""Decoders and classifiers of recipes: made of options, and told from what was made."""

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
# what follows from the encoder and the data
_OF_DECODER = {"in_dim", "out_shape"}
_OF_CLASSIFIER = {"in_dim", "out_dim"}


def check_decoder(encoder: type[torch.nn.Module], options: Mapping[str, Any]) -> None:
    """Checks the names of a decoder's options.

    Raises:
        ValueError: If there is no such decoder, or if it has no such option.
    """
    name = options.get("type", _usual_type(encoder))
    if name not in DECODERS:
        raise ValueError(DECODERS.describe_unknown(name))
    check_options(f"decoder {name!r}", DECODERS[name], set(options) - {"type"}, without=_OF_DECODER)


def check_classifier(options: Mapping[str, Any]) -> None:
    """Checks the names of a classifier's options.

    Raises:
        ValueError: If it has no such option.
    """
    check_options("the classifier", FullyConnected, options, without=_OF_CLASSIFIER, more=["n_classes"])


def make_decoder(
    encoder: torch.nn.Module, code_dim: int, row_shape: tuple[int, ...], options: Mapping[str, Any]
) -> torch.nn.Module:
    """Makes a decoder that mirrors an encoder as far as its options do not say otherwise."""
    said = dict(thawed(options))
    kind = DECODERS[said.pop("type", _usual_type(type(encoder)))]
    return kind(code_dim, row_shape, **{**_mirrored(encoder, kind), **said})


def make_classifier(code_dim: int, n_classes: int, options: Mapping[str, Any]) -> torch.nn.Module:
    """Makes a classifier, (b, code_dim) to (b, n_classes)."""
    said = {name: value for name, value in thawed(options).items() if name != "n_classes"}
    return FullyConnected(code_dim, n_classes, **{**_CLASSIFIER, **said})


def decoder_options(model: EmbeddingModel) -> dict[str, Any] | bool | None:
    """Returns the options that make a model's decoder, ``False`` if there is none, ``None`` if untold."""
    decoder = model.decoder
    if decoder is None:
        return False
    kind, name, arguments = type(decoder), DECODERS.name_of(type(decoder)), stored_arguments(decoder)
    if name is None or arguments is None:
        return None
    said = _differing(arguments, {**defaults_of(kind), **_mirrored(model.encoder, kind)}, _OF_DECODER)
    return (said if name == _usual_type(type(model.encoder)) else {"type": name, **said}) or True


def classifier_options(model: EmbeddingModel) -> dict[str, Any] | bool | None:
    """Returns the same of a model's classifier; its number of classes is always said."""
    classifier = model.classifier
    if classifier is None:
        return False
    arguments = stored_arguments(classifier) if type(classifier) is FullyConnected else None
    if arguments is None:
        return None
    said = _differing(arguments, {**defaults_of(FullyConnected), **_CLASSIFIER}, _OF_CLASSIFIER)
    return {"n_classes": arguments["out_dim"], **said}


def _usual_type(encoder: type[torch.nn.Module]) -> str:
    """The decoder that an encoder of this class gets if nothing is said."""
    return str(getattr(encoder, "decoder_type", "mlp"))


def _mirrored(encoder: torch.nn.Module, kind: type[torch.nn.Module]) -> dict[str, Any]:
    """The options of a decoder of this class that follow from the encoder."""
    taken = named_options(kind)
    # its layers know their widths also where these follow from the data
    layers = encoder.network if isinstance(encoder, CenterModel) else encoder
    return {name: value for name, value in mirrored_options(layers).items() if name in taken}


def _differing(arguments: Mapping[str, Any], expected: Mapping[str, Any], given: set[str]) -> dict[str, Any]:
    """The arguments that are not as expected, without those that are given anyway."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in given and (name not in expected or value != frozen(expected[name]))
    }
