"""Optional libraries: their import, and the message that says what to install."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from paradime.exceptions import MissingLibraryError

__all__ = ["EXTRAS", "check_installed", "missing_library", "require"]

# The libraries of each extra in pyproject.toml. Messages name the libraries, because the distribution paradime on
# the public index is ParaDime 1.x, which has other maintainers.
EXTRAS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "plot": ("matplotlib", "datashader", "pandas"),
        "explain": ("captum",),
        "explore": ("plotly",),
        "onnx": ("onnx", "onnxruntime", "onnxscript"),
        "anndata": ("anndata",),
        "files": ("pandas", "pyarrow", "h5py"),
        "tensorboard": ("tensorboard",),
        "zarr": ("zarr",),
    }
)


def missing_library(
    purpose: str, library: str, install: Sequence[str], *, remedy: str = ""
) -> MissingLibraryError:
    """Returns the error for a library that cannot be imported.

    Args:
        purpose: The feature that needs the library; the beginning of the message.
        library: The missing library.
        install: The libraries to install.
        remedy: An alternative remedy, as a sentence.

    Example:
        >>> print(missing_library("The explorer", "plotly", EXTRAS["explore"]))
        The explorer needs plotly, which cannot be imported. Install it: pip install plotly
    """
    message = f"{purpose} needs {library}, which cannot be imported. Install it: pip install {' '.join(install)}"
    return MissingLibraryError(f"{message}. {remedy}" if remedy else message)


def require(module: str, purpose: str, *, extra: str | None = None, remedy: str = "") -> Any:
    """Imports a module of an optional library.

    Args:
        module: The name of the module; its first part is the name of the library.
        purpose: The feature that needs the library; the beginning of the message.
        extra: The extra that contains the library, or ``None``.
        remedy: An alternative remedy, as a sentence.

    Returns:
        The module.

    Raises:
        MissingLibraryError: If it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise missing_library(purpose, library, EXTRAS[extra] if extra else [library], remedy=remedy) from error


def check_installed(purpose: str, library: str, extra: str) -> None:
    """Raises MissingLibraryError if a library is not installed; does not import it."""
    if importlib.util.find_spec(library) is None:
        raise missing_library(purpose, library, EXTRAS[extra])
