"""Saving and loading of routines without executing code, and export of models as ONNX and torch.export."""

from paradime.persistence.load import load
from paradime.persistence.names import FORMAT_VERSION

__all__ = ["FORMAT_VERSION", "load"]
