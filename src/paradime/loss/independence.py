"""The loss that removes an attribute from the embedding."""

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
    """Makes the embedding independent of an attribute, such as the experiment in which points were measured.

    Integers and booleans are categories. Pass floating-point numbers if distances between values have a meaning.

    Args:
        attribute: An entry with one number per point, or a column of ``data_key``, by name or number.
        kind: ``"hsic"`` for any dependence: the normalised Hilbert-Schmidt independence criterion, in [0, 1], of
            Gaussian kernels with the median distance as bandwidth (of equality for categories). ``"correlation"``
            for linear dependence, which is faster: the mean squared correlation of the axes with the attribute or
            with the indicator of each category.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If ``kind`` is unknown; before training, if the attribute does not exist.

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
        kernel = gaussian_kernel(column[:, None]) if column.is_floating_point() else column[:, None] == column
        return centered_alignment(gaussian_kernel(embedded), kernel.to(embedded.dtype))

    def _indicators(self, column: torch.Tensor) -> torch.Tensor:
        if column.is_floating_point():
            return column[:, None]
        # without check_setup, only the categories of the batch are known
        categories = torch.unique(column) if self._categories is None else self._categories
        return column[:, None] == categories.to(column.device)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._attribute.resolve(trial.dataset)
        column = self._attribute.column(trial.dataset)
        self._categories = None if column.is_floating_point() else torch.unique(column)
