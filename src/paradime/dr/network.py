"""The model of a routine: given, or made of a recipe once the shape of the rows is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch

from paradime.constraints import Constraint
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.models import (
    CenterModel,
    Completable,
    EmbeddingModel,
    FullyConnectedDecoder,
    ModelRecipe,
    Preparable,
    PrototypeModel,
    Standardized,
    centers_rows,
    wants_standardization,
)
from paradime.models._options import named_options
from paradime.models.scaling import Contrast
from paradime.utils.rows import Rows, rows_of
from paradime.utils.seed import seeded

__all__ = ["Network", "n_outputs"]

_SAMPLE_ELEMENTS = 1 << 25  # of the sparse rows that are converted to dense ones


class Network:
    """The model, or how it is made.

    Args:
        given: A model, a recipe, or ``None`` for the default recipe.
        default: The recipe that is used where none is given.
        in_dim: Number of columns of the data, if it is known beforehand.
        seed: Seed of the initial weights, and of what a model draws to prepare itself.
        standardize: Whether a model that is made standardises rows, if its recipe does not say; ``"auto"`` where
            :func:`~paradime.models.wants_standardization` says so of the rows.
        owner: The name of the routine, for messages.

    Attributes:
        model: The model; ``None`` as long as it is not made.
        recipe: How it is made; ``None`` if it was given.
        row_shape: The shape of a row, as far as it is known.
    """

    def __init__(
        self,
        given: torch.nn.Module | ModelRecipe | None,
        default: ModelRecipe,
        *,
        in_dim: int | None = None,
        seed: int | None = None,
        standardize: bool | Literal["auto"] = "auto",
        owner: str = "the routine",
    ) -> None:
        self.model: torch.nn.Module | None = given if isinstance(given, torch.nn.Module) else None
        self.recipe: ModelRecipe | None = None
        if not isinstance(given, torch.nn.Module):
            self.recipe = default if given is None else given
        self._is_default = given is None
        self._seed = seed
        self._standardize = standardize
        self._owner = owner
        self.row_shape: tuple[int, ...] | None = None if in_dim is None else (in_dim,)
        self._is_prepared = False
        self._completes = self.recipe is not None  # a user's prepared model is not completed
        self._has_unit = self.recipe is None  # a user's model keeps its own unit
        self._outputs: tuple[Mapping[str, Any], ...] = ()
        if self.recipe is not None and self.row_shape is not None and _needs_no_data(self.recipe):
            self._make(self.row_shape)

    def require(
        self,
        rows: torch.Tensor | Rows,
        title: str,
        n_classes: int | None,
    ) -> torch.nn.Module:
        """Returns the model for some rows, with everything decided; :meth:`prepare` comes next.

        Args:
            rows: The entry of the data that is embedded, shape (n, …).
            title: What messages call it.
            n_classes: How many outputs the model's head needs, if it has one.

        Raises:
            ValueError: If the model was made for rows of another shape, or is made for rows of features.
        """
        shape = tuple(rows.shape[1:])
        if self.recipe is not None:
            if self._is_default and len(shape) != 1:
                raise ValueError(
                    f"Expected 2D array for {title}, got shape {tuple(rows.shape)}. The default model is for "
                    "rows of features; pass a model that fits, or flatten the data."
                )
            if self.row_shape not in (None, shape):
                self._refuse(shape)
            if self.model is None:
                self._make(shape, n_classes, len(rows))
            if not self._is_prepared:
                self._decide(rows)
        assert self.model is not None
        return self.model

    def satisfy(self, constraints: Sequence[Constraint], dataset: Dataset) -> None:
        """Lets the network satisfy constraints exactly; called before :meth:`require`.

        Args:
            constraints: The exact ones.
            dataset: The training rows.

        Raises:
            UnsupportedConfigurationError: If the model is not made by the routine, or is trained with others.
        """
        n_present = len(_outputs_of(self.model))
        if self._is_prepared and len(constraints) != n_present:
            raise UnsupportedConfigurationError(
                f"constraints with exact=True are part of the network, and that of this {self._owner} is trained "
                f"with {n_present} of them, got {len(constraints)}. Call fit(X), which trains it from the start."
            )
        if self._is_prepared or not (constraints or n_present):
            return
        if self.recipe is None or "outputs" not in named_options(self.recipe.model_type):
            name = type(self.model).__name__ if self.recipe is None else self.recipe.model_type.__name__
            raise UnsupportedConfigurationError(
                f"constraints with exact=True are layers of a network that {self._owner} makes, and its model is "
                f"{name}. Leave model out, or exact."
            )
        self._outputs = tuple(constraint.output(dataset) for constraint in constraints)
        self.model = None  # one that was made of the number of columns alone is made anew

    def _decide(self, rows: torch.Tensor | Rows) -> None:
        """Decides whether the parts of a model that was made standardise rows, where its recipe does not say."""
        open_parts = [
            part for part in _parts(self.model) if isinstance(part, Standardized) and part.standardize is None
        ]
        if open_parts:
            chosen = self._standardize
            if isinstance(self.model, EmbeddingModel) and self.model.encoder not in open_parts:
                chosen = centers_rows(self.model.encoder)  # the decoder standardises where the encoder does
            elif chosen == "auto":
                chosen = wants_standardization(rows)
            for part in open_parts:
                part.decide_standardize(chosen)
        decoder = getattr(self.model, "decoder", None)
        if isinstance(decoder, FullyConnectedDecoder) and decoder.scaling is None:
            decoder.start_at(rows.to(torch.float32).mean(dim=0))

    def take_unit(self, distance: float | None) -> None:
        """Gives a model that was made, and that centres rows, the unit of its embedding, if nobody has said it.

        Args:
            distance: The root mean square of the distances that the embedding is to have; ``None`` leaves the unit
                to the layers.
        """
        encoder = self.model.encoder if isinstance(self.model, EmbeddingModel) else self.model
        wanted = not self._has_unit and distance is not None and centers_rows(encoder)
        self._has_unit = True
        if wanted and getattr(encoder, "unit", 1.0) is None:
            # the typical distance of positions with unit variance in each dimension
            encoder.unit = distance / math.sqrt(2 * encoder.out_dim)  # type: ignore[union-attr, operator]

    def restore(self, model: torch.nn.Module, row_shape: tuple[int, ...]) -> None:
        """Takes a model that was trained on rows of a shape, and is prepared."""
        self.model, self.row_shape, self._is_prepared, self._has_unit = model, row_shape, True, True

    def hold(self, rows: torch.Tensor | Rows, positions: torch.Tensor) -> bool:
        """Replaces an encoder that was made by one that holds the positions of rows; returns whether it did.

        Args:
            rows: Rows, shape (n, …), in the precision in which models centre them.
            positions: Their positions, shape (n, d).
        """
        encoder = self.model.encoder if isinstance(self.model, EmbeddingModel) else self.model
        if self.recipe is None or type(encoder) not in (CenterModel, PrototypeModel):
            return False
        generator = torch.Generator().manual_seed(self._seed or 0)  # several processes draw the same rows
        made = PrototypeModel.holding(encoder, rows, positions, generator)  # type: ignore[arg-type]
        if type(encoder) is PrototypeModel and len(encoder.prototypes) == len(made.prototypes):
            encoder.load_state_dict(made.state_dict())  # a model that goes on stays the same object
            encoder.unit = made.unit
        elif isinstance(self.model, EmbeddingModel):
            self.model.encoder = made
        else:
            self.model = made
        return True

    def prepare(
        self,
        rows: torch.Tensor | Rows,
        source: torch.Tensor | Rows | None = None,
        contrast: Contrast | None = None,
    ) -> None:
        """Prepares the model for some rows if it asks for that; once prepared, only columns without a scale.

        Args:
            rows: The entry of the data that is embedded, shape (n, …), as the model gets it.
            source: The same rows for models that centre them, in the precision that this needs.
            contrast: A linear map that rows go through first, in models that take one.
        """
        source = rows if source is None else source
        for part in _parts(self.model):
            generator = None if self._seed is None else torch.Generator().manual_seed(self._seed)
            if not self._is_prepared and isinstance(part, Preparable) and not part.prepared:
                readable = _readable(source if centers_rows(part) else rows, part)
                if contrast is not None and getattr(part, "prepares_contrast", False):
                    part.prepare(readable, generator, contrast)  # type: ignore[call-arg]
                else:
                    part.prepare(readable, generator)
                self._completes = True
            elif self._completes and isinstance(part, Completable) and part.prepared:
                part.complete(_readable(source, part), generator)
        self._is_prepared = True

    def _make(self, shape: tuple[int, ...], n_classes: int | None = None, n_rows: int | None = None) -> None:
        assert self.recipe is not None
        self.row_shape = shape
        recipe = self.recipe
        if self._outputs:
            recipe = dataclasses.replace(recipe, options={**(recipe.options or {}), "outputs": self._outputs})
        with seeded(self._seed):
            self.model = recipe.make(shape, n_classes=n_classes, n_rows=n_rows)

    def _refuse(self, shape: tuple[int, ...]) -> None:
        expected = self.row_shape or ()
        # a network that was made for data keeps its shape
        remedy = "Call fit(X), which starts afresh, or train another routine." if self._is_prepared else ""
        if len(shape) == len(expected) == 1:
            raise ValueError(
                f"X has {shape[0]} features, but {self._owner} is expecting {expected[0]}. "
                f"{remedy or f'Set in_dim={shape[0]}.'}"
            )
        raise ValueError(
            f"X has rows of shape {shape}, but {self._owner} is expecting {expected}. {remedy}".strip()
        )


def _outputs_of(model: torch.nn.Module | None) -> Sequence[Mapping[str, Any]]:
    """Returns the descriptions of the conditions that the positions of a model satisfy."""
    return getattr(getattr(model, "encoder", model), "outputs", ())


def _parts(model: torch.nn.Module | None) -> list[torch.nn.Module]:
    """The parts of a model that may be prepared."""
    if isinstance(model, EmbeddingModel):
        return [part for part in (model.encoder, model.decoder) if part is not None]
    return [] if model is None else [model]


def _readable(rows: Any, encoder: object) -> Any:
    """Returns the rows as a model prepares itself with: a tensor, unless it knows rows of other forms."""
    if rows_of(rows).in_memory or getattr(encoder, "prepares_sparse", False):
        return rows
    n = min(len(rows), max(1, _SAMPLE_ELEMENTS // rows.shape[1]))
    return rows[torch.linspace(0, len(rows) - 1, n).long()]


def _needs_no_data(recipe: ModelRecipe) -> bool:
    """Whether the width of the rows is all that a model is made of: neither their number nor their classes."""
    knows_classes = not recipe.classifier or (recipe.classifier is not True and "n_classes" in recipe.classifier)
    return knows_classes and not recipe.needs_n_rows


def n_outputs(losses: Iterable[Loss], dataset: Dataset) -> int | None:
    """Returns how many outputs the losses need of the model's head, or ``None`` if none of them says."""
    wanted: list[Any] = [loss.n_outputs(dataset) for loss in losses]
    return max((number for number in wanted if number is not None), default=None)
