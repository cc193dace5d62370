"""Use of a trained model on points."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from paradime.constraints import Adherence
from paradime.data import Dataset
from paradime.dr.components import Components
from paradime.dr.fitted import FittedState
from paradime.dr.inputs import as_dataset, entry_of
from paradime.exceptions import UnsupportedConfigurationError
from paradime.metrics import trustworthiness
from paradime.models import EmbeddingModel, Model, ModelRecipe
from paradime.training import apply_in_chunks
from paradime.types import Data
from paradime.utils.arguments import check_switch

__all__ = [
    "MissingPartError",
    "PartMethod",
    "UnknownAttributeError",
    "adherence_of",
    "apply_model",
    "has_part",
    "needs_part",
    "score_of",
]

_EMBEDDING = (None, "forward", "embed")  # the methods whose result is the map
_SCORED_ROWS, _SCORED_NEIGHBORS = 2000, 15
_PART_OF = {"decode": "decoder", "classify": "classifier"}


class MissingPartError(UnsupportedConfigurationError, NotImplementedError, AttributeError):
    """The model has no decoder or no classifier; to ``hasattr`` the method that needs it is not there."""


class PartMethod:
    """A method that is an attribute only of routines whose model has a part.

    scikit-learn asks by ``hasattr`` what an estimator can do. Its own ``available_if`` raises an error that says
    neither why the method is missing nor what to do.

    Args:
        function: The method.
        needed: The model's method that it calls, ``"decode"`` or ``"classify"``.
    """

    def __init__(self, function: Callable[..., Any], needed: str) -> None:
        self.function = function
        self.needed = needed
        self.__doc__ = function.__doc__

    def __get__(self, routine: Any, owner: type) -> Any:
        if routine is None:
            return self.function
        if not has_part(routine, self.needed):
            name, part = type(routine).__name__, _PART_OF[self.needed]
            takes_part = part in routine._get_param_names()
            remedy = f"{name}({part}=True)" if takes_part else f"{name}(ModelRecipe({part}=True), …)"
            raise MissingPartError(
                f"this {name} has no {self.function.__name__}: its model has no {part}. "
                f"Fit {remedy}, which has one."
            )
        return types.MethodType(self.function, routine)


def needs_part(needed: str) -> Callable[[Callable[..., Any]], Any]:
    """Makes a method one that is there only if the model has its method ``needed``; see :class:`PartMethod`."""
    return lambda function: PartMethod(function, needed)


def has_part(routine: Any, needed: str) -> bool:
    """Whether the model of a routine, or the one it will get, has a method.

    Args:
        routine: The routine. Components that are not made yet stay so.
        needed: ``"decode"`` or ``"classify"``.
    """
    components = routine._made_components
    given = routine._stored.get("model")
    model = given if components is None or components.model is None else components.model
    if isinstance(model, torch.nn.Module):
        return _can(model, needed)
    part = _PART_OF[needed]
    if isinstance(model, ModelRecipe):
        return bool(getattr(model, part)) or _type_can(model.model_type, needed)
    return bool(routine._stored.get(part, False)) or part in type(routine).own_parts


def _can(model: torch.nn.Module, method: str) -> bool:
    if isinstance(model, EmbeddingModel) and getattr(type(model), method) is getattr(EmbeddingModel, method):
        return getattr(model, _PART_OF[method]) is not None or _type_can(type(model.encoder), method)
    found = getattr(model, method, None)  # a method of the class, or a function that was set on the instance
    return getattr(found, "__func__", found) not in (None, getattr(Model, method))


def _type_can(model_type: type, method: str) -> bool:
    return getattr(model_type, method, None) not in (None, getattr(Model, method))


class UnknownAttributeError(UnsupportedConfigurationError, AttributeError):
    """A routine of this kind has no such attribute; to ``hasattr`` it is not there."""


def apply_model(
    blocks: Components,
    X: Any,
    method: str | None,
    fitted: FittedState,
    *,
    owner: str,
    single: bool = False,
    gradients: bool = False,
    refine: bool = True,
) -> torch.Tensor:
    """Applies the model to points in chunks.

    Args:
        blocks: The components, with a model.
        X: Points, shape (m, …), or one of them if ``single``.
        method: The name of a method of the model; the model itself is called if ``None``.
        fitted: What is known of the rows that it takes.
        owner: The name of the routine, for messages.
        single: Whether a single point may be given.
        gradients: Whether the result is differentiable.
        refine: Whether rows are embedded in the refined map, if there is one, in place of the network's.
    """
    assert blocks.model is not None
    check_switch("refine", refine)
    is_refined = refine and fitted.refined is not None and method in _EMBEDDING
    return apply_in_chunks(
        blocks.model,
        X,
        method=method,
        device=blocks.device,
        row_shape=fitted.row_shape,
        owner=owner,
        single=single,
        gradients=gradients,
        place=fitted.refined.place if is_refined and fitted.refined is not None else None,
    )


def score_of(X: Any, key: str, embed: Callable[[Any], torch.Tensor]) -> float:
    """Returns the trustworthiness of the embedding of rows, or of 2,000 of them.

    Args:
        X: Points, shape (m, …), or named entries.
        key: The entry that is embedded.
        embed: Embeds ``X``, shape (m, out_dim).

    Raises:
        TypeError: If they are no array of numbers.
        ValueError: If there are fewer than 3 points.
    """
    rows = entry_of(X, key)
    embedded = embed(X)
    n_rows = len(embedded)
    if n_rows < 3:
        raise ValueError(f"score needs at least 3 rows, which have neighbours to compare, got {n_rows}.")
    dataset = Dataset({"rows": rows})
    chosen = np.arange(n_rows)
    if n_rows > _SCORED_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(n_rows, _SCORED_ROWS, replace=False))
    points = dataset.source("rows")[torch.from_numpy(chosen)].flatten(1)
    n_neighbors = min(_SCORED_NEIGHBORS, (len(chosen) - 1) // 2)
    return float(trustworthiness(points, embedded[torch.from_numpy(chosen)], n_neighbors=n_neighbors))


def adherence_of(routine: Any, X: Data | None, y: Any, only: str | None = None) -> dict[str, Adherence]:
    """Measures how far rows adhere to the constraints of a trained routine; see ``ParametricDR.adherence``.

    Args:
        routine: The routine.
        X: Rows, or a dict of named entries; the training rows if ``None``.
        y: Their targets.
        only: The key of the only constraint to measure; all if ``None``.
    """
    blocks, targets = routine._components, routine._fitted.targets
    if X is None:
        dataset, positions = blocks.workspace.require_dataset(), routine.embedding_
    else:
        dataset, positions = as_dataset(X, routine.data_key), routine._apply(X, "embed")
        if y is not None and targets is not None:
            dataset.add({"labels": targets.encode(y, n=len(dataset))})
    wide = torch.as_tensor(positions).to("cpu", torch.float64)
    chosen = {key: one for key, one in blocks.constraints().items() if only in (None, key)}
    found = {key: constraint.adherence(wide, dataset) for key, constraint in chosen.items()}
    return {key: adherence for key, adherence in found.items() if adherence is not None}
