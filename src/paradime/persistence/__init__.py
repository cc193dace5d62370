"""Saved routines: folders and files that hold what was learned, and execute nothing; and models as ONNX."""

from paradime.persistence.load import load
from paradime.persistence.names import FORMAT_VERSION

__all__ = ["FORMAT_VERSION", "load"]
