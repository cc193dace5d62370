"""Models that embed, what they are made of, and what the engine asks of any torch module."""

from paradime.models.activations import ACTIVATIONS
from paradime.models.base import Model, resolve_method
from paradime.models.convolutional import ConvolutionalModel
from paradime.models.decoders import DECODERS, ConvolutionalDecoder, FullyConnectedDecoder
from paradime.models.embedding import EmbeddingModel
from paradime.models.fully_connected import FullyConnectedEmbeddingModel
from paradime.models.layers import FullyConnected
from paradime.models.recipe import ModelRecipe
from paradime.models.replacing import replaced_methods

__all__ = [
    "ACTIVATIONS",
    "DECODERS",
    "ConvolutionalDecoder",
    "ConvolutionalModel",
    "EmbeddingModel",
    "FullyConnected",
    "FullyConnectedDecoder",
    "FullyConnectedEmbeddingModel",
    "Model",
    "ModelRecipe",
    "replaced_methods",
    "resolve_method",
]
