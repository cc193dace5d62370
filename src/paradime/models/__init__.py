"""Models that embed, and what the engine asks of any torch module."""

from paradime.models.base import Model, resolve_method
from paradime.models.fully_connected import FullyConnectedEmbeddingModel

__all__ = ["FullyConnectedEmbeddingModel", "Model", "resolve_method"]
