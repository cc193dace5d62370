"""Saved routines: folders and files that hold what was learned, and execute nothing; and models as ONNX."""

from paradime.persistence.names import FORMAT_VERSION
from paradime.persistence.opening import load

__all__ = ["FORMAT_VERSION", "load"]
