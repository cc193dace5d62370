"""Embedding networks with their layers, decoders and recipes, and the interface that training uses of a module."""

from paradime.models.base import (
    ROW_METHODS,
    Completable,
    Model,
    Preparable,
    as_input,
    centers_rows,
    is_torn,
    needs_double,
    resolve_method,
    unit_of,
)
from paradime.models.centers import CenterModel, SoftAssignments, network_scale
from paradime.models.convolutional import ConvolutionalModel
from paradime.models.decoders import DECODERS, ConvolutionalDecoder, FullyConnectedDecoder
from paradime.models.embedding import EmbeddingModel
from paradime.models.layers import ACTIVATIONS, FullyConnected, FullyConnectedEmbeddingModel
from paradime.models.outputs import OutputLayers
from paradime.models.prototypes import PrototypeModel
from paradime.models.recipe import ModelRecipe
from paradime.models.scaling import InputScaling
from paradime.models.standardization import Standardization, Standardized, wants_standardization
from paradime.models.torch_layers import in_double_precision
from paradime.models.view import Projection, SharedEncodings, projected_rows, projection_for, view_of, viewed

__all__ = [
    "ACTIVATIONS",
    "DECODERS",
    "ROW_METHODS",
    "CenterModel",
    "Completable",
    "ConvolutionalDecoder",
    "ConvolutionalModel",
    "EmbeddingModel",
    "FullyConnected",
    "FullyConnectedDecoder",
    "FullyConnectedEmbeddingModel",
    "InputScaling",
    "Model",
    "ModelRecipe",
    "OutputLayers",
    "Preparable",
    "Projection",
    "PrototypeModel",
    "SharedEncodings",
    "SoftAssignments",
    "Standardization",
    "Standardized",
    "as_input",
    "centers_rows",
    "in_double_precision",
    "is_torn",
    "needs_double",
    "network_scale",
    "projected_rows",
    "projection_for",
    "resolve_method",
    "unit_of",
    "view_of",
    "viewed",
    "wants_standardization",
]
