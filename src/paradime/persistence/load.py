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
from paradime.utils.autograd import recording_gradients

__all__ = ["PLACES", "load", "read_saved", "restore"]

PLACES = ("paradime.dr", "paradime.estimators", "paradime.routines")
"""Modules whose public routines are loaded without being allowed."""


@recording_gradients()
def load(
    path: str | os.PathLike[str],
    *,
    model: torch.nn.Module | None = None,
    allow_imports: Iterable[str] = (),
    device: str | torch.device = "cpu",
) -> Any:
    """Loads a routine that was saved by ``save`` or ``save_pretrained``; nothing in the files is executed.

    It embeds, predicts and decodes as the one that was saved, to the last bit on the same machine, and can be
    trained further. The training data are not part of the files.

    Args:
        path: The folder, or the file.
        model: A module that gets the weights, where the routine was saved with ``model=False``.
        allow_imports: Modules or packages from which classes may be imported that the routine consists of.
        device: Where to compute: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, or a torch device.

    Returns:
        The routine, of the class that was saved.

    Raises:
        ModelFileError: If the files are damaged, are none of a saved routine, or are links.
        ValueError: If they are of a newer format, or need classes that may not be imported.
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
    return restore(_class_of(saved, _names(allow_imports)), saved, model, _names(allow_imports), device)


def read_saved(path: str | os.PathLike[str]) -> Saved:
    """Reads and checks a saved routine, and makes nothing of it yet.

    Raises:
        ModelFileError: If the files are damaged, or are none of a saved routine.
        ValueError: If they are of a newer format.
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
    """Makes a routine of a class of what was saved.

    Raises:
        ModelFileError: If what was saved contradicts itself.
        ValueError: If it needs classes that may not be imported.
    """
    try:
        return kind._from_saved(saved, model=model, allow_imports=_names(allow_imports), device=device)
    except ParaDimeError:
        raise
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(
            f"{saved.path}: a routine cannot be made of it ({type(error).__name__}: {str(error)[:200]}). It was "
            "written by other classes than those that are here."
        ) from error


def _class_of(saved: Saved, allow_imports: tuple[str, ...]) -> Any:
    place, _, name = saved.config.routine.partition(":")
    if place in PLACES:
        module = importlib.import_module(place)
        found = getattr(module, name, None) if name in module.__all__ else None
    else:
        if not any(saved.config.routine == a or f"{place}.".startswith(f"{a}.") for a in allow_imports):
            raise ValueError(
                f"{saved.path}: is {with_article(name)} of the module {place!r}, which may not be imported. Pass "
                f"allow_imports=[{place!r}], or use {name}.from_pretrained(…)."
            )
        try:
            found = getattr(importlib.import_module(place), name, None)
        except ImportError as error:
            raise ValueError(f"{saved.path}: {place!r} cannot be imported: {error}.") from error
    if not isinstance(found, type) or not hasattr(found, "_from_saved"):
        raise ModelFileError(f"{saved.path}: {saved.config.routine!r} is no routine.")
    return found


def _names(allowed: Iterable[str]) -> tuple[str, ...]:
    """One name is not a list of letters."""
    return (allowed,) if isinstance(allowed, str) else tuple(allowed)
