"""The loss that takes an attribute out of the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import centered_alignment, gaussian_kernel, standardized
from paradime.loss.attributes import Attribute
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_choice

__all__ = ["IndependenceLoss"]


@LOSSES.register("independence")
class IndependenceLoss(EmbeddingLoss):
    """Lets the embedding say nothing about an attribute, such as the batch in which points were measured.

    An attribute of integers or booleans is a category; pass floating-point numbers where distances between values
    mean something.

    Args:
        attribute: An entry with one number a point, or a column of ``data_key``, by name or number.
        kind: ``"hsic"`` for dependence of any form: the normalised Hilbert-Schmidt independence criterion, in
            [0, 1], of Gaussian kernels with the median distance as bandwidth (equality, for categories).
            ``"correlation"`` for linear dependence only, and cheaper: the mean squared correlation of the axes
            with the attribute, or with each category's indicator.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Raises:
        ValueError: If ``kind`` is unknown; before training, if there is no such attribute.

    Source: Gretton et al., "Measuring statistical dependence with Hilbert-Schmidt norms", 2005; Cortes, Mohri,
        Rostamizadeh, "Algorithms for learning kernels based on centered alignment", 2012, for the normalisation.

    Example:
        >>> rows = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> loss = IndependenceLoss("batch", kind="correlation")
        >>> entries = {"main": rows, "batch": torch.tensor([0, 0, 1, 1])}
        >>> loss(torch.nn.Identity(), {}, {}, entries, torch.device("cpu"))
        tensor(0.5000)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "attribute"),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        attribute: str | int,
        kind: Literal["hsic", "correlation"] = "hsic",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind", kind, ("hsic", "correlation"))
        self.attribute = attribute
        self.kind = kind
        self._attribute = Attribute(attribute, data_key)
        self._categories: torch.Tensor | None = None

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        column = self._attribute.column(batch).to(embedded.device)
        if self.kind == "correlation":
            correlations = standardized(embedded).T @ standardized(self._indicators(column).to(embedded.dtype))
            return correlations.square().mean()
        of_column = gaussian_kernel(column[:, None]) if column.is_floating_point() else column[:, None] == column
        return centered_alignment(gaussian_kernel(embedded), of_column.to(embedded.dtype))

    def _indicators(self, column: torch.Tensor) -> torch.Tensor:
        if column.is_floating_point():
            return column[:, None]
        # without a check before training, only the batch tells which categories there are
        categories = torch.unique(column) if self._categories is None else self._categories
        return column[:, None] == categories.to(column.device)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._attribute.resolve(trial.dataset)
        column = self._attribute.column(trial.dataset)
        self._categories = None if column.is_floating_point() else torch.unique(column)
