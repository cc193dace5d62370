"""The loss that distinguishes neighbours from the other points of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

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
from paradime.loss.embedding import EmbeddingLoss
from paradime.utils.arguments import check_choice, check_integer, check_positive

__all__ = ["ContrastiveLoss"]

_KINDS = ("infonce", "nce", "negative sampling")
_SIMILARITIES = ("cauchy", "cosine")
_ATTRACTED = ("near", "mid")


@LOSSES.register("contrastive")
class ContrastiveLoss(EmbeddingLoss):
    """Distinguishes the pairs of a batch from negatives: pairs of their first points with ends of other pairs.

    It uses the pairs with ``rel`` = 1 of any batch of pairs, preferably of
    :class:`~paradime.data.ContrastivePairs`. With the similarity q of two embedded points, (1 + d²)^(−1/τ) or
    exp(cos/τ), and m negatives per pair, the loss of a pair is

    - −log(q₊/(q₊ + Σ q₋)) for ``"infonce"``,
    - −log(q₊/(q₊ + c)) − Σ log(c/(q₋ + c)) for the other kinds, where c = Z m/(n(n − 1)). ``"nce"`` learns the
      normaliser Z. For ``"negative sampling"``, it is constant such that c = (100 m/(n − 1))^(1 − s), and the
      spectrum s ranges from t-SNE (0: Z = 100 n) to UMAP (1: the posterior is q/(q + 1)) and beyond. If 100 m <
      n, a larger s increases the attraction.

    Args:
        kind: ``"infonce"``, ``"nce"`` or ``"negative sampling"``.
        n_negatives: The number m ≥ 1 of negatives per pair, chosen among the ends of other pairs by the random
            order of the batch; all of them if ``None``, with b × 2b similarities for b pairs.
        temperature: τ > 0. For distances, larger values have heavier tails, which preserve more neighbours of
            large data, but split the embedding into many small islands.
        similarity: ``"cauchy"`` for distances, suited to two dimensions; ``"cosine"`` for directions.
        spectrum: s, any finite number, for negative sampling.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Attributes:
        log_normalizer: For ``"nce"``, log(Z/n), a trained parameter with initial value log 100.

    Raises:
        ValueError: If an argument is out of range; before training, if the model's output does not have one row
            per point.

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
        if n_negatives is not None:
            check_integer("n_negatives", n_negatives, also=", or None for all of the batch")
        if not math.isfinite(spectrum):
            raise ValueError(f"spectrum must be a finite number, 0 for t-SNE, 1 for UMAP, got {spectrum!r}.")
        self.kind = kind
        self.n_negatives = n_negatives
        self.temperature = temperature
        self.similarity = similarity
        self.spectrum = spectrum
        log_normalizer = torch.nn.Parameter(torch.tensor(math.log(100))) if kind == "nce" else None
        self.register_parameter("log_normalizer", log_normalizer)
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
        # the first end of all pairs of a point is this point
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
        """Returns τ log q between points, shape (b, d), and others: (b, m, d) of each, or (p, d) of all."""
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
        """Returns τ log q between points and ends of other pairs; −∞ for excluded ones."""
        b, n_ends = len(anchors), 1 + neighbors.shape[1]
        others = torch.cat((anchors[:, None], neighbors), dim=1).flatten(0, 1)
        other_ids = torch.cat((ids[:, None], neighbor_ids), dim=1).flatten()
        if n_negatives == (b - 1) * n_ends:
            owners = torch.arange(b, device=ids.device)
            excluded = (other_ids == ids[:, None]) | (owners.repeat_interleave(n_ends) == owners[:, None])
        else:
            indices = places_of_others(b, n_ends, n_negatives, ids.device)
            others = others.index_select(0, indices.flatten()).view(*indices.shape, -1)
            excluded = other_ids[indices] == ids[:, None]
        # a first point may also be an end of another pair, but is not its own negative
        return self._log_similarities(anchors, others).masked_fill(excluded, -torch.inf)

    def _log_noise(self, n_negatives: int, ends: torch.Tensor) -> torch.Tensor:
        n_points = self._n_points or ends[..., 0].numel()
        if self.log_normalizer is None:
            # created on the device, since a copy would wait for the device
            return ends.new_full((), log_noise_ratio(self.spectrum, n_negatives, n_points))
        return self.log_normalizer + math.log(max(n_negatives, 1) / max(n_points - 1, 1))

    def needs(self, batch_relations: BatchRelations) -> str:
        return "pairs"

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._n_points = len(trial.dataset)
