"""Losses of distances: stress, and their correlation with distances in the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch, Dataset
from paradime.data.columns import power_of
from paradime.functional import (
    STRESS_WEIGHTINGS,
    condensed_distances,
    condensed_of_square,
    data_distances,
    magnitude,
    paired_distances,
    pearson,
    weighted_stress,
)
from paradime.loss.base import BatchRelations, GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_relations, sample_of_rows, typical_length
from paradime.types import BinaryTensorFun
from paradime.utils.arguments import check_choice, check_integer

__all__ = ["GlobalStructureLoss", "StressLoss", "batch_distances", "check_metric", "try_distances"]

_TRANSLATION_INVARIANT = ("euclidean", "sqeuclidean", "manhattan", "chebyshev")


def batch_distances(
    batch: Mapping[str, torch.Tensor], data_key: str, metric: str | BinaryTensorFun, like: torch.Tensor
) -> torch.Tensor:
    """Returns the condensed distances between rows of an entry, on the device and in the type of ``like``."""
    rows = batch[data_key]
    if rows.dtype == torch.float64 and metric in _TRANSLATION_INVARIANT:
        # before the conversion: far from zero, float32 would not distinguish rows
        rows = rows - rows[0]
    elif rows.dtype == torch.float64:
        rows = rows.to(like.device)
        return data_distances(rows.flatten(1) if rows.ndim > 1 else rows[:, None], metric).to(like.dtype)
    rows = rows.to(device=like.device, dtype=like.dtype)
    return data_distances(rows.flatten(1) if rows.ndim > 1 else rows[:, None], metric)


def try_distances(trial: Trial, data_key: str, metric: str | BinaryTensorFun) -> None:
    """Computes distances of two rows, and warns if few columns dominate the distances.

    Raises:
        RuntimeError: If the metric does not support these rows.
    """
    batch_distances(trial.batch, data_key, metric, torch.empty(0, device=trial.device))
    trial.dataset.check_scales(data_key, power_of(metric))


def check_metric(metric: str | BinaryTensorFun) -> None:
    """Raises ValueError if a metric's name is unknown."""
    if isinstance(metric, str):
        paired_distances(torch.ones(1, 1), torch.ones(1, 1), metric=metric)


@LOSSES.register("stress")
class StressLoss(EmbeddingLoss):
    """Preserves the distances of the data: metric multidimensional scaling.

    With distances d in the embedding and δ in the data, the loss is Σ w(d − δ)² / Σ w δ² over all pairs of the
    batch. The distances of the data are computed per batch, so that memory does not grow with the square of the
    number of points.

    Args:
        metric: The distance between rows of data: ``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``,
            ``"chebyshev"``, ``"cosine"``, or a function of two (m, d) tensors that returns m distances.
        weighting: w = 1 (``"none"``), 1/δ (``"sammon"``) or 1/δ² (``"elastic"``, which weights relative errors
            equally).
        normalize: Whether to divide by Σ w δ²; otherwise the loss is the mean of w(d − δ)².
        data_key: The entry to embed.
        relation_key: The key of global relations that contain δ. They must be symmetric and store all pairs, since
            pairs that are not stored have distance 0. By default, δ is computed from the data.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If ``metric`` or ``weighting`` is unknown.
        RelationsNotComputedError: Before training, if these relations do not exist.

    Source: Kruskal, "Multidimensional scaling by optimizing goodness of fit", 1964; Sammon, "A nonlinear mapping
        for data structure analysis", 1969.

    Example:
        >>> class Halved(torch.nn.Module):
        ...     def forward(self, X):
        ...         return X / 2
        >>> StressLoss()(Halved(), {}, {}, {"main": torch.eye(3)}, torch.device("cpu"))
        tensor(0.2500)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "rels": ("relation_key",),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        metric: str | BinaryTensorFun = "euclidean",
        weighting: Literal["none", "sammon", "elastic"] = "none",
        normalize: bool = True,
        data_key: str = "main",
        relation_key: str | None = None,
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_metric(metric)
        check_choice("weighting", weighting, STRESS_WEIGHTINGS)
        self.metric = metric
        self.weighting = weighting
        self.normalize = normalize
        self.relation_key = relation_key

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        if self.relation_key is None:
            data_dists = batch_distances(batch, self.data_key, self.metric, embedded)
        else:
            block = global_relations[self.relation_key].sub(batch["indices"])
            data_dists = condensed_of_square(block.to(embedded.device, embedded.dtype))
        if not self.normalize:
            return weighted_stress(
                condensed_distances(embedded), data_dists, weighting=self.weighting, normalize=False
            )
        # in a unit in which sums of squares are within the range of the type; the stress has no unit
        unit = magnitude(data_dists)
        return weighted_stress(condensed_distances(embedded / unit), data_dists / unit, weighting=self.weighting)

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        sample = sample_of_rows(dataset)
        if self.relation_key is None:
            data_dists = batch_distances(dataset.rows(sample), self.data_key, self.metric, torch.empty(0))
        else:
            data_dists = condensed_of_square(global_relations[self.relation_key].sub(sample).cpu())
        if not bool(data_dists.isfinite().all()):
            raise ValueError(
                f"loss {self.name!r}: distances between rows of {dataset.title(self.data_key)} must lie within "
                f"single precision, up to 3.4e+38, got larger ones (metric {self.metric!r}). Rescale the columns."
            )
        return typical_length(data_dists)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        if self.relation_key is not None:
            check_relations(self, trial, self.relation_key)
        else:
            try_distances(trial, self.data_key, self.metric)


@LOSSES.register("global structure")
class GlobalStructureLoss(EmbeddingLoss):
    """Correlates distances in the embedding with distances in the data, whatever their scale.

    The loss is 1 − Pearson's correlation over pairs of the batch. In combination with a loss of neighbourhoods, it
    determines the arrangement of clusters.

    Args:
        metric: The distance between rows of data, see :class:`~paradime.loss.StressLoss`.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        n_points: The largest number of points of the batch to compare, evenly spaced in it, at least 3; all if
            ``None``. A hundred suffice to estimate the correlation at a negligible cost.
        name: The name of the loss in histories.

    Raises:
        ValueError: If the metric is unknown, or ``n_points`` is less than 3.

    Source: Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", 2019, for the correlation
        of distances as a measure of global structure.

    Example:
        >>> rows = torch.tensor([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
        >>> GlobalStructureLoss()(torch.nn.Identity(), {}, {}, {"main": rows}, torch.device("cpu")) < 1e-6
        tensor(True)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        metric: str | BinaryTensorFun = "euclidean",
        data_key: str = "main",
        embedding_method: str = "embed",
        n_points: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_metric(metric)
        if n_points is not None:
            check_integer("n_points", n_points, 3, also=", or None for all of the batch")
        self.metric = metric
        self.n_points = n_points

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        rows: Mapping[str, torch.Tensor] = batch
        if self.n_points is not None and len(embedded) > self.n_points:
            selected = torch.arange(self.n_points, device=embedded.device) * len(embedded) // self.n_points
            embedded = embedded.index_select(0, selected)
            entry = batch[self.data_key]
            rows = {self.data_key: entry.index_select(0, selected.to(entry.device))}
        distances = batch_distances(rows, self.data_key, self.metric, embedded)
        return 1 - pearson(condensed_distances(embedded), distances)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        try_distances(trial, self.data_key, self.metric)
