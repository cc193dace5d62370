"""Loading of saved routines."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Any

import torch

from paradime._registry import with_article
from paradime.exceptions import ModelFileError, ParaDimeError
from paradime.persistence.bundle import read_bundle
from paradime.persistence.saved import Saved
from paradime.utils.arguments import check_strings
from paradime.utils.autograd import recording_gradients

__all__ = ["PLACES", "load", "read_saved", "restore"]

PLACES = ("paradime.dr", "paradime.estimators", "paradime.routines")
"""Modules whose public routines may always be loaded."""


@recording_gradients()
def load(
    path: str | os.PathLike[str],
    *,
    model: torch.nn.Module | None = None,
    allow_imports: Iterable[str] = (),
    device: str | torch.device = "cpu",
) -> Any:
    """Loads a routine that was saved by ``save`` or ``save_pretrained``, without executing code of the files.

    On the same machine, embeddings, predictions and reconstructions are bit-identical to those of the saved
    routine. It can be trained further. The files do not contain the training data, but for rows of a
    refined map.

    Args:
        path: The folder, or the file.
        model: A module that gets the weights, if the routine was saved with ``model=False``.
        allow_imports: Modules or packages from which classes of components may be imported.
        device: The device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, or a torch device.

    Returns:
        The routine, of the class that was saved.

    Raises:
        ModelFileError: If the files are damaged, have a newer format, do not belong to a saved routine, or are
            links.
        ValueError: If they need classes that may not be imported.
        OSError: If they cannot be read.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, folder = load_iris().data, getfixture("tmp_path")
        >>> mds = ParametricMDS(epochs=2, random_state=0).fit(X)
        >>> mds.save(folder / "iris.paradime")
        >>> bool((load(folder / "iris.paradime").transform(X) == mds.transform(X)).all())
        True
    """
    saved = read_saved(path)
    imports = tuple(check_strings("allow_imports", allow_imports))
    return restore(_class_of(saved, imports), saved, model, imports, device)


def read_saved(path: str | os.PathLike[str]) -> Saved:
    """Reads and checks the files of a saved routine without building it.

    Raises:
        ModelFileError: If the files are damaged, have a newer format, or do not belong to a saved routine.
        OSError: If they cannot be read.
    """
    return Saved.from_files(read_bundle(path), os.fspath(path))


def restore(
    kind: Any,
    saved: Saved,
    model: torch.nn.Module | None,
    allow_imports: Iterable[str],
    device: str | torch.device,
) -> Any:
    """Builds a routine of a class from its saved state.

    Raises:
        ModelFileError: If the saved state is inconsistent.
        ValueError: If it needs classes that may not be imported.
    """
    imports = tuple(check_strings("allow_imports", allow_imports))
    try:
        return kind._from_saved(saved, model=model, allow_imports=imports, device=device)
    except ParaDimeError:
        raise
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(
            f"{saved.path}: the routine cannot be built ({type(error).__name__}: {str(error)[:200]}). Its classes "
            "must be the same as when it was saved."
        ) from error


def _class_of(saved: Saved, allow_imports: tuple[str, ...]) -> Any:
    module_name, _, name = saved.config.routine.partition(":")
    if module_name in PLACES:
        module = importlib.import_module(module_name)
        kind = getattr(module, name, None) if name in module.__all__ else None
    else:
        if not any(saved.config.routine == a or f"{module_name}.".startswith(f"{a}.") for a in allow_imports):
            raise ValueError(
                f"{saved.path}: is {with_article(name)} of the module {module_name!r}, which may not be imported. "
                f"Pass allow_imports=[{module_name!r}], or use {name}.from_pretrained(…)."
            )
        try:
            kind = getattr(importlib.import_module(module_name), name, None)
        except ImportError as error:
            raise ValueError(f"{saved.path}: {module_name!r} cannot be imported: {error}.") from error
    if not isinstance(kind, type) or not hasattr(kind, "_from_saved"):
        raise ModelFileError(f"{saved.path}: {saved.config.routine!r} is not a routine. Load what save wrote.")
    return kind
