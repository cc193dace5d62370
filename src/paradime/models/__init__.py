"""Models that embed, and what the engine asks of any torch module."""

from paradime.models.base import Model, resolve_method
from paradime.models.fully_connected import FullyConnectedEmbeddingModel
from paradime.models.replacing import replaced_methods

__all__ = ["FullyConnectedEmbeddingModel", "Model", "replaced_methods", "resolve_method"]
