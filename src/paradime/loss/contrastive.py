"""The loss that tells neighbours from the other points of a batch."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import (
    info_nce_loss,
    info_nce_of_batch,
    log_noise_ratio,
    noise_contrastive_loss,
    noise_contrastive_of_batch,
    places_of_others,
)
from paradime.loss.base import BatchRelations, GlobalRelations, Trial, as_batch
from paradime.loss.embedding import EmbeddingLoss, check_choice, check_positive

__all__ = ["ContrastiveLoss"]

_KINDS = ("infonce", "nce", "negative sampling")
_SIMILARITIES = ("cauchy", "cosine")
_ATTRACTED = ("near", "mid")


@LOSSES.register("contrastive")
class ContrastiveLoss(EmbeddingLoss):
    """Tells the pairs of a batch from pairs of their first points with the ends of its other pairs.

    Works on the pairs with ``rel`` = 1 of any batch of pairs; those of :class:`~paradime.data.ContrastivePairs`
    suit it best. With the similarity q of two embedded points, (1 + d²)^(−1/τ) or exp(cos/τ), and m negatives
    a pair, a pair's loss is

    - −log(q₊/(q₊ + Σ q₋)) for ``"infonce"``,
    - −log(q₊/(q₊ + c)) − Σ log(c/(q₋ + c)) for the others, where c = Z m/(n(n − 1)): ``"nce"`` learns the
      normaliser Z, ``"negative sampling"`` keeps it fixed such that c = (100 m/(n − 1))^(1 − s), so that the
      spectrum s leads from t-SNE (0: Z = 100 n) to UMAP (1: the posterior is q/(q + 1)) and beyond. Where
      100 m < n, a larger s means more attraction.

    Args:
        kind: ``"infonce"``, ``"nce"`` or ``"negative sampling"``.
        n_negatives: The number m ≥ 1 of negatives of a pair, ends of other pairs of the batch, random as the
            batch's order is; all of them if ``None``, which costs b × 2b similarities for b pairs.
        temperature: τ > 0. Among distances, larger ones have heavier tails, which keep more neighbours of large
            data, but tear its map into many small islands.
        similarity: ``"cauchy"``, of distances, for embeddings in the plane; or ``"cosine"``, of directions.
        spectrum: s, any finite number; for negative sampling.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

    Attributes:
        log_normalizer: For ``"nce"``, log(Z/n), a parameter that is trained along; log 100 at first.

    Raises:
        ValueError: If an argument is out of range; before training, if the model's output has not one row a point.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023.

    Example:
        >>> [round(parameter.exp().item()) for parameter in ContrastiveLoss("nce").parameters()]
        [100]
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    log_normalizer: torch.nn.Parameter | None

    def __init__(
        self,
        kind: Literal["infonce", "nce", "negative sampling"] = "infonce",
        n_negatives: int | None = None,
        temperature: float = 1.0,
        similarity: Literal["cauchy", "cosine"] = "cauchy",
        spectrum: float = 1.0,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind", kind, _KINDS)
        check_choice("similarity", similarity, _SIMILARITIES)
        check_positive("temperature", temperature)
        count: Any = n_negatives
        if count is not None and (not isinstance(count, numbers.Integral) or int(count) < 1):
            raise ValueError(
                f"n_negatives must be an integer of at least 1, or None for all of the batch, got {n_negatives!r}."
            )
        if not math.isfinite(spectrum):
            raise ValueError(f"spectrum must be a finite number, 0 for t-SNE, 1 for UMAP, got {spectrum!r}.")
        self.kind = kind
        self.n_negatives = n_negatives
        self.temperature = temperature
        self.similarity = similarity
        self.spectrum = spectrum
        learned = torch.nn.Parameter(torch.tensor(math.log(100))) if kind == "nce" else None
        self.register_parameter("log_normalizer", learned)
        self._n_points: int | None = None

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        batch = as_batch(batch)
        ends = batch.encode_pairs(model, self.embedding_method, self.data_key, device, kinds=_ATTRACTED).flatten(3)
        ids = batch.pick_pairs(torch.stack((batch["row"], batch["col"])), _ATTRACTED).to(device)
        # all pairs of a first point have it as their first end
        points = ends[0, :, 0], ends[1], ids[0, :, 0], ids[1]
        b, k = ids.shape[1:]
        n_others = (b - 1) * (1 + k)
        m = n_others if self.n_negatives is None else min(self.n_negatives, n_others)
        if m == n_others and self.similarity == "cauchy":
            if self.kind == "infonce":
                return info_nce_of_batch(*points, self.temperature)
            if self.temperature == 1:
                return noise_contrastive_of_batch(*points, self._log_noise(m, ends))
        positives = self._log_similarities(points[0], points[1]) / self.temperature
        negatives = self._log_negatives(*points, m)[:, None].expand(-1, k, -1) / self.temperature
        if self.kind == "infonce":
            return info_nce_loss(positives, negatives)
        return noise_contrastive_loss(positives, negatives, self._log_noise(m, ends))

    def _log_similarities(self, anchors: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Returns τ log q between points, shape (b, d), and others of each, shape (b, m, d) or (p, d) for all."""
        if self.similarity == "cosine":
            anchors, others = (torch.nn.functional.normalize(part, dim=-1) for part in (anchors, others))
            return anchors @ others.T if others.ndim == 2 else (others @ anchors[:, :, None]).squeeze(2)
        return -(anchors[:, None] - others).square().sum(dim=2).log1p()

    def _log_negatives(
        self,
        anchors: torch.Tensor,
        neighbors: torch.Tensor,
        ids: torch.Tensor,
        neighbor_ids: torch.Tensor,
        n_negatives: int,
    ) -> torch.Tensor:
        """Returns τ log q between points and ends of the others' pairs, −∞ for those that are left out."""
        b, n_ends = len(anchors), 1 + neighbors.shape[1]
        others = torch.cat((anchors[:, None], neighbors), dim=1).flatten(0, 1)
        other_ids = torch.cat((ids[:, None], neighbor_ids), dim=1).flatten()
        if n_negatives == (b - 1) * n_ends:
            owners = torch.arange(b, device=ids.device)
            hidden = (other_ids == ids[:, None]) | (owners.repeat_interleave(n_ends) == owners[:, None])
        else:
            places = places_of_others(b, n_ends, n_negatives, ids.device)
            others = others.index_select(0, places.flatten()).view(*places.shape, -1)
            hidden = other_ids[places] == ids[:, None]
        # a first point may be an end of another pair, too, and is not its own negative
        return self._log_similarities(anchors, others).masked_fill(hidden, -torch.inf)

    def _log_noise(self, n_negatives: int, ends: torch.Tensor) -> torch.Tensor:
        n_points = self._n_points or ends[..., 0].numel()
        if self.log_normalizer is None:
            # filled in where it is needed: a number that is copied to a device is waited for
            return ends.new_full((), log_noise_ratio(self.spectrum, n_negatives, n_points))
        return self.log_normalizer + math.log(max(n_negatives, 1) / max(n_points - 1, 1))

    def needs(self, batch_relations: BatchRelations) -> str:
        return "pairs"

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._n_points = len(trial.dataset)
